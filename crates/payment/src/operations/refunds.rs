//! Refunds of everybody, for staff.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PaymentId, RefundId};
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::refund::{Refund, RefundOrigin, RefundState, RefundStatus};
use crate::store::refunds::{self, Wanted};

/// Which refunds; every condition that is given must hold.
///
/// ```
/// # use tollgate_payment::RefundFilter;
/// # use tollgate_payment::model::refund::RefundState;
/// let in_doubt = RefundFilter {
///     state: Some(RefundState::Unknown),
///     ..RefundFilter::default()
/// };
/// assert!(in_doubt.payment.is_none(), "of any payment");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RefundFilter {
    /// Of this payment only.
    pub payment: Option<PaymentId>,
    /// In this finer state only.
    pub state: Option<RefundState>,
    /// In this state only.
    pub status: Option<RefundStatus>,
    /// Wanted by them only.
    pub origin: Option<RefundOrigin>,
    /// Begun at this moment or later.
    pub from: Option<Timestamp>,
    /// Begun before this moment.
    pub to: Option<Timestamp>,
    /// Older than this one.
    pub starting_after: Option<RefundId>,
}

impl PaymentService {
    /// At most `limit`, newest first, and whether there are more; `None`: the cursor is of another list.
    ///
    /// ```
    /// # use tollgate_kernel::ids::PaymentId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::refund::Refund;
    /// # use tollgate_storage::StorageError;
    /// async fn of_order(payment: &PaymentService, id: PaymentId) -> Result<Vec<Refund>, StorageError> {
    ///     let page = payment.refunds(Some(id), None, 100).await?;
    ///     Ok(page.map_or_else(Vec::new, |(refunds, _more)| refunds))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn refunds(
        &self,
        payment: Option<PaymentId>,
        starting_after: Option<RefundId>,
        limit: u32,
    ) -> Result<Option<(Vec<Refund>, bool)>> {
        let filter = RefundFilter {
            payment,
            starting_after,
            ..RefundFilter::default()
        };
        self.refunds_where(&filter, limit).await
    }

    /// The same, of those that `filter` names.
    ///
    /// ```
    /// # use tollgate_payment::{PaymentService, RefundFilter};
    /// # use tollgate_payment::model::refund::{Refund, RefundOrigin};
    /// # use tollgate_storage::StorageError;
    /// async fn taken_by_banks(payment: &PaymentService) -> Result<Vec<Refund>, StorageError> {
    ///     let filter = RefundFilter {
    ///         origin: Some(RefundOrigin::Dispute),
    ///         ..RefundFilter::default()
    ///     };
    ///     let page = payment.refunds_where(&filter, 100).await?;
    ///     Ok(page.map_or_else(Vec::new, |(refunds, _more)| refunds))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn refunds_where(
        &self,
        filter: &RefundFilter,
        limit: u32,
    ) -> Result<Option<(Vec<Refund>, bool)>> {
        let db = &self.0.db;
        if let Some(cursor) = filter.starting_after {
            let known = refunds::find(db, cursor).await?;
            if known.is_none_or(|known| {
                filter
                    .payment
                    .is_some_and(|payment| Some(payment) != known.payment_id)
            }) {
                return Ok(None);
            }
        }
        let wanted = Wanted {
            payment: filter.payment,
            state: filter.state,
            status: filter.status,
            origin: filter.origin,
            from: filter.from,
            to: filter.to,
            before: filter.starting_after,
        };
        // One more than is shown tells whether there are more.
        let reach = i64::from(limit).saturating_add(1);
        let livemode = self.0.config.livemode;
        let mut found = refunds::list(db, &wanted, livemode, reach).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > shown;
        found.truncate(shown);
        Ok(Some((found, has_more)))
    }
}
