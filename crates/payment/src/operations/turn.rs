//! What is due by the clock and takes a transaction: a later term of another plan has begun, or the free plan that was
//! wanted next takes over. Whoever looks first does it, a job does it for those at whom nobody looks, and it is right
//! at its moment in any case: the counters of what was before are closed by then.
//!
//! What can happen at once: two who look, a renewal, a refund. The statement that turns names the version it was read in;
//! whoever comes second reads again and finds nothing due.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::activate::activate;
use super::left::as_bought;
use super::tell::Why;
use super::{TRIES, moved_on, roll, tell};
use crate::Parts;
use crate::model::plan::{Plan, Reset};
use crate::model::subscription::Subscription;
use crate::model::term;
use crate::store::{plans, quota_counters, subscriptions, terms};

/// What a person has, once everything that is due is done. It may give no right any more.
pub(crate) async fn turned(
    parts: &Parts,
    user: UserId,
    now: Timestamp,
) -> Result<Option<Subscription>> {
    for _ in 0..TRIES {
        let mut tx = parts.db.begin().await?;
        let held = subscriptions::read_live(&mut tx, user, parts.config.livemode).await?;
        let Some(due) = held.as_ref().filter(|held| held.is_due(now)) else {
            tx.rollback().await?;
            return Ok(held);
        };
        let done = if due.turns_at.is_some_and(|at| at <= now) {
            turn(parts, &mut tx, due, now).await?
        } else if !give_way(parts, &mut tx, due, now).await? {
            // It is not free, and nobody has paid for it: what there was has lapsed.
            tx.rollback().await?;
            return Ok(held);
        } else {
            true
        };
        if done {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
    }
    Err(moved_on(user))
}

/// The term that has begun is in force. `false`: it changed since it was read.
async fn turn(parts: &Parts, tx: &mut Tx, held: &Subscription, now: Timestamp) -> Result<bool> {
    let paid = terms::list(tx, held.id, held.anchor.zone()).await?;
    let Some((running, turns_at)) = term::running(&paid, now) else {
        return Err(StorageError::Inconsistent {
            table: "subscription_terms",
            column: "starts_at",
            row: held.id.to_string(),
        });
    };
    let (plan_id, plan_version) = running.plan;
    let before = as_bought(tx, held).await?;
    let then = Subscription {
        plan_id,
        plan_version,
        ..held.clone()
    };
    let plan = as_bought(tx, &then).await?;
    let then = Subscription {
        anchor: running.anchor,
        meter: plan.meter.clone(),
        turns_at,
        ..then
    };
    // Counters before the subscription, as everywhere.
    adapt(tx, held, &before, &plan, now).await?;
    if !subscriptions::turn(tx, &then, now).await? {
        return Ok(false);
    }
    let then = Subscription {
        version: held.version.saturating_add(1),
        updated_at: now,
        ..then
    };
    roll::roll(tx, &then, &plan.meter, now).await?;
    let why = Why {
        payment: running.payment,
        from: Some(held.plan_id),
        to: Some(plan_id),
        ..Why::default()
    };
    tell::because(parts, tx, "subscription.changed", &then, why, now).await?;
    Ok(true)
}

/// What never begins anew has one counter for both plans: it holds from now on what the new one gives, and never less
/// than what is used.
async fn adapt(
    tx: &mut Tx,
    held: &Subscription,
    before: &Plan,
    after: &Plan,
    now: Timestamp,
) -> Result<()> {
    for meter in after.meters.iter().filter(|m| m.reset == Reset::Never) {
        let same = |old: &&crate::model::plan::PlanMeter| {
            old.meter == meter.meter && old.reset == Reset::Never
        };
        if let Some(old) = before.meters.iter().find(same)
            && old.limit != meter.limit
        {
            let limits = (old.limit, meter.limit);
            quota_counters::adapt(tx, held.id, &meter.meter, limits, now).await?;
        }
    }
    Ok(())
}

/// The free plan that was wanted takes over from what has lapsed. `false`: what is wanted next is not free.
async fn give_way(parts: &Parts, tx: &mut Tx, held: &Subscription, now: Timestamp) -> Result<bool> {
    let Some(next) = held.next_plan else {
        return Ok(false);
    };
    let Some(plan) = plans::read(tx, next).await?.filter(Plan::is_free) else {
        return Ok(false);
    };
    activate(parts, tx, held.user_id, &plan, None, now).await?;
    Ok(true)
}
