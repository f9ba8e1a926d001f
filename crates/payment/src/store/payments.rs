//! `payment_transactions`.

use serde_json::Value;
use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, Ids, PaymentId, PlanId, SubscriptionId, UserId};
use tollgate_kernel::money::Currency;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::counted;
use crate::model::payment::{MerchantAccount, OrderNo, Payment, PaymentMethod, PaymentStatus};
use crate::model::scene::Scene;
use crate::model::stats::{TransactionTotal, Turnover};
use crate::model::suspense::Kept;
use crate::providers::VerifiedPayment;

/// Seven thousand years: later than any payment.
const FOR_EVER: std::time::Duration = std::time::Duration::from_hours(7_000 * 8_766);

row!(
    struct PaymentRow {
        id: Uuid,
        user_id: Uuid,
        subscription_id: Option<Uuid>,
        amount: i64,
        currency: String,
        payment_method: String,
        payment_provider_id: Option<String>,
        provider_order_id: Option<String>,
        created_at: At,
        state: String,
        purpose: String,
        plan_id: Option<Uuid>,
        plan_version: Option<i64>,
        livemode: bool,
        provider_app_id: String,
        provider_merchant_id: String,
        action: Option<Json<Value>>,
        client: Option<String>,
        return_url: Option<String>,
        description: String,
        metadata: Json<Value>,
        failure_code: Option<String>,
        expires_at: At,
        paid_at: Option<At>,
        superseded_at: Option<At>,
        refunded: i64,
        refunding: i64,
    }
);

impl TryFrom<PaymentRow> for Payment {
    type Error = tollgate_storage::StorageError;

    fn try_from(row: PaymentRow) -> Result<Self> {
        let read = Reader {
            table: "payment_transactions",
            row: row.id,
        };
        Ok(Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            subscription_id: row.subscription_id.map(SubscriptionId::from),
            amount: read.money(row.amount, &row.currency)?,
            method: read.text("payment_method", &row.payment_method)?,
            account: MerchantAccount {
                app_id: row.provider_app_id,
                merchant_id: row.provider_merchant_id,
            },
            livemode: row.livemode,
            provider_order_id: row.provider_order_id,
            provider_transaction_id: row.payment_provider_id,
            state: read.text("state", &row.state)?,
            purpose: read.text("purpose", &row.purpose)?,
            plan: row.plan_id.map(PlanId::from).zip(row.plan_version),
            action: row.action.map(|action| action.0),
            scene: match &row.client {
                Some(word) => read.text("client", word)?,
                None => Scene::Pc,
            },
            return_url: row.return_url,
            description: row.description,
            metadata: row.metadata.0,
            failure_code: row.failure_code,
            superseded_at: row.superseded_at.map(Timestamp::from_utc),
            created_at: Timestamp::from_utc(row.created_at),
            expires_at: Timestamp::from_utc(row.expires_at),
            paid_at: row.paid_at.map(Timestamp::from_utc),
            refunded_minor: row.refunded,
            refunding_minor: row.refunding,
        })
    }
}

/// One of a person's payments.
pub(crate) async fn find_own(db: &Db, user: UserId, id: PaymentId) -> Result<Option<Payment>> {
    let row: Option<PaymentRow> = on_read!(db, |e| sqlx::query_as(FIND_OWN)
        .bind(id.uuid())
        .bind(user.uuid())
        .fetch_optional(e)
        .await)?;
    row.map(Payment::try_from).transpose()
}

/// A payment by the hash of its checkout link: whoever has the link may see it.
pub(crate) async fn find_by_link(db: &Db, link_hash: &[u8; 32]) -> Result<Option<Payment>> {
    let row: Option<PaymentRow> = on_read!(db, |e| sqlx::query_as(FIND_BY_LINK)
        .bind(link_hash.as_slice())
        .fetch_optional(e)
        .await)?;
    row.map(Payment::try_from).transpose()
}

