//! `usage_rollups`: closed quarters of an hour, made of the log once, and its sums over months that the log need not be
//! read for.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, Ids, UsageId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, in_tx};
use uuid::Uuid;

/// Folds the rows from one moment to another into the quarter that begins at `bucket`; gives of how many sums it is
/// made.
pub(crate) async fn fold(
    tx: &mut Tx,
    from: Timestamp,
    to: Timestamp,
    bucket: Timestamp,
) -> Result<u64> {
    let sums = in_tx!(tx, |c| sqlx::query(FOLD)
        .bind(Ids::lowest::<UsageId>(from).uuid())
        .bind(Ids::lowest::<UsageId>(to).uuid())
        .bind(bucket.utc())
        .bind(Uuid::nil())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(sums)
}

// A unit refund is a row below nothing, and no call.
const FOLD: &str = "INSERT INTO usage_rollups (user_id, bucket_start, subscription_id, meter, period_start, resource_type,
    key_id, quota_cost, calls)
    SELECT user_id, $3, subscription_id, meter, period_start, resource_type, COALESCE(key_id, $4),
        CAST(SUM(quota_cost) AS BIGINT), CAST(SUM(CASE WHEN refund_of IS NULL THEN 1 ELSE 0 END) AS BIGINT)
    FROM usage_logs WHERE id >= $1 AND id < $2
    GROUP BY user_id, subscription_id, meter, period_start, resource_type, COALESCE(key_id, $4)
    ON CONFLICT (user_id, bucket_start, subscription_id, meter, period_start, resource_type, key_id) DO NOTHING";

pub(crate) const STATEMENTS: &[&str] = &[FOLD];
