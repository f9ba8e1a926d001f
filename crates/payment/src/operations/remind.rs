//! Tells whoever pays by hand, and whoever tries, that a term ends: 7, 3 and 1 days before, each once.
//!
//! What can happen at once: several instances, a renewal, a cancellation. The reminder is taken in the subscription's own
//! row, if the term is still the one that was read and nothing nearer to its end was told; event and letter are written in
//! the same transaction. After an outage only the nearest is given, since a nearer one makes those before it void.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SubscriptionId;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::{renewal_link, tell};
use crate::model::plan::Plan;
use crate::model::reminder;
use crate::model::subscription::Subscription;
use crate::people::Expiring;
use crate::store::{plans, reminders, subscriptions};
use crate::{Parts, PaymentService};

/// In one run, each in a transaction of its own.
pub(crate) const BATCH: i64 = 100;

impl PaymentService {
    /// Gives the reminders that are due; gives how many were looked at.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn reminded(payment: &PaymentService) -> Result<usize, StorageError> {
    ///     payment.remind().await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database; those that were given stay so.
    pub async fn remind(&self) -> Result<usize> {
        let parts = &self.0;
        let due = reminders::due(&parts.db, parts.config.livemode, parts.clock.now(), BATCH);
        let due = due.await?;
        for id in &due {
            remind_of(parts, *id).await?;
        }
        Ok(due.len())
    }
}

async fn remind_of(parts: &Parts, id: SubscriptionId) -> Result<()> {
    let now = parts.clock.now();
    let mut tx = parts.db.begin().await?;
    let Some(held) = subscriptions::read(&mut tx, id).await? else {
        return Ok(());
    };
    let Some((term_end, days)) = held
        .term_end
        .and_then(|end| Some((end, reminder::due(end, now)?)))
    else {
        return Ok(());
    };
    if !reminders::take(&mut tx, &held, term_end, days).await? {
        return tx.rollback().await;
    }
    // Taken all the same: it is not looked at again until the next.
    if reminder::fits(held.term_start, term_end, days) {
        told(parts, &mut tx, &held, term_end, now).await?;
    }
    tx.commit().await
}

async fn told(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    term_end: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let Some(plan) = plans::read(tx, held.plan_id).await? else {
        return Ok(());
    };
    let next = match held.next_plan {
        Some(next) => plans::read(tx, next).await?,
        None => Some(plan.clone()),
    };
    // Who wants a free plan next has decided, and has nothing to pay.
    if next.as_ref().is_some_and(Plan::is_free) {
        return Ok(());
    }
    let expiring = Expiring {
        user_id: held.user_id,
        next: next.filter(|next| next.is_active),
        term_end,
        days_left: reminder::days_left(term_end, now),
        link: renewal_link::address(parts, held.id, term_end),
        link_until: renewal_link::open_until(held, &plan, term_end),
        plan,
    };
    tell::expiring(parts, tx, held, &expiring, now).await?;
    match &parts.people {
        Some(people) => people.subscription_expiring(tx, &expiring, now).await,
        None => Ok(()),
    }
}
