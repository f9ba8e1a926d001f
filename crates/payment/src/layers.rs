//! Layers: a call that pays, and nobody beyond this point without a plan.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Extension;
use axum::extract::{FromRequestParts as _, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::scope::QUOTA;
use tower::{Layer, Service};

use crate::PaymentService;
use crate::extract::QuotaHold;
use crate::guarded::Admitted;
use crate::model::hold::HoldTime;
use crate::model::quota::{Cost, ResourceType};
use crate::operations::admit::Terms;
use crate::operations::consume::Consume;
use crate::operations::demand::PlanSlugs;

type Answer = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl PaymentService {
    /// A layer that puts the service beside each request, for its extractors. The guards do so for their routes.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use tollgate_payment::{CurrentSubscription, PaymentService};
    /// async fn shown(plan: Option<CurrentSubscription>) -> String {
    ///     plan.map_or("no plan".to_owned(), |CurrentSubscription(held)| held.plan.name)
    /// }
    ///
    /// fn routes(payment: &PaymentService) -> Router {
    ///     Router::new().route("/plan", get(shown)).layer(payment.layer())
    /// }
    /// ```
    pub fn layer(&self) -> Extension<Self> {
        Extension(self.clone())
    }

    /// A layer that makes each call of its routes pay: `cost` calls' worth of `resource_type`, from the quota of the
    /// person behind it. The units are set aside before the handler runs. An answer below 400 charges them; any other,
    /// a panic, a timeout or a client who hangs up gives them back, as does the end of the hold's time when this process
    /// dies. Whoever has too few is refused (429), or has no plan (402), before the handler hears of it. Nobody is 401;
    /// a service key, and a key that is limited to other scopes than `quota`, is 403.
    ///
    /// Put it on the routes that are sold (`route_layer`), inside the layer that identifies callers and around nothing
    /// that is not to be charged. `Idempotency-Key` is left to the handler: a repeated request runs it again, and pays
    /// again.
    ///
    /// A name or cost that cannot be one is told in the log, and every call of the routes is 500.
    ///
    /// ```
    /// # use axum::{Router, routing::post};
    /// # use tollgate_payment::{PaymentService, QuotaHold};
    /// async fn process(_hold: QuotaHold) -> &'static str {
    ///     "done"
    /// }
    ///
    /// fn routes(payment: &PaymentService) -> Router {
    ///     let pays = payment.consume_quota("dicom_processing", 1);
    ///     Router::new().route("/process", post(process).route_layer(pays))
    /// }
    /// ```
    pub fn consume_quota(&self, resource_type: &str, cost: i64) -> ConsumeQuotaLayer {
        let wanted = (resource_type.parse().ok()).zip(Cost::new(cost).ok());
        if wanted.is_none() {
            tracing::error!(
                resource_type,
                cost,
                "consume_quota takes a name of 1 to 64 letters, digits and _ - . : and a cost from 1 to 1000000000"
            );
        }
        ConsumeQuotaLayer {
            service: self.clone(),
            wanted,
            scope: Cow::Borrowed(QUOTA),
            terms: Terms {
                time: self.hold_time(),
                on_admission: false,
                fail_open: false,
            },
        }
    }

    /// A layer that lets only those through who have one of `plans` now: 402 `subscription_required` without any plan,
    /// 402 `plan_required` with another, each with `upgrade_url`. What was cancelled gives its right until its end. A
    /// plan that ended, by its time or by anything on this instance, does so at once; one that another instance ended,
    /// within two seconds. Nobody is 401; a service key is 403, as is a key that is limited to scopes, unless
    /// [`scope`](RequireSubscriptionLayer::scope) names one of them.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use tollgate_payment::{PaymentService, PlanSlugs};
    /// # async fn reports() {}
    /// fn routes(payment: &PaymentService) -> Router {
    ///     let paid = payment.require_subscription(["pro", "enterprise"]);
    ///     let any = payment.require_subscription(PlanSlugs::any());
    ///     Router::new()
    ///         .route("/reports", get(reports).route_layer(paid))
    ///         .route("/preview", get(reports).route_layer(any))
    /// }
    /// ```
    pub fn require_subscription(&self, plans: impl Into<PlanSlugs>) -> RequireSubscriptionLayer {
        RequireSubscriptionLayer {
            service: self.clone(),
            plans: plans.into(),
            scope: None,
        }
    }
}

/// Made by [`PaymentService::consume_quota`].
///
/// ```
/// # use tollgate_payment::{ConsumeQuotaLayer, PaymentService};
/// fn film(payment: &PaymentService) -> ConsumeQuotaLayer {
///     payment.consume_quota("film", 20).charge_on_admission().fail_open()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ConsumeQuotaLayer {
    service: PaymentService,
    /// `None`: it was made with what cannot be one.
    wanted: Option<(ResourceType, Cost)>,
    scope: Cow<'static, str>,
    terms: Terms,
}

