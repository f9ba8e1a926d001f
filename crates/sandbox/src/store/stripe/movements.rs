//! Stripe's own books: every movement of money, written in the transaction that moves it.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::StripeTx;
use crate::SandboxError;
use crate::store::Store;

/// Money that moves now.
pub(crate) struct NewStripeMovement<'a> {
    pub(crate) order_no: Option<&'a str>,
    pub(crate) payment_intent: &'a str,
    /// The charge, refund or dispute that moves it.
    pub(crate) number: &'a str,
    pub(crate) comes_in: bool,
    pub(crate) cause: &'static str,
    pub(crate) amount: i64,
    pub(crate) currency: &'a str,
    pub(crate) at: i64,
}

pub(crate) struct StripeMovementRow {
    pub(crate) id: i64,
    pub(crate) order_no: Option<String>,
    pub(crate) payment_intent: String,
    pub(crate) number: String,
    pub(crate) direction: String,
    pub(crate) cause: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) moved: i64,
}

pub(crate) struct StripeSumRow {
    pub(crate) currency: String,
    pub(crate) count: i64,
    pub(crate) came_in: i64,
    pub(crate) went_out: i64,
}

impl StripeTx {
    pub(crate) async fn moved(
        &mut self,
        movement: &NewStripeMovement<'_>,
    ) -> Result<(), SandboxError> {
        sqlx::query(INSERT)
            .bind(movement.order_no)
            .bind(movement.payment_intent)
            .bind(movement.number)
            .bind(if movement.comes_in { "in" } else { "out" })
            .bind(movement.cause)
            .bind(movement.amount)
            .bind(movement.currency)
            .bind(movement.at)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}

impl Store {
    /// Up to `limit` movements after the one with the number `after`, in the order they came about.
    pub(crate) async fn stripe_movements(
        &self,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StripeMovementRow>, SandboxError> {
        let query = sqlx::query(LIST).bind(after).bind(limit);
        let rows = query.fetch_all(&self.readers).await?;
        let movement = |row: &SqliteRow| {
            Ok(StripeMovementRow {
                id: row.try_get("id")?,
                order_no: row.try_get("order_no")?,
                payment_intent: row.try_get("payment_intent")?,
                number: row.try_get("number")?,
                direction: row.try_get("direction")?,
                cause: row.try_get("cause")?,
                amount: row.try_get("amount")?,
                currency: row.try_get("currency")?,
                moved: row.try_get("moved")?,
            })
        };
        rows.iter().map(movement).collect()
    }

    /// The sums of all of them, by currency.
    pub(crate) async fn stripe_sums(&self) -> Result<Vec<StripeSumRow>, SandboxError> {
        let rows = sqlx::query(SUMS).fetch_all(&self.readers).await?;
        let sum = |row: &SqliteRow| {
            Ok(StripeSumRow {
                currency: row.try_get("currency")?,
                count: row.try_get("moved")?,
                came_in: row.try_get("came_in")?,
                went_out: row.try_get("went_out")?,
            })
        };
        rows.iter().map(sum).collect()
    }
}

const INSERT: &str =
    "INSERT INTO stripe_movements (order_no, payment_intent, number, direction, cause, amount, currency, moved)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const LIST: &str =
    "SELECT id, order_no, payment_intent, number, direction, cause, amount, currency, moved
    FROM stripe_movements WHERE id > $1 ORDER BY id LIMIT $2";

const SUMS: &str = "SELECT currency, COUNT(*) AS moved,
        COALESCE(SUM(amount) FILTER (WHERE direction = 'in'), 0) AS came_in,
        COALESCE(SUM(amount) FILTER (WHERE direction = 'out'), 0) AS went_out
    FROM stripe_movements GROUP BY currency ORDER BY currency";
