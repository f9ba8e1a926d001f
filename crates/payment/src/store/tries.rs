//! `webhook_tries`, to be read and forgotten; they are written where a delivery is concluded.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{DeliveryId, Id as _};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};

use super::At;
use crate::model::outbound::Try;

row!(
    struct TryRow {
        attempt: i64,
        at: At,
        status: Option<i64>,
        duration_us: i64,
        error: Option<String>,
    }
);

/// The newest tries of a delivery, newest first.
pub(crate) async fn list(db: &Db, id: DeliveryId, limit: i64) -> Result<Vec<Try>> {
    let rows: Vec<TryRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(id.uuid())
        .bind(limit)
        .fetch_all(e)
        .await)?;
    let tries = rows.into_iter().map(|row| Try {
        attempt: row.attempt,
        at: Timestamp::from_utc(row.at),
        status: row.status,
        duration_us: row.duration_us,
        error: row.error,
    });
    Ok(tries.collect())
}

/// Forgets those that are older than `before`.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    let gone = in_tx!(tx, |c| sqlx::query(FORGET)
        .bind(before.utc())
        .bind(limit)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(gone)
}

const LIST: &str =
    "SELECT attempt, at, status, duration_us, error FROM webhook_tries WHERE delivery_id = $1
    ORDER BY attempt DESC LIMIT $2";
const FORGET: &str = "DELETE FROM webhook_tries WHERE at < $1 AND delivery_id IN
    (SELECT delivery_id FROM webhook_tries WHERE at < $1 ORDER BY at LIMIT $2)";

pub(crate) const STATEMENTS: &[&str] = &[LIST, FORGET];
