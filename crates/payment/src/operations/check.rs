//! What `consume` would answer at this instant. Takes nothing.

use tollgate_kernel::ids::UserId;
use tollgate_kernel::problem::Code;
use tollgate_storage::Result;

use super::current_subscription::{entitled, quota_of};
use crate::PaymentService;
use crate::model::quota::{Cost, ResourceType};
use crate::shapes::{CheckShape, QuotaShape};
use crate::store::plans;

impl PaymentService {
    /// Whether a call would pass, and how the meter stands.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// # use tollgate_payment::model::quota::{Cost, ResourceType};
    /// async fn has_room(payment: &PaymentService, user: UserId, film: &ResourceType) -> Result<bool, StorageError> {
    ///     let checked = payment.check(user, film, Cost::ONE).await?;
    ///     Ok(checked.allowed)
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn check(
        &self,
        user: UserId,
        resource_type: &ResourceType,
        cost: Cost,
    ) -> Result<CheckShape> {
        let parts = &self.0;
        let now = parts.clock.now();
        let refused = |code: Code| CheckShape {
            allowed: false,
            code: Some(code.as_str().to_owned()),
            cost: None,
            quota: None,
        };
        let Some(held) = entitled(parts, user, now).await? else {
            return Ok(refused(Code::SubscriptionRequired));
        };
        let price =
            plans::find_price(&parts.db, held.plan_id, held.plan_version, resource_type).await?;
        let meter = price.as_ref().map_or(&held.meter, |price| &price.meter);
        let quota = quota_of(parts, &held, meter, now).await?;
        let units = price.as_ref().and_then(|price| cost.at(price.units).ok());
        let Some(units) = units else {
            return Ok(CheckShape {
                quota: Some(QuotaShape::from(&quota)),
                ..refused(Code::ValidationFailed)
            });
        };
        let allowed = quota.fits(units);
        Ok(CheckShape {
            allowed,
            code: (!allowed).then(|| Code::QuotaExceeded.as_str().to_owned()),
            cost: Some(units.get()),
            quota: Some(QuotaShape::from(&quota)),
        })
    }
}
