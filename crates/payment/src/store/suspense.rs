//! `suspense`: verified money that fits no payable order.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, PaymentId, SuspenseId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, in_tx};
use uuid::Uuid;

use crate::model::payment::SuspenseCause;
use crate::providers::VerifiedPayment;

/// Keeps the money for the operator. `false`: this money is kept already.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: SuspenseId,
    money: &VerifiedPayment,
    livemode: bool,
    payment: Option<PaymentId>,
    cause: SuspenseCause,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(id.uuid())
        .bind(money.method().as_str())
        .bind(livemode)
        .bind(money.provider_transaction_id())
        .bind(money.order_no())
        .bind(payment.map(Id::uuid))
        .bind(money.amount().minor())
        .bind(money.amount().currency().code())
        .bind(cause.as_str())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

const INSERT: &str =
    "INSERT INTO suspense (id, provider, livemode, provider_transaction_id, order_no, payment_id,
    amount, currency, cause, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (provider, livemode, provider_transaction_id) DO NOTHING RETURNING id";

pub(crate) const STATEMENTS: &[&str] = &[INSERT];
