//! An axum application of its own, with a state of its own, that sells some of its routes: both
//! services are mounted beside it. `GET /report` takes a signed-in caller and one unit of quota, given back
//! if the report fails; `POST /batch` charges as many as were made; `POST /film` is charged when a background job
//! has made it; `GET /archive` takes a plan. `GET /health` is open to everybody.
//!
//! `cargo run -p modules`, then register, subscribe to the free plan and call `GET /report`.

mod gateway;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::hmac;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_auth::{AuthConfig, AuthService};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchange;
use tollgate_kernel::ids::Ids;
use tollgate_kernel::money::{Currency, Money};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::text::Language;
use tollgate_payment::model::plan::{BillingCycle, NewPlan, PlanText};
use tollgate_payment::model::quota::Units;
use tollgate_payment::{PaymentConfig, PaymentService, QuotaHold};
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;

use crate::gateway::Gateway;

/// What the application itself keeps.
#[derive(Clone, Default)]
struct Host {
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
    // A real gateway and this application would both be given it.
    let shared = hmac::Key::new(hmac::HMAC_SHA256, &entropy.bytes::<32>());
    let auth = AuthService::builder(db.clone(), master_key.clone(), AuthConfig::new(url))
        .method(Arc::new(Gateway(shared)))
        .build()
        .await?;
    let payment = PaymentService::builder(db, master_key, PaymentConfig::new(url))
        .build()
        .await?;

    payment.seed_plans(&[free_plan()]).await?;

    let app = application(&auth, &payment, Host::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on {url}");
    axum::serve(listener, app).await?;
    Ok(())
}

/// What the application has on offer: ten reports a month, for nothing.
fn free_plan() -> NewPlan {
    let text = PlanText {
        name: "Free".to_owned(),
        description: "To try it out".to_owned(),
        features: vec!["10 reports a month".to_owned()],
        ..PlanText::default()
    };
    NewPlan {
        slug: "free".parse().expect("a slug"),
        texts: BTreeMap::from([("en".to_owned(), text)]),
        house_language: "en",
        price: Money::new(0, Currency::CNY),
        billing_cycle: BillingCycle::Monthly,
        meter: "reports".parse().expect("a name of letters"),
        quota_limit: Units::new(10).ok(),
        resource_costs: BTreeMap::from([(
            "report".to_owned(),
            Units::new(1).expect("one is a number of units"),
        )]),
        sort_order: 0,
    }
}

/// The most reports of one batch: so many units are set aside before it begins.
const MOST_AT_ONCE: i64 = 5;

/// The application's own routes, and Tollgate's beside them.
fn application(auth: &AuthService, payment: &PaymentService, host: Host) -> Router {
    let ids = Ids::new(Clock::system(), Entropy::system());
    let one = payment.consume_quota("report", 1);
    let some = payment.consume_quota("report", MOST_AT_ONCE);
    let app = Router::new()
        .route("/report", get(report).route_layer(one.clone()))
        .route("/batch", post(batch).route_layer(some))
        .route("/film", post(film).route_layer(one))
        .route(
            "/archive",
            get(archive).route_layer(payment.require_subscription(["free", "pro"])),
        )
        // What is not sold by the call is limited by the minute.
        .nest("/payments", payment.router().layer(auth.limit_calls()))
        .nest("/usage", payment.usage_router().layer(auth.limit_calls()))
        .nest("/auth", auth.router())
        .nest("/quota", payment.quota_router())
        .layer(auth.identify())
        // Outside the layer: open to everybody.
        .route("/health", get(|| async { "ok" }));
    Exchange::new(ids, Language::En, "https://example.com/errors")
        .around(app)
        .with_state(host)
}

/// What is asked of a report.
#[derive(Deserialize)]
struct Wish {
    /// How many.
    #[serde(default)]
    number: i64,
    /// Whether it works out.
    #[serde(default)]
    fails: bool,
    /// Whether it has a bug.
    #[serde(default)]
    breaks: bool,
}

/// What is sold: one unit a report. It is charged if this succeeds; nothing here needs to know.
async fn report(
    State(host): State<Host>,
    Query(wish): Query<Wish>,
) -> Result<Json<Value>, Problem> {
    assert!(!wish.breaks, "a bug of the application");
    if wish.fails {
        return Err(Problem::new(Code::Internal));
    }
    let number = host.reports.fetch_add(1, Ordering::Relaxed);
    Ok(Json(json!({ "report": number })))
}

/// As many as were made are charged; the others of the hold are given back.
async fn batch(hold: QuotaHold, Query(wish): Query<Wish>) -> Result<Json<Value>, Problem> {
    hold.set_cost(wish.number)?;
    Ok(Json(json!({ "reports": wish.number })))
}

/// Answered at once, charged when the job is done.
async fn film(hold: QuotaHold, Query(wish): Query<Wish>) -> StatusCode {
    let hold = hold.defer();
    tokio::spawn(async move {
        let settled = if wish.fails {
            hold.release().await
        } else {
            hold.commit().await.map(drop)
        };
        if let Err(error) = settled {
            eprintln!("a film was not settled: {error}");
        }
    });
    StatusCode::ACCEPTED
}

/// For whoever has a plan, however much of it is used.
async fn archive(State(host): State<Host>) -> Json<Value> {
    Json(json!({ "reports": host.reports.load(Ordering::Relaxed) }))
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use axum::body::Body;
    use axum::http::{Request, StatusCode, header};
    use tollgate_storage::testing::each_engine;
    use tower::ServiceExt as _;

    use super::*;

    async fn call(
        app: &Router,
        method: &str,
        path: &str,
        token: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json");
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::from(body.to_string()));
        let answer = app.clone().oneshot(request.expect("a request")).await;
        let (parts, body) = answer.expect("infallible").into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("whole");
        (
            parts.status,
            serde_json::from_slice(&bytes).unwrap_or_default(),
        )
    }

