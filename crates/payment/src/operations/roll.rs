//! Opens the counter of a period, exactly once, when it is first needed.

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use crate::model::quota::Meter;
use crate::model::subscription::Subscription;
use crate::store::{quota_counters, subscriptions};

/// Opens the counter of `meter` for the period that `now` lies in. `false`: the subscription
/// changed since it was read, or is over; read it again.
pub(crate) async fn roll(
    tx: &mut Tx,
    held: &Subscription,
    meter: &Meter,
    now: Timestamp,
) -> Result<bool> {
    if !subscriptions::lock_for_roll(tx, held, now).await? {
        return Ok(false);
    }
    let period = held.quota_period(now);
    let open_until = held.open_until(&period);
    let limit = quota_counters::roll(tx, held.id, meter, &period, open_until, now).await?;
    if let Some(limit) = limit {
        subscriptions::mirror_roll(tx, held.id, meter, &period, limit, now).await?;
    }
    Ok(true)
}
