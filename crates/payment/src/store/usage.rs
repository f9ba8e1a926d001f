//! Sums of what was used: from the roll-ups before the mark, from the log after it; and the end of the log's old rows.
//! An id is a time: no query uses `created_at`.

use std::collections::BTreeMap;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, Ids, SubscriptionId, UsageId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use crate::model::quota::Meter;
use crate::model::usage::{quarter_from, quarter_of};

row!(
    struct SumRow {
        resource_type: String,
        quota_cost: i64,
        calls: i64,
    }
);

/// Units and calls of each resource type.
pub(crate) type Sums = BTreeMap<String, (i64, i64)>;

/// Adds what a period of a meter was charged, by resource type. `folded`: up to when the roll-ups say it.
pub(crate) async fn add_period(
    db: &Db,
    user: UserId,
    of: (SubscriptionId, &Meter, Timestamp),
    folded: Timestamp,
    sums: &mut Sums,
) -> Result<()> {
    let (subscription, meter, period_start) = of;
    let rolled: Vec<SumRow> = on_read!(db, |e| sqlx::query_as(ROLLED_OF_PERIOD)
        .bind(user.uuid())
        .bind(quarter_of(period_start).utc())
        .bind(folded.utc())
        .bind(subscription.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
        .fetch_all(e)
        .await)?;
    let begin = folded.max(quarter_of(period_start));
    let logged: Vec<SumRow> = on_read!(db, |e| sqlx::query_as(LOGGED_OF_PERIOD)
        .bind(user.uuid())
        .bind(Ids::lowest::<UsageId>(begin).uuid())
        .bind(subscription.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
        .fetch_all(e)
        .await)?;
    for row in rolled.into_iter().chain(logged) {
        let (units, calls) = sums.entry(row.resource_type).or_default();
        *units = units.saturating_add(row.quota_cost);
        *calls = calls.saturating_add(row.calls);
    }
    Ok(())
}

/// Units used since a moment, whatever the subscription.
pub(crate) async fn units_since(
    db: &Db,
    user: UserId,
    since: Timestamp,
    folded: Timestamp,
) -> Result<i64> {
    let whole = quarter_from(since);
    if folded <= whole {
        return logged(db, user, since, None).await;
    }
    let head = logged(db, user, since, Some(whole)).await?;
    let (rolled,): (i64,) = on_read!(db, |e| sqlx::query_as(ROLLED_UNITS)
        .bind(user.uuid())
        .bind(whole.utc())
        .bind(folded.utc())
        .fetch_one(e)
        .await)?;
    let tail = logged(db, user, folded, None).await?;
    Ok(head.saturating_add(rolled).saturating_add(tail))
}

async fn logged(db: &Db, user: UserId, from: Timestamp, to: Option<Timestamp>) -> Result<i64> {
    let end = to.map_or(Uuid::max(), |to| Ids::lowest::<UsageId>(to).uuid());
    let (sum,): (i64,) = on_read!(db, |e| sqlx::query_as(LOGGED_UNITS)
        .bind(user.uuid())
        .bind(Ids::lowest::<UsageId>(from).uuid())
        .bind(end)
        .fetch_one(e)
        .await)?;
    Ok(sum)
}

/// The first row of the log at a moment or later.
pub(crate) async fn find_first(db: &Db, from: Timestamp) -> Result<Option<UsageId>> {
    let row: Option<(Uuid,)> = on_read!(db, |e| sqlx::query_as(FIND_FIRST)
        .bind(Ids::lowest::<UsageId>(from).uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(id,)| id.into()))
}

/// The row that so many rows of the log come before, from `from` on.
pub(crate) async fn find_after(db: &Db, from: Timestamp, rows: i64) -> Result<Option<UsageId>> {
    let row: Option<(Uuid,)> = on_read!(db, |e| sqlx::query_as(FIND_AFTER)
        .bind(Ids::lowest::<UsageId>(from).uuid())
        .bind(rows)
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(id,)| id.into()))
}

/// Lets at most `limit` rows go that are older than `before`; gives how many. The trigger keeps what the mark `dropped`
/// does not give up.
pub(crate) async fn let_go(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    let gone = in_tx!(tx, |c| sqlx::query(LET_GO)
        .bind(Ids::lowest::<UsageId>(before).uuid())
        .bind(limit)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(gone)
}

// SUM(bigint) is NUMERIC on PostgreSQL. A refund is a row of its own and no call.
const ROLLED_OF_PERIOD: &str = "SELECT resource_type, CAST(SUM(quota_cost) AS BIGINT) AS quota_cost,
    CAST(SUM(calls) AS BIGINT) AS calls
    FROM usage_rollups WHERE user_id = $1 AND bucket_start >= $2 AND bucket_start < $3 AND subscription_id = $4
        AND meter = $5 AND period_start = $6
    GROUP BY resource_type";
const LOGGED_OF_PERIOD: &str = "SELECT resource_type, CAST(SUM(quota_cost) AS BIGINT) AS quota_cost,
    CAST(SUM(CASE WHEN refund_of IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS calls
    FROM usage_logs WHERE user_id = $1 AND id >= $2 AND subscription_id = $3 AND meter = $4 AND period_start = $5
    GROUP BY resource_type";
const ROLLED_UNITS: &str = "SELECT CAST(COALESCE(SUM(quota_cost), 0) AS BIGINT) FROM usage_rollups
    WHERE user_id = $1 AND bucket_start >= $2 AND bucket_start < $3";
const LOGGED_UNITS: &str = "SELECT CAST(COALESCE(SUM(quota_cost), 0) AS BIGINT) FROM usage_logs
    WHERE user_id = $1 AND id >= $2 AND id < $3";
const FIND_FIRST: &str = "SELECT id FROM usage_logs WHERE id >= $1 ORDER BY id LIMIT 1";
const FIND_AFTER: &str = "SELECT id FROM usage_logs WHERE id >= $1 ORDER BY id LIMIT 1 OFFSET $2";
// The bound stands outside too: PostgreSQL then looks at no month after it.
const LET_GO: &str = "DELETE FROM usage_logs WHERE id < $1 AND id IN
    (SELECT id FROM usage_logs WHERE id < $1 ORDER BY id LIMIT $2)";

pub(crate) const STATEMENTS: &[&str] = &[
    ROLLED_OF_PERIOD,
    LOGGED_OF_PERIOD,
    ROLLED_UNITS,
    LOGGED_UNITS,
    FIND_FIRST,
    FIND_AFTER,
    LET_GO,
];
