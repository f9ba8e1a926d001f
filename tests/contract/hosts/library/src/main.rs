//! The host of the contract by the library: its own routes beside the service's, in one process. `GET /health` is the
//! service's.

use std::time::Duration;

use anyhow::Context as _;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate::Tollgate;
use tollgate::config::Config;
use tollgate_kernel::exchange::panicked;
use tollgate_kernel::problem::Problem;
use tollgate_payment::QuotaHold;
use tower_http::catch_panic::CatchPanicLayer;

const RESOURCE: &str = "dicom_processing";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::from_env()?;
    let addr = config.addr;
    let accounts = (
        config.accounts.admin_email.clone(),
        config.accounts.admin_password.clone(),
    );
    let tollgate = Tollgate::builder().config(config).build().await?;
    let (email, password) = accounts;
    tollgate
        .auth()
        .first_admin(&email, password.as_ref())
        .await?;
    let app = Router::new()
        .route(
            "/work",
            post(work).route_layer(tollgate.consume_quota(RESOURCE, 1)),
        )
        .route(
            "/batch",
            post(batch).route_layer(tollgate.consume_quota(RESOURCE, 5)),
        )
        .route(
            "/later",
            post(later).route_layer(tollgate.consume_quota(RESOURCE, 1)),
        )
        .route(
            "/reports",
            get(reports).route_layer(tollgate.require_subscription("pro")),
        )
        .route(
            "/ops",
            get(ops).route_layer(tollgate.require_permission("admin")),
        )
        .merge(tollgate.router())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(tollgate.layer());
    let listener = tokio::net::TcpListener::bind(addr).await;
    let listener = listener.with_context(|| format!("cannot listen on {addr}"))?;
    axum::serve(listener, app).await?;
    Ok(())
}

#[derive(Deserialize)]
struct Wish {
    answer: Option<u16>,
    #[serde(default)]
    breaks: bool,
    #[serde(default)]
    slow_ms: u64,
}

async fn work(Query(wish): Query<Wish>) -> Response {
    tokio::time::sleep(Duration::from_millis(wish.slow_ms)).await;
    assert!(!wish.breaks, "a bug of the application");
    let status = wish
        .answer
        .and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::OK);
    (status, Json(json!({ "answer": status.as_u16() }))).into_response()
}

#[derive(Deserialize)]
struct Batch {
    made: i64,
}

async fn batch(hold: QuotaHold, Query(batch): Query<Batch>) -> Result<Json<Value>, Problem> {
    hold.set_cost(batch.made)?;
    Ok(Json(json!({ "made": batch.made })))
}

#[derive(Deserialize)]
struct Job {
    works: bool,
}

async fn later(hold: QuotaHold, Query(job): Query<Job>) -> StatusCode {
    let hold = hold.defer();
    tokio::spawn(async move {
        let settled = if job.works {
            hold.commit().await.map(drop)
        } else {
            hold.release().await
        };
        if let Err(error) = settled {
            eprintln!("a hold was not settled: {error}");
        }
    });
    StatusCode::ACCEPTED
}

async fn reports() -> Json<Value> {
    Json(json!({ "reports": [] }))
}

async fn ops() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}
