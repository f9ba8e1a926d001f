//! `webhook_deliveries` of a whole time, sent once more. Ids are times: a span of them is one of moments.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{DeliveryId, EndpointId, Id as _};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, in_tx};
use uuid::Uuid;

/// Deliveries of one endpoint that were put on their way from one moment on and before another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) endpoint: EndpointId,
    pub(crate) from: DeliveryId,
    pub(crate) end: DeliveryId,
    /// Not those that arrived.
    pub(crate) failed_only: bool,
}

/// Has calls about one endpoint wait for each other, so that they meet each delivery in turn. `false`: there is none.
pub(crate) async fn hold(tx: &mut Tx, endpoint: EndpointId, livemode: bool) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(HOLD)
        .bind(endpoint.uuid())
        .bind(livemode)
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// The first of a span that is one too many for a batch of `most`; `None`: all of them are one.
pub(crate) async fn find_beyond(tx: &mut Tx, span: Span, most: i64) -> Result<Option<DeliveryId>> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(FIND_BEYOND)
        .bind(span.endpoint.uuid())
        .bind(span.from.uuid())
        .bind(span.end.uuid())
        .bind(!span.failed_only)
        .bind(most)
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(id,)| id.into()))
}

/// Sends those of a span again that are over, from the start of the schedule; gives how many. Those on their way stay.
pub(crate) async fn reopen_each(tx: &mut Tx, span: Span, now: Timestamp) -> Result<u64> {
    let sent = in_tx!(tx, |c| sqlx::query(REOPEN_EACH)
        .bind(span.endpoint.uuid())
        .bind(span.from.uuid())
        .bind(span.end.uuid())
        .bind(!span.failed_only)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(sent)
}

const HOLD: &str =
    "UPDATE webhook_endpoints SET version = version WHERE id = $1 AND livemode = $2 RETURNING id";
const FIND_BEYOND: &str =
    "SELECT id FROM webhook_deliveries WHERE endpoint_id = $1 AND id >= $2 AND id < $3
    AND (state = 'failed' OR (state = 'succeeded' AND $4)) ORDER BY id LIMIT 1 OFFSET $5";
const REOPEN_EACH: &str =
    "UPDATE webhook_deliveries SET state = 'open', attempts = 0, due_at = $5, finished_at = NULL,
    fence = fence + 1 WHERE endpoint_id = $1 AND id >= $2 AND id < $3
    AND (state = 'failed' OR (state = 'succeeded' AND $4))";

pub(crate) const STATEMENTS: &[&str] = &[HOLD, FIND_BEYOND, REOPEN_EACH];
