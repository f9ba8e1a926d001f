//! The design's own columns, `user_subscriptions.quota_used` and `quota_limit`: they follow the open counter of the first
//! meter, in the transaction that changed it.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, SubscriptionId};
use tollgate_storage::db::Tx;
use tollgate_storage::rows::{Cell, Kind, OverRows, Sheet};
use tollgate_storage::{Result, in_tx};

use crate::model::quota::Meter;

/// Brings them up to what the counters say, for each subscription once.
pub(crate) async fn follow_each(
    tx: &mut Tx,
    subscriptions: &[SubscriptionId],
    now: Timestamp,
) -> Result<()> {
    if subscriptions.is_empty() {
        return Ok(());
    }
    let mut sheet = Sheet::default();
    for id in subscriptions {
        sheet.row([Cell::Id(id.uuid())]);
    }
    let (text, sheet) = (FOLLOW_EACH.text(tx), sheet.text());
    in_tx!(tx, |c| sqlx::query(text)
        .bind(&sheet)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// They begin anew with a period, or go on with one that was opened again.
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

const BEGIN: &str = "UPDATE user_subscriptions SET quota_used = c.used, quota_limit = c.quota_limit,
    quota_period_start = c.period_start, quota_resets_at = c.period_end, updated_at = $4
    FROM quota_counters c WHERE c.subscription_id = user_subscriptions.id AND c.meter = user_subscriptions.quota_meter
      AND c.period_start = $3 AND c.meter = $2 AND user_subscriptions.id = $1";
// The counters are ours until the commit: whoever else changes one waits, and comes here after us.
static FOLLOW_EACH: OverRows = OverRows::new(&[("subscription_id", Kind::Id)], |wanted| {
    format!(
        "UPDATE user_subscriptions SET quota_used = c.used, quota_limit = c.quota_limit, updated_at = $2
    FROM {wanted} JOIN quota_counters c ON c.subscription_id = wanted.subscription_id
    WHERE user_subscriptions.id = wanted.subscription_id AND c.meter = user_subscriptions.quota_meter
      AND c.period_start = user_subscriptions.quota_period_start"
    )
});

pub(crate) const STATEMENTS: &[&str] = &[BEGIN];
pub(crate) const OVER_ROWS: &[&OverRows] = &[&FOLLOW_EACH];
