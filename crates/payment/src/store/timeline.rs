//! What happened around a payment, for staff: calls out, calls in.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, PaymentId};
use tollgate_storage::db::Db;
use tollgate_storage::{Result, on_read, row};
use uuid::Uuid;

use super::At;
use crate::model::timeline::{CallIn, CallOut};

/// More than any payment has.
const MOST: i64 = 500;

row!(
    struct CallOutRow {
        operation: String,
        request_no: String,
        state: String,
        provider_code: Option<String>,
        started_at: At,
        finished_at: Option<At>,
    }
);

row!(
    struct CallInRow {
        id: Uuid,
        verdict: String,
        event_key: Option<String>,
        reply_status: i64,
        received_at: At,
    }
);

/// What was asked of the provider, oldest first.
pub(crate) async fn calls_out(db: &Db, payment: PaymentId) -> Result<Vec<CallOut>> {
    let rows: Vec<CallOutRow> = on_read!(db, |e| sqlx::query_as(CALLS_OUT)
        .bind(payment.uuid())
        .bind(MOST)
        .fetch_all(e)
        .await)?;
    let call = |row: CallOutRow| CallOut {
        operation: row.operation,
        request_no: row.request_no,
        state: row.state,
        provider_code: row.provider_code,
        started_at: Timestamp::from_utc(row.started_at),
        finished_at: row.finished_at.map(Timestamp::from_utc),
    };
    Ok(rows.into_iter().map(call).collect())
}

/// What the provider said by itself, oldest first.
pub(crate) async fn calls_in(db: &Db, payment: PaymentId) -> Result<Vec<CallIn>> {
    let rows: Vec<CallInRow> = on_read!(db, |e| sqlx::query_as(CALLS_IN)
        .bind(payment.uuid())
        .bind(MOST)
        .fetch_all(e)
        .await)?;
    let call = |row: CallInRow| CallIn {
        id: row.id.into(),
        verdict: row.verdict,
        event_key: row.event_key,
        reply_status: row.reply_status,
        received_at: Timestamp::from_utc(row.received_at),
    };
    Ok(rows.into_iter().map(call).collect())
}

const CALLS_OUT: &str = "SELECT operation, request_no, state, provider_code, started_at, finished_at FROM payment_attempts
    WHERE payment_id = $1 ORDER BY id LIMIT $2";
const CALLS_IN: &str = "SELECT id, verdict, event_key, reply_status, received_at FROM webhook_calls
    WHERE payment_id = $1 ORDER BY id LIMIT $2";

pub(crate) const STATEMENTS: &[&str] = &[CALLS_OUT, CALLS_IN];
