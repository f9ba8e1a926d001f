//! `refunds`, and what they take of their payments. One order of locks: the refund before its payment.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, Ids, PaymentId, RefundId, SuspenseId, UserId};
use tollgate_kernel::money::Money;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, StorageError, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::counted;
use crate::model::payment::PaymentStatus;
use crate::model::refund::{Refund, RefundNo, RefundOrigin, RefundState, RefundStatus};

row!(
    struct RefundRow {
        id: Uuid,
        payment_id: Option<Uuid>,
        suspense_id: Option<Uuid>,
        amount: i64,
        currency: String,
        state: String,
        origin: String,
        reason: String,
        requested_by: Option<Uuid>,
        end_subscription: bool,
        keep_subscription: bool,
        failure_code: Option<String>,
        created_at: At,
        settled_at: Option<At>,
    }
);

impl TryFrom<RefundRow> for Refund {
    type Error = StorageError;

    fn try_from(row: RefundRow) -> Result<Self> {
        let read = Reader {
            table: "refunds",
            row: row.id,
        };
        Ok(Self {
            id: row.id.into(),
            payment_id: row.payment_id.map(PaymentId::from),
            suspense_id: row.suspense_id.map(SuspenseId::from),
            amount: read.money(row.amount, &row.currency)?,
            state: read.text("state", &row.state)?,
            origin: read.text("origin", &row.origin)?,
            reason: row.reason,
            requested_by: row.requested_by.map(UserId::from),
            end_subscription: row.end_subscription,
            keep_subscription: row.keep_subscription,
            failure_code: row.failure_code,
            created_at: Timestamp::from_utc(row.created_at),
            settled_at: row.settled_at.map(Timestamp::from_utc),
        })
    }
}

