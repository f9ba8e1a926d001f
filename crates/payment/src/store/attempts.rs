//! `payment_attempts`: intent before, result after, of every outgoing call.

use serde_json::json;
use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{AttemptId, Id, PaymentId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read};

use super::At;
use crate::model::refund::{Refund, RefundNo};
use crate::providers::ProviderError;

/// What is asked of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Query,
    Close,
    Refund,
    RefundQuery,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Query => "query",
            Self::Close => "close",
            Self::Refund => "refund",
            Self::RefundQuery => "refund_query",
        }
    }
}

/// Says what is about to be asked, under which of our numbers.
pub(crate) async fn intend(
    tx: &mut Tx,
    id: AttemptId,
    payment: PaymentId,
    request_no: &str,
    operation: Operation,
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(INTEND)
        .bind(id.uuid())
        .bind(payment.uuid())
        .bind(operation.as_str())
        .bind(request_no)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// The same for a refund.
pub(crate) async fn intend_refund(
    tx: &mut Tx,
    id: AttemptId,
    refund: &Refund,
    operation: Operation,
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(INTEND_REFUND)
        .bind(id.uuid())
        .bind(refund.payment_id.map(Id::uuid))
        .bind(refund.id.uuid())
        .bind(operation.as_str())
        .bind(RefundNo::of(refund.id).as_str())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Says what came of it. Unknown is a result, and not a failure.
pub(crate) async fn conclude(
    tx: &mut Tx,
    id: AttemptId,
    error: Option<&ProviderError>,
    now: Timestamp,
) -> Result<()> {
    let (state, code, message) = match error {
        None => ("succeeded", None, None),
        Some(ProviderError::Refused { code, message }) => {
            ("refused", Some(code.as_str()), Some(message.as_str()))
        }
        Some(ProviderError::Unknown { reason }) => ("unknown", None, Some(reason.as_str())),
    };
    in_tx!(tx, |c| sqlx::query(CONCLUDE)
        .bind(id.uuid())
        .bind(state)
        .bind(code)
        .bind(Json(json!({ "message": message })))
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Calls whose result nobody wrote down, since we were cut off: what came of them is unknown, and is asked
/// about under the same number by whoever needs it.
pub(crate) async fn conclude_orphans(
    tx: &mut Tx,
    begun_before: Timestamp,
    most: i64,
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(CONCLUDE_ORPHANS)
        .bind(begun_before.utc())
        .bind(Json(json!({ "message": "cut off" })))
        .bind(now.utc())
        .bind(most)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// When the provider was last asked about a payment.
pub(crate) async fn last_asked(db: &Db, payment: PaymentId) -> Result<Option<Timestamp>> {
    let row: Option<(At,)> = on_read!(db, |e| sqlx::query_as(LAST_ASKED)
        .bind(payment.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(at,)| Timestamp::from_utc(at)))
}

/// When the provider was last asked how a payment stands, and whether it answered.
pub(crate) async fn last_question(
    db: &Db,
    payment: PaymentId,
) -> Result<Option<(Timestamp, bool)>> {
    let row: Option<(At, String)> = on_read!(db, |e| sqlx::query_as(LAST_QUESTION)
        .bind(payment.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(at, state)| (Timestamp::from_utc(at), state == "succeeded")))
}

const INTEND: &str =
    "INSERT INTO payment_attempts (id, payment_id, operation, request_no, started_at)
    VALUES ($1, $2, $3, $4, $5)";
const CONCLUDE_ORPHANS: &str = "UPDATE payment_attempts SET state = 'unknown', detail = $2, finished_at = $3
    WHERE state = 'intent' AND id IN
        (SELECT id FROM payment_attempts WHERE state = 'intent' AND started_at < $1 ORDER BY started_at LIMIT $4)";
const INTEND_REFUND: &str =
    "INSERT INTO payment_attempts (id, payment_id, refund_id, operation, request_no, started_at)
    VALUES ($1, $2, $3, $4, $5, $6)";
const CONCLUDE: &str =
    "UPDATE payment_attempts SET state = $2, provider_code = $3, detail = $4, finished_at = $5
    WHERE id = $1 AND state = 'intent'";
const LAST_ASKED: &str =
    "SELECT started_at FROM payment_attempts WHERE payment_id = $1 ORDER BY id DESC LIMIT 1";
const LAST_QUESTION: &str = "SELECT started_at, state FROM payment_attempts
    WHERE payment_id = $1 AND operation = 'query' ORDER BY id DESC LIMIT 1";

pub(crate) const STATEMENTS: &[&str] = &[
    INTEND,
    INTEND_REFUND,
    CONCLUDE,
    CONCLUDE_ORPHANS,
    LAST_ASKED,
    LAST_QUESTION,
];
