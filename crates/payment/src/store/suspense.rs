//! `suspense`: verified money that fits no payable order.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, PaymentId, SuspenseId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, StorageError, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::payment::SuspenseCause;
use crate::model::suspense::{Kept, SuspenseState};
use crate::providers::VerifiedPayment;

row!(
    struct SuspenseRow {
        id: Uuid,
        provider: String,
        livemode: bool,
        provider_transaction_id: String,
        order_no: Option<String>,
        payment_id: Option<Uuid>,
        amount: i64,
        currency: String,
        cause: String,
        state: String,
        resolved_by: Option<Uuid>,
        resolved_at: Option<At>,
        note: Option<String>,
        created_at: At,
    }
);

impl TryFrom<SuspenseRow> for Kept {
    type Error = StorageError;

    fn try_from(row: SuspenseRow) -> Result<Self> {
        let read = Reader {
            table: "suspense",
            row: row.id,
        };
        Ok(Self {
            id: row.id.into(),
            rail: read.text("provider", &row.provider)?,
            livemode: row.livemode,
            transaction_id: row.provider_transaction_id,
            order_no: row.order_no.unwrap_or_default(),
            payment_id: row.payment_id.map(PaymentId::from),
            amount: read.money(row.amount, &row.currency)?,
            cause: read.text("cause", &row.cause)?,
            state: read.text("state", &row.state)?,
            note: row.note,
            resolved_by: row.resolved_by.map(UserId::from),
            resolved_at: row.resolved_at.map(Timestamp::from_utc),
            created_at: Timestamp::from_utc(row.created_at),
        })
    }
}

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

/// Who decides, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision<'a> {
    pub(crate) by: Option<UserId>,
    pub(crate) note: &'a str,
}

/// Decides about money that waits: `to` is applied, refunding or held. `false`: it does not wait
/// any more, somebody was faster.
pub(crate) async fn decide(
    tx: &mut Tx,
    id: SuspenseId,
    to: SuspenseState,
    decision: Decision<'_>,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(DECIDE)
        .bind(id.uuid())
        .bind(to.as_str())
        .bind(decision.by.map(Id::uuid))
        .bind(decision.note)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// What was on its way back has arrived (`refunded`), or will not (`held`). `false`: it was not on
/// its way.
pub(crate) async fn returned(
    tx: &mut Tx,
    id: SuspenseId,
    to: SuspenseState,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(RETURNED)
        .bind(id.uuid())
        .bind(to.as_str())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// One of them.
pub(crate) async fn find(db: &Db, id: SuspenseId) -> Result<Option<Kept>> {
    let row: Option<SuspenseRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    row.map(Kept::try_from).transpose()
}

/// Newest first, from below `before` on; in one state, or in all.
pub(crate) async fn list(
    db: &Db,
    state: Option<SuspenseState>,
    before: Option<SuspenseId>,
    livemode: bool,
    limit: i64,
) -> Result<Vec<Kept>> {
    // The highest of all ids, where there is no cursor.
    let before = before.map_or(Uuid::max(), Id::uuid);
    let rows: Vec<SuspenseRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(before)
        .bind(state.map_or("", SuspenseState::as_str))
        .bind(state.is_none())
        .bind(livemode)
        .bind(limit)
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(Kept::try_from).collect()
}

/// What came under the number of a payment and is not its own, oldest first.
pub(crate) async fn of_payment(db: &Db, payment: PaymentId, limit: i64) -> Result<Vec<Kept>> {
    let rows: Vec<SuspenseRow> = on_read!(db, |e| sqlx::query_as(OF_PAYMENT)
        .bind(payment.uuid())
        .bind(limit)
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(Kept::try_from).collect()
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, provider, livemode, provider_transaction_id, order_no, payment_id, amount, currency, cause, state,
            resolved_by, resolved_at, note, created_at FROM suspense ",
            $rest
        )
    };
}

const INSERT: &str =
    "INSERT INTO suspense (id, provider, livemode, provider_transaction_id, order_no, payment_id,
    amount, currency, cause, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (provider, livemode, provider_transaction_id) DO NOTHING RETURNING id";
const DECIDE: &str = "UPDATE suspense SET state = $2, resolved_by = $3, note = $4, resolved_at = $5, version = version + 1
    WHERE id = $1 AND state IN ('open', 'held') AND $2 IN ('applied', 'refunding', 'held') RETURNING version";
const RETURNED: &str = "UPDATE suspense SET state = $2, resolved_at = $3, version = version + 1
    WHERE id = $1 AND state = 'refunding' AND $2 IN ('refunded', 'held') RETURNING version";
const FIND: &str = columns!("WHERE id = $1");
const LIST: &str =
    columns!("WHERE id < $1 AND (state = $2 OR $3) AND livemode = $4 ORDER BY id DESC LIMIT $5");
const OF_PAYMENT: &str = columns!("WHERE payment_id = $1 ORDER BY id LIMIT $2");

pub(crate) const STATEMENTS: &[&str] = &[INSERT, DECIDE, RETURNED, FIND, LIST, OF_PAYMENT];
