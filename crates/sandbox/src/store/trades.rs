//! Trades as the gateway sees them.
//!
//! Two buyers may scan, pay and close at once while the merchant asks and closes: every move names
//! the state it starts from and the deadline in its own `WHERE`, and whoever comes second moves
//! nothing.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money};

use super::{NewCallback, Rail, Store, optional_time, time, word};
use crate::SandboxError;

/// Where a trade stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TradeState {
    /// The merchant holds a code, nobody has scanned it: no trade exists for the outside yet.
    Issued,
    /// Scanned, unpaid.
    Waiting,
    /// Paid.
    Paid,
    /// Closed without payment.
    Closed,
}

impl TradeState {
    fn read(text: &str) -> Option<Self> {
        match text {
            "issued" => Some(Self::Issued),
            "waiting" => Some(Self::Waiting),
            "paid" => Some(Self::Paid),
            "closed" => Some(Self::Closed),
            _ => None,
        }
    }
}

/// What the merchant asked for.
pub(crate) struct NewTrade<'a> {
    pub(crate) rail: Rail,
    pub(crate) app_id: &'a str,
    pub(crate) out_trade_no: &'a str,
    pub(crate) provider_no: &'a str,
    pub(crate) amount: Money,
    pub(crate) request: &'a str,
    pub(crate) notify_url: Option<&'a str>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// A trade as it was when it was read.
#[derive(Clone, Debug)]
pub(crate) struct Trade {
    pub(crate) rail: Rail,
    pub(crate) app_id: String,
    pub(crate) out_trade_no: String,
    pub(crate) provider_no: String,
    pub(crate) amount: Money,
    pub(crate) state: TradeState,
    pub(crate) request: String,
    pub(crate) notify_url: Option<String>,
    /// When the code was issued; from the scan on, when the trade came to be.
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) paid_at: Option<Timestamp>,
    /// How much went back so far.
    pub(crate) refunded: Money,
}

