//! Whether a person has what a call takes: a plan, room in the quota. Takes nothing.

use std::sync::Arc;

use tollgate_kernel::ids::UserId;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_storage::StorageError;

use super::current_subscription::{entitled, quota_of};
use super::holding::{Holding, holding_that};
use crate::model::quota::{Cost, ResourceType};
use crate::operations::consume::ConsumeError;
use crate::shapes::QuotaShape;
use crate::store::plans;
use crate::{PaymentService, problems};

/// What a call takes of the person behind it.
///
/// ```
/// # use tollgate_payment::Demand;
/// let anybody = Demand::default();
/// let pro = Demand {
///     plans: vec!["pro".to_owned()],
///     call: None,
/// };
/// assert!(anybody.plans.is_empty() && !pro.plans.is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Demand {
    /// One of these plans, by slug; none: any, or no plan at all.
    pub plans: Vec<String>,
    /// Room for this.
    pub call: Option<(ResourceType, Cost)>,
}

/// Which plans will do, by slug.
///
/// ```
/// use tollgate_payment::PlanSlugs;
/// let one: PlanSlugs = "pro".into();
/// let several: PlanSlugs = ["pro", "enterprise"].into();
/// assert_ne!(one, several);
/// // An empty list is no plan at all, and lets nobody in.
/// assert_ne!(PlanSlugs::from(Vec::new()), PlanSlugs::any());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanSlugs(Option<Arc<[String]>>);

impl PlanSlugs {
    /// Whatever is in force, the free plan too.
    pub fn any() -> Self {
        Self(None)
    }

    fn suit(&self, plan: &str) -> bool {
        self.0.as_ref().is_none_or(|slugs| is_among(plan, slugs))
    }

    /// Those that are named.
    fn names(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<&str> for PlanSlugs {
    fn from(slug: &str) -> Self {
        [slug].into()
    }
}

impl<const N: usize> From<[&str; N]> for PlanSlugs {
    fn from(slugs: [&str; N]) -> Self {
        Self(Some(slugs.into_iter().map(str::to_owned).collect()))
    }
}

impl From<Vec<String>> for PlanSlugs {
    fn from(slugs: Vec<String>) -> Self {
        Self(Some(slugs.into()))
    }
}

fn is_among(plan: &str, wanted: &[String]) -> bool {
    wanted.iter().any(|slug| slug == plan)
}

impl PaymentService {
    /// Whether somebody has one of `plans` now. For every call of an application: a yes may be two seconds old where
    /// another instance ended the plan, never where this one did, and never older than the end of its time.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_kernel::problem::Problem;
    /// # use tollgate_payment::PaymentService;
    /// async fn report(payment: &PaymentService, user: UserId) -> Result<&'static str, Problem> {
    ///     payment.has_plan(user, &["pro", "enterprise"].into()).await?;
    ///     Ok("the report")
    /// }
    /// ```
    ///
    /// # Errors
    /// 402 `subscription_required` or `plan_required`; 503.
    pub async fn has_plan(&self, user: UserId, plans: &PlanSlugs) -> Result<(), Problem> {
        let suits = |holding: &Holding| plans.suit(&holding.plan);
        match holding_that(&self.0, user, suits).await? {
            None => Err(self.problem(ConsumeError::NoSubscription)),
            Some(holding) if suits(&holding) => Ok(()),
            Some(_) => Err(problems::plan_required(plans.names(), self.upgrade_url())),
        }
    }

    /// # Errors
    /// 402 without the plan, 429 without the units, each as `consume` would say it; 503.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_kernel::problem::Problem;
    /// # use tollgate_payment::{Demand, PaymentService};
    /// # use tollgate_payment::model::quota::{Cost, ResourceType};
    /// async fn may_render(payment: &PaymentService, user: UserId, rendering: ResourceType) -> Result<(), Problem> {
    ///     let demand = Demand {
    ///         plans: vec!["pro".to_owned()],
    ///         call: Some((rendering, Cost::ONE)),
    ///     };
    ///     payment.meets(user, &demand).await
    /// }
    /// ```
    pub async fn meets(&self, user: UserId, demand: &Demand) -> Result<(), Problem> {
        let parts = &self.0;
        if !demand.plans.is_empty() {
            let held = entitled(parts, user, parts.clock.now()).await?;
            let held = held.ok_or_else(|| self.problem(ConsumeError::NoSubscription))?;
            let slug = plans::find_slug(&parts.db, held.plan_id).await?;
            if slug.is_none_or(|slug| !is_among(&slug, &demand.plans)) {
                return Err(problems::plan_required(&demand.plans, self.upgrade_url()));
            }
        }
        match &demand.call {
            Some((resource_type, cost)) => self.room(user, resource_type, *cost).await.map(drop),
            None => Ok(()),
        }
    }

    /// How the meter stands that a call would be taken from, if it would pass now. Takes nothing.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_kernel::problem::Problem;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::quota::{Cost, ResourceType};
    /// async fn left(payment: &PaymentService, user: UserId, rendering: &ResourceType) -> Result<Option<i64>, Problem> {
    ///     let quota = payment.room(user, rendering, Cost::ONE).await?;
    ///     Ok(quota.remaining)
    /// }
    /// ```
    ///
    /// # Errors
    /// 402 without a plan, 429 without the units, 422 without a price, each as `consume` would say it; 503.
    pub async fn room(
        &self,
        user: UserId,
        resource_type: &ResourceType,
        cost: Cost,
    ) -> Result<QuotaShape, Problem> {
        let checked = self.check(user, resource_type, cost).await?;
        match (checked.allowed, checked.code.as_deref(), checked.quota) {
            (true, _, Some(quota)) => Ok(quota),
            (_, Some(code), Some(quota)) if code == Code::QuotaExceeded.as_str() => {
                let now = self.0.clock.now();
                Err(problems::quota_exceeded(&quota, self.upgrade_url(), now))
            }
            (_, _, Some(_)) => Err(self.problem(ConsumeError::NoPrice)),
            (_, _, None) => Err(self.problem(ConsumeError::NoSubscription)),
        }
    }

    /// Which plan somebody has now, by slug; as old as [`has_plan`](Self::has_plan) may be.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn badge(payment: &PaymentService, user: UserId) -> Result<String, StorageError> {
    ///     let plan = payment.current_plan(user).await?;
    ///     Ok(plan.unwrap_or_else(|| "none".to_owned()))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn current_plan(&self, user: UserId) -> Result<Option<String>, StorageError> {
        let holding = holding_that(&self.0, user, |_| true).await?;
        Ok(holding.map(|holding| holding.plan.clone()))
    }

    /// How the first meter of somebody's plan stands; `None` without a plan.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn bar(payment: &PaymentService, user: UserId) -> Result<String, StorageError> {
    ///     let quota = payment.first_meter(user).await?;
    ///     Ok(match quota.and_then(|quota| quota.remaining) {
    ///         Some(left) => format!("{left} left"),
    ///         None => "no limit".to_owned(),
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn first_meter(&self, user: UserId) -> Result<Option<QuotaShape>, StorageError> {
        let parts = &self.0;
        let now = parts.clock.now();
        let Some(held) = entitled(parts, user, now).await? else {
            return Ok(None);
        };
        let quota = quota_of(parts, &held, &held.meter, now).await?;
        Ok(Some(QuotaShape::from(&quota)))
    }
}
