//! `subscriptions.quota_period_start` and `quota_resets_at`: which period of the first meter is open. What was used of it
//! stands in its counter alone; the view `user_subscriptions` brings both together, as the design has them.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, SubscriptionId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, in_tx};

use crate::model::quota::Meter;

/// A period begins, or one that was opened again goes on. Of another meter than the first, nothing is done.
pub(crate) async fn begin(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
    now: Timestamp,
) -> Result<()> {
    let (id, meter, period_start) = of;
    in_tx!(tx, |c| sqlx::query(BEGIN)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

const BEGIN: &str = "UPDATE subscriptions SET quota_period_start = c.period_start, quota_resets_at = c.period_end, updated_at = $4
    FROM quota_counters c WHERE c.subscription_id = subscriptions.id AND c.meter = subscriptions.quota_meter
      AND c.period_start = $3 AND c.meter = $2 AND subscriptions.id = $1";

pub(crate) const STATEMENTS: &[&str] = &[BEGIN];
