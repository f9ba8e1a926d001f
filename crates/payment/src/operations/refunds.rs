//! Refunds of everybody, for staff.

use tollgate_kernel::ids::{PaymentId, RefundId};
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::refund::Refund;
use crate::store::refunds;

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
        let db = &self.0.db;
        if let Some(cursor) = starting_after {
            let known = refunds::find(db, cursor).await?;
            if known.is_none_or(|known| {
                payment.is_some_and(|payment| Some(payment) != known.payment_id)
            }) {
                return Ok(None);
            }
        }
        // One more than is shown tells whether there are more.
        let reach = i64::from(limit).saturating_add(1);
        let livemode = self.0.config.livemode;
        let mut found = refunds::list(db, payment, starting_after, livemode, reach).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > shown;
        found.truncate(shown);
        Ok(Some((found, has_more)))
    }
}