impl ConsumeQuotaLayer {
    /// While the database is away, calls pass uncharged instead of being refused with 503. Each is in the log, and
    /// counted by [`PaymentService::let_through`].
    ///
    /// ```
    /// # use tollgate_payment::{ConsumeQuotaLayer, PaymentService};
    /// # fn search(payment: &PaymentService) -> ConsumeQuotaLayer {
    /// payment.consume_quota("search", 1).fail_open()
    /// # }
    /// ```
    #[must_use]
    pub fn fail_open(mut self) -> Self {
        self.terms.fail_open = true;
        self
    }

    /// Charges before the handler runs, and gives back what failed: one commit instead of two for a call that succeeds.
    /// What a process was doing when it died stays charged, the log has two rows for a call that fails, and a handler
    /// cannot charge less.
    ///
    /// ```
    /// # use tollgate_payment::{ConsumeQuotaLayer, PaymentService};
    /// # fn search(payment: &PaymentService) -> ConsumeQuotaLayer {
    /// payment.consume_quota("search", 1).charge_on_admission()
    /// # }
    /// ```
    #[must_use]
    pub fn charge_on_admission(mut self) -> Self {
        self.terms.on_admission = true;
        self
    }

    /// Sets units aside for so long, instead of as long as the settings say: longer than the handler, or the job that it
    /// defers to, ever takes.
    ///
    /// ```
    /// # use tollgate_payment::{ConsumeQuotaLayer, PaymentService, model::hold::HoldTime};
    /// # fn film(payment: &PaymentService) -> ConsumeQuotaLayer {
    /// let hours = HoldTime::seconds(6 * 3_600).unwrap_or(HoldTime::USUAL);
    /// payment.consume_quota("film", 100).hold_for(hours)
    /// # }
    /// ```
    #[must_use]
    pub fn hold_for(mut self, time: HoldTime) -> Self {
        self.terms.time = time;
        self
    }

    /// Keys that are limited to scopes must have this one, instead of `quota`.
    ///
    /// ```
    /// # use tollgate_payment::{ConsumeQuotaLayer, PaymentService};
    /// # fn images(payment: &PaymentService) -> ConsumeQuotaLayer {
    /// payment.consume_quota("images", 1).scope("images.write")
    /// # }
    /// ```
    #[must_use]
    pub fn scope(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.scope = name.into();
        self
    }

    /// The call, let in with its units.
    async fn admit(&self, parts: &mut Parts) -> Result<Admitted, Problem> {
        let caller = Caller::from_request_parts(parts, &()).await?;
        let user_id = caller.person(Some(&self.scope))?;
        let Some((resource_type, cost)) = self.wanted.clone() else {
            tracing::error!(
                path = parts.uri.path(),
                "its layer consume_quota was made with a name or a cost that cannot be one"
            );
            return Err(Problem::new(Code::Internal));
        };
        let call = Consume {
            user_id,
            resource_type,
            cost,
            resource_id: None,
            metadata: json!({}),
            api_key_id: caller.api_key_id(),
        };
        let admitted = self.service.admit(call, self.terms).await;
        admitted.map_err(|refusal| self.service.problem(refusal))
    }
}

