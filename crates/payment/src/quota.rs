//! Quota by plain arguments, for code that has no request in its hands.

use serde_json::json;
use tollgate_kernel::ids::{HoldId, UserId};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};

use crate::PaymentService;
use crate::model::hold::Owner;
use crate::model::quota::{Cost, ResourceType};
use crate::operations::consume::Consume;
use crate::shapes::{CheckShape, ConsumeShape, HoldShape, SettledShape};

/// Made by [`PaymentService::quota`]. What it refuses is the problem that clients know: 402, 422, 429, 503.
///
/// ```
/// use tollgate_kernel::ids::UserId;
/// use tollgate_kernel::problem::Problem;
/// use tollgate_payment::PaymentService;
///
/// async fn render(payment: &PaymentService, user: UserId) -> Result<(), Problem> {
///     let quota = payment.quota();
///     let hold = quota.reserve(user, "rendering", 10).await?;
///     let frames = 7; // … the work …
///     quota.commit(hold.reservation_id, Some(frames)).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct QuotaHandle(PaymentService);

impl PaymentService {
    /// Quota by plain arguments. What is reserved by it belongs to this application: no service key settles it.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_kernel::problem::Problem;
    /// # use tollgate_payment::PaymentService;
    /// async fn pay(payment: &PaymentService, user: UserId) -> Result<i64, Problem> {
    ///     let taken = payment.quota().consume(user, "search", 1).await?;
    ///     Ok(taken.quota.used)
    /// }
    /// ```
    pub fn quota(&self) -> QuotaHandle {
        QuotaHandle(self.clone())
    }
}

impl QuotaHandle {
    /// Charges `cost` calls' worth of `resource_type`.
    ///
    /// # Errors
    /// As `POST /quota/consume` refuses.
    pub async fn consume(
        &self,
        user: UserId,
        resource_type: &str,
        cost: i64,
    ) -> Result<ConsumeShape, Problem> {
        let call = call(user, resource_type, cost)?;
        let taken = self.0.consume(&call, None).await;
        let taken = taken.map_err(|error| self.0.problem(error))?;
        Ok(taken.value)
    }

    /// Whether that would pass now. Takes nothing.
    ///
    /// # Errors
    /// 422, 503; a verdict is none.
    pub async fn check(
        &self,
        user: UserId,
        resource_type: &str,
        cost: i64,
    ) -> Result<CheckShape, Problem> {
        let call = call(user, resource_type, cost)?;
        Ok(self.0.check(user, &call.resource_type, call.cost).await?)
    }

    /// Sets it aside, for the time that holds usually last.
    ///
    /// # Errors
    /// As `POST /quota/reserve` refuses.
    pub async fn reserve(
        &self,
        user: UserId,
        resource_type: &str,
        cost: i64,
    ) -> Result<HoldShape, Problem> {
        let call = call(user, resource_type, cost)?;
        let time = self.0.hold_time();
        let held = self.0.reserve(&call, Owner::HOST, time, None).await;
        let held = held.map_err(|error| self.0.problem(error))?;
        Ok(held.value)
    }

    /// Charges what was set aside: all of it, or `cost` calls' worth.
    ///
    /// # Errors
    /// As `POST /quota/commit` refuses.
    pub async fn commit(
        &self,
        reservation: HoldId,
        cost: Option<i64>,
    ) -> Result<SettledShape, Problem> {
        let mut errors = FieldErrors::new();
        let cost = cost.and_then(|cost| errors.take("/cost", Cost::new(cost)));
        errors.finish()?;
        let settled = self.0.commit_hold(reservation, Owner::HOST, cost).await;
        settled.map_err(Problem::from)
    }

    /// Gives it back.
    ///
    /// # Errors
    /// As `POST /quota/release` refuses.
    pub async fn release(&self, reservation: HoldId) -> Result<SettledShape, Problem> {
        let settled = self.0.release_hold(reservation, Owner::HOST).await;
        settled.map_err(Problem::from)
    }
}

fn call(user_id: UserId, resource_type: &str, cost: i64) -> Result<Consume, Problem> {
    let mut errors = FieldErrors::new();
    let resource_type = errors.take("/resource_type", resource_type.parse::<ResourceType>());
    let cost = errors.take("/cost", Cost::new(cost));
    errors.finish()?;
    let (Some(resource_type), Some(cost)) = (resource_type, cost) else {
        return Err(Problem::new(Code::ValidationFailed));
    };
    Ok(Consume {
        user_id,
        resource_type,
        cost,
        resource_id: None,
        metadata: json!({}),
        api_key_id: None,
    })
}
