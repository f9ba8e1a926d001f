//! What has happened to what a person has and had.

use tollgate_kernel::ids::{ChangeId, UserId};
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::change::Change;
use crate::store::subscription_changes::{self, Page};

/// Which page.
///
/// ```
/// # use tollgate_kernel::ids::ChangeId;
/// # use tollgate_payment::HistoryPage;
/// fn next(last_seen: ChangeId) -> HistoryPage {
///     HistoryPage {
///         starting_after: Some(last_seen),
///         ..HistoryPage::default()
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HistoryPage {
    /// Older than this one.
    pub starting_after: Option<ChangeId>,
    /// Newer than this one.
    pub ending_before: Option<ChangeId>,
}

impl PaymentService {
    /// At most `limit` changes, newest first, and whether there are more; `None`: the cursor is of another list.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::{HistoryPage, PaymentService};
    /// # use tollgate_payment::model::change::ChangeKind;
    /// # use tollgate_storage::StorageError;
    /// async fn kinds(payment: &PaymentService, user: UserId) -> Result<Vec<ChangeKind>, StorageError> {
    ///     let page = payment.subscription_history(user, HistoryPage::default(), 20).await?;
    ///     let (changes, _more) = page.unwrap_or_default();
    ///     Ok(changes.iter().map(|change| change.kind).collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn subscription_history(
        &self,
        user: UserId,
        page: HistoryPage,
        limit: u32,
    ) -> Result<Option<(Vec<Change>, bool)>> {
        let db = &self.0.db;
        if let Some(cursor) = page.starting_after.or(page.ending_before)
            && subscription_changes::find_own(db, user, cursor)
                .await?
                .is_none()
        {
            return Ok(None);
        }
        let page = match (page.starting_after, page.ending_before) {
            (Some(id), _) => Page::OlderThan(id),
            (None, Some(id)) => Page::NewerThan(id),
            (None, None) => Page::Newest,
        };
        // One more than is shown tells whether there are more.
        let reach = i64::from(limit).saturating_add(1);
        let livemode = self.0.config.livemode;
        let mut found = subscription_changes::list(db, user, livemode, page, reach).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > shown;
        found.truncate(shown);
        if matches!(page, Page::NewerThan(_)) {
            found.reverse();
        }
        Ok(Some((found, has_more)))
    }
}
