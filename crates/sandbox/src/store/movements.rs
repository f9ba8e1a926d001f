//! The gateways' own books: every movement of money, written in the transaction that moves it.

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Row as _, Transaction};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money};

use super::{Rail, Store, Trade, time, word};
use crate::SandboxError;

/// What moved money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MovementCause {
    /// A buyer paid.
    Payment,
    /// The merchant asked for a refund.
    Refund,
    /// The merchant cancelled a paid trade.
    Cancel,
    /// Somebody sent money back in the gateway's own console.
    Console,
}

impl MovementCause {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Cancel => "cancel",
            Self::Console => "console",
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        [Self::Payment, Self::Refund, Self::Cancel, Self::Console]
            .into_iter()
            .find(|cause| cause.as_str() == text)
    }
}

/// A movement of money.
#[derive(Clone, Debug)]
pub(crate) struct Movement {
    pub(crate) id: i64,
    pub(crate) app_id: String,
    pub(crate) out_trade_no: String,
    pub(crate) provider_no: String,
    /// Of money that went back to the buyer.
    pub(crate) out_refund_no: Option<String>,
    pub(crate) cause: MovementCause,
    pub(crate) amount: Money,
    pub(crate) at: Timestamp,
}

/// What an application's movements come to, in minor units.
#[derive(Clone, Debug)]
pub(crate) struct MovementSum {
    pub(crate) app_id: String,
    pub(crate) currency: Currency,
    pub(crate) count: i64,
    pub(crate) paid: i64,
    pub(crate) refunded: i64,
}

/// Writes that money moved for a trade: in, or out under a refund's number.
pub(super) async fn insert(
    tx: &mut Transaction<'_, Sqlite>,
    trade: &Trade,
    out_refund_no: Option<&str>,
    cause: MovementCause,
    amount: Money,
    at: Timestamp,
) -> Result<(), SandboxError> {
    sqlx::query(INSERT)
        .bind(trade.rail.as_str())
        .bind(&trade.app_id)
        .bind(&trade.out_trade_no)
        .bind(&trade.provider_no)
        .bind(out_refund_no)
        .bind(if out_refund_no.is_some() { "out" } else { "in" })
        .bind(cause.as_str())
        .bind(amount.minor())
        .bind(amount.currency().code())
        .bind(at.utc())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Store {
    /// Up to `limit` movements after the one with the number `after`, in the order they came about.
    pub(crate) async fn movements(
        &self,
        rail: Rail,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Movement>, SandboxError> {
        let rows = sqlx::query(LIST)
            .bind(rail.as_str())
            .bind(after)
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(movement).collect()
    }

    /// The sums of all of them, by application.
    pub(crate) async fn movement_sums(&self, rail: Rail) -> Result<Vec<MovementSum>, SandboxError> {
        let rows = sqlx::query(SUMS)
            .bind(rail.as_str())
            .fetch_all(&self.readers)
            .await?;
        let sum = |row: &SqliteRow| {
            Ok(MovementSum {
                app_id: row.try_get("app_id")?,
                currency: word(row, "currency", |text| text.parse().ok())?,
                count: row.try_get("moved")?,
                paid: row.try_get("paid")?,
                refunded: row.try_get("refunded")?,
            })
        };
        rows.iter().map(sum).collect()
    }
}

fn movement(row: &SqliteRow) -> Result<Movement, SandboxError> {
    let currency: Currency = word(row, "currency", |text| text.parse().ok())?;
    Ok(Movement {
        id: row.try_get("id")?,
        app_id: row.try_get("app_id")?,
        out_trade_no: row.try_get("out_trade_no")?,
        provider_no: row.try_get("provider_no")?,
        out_refund_no: row.try_get("out_refund_no")?,
        cause: word(row, "cause", MovementCause::read)?,
        amount: Money::new(row.try_get("amount")?, currency),
        at: time(row, "moved_at")?,
    })
}

const INSERT: &str = "INSERT INTO movements (rail, app_id, out_trade_no, provider_no, out_refund_no, direction, cause,
    amount, currency, moved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const LIST: &str =
    "SELECT id, app_id, out_trade_no, provider_no, out_refund_no, cause, amount, currency, moved_at
    FROM movements WHERE rail = $1 AND id > $2 ORDER BY id LIMIT $3";

const SUMS: &str = "SELECT app_id, currency, COUNT(*) AS moved,
        COALESCE(SUM(amount) FILTER (WHERE direction = 'in'), 0) AS paid,
        COALESCE(SUM(amount) FILTER (WHERE direction = 'out'), 0) AS refunded
    FROM movements WHERE rail = $1 GROUP BY app_id, currency ORDER BY app_id, currency";
