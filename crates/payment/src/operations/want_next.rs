//! Another plan when the paid term ends: written down now, in force by itself at that moment when it is free, or once its
//! first term is paid. What debits by itself stops, since it would debit for the plan that ends.

use tollgate_kernel::ids::UserId;
use tollgate_storage::idempotency::Request;

use super::agreement::{calls, reach};
use super::checkout::{CheckoutError, one_person};
use super::current_subscription::entitled;
use super::left::as_bought;
use super::tell::Why;
use super::{Answered, TRIES, moved_on, tell};
use crate::PaymentService;
use crate::model::plan::Plan;
use crate::model::subscription::{Subscription, SubscriptionEvent};
use crate::shapes::CheckoutShape;
use crate::store::{agreements, free_grants, subscriptions};

impl PaymentService {
    pub(super) async fn want_next(
        &self,
        user: UserId,
        plan: &Plan,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let parts = &self.0;
        let person = if plan.is_free() {
            one_person(parts, user).await?
        } else {
            None
        };
        for _ in 0..TRIES {
            let now = parts.clock.now();
            let held = entitled(parts, user, now).await?;
            let held = held.ok_or(CheckoutError::NoSubscription)?;
            if held.next_plan == Some(plan.id) {
                return self.had_at_once(user, key).await;
            }
            let is_over = held.term_end.is_none_or(|end| end <= now);
            if is_over || held.state.next(SubscriptionEvent::Changed).is_err() {
                return Err(CheckoutError::AnotherPlan);
            }
            let mut tx = parts.db.begin().await?;
            if let Some(person) = &person
                && !free_grants::take(&mut tx, person, user, now).await?
            {
                return Err(CheckoutError::FreeOnce);
            }
            let of = as_bought(&mut tx, &held).await?;
            let then = Subscription {
                next_plan: Some(plan.id),
                auto_renew: false,
                ..held.clone()
            };
            // What is free follows at once; for anything else there is time to pay.
            let until = if plan.is_free() {
                then.term_end
            } else {
                then.right_until(then.term_end, of.grace())
            };
            // The job before the subscription: see `calls::PaymentService::work_on_agreement`.
            if let Some((method, id)) = agreements::of(&mut tx, held.id).await? {
                calls::keep(parts, &mut tx, method, &id, now).await?;
            }
            reach(&mut tx, &held, until, now).await?;
            let then = Subscription {
                entitled_until: until,
                ..then
            };
            if subscriptions::want_next(&mut tx, &then, now).await? {
                let why = Why {
                    from: Some(held.plan_id),
                    to: Some(plan.id),
                    ..Why::default()
                };
                tell::because(parts, &mut tx, "subscription.changed", &then, why, now).await?;
                tx.commit().await?;
                return self.had_at_once(user, key).await;
            }
            tx.rollback().await?;
        }
        Err(moved_on(user).into())
    }
}