/// Sets an amount of a paid payment aside. `false`: it is not paid, or so much of it is not left. The
/// condition is of the row that changes, so that any number at once stay within what was paid (P10). Money
/// that lies in suspense too goes back from there, and from nowhere else.
pub(crate) async fn reserve(
    tx: &mut Tx,
    payment: PaymentId,
    suspense: Option<SuspenseId>,
    amount: Money,
    livemode: bool,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(RESERVE)
        .bind(payment.uuid())
        .bind(amount.minor())
        .bind(now.utc())
        .bind(amount.currency().code())
        .bind(livemode)
        .bind(suspense.map_or(Uuid::nil(), Id::uuid))
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Writes a refund down whose amount is set aside.
pub(crate) async fn insert(tx: &mut Tx, new: &Refund) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(new.id.uuid())
        .bind(new.payment_id.map(Id::uuid))
        .bind(new.amount.minor())
        .bind(new.amount.currency().code())
        .bind(RefundNo::of(new.id).as_str())
        .bind(new.origin.as_str())
        .bind(&new.reason)
        .bind(new.requested_by.map(Id::uuid))
        .bind(new.end_subscription)
        .bind(new.created_at.utc())
        .bind(new.keep_subscription)
        .bind(new.suspense_id.map(Id::uuid))
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// The provider is about to be told, or has not said anything that decides. `false`: it is decided.
pub(crate) async fn under_way(
    tx: &mut Tx,
    id: RefundId,
    state: RefundState,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(UNDER_WAY)
        .bind(id.uuid())
        .bind(state.as_str())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Decides a refund, once: by answer, by query or by callback. `false`: it was decided before.
pub(crate) async fn settle(
    tx: &mut Tx,
    id: RefundId,
    state: RefundState,
    provider_refund_id: Option<&str>,
    failure_code: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(SETTLE)
        .bind(id.uuid())
        .bind(state.as_str())
        .bind(provider_refund_id)
        .bind(failure_code)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// What was set aside has gone back. `true`: that was all of the payment. `None`: so much was never set
/// aside, which no rule of ours explains.
pub(crate) async fn book(
    tx: &mut Tx,
    payment: PaymentId,
    amount: Money,
    now: Timestamp,
) -> Result<Option<bool>> {
    let row: Option<(String, String)> = in_tx!(tx, |c| sqlx::query_as(BOOK)
        .bind(payment.uuid())
        .bind(amount.minor())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    let Some((status, method)) = row else {
        return Ok(None);
    };
    let all = status == PaymentStatus::Refunded.as_str();
    if all {
        let read = Reader {
            table: "payment_transactions",
            row: payment.uuid(),
        };
        let method = read.text("payment_method", &method)?;
        let currency = amount.currency().code();
        tx.count(
            counted::payment(method, PaymentStatus::Refunded, currency),
            1,
        );
    }
    Ok(Some(all))
}

/// What was set aside is free again.
pub(crate) async fn free(
    tx: &mut Tx,
    payment: PaymentId,
    amount: Money,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(String,)> = in_tx!(tx, |c| sqlx::query_as(FREE)
        .bind(payment.uuid())
        .bind(amount.minor())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// A refund.
pub(crate) async fn find(db: &Db, id: RefundId) -> Result<Option<Refund>> {
    let row: Option<RefundRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    row.map(Refund::try_from).transpose()
}

/// The refund of ours that a provider speaks of.
pub(crate) async fn read_by_number(tx: &mut Tx, refund_no: &str) -> Result<Option<Refund>> {
    let row: Option<RefundRow> = in_tx!(tx, |c| sqlx::query_as(READ_BY_NUMBER)
        .bind(refund_no)
        .fetch_optional(c)
        .await)?;
    row.map(Refund::try_from).transpose()
}

/// The refund of a payment that somebody else has numbered.
pub(crate) async fn read_foreign(
    tx: &mut Tx,
    payment: PaymentId,
    number: &str,
) -> Result<Option<Refund>> {
    let row: Option<RefundRow> = in_tx!(tx, |c| sqlx::query_as(READ_FOREIGN)
        .bind(payment.uuid())
        .bind(number)
        .fetch_optional(c)
        .await)?;
    row.map(Refund::try_from).transpose()
}

/// Whether a refund of a payment is recorded under this number, ours or the provider's.
pub(crate) async fn is_known(tx: &mut Tx, payment: PaymentId, number: &str) -> Result<bool> {
    let (count,): (i64,) = in_tx!(tx, |c| sqlx::query_as(IS_KNOWN)
        .bind(payment.uuid())
        .bind(number)
        .fetch_one(c)
        .await)?;
    Ok(count > 0)
}

/// Which refunds; every condition that is given must hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) payment: Option<PaymentId>,
    pub(crate) state: Option<RefundState>,
    pub(crate) status: Option<RefundStatus>,
    pub(crate) origin: Option<RefundOrigin>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) before: Option<RefundId>,
}

/// Refunds, newest first.
pub(crate) async fn list(
    db: &Db,
    wanted: &Wanted,
    livemode: bool,
    limit: i64,
) -> Result<Vec<Refund>> {
    // Ids are times. The highest of all, where there is neither a cursor nor an end.
    let lowest = |at: Timestamp| Ids::lowest::<RefundId>(at).uuid();
    let before = wanted.before.map_or(Uuid::max(), Id::uuid);
    let before = before.min(wanted.to.map_or(Uuid::max(), lowest));
    let payment = wanted.payment.map(Id::uuid);
    let rows: Vec<RefundRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(before)
        .bind(payment.unwrap_or_default())
        .bind(payment.is_none())
        .bind(livemode)
        .bind(limit)
        .bind(wanted.state.map_or("", RefundState::as_str))
        .bind(wanted.state.is_none())
        .bind(wanted.status.map_or("", RefundStatus::as_str))
        .bind(wanted.status.is_none())
        .bind(wanted.origin.map_or("", RefundOrigin::as_str))
        .bind(wanted.origin.is_none())
        .bind(wanted.from.map_or(Uuid::nil(), lowest))
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(Refund::try_from).collect()
}

/// Refunds of what one person paid, newest first, from below `before` on.
pub(crate) async fn list_of_person(
    db: &Db,
    user: UserId,
    before: Option<RefundId>,
    livemode: bool,
    limit: i64,
) -> Result<Vec<Refund>> {
    let rows: Vec<RefundRow> = on_read!(db, |e| sqlx::query_as(LIST_OF_PERSON)
        .bind(before.map_or(Uuid::max(), Id::uuid))
        .bind(user.uuid())
        .bind(livemode)
        .bind(limit)
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(Refund::try_from).collect()
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.payment_id, r.suspense_id, r.amount, r.currency, r.state, r.origin, r.reason, r.requested_by,
            r.end_subscription, r.keep_subscription, r.failure_code, r.created_at, r.settled_at FROM refunds r ",
            $rest
        )
    };
}

const RESERVE: &str = "UPDATE payment_transactions SET refunding = refunding + $2, updated_at = $3, version = version + 1
    WHERE id = $1 AND status = 'completed' AND currency = $4 AND livemode = $5
      AND refunded + refunding + $2 <= amount
      AND NOT EXISTS (SELECT 1 FROM suspense s WHERE s.provider = payment_transactions.payment_method
          AND s.livemode = payment_transactions.livemode AND s.state <> 'applied' AND s.id <> $6
          AND s.provider_transaction_id = payment_transactions.payment_provider_id) RETURNING refunding";
const INSERT: &str = "INSERT INTO refunds (id, payment_id, amount, currency, refund_no, origin, reason, requested_by,
    end_subscription, status, state, created_at, updated_at, keep_subscription, suspense_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', 'reserved', $10, $10, $11, $12)";
const UNDER_WAY: &str = "UPDATE refunds SET state = $2, updated_at = $3, version = version + 1
    WHERE id = $1 AND status = 'pending' AND $2 IN ('submitted', 'unknown') RETURNING version";
const SETTLE: &str =
    "UPDATE refunds SET status = $2, state = $2, provider_refund_id = $3, failure_code = $4,
    settled_at = $5, updated_at = $5, version = version + 1
    WHERE id = $1 AND status = 'pending' AND $2 IN ('succeeded', 'failed') RETURNING version";
const BOOK: &str = "UPDATE payment_transactions SET refunding = refunding - $2, refunded = refunded + $2, updated_at = $3,
    version = version + 1,
    status = CASE WHEN refunded + $2 = amount THEN 'refunded' ELSE status END,
    state = CASE WHEN refunded + $2 = amount THEN 'refunded' ELSE state END
    WHERE id = $1 AND refunding >= $2 AND status = 'completed' RETURNING status, payment_method";
const FREE: &str = "UPDATE payment_transactions SET refunding = refunding - $2, updated_at = $3, version = version + 1
    WHERE id = $1 AND refunding >= $2 RETURNING status";
const FIND: &str = columns!("WHERE r.id = $1");
const READ_BY_NUMBER: &str = columns!("WHERE r.refund_no = $1");
const READ_FOREIGN: &str = columns!("WHERE r.payment_id = $1 AND r.provider_refund_id = $2");
const IS_KNOWN: &str = "SELECT COUNT(*) FROM refunds WHERE payment_id = $1 AND status <> 'failed'
    AND (provider_refund_id = $2 OR refund_no = $2)";
const LIST: &str = columns!(
    "LEFT JOIN payment_transactions p ON p.id = r.payment_id LEFT JOIN suspense s ON s.id = r.suspense_id
    WHERE r.id < $1 AND r.id >= $12 AND (r.payment_id = $2 OR $3) AND COALESCE(p.livemode, s.livemode) = $4
      AND (r.state = $6 OR $7) AND (r.status = $8 OR $9) AND (r.origin = $10 OR $11) ORDER BY r.id DESC LIMIT $5"
);
const LIST_OF_PERSON: &str = columns!(
    "JOIN payment_transactions p ON p.id = r.payment_id
    WHERE r.id < $1 AND p.user_id = $2 AND p.livemode = $3 ORDER BY r.id DESC LIMIT $4"
);

pub(crate) const STATEMENTS: &[&str] = &[
    RESERVE,
    INSERT,
    UNDER_WAY,
    SETTLE,
    BOOK,
    FREE,
    FIND,
    READ_BY_NUMBER,
    READ_FOREIGN,
    IS_KNOWN,
    LIST,
    LIST_OF_PERSON,
];
