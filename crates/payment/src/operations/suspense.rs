//! Money that waits for somebody: for staff.

use tollgate_kernel::ids::SuspenseId;
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::suspense::{Kept, SuspenseState};
use crate::store::suspense;

impl PaymentService {
    /// At most `limit`, newest first, and whether there are more; `None`: the cursor is of another list.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::suspense::{Kept, SuspenseState};
    /// # use tollgate_storage::StorageError;
    /// async fn undecided(payment: &PaymentService) -> Result<Vec<Kept>, StorageError> {
    ///     let page = payment.suspense(Some(SuspenseState::Open), None, 50).await?;
    ///     Ok(page.map_or_else(Vec::new, |(kept, _more)| kept))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn suspense(
        &self,
        state: Option<SuspenseState>,
        starting_after: Option<SuspenseId>,
        limit: u32,
    ) -> Result<Option<(Vec<Kept>, bool)>> {
        let (db, livemode) = (&self.0.db, self.0.config.livemode);
        if let Some(cursor) = starting_after
            && suspense::find(db, cursor).await?.is_none()
        {
            return Ok(None);
        }
        // One more than is shown tells whether there are more.
        let reach = i64::from(limit).saturating_add(1);
        let mut found = suspense::list(db, state, starting_after, livemode, reach).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > shown;
        found.truncate(shown);
        Ok(Some((found, has_more)))
    }

    /// One of them.
    ///
    /// ```
    /// # use tollgate_kernel::ids::SuspenseId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn waits(payment: &PaymentService, id: SuspenseId) -> Result<bool, StorageError> {
    ///     let kept = payment.find_suspense(id).await?;
    ///     Ok(kept.is_some_and(|kept| kept.state.is_undecided()))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn find_suspense(&self, id: SuspenseId) -> Result<Option<Kept>> {
        let found = suspense::find(&self.0.db, id).await?;
        Ok(found.filter(|kept| kept.livemode == self.0.config.livemode))
    }
}
