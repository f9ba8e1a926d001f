//! `change_quotes`: what was counted for the plan that an order replaces, when it was placed.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, PaymentId, SubscriptionId};
use tollgate_kernel::money::Money;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::Reader;

/// What was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangeQuote {
    /// What is to be replaced.
    pub(crate) subscription: SubscriptionId,
    /// What was counted for it.
    pub(crate) credit: Money,
    /// Terms of the new plan.
    pub(crate) terms: u32,
}

row!(
    struct QuoteRow {
        subscription_id: Uuid,
        credit: i64,
        currency: String,
        terms: i64,
    }
);

/// Writes it down with its order.
pub(crate) async fn insert(
    tx: &mut Tx,
    order: PaymentId,
    quote: &ChangeQuote,
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(order.uuid())
        .bind(quote.subscription.uuid())
        .bind(quote.credit.minor())
        .bind(quote.credit.currency().code())
        .bind(i64::from(quote.terms))
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Of an order.
pub(crate) async fn read(tx: &mut Tx, order: PaymentId) -> Result<Option<ChangeQuote>> {
    let row: Option<QuoteRow> = in_tx!(tx, |c| sqlx::query_as(READ)
        .bind(order.uuid())
        .fetch_optional(c)
        .await)?;
    row.map(|row| quote(order, &row)).transpose()
}

/// The same, outside of a transaction.
pub(crate) async fn find(db: &Db, order: PaymentId) -> Result<Option<ChangeQuote>> {
    let row: Option<QuoteRow> = on_read!(db, |e| sqlx::query_as(READ)
        .bind(order.uuid())
        .fetch_optional(e)
        .await)?;
    row.map(|row| quote(order, &row)).transpose()
}

fn quote(order: PaymentId, row: &QuoteRow) -> Result<ChangeQuote> {
    let read = Reader {
        table: "change_quotes",
        row: order.uuid(),
    };
    Ok(ChangeQuote {
        subscription: row.subscription_id.into(),
        credit: read.money(row.credit, &row.currency)?,
        terms: u32::try_from(row.terms).unwrap_or(1),
    })
}

/// The subscription that took the place of this one, and was paid with what was left of it.
pub(crate) async fn successor(
    tx: &mut Tx,
    before: SubscriptionId,
) -> Result<Option<SubscriptionId>> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(SUCCESSOR)
        .bind(before.uuid())
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(id,)| id.into()))
}

const INSERT: &str =
    "INSERT INTO change_quotes (payment_id, subscription_id, credit, currency, terms, created_at)
    VALUES ($1, $2, $3, $4, $5, $6)";
const READ: &str =
    "SELECT subscription_id, credit, currency, terms FROM change_quotes WHERE payment_id = $1";
const SUCCESSOR: &str = "SELECT p.subscription_id FROM change_quotes q
    JOIN payment_transactions p ON p.id = q.payment_id
    WHERE q.subscription_id = $1 AND q.credit > 0 AND p.subscription_id IS NOT NULL LIMIT 1";

pub(crate) const STATEMENTS: &[&str] = &[INSERT, READ, SUCCESSOR];
