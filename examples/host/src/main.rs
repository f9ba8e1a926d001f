//! An axum application of its own, with a state of its own, that sells one of its routes: both
//! services are mounted beside it, and the route takes a signed-in caller and one unit of quota.
//!
//! `cargo run -p host`, then register, subscribe to the free plan and call `GET /report`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tollgate_auth::{AuthConfig, AuthService};
use tollgate_kernel::caller::CurrentUserId;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchange;
use tollgate_kernel::ids::Ids;
use tollgate_kernel::problem::Problem;
use tollgate_kernel::text::Language;
use tollgate_payment::model::quota::Cost;
use tollgate_payment::{Consume, PaymentConfig, PaymentService};
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;

/// What the application itself keeps.
#[derive(Clone)]
struct Host {
    payment: PaymentService,
    reports: Arc<AtomicU64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join("tollgate-example-host");
    std::fs::create_dir_all(&folder)?;
    let url = "http://127.0.0.1:3000";
    let entropy = Entropy::system();
    // An application that is to be started twice keeps this key; the example begins anew each time.
    let master_key = MasterKey::generate(&entropy);
    let file = folder.join(format!(
        "host-{:08x}.db",
        entropy.below(u64::from(u32::MAX))
    ));
    let db = Db::open(&tollgate_storage::url::DatabaseUrl::Sqlite(file), 4).await?;
    let auth = AuthService::builder(db.clone(), master_key.clone(), AuthConfig::new(url))
        .build()
        .await?;
    let payment = PaymentService::builder(db, master_key, PaymentConfig::new(url))
        .build()
        .await?;

    let host = Host {
        payment: payment.clone(),
        reports: Arc::default(),
    };
    let app = application(&auth, &payment, host);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on {url}");
    axum::serve(listener, app).await?;
    Ok(())
}

/// The application's own routes, and Tollgate's beside them.
fn application(auth: &AuthService, payment: &PaymentService, host: Host) -> Router {
    let ids = Ids::new(Clock::system(), Entropy::system());
    let app = Router::new()
        .route("/report", get(report).route_layer(auth.require_auth()))
        .nest("/auth", auth.router())
        .nest("/payments", payment.router())
        .nest("/quota", payment.quota_router())
        .nest("/usage", payment.usage_router())
        .layer(auth.identify())
        // Outside the layer: open to everybody.
        .route("/health", get(|| async { "ok" }));
    Exchange::new(ids, Language::En, "https://example.com/errors")
        .around(app)
        .with_state(host)
}

/// What is sold: one unit a report.
async fn report(
    State(host): State<Host>,
    CurrentUserId(user_id): CurrentUserId,
) -> Result<Json<Value>, Problem> {
    let call = Consume {
        user_id,
        resource_type: "report".parse().expect("a name of letters"),
        cost: Cost::ONE,
        resource_id: None,
        metadata: json!({}),
        api_key_id: None,
    };
    let charged = host
        .payment
        .consume(&call, None)
        .await
        .map_err(|error| host.payment.problem(error))?;
    let number = host.reports.fetch_add(1, Ordering::Relaxed);
    Ok(Json(
        json!({ "report": number, "left": charged.value.quota.remaining }),
    ))
}
