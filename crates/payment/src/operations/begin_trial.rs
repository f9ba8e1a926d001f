//! A plan is tried before its first payment: once per person, for the days that the plan says, and only by who asks for
//! it. It ends by itself; nothing is debited.

use std::time::Duration;

use tollgate_kernel::ids::Id as _;
use tollgate_storage::idempotency::Request;

use super::Answered;
use super::activate::{Activation, begin_trial};
use super::checkout::{CheckoutError, Subscribe, person};
use super::quote::Quoted;
use crate::PaymentService;
use crate::model::plan::Plan;
use crate::model::quote::QuoteKind;
use crate::model::subscription::SubscriptionState;
use crate::shapes::CheckoutShape;
use crate::store::free_grants;

impl PaymentService {
    pub(super) async fn begin_trial(
        &self,
        wish: &Subscribe,
        plan: &Plan,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let parts = &self.0;
        let days = u64::try_from(plan.trial_days).unwrap_or(0);
        if days == 0 || plan.is_free() {
            return Err(CheckoutError::NoTrial);
        }
        let Quoted { kind, held, .. } = self.quoted(wish.user_id, plan).await?;
        let tries = |state| state == SubscriptionState::Trialing;
        if kind != QuoteKind::Begin || held.is_some_and(|(held, _)| tries(held.state)) {
            return Err(CheckoutError::AnotherPlan);
        }
        let person = person(parts, wish.user_id).await?;
        let person = person.unwrap_or_else(|| wish.user_id.uuid().to_string());
        let subject = parts.trial_of(&person);
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        if !free_grants::take_once(&mut tx, &subject, wish.user_id, now).await? {
            return Err(CheckoutError::NoTrial);
        }
        let until = now.after(Duration::from_hours(days.saturating_mul(24)));
        match begin_trial(parts, &mut tx, wish.user_id, plan, until, now).await? {
            Activation::Granted(_) => tx.commit().await?,
            Activation::Conflict | Activation::Surplus => return Err(CheckoutError::AnotherPlan),
        }
        self.had_at_once(wish.user_id, key).await
    }
}
