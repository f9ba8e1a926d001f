//! Payments as lists: one's own, and for staff everybody's, with what happened around each.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PaymentId, UserId};
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::payment::{Payment, PaymentMethod, PaymentStatus};
use crate::model::refund::Refund;
use crate::model::suspense::Kept;
use crate::store::payments::{self, Wanted};
use crate::store::timeline::{CallIn, CallOut};
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
    /// Ordered at this moment or later.
    pub from: Option<Timestamp>,
    /// Ordered before this moment.
    pub to: Option<Timestamp>,
    /// Older than this one.
    pub starting_after: Option<PaymentId>,
}

/// What happened around a payment.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) payment: Payment,
    pub(crate) refunds: Vec<Refund>,
    pub(crate) suspense: Vec<Kept>,
    pub(crate) calls_out: Vec<CallOut>,
    pub(crate) calls_in: Vec<CallIn>,
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
        let wanted = Wanted {
            user: filter.user,
            status: filter.status,
            method: filter.method,
            from: filter.from,
            to: filter.to,
            before: filter.starting_after,
        };
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

    /// A payment and everything that was said about it.
    pub(crate) async fn history(&self, id: PaymentId) -> Result<Option<History>> {
        let Some(payment) = self.transaction(id, None).await? else {
            return Ok(None);
        };
        let db = &self.0.db;
        Ok(Some(History {
            refunds: refunds::list(db, Some(id), None, payment.livemode, REFUNDS).await?,
            suspense: suspense::of_payment(db, id, SUSPENSE).await?,
            calls_out: timeline::calls_out(db, id).await?,
            calls_in: timeline::calls_in(db, id).await?,
            payment,
        }))
    }
}
