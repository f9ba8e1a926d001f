//! Orders that nobody has settled in their time.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, PaymentId};
use tollgate_storage::db::Db;
use tollgate_storage::{Result, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::payment::PaymentMethod;

row!(
    struct OpenRow {
        id: Uuid,
        payment_method: String,
        expires_at: At,
    }
);

/// An order that is open past its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenPast {
    pub(crate) id: PaymentId,
    pub(crate) method: PaymentMethod,
    expires_at: Timestamp,
}

impl OpenPast {
    /// Where it stands among the others.
    pub(crate) fn place(&self) -> Behind {
        Behind(self.expires_at, self.id.uuid())
    }
}

/// The place behind which a page begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behind(Timestamp, Uuid);

impl Default for Behind {
    fn default() -> Self {
        Self(Timestamp::EPOCH, Uuid::nil())
    }
}

/// A page of them, the oldest first.
pub(crate) async fn open_past(
    db: &Db,
    livemode: bool,
    now: Timestamp,
    behind: Behind,
    most: i64,
) -> Result<Vec<OpenPast>> {
    let rows: Vec<OpenRow> = on_read!(db, |e| sqlx::query_as(OPEN_PAST)
        .bind(livemode)
        .bind(now.utc())
        .bind(behind.0.utc())
        .bind(behind.1)
        .bind(most)
        .fetch_all(e)
        .await)?;
    let open = rows.into_iter().map(|row| {
        let read = Reader {
            table: "payment_transactions",
            row: row.id,
        };
        Ok(OpenPast {
            id: row.id.into(),
            method: read.text("payment_method", &row.payment_method)?,
            expires_at: Timestamp::from_utc(row.expires_at),
        })
    });
    open.collect()
}

const OPEN_PAST: &str = "SELECT id, payment_method, expires_at FROM payment_transactions
    WHERE state IN ('created', 'pending') AND livemode = $1 AND expires_at <= $2
      AND (expires_at > $3 OR (expires_at = $3 AND id > $4)) ORDER BY expires_at, id LIMIT $5";

pub(crate) const STATEMENTS: &[&str] = &[OPEN_PAST];
