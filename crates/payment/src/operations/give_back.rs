//! Units that come back to a period that is over: what bonus units were burned for them goes back to its grant, and into
//! the period that is open now. The plan's own are gone with the period.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SubscriptionId;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use crate::model::quota::{Meter, Units};
use crate::store::quota_counters::{self, Counter};
use crate::store::quota_grants::{self, Poured};

/// `free` units have just left `counter`. In a period that is open they can be taken again, and nothing is to be done.
pub(crate) async fn to_grants(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
    counter: &Counter,
    free: Units,
    now: Timestamp,
) -> Result<()> {
    if free == Units::NONE || counter.period.end > now {
        return Ok(());
    }
    let mut pots: Vec<Poured> = quota_grants::pots(tx, of).await?;
    pots.retain(|pot| pot.is_closed && pot.burned > 0 && !pot.pot.ends_by(counter.period.end));
    // What was burned last comes back first.
    pots.sort_by_key(|pot| {
        (
            pot.pot.expires_at.is_none(),
            pot.pot.expires_at,
            pot.pot.grant,
        )
    });
    let mut free = free.get();
    for pot in pots.iter().rev() {
        let back = free.min(pot.burned);
        free = free.saturating_sub(back);
        if back == 0 || pot.pot.ends_by(now) {
            continue;
        }
        let (id, meter, _) = of;
        quota_grants::close_pot(tx, of, pot.pot.grant, pot.burned - back, now).await?;
        quota_grants::spend(tx, pot.pot.grant, -back, None).await?;
        // The counter of that period gets no larger: what comes back is for now.
        quota_counters::pour(tx, of, -back, 0, None, now).await?;
        let Some(last) = quota_counters::lock_last(tx, id, meter, now).await? else {
            continue;
        };
        let open = (id, meter, last.counter.period.start);
        let expiry = pot.pot.expires_at;
        if quota_counters::pour(tx, open, back, back, expiry, now).await? {
            quota_grants::pour(tx, open, pot.pot.grant, back).await?;
        }
    }
    Ok(())
}
