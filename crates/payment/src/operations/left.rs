//! How much of what a person has is left, in money: what is counted when another plan takes its place.

use tollgate_kernel::money::Money;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::roll;
use crate::model::credit::{self, MeterLeft, Moments, Share};
use crate::model::plan::Plan;
use crate::model::quota::{Meter, Units};
use crate::model::subscription::Subscription;
use crate::model::term::{self, Term};
use crate::store::{plans, quota_counters, quota_grants, terms};

/// What is left, and why it is not more.
#[derive(Clone, Debug)]
pub(super) struct Left {
    /// Of everything that is paid.
    pub(super) credit: Money,
    /// What the running term is worth.
    pub(super) worth: Money,
    /// Of its time, in hours.
    pub(super) time: Share,
    /// Of its units.
    pub(super) units: Vec<(Meter, Share)>,
}

/// Reads it. Whoever acts on it has closed the counters before.
pub(super) async fn left(tx: &mut Tx, held: &Subscription, at: Moments) -> Result<Left> {
    let plan = as_bought(tx, held).await?;
    let paid = terms::list(tx, held.id, held.anchor.zone()).await?;
    let meters = meters(tx, held, &plan, at).await?;
    let stands: Vec<MeterLeft> = meters.iter().map(|(_, left)| *left).collect();
    let currency = plan.price.currency();
    let running = term::running(&paid, at.units).map(|(running, _)| running);
    let running = running.filter(|running| running.contains(at.units));
    // What is of another currency counts for nothing: no sum crosses currencies.
    let paid: Vec<Term> = paid
        .iter()
        .filter(|term| term.worth.currency() == currency)
        .cloned()
        .collect();
    Ok(Left {
        credit: Money::new(credit::of_all(&paid, &stands, at), currency),
        worth: running.map_or(Money::new(0, currency), |running| running.worth),
        time: running.map_or(Share::new(0, 1), |running| credit::time(running, at.time)),
        units: running.map_or_else(Vec::new, |running| {
            let share = |(meter, left): &(Meter, MeterLeft)| {
                (meter.clone(), credit::units(running, left, at.units))
            };
            meters.iter().map(share).collect()
        }),
    })
}

/// The plan of a subscription, as it was bought.
pub(super) async fn as_bought(tx: &mut Tx, held: &Subscription) -> Result<Plan> {
    let plan = plans::read_as_of(tx, held.plan_id, held.plan_version).await?;
    plan.ok_or_else(|| StorageError::Inconsistent {
        table: "subscriptions",
        column: "plan_version",
        row: held.id.to_string(),
    })
}

/// How the limited meters of the plan stand.
async fn meters(
    tx: &mut Tx,
    held: &Subscription,
    plan: &Plan,
    at: Moments,
) -> Result<Vec<(Meter, MeterLeft)>> {
    let mut meters = Vec::new();
    for meter in &plan.meters {
        let Some(limit) = meter.limit.map(Units::get) else {
            continue;
        };
        let period = held.period_of(meter.reset, plan.billing_cycle, at.units);
        let of = (held.id, &meter.meter, period.start);
        let left = match quota_counters::read_period(tx, of).await? {
            Some(counter) if counter.quota.limit.is_some() => {
                roll::shares(&counter, &quota_grants::pots(tx, of).await?).left
            }
            // Nobody has used any of it yet.
            _ => limit,
        };
        let left = MeterLeft {
            limit,
            reset: meter.reset,
            left,
        };
        meters.push((meter.meter.clone(), left));
    }
    Ok(meters)
}
