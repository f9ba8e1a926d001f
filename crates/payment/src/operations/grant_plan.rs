//! Gives a person terms of a plan without money, with a reason.
//!
//! What can happen at once: a purchase, another grant, the same `Idempotency-Key` twice. The subscription is read and
//! changed under its version, as for money; the key and the row of the audit log are in the same commit.

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::{self, Actor, Entry};
use tollgate_storage::db::Tx;
use tollgate_storage::idempotency::Request;

use super::activate::{Activation, give_terms};
use super::grant_units::{GrantError, answered, good_reason, keep};
use super::{Answered, TRIES, moved_on};
use crate::model::plan::Plan;
use crate::shapes::GivenPlanShape;
use crate::store::subscriptions;
use crate::{Parts, PaymentService};

/// Terms at once, at most.
const MOST_TERMS: u32 = 120;

/// Terms of a plan for a person.
///
/// ```
/// # use tollgate_kernel::ids::UserId;
/// # use tollgate_payment::GrantPlan;
/// fn a_year(user_id: UserId) -> GrantPlan {
///     GrantPlan {
///         user_id,
///         plan_slug: "pro-monthly".to_owned(),
///         terms: 12,
///         reason: "Paid by bank transfer 2026-117".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct GrantPlan {
    /// Whose.
    pub user_id: UserId,
    /// Of a plan on sale.
    pub plan_slug: String,
    /// How many terms, one behind the other: 1 to 120. A free plan, and one that is had for ever, have one.
    pub terms: u32,
    /// For whoever reads it later: 1 to 500 characters.
    pub reason: String,
}

impl PaymentService {
    /// Begins the plan, or puts the terms behind what is there of it; a free plan and a trial give way. Who gives is the
    /// caller of `origin`. With a key, a repeat brings the first answer back and gives nothing.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{GrantError, GrantPlan, PaymentService};
    /// async fn three_months(payment: &PaymentService, user_id: UserId, origin: &Origin) -> Result<(), GrantError> {
    ///     let wish = GrantPlan {
    ///         user_id,
    ///         plan_slug: "pro".to_owned(),
    ///         terms: 3,
    ///         reason: "Winner of the summer contest".to_owned(),
    ///     };
    ///     let given = payment.grant_plan(&wish, origin, None).await?;
    ///     assert_eq!(given.value.terms, 3);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`GrantError`].
    pub async fn grant_plan(
        &self,
        wish: &GrantPlan,
        origin: &Origin,
        key: Option<&Request>,
    ) -> Result<Answered<GivenPlanShape>, GrantError> {
        let parts = &self.0;
        good_reason(&wish.reason)?;
        if !(1..=MOST_TERMS).contains(&wish.terms) {
            return Err(GrantError::Terms);
        }
        for _ in 0..TRIES {
            let now = parts.clock.now();
            if let Some(first) = answered(parts, key).await? {
                return Ok(Answered::again(first));
            }
            let plan = self.find_plan(&wish.plan_slug).await?;
            let plan = plan.ok_or(GrantError::NoPlan)?;
            let mut tx = parts.db.begin().await?;
            let shape = give(parts, &mut tx, (wish, &plan), origin, now).await?;
            if !keep(&mut tx, key, &shape, now).await? {
                tx.rollback().await?;
                continue;
            }
            tx.commit().await?;
            tracing::info!(subscription.id = %shape.subscription_id, plan.slug = %plan.slug.as_str(), terms = wish.terms, "a plan was given");
            return Ok(Answered::first(shape));
        }
        Err(moved_on(wish.user_id).into())
    }
}

async fn give(
    parts: &Parts,
    tx: &mut Tx,
    (wish, plan): (&GrantPlan, &Plan),
    origin: &Origin,
    now: Timestamp,
) -> Result<GivenPlanShape, GrantError> {
    let given = give_terms(parts, tx, wish.user_id, plan, wish.terms, now).await?;
    let Activation::Granted(id) = given else {
        return Err(GrantError::AnotherPlan);
    };
    let held = subscriptions::read(tx, id).await?;
    let held = held.ok_or_else(|| moved_on(wish.user_id))?;
    let shape = GivenPlanShape {
        plan_slug: plan.slug.as_str().to_owned(),
        terms: wish.terms,
        subscription_id: held.id,
        current_period_end: held.term_end,
        entitled_until: held.entitled_until,
    };
    let entry = Entry {
        id: parts.ids.at(now),
        actor: Actor::of(origin),
        action: "user.plan_granted",
        subject_kind: "user",
        subject_id: wish.user_id.to_string(),
        before: None,
        after: Some(json!(shape)),
        reason: Some(&wish.reason),
        origin,
    };
    audit::append(tx, &parts.master_key, &entry, now).await?;
    Ok(shape)
}

#[cfg(test)]
mod tests;
