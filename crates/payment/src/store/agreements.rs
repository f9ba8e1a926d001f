//! What is kept of agreements: columns of `subscriptions`, and `provider_customers`.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, PlanId, SubscriptionId, UserId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read};
use uuid::Uuid;

use super::Reader;
use crate::model::payment::PaymentMethod;
use crate::model::subscription::{Subscription, SubscriptionState};

/// Whose agreement it is, and for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Party {
    pub(crate) subscription: SubscriptionId,
    pub(crate) user: UserId,
    pub(crate) plan: PlanId,
    /// Whether it is to debit by itself: `None`, since the subscription has ended.
    pub(crate) renews: Option<bool>,
}

/// By the provider's number of the agreement; the subscription may have ended.
pub(crate) async fn read(
    tx: &mut Tx,
    method: PaymentMethod,
    livemode: bool,
    agreement_id: &str,
) -> Result<Option<Party>> {
    let row: Option<(Uuid, Uuid, Uuid, Option<bool>)> = in_tx!(tx, |c| sqlx::query_as(READ)
        .bind(method.as_str())
        .bind(agreement_id)
        .bind(livemode)
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(id, user, plan, renews)| Party {
        subscription: id.into(),
        user: user.into(),
        plan: plan.into(),
        renews,
    }))
}

/// The agreement that a subscription goes on by: the rail, and the provider's number of it.
pub(crate) async fn of(
    tx: &mut Tx,
    subscription: SubscriptionId,
) -> Result<Option<(PaymentMethod, String)>> {
    let row: Option<(String, String)> = in_tx!(tx, |c| sqlx::query_as(OF)
        .bind(subscription.uuid())
        .fetch_optional(c)
        .await)?;
    let read = Reader {
        table: "subscriptions",
        row: subscription.uuid(),
    };
    row.map(|(method, id)| Ok((read.text("provider", &method)?, id)))
        .transpose()
}

/// Takes the agreements of a person's ended subscriptions that would still debit; gives each once.
pub(crate) async fn take_lapsed(
    tx: &mut Tx,
    user: UserId,
    livemode: bool,
    now: Timestamp,
) -> Result<Vec<(PaymentMethod, String)>> {
    let rows: Vec<(Uuid, String, String)> = in_tx!(tx, |c| sqlx::query_as(TAKE_LAPSED)
        .bind(user.uuid())
        .bind(livemode)
        .bind(now.utc())
        .fetch_all(c)
        .await)?;
    let lapsed = rows.into_iter().map(|(row, method, id)| {
        let read = Reader {
            table: "subscriptions",
            row,
        };
        Ok((read.text("provider", &method)?, id))
    });
    lapsed.collect()
}

/// The amount that was agreed: of the order that was paid last for this subscription by this rail.
pub(crate) async fn price(
    tx: &mut Tx,
    subscription: SubscriptionId,
    method: PaymentMethod,
) -> Result<Option<Money>> {
    let row: Option<(i64, String)> = in_tx!(tx, |c| sqlx::query_as(PRICE)
        .bind(subscription.uuid())
        .bind(method.as_str())
        .fetch_optional(c)
        .await)?;
    let read = Reader {
        table: "subscriptions",
        row: subscription.uuid(),
    };
    row.map(|(minor, currency)| {
        let currency: Currency = read.text("currency", &currency)?;
        Ok(Money::new(minor, currency))
    })
    .transpose()
}

