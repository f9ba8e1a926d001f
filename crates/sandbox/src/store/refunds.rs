//! Money that goes back, by the merchant's own number.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;

use super::movements::{self, MovementCause};
use super::{NewCallback, Rail, Store, Trade, optional_time, time, word};
use crate::SandboxError;

/// What a call for a refund came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refunded {
    /// The money moved by this call.
    Now,
    /// It moved before, under the same number.
    Before,
    /// It is on its way.
    Pending,
    /// It was on its way and failed, with this code.
    Failed(String),
    /// The number was used for another amount.
    OtherAmount,
    /// More than is left.
    AboveRest,
    /// The trade was refunded from elsewhere meanwhile: what was to be told is no longer true.
    Raced,
}

/// How far a refund has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefundState {
    Pending,
    Done,
    Failed,
}

impl RefundState {
    fn read(text: &str) -> Option<Self> {
        match text {
            "pending" => Some(Self::Pending),
            "done" => Some(Self::Done),
            "failed" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// A refund to be made.
pub(crate) struct NewRefund<'a> {
    pub(crate) out_refund_no: &'a str,
    pub(crate) provider_refund_no: &'a str,
    pub(crate) cause: MovementCause,
    pub(crate) amount: Money,
    /// Of one that takes its time: until when, and the code it fails with then.
    pub(crate) pending: Option<(Timestamp, Option<&'static str>)>,
    pub(crate) at: Timestamp,
}

/// A refund as it stands.
#[derive(Clone, Debug)]
pub(crate) struct Refund {
    pub(crate) out_refund_no: String,
    pub(crate) provider_refund_no: String,
    pub(crate) amount: Money,
    pub(crate) state: RefundState,
    pub(crate) failure: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) settled_at: Option<Timestamp>,
}

/// A refund that is to be decided now.
pub(crate) struct DueRefund {
    pub(crate) app_id: String,
    pub(crate) provider_no: String,
    pub(crate) out_refund_no: String,
}

impl Store {
    /// Sends money of a paid trade back and owes the merchant its notices, all or nothing.
    pub(crate) async fn refund(
        &self,
        trade: &Trade,
        wanted: &NewRefund<'_>,
        notices: &[NewCallback<'_>],
    ) -> Result<Refunded, SandboxError> {
        let mut tx = self.begin().await?;
        let known = sqlx::query(FIND)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(wanted.out_refund_no)
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(known) = known {
            return Ok(again(&refund_of(&known, trade)?, wanted.amount));
        }
        let (due_at, failure) = wanted.pending.unzip();
        let inserted = sqlx::query(INSERT)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(wanted.out_refund_no)
            .bind(wanted.provider_refund_no)
            .bind(wanted.amount.minor())
            .bind(wanted.at.utc())
            .bind(wanted.cause.as_str())
            .bind(due_at.map(Timestamp::utc))
            .bind(failure.flatten())
            .bind(trade.refunded.minor())
            .execute(&mut *tx)
            .await?;
        if inserted.rows_affected() == 0 {
            let done: i64 = sqlx::query_scalar(DONE)
                .bind(trade.rail.as_str())
                .bind(&trade.provider_no)
                .fetch_one(&mut *tx)
                .await?;
            return Ok(if done == trade.refunded.minor() {
                Refunded::AboveRest
            } else {
                Refunded::Raced
            });
        }
        if wanted.pending.is_some() {
            tx.commit().await?;
            return Ok(Refunded::Pending);
        }
        let (number, amount) = (Some(wanted.out_refund_no), wanted.amount);
        movements::insert(&mut tx, trade, number, wanted.cause, amount, wanted.at).await?;
        for notice in notices {
            notice.insert(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(Refunded::Now)
    }

    /// A refund by its number.
    pub(crate) async fn find_refund(
        &self,
        trade: &Trade,
        out_refund_no: &str,
    ) -> Result<Option<Refund>, SandboxError> {
        sqlx::query(FIND)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(out_refund_no)
            .fetch_optional(&self.readers)
            .await?
            .as_ref()
            .map(|row| refund_of(row, trade))
            .transpose()
    }

    /// Whose refund it is, by the merchant's number of it alone: the gateway's number of the trade.
    pub(crate) async fn trade_of_refund(
        &self,
        rail: Rail,
        app_id: &str,
        out_refund_no: &str,
    ) -> Result<Option<String>, SandboxError> {
        Ok(sqlx::query_scalar(TRADE)
            .bind(rail.as_str())
            .bind(app_id)
            .bind(out_refund_no)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// Those whose time has come.
    pub(crate) async fn due_refunds(
        &self,
        rail: Rail,
        now: Timestamp,
    ) -> Result<Vec<DueRefund>, SandboxError> {
        let rows = sqlx::query(DUE)
            .bind(rail.as_str())
            .bind(now.utc())
            .fetch_all(&self.readers)
            .await?;
        let due = |row: &SqliteRow| {
            Ok(DueRefund {
                app_id: row.try_get("app_id")?,
                provider_no: row.try_get("provider_no")?,
                out_refund_no: row.try_get("out_refund_no")?,
            })
        };
        rows.iter().map(due).collect()
    }

    /// Decides a refund that was on its way: the money moves and the notices are owed, or it fails.
    /// `false` when somebody else has decided it, or the trade was refunded from elsewhere meanwhile.
    pub(crate) async fn settle_refund(
        &self,
        trade: &Trade,
        refund: &Refund,
        notices: &[NewCallback<'_>],
        now: Timestamp,
    ) -> Result<bool, SandboxError> {
        let mut tx = self.begin().await?;
        let settled = sqlx::query(SETTLE)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(&refund.out_refund_no)
            .bind(now.utc())
            .bind(trade.refunded.minor())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(settled) = settled else {
            return Ok(false);
        };
        if word(&settled, "state", RefundState::read)? == RefundState::Done {
            let cause = word(&settled, "cause", MovementCause::read)?;
            let (number, amount) = (Some(refund.out_refund_no.as_str()), refund.amount);
            movements::insert(&mut tx, trade, number, cause, amount, now).await?;
        }
        for notice in notices {
            notice.insert(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}

/// A number that is known already.
fn again(known: &Refund, amount: Money) -> Refunded {
    if known.amount != amount {
        return Refunded::OtherAmount;
    }
    match (known.state, &known.failure) {
        (RefundState::Done, _) => Refunded::Before,
        (RefundState::Pending, _) => Refunded::Pending,
        (RefundState::Failed, failure) => Refunded::Failed(failure.clone().unwrap_or_default()),
    }
}

fn refund_of(row: &SqliteRow, trade: &Trade) -> Result<Refund, SandboxError> {
    Ok(Refund {
        out_refund_no: row.try_get("out_refund_no")?,
        provider_refund_no: row.try_get("provider_refund_no")?,
        amount: Money::new(row.try_get("amount")?, trade.amount.currency()),
        state: word(row, "state", RefundState::read)?,
        failure: row.try_get("failure")?,
        created_at: time(row, "created_at")?,
        settled_at: optional_time(row, "settled_at")?,
    })
}

const FIND: &str = "SELECT out_refund_no, provider_refund_no, amount, state, failure, created_at, settled_at FROM trade_refunds
    WHERE rail = $1 AND provider_no = $2 AND out_refund_no = $3";

const TRADE: &str =
    "SELECT r.provider_no FROM trade_refunds r JOIN trades t ON t.rail = r.rail AND t.provider_no = r.provider_no
    WHERE r.rail = $1 AND t.app_id = $2 AND r.out_refund_no = $3 ORDER BY r.created_at LIMIT 1";

const DONE: &str = "SELECT COALESCE(SUM(amount), 0) FROM trade_refunds
    WHERE rail = $1 AND provider_no = $2 AND state = 'done'";

/// What is on its way counts against the rest; what failed does not.
const INSERT: &str = "INSERT INTO trade_refunds (rail, provider_no, out_refund_no, provider_refund_no, amount, state,
        created_at, settled_at, cause, due_at, failure)
    SELECT $1, $2, $3, $4, $5, CASE WHEN $8 IS NULL THEN 'done' ELSE 'pending' END, $6,
        CASE WHEN $8 IS NULL THEN $6 END, $7, $8, $9 FROM trades t
    WHERE t.rail = $1 AND t.provider_no = $2 AND t.state = 'paid' AND $5 +
        (SELECT COALESCE(SUM(r.amount), 0) FROM trade_refunds r
         WHERE r.rail = $1 AND r.provider_no = $2 AND r.state <> 'failed') <= t.amount
      AND $10 = (SELECT COALESCE(SUM(d.amount), 0) FROM trade_refunds d
         WHERE d.rail = $1 AND d.provider_no = $2 AND d.state = 'done')";

const DUE: &str = "SELECT t.app_id, r.provider_no, r.out_refund_no FROM trade_refunds r
    JOIN trades t ON t.rail = r.rail AND t.provider_no = r.provider_no
    WHERE r.rail = $1 AND r.state = 'pending' AND r.due_at <= $2 ORDER BY r.due_at LIMIT 100";

const SETTLE: &str = "UPDATE trade_refunds SET state = CASE WHEN failure IS NULL THEN 'done' ELSE 'failed' END, settled_at = $4
    WHERE rail = $1 AND provider_no = $2 AND out_refund_no = $3 AND state = 'pending' AND due_at <= $4
      AND $5 = (SELECT COALESCE(SUM(d.amount), 0) FROM trade_refunds d
         WHERE d.rail = $1 AND d.provider_no = $2 AND d.state = 'done') RETURNING state, cause";