/// For work that nobody asked for: the reconciler's.
pub(crate) async fn find_any(db: &Db, id: PaymentId) -> Result<Option<Payment>> {
    let row: Option<PaymentRow> = on_read!(db, |e| sqlx::query_as(FIND_ANY)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    row.map(Payment::try_from).transpose()
}

/// The same, inside a transaction.
pub(crate) async fn read(tx: &mut Tx, id: PaymentId) -> Result<Option<Payment>> {
    let row: Option<PaymentRow> = in_tx!(tx, |c| sqlx::query_as(FIND_ANY)
        .bind(id.uuid())
        .fetch_optional(c)
        .await)?;
    row.map(Payment::try_from).transpose()
}

/// The order a provider speaks of, as it is now.
pub(crate) async fn read_by_order_no(tx: &mut Tx, order_no: &OrderNo) -> Result<Option<Payment>> {
    let row: Option<PaymentRow> = in_tx!(tx, |c| sqlx::query_as(READ_BY_ORDER_NO)
        .bind(order_no.as_str())
        .fetch_optional(c)
        .await)?;
    row.map(Payment::try_from).transpose()
}

/// The payment that this money paid.
pub(crate) async fn read_by_money(
    tx: &mut Tx,
    method: PaymentMethod,
    livemode: bool,
    transaction_id: &str,
) -> Result<Option<Payment>> {
    let row: Option<PaymentRow> = in_tx!(tx, |c| sqlx::query_as(READ_BY_MONEY)
        .bind(method.as_str())
        .bind(livemode)
        .bind(transaction_id)
        .fetch_optional(c)
        .await)?;
    row.map(Payment::try_from).transpose()
}

/// Whether another renewal of the same plan was paid while this one was open.
pub(crate) async fn is_renewed_meanwhile(tx: &mut Tx, order: &Payment) -> Result<bool> {
    let (count,): (i64,) = in_tx!(tx, |c| sqlx::query_as(RENEWED_MEANWHILE)
        .bind(order.user_id.uuid())
        .bind(order.id.uuid())
        .bind(order.livemode)
        .bind(order.plan.map(|(plan, _)| plan.uuid()))
        .bind(order.created_at.utc())
        .fetch_one(c)
        .await)?;
    Ok(count > 0)
}

/// The open order of a person for a plan on a rail.
pub(crate) async fn find_open(
    db: &Db,
    user: UserId,
    plan: PlanId,
    method: PaymentMethod,
    livemode: bool,
) -> Result<Option<Payment>> {
    let row: Option<PaymentRow> = on_read!(db, |e| sqlx::query_as(FIND_OPEN)
        .bind(user.uuid())
        .bind(plan.uuid())
        .bind(method.as_str())
        .bind(livemode)
        .fetch_optional(e)
        .await)?;
    row.map(Payment::try_from).transpose()
}

/// Which payments; every condition that is given must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) user: Option<UserId>,
    pub(crate) status: Option<PaymentStatus>,
    pub(crate) method: Option<PaymentMethod>,
    pub(crate) currency: Option<Currency>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) before: Option<PaymentId>,
}

/// Payments, newest first.
pub(crate) async fn list(
    db: &Db,
    wanted: &Wanted,
    livemode: bool,
    limit: i64,
) -> Result<Vec<Payment>> {
    // The highest of all ids, where there is no cursor; all of time, where there are no bounds.
    let before = wanted.before.map_or(Uuid::max(), Id::uuid);
    let user = wanted.user.map(Id::uuid);
    let to = wanted.to.unwrap_or(Timestamp::EPOCH.after(FOR_EVER));
    let rows: Vec<PaymentRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(before)
        .bind(user.unwrap_or_default())
        .bind(user.is_none())
        .bind(wanted.status.map_or("", PaymentStatus::as_str))
        .bind(wanted.status.is_none())
        .bind(wanted.method.map_or("", PaymentMethod::as_str))
        .bind(wanted.method.is_none())
        .bind(wanted.from.unwrap_or(Timestamp::EPOCH).utc())
        .bind(to.utc())
        .bind(livemode)
        .bind(limit)
        .bind(wanted.currency.map_or("", Currency::code))
        .bind(wanted.currency.is_none())
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(Payment::try_from).collect()
}

row!(
    struct TotalRow {
        currency: String,
        orders: i64,
        payments: i64,
        paid: i64,
        refunds: i64,
        refunded: i64,
    }
);

