//! HTTP: the table of routes. Handlers only translate.

mod admin_plans;
mod explain;
mod grants;
mod holds;
mod jobs;
mod pay_by;
mod payments;
mod plans;
mod quota;
mod quote;
mod refunds;
mod stats;
mod subscription_history;
mod subscriptions;
mod suspense;
mod transactions;
mod usage;
mod usage_logs;
mod webhook_deliveries;
mod webhook_endpoints;
mod webhook_events;
mod webhooks;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::{Json, http::StatusCode};
use serde::Serialize;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::problem::{FieldErrors, Problem};
use tollgate_storage::idempotency::{IdempotencyKey, InvalidIdempotencyKey, Request};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::PaymentService;
use crate::operations::Answered;

impl PaymentService {
    /// Plans, subscriptions, payments and callbacks; nest it under `/payments`.
    ///
    /// ```
    /// # use axum::Router;
    /// # use tollgate_payment::PaymentService;
    /// fn mount(payment: &PaymentService) -> Router {
    ///     Router::new().nest("/payments", payment.router())
    /// }
    /// ```
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.openapi_router().into()
    }

    /// The same, with its documentation.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// fn documented(payment: &PaymentService) -> usize {
    ///     let (_, document) = payment.openapi_router::<()>().split_for_parts();
    ///     document.paths.paths.len()
    /// }
    /// ```
    pub fn openapi_router<S: Clone + Send + Sync + 'static>(&self) -> OpenApiRouter<S> {
        OpenApiRouter::new()
            .routes(routes!(plans::list))
            .routes(routes!(plans::detail))
            .routes(routes!(subscriptions::subscribe))
            .routes(routes!(subscriptions::current))
            .routes(routes!(subscriptions::cancel))
            .routes(routes!(subscriptions::resume))
            .routes(routes!(subscriptions::renew))
            .routes(routes!(quote::quote))
            .routes(routes!(subscription_history::history))
            .routes(routes!(subscriptions::portal))
            .routes(routes!(payments::create))
            .routes(routes!(payments::status))
            .routes(routes!(refunds::refund))
            .routes(routes!(transactions::list))
            .routes(routes!(transactions::detail))
            .routes(routes!(webhooks::receive))
            .with_state(self.clone())
    }

    /// What staff do with money; nest it under `/admin`.
    ///
    /// ```
    /// # use axum::Router;
    /// # use tollgate_payment::PaymentService;
    /// fn mount(payment: &PaymentService) -> Router {
    ///     Router::new().nest("/admin", payment.admin_router())
    /// }
    /// ```
    pub fn admin_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.openapi_admin_router().into()
    }

    /// The same, with its documentation.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// fn documented(payment: &PaymentService) -> usize {
    ///     let (_, document) = payment.openapi_admin_router::<()>().split_for_parts();
    ///     document.paths.paths.len()
    /// }
    /// ```
    pub fn openapi_admin_router<S: Clone + Send + Sync + 'static>(&self) -> OpenApiRouter<S> {
        OpenApiRouter::new()
            .routes(routes!(refunds::list))
            .routes(routes!(jobs::list))
            .routes(routes!(jobs::detail))
            .routes(routes!(jobs::retry))
            .routes(routes!(transactions::admin_list))
            .routes(routes!(transactions::admin_detail))
            .routes(routes!(transactions::sync))
            .routes(routes!(admin_plans::list, admin_plans::create))
            .routes(routes!(
                admin_plans::detail,
                admin_plans::change,
                admin_plans::delete
            ))
            .routes(routes!(grants::give))
            .routes(routes!(usage::admin_timeseries))
            .routes(routes!(stats::overview))
            .routes(routes!(stats::revenue))
            .routes(routes!(suspense::list))
            .routes(routes!(suspense::resolve))
            .routes(routes!(webhook_endpoints::list, webhook_endpoints::create))
            .routes(routes!(
                webhook_endpoints::detail,
                webhook_endpoints::change,
                webhook_endpoints::delete
            ))
            .routes(routes!(webhook_endpoints::rotate_secret))
            .routes(routes!(webhook_endpoints::test))
            .routes(routes!(webhook_deliveries::recover))
            .routes(routes!(webhook_deliveries::list))
            .routes(routes!(webhook_deliveries::detail))
            .routes(routes!(webhook_deliveries::resend))
            .routes(routes!(webhook_events::list))
            .routes(routes!(webhook_events::detail))
            .routes(routes!(webhook_events::replay))
            .with_state(self.clone())
    }

    /// Check and consume; nest it under `/quota`.
    ///
    /// ```
    /// # use axum::Router;
    /// # use tollgate_payment::PaymentService;
    /// fn mount(payment: &PaymentService) -> Router {
    ///     Router::new().nest("/quota", payment.quota_router())
    /// }
    /// ```
    pub fn quota_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.openapi_quota_router().into()
    }

    /// The same, with its documentation.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// fn documented(payment: &PaymentService) -> usize {
    ///     let (_, document) = payment.openapi_quota_router::<()>().split_for_parts();
    ///     document.paths.paths.len()
    /// }
    /// ```
    pub fn openapi_quota_router<S: Clone + Send + Sync + 'static>(&self) -> OpenApiRouter<S> {
        OpenApiRouter::new()
            .routes(routes!(quota::check))
            .routes(routes!(quota::consume))
            .routes(routes!(holds::reserve))
            .routes(routes!(holds::commit))
            .routes(routes!(holds::release))
            .routes(routes!(holds::extend))
            .routes(routes!(holds::refund))
            .with_state(self.clone())
    }

    /// What was used; nest it under `/usage`.
    ///
    /// ```
    /// # use axum::Router;
    /// # use tollgate_payment::PaymentService;
    /// fn mount(payment: &PaymentService) -> Router {
    ///     Router::new().nest("/usage", payment.usage_router())
    /// }
    /// ```
    pub fn usage_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.openapi_usage_router().into()
    }

    /// The same, with its documentation.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// fn documented(payment: &PaymentService) -> usize {
    ///     let (_, document) = payment.openapi_usage_router::<()>().split_for_parts();
    ///     document.paths.paths.len()
    /// }
    /// ```
    pub fn openapi_usage_router<S: Clone + Send + Sync + 'static>(&self) -> OpenApiRouter<S> {
        OpenApiRouter::new()
            .routes(routes!(usage_logs::list))
            .routes(routes!(usage::summary))
            .routes(routes!(explain::explain))
            .routes(routes!(usage::timeseries))
            .with_state(self.clone())
    }
}

/// The client's `Idempotency-Key`, bound to this call and this body.
fn idempotency_key(
    headers: &HeaderMap,
    caller: &Caller,
    path: &'static str,
    body: &[u8],
) -> Result<Option<Request>, Problem> {
    let mut sent = headers.get_all("idempotency-key").iter();
    let Some(value) = sent.next() else {
        return Ok(None);
    };
    let key = match (value.to_str(), sent.next()) {
        (Ok(text), None) => text.parse::<IdempotencyKey>(),
        _ => Err(InvalidIdempotencyKey),
    };
    let mut errors = FieldErrors::new();
    let key = errors.take("Idempotency-Key", key);
    errors.finish()?;
    Ok(key.map(|key| Request::new(caller.subject(), "POST", path, key, body)))
}

/// The answer, said again when it was said before.
fn answer<T: Serialize>(status: StatusCode, answered: &Answered<T>) -> Response {
    let mut response = (status, Json(&answered.value)).into_response();
    if answered.replayed {
        response
            .headers_mut()
            .insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}
