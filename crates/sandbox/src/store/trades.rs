//! Trades as the gateway sees them.
//!
//! Two buyers may scan, pay and close at once while the merchant asks and closes: every move names
//! the state it starts from and the deadline in its own `WHERE`, and whoever comes second moves
//! nothing.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money};

use super::movements::{self, MovementCause};
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
    fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Waiting => "waiting",
            Self::Paid => "paid",
            Self::Closed => "closed",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Issued, Self::Waiting, Self::Paid, Self::Closed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// How the merchant lets the buyer pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    /// A code to scan.
    Precreate,
    /// A page of the gateway's, on a desktop.
    Page,
    /// The same, on a phone.
    Wap,
    /// Out of the merchant's own app.
    App,
    /// A code to scan, of WeChat's.
    Native,
    /// A page or mini program inside WeChat.
    Jsapi,
    /// WeChat's page for a phone's browser.
    H5,
}

impl Product {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Precreate => "precreate",
            Self::Page => "page",
            Self::Wap => "wap",
            Self::App => "app",
            Self::Native => "native",
            Self::Jsapi => "jsapi",
            Self::H5 => "h5",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [
            Self::Precreate,
            Self::Page,
            Self::Wap,
            Self::App,
            Self::Native,
            Self::Jsapi,
            Self::H5,
        ]
        .into_iter()
        .find(|product| product.as_str() == text)
    }
}

/// What the merchant asked for.
pub(crate) struct NewTrade<'a> {
    pub(crate) rail: Rail,
    pub(crate) app_id: &'a str,
    pub(crate) out_trade_no: &'a str,
    pub(crate) provider_no: &'a str,
    pub(crate) product: Product,
    pub(crate) amount: Money,
    /// Waiting at once, where an order needs no scan to be one.
    pub(crate) state: TradeState,
    pub(crate) request: &'a str,
    pub(crate) notify_url: Option<&'a str>,
    pub(crate) return_url: Option<&'a str>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// What the buyer pays.
pub(crate) struct NewPayment<'a> {
    pub(crate) amount: Money,
    /// Though the trade is closed, or its code or time is over.
    pub(crate) late: bool,
    /// The number of a second trade under the same order number, paid as well.
    pub(crate) second: Option<&'a str>,
    pub(crate) at: Timestamp,
}

/// A trade as it was when it was read.
#[derive(Clone, Debug)]
pub(crate) struct Trade {
    pub(crate) rail: Rail,
    pub(crate) app_id: String,
    pub(crate) out_trade_no: String,
    pub(crate) provider_no: String,
    pub(crate) product: Product,
    pub(crate) amount: Money,
    pub(crate) state: TradeState,
    pub(crate) request: String,
    pub(crate) notify_url: Option<String>,
    /// Where the buyer's browser goes in the end.
    pub(crate) return_url: Option<String>,
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
            product: word(row, "product", Product::read)?,
            amount: Money::new(row.try_get("amount")?, currency),
            state: word(row, "state", TradeState::read)?,
            request: row.try_get("request")?,
            notify_url: row.try_get("notify_url")?,
            return_url: row.try_get("return_url")?,
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
            .bind(trade.product.as_str())
            .bind(trade.return_url)
            .bind(trade.state.as_str())
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
            .bind(trade.return_url)
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

