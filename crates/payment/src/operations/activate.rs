//! Gives a buyer what verified money, or a free plan, is for.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{SubscriptionId, UserId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::tell::Why;
use super::{TRIES, agreement, roll, tell};
use crate::Parts;
use crate::model::payment::{Payment, Purpose};
use crate::model::period::Anchor;
use crate::model::plan::Plan;
use crate::model::quota::Units;
use crate::model::subscription::{Purchase, Subscription, SubscriptionEvent, SubscriptionState};
use crate::store::{payments, plans, quota_counters, subscriptions};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// It is theirs.
    Granted(SubscriptionId),
    /// Another paid plan is in force, and this one cannot be put beside or on top of it.
    Conflict,
    /// What the order was placed for has been given already, for other money: the buyer has paid twice for
    /// one wish, by two rails or by an order that was given up.
    Surplus,
}

/// Begins, extends or replaces, inside the transaction that saw the money. What a person has is
/// read and then changed under its version; a rival who was faster is read again.
pub(crate) async fn activate(
    parts: &Parts,
    tx: &mut Tx,
    user: UserId,
    plan: &Plan,
    order: Option<&Payment>,
    now: Timestamp,
) -> Result<Activation> {
    let livemode = parts.config.livemode;
    for _ in 0..TRIES {
        let held = subscriptions::read_live(tx, user, livemode).await?;
        let held_is_free = match &held {
            Some(held) => plans::read(tx, held.plan_id)
                .await?
                .is_some_and(|plan| plan.is_free()),
            None => false,
        };
        let purchase = Purchase::of(plan, held.as_ref().map(|held| (held, held_is_free)), now);
        match (purchase, held) {
            (Purchase::Conflict, _) => return Ok(Activation::Conflict),
            (Purchase::Extend { term_end }, Some(held)) => {
                if let Some(order) = order
                    && is_surplus(tx, order, &held).await?
                {
                    return Ok(Activation::Surplus);
                }
                let Ok(state) = held.state.next(SubscriptionEvent::Renewed) else {
                    return Ok(Activation::Conflict);
                };
                let grown = Subscription {
                    state,
                    term_end,
                    entitled_until: term_end,
                    ..held.clone()
                };
                if extend(tx, &grown, now).await? {
                    let why = Why {
                        payment: order.map(|order| order.id),
                        ..Why::default()
                    };
                    let event = "subscription.renewed";
                    tell::because(parts, tx, event, &grown, why, now).await?;
                    return Ok(Activation::Granted(held.id));
                }
            }
            (Purchase::Replace { by }, Some(held)) => {
                let why = Why {
                    payment: order.map(|order| order.id),
                    from: Some(held.plan_id),
                    to: Some(plan.id),
                };
                replace(parts, tx, &held, by, why, now).await?;
            }
            (Purchase::Begin | Purchase::Extend { .. } | Purchase::Replace { .. }, _) => {
                if let Some(id) = begin(parts, tx, user, plan, order, now).await? {
                    // What lapsed may still be debited for: not beside what took its place. A debit itself goes on.
                    if !order.is_some_and(is_debit) {
                        agreement::calls::end_lapsed(parts, tx, user, now).await?;
                    }
                    return Ok(Activation::Granted(id));
                }
            }
        }
    }
    Err(StorageError::Inconsistent {
        table: "user_subscriptions",
        column: "version",
        row: user.to_string(),
    })
}

/// It was placed by nobody, but by an agreement.
fn is_debit(order: &Payment) -> bool {
    order.purpose == Purpose::Renewal && order.superseded_at == Some(order.created_at)
}

/// A first term that began after this one was ordered, or a further one that was ordered before and paid after
/// it: the same wish. Read after every wait for a rival, so that of two monies one comes second.
async fn is_surplus(tx: &mut Tx, order: &Payment, held: &Subscription) -> Result<bool> {
    match order.purpose {
        Purpose::Subscription | Purpose::Change => Ok(held.created_at >= order.created_at),
        // A debit is no second wish.
        Purpose::Renewal if is_debit(order) => Ok(false),
        Purpose::Renewal => payments::is_renewed_meanwhile(tx, order).await,
        Purpose::OneOff => Ok(false),
    }
}

async fn begin(
    parts: &Parts,
    tx: &mut Tx,
    user: UserId,
    plan: &Plan,
    order: Option<&Payment>,
    now: Timestamp,
) -> Result<Option<SubscriptionId>> {
    let anchor = Anchor::new(now, parts.config.zone);
    // A free term is renewed without money, so it has no end.
    let term_end = if plan.is_free() {
        None
    } else {
        anchor.term_end(now, plan.billing_cycle)
    };
    let new = Subscription {
        id: parts.ids.at(now),
        user_id: user,
        plan_id: plan.id,
        plan_version: plan.version,
        state: SubscriptionState::Active,
        term_start: now,
        term_end,
        entitled_until: term_end,
        anchor,
        meter: plan.meter.clone(),
        quota_used: Units::NONE,
        quota_limit: plan.quota_limit,
        auto_renew: false,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    if !subscriptions::insert(tx, &new, parts.config.livemode).await? {
        return Ok(None);
    }
    roll::roll(tx, &new, &plan.meter, now).await?;
    let why = Why {
        payment: order.map(|order| order.id),
        ..Why::default()
    };
    tell::because(parts, tx, tell::ACTIVATED, &new, why, now).await?;
    Ok(Some(new.id))
}

async fn extend(tx: &mut Tx, grown: &Subscription, now: Timestamp) -> Result<bool> {
    // The open counter may have been bounded by the old end. Counters before the subscription, as
    // everywhere; were the second statement to find a rival, the next try writes the later end.
    let period = grown.quota_period(now);
    quota_counters::reopen(tx, grown.id, &period, grown.open_until(&period)).await?;
    subscriptions::extend(tx, grown, grown.term_end, now).await
}

async fn replace(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    by: SubscriptionEvent,
    why: Why,
    now: Timestamp,
) -> Result<()> {
    let Ok(ends_as) = held.state.next(by) else {
        return Ok(());
    };
    // Counters before the subscription, as everywhere; and again, for one rolled in between.
    quota_counters::close(tx, held.id, now).await?;
    let ended = subscriptions::end(tx, held, ends_as, "bought_another", now).await?;
    quota_counters::close(tx, held.id, now).await?;
    if !ended {
        return Ok(());
    }
    agreement::calls::end_of(parts, tx, held.id, now).await?;
    // Changed, not expired: its owner has another one now, and keeps what that gives.
    let replaced = Subscription {
        state: ends_as,
        entitled_until: Some(now),
        updated_at: now,
        ..held.clone()
    };
    tell::because(parts, tx, "subscription.changed", &replaced, why, now).await
}

#[cfg(test)]
mod tests;
