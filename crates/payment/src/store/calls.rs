//! `webhook_calls`: every inbound call as it came.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{CallId, Id, PaymentId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, in_tx};

use crate::model::payment::PaymentMethod;

/// One inbound call.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) id: CallId,
    pub(crate) provider: PaymentMethod,
    pub(crate) livemode: bool,
    pub(crate) verdict: &'static str,
    pub(crate) event_key: Option<&'a str>,
    pub(crate) payment_id: Option<PaymentId>,
    pub(crate) headers: &'a [u8],
    pub(crate) body: &'a [u8],
    pub(crate) reply_status: u16,
    pub(crate) duration_us: i64,
    pub(crate) received_at: Timestamp,
}

/// Keeps it.
pub(crate) async fn insert(tx: &mut Tx, call: &Call<'_>) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(call.id.uuid())
        .bind(call.provider.as_str())
        .bind(call.livemode)
        .bind(call.verdict)
        .bind(call.event_key)
        .bind(call.payment_id.map(Id::uuid))
        .bind(call.headers)
        .bind(call.body)
        .bind(i64::from(call.reply_status))
        .bind(call.duration_us)
        .bind(call.received_at.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

const INSERT: &str = "INSERT INTO webhook_calls (id, provider, livemode, verdict, event_key, payment_id, headers,
    body, reply_status, duration_us, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

pub(crate) const STATEMENTS: &[&str] = &[INSERT];
