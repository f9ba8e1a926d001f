//! Subscriptions of everybody, for staff.

use tollgate_kernel::ids::{PlanId, SubscriptionId, UserId};
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::subscription::{ListedSubscription, SubscriptionStatus};
use crate::store::subscription_list::{self, Wanted};

/// Which subscriptions; every condition that is given must hold.
///
/// ```
/// # use tollgate_payment::SubscriptionFilter;
/// # use tollgate_payment::model::subscription::SubscriptionStatus;
/// let leaving = SubscriptionFilter {
///     status: Some(SubscriptionStatus::Cancelled),
///     ..SubscriptionFilter::default()
/// };
/// assert!(leaving.plan.is_none(), "whatever plan it is of");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SubscriptionFilter {
    /// Of this person only.
    pub user: Option<UserId>,
    /// Of this plan only.
    pub plan: Option<PlanId>,
    /// In this state only.
    pub status: Option<SubscriptionStatus>,
    /// Begun before this one.
    pub starting_after: Option<SubscriptionId>,
}

impl PaymentService {
    /// At most `limit`, newest first, and whether there are more; `None`: the cursor is of another list.
    ///
    /// ```
    /// # use tollgate_kernel::ids::PlanId;
    /// # use tollgate_payment::{PaymentService, SubscriptionFilter};
    /// # use tollgate_payment::model::subscription::SubscriptionStatus;
    /// # use tollgate_storage::StorageError;
    /// async fn has_members(payment: &PaymentService, plan: PlanId) -> Result<bool, StorageError> {
    ///     let filter = SubscriptionFilter {
    ///         plan: Some(plan),
    ///         status: Some(SubscriptionStatus::Active),
    ///         ..SubscriptionFilter::default()
    ///     };
    ///     let page = payment.subscriptions(&filter, 1).await?;
    ///     Ok(page.is_some_and(|(held, _more)| !held.is_empty()))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
        limit: u32,
    ) -> Result<Option<(Vec<ListedSubscription>, bool)>> {
        let (db, livemode) = (&self.0.db, self.0.config.livemode);
        if let Some(cursor) = filter.starting_after {
            let owner = subscription_list::find_owner(db, cursor, livemode).await?;
            if owner.is_none_or(|owner| filter.user.is_some_and(|user| user != owner)) {
                return Ok(None);
            }
        }
        let wanted = Wanted {
            user: filter.user,
            plan: filter.plan,
            status: filter.status,
            before: filter.starting_after,
        };
        // One more than is shown tells whether there are more.
        let reach = i64::from(limit).saturating_add(1);
        let mut found = subscription_list::list(db, &wanted, livemode, reach).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > shown;
        found.truncate(shown);
        Ok(Some((found, has_more)))
    }
}
