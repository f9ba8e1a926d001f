//! Opens the counter of a period, exactly once, when it is first needed.
//!
//! What can happen at once: the first calls of a period on several instances, a grant, the end of the subscription. The
//! counter before the subscription, as everywhere: the old counter's units stay as they are while they are shared out
//! over the bonus units that were poured into it; then the subscription, which whoever opens a counter holds.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SubscriptionId;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::tell;
use crate::Parts;
use crate::model::period::Period;
use crate::model::pots::{Pot, burned};
use crate::model::quota::{Meter, QuotaState, Units};
use crate::model::subscription::Subscription;
use crate::shapes::QuotaShape;
use crate::store::prices::{self, Terms};
use crate::store::quota_counters::{self, Counter, Opening};
use crate::store::quota_grants::{self, Closing, Grant, Poured};
use crate::store::{first_meters, subscriptions};

/// A transaction of its own. A counter that was opened for nothing is only an empty one.
pub(super) async fn roll_alone(
    parts: &Parts,
    held: &Subscription,
    meter: &Meter,
    now: Timestamp,
) -> Result<()> {
    let mut tx = parts.db.begin().await?;
    match rolled(&mut tx, held, meter, now).await? {
        Rolled::Stands => {}
        Rolled::Reset(begun) if *meter == held.meter => {
            let shape = QuotaShape::from(&begun.quota);
            let begun = (begun.period.start, &shape);
            tell::quota_reset(parts, &mut tx, held, begun, now).await?;
        }
        Rolled::Reset(_) => {}
        // It changed since it was read; the next try reads it again.
        Rolled::Stale => return tx.rollback().await,
    }
    tx.commit().await
}

/// What a roll came to.
enum Rolled {
    /// The subscription changed since it was read, or is over.
    Stale,
    /// The counter is open, as it was or for the first time.
    Stands,
    /// A further period has begun, by us and nobody else.
    Reset(Box<Counter>),
}

/// Opens the counter of `meter` for the period that `now` lies in. `false`: the subscription
/// changed since it was read, or is over; undo, and read it again.
pub(crate) async fn roll(
    tx: &mut Tx,
    held: &Subscription,
    meter: &Meter,
    now: Timestamp,
) -> Result<bool> {
    let rolled = rolled(tx, held, meter, now).await?;
    Ok(!matches!(rolled, Rolled::Stale))
}

async fn rolled(tx: &mut Tx, held: &Subscription, meter: &Meter, now: Timestamp) -> Result<Rolled> {
    let terms = prices::read_terms(tx, held.plan_id, held.plan_version, meter).await?;
    let Some(terms) = terms else {
        return Ok(Rolled::Stands);
    };
    let period = held.period_of(terms.reset, terms.cycle, now);
    let last = quota_counters::lock_last(tx, held.id, meter, now).await?;
    let of = (held.id, meter, period.start);
    let begins = last
        .as_ref()
        .is_none_or(|last| last.counter.period.start < period.start);
    if let Some(last) = &last {
        let past = (held.id, meter, last.counter.period.start);
        // Within a period, only what has expired; at its end, all of it.
        let over = if begins { None } else { Some(now) };
        share_out(tx, past, &last.counter, over, now).await?;
    }
    if !subscriptions::lock_for_roll(tx, held, now).await? {
        return Ok(Rolled::Stale);
    }
    let mut begun = None;
    if begins {
        begun = begin(tx, held, &terms, &period, now).await?;
    } else {
        let end = period.end.max(period.start);
        let until = held.open_until(&period);
        let grants = quota_grants::read_open(tx, held.id, meter).await?;
        let until = first_expiry(&grants, until);
        quota_counters::open_again(tx, of, end, until, now).await?;
    }
    first_meters::begin(tx, of, now).await?;
    // The first period of all begins with the subscription, which is told of.
    let reset = begun.filter(|_| last.is_some());
    Ok(reset.map_or(Rolled::Stands, |begun| Rolled::Reset(Box::new(begun))))
}

