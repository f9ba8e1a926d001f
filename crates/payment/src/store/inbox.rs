//! `webhook_inbox`: the gate of "applied once", for ever.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, PaymentId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read};
use uuid::Uuid;

use crate::model::payment::PaymentMethod;

/// Lets an event through once. `false`: it was here before. A rival that has not committed is
/// waited for.
pub(crate) async fn remember(
    tx: &mut Tx,
    provider: PaymentMethod,
    livemode: bool,
    event_key: &str,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(String,)> = in_tx!(tx, |c| sqlx::query_as(REMEMBER)
        .bind(provider.as_str())
        .bind(livemode)
        .bind(event_key)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Whether an event was let through before.
pub(crate) async fn is_known(
    db: &Db,
    provider: PaymentMethod,
    livemode: bool,
    event_key: &str,
) -> Result<bool> {
    let row: Option<(String,)> = on_read!(db, |e| sqlx::query_as(IS_KNOWN)
        .bind(provider.as_str())
        .bind(livemode)
        .bind(event_key)
        .fetch_optional(e)
        .await)?;
    Ok(row.is_some())
}

/// Notes what the event came to, in the transaction that let it through.
pub(crate) async fn note(
    tx: &mut Tx,
    provider: PaymentMethod,
    livemode: bool,
    event_key: &str,
    payment: Option<PaymentId>,
    outcome: &str,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(NOTE)
        .bind(provider.as_str())
        .bind(livemode)
        .bind(event_key)
        .bind(payment.map(Id::uuid))
        .bind(outcome)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Which order an event that was let through was about.
pub(crate) async fn read_payment(
    tx: &mut Tx,
    provider: PaymentMethod,
    livemode: bool,
    event_key: &str,
) -> Result<Option<PaymentId>> {
    let row: Option<(Option<Uuid>,)> = in_tx!(tx, |c| sqlx::query_as(READ_PAYMENT)
        .bind(provider.as_str())
        .bind(livemode)
        .bind(event_key)
        .fetch_optional(c)
        .await)?;
    Ok(row.and_then(|(payment,)| payment).map(PaymentId::from))
}

const IS_KNOWN: &str =
    "SELECT event_key FROM webhook_inbox WHERE provider = $1 AND livemode = $2 AND event_key = $3";
const REMEMBER: &str = "INSERT INTO webhook_inbox (provider, livemode, event_key, outcome, received_at)
    VALUES ($1, $2, $3, 'received', $4) ON CONFLICT (provider, livemode, event_key) DO NOTHING RETURNING event_key";
const NOTE: &str = "UPDATE webhook_inbox SET payment_id = $4, outcome = $5
    WHERE provider = $1 AND livemode = $2 AND event_key = $3";

const READ_PAYMENT: &str = "SELECT payment_id FROM webhook_inbox
    WHERE provider = $1 AND livemode = $2 AND event_key = $3";

pub(crate) const STATEMENTS: &[&str] = &[IS_KNOWN, REMEMBER, NOTE, READ_PAYMENT];
