//! `usage_logs`: append-only, one row per charge. An id is a time: no query uses `created_at`.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, Ids, SubscriptionId, UsageId, UserId};
use tollgate_storage::db::Db;
use tollgate_storage::{Result, on_read, row};

row!(
    struct SumRow {
        resource_type: String,
        quota_cost: i64,
        calls: i64,
    }
);

/// What was used of one resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) resource_type: String,
    pub(crate) quota_cost: i64,
    pub(crate) count: i64,
}

/// Sums of one subscription's period, by resource type.
pub(crate) async fn sums_of_period(
    db: &Db,
    user: UserId,
    subscription: SubscriptionId,
    period_start: Timestamp,
) -> Result<Vec<Sum>> {
    let rows: Vec<SumRow> = on_read!(db, |e| sqlx::query_as(SUMS_OF_PERIOD)
        .bind(user.uuid())
        .bind(Ids::lowest::<UsageId>(period_start).uuid())
        .bind(subscription.uuid())
        .bind(period_start.utc())
        .fetch_all(e)
        .await)?;
    let sums = rows.into_iter().map(|row| Sum {
        resource_type: row.resource_type,
        quota_cost: row.quota_cost,
        count: row.calls,
    });
    Ok(sums.collect())
}

/// Units used since a moment, whatever the subscription.
pub(crate) async fn units_since(db: &Db, user: UserId, since: Timestamp) -> Result<i64> {
    let (sum,): (i64,) = on_read!(db, |e| sqlx::query_as(UNITS_SINCE)
        .bind(user.uuid())
        .bind(Ids::lowest::<UsageId>(since).uuid())
        .fetch_one(e)
        .await)?;
    Ok(sum)
}

// SUM(bigint) is NUMERIC on PostgreSQL. A refund is a row of its own and no call.
const SUMS_OF_PERIOD: &str = "SELECT resource_type, CAST(SUM(quota_cost) AS BIGINT) AS quota_cost,
    CAST(SUM(CASE WHEN refund_of IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS calls
    FROM usage_logs WHERE user_id = $1 AND id >= $2 AND subscription_id = $3 AND period_start = $4
    GROUP BY resource_type ORDER BY resource_type";
const UNITS_SINCE: &str = "SELECT CAST(COALESCE(SUM(quota_cost), 0) AS BIGINT) FROM usage_logs
    WHERE user_id = $1 AND id >= $2";

pub(crate) const STATEMENTS: &[&str] = &[SUMS_OF_PERIOD, UNITS_SINCE];