/// `None`: somebody has opened it before.
async fn begin(
    tx: &mut Tx,
    held: &Subscription,
    terms: &Terms,
    period: &Period,
    now: Timestamp,
) -> Result<Option<Counter>> {
    let of = (held.id, &terms.meter, period.start);
    quota_counters::close_older(tx, of, now).await?;
    let grants = quota_grants::read_open(tx, held.id, &terms.meter).await?;
    let (lasting, over): (Vec<Grant>, Vec<Grant>) = grants.into_iter().partition(|grant| {
        let rest = grant.rest();
        rest.units > 0 && !rest.ends_by(now)
    });
    for grant in &over {
        quota_grants::spend(tx, grant.id, 0, Some(now)).await?;
    }
    // Nothing is poured into what has no limit; it waits for a period that has one.
    let pots: Vec<Pot> = match terms.limit {
        Some(_) => lasting.iter().map(Grant::rest).collect(),
        None => Vec::new(),
    };
    let granted: i64 = pots.iter().map(|pot| pot.units).sum();
    let opening = Opening {
        period,
        open_until: first_expiry(&lasting, held.open_until(period)),
        limit: terms
            .limit
            .map(|limit| limit.plus(Units::new(granted).unwrap_or(Units::NONE))),
        granted,
    };
    let quota = QuotaState {
        meter: terms.meter.clone(),
        limit: opening.limit,
        used: Units::NONE,
        held: Units::NONE,
        began_at: period.start,
        resets_at: period.end,
    };
    if !quota_counters::open(tx, held.id, &terms.meter, opening, now).await? {
        return Ok(None);
    }
    for pot in pots {
        quota_grants::pour(tx, of, pot.grant, pot.units).await?;
    }
    Ok(Some(Counter {
        period: *period,
        quota,
    }))
}

/// Up to then a counter is right by itself.
fn first_expiry(grants: &[Grant], until: Timestamp) -> Timestamp {
    let expiries = grants.iter().filter_map(|grant| grant.expires_at);
    expiries.min().map_or(until, |first| first.min(until))
}

/// What a counter's bonus units were burned, written down: of those that have expired by `over`, or of all. What is not
/// burned leaves the counter, to go into the next one or to be gone.
pub(super) async fn share_out(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
    counter: &Counter,
    over: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    if counter.quota.limit.is_none() {
        return Ok(());
    }
    let shares = shares(counter, &quota_grants::pots(tx, of).await?);
    let mut beyond = shares.taken;
    for (pot, burned) in shares.burned {
        beyond = beyond.saturating_sub(burned).max(0);
        let is_over = over.is_none_or(|over| pot.ends_by(over));
        if !is_over {
            continue;
        }
        let closing = Closing {
            burned,
            beyond,
            returned: 0,
        };
        quota_grants::close_pot(tx, of, pot.grant, closing, now).await?;
        let gone = (pot.ends_by(now) || burned == pot.units).then_some(now);
        quota_grants::spend(tx, pot.grant, burned, gone).await?;
        let unburned = pot.units.saturating_sub(burned);
        quota_counters::pour(tx, of, -unburned, -pot.units, None, now).await?;
    }
    Ok(())
}

/// How what was taken of a counter is shared out.
pub(super) struct Shares {
    /// What each open pot was burned so far, in the order of burning.
    burned: Vec<(Pot, i64)>,
    /// Taken of the plan's own and of open pots: beyond what closed ones were burned.
    taken: i64,
    /// Left of the plan's own.
    pub(super) left: i64,
}

pub(super) fn shares(counter: &Counter, poured: &[Poured]) -> Shares {
    let limit = counter.quota.limit.map_or(0, Units::get);
    let (closed, open): (Vec<&Poured>, Vec<&Poured>) = poured.iter().partition(|pot| pot.is_closed);
    let known: i64 = closed.iter().map(|pot| pot.burned).sum();
    let open: Vec<Pot> = open.iter().map(|pot| pot.pot).collect();
    let whole: i64 = open.iter().map(|pot| pot.units).sum();
    // The limit is the plan's, what closed pots were burned, and what open ones hold.
    let plan = limit.saturating_sub(whole).saturating_sub(known);
    let taken = counter.quota.used.plus(counter.quota.held).get();
    let taken = taken.saturating_sub(known);
    let shares = burned(taken, plan, &open, counter.period.end);
    let of_pots: i64 = shares.iter().map(|(_, units)| units).sum();
    let left = plan.saturating_sub(taken.saturating_sub(of_pots));
    Shares {
        burned: shares,
        taken,
        left: left.max(0),
    }
}
