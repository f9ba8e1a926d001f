//! Begins the subscriptions that people had elsewhere, for the rest of what they had paid there.

use std::collections::BTreeSet;

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::money::Money;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::{Outcome, TakeOverFault, TakenOver, Thing, record};
use crate::model::foreign_term::{ForeignTerm, Unfit};
use crate::model::plan::{BillingCycle, Plan};
use crate::operations::activate::{Activation, Elsewhere, give_begun};
use crate::operations::{cancel_subscription, moved_on};
use crate::store::taken_over::TakenKind;
use crate::store::{plans, subscriptions};
use crate::{Parts, PaymentService};

/// A subscription in another application.
///
/// ```
/// # use tollgate_kernel::ids::UserId;
/// # use tollgate_payment::BroughtSubscription;
/// # use tollgate_payment::model::foreign_term::ForeignTerm;
/// fn brought(user_id: UserId, term: ForeignTerm) -> BroughtSubscription {
///     BroughtSubscription {
///         user_id,
///         plan_slug: "pro".to_owned(),
///         term,
///         cancelled: false,
///         paid: Some("99.00".to_owned()),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct BroughtSubscription {
    /// Whose.
    pub user_id: UserId,
    /// Of which plan, on sale or not.
    pub plan_slug: String,
    /// From when to when.
    pub term: ForeignTerm,
    /// It ends with its term.
    pub cancelled: bool,
    /// What was paid for the term, in the plan's currency to its last digit (`"99.00"`): what is left of it counts when the plan
    /// is changed. `None` = it counts for nothing, as what was given.
    pub paid: Option<String>,
}

impl PaymentService {
    /// Takes subscriptions over, each person's one and once. No money is booked: none came. Whoever finds a fault in the
    /// answer rolls back.
    ///
    /// ```
    /// # use tollgate_payment::{BroughtSubscription, PaymentService, TakenOver};
    /// # use tollgate_storage::StorageError;
    /// # use tollgate_storage::db::Db;
    /// async fn import(
    ///     payment: &PaymentService,
    ///     db: &Db,
    ///     brought: &[BroughtSubscription],
    /// ) -> Result<TakenOver, StorageError> {
    ///     let mut tx = db.begin().await?;
    ///     let taken = payment.take_over_subscriptions(&mut tx, brought).await?;
    ///     for (position, fault) in &taken.faults {
    ///         println!("entry {position}: {fault}");
    ///     }
    ///     if taken.faults.is_empty() {
    ///         tx.commit().await?;
    ///     }
    ///     Ok(taken)
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn take_over_subscriptions(
        &self,
        tx: &mut Tx,
        brought: &[BroughtSubscription],
    ) -> Result<TakenOver> {
        let parts = &self.0;
        let now = parts.clock.now();
        let on_offer = plans::read_all(tx).await?;
        let (mut taken, mut seen) = (TakenOver::default(), BTreeSet::new());
        for (position, entry) in brought.iter().enumerate() {
            let plan = on_offer
                .iter()
                .find(|plan| plan.slug.as_str() == entry.plan_slug);
            let outcome = match plan {
                None => Err(TakeOverFault::NoPlan(entry.plan_slug.clone())),
                Some(plan) => match fitted(parts, entry, plan, now) {
                    // Of those that are over a person may have had many.
                    Err(TakeOverFault::Term(Unfit::Over)) => Ok(Outcome::Over),
                    _ if !seen.insert(entry.user_id) => Err(TakeOverFault::Twice),
                    fitted => take(parts, tx, (entry, plan, fitted), now).await?,
                },
            };
            taken.note(position, outcome, (&entry.plan_slug, 1));
        }
        Ok(taken)
    }
}

async fn take(
    parts: &Parts,
    tx: &mut Tx,
    (entry, plan, fitted): (
        &BroughtSubscription,
        &Plan,
        std::result::Result<Elsewhere, TakeOverFault>,
    ),
    now: Timestamp,
) -> Result<std::result::Result<Outcome, TakeOverFault>> {
    let user = entry.user_id;
    let said = json!({
        "plan_slug": entry.plan_slug,
        "current_period_start": entry.term.starts_at,
        "current_period_end": entry.term.ends_at,
        "anchor_at": entry.term.anchor_at,
        "cancelled": entry.cancelled,
        "paid": entry.paid,
    });
    let thing = Thing::new(parts, (user, TakenKind::Subscription, ""), &said);
    if let Some(known) = thing.known(tx).await? {
        return Ok(Ok(known));
    }
    let elsewhere = match fitted {
        Ok(elsewhere) => elsewhere,
        Err(fault) => return Ok(Err(fault)),
    };
    let given = give_begun(parts, tx, user, plan, elsewhere, now).await?;
    let Activation::Granted(id) = given else {
        return Ok(Err(TakeOverFault::InForce));
    };
    if entry.cancelled {
        let held = subscriptions::read(tx, id).await?;
        let held = held.ok_or_else(|| moved_on(user))?;
        let reason = "cancelled before it came here";
        let ends = cancel_subscription::begin_cancelled(parts, tx, &held, reason, now).await?;
        ends.ok_or_else(|| moved_on(user))?;
    }
    thing.put(tx, id, now).await?;
    let after = json!({ "subscription_id": id, "said": said });
    record(parts, tx, (user, "user.subscription_imported", after), now).await?;
    Ok(Ok(Outcome::Made))
}

/// As it is counted here.
fn fitted(
    parts: &Parts,
    entry: &BroughtSubscription,
    plan: &Plan,
    now: Timestamp,
) -> std::result::Result<Elsewhere, TakeOverFault> {
    let endless = plan.is_free() || plan.billing_cycle == BillingCycle::Lifetime;
    if endless && entry.cancelled {
        return Err(TakeOverFault::Endless);
    }
    let zone = parts.config.zone;
    let term = entry.term.fit(plan.billing_cycle, endless, zone, now)?;
    let currency = plan.price.currency();
    let paid = entry
        .paid
        .as_deref()
        .map(|paid| Money::parse(paid, currency));
    let paid = paid.transpose().map_err(|_| TakeOverFault::Paid {
        currency: currency.code(),
    })?;
    let paid_minor = paid.map_or(0, Money::minor);
    if plan.is_free() && paid_minor != 0 {
        return Err(TakeOverFault::PaidForFree);
    }
    Ok(Elsewhere { term, paid_minor })
}
