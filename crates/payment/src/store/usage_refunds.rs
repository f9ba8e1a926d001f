//! `usage_refunds`: a charge is given back at most once.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, UsageId, UserId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, in_tx};
use uuid::Uuid;

/// Says that `usage` is given back by `refund`. `Some`: it was before, by this one.
pub(crate) async fn put(
    tx: &mut Tx,
    usage: UsageId,
    refund: UsageId,
    reason: &str,
    by: Option<UserId>,
    now: Timestamp,
) -> Result<Option<UsageId>> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(PUT)
        .bind(usage.uuid())
        .bind(refund.uuid())
        .bind(reason)
        .bind(by.map(Id::uuid))
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    if row.is_some() {
        return Ok(None);
    }
    let before: (Uuid,) = in_tx!(tx, |c| sqlx::query_as(READ)
        .bind(usage.uuid())
        .fetch_one(c)
        .await)?;
    Ok(Some(before.0.into()))
}

// Waits for a rival that has not committed; then no row = he was first.
const PUT: &str =
    "INSERT INTO usage_refunds (usage_id, refund_usage_id, reason, refunded_by, created_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (usage_id) DO NOTHING RETURNING usage_id";
const READ: &str = "SELECT refund_usage_id FROM usage_refunds WHERE usage_id = $1";

pub(crate) const STATEMENTS: &[&str] = &[PUT, READ];
