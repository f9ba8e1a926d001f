//! Money that went back, by the merchant's own number.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;

use super::{NewCallback, Store, Trade};
use crate::SandboxError;

/// What a call for a refund came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refunded {
    /// The money moved by this call.
    Now,
    /// It moved before, under the same number.
    Before,
    /// The number was used for another amount.
    OtherAmount,
    /// More than is left.
    AboveRest,
}

impl Store {
    /// Sends money of a paid trade back and owes the merchant its notice, both or neither.
    pub(crate) async fn refund(
        &self,
        trade: &Trade,
        out_refund_no: &str,
        provider_refund_no: &str,
        amount: Money,
        notice: Option<&NewCallback<'_>>,
        now: Timestamp,
    ) -> Result<Refunded, SandboxError> {
        let mut tx = self.begin().await?;
        let known: Option<(i64,)> = sqlx::query_as(FIND)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(out_refund_no)
            .fetch_optional(&mut *tx)
            .await?;
        if let Some((known,)) = known {
            return Ok(if known == amount.minor() {
                Refunded::Before
            } else {
                Refunded::OtherAmount
            });
        }
        let inserted = sqlx::query(INSERT)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(out_refund_no)
            .bind(provider_refund_no)
            .bind(amount.minor())
            .bind(now.utc())
            .execute(&mut *tx)
            .await?;
        if inserted.rows_affected() == 0 {
            return Ok(Refunded::AboveRest);
        }
        if let Some(notice) = notice {
            notice.insert(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(Refunded::Now)
    }

    /// How much went back under a number.
    pub(crate) async fn find_refund(
        &self,
        trade: &Trade,
        out_refund_no: &str,
    ) -> Result<Option<Money>, SandboxError> {
        let known: Option<(i64,)> = sqlx::query_as(FIND)
            .bind(trade.rail.as_str())
            .bind(&trade.provider_no)
            .bind(out_refund_no)
            .fetch_optional(&self.readers)
            .await?;
        Ok(known.map(|(minor,)| Money::new(minor, trade.amount.currency())))
    }
}

const FIND: &str =
    "SELECT amount FROM trade_refunds WHERE rail = $1 AND provider_no = $2 AND out_refund_no = $3";

const INSERT: &str = "INSERT INTO trade_refunds (rail, provider_no, out_refund_no, provider_refund_no, amount, state,
        created_at, settled_at)
    SELECT $1, $2, $3, $4, $5, 'done', $6, $6 FROM trades t
    WHERE t.rail = $1 AND t.provider_no = $2 AND t.state = 'paid' AND $5 +
        (SELECT COALESCE(SUM(r.amount), 0) FROM trade_refunds r WHERE r.rail = $1 AND r.provider_no = $2) <= t.amount";
