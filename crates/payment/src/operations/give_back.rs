//! Units that come back to a period, and to whom: the plan, or bonus units that may be over by now.
//!
//! What is left then is what would be left if those units had never been taken (Q1, Q3). So what was taken while bonus
//! units could be burned was of those first, and is gone with them; only what was taken beyond them is had again.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SubscriptionId;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use crate::model::quota::{Meter, Units};
use crate::store::quota_counters::{self, Counter};
use crate::store::quota_grants::{self, Closing, Poured};

/// What comes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Back {
    pub(crate) units: Units,
    /// When they were taken, or set aside.
    pub(crate) taken_at: Timestamp,
    /// Whether they had been charged; else they were only set aside.
    pub(crate) charged: bool,
}

/// Units have just left `counter`, whose limit is brought up to date.
pub(crate) async fn to_grants(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
    counter: &mut Counter,
    back: Back,
    now: Timestamp,
) -> Result<()> {
    let (Some(limit), true) = (counter.quota.limit, back.units > Units::NONE) else {
        return Ok(());
    };
    let mut pots = quota_grants::pots(tx, of).await?;
    pots.retain(|pot| pot.is_closed);
    pots.sort_by_key(|pot| pot.pot.order());
    let (early, late): (Vec<Poured>, Vec<Poured>) = pots
        .into_iter()
        .partition(|pot| pot.pot.ends_by(counter.period.end));
    let rest = to_early(tx, of, early, back, now).await?;
    let mut gone = back.units.get().saturating_sub(rest);
    // In a period that is open, the others can be taken again; of one that is over, the plan's own are gone with it.
    if counter.period.end <= now {
        gone = gone.saturating_add(to_late(tx, of, late, rest, now).await?);
    }
    counter.quota.limit = Some(limit.less(Units::new(gone).unwrap_or(Units::NONE)));
    Ok(())
}

/// Bonus units that end within the period were burned before the plan's own, and are over. Gives how many of the units
/// were taken beyond them.
async fn to_early(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
    pots: Vec<Poured>,
    back: Back,
    now: Timestamp,
) -> Result<i64> {
    let mut rest = back.units.get();
    for pot in pots {
        if pot.pot.ends_by(back.taken_at) || rest == 0 {
            continue;
        }
        let beyond = rest.min(pot.beyond);
        let burned = (rest - beyond).min(pot.burned);
        let closing = Closing {
            burned: pot.burned - burned,
            beyond: pot.beyond - beyond,
            returned: if back.charged { burned } else { 0 },
        };
        quota_grants::close_pot(tx, of, pot.pot.grant, closing, now).await?;
        if burned > 0 {
            quota_grants::spend(tx, pot.pot.grant, -burned, Some(now)).await?;
            quota_counters::pour(tx, of, -burned, 0, None, now).await?;
        }
        rest -= burned;
    }
    Ok(rest)
}

/// Bonus units that outlive the period were burned after the plan's own: those that were burned last come back first,
/// and are poured into the period that is open now. Gives how many left theirs.
async fn to_late(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
    pots: Vec<Poured>,
    mut free: i64,
    now: Timestamp,
) -> Result<i64> {
    let mut gone = 0_i64;
    for pot in pots.iter().rev() {
        let back = free.min(pot.burned);
        free = free.saturating_sub(back);
        if back == 0 || pot.pot.ends_by(now) {
            continue;
        }
        let (id, meter, _) = of;
        let closing = Closing {
            burned: pot.burned - back,
            beyond: pot.beyond,
            returned: 0,
        };
        quota_grants::close_pot(tx, of, pot.pot.grant, closing, now).await?;
        quota_grants::spend(tx, pot.pot.grant, -back, None).await?;
        // The counter of that period gets no larger: what comes back is for now.
        quota_counters::pour(tx, of, -back, 0, None, now).await?;
        gone = gone.saturating_add(back);
        let Some(last) = quota_counters::lock_last(tx, id, meter, now).await? else {
            continue;
        };
        let open = (id, meter, last.counter.period.start);
        let expiry = pot.pot.expires_at;
        if quota_counters::pour(tx, open, back, back, expiry, now).await? {
            quota_grants::pour(tx, open, pot.pot.grant, back).await?;
        }
    }
    Ok(gone)
}