    /// A client that goes away while its units are taken.
    async fn hang_up(app: &Router, token: &str) {
        let request =
            Request::get("/report").header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = request.body(Body::empty()).expect("a request");
        let mut call = Box::pin(app.clone().oneshot(request));
        let polled = std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context)));
        assert!(polled.await.is_pending());
    }

    /// What jobs bring about, at most ten seconds later.
    async fn settled(
        stands: &impl AsyncFn() -> (Option<i64>, Option<i64>),
        expected: (Option<i64>, Option<i64>),
    ) {
        let begun = std::time::Instant::now();
        while stands().await != expected {
            assert!(begun.elapsed().as_secs() < 10, "{:?}", stands().await);
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn the_guarded_route_takes_a_caller_and_a_plan() {
        each_engine(&[], async |db| {
            let url = "http://localhost";
            let master_key = MasterKey::generate(&Entropy::seeded(1));
            let shared = hmac::Key::new(hmac::HMAC_SHA256, b"what the gateway holds too");
            let auth = AuthService::builder(db.clone(), master_key.clone(), AuthConfig::new(url))
                .method(Arc::new(Gateway(shared.clone())))
                .weak_hashing_for_tests()
                .build();
            let auth = auth.await.expect("accounts");
            let payment = PaymentService::builder(db, master_key, PaymentConfig::new(url)).build();
            let payment = payment.await.expect("payments");
            let seeded = payment.seed_plans(&[free_plan()]).await;
            assert!(seeded.expect("seeded"));
            let app = application(&auth, &payment, Host::default());
            let none = Value::Null;
            assert_eq!(call(&app, "GET", "/health", "", &none).await.0, 200);
            assert_eq!(call(&app, "GET", "/report", "", &none).await.0, 401);
            let person = json!({ "email": "ann@example.com", "username": "ann", "password": "plum orchard lantern 7" });
            assert_eq!(call(&app, "POST", "/auth/register", "", &person).await.0, 201);
            let wish = json!({ "email": "ann@example.com", "password": "plum orchard lantern 7" });
            let (_, tokens) = call(&app, "POST", "/auth/login", "", &wish).await;
            let token = tokens["access_token"].as_str().expect("a token");
            let (status, refused) = call(&app, "GET", "/report", token, &none).await;
            assert_eq!((status.as_u16(), &refused["code"]), (402, &json!("subscription_required")));

            let wish = json!({ "plan_slug": "free", "payment_method": "alipay" });
            let bought = call(&app, "POST", "/payments/subscriptions/subscribe", token, &wish).await;
            assert_eq!(bought.0, 201, "{bought:?}");
            assert_eq!(call(&app, "GET", "/archive", token, &none).await.0, 200);
            // Whatever fails, or is hung up on, is free.
            for path in ["/report?fails=true", "/report?number=x"] {
                let status = call(&app, "GET", path, token, &none).await.0;
                assert!(status.as_u16() >= 400);
            }
            hang_up(&app, token).await;
            let (broken, own) = (app.clone(), token.to_owned());
            let panicked = tokio::spawn(async move {
                call(&broken, "GET", "/report?breaks=true", &own, &Value::Null).await
            });
            assert!(panicked.await.is_err());
            assert_eq!(call(&app, "POST", "/batch?number=6", token, &none).await.0, 422);
            assert_eq!(call(&app, "POST", "/film?fails=true", token, &none).await.0, 202);
            let left = async || {
                let path = "/quota/check?resource_type=report";
                let (_, checked) = call(&app, "GET", path, token, &none).await;
                let quota = &checked["quota"];
                (quota["used"].as_i64(), quota["reserved"].as_i64())
            };
            settled(&left, (Some(0), Some(0))).await;
            // Three of a batch of at most five, and a film that is made.
            assert_eq!(call(&app, "POST", "/batch?number=3", token, &none).await.0, 200);
            settled(&left, (Some(3), Some(0))).await;
            assert_eq!(call(&app, "POST", "/film", token, &none).await.0, 202);
            settled(&left, (Some(4), Some(0))).await;
            for used in 5..=10 {
                assert_eq!(call(&app, "GET", "/report", token, &none).await.0, 200);
                settled(&left, (Some(used), Some(0))).await;
            }
            let (status, refused) = call(&app, "GET", "/report", token, &none).await;
            assert_eq!((status.as_u16(), &refused["code"]), (429, &json!("quota_exceeded")));

            // The same person, as the gateway names them.
            let id = tokens["user"]["id"].as_str().expect("an id");
            let by_gateway = async |user: &str, tag: &str, token: &str| {
                let mut request = Request::builder()
                    .uri("/auth/me")
                    .header("x-gateway-user", format!("{user}.{tag}"));
                if !token.is_empty() {
                    request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
                }
                let answer = app.clone().oneshot(request.body(Body::empty()).expect("a request")).await;
                answer.expect("infallible").status().as_u16()
            };
            let tag = hex::encode(hmac::sign(&shared, id.as_bytes()));
            assert_eq!(by_gateway(id, &tag, "").await, 200);
            for (user, tag) in [(id, "00"), (id, ""), ("nobody", tag.as_str()), (&id.to_uppercase(), &tag)] {
                assert_eq!(by_gateway(user, tag, "").await, 401, "{user}.{tag}");
            }
            // Two that name two are refused.
            assert_eq!(by_gateway(id, &tag, token).await, 400);
        })
        .await;
    }
}
