//! The log of usage as a list: one's own, and for staff everybody's.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, UsageId, UserId};
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::quota::{Meter, ResourceId, ResourceType};
use crate::shapes::UsageLogShape;
use crate::store::usage_logs::{self, Page, Wanted};

/// Resource types in one question, at most.
pub(crate) const MOST_TYPES: usize = usage_logs::MOST_TYPES;
/// Rows that are counted, at most.
const MOST_COUNTED: i64 = 10_000;
/// Rows are counted within so much time.
pub(crate) const LONGEST_COUNT: Duration = Duration::from_hours(31 * 24);

/// Which rows; every condition that is given must hold.
///
/// ```
/// # use tollgate_payment::UsageFilter;
/// let films = UsageFilter {
///     resource_types: vec!["film".parse()?],
///     ..UsageFilter::default()
/// };
/// assert!(films.meter.is_none());
/// # Ok::<(), tollgate_payment::model::quota::InvalidName>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct UsageFilter {
    /// Of this person only.
    pub user: Option<UserId>,
    /// Of one of these, at most 8; none: of any.
    pub resource_types: Vec<ResourceType>,
    /// About this only.
    pub resource_id: Option<ResourceId>,
    /// By this key only.
    pub api_key: Option<ApiKeyId>,
    /// Charged to this meter only.
    pub meter: Option<Meter>,
    /// At this moment or later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
}

/// Which page.
///
/// ```
/// # use tollgate_kernel::ids::UsageId;
/// # use tollgate_payment::UsagePage;
/// fn older(last_seen: UsageId) -> UsagePage {
///     UsagePage {
///         starting_after: Some(last_seen),
///         ..UsagePage::default()
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct UsagePage {
    /// Older than this one.
    pub starting_after: Option<UsageId>,
    /// Newer than this one.
    pub ending_before: Option<UsageId>,
}

impl UsageFilter {
    fn wanted(&self) -> Wanted {
        Wanted {
            user: self.user,
            resource_types: self.resource_types.clone(),
            resource_id: self.resource_id.clone(),
            key: self.api_key,
            meter: self.meter.clone(),
            from: self.from,
            to: self.to,
        }
    }
}

impl PaymentService {
    /// At most `limit` rows, newest first, and whether there are more; `None`: the cursor is of another list.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::{PaymentService, UsageFilter, UsagePage};
    /// # use tollgate_storage::StorageError;
    /// async fn latest(payment: &PaymentService, user: UserId) -> Result<Option<String>, StorageError> {
    ///     let filter = UsageFilter {
    ///         user: Some(user),
    ///         ..UsageFilter::default()
    ///     };
    ///     let page = payment.usage_logs(&filter, UsagePage::default(), 1).await?;
    ///     let (rows, _more) = page.unwrap_or_default();
    ///     Ok(rows.into_iter().next().map(|row| row.resource_type))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn usage_logs(
        &self,
        filter: &UsageFilter,
        page: UsagePage,
        limit: u32,
    ) -> Result<Option<(Vec<UsageLogShape>, bool)>> {
        let db = &self.0.db;
        if let Some(cursor) = page.starting_after.or(page.ending_before) {
            let owner = usage_logs::find_owner(db, cursor).await?;
            if owner.is_none_or(|owner| filter.user.is_some_and(|user| user != owner)) {
                return Ok(None);
            }
        }
        let page = match (page.starting_after, page.ending_before) {
            (Some(id), _) => Page::OlderThan(id),
            (None, Some(id)) => Page::NewerThan(id),
            (None, None) => Page::Newest,
        };
        // One more than is shown tells whether there are more.
        let reach = i64::from(limit).saturating_add(1);
        let mut found = usage_logs::list(db, &filter.wanted(), page, reach).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > shown;
        found.truncate(shown);
        if matches!(page, Page::NewerThan(_)) {
            found.reverse();
        }
        let rows = found.into_iter().map(UsageLogShape::from);
        Ok(Some((rows.collect(), has_more)))
    }

    /// How many rows there are; `None`: more than 10,000.
    ///
    /// ```
    /// # use tollgate_payment::{PaymentService, UsageFilter};
    /// # use tollgate_payment::model::quota::Meter;
    /// # use tollgate_storage::StorageError;
    /// async fn how_many(payment: &PaymentService, meter: Meter) -> Result<Option<i64>, StorageError> {
    ///     let filter = UsageFilter {
    ///         meter: Some(meter),
    ///         ..UsageFilter::default()
    ///     };
    ///     payment.count_usage(&filter).await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn count_usage(&self, filter: &UsageFilter) -> Result<Option<i64>> {
        let reach = MOST_COUNTED.saturating_add(1);
        let count = usage_logs::count(&self.0.db, &filter.wanted(), reach).await?;
        Ok(Some(count).filter(|count| *count <= MOST_COUNTED))
    }

    /// Whether a list can be counted: it begins somewhere, and no more than 31 days before its end.
    pub(crate) fn is_countable(&self, filter: &UsageFilter) -> bool {
        let end = filter.to.unwrap_or_else(|| self.0.clock.now());
        filter
            .from
            .is_some_and(|from| end.since(from) <= LONGEST_COUNT)
    }
}
