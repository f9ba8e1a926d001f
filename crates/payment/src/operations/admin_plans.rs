//! Plans as staff see them: archived ones too, with how many have them.

use tollgate_kernel::ids::PlanId;
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::plan::Plan;
use crate::shapes::{AdminPlanShape, PlanVersionShape};
use crate::store::{plan_versions, plans};

/// Which plans.
///
/// ```
/// # use tollgate_payment::PlanFilter;
/// let on_sale = PlanFilter {
///     archived: Some(false),
///     ..PlanFilter::default()
/// };
/// assert!(on_sale.starting_after.is_none());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanFilter {
    /// Archived ones only, or none of them.
    pub archived: Option<bool>,
    /// Older than this one.
    pub starting_after: Option<PlanId>,
    /// Newer than this one.
    pub ending_before: Option<PlanId>,
}

impl PaymentService {
    /// At most `limit`, newest first, and whether there are more; `None`: the cursor names no plan.
    ///
    /// ```
    /// # use tollgate_payment::{PaymentService, PlanFilter};
    /// # use tollgate_payment::shapes::AdminPlanShape;
    /// # use tollgate_storage::StorageError;
    /// async fn archived(payment: &PaymentService) -> Result<Vec<AdminPlanShape>, StorageError> {
    ///     let filter = PlanFilter {
    ///         archived: Some(true),
    ///         ..PlanFilter::default()
    ///     };
    ///     // The cursor would be the id of the last plan that was seen: here there is none to be wrong.
    ///     let page = payment.admin_plans(&filter, 20).await?;
    ///     Ok(page.map_or_else(Vec::new, |(plans, _more)| plans))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn admin_plans(
        &self,
        filter: &PlanFilter,
        limit: u32,
    ) -> Result<Option<(Vec<AdminPlanShape>, bool)>> {
        let db = &self.0.db;
        for cursor in [filter.starting_after, filter.ending_before] {
            if let Some(id) = cursor
                && plans::find(db, id).await?.is_none()
            {
                return Ok(None);
            }
        }
        let page = plans::Page {
            archived: filter.archived,
            before: filter.starting_after,
            after: filter.ending_before,
            // One more than is shown tells whether there are more.
            limit: i64::from(limit).saturating_add(1),
        };
        let mut ids = plans::list_ids(db, page).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = ids.len() > shown;
        ids.truncate(shown);
        if filter.ending_before.is_some() {
            ids.reverse();
        }
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(plan) = plans::find(db, id).await? {
                found.push(self.for_staff(plan).await?);
            }
        }
        Ok(Some((found, has_more)))
    }

    /// One of them, by id or slug, with all its versions.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn subscribers(payment: &PaymentService) -> Result<i64, StorageError> {
    ///     let plan = payment.admin_plan("pro").await?;
    ///     Ok(plan.map_or(0, |plan| plan.subscribers))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn admin_plan(&self, id_or_slug: &str) -> Result<Option<AdminPlanShape>> {
        let Some(plan) = self.any_plan(id_or_slug).await? else {
            return Ok(None);
        };
        let versions = plan_versions::list(&self.0.db, plan.id).await?;
        let mut shape = self.for_staff(plan).await?;
        let (texts, house) = (&shape.plan.i18n, self.0.config.house());
        let versions = versions.into_iter();
        let versions = versions.map(|version| PlanVersionShape::new(version, texts, house));
        shape.versions = Some(versions.collect());
        Ok(Some(shape))
    }

    /// With how many have it.
    pub(super) async fn for_staff(&self, plan: Plan) -> Result<AdminPlanShape> {
        let livemode = self.0.config.livemode;
        let subscribers = plans::subscribers(&self.0.db, plan.id, livemode).await?;
        Ok(AdminPlanShape::new(
            plan,
            subscribers,
            self.0.config.house(),
        ))
    }
}