/// What the payments that `wanted` names come to, by currency. Ids are times: only what was ordered within the time is
/// looked at.
pub(crate) async fn totals(
    db: &Db,
    wanted: &Wanted,
    livemode: bool,
) -> Result<Vec<TransactionTotal>> {
    let lowest = |at: Timestamp| Ids::lowest::<PaymentId>(at).uuid();
    let user = wanted.user.map(Id::uuid);
    let rows: Vec<TotalRow> = on_read!(db, |e| sqlx::query_as(TOTALS)
        .bind(wanted.from.map_or(Uuid::nil(), lowest))
        .bind(wanted.to.map_or(Uuid::max(), lowest))
        .bind(user.unwrap_or_default())
        .bind(user.is_none())
        .bind(wanted.status.map_or("", PaymentStatus::as_str))
        .bind(wanted.status.is_none())
        .bind(wanted.method.map_or("", PaymentMethod::as_str))
        .bind(wanted.method.is_none())
        .bind(livemode)
        .bind(wanted.currency.map_or("", Currency::code))
        .bind(wanted.currency.is_none())
        .fetch_all(e)
        .await)?;
    let read = Reader {
        table: "payment_transactions",
        row: Uuid::nil(),
    };
    let total = |row: TotalRow| {
        let paid = read.money(row.paid, &row.currency)?;
        let refunded = read.money(row.refunded, &row.currency)?;
        let paid = Turnover::paid(paid, row.payments);
        Ok(TransactionTotal {
            orders: row.orders,
            paid: paid.and(&Turnover::gone_back(refunded, row.refunds)),
        })
    };
    rows.into_iter().map(total).collect()
}

/// Of this number of ours, or with money of this number of the provider's.
pub(crate) async fn numbered(
    db: &Db,
    ours: &str,
    theirs: &str,
    livemode: bool,
) -> Result<Vec<Payment>> {
    let rows: Vec<PaymentRow> = on_read!(db, |e| sqlx::query_as(NUMBERED)
        .bind(ours)
        .bind(theirs)
        .bind(livemode)
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(Payment::try_from).collect()
}

/// Writes an order down before anybody outside hears of it. `false`: the person has an open order
/// for this plan on this rail.
pub(crate) async fn insert(tx: &mut Tx, new: &Payment, link_hash: &[u8; 32]) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(new.id.uuid())
        .bind(new.user_id.uuid())
        .bind(new.amount.minor())
        .bind(new.amount.currency().code())
        .bind(new.method.as_str())
        .bind(new.created_at.utc())
        .bind(new.order_no().as_str())
        .bind(new.purpose.as_str())
        .bind(new.plan.map(|(id, _)| id.uuid()))
        .bind(new.plan.map(|(_, version)| version))
        .bind(new.livemode)
        .bind(&new.account.app_id)
        .bind(&new.account.merchant_id)
        .bind(link_hash.as_slice())
        .bind(&new.description)
        .bind(new.scene.as_str())
        .bind(new.expires_at.utc())
        .bind(&new.return_url)
        .bind(Json(&new.metadata))
        .bind(new.superseded_at.map(Timestamp::utc))
        .fetch_optional(c)
        .await)?;
    count(tx, new, PaymentStatus::Pending, row.is_some());
    Ok(row.is_some())
}

