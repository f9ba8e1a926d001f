//! Whether a person has what a call takes: a plan, room in the quota. Takes nothing.

use tollgate_kernel::ids::UserId;
use tollgate_kernel::problem::{Code, Problem};

use super::current_subscription::entitled;
use crate::model::quota::{Cost, ResourceType};
use crate::operations::consume::ConsumeError;
use crate::store::plans;
use crate::{PaymentService, problems};

/// What a call takes of the person behind it.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    /// One of these plans, by slug; none: any, or no plan at all.
    pub plans: Vec<String>,
    /// Room for this.
    pub call: Option<(ResourceType, Cost)>,
}

impl PaymentService {
    /// # Errors
    /// 402 without the plan, 429 without the units, each as `consume` would say it; 503.
    pub async fn meets(&self, user: UserId, demand: &Demand) -> Result<(), Problem> {
        let parts = &self.0;
        if !demand.plans.is_empty() {
            let held = entitled(parts, user, parts.clock.now()).await?;
            let held = held.ok_or_else(|| self.problem(ConsumeError::NoSubscription))?;
            let plan = plans::find(&parts.db, held.plan_id).await?;
            let slug = plan.as_ref().map(|plan| plan.slug.as_str());
            if !demand.plans.iter().any(|wanted| slug == Some(wanted)) {
                return Err(problems::plan_required(&demand.plans, self.upgrade_url()));
            }
        }
        let Some((resource_type, cost)) = &demand.call else {
            return Ok(());
        };
        let checked = self.check(user, resource_type, *cost).await?;
        if checked.allowed {
            return Ok(());
        }
        Err(match (checked.code.as_deref(), checked.quota) {
            (Some(code), Some(quota)) if code == Code::QuotaExceeded.as_str() => {
                problems::quota_exceeded(&quota, self.upgrade_url())
            }
            (_, Some(_)) => self.problem(ConsumeError::NoPrice),
            (_, None) => self.problem(ConsumeError::NoSubscription),
        })
    }
}
