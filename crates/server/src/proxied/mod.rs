//! Calls of applications that stand behind a proxy: who asks, whether they may, and what the application is told of it.
//! [`forward`] answers a proxy that asks; the gate ([`crate::gate`]) is one itself.

pub(crate) mod forward;
mod identity;
mod policy;

use tollgate_auth::{AuthService, Presented, Verified};
use tollgate_kernel::permission;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::scope::QUOTA;
use tollgate_payment::{PaymentService, PlanSlugs};

pub(crate) use self::identity::{Identity, blank};

/// What a caller must be before anything is charged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demands {
    /// Has one of these plans; `None`: any, or none at all.
    pub(crate) plans: Option<PlanSlugs>,
    /// Holds this.
    pub(crate) permission: Option<String>,
    /// A key that is limited to scopes has this one. `None`: such keys are refused.
    pub(crate) scope: Option<String>,
}

impl Demands {
    /// Of a call that takes units: a limited key has the scope that units themselves ask for, unless another is named.
    pub(crate) fn with_units(mut self) -> Self {
        self.scope.get_or_insert_with(|| QUOTA.to_owned());
        self
    }
}

/// Both modules, as they are asked here.
#[derive(Clone, Debug)]
pub(crate) struct Tollgates {
    pub(crate) auth: AuthService,
    pub(crate) payment: PaymentService,
}

impl Tollgates {
    /// Who asks, if they may. Asks the database whether the credential still stands.
    pub(crate) async fn admit(
        &self,
        presented: Option<Presented>,
        demands: &Demands,
    ) -> Result<(Verified, Identity), Problem> {
        let presented = presented.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
        let verified = self.auth.verify(&presented).await?;
        let user = verified.caller.person(demands.scope.as_deref())?;
        if let Some(wanted) = &demands.permission
            && !verified.permissions.hold(wanted)
        {
            return Err(permission::lacking(wanted));
        }
        if let Some(plans) = &demands.plans {
            self.payment.has_plan(user, plans).await?;
        }
        let plan = self.payment.current_plan(user).await?;
        let token = self.auth.vouch(&verified, plan.as_deref()).await;
        let identity = Identity::new(&verified, plan, token);
        Ok((verified, identity))
    }
}