/// Takes an agreement from every subscription but this one: it has one at a time.
pub(crate) async fn release(
    tx: &mut Tx,
    keeper: SubscriptionId,
    method: PaymentMethod,
    agreement_id: &str,
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(RELEASE)
        .bind(keeper.uuid())
        .bind(method.as_str())
        .bind(agreement_id)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// A subscription goes on by an agreement. `false`: it changed since it was read; read it again.
pub(crate) async fn bind(
    tx: &mut Tx,
    held: &Subscription,
    method: PaymentMethod,
    agreement_id: &str,
    entitled_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(BIND)
        .bind(held.id.uuid())
        .bind(held.version)
        .bind(method.as_str())
        .bind(agreement_id)
        .bind(entitled_until.map(Timestamp::utc))
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// What a provider tells of the agreement. `false`: the subscription changed since it was read.
pub(crate) async fn mirror(
    tx: &mut Tx,
    held: &Subscription,
    state: SubscriptionState,
    auto_renew: bool,
    entitled_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(MIRROR)
        .bind(held.id.uuid())
        .bind(held.version)
        .bind(state.as_str())
        .bind(state.status().as_str())
        .bind(auto_renew)
        .bind(entitled_until.map(Timestamp::utc))
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Who a person is at the provider: the newest number, since an older one may be gone there. Nobody is given another
/// person's.
pub(crate) async fn remember_customer(
    tx: &mut Tx,
    method: PaymentMethod,
    livemode: bool,
    user: UserId,
    customer_id: &str,
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(REMEMBER_CUSTOMER)
        .bind(method.as_str())
        .bind(livemode)
        .bind(user.uuid())
        .bind(customer_id)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// The provider's number of a person.
pub(crate) async fn find_customer(
    db: &Db,
    method: PaymentMethod,
    livemode: bool,
    user: UserId,
) -> Result<Option<String>> {
    let row: Option<(String,)> = on_read!(db, |e| sqlx::query_as(FIND_CUSTOMER)
        .bind(method.as_str())
        .bind(livemode)
        .bind(user.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(customer,)| customer))
}

const READ: &str =
    "SELECT id, user_id, plan_id, CASE WHEN ended_at IS NULL THEN auto_renew END FROM subscriptions
    WHERE provider = $1 AND provider_subscription_id = $2 AND livemode = $3";
const OF: &str = "SELECT provider, provider_subscription_id FROM subscriptions
    WHERE id = $1 AND provider IS NOT NULL AND provider_subscription_id IS NOT NULL";
const TAKE_LAPSED: &str = "UPDATE subscriptions SET auto_renew = FALSE, updated_at = $3
    WHERE user_id = $1 AND livemode = $2 AND ended_at IS NOT NULL AND auto_renew
      AND provider IS NOT NULL AND provider_subscription_id IS NOT NULL
    RETURNING id, provider, provider_subscription_id";
const PRICE: &str = "SELECT amount, currency FROM payment_transactions
    WHERE subscription_id = $1 AND payment_method = $2 AND paid_at IS NOT NULL
    ORDER BY paid_at DESC, id DESC LIMIT 1";
const RELEASE: &str = "UPDATE subscriptions SET provider_subscription_id = NULL, updated_at = $4,
    version = version + 1 WHERE provider = $2 AND provider_subscription_id = $3 AND id <> $1";
const BIND: &str =
    "UPDATE subscriptions SET provider = $3, provider_subscription_id = $4, auto_renew = TRUE,
    state = 'active', status = 'active', entitled_until = $5, updated_at = $6, version = version + 1
    WHERE id = $1 AND version = $2 AND ended_at IS NULL RETURNING version";
const MIRROR: &str =
    "UPDATE subscriptions SET state = $3, status = $4, auto_renew = $5, entitled_until = $6,
    updated_at = $7, version = version + 1
    WHERE id = $1 AND version = $2 AND ended_at IS NULL RETURNING version";
const REMEMBER_CUSTOMER: &str =
    "INSERT INTO provider_customers (provider, livemode, user_id, customer_id, created_at)
    SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM provider_customers o
        WHERE o.provider = $1 AND o.livemode = $2 AND o.customer_id = $4 AND o.user_id <> $3)
    ON CONFLICT (provider, livemode, user_id) DO UPDATE SET customer_id = excluded.customer_id";
const FIND_CUSTOMER: &str = "SELECT customer_id FROM provider_customers
    WHERE provider = $1 AND livemode = $2 AND user_id = $3";

pub(crate) const STATEMENTS: &[&str] = &[
    READ,
    OF,
    TAKE_LAPSED,
    PRICE,
    RELEASE,
    BIND,
    MIRROR,
    REMEMBER_CUSTOMER,
    FIND_CUSTOMER,
];
