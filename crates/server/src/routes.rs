//! The table of routes: what lies where, and what goes around it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tollgate_kernel::exchange::{Exchange, panicked};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::model::return_url;
use tollgate_storage::db::Db;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::admission::Admission;
use crate::ground::Ground;
use crate::proxied::forward;
use crate::sandbox_clock::SandboxClock;
use crate::whole::Whole;
use crate::{browser, openapi, pages, sandbox_clock};

/// The largest JSON body: 1 MiB.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;
/// Between two pieces of a body.
const BODY_STALL: Duration = Duration::from_secs(30);

/// The route table.
fn table(whole: &Whole) -> Router {
    let (auth, payment) = (&whole.auth, &whole.payment);
    let ground = &whole.ground;
    let limit = auth.limit_calls();
    let payments_of_staff = payment.admin_router().layer(limit.clone());
    // Quota is counted for itself: a call for units is not one that the API limits.
    let api: Router = Router::new()
        .nest("/auth", auth.router())
        .nest("/admin", auth.admin_router().merge(payments_of_staff))
        .nest("/payments", payment.router().layer(limit.clone()))
        .nest("/quota", payment.quota_router())
        .nest("/usage", payment.usage_router().layer(limit))
        .layer(auth.identify());
    let mut router = Router::new()
        .merge(api)
        .merge(pages::router(ground.house(), auth.clone(), payment.clone()))
        .merge(openapi::router(Some(auth), Some(payment)))
        .merge(auth.metadata_router())
        .merge(health_router(&ground.db));
    if let Some(sandbox) = &ground.sandbox {
        router = router.merge(sandbox.router());
        let clock = SandboxClock {
            db: ground.db.clone(),
            clock: ground.clock.clone(),
            auth: auth.clone(),
            payment: payment.clone(),
            sandbox: sandbox.clone(),
            moving: Arc::default(),
            walk: Arc::default(),
        };
        router = router
            .merge(sandbox_clock::router(clock.clone()))
            .merge(pages::sandbox(ground.house(), clock));
    }
    router
}

/// Every route with what goes around it. `answering`: what is none of ours is 404 too, since nobody else is there to
/// answer it.
pub(crate) fn router(whole: &Whole, answering: bool) -> Router {
    let router = surrounded(table(whole), &whole.ground, answering);
    // What proxies ask stays outside of what is there for browsers: a pre-flight request is a call like any other.
    let checked = ServiceBuilder::new()
        .layer(CatchPanicLayer::custom(panicked))
        .layer(whole.ground.exchange.clone());
    let checks = forward::router(whole.tollgates(), &whole.ground.public_url).layer(checked);
    router.merge(checks)
}

/// What goes around routes, as one layer: each would be boxed for itself, and copied with every call.
pub(crate) fn surrounded(mut router: Router, ground: &Ground, answering: bool) -> Router {
    let origins = &ground.cors_origins;
    let https = ground.public_url.starts_with("https:");
    if answering {
        router = Exchange::answering(router);
    }
    let around = ServiceBuilder::new()
        .map_response(move |response| browser::guarded(response, https))
        .option_layer(browser::cors(origins))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(ground.exchange.clone())
        .layer(Admission {
            origins: origins.clone(),
            own: return_url::origin(&ground.public_url),
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(RequestBodyTimeoutLayer::new(BODY_STALL));
    router.layer(around)
}

/// Whether the process answers, and its database.
pub(crate) fn health_router(db: &Db) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/health/ready", get(ready).with_state(db.clone()))
}

/// The process answers.
async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The database answers too.
async fn ready(State(db): State<Db>) -> Result<Json<Value>, Problem> {
    match tokio::time::timeout(Duration::from_secs(2), db.ping()).await {
        Ok(Ok(())) => Ok(Json(
            json!({ "status": "ok", "database": "ok", "migrations": "ok" }),
        )),
        _ => Err(Problem::new(Code::Unavailable)),
    }
}