impl Trade {
    fn from_row(row: &SqliteRow) -> Result<Self, SandboxError> {
        let currency: Currency = word(row, "currency", |text| text.parse().ok())?;
        Ok(Self {
            rail: word(row, "rail", Rail::read)?,
            app_id: row.try_get("app_id")?,
            out_trade_no: row.try_get("out_trade_no")?,
            provider_no: row.try_get("provider_no")?,
            amount: Money::new(row.try_get("amount")?, currency),
            state: word(row, "state", TradeState::read)?,
            request: row.try_get("request")?,
            notify_url: row.try_get("notify_url")?,
            created_at: time(row, "created_at")?,
            expires_at: optional_time(row, "expires_at")?,
            paid_at: optional_time(row, "paid_at")?,
            refunded: Money::new(row.try_get("refunded")?, currency),
        })
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

impl Store {
    /// `false` when the merchant's number is known already.
    pub(crate) async fn issue(&self, trade: &NewTrade<'_>) -> Result<bool, SandboxError> {
        let issued = sqlx::query(ISSUE)
            .bind(trade.rail.as_str())
            .bind(trade.app_id)
            .bind(trade.out_trade_no)
            .bind(trade.provider_no)
            .bind(trade.amount.minor())
            .bind(trade.amount.currency().code())
            .bind(trade.request)
            .bind(trade.notify_url)
            .bind(trade.created_at.utc())
            .bind(trade.expires_at.utc())
            .execute(&self.writer)
            .await?;
        Ok(issued.rows_affected() == 1)
    }

    /// An unscanned code asked for once more: the newest address counts, and a code issued at
    /// `stale` or before lives again from now on.
    pub(crate) async fn issue_again(
        &self,
        trade: &NewTrade<'_>,
        stale: Timestamp,
    ) -> Result<(), SandboxError> {
        sqlx::query(ISSUE_AGAIN)
            .bind(trade.rail.as_str())
            .bind(trade.app_id)
            .bind(trade.out_trade_no)
            .bind(trade.notify_url)
            .bind(stale.utc())
            .bind(trade.created_at.utc())
            .bind(trade.expires_at.utc())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    pub(crate) async fn find_by_merchant(
        &self,
        rail: Rail,
        app_id: &str,
        out_trade_no: &str,
    ) -> Result<Option<Trade>, SandboxError> {
        self.find(
            sqlx::query(BY_MERCHANT)
                .bind(rail.as_str())
                .bind(app_id)
                .bind(out_trade_no),
        )
        .await
    }

    pub(crate) async fn find_by_number(
        &self,
        rail: Rail,
        app_id: &str,
        provider_no: &str,
    ) -> Result<Option<Trade>, SandboxError> {
        self.find(
            sqlx::query(BY_NUMBER)
                .bind(rail.as_str())
                .bind(app_id)
                .bind(provider_no),
        )
        .await
    }

    async fn find(
        &self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<Option<Trade>, SandboxError> {
        query
            .fetch_optional(&self.readers)
            .await?
            .as_ref()
            .map(Trade::from_row)
            .transpose()
    }

    /// Scanned now, unless the code was issued at `stale` or before, or its time is over.
    pub(crate) async fn scan(
        &self,
        trade: &Trade,
        buyer: &str,
        stale: Timestamp,
        now: Timestamp,
    ) -> Result<bool, SandboxError> {
        let scanned = sqlx::query(SCAN)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(buyer)
            .bind(stale.utc())
            .bind(now.utc())
            .execute(&self.writer)
            .await?;
        Ok(scanned.rows_affected() == 1)
    }

    /// Pays and owes the merchant its notice, both or neither; `false` when the trade was not
    /// waiting any more.
    pub(crate) async fn pay(
        &self,
        trade: &Trade,
        notice: Option<&NewCallback<'_>>,
        now: Timestamp,
    ) -> Result<bool, SandboxError> {
        let mut tx = self.begin().await?;
        let paid = sqlx::query(PAY)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(now.utc())
            .execute(&mut *tx)
            .await?;
        if paid.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(notice) = notice {
            notice.insert(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// An unpaid trade whose time is over closes at the end of its time, whoever looks first.
    pub(crate) async fn close_overdue(
        &self,
        trade: &Trade,
        now: Timestamp,
    ) -> Result<bool, SandboxError> {
        let closed = sqlx::query(CLOSE_OVERDUE)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(now.utc())
            .execute(&self.writer)
            .await?;
        Ok(closed.rows_affected() == 1)
    }

    /// `false` when there was nothing unpaid to close.
    pub(crate) async fn close(&self, trade: &Trade, now: Timestamp) -> Result<bool, SandboxError> {
        let closed = sqlx::query(CLOSE)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(now.utc())
            .execute(&self.writer)
            .await?;
        Ok(closed.rows_affected() == 1)
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT rail, app_id, out_trade_no, provider_no, amount, currency, state, request,
                notify_url, created_at, expires_at, paid_at, (SELECT COALESCE(SUM(r.amount), 0) FROM trade_refunds r
                WHERE r.rail = trades.rail AND r.provider_no = trades.provider_no) AS refunded FROM trades ",
            $rest
        )
    };
}

const BY_MERCHANT: &str = select!("WHERE rail = $1 AND app_id = $2 AND out_trade_no = $3");

const BY_NUMBER: &str = select!("WHERE rail = $1 AND provider_no = $3 AND app_id = $2");

const ISSUE: &str = "INSERT INTO trades (rail, app_id, out_trade_no, provider_no, amount, currency,
        state, request, notify_url, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, 'issued', $7, $8, $9, $10)
    ON CONFLICT (rail, app_id, out_trade_no) DO NOTHING";

const ISSUE_AGAIN: &str = "UPDATE trades SET notify_url = $4,
        created_at = CASE WHEN created_at <= $5 OR expires_at <= $6 THEN $6 ELSE created_at END,
        expires_at = CASE WHEN created_at <= $5 OR expires_at <= $6 THEN $7 ELSE expires_at END
    WHERE rail = $1 AND app_id = $2 AND out_trade_no = $3 AND state = 'issued'";

const SCAN: &str = "UPDATE trades SET state = 'waiting', buyer = $3, created_at = $5
    WHERE rail = $1 AND provider_no = $2 AND state = 'issued'
      AND created_at > $4 AND (expires_at IS NULL OR expires_at > $5)";

const PAY: &str = "UPDATE trades SET state = 'paid', paid_at = $3
    WHERE rail = $1 AND provider_no = $2 AND state = 'waiting'
      AND (expires_at IS NULL OR expires_at > $3)";

const CLOSE: &str = "UPDATE trades SET state = 'closed', closed_at = $3
    WHERE rail = $1 AND provider_no = $2 AND state = 'waiting'";

const CLOSE_OVERDUE: &str = "UPDATE trades SET state = 'closed', closed_at = expires_at
    WHERE rail = $1 AND provider_no = $2 AND state = 'waiting' AND expires_at <= $3";
