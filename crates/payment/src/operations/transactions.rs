//! Payments as lists: one's own, and for staff everybody's, with what happened around each.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PaymentId, UserId};
use tollgate_kernel::money::Currency;
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::payment::{OrderNo, Payment, PaymentMethod, PaymentStatus};
use crate::model::stats::TransactionTotal;
use crate::model::timeline::History;
use crate::store::payments::{self, Wanted};
use crate::store::{refunds, suspense, timeline};

/// Which payments; every condition that is given must hold.
///
/// ```
/// # use tollgate_payment::TransactionFilter;
/// # use tollgate_payment::model::payment::{PaymentMethod, PaymentStatus};
/// let failed = TransactionFilter {
///     status: Some(PaymentStatus::Failed),
///     method: Some(PaymentMethod::Wechat),
///     ..TransactionFilter::default()
/// };
/// assert!(failed.user.is_none(), "of everybody");
/// ```
#[derive(Clone, Debug, Default)]
pub struct TransactionFilter {
    /// Of this person only.
    pub user: Option<UserId>,
    /// In this state only.
    pub status: Option<PaymentStatus>,
    /// By this rail only.
    pub method: Option<PaymentMethod>,
    /// In this currency only.
    pub currency: Option<Currency>,
    /// Ordered at this moment or later.
    pub from: Option<Timestamp>,
    /// Ordered before this moment.
    pub to: Option<Timestamp>,
    /// Older than this one.
    pub starting_after: Option<PaymentId>,
}

impl From<&TransactionFilter> for Wanted {
    fn from(filter: &TransactionFilter) -> Self {
        Self {
            user: filter.user,
            status: filter.status,
            method: filter.method,
            currency: filter.currency,
            from: filter.from,
            to: filter.to,
            before: filter.starting_after,
        }
    }
}

/// Refunds shown with their payment.
const REFUNDS: i64 = 500;
/// The same of what is kept apart.
const SUSPENSE: i64 = 100;

impl PaymentService {
    /// At most `limit`, newest first, and whether there are more; `None`: the cursor is of another list.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::{PaymentService, TransactionFilter};
    /// # use tollgate_payment::model::payment::{Payment, PaymentStatus};
    /// # use tollgate_storage::StorageError;
    /// async fn paid(payment: &PaymentService, user: UserId) -> Result<Vec<Payment>, StorageError> {
    ///     let filter = TransactionFilter {
    ///         user: Some(user),
    ///         status: Some(PaymentStatus::Completed),
    ///         ..TransactionFilter::default()
    ///     };
    ///     let page = payment.transactions(&filter, 20).await?;
    ///     Ok(page.map_or_else(Vec::new, |(orders, _more)| orders))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn transactions(
        &self,
        filter: &TransactionFilter,
        limit: u32,
    ) -> Result<Option<(Vec<Payment>, bool)>> {
        let db = &self.0.db;
        if let Some(cursor) = filter.starting_after {
            let known = payments::find_any(db, cursor).await?;
            let listed = |payment: &Payment| filter.user.is_none_or(|user| user == payment.user_id);
            if !known.as_ref().is_some_and(listed) {
                return Ok(None);
            }
        }
        let wanted = Wanted::from(filter);
        // One more than is shown tells whether there are more.
        let reach = i64::from(limit).saturating_add(1);
        let mut found = payments::list(db, &wanted, self.0.config.livemode, reach).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > shown;
        found.truncate(shown);
        Ok(Some((found, has_more)))
    }

    /// One payment; of `user` only, where one is named.
    ///
    /// ```
    /// # use tollgate_kernel::ids::{PaymentId, UserId};
    /// # use tollgate_kernel::money::Money;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn sum(payment: &PaymentService, id: PaymentId, of: UserId) -> Result<Option<Money>, StorageError> {
    ///     let order = payment.transaction(id, Some(of)).await?;
    ///     Ok(order.map(|order| order.amount))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn transaction(
        &self,
        id: PaymentId,
        user: Option<UserId>,
    ) -> Result<Option<Payment>> {
        let found = payments::find_any(&self.0.db, id).await?;
        let livemode = self.0.config.livemode;
        Ok(found.filter(|payment| {
            payment.livemode == livemode && user.is_none_or(|user| user == payment.user_id)
        }))
    }

    /// Payments that somebody knows by this number: ours, which is the id too, or the provider's of the money.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::payment::Payment;
    /// # use tollgate_storage::StorageError;
    /// // As it stands on the buyer's bank statement.
    /// async fn on_the_statement(payment: &PaymentService) -> Result<Vec<Payment>, StorageError> {
    ///     payment.transactions_numbered("2026113022001476990512345678").await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn transactions_numbered(&self, number: &str) -> Result<Vec<Payment>> {
        let number = number.trim();
        let ours = match number.parse::<PaymentId>() {
            Ok(id) => OrderNo::of(id).as_str().to_owned(),
            Err(_) => number.to_lowercase(),
        };
        let (db, livemode) = (&self.0.db, self.0.config.livemode);
        payments::numbered(db, &ours, number, livemode).await
    }

    /// What the payments of a list come to, by currency: what was paid of them, and what of that has gone back since.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_kernel::money::Money;
    /// # use tollgate_payment::{PaymentService, TransactionFilter};
    /// # use tollgate_storage::StorageError;
    /// async fn spent(payment: &PaymentService, user: UserId) -> Result<Vec<Money>, StorageError> {
    ///     let filter = TransactionFilter {
    ///         user: Some(user),
    ///         ..TransactionFilter::default()
    ///     };
    ///     let totals = payment.transaction_totals(&filter).await?;
    ///     Ok(totals.iter().map(|total| total.paid.net()).collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn transaction_totals(
        &self,
        filter: &TransactionFilter,
    ) -> Result<Vec<TransactionTotal>> {
        let wanted = Wanted {
            before: None,
            ..Wanted::from(filter)
        };
        payments::totals(&self.0.db, &wanted, self.0.config.livemode).await
    }

    /// A payment and everything that was said about it.
    ///
    /// ```
    /// # use tollgate_kernel::ids::PaymentId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn was_told(payment: &PaymentService, id: PaymentId) -> Result<bool, StorageError> {
    ///     let history = payment.history(id).await?;
    ///     Ok(history.is_some_and(|history| !history.calls_in.is_empty()))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn history(&self, id: PaymentId) -> Result<Option<History>> {
        let Some(payment) = self.transaction(id, None).await? else {
            return Ok(None);
        };
        let db = &self.0.db;
        let of_this = refunds::Wanted {
            payment: Some(id),
            ..refunds::Wanted::default()
        };
        Ok(Some(History {
            refunds: refunds::list(db, &of_this, payment.livemode, REFUNDS).await?,
            suspense: suspense::of_payment(db, id, SUSPENSE).await?,
            calls_out: timeline::calls_out(db, id).await?,
            calls_in: timeline::calls_in(db, id).await?,
            payment,
        }))
    }
}

#[cfg(test)]
mod tests;