/// The provider took the order, or offers another way to pay it: the newest one is kept. `false`: it
/// moved on meanwhile (a callback can be faster).
pub(crate) async fn submitted(
    tx: &mut Tx,
    order: &Payment,
    action: &Value,
    provider_order_id: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(SUBMITTED)
        .bind(order.id.uuid())
        .bind(Json(action))
        .bind(order.scene.as_str())
        .bind(&order.return_url)
        .bind(now.utc())
        .bind(provider_order_id)
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Sets an open order aside so that a new one for the same plan can be made; it stays payable.
pub(crate) async fn supersede(tx: &mut Tx, id: PaymentId, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(SUPERSEDE)
        .bind(id.uuid())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Verified money reaches its order, if all five facts match: amount, currency, rail, application
/// and merchant (P2), in the mode it was made in. `false`: they do not, or it moved on since
/// `from` was read, or the provider's number already paid another order.
pub(crate) async fn settle(
    tx: &mut Tx,
    order: &Payment,
    money: &VerifiedPayment,
    livemode: bool,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(SETTLE)
        .bind(order.id.uuid())
        .bind(order.state.as_str())
        .bind(money.amount().minor())
        .bind(money.amount().currency().code())
        .bind(money.method().as_str())
        .bind(&money.account().app_id)
        .bind(&money.account().merchant_id)
        .bind(livemode)
        .bind(money.provider_transaction_id())
        .bind(money.paid_at().unwrap_or(now).utc())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    count(tx, order, PaymentStatus::Completed, row.is_some());
    Ok(row.is_some())
}

/// Money in suspense reaches an order after all, of its amount, currency, rail and mode. `false`: it does
/// not fit, or the order moved on since it was read.
pub(crate) async fn settle_kept(
    tx: &mut Tx,
    order: &Payment,
    kept: &Kept,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(SETTLE_KEPT)
        .bind(order.id.uuid())
        .bind(order.state.as_str())
        .bind(kept.amount.minor())
        .bind(kept.amount.currency().code())
        .bind(kept.rail.as_str())
        .bind(kept.livemode)
        .bind(&kept.transaction_id)
        .bind(kept.created_at.utc())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    count(tx, order, PaymentStatus::Completed, row.is_some());
    Ok(row.is_some())
}

/// Names the subscription that the money went to.
pub(crate) async fn bought(tx: &mut Tx, id: PaymentId, subscription: SubscriptionId) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(BOUGHT)
        .bind(id.uuid())
        .bind(subscription.uuid())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Gives an order up. `false`: it moved on since it was read.
pub(crate) async fn fail(
    tx: &mut Tx,
    order: &Payment,
    failure_code: &str,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(FAIL)
        .bind(order.id.uuid())
        .bind(order.state.as_str())
        .bind(failure_code)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    count(tx, order, PaymentStatus::Failed, row.is_some());
    Ok(row.is_some())
}

/// A statement above has moved it, if it `did`.
fn count(tx: &mut Tx, payment: &Payment, status: PaymentStatus, did: bool) {
    if did {
        let currency = payment.amount.currency().code();
        tx.count(counted::payment(payment.method, status, currency), 1);
    }
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, subscription_id, amount, currency, payment_method, payment_provider_id, provider_order_id, created_at,
            state, purpose, plan_id, plan_version, livemode, provider_app_id, provider_merchant_id, action, client, return_url,
            description, metadata,
            failure_code, expires_at, paid_at, superseded_at, refunded, refunding FROM payment_transactions ",
            $rest
        )
    };
}

const FIND_OWN: &str = columns!("WHERE id = $1 AND user_id = $2");
const FIND_BY_LINK: &str = columns!("WHERE link_hash = $1");
const FIND_ANY: &str = columns!("WHERE id = $1");
const READ_BY_ORDER_NO: &str = columns!("WHERE order_no = $1");
const READ_BY_MONEY: &str =
    columns!("WHERE payment_method = $1 AND livemode = $2 AND payment_provider_id = $3");
const RENEWED_MEANWHILE: &str =
    "SELECT COUNT(*) FROM payment_transactions WHERE user_id = $1 AND id <> $2 AND livemode = $3
    AND plan_id = $4 AND purpose = 'renewal' AND state = 'completed' AND subscription_id IS NOT NULL
    AND paid_at >= $5";
const FIND_OPEN: &str = columns!(
    "WHERE user_id = $1 AND plan_id = $2 AND payment_method = $3 AND livemode = $4
     AND state IN ('created', 'pending') AND superseded_at IS NULL"
);
const LIST: &str = columns!(
    "WHERE id < $1 AND (user_id = $2 OR $3) AND (status = $4 OR $5) AND (payment_method = $6 OR $7)
     AND created_at >= $8 AND created_at < $9 AND livemode = $10
     AND (currency = $12 OR $13) ORDER BY id DESC LIMIT $11"
);
const TOTALS: &str = "SELECT currency, COUNT(*) AS orders, COUNT(paid_at) AS payments,
        CAST(COALESCE(SUM(CASE WHEN paid_at IS NULL THEN 0 ELSE amount END), 0) AS BIGINT) AS paid,
        CAST(COALESCE(SUM(CASE WHEN refunded > 0 THEN 1 ELSE 0 END), 0) AS BIGINT) AS refunds,
        CAST(COALESCE(SUM(refunded), 0) AS BIGINT) AS refunded
    FROM payment_transactions WHERE id >= $1 AND id < $2 AND (user_id = $3 OR $4) AND (status = $5 OR $6)
      AND (payment_method = $7 OR $8) AND livemode = $9 AND (currency = $10 OR $11)
    GROUP BY currency ORDER BY currency";
