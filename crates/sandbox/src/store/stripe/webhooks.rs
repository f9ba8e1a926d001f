//! Webhooks that are owed.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::StripeTx;
use crate::SandboxError;

/// A webhook that is to be owed.
pub(crate) struct NewWebhook<'a> {
    pub(crate) event: &'a str,
    pub(crate) order_no: Option<&'a str>,
    pub(crate) seal: &'static str,
    /// What is sent in place of the event.
    pub(crate) body: Option<String>,
    /// Of those that are due together, a higher one waits for the lower ones.
    pub(crate) place: i64,
    pub(crate) due: i64,
    /// Sends that count as made.
    pub(crate) attempts: i64,
}

/// A webhook that is to be sent now.
pub(crate) struct DueWebhook {
    pub(crate) id: i64,
    pub(crate) seal: String,
    pub(crate) attempts: i64,
    pub(crate) body: String,
}

/// How far the merchant has been told of something.
pub(crate) struct WebhookState {
    pub(crate) kind: String,
    /// When it is sent next; `None`: never again.
    pub(crate) due: Option<i64>,
    pub(crate) attempts: i64,
    pub(crate) last_status: Option<i64>,
}

impl StripeTx {
    pub(crate) async fn owe(&mut self, webhook: &NewWebhook<'_>) -> Result<(), SandboxError> {
        sqlx::query(OWE)
            .bind(webhook.event)
            .bind(webhook.order_no)
            .bind(webhook.seal)
            .bind(&webhook.body)
            .bind(webhook.place)
            .bind(webhook.due)
            .bind(webhook.attempts)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Those that are due and wait for no other; their due time moves on as a lease.
    pub(crate) async fn claim_webhooks(
        &mut self,
        now: i64,
        lease: i64,
        limit: i64,
    ) -> Result<Vec<DueWebhook>, SandboxError> {
        let rows = sqlx::query(CLAIM)
            .bind(now)
            .bind(lease)
            .bind(limit)
            .fetch_all(&mut *self.tx)
            .await?;
        let due = |row: &SqliteRow| {
            Ok(DueWebhook {
                id: row.try_get("id")?,
                seal: row.try_get("seal")?,
                attempts: row.try_get("attempts")?,
                body: row.try_get("body")?,
            })
        };
        let mut due: Vec<_> = rows.iter().map(due).collect::<Result<_, SandboxError>>()?;
        due.sort_by_key(|webhook| webhook.id);
        Ok(due)
    }

    /// Writes what came of the very attempt that was claimed.
    pub(crate) async fn finish_webhook(
        &mut self,
        webhook: &DueWebhook,
        due: Option<i64>,
        status: Option<u16>,
    ) -> Result<(), SandboxError> {
        sqlx::query(FINISH)
            .bind(webhook.id)
            .bind(webhook.attempts)
            .bind(due)
            .bind(status)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// The last few of an order, oldest first.
    pub(crate) async fn webhooks_of(
        &mut self,
        order_no: &str,
    ) -> Result<Vec<WebhookState>, SandboxError> {
        let rows = sqlx::query(OF_ORDER)
            .bind(order_no)
            .fetch_all(&mut *self.tx)
            .await?;
        let state = |row: &SqliteRow| {
            Ok(WebhookState {
                kind: row.try_get("kind")?,
                due: row.try_get("due")?,
                attempts: row.try_get("attempts")?,
                last_status: row.try_get("last_status")?,
            })
        };
        rows.iter().rev().map(state).collect()
    }
}

const OWE: &str = "INSERT INTO stripe_webhooks (event, order_no, seal, body, place, due, attempts)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const CLAIM: &str = "UPDATE stripe_webhooks SET due = $2, attempts = attempts + 1
    WHERE id IN (SELECT id FROM stripe_webhooks WHERE due <= $1
        AND place = (SELECT MIN(place) FROM stripe_webhooks WHERE due <= $1) ORDER BY due, id LIMIT $3)
    RETURNING id, seal, attempts,
        COALESCE(body, (SELECT o.body FROM stripe_objects o WHERE o.id = event)) AS body";

const FINISH: &str =
    "UPDATE stripe_webhooks SET due = $3, last_status = $4 WHERE id = $1 AND attempts = $2";

const OF_ORDER: &str =
    "SELECT json_extract(o.body, '$.type') AS kind, w.due, w.attempts, w.last_status
    FROM stripe_webhooks w JOIN stripe_objects o ON o.id = w.event
    WHERE w.order_no = $1 ORDER BY w.id DESC LIMIT 12";