    /// Pays and owes the merchant its notices, all or nothing; `false` when the trade was not
    /// waiting any more.
    pub(crate) async fn pay(
        &self,
        trade: &Trade,
        payment: &NewPayment<'_>,
        notices: &[NewCallback<'_>],
    ) -> Result<bool, SandboxError> {
        let mut tx = self.begin().await?;
        let paid = sqlx::query(if payment.late { PAY_LATE } else { PAY })
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(payment.at.utc())
            .bind(payment.amount.minor())
            .execute(&mut *tx)
            .await?;
        if paid.rows_affected() == 0 {
            return Ok(false);
        }
        let (cause, amount) = (MovementCause::Payment, payment.amount);
        movements::insert(&mut tx, trade, None, cause, amount, payment.at).await?;
        if let Some(number) = payment.second {
            sqlx::query(PAY_AGAIN)
                .bind(trade.rail.as_str())
                .bind(&trade.provider_no)
                .bind(number)
                .execute(&mut *tx)
                .await?;
            let second = Trade {
                provider_no: number.to_owned(),
                ..trade.clone()
            };
            movements::insert(&mut tx, &second, None, cause, amount, payment.at).await?;
        }
        for notice in notices {
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

    /// `false` when there was nothing unpaid to close. Closes and owes the notices, or neither.
    pub(crate) async fn close(
        &self,
        trade: &Trade,
        notices: &[NewCallback<'_>],
        now: Timestamp,
    ) -> Result<bool, SandboxError> {
        let mut tx = self.begin().await?;
        let closed = sqlx::query(CLOSE)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(now.utc())
            .execute(&mut *tx)
            .await?;
        if closed.rows_affected() == 0 {
            return Ok(false);
        }
        for notice in notices {
            notice.insert(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT rail, app_id, out_trade_no, provider_no, product, amount, currency, state, request,
                notify_url, return_url, created_at, expires_at, paid_at, (SELECT COALESCE(SUM(r.amount), 0) FROM trade_refunds r
                WHERE r.rail = trades.rail AND r.provider_no = trades.provider_no AND r.state = 'done') AS refunded FROM trades ",
            $rest
        )
    };
}

const BY_MERCHANT: &str =
    select!("WHERE rail = $1 AND app_id = $2 AND out_trade_no = $3 AND copy = 0");

const BY_NUMBER: &str = select!("WHERE rail = $1 AND provider_no = $3 AND app_id = $2");

const ISSUE: &str = "INSERT INTO trades (rail, app_id, out_trade_no, provider_no, amount, currency,
        state, request, notify_url, created_at, expires_at, product, return_url)
    VALUES ($1, $2, $3, $4, $5, $6, $13, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (rail, app_id, out_trade_no, copy) DO NOTHING";

const ISSUE_AGAIN: &str = "UPDATE trades SET notify_url = $4, return_url = $8,
        created_at = CASE WHEN created_at <= $5 OR expires_at <= $6 THEN $6 ELSE created_at END,
        expires_at = CASE WHEN created_at <= $5 OR expires_at <= $6 THEN $7 ELSE expires_at END
    WHERE rail = $1 AND app_id = $2 AND out_trade_no = $3 AND copy = 0 AND state = 'issued'";

const SCAN: &str = "UPDATE trades SET state = 'waiting', buyer = $3, created_at = $5
    WHERE rail = $1 AND provider_no = $2 AND state = 'issued'
      AND created_at > $4 AND (expires_at IS NULL OR expires_at > $5)";

const PAY: &str = "UPDATE trades SET state = 'paid', paid_at = $3, amount = $4
    WHERE rail = $1 AND provider_no = $2 AND state = 'waiting'
      AND (expires_at IS NULL OR expires_at > $3)";

const PAY_LATE: &str =
    "UPDATE trades SET state = 'paid', paid_at = $3, amount = $4, closed_at = NULL
    WHERE rail = $1 AND provider_no = $2 AND state IN ('issued', 'waiting', 'closed')";

const PAY_AGAIN: &str =
    "INSERT INTO trades (rail, app_id, out_trade_no, copy, provider_no, product, amount, currency,
        state, request, notify_url, return_url, buyer, created_at, expires_at, paid_at)
    SELECT rail, app_id, out_trade_no, (SELECT MAX(copy) + 1 FROM trades c WHERE c.rail = t.rail
        AND c.app_id = t.app_id AND c.out_trade_no = t.out_trade_no), $3, product, amount, currency,
        state, request, notify_url, return_url, buyer, created_at, expires_at, paid_at
    FROM trades t WHERE t.rail = $1 AND t.provider_no = $2";

const CLOSE: &str = "UPDATE trades SET state = 'closed', closed_at = $3
    WHERE rail = $1 AND provider_no = $2 AND state = 'waiting'";

const CLOSE_OVERDUE: &str = "UPDATE trades SET state = 'closed', closed_at = expires_at
    WHERE rail = $1 AND provider_no = $2 AND state = 'waiting' AND expires_at <= $3";