// Each rail by its name: so the index of the providers' numbers is used.
const NUMBERED: &str = columns!(
    "WHERE livemode = $3 AND (order_no = $1 OR (payment_provider_id = $2
     AND payment_method IN ('alipay', 'wechat', 'stripe'))) ORDER BY id DESC LIMIT 10"
);
const INSERT: &str = "INSERT INTO payment_transactions (id, user_id, amount, currency, payment_method, status, state,
    created_at, updated_at, order_no, purpose, plan_id, plan_version, livemode, provider_app_id,
    provider_merchant_id, link_hash, description, client, expires_at, return_url, metadata,
    superseded_at)
    VALUES ($1, $2, $3, $4, $5, 'pending', 'created', $6, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
        $18, $19, $20)
    ON CONFLICT (user_id, plan_id, payment_method, livemode)
        WHERE state IN ('created', 'pending') AND superseded_at IS NULL DO NOTHING
    RETURNING id";
const SUBMITTED: &str =
    "UPDATE payment_transactions SET state = 'pending', action = $2, client = $3, return_url = $4, updated_at = $5,
    provider_order_id = COALESCE($6, provider_order_id), version = version + 1 WHERE id = $1 AND state IN ('created', 'pending') RETURNING version";
const SUPERSEDE: &str =
    "UPDATE payment_transactions SET superseded_at = $2, updated_at = $2, version = version + 1
    WHERE id = $1 AND superseded_at IS NULL AND state IN ('created', 'pending')";
const SETTLE: &str = "UPDATE payment_transactions SET state = 'completed', status = 'completed',
    payment_provider_id = $9, paid_at = $10, failure_code = NULL, updated_at = $11, version = version + 1
    WHERE id = $1 AND state = $2 AND state IN ('created', 'pending', 'failed')
      AND amount = $3 AND currency = $4 AND payment_method = $5
      AND provider_app_id = $6 AND provider_merchant_id = $7 AND livemode = $8
      AND NOT EXISTS (SELECT 1 FROM payment_transactions o WHERE o.payment_method = $5 AND o.livemode = $8
                      AND o.payment_provider_id = $9 AND o.id <> $1)
    RETURNING version";
const SETTLE_KEPT: &str = "UPDATE payment_transactions SET state = 'completed', status = 'completed',
    payment_provider_id = $7, paid_at = $8, failure_code = NULL, updated_at = $9, version = version + 1
    WHERE id = $1 AND state = $2 AND state IN ('created', 'pending', 'failed')
      AND amount = $3 AND currency = $4 AND payment_method = $5 AND livemode = $6
      AND NOT EXISTS (SELECT 1 FROM payment_transactions o WHERE o.payment_method = $5 AND o.livemode = $6
                      AND o.payment_provider_id = $7 AND o.id <> $1)
    RETURNING version";
const BOUGHT: &str = "UPDATE payment_transactions SET subscription_id = $2 WHERE id = $1";
const FAIL: &str =
    "UPDATE payment_transactions SET state = 'failed', status = 'failed', failure_code = $3,
    updated_at = $4, version = version + 1
    WHERE id = $1 AND state = $2 AND state IN ('created', 'pending') RETURNING version";

pub(crate) const STATEMENTS: &[&str] = &[
    FIND_OWN,
    FIND_BY_LINK,
    FIND_ANY,
    READ_BY_ORDER_NO,
    READ_BY_MONEY,
    RENEWED_MEANWHILE,
    FIND_OPEN,
    LIST,
    TOTALS,
    NUMBERED,
    INSERT,
    SUBMITTED,
    SUPERSEDE,
    SETTLE,
    SETTLE_KEPT,
    BOUGHT,
    FAIL,
];