impl<S> Layer<S> for ConsumeQuotaLayer {
    type Service = ConsumeQuota<S>;

    fn layer(&self, inner: S) -> ConsumeQuota<S> {
        ConsumeQuota {
            layer: self.clone(),
            inner,
        }
    }
}

/// Makes calls pay.
///
/// ```
/// # use tollgate_payment::{ConsumeQuota, PaymentService};
/// use tower::Layer;
/// // What the layer makes of a service; axum does this for a route.
/// fn sold<S>(payment: &PaymentService, inner: S) -> ConsumeQuota<S> {
///     payment.consume_quota("search", 1).layer(inner)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ConsumeQuota<S> {
    layer: ConsumeQuotaLayer,
    inner: S,
}

impl<S> Service<Request> for ConsumeQuota<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answer {
        let layer = self.layer.clone();
        // The service that was polled ready is the one to call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let admitted = match layer.admit(&mut parts).await {
                Ok(admitted) => admitted,
                Err(problem) => return Ok(problem.into_response()),
            };
            parts.extensions.insert(QuotaHold(admitted.shared()));
            parts.extensions.insert(layer.service.clone());
            let mut response = inner.call(Request::from_parts(parts, body)).await?;
            if let Some(quota) = admitted.answered(response.status()).await {
                layer.service.announce(response.headers_mut(), &quota);
            }
            Ok(response)
        })
    }
}

/// Made by [`PaymentService::require_subscription`].
///
/// ```
/// # use tollgate_payment::{PaymentService, RequireSubscriptionLayer};
/// fn paid(payment: &PaymentService) -> RequireSubscriptionLayer {
///     payment.require_subscription("pro").scope("reports")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequireSubscriptionLayer {
    service: PaymentService,
    plans: PlanSlugs,
    scope: Option<Cow<'static, str>>,
}

impl RequireSubscriptionLayer {
    /// Keys that are limited to scopes are let through if they have this one.
    ///
    /// ```
    /// # use tollgate_payment::{PaymentService, RequireSubscriptionLayer};
    /// # fn reports(payment: &PaymentService) -> RequireSubscriptionLayer {
    /// payment.require_subscription("pro").scope("reports")
    /// # }
    /// ```
    #[must_use]
    pub fn scope(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.scope = Some(name.into());
        self
    }

    async fn admit(&self, parts: &mut Parts) -> Result<(), Problem> {
        let caller = Caller::from_request_parts(parts, &()).await?;
        let user = caller.person(self.scope.as_deref())?;
        self.service.has_plan(user, &self.plans).await
    }
}

impl<S> Layer<S> for RequireSubscriptionLayer {
    type Service = RequireSubscription<S>;

    fn layer(&self, inner: S) -> RequireSubscription<S> {
        RequireSubscription {
            layer: self.clone(),
            inner,
        }
    }
}

/// Lets only those through who have a plan.
///
/// ```
/// # use tollgate_payment::{PaymentService, RequireSubscription};
/// use tower::Layer;
/// fn paid<S>(payment: &PaymentService, inner: S) -> RequireSubscription<S> {
///     payment.require_subscription("pro").layer(inner)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequireSubscription<S> {
    layer: RequireSubscriptionLayer,
    inner: S,
}

impl<S> Service<Request> for RequireSubscription<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answer {
        let layer = self.layer.clone();
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            if let Err(problem) = layer.admit(&mut parts).await {
                return Ok(problem.into_response());
            }
            parts.extensions.insert(layer.service.clone());
            inner.call(Request::from_parts(parts, body)).await
        })
    }
}
