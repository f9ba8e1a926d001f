//! Extractors: the units that a layer has set aside for a call, and what the person behind it has.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::ids::UsageId;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::scope::PAYMENTS;

use crate::PaymentService;
use crate::guarded::Guarded;
use crate::model::hold::HoldTime;
use crate::model::quota::Cost;
use crate::operations::consume::ConsumeError;
use crate::operations::settle_hold::HoldError;
use crate::quota_writer::End;
use crate::shapes::SubscriptionShape;

/// The units that [`consume_quota`](PaymentService::consume_quota) has set aside for this call. Its answer settles them;
/// a handler takes this to charge less, or to let a background job settle them.
///
/// ```
/// use tollgate_kernel::problem::Problem;
/// use tollgate_payment::QuotaHold;
///
/// async fn process(hold: QuotaHold, images: String) -> Result<String, Problem> {
///     let done = images.lines().count();
///     // At most what the layer was made with; beyond it, 422.
///     hold.set_cost(i64::try_from(done).unwrap_or(i64::MAX))?;
///     Ok(format!("{done} images"))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct QuotaHold(pub(crate) Arc<Guarded>);

impl QuotaHold {
    /// What the layer was made with: how many calls' worth, before the plan's price.
    pub fn cost(&self) -> i64 {
        self.0.cost().get()
    }

    /// Charges `cost` calls' worth instead of all, if the call succeeds; the others are given back. Called again, the
    /// last counts.
    ///
    /// # Errors
    /// [`HoldError::Cost`]: not 1 or more. [`HoldError::AboveHold`]: more than [`cost`](Self::cost).
    /// [`HoldError::Settled`]: it was deferred, or charged on admission. What was to be charged stays so.
    pub fn set_cost(&self, cost: i64) -> Result<(), HoldError> {
        self.0.set_cost(Cost::new(cost)?)
    }

    /// From now on the answer settles nothing: whoever has what is given does, within the time of the hold.
    ///
    /// ```
    /// use axum::http::StatusCode;
    /// use tollgate_payment::QuotaHold;
    /// # async fn render() -> bool { true }
    ///
    /// async fn process(hold: QuotaHold) -> StatusCode {
    ///     let hold = hold.defer();
    ///     tokio::spawn(async move {
    ///         let settled = if render().await {
    ///             hold.commit().await.map(drop)
    ///         } else {
    ///             hold.release().await
    ///         };
    ///         // It was tried for as long as the hold lasts, and is in the log.
    ///         drop(settled);
    ///     });
    ///     StatusCode::ACCEPTED
    /// }
    /// ```
    #[must_use = "dropped, the units are given back"]
    pub fn defer(self) -> DeferredHold {
        let cost = self.0.defer();
        DeferredHold {
            guarded: self.0,
            cost,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for QuotaHold {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if let Some(hold) = parts.extensions.get::<Self>() {
            return Ok(hold.clone());
        }
        tracing::error!(
            path = parts.uri.path(),
            "a handler asks for its hold, but no layer makes one: add `.route_layer(payment.consume_quota(..))`"
        );
        Err(Problem::new(Code::Internal))
    }
}

/// Units that wait for a background job, by [`QuotaHold::defer`]. Dropped without [`commit`](Self::commit) or
/// [`release`](Self::release), they are given back.
///
/// ```
/// # use tollgate_kernel::ids::UsageId;
/// # use tollgate_payment::{DeferredHold, HoldError};
/// async fn settle(hold: DeferredHold, frames: Option<i64>) -> Result<Option<UsageId>, HoldError> {
///     match frames {
///         Some(frames) => hold.commit_cost(frames).await,
///         None => hold.release().await.map(|()| None),
///     }
/// }
/// ```
#[derive(Debug)]
pub struct DeferredHold {
    guarded: Arc<Guarded>,
    cost: Option<Cost>,
}

impl DeferredHold {
    /// Charges them: all, or what [`set_cost`](QuotaHold::set_cost) said before. Gives the row of the usage log; `None`
    /// where the call was let through uncharged. It goes on though nobody waits for it, and is tried again while the
    /// database is away, until the hold's time is over. Called again, it is the first answer.
    ///
    /// # Errors
    /// [`HoldError::Settled`]: released before, or its time is over. Others: nothing was charged, and the log says why.
    pub async fn commit(&self) -> Result<Option<UsageId>, HoldError> {
        self.guarded.end(End::Commit(self.cost)).await
    }

    /// Charges `cost` calls' worth; the others are given back.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); [`HoldError::Cost`] and [`HoldError::AboveHold`], which end nothing.
    pub async fn commit_cost(&self, cost: i64) -> Result<Option<UsageId>, HoldError> {
        self.guarded.end(End::Commit(Some(Cost::new(cost)?))).await
    }

    /// Gives them back.
    ///
    /// # Errors
    /// [`HoldError::Settled`]: they were charged.
    pub async fn release(&self) -> Result<(), HoldError> {
        self.guarded.end(End::Release).await.map(drop)
    }

    /// Moves the end of the hold to `time` from now, for work that takes longer.
    ///
    /// ```
    /// # use tollgate_payment::{DeferredHold, HoldError, model::hold::HoldTime};
    /// async fn another_hour(hold: &DeferredHold) -> Result<(), HoldError> {
    ///     let hour = HoldTime::seconds(3_600).unwrap_or(HoldTime::USUAL);
    ///     hold.extend(hour).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`HoldError::Settled`]: it has ended.
    pub async fn extend(&self, time: HoldTime) -> Result<(), HoldError> {
        self.guarded.extend(time).await
    }
}

impl Drop for DeferredHold {
    fn drop(&mut self) {
        self.guarded.abandon();
    }
}

/// What the person behind the call has: 401 for nobody, 402 `subscription_required` without a subscription in force; 403
/// for a service, and for a key that is limited to other scopes than `payments`. `Option<CurrentSubscription>` is `None`
/// for nobody and without one. [`PaymentService::layer`] or a guard of the service goes around it.
///
/// ```
/// use tollgate_payment::CurrentSubscription;
///
/// async fn quality(plan: Option<CurrentSubscription>) -> &'static str {
///     match plan {
///         Some(CurrentSubscription(held)) if held.plan.slug == "pro" => "full",
///         _ => "preview",
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CurrentSubscription(pub SubscriptionShape);

impl<S: Sync> FromRequestParts<S> for CurrentSubscription {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        let service = service(parts)?;
        let held = held(&service, &caller).await?;
        held.ok_or_else(|| service.problem(ConsumeError::NoSubscription))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for CurrentSubscription {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Problem> {
        let caller =
            <Caller as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?;
        match caller {
            None => Ok(None),
            Some(caller) => held(&service(parts)?, &caller).await,
        }
    }
}

async fn held(
    service: &PaymentService,
    caller: &Caller,
) -> Result<Option<CurrentSubscription>, Problem> {
    let user = caller.person(Some(PAYMENTS))?;
    let held = service.current_subscription(user).await?;
    Ok(held.map(CurrentSubscription))
}

fn service(parts: &Parts) -> Result<PaymentService, Problem> {
    if let Some(service) = parts.extensions.get::<PaymentService>() {
        return Ok(service.clone());
    }
    tracing::error!(
        path = parts.uri.path(),
        "a handler asks for a subscription, but no service stands beside the request: add `.layer(payment.layer())`"
    );
    Err(Problem::new(Code::Internal))
}
