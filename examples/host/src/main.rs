//! An axum application of its own, with a state of its own, that sells one of its routes: both
//! services are mounted beside it, and the route takes a signed-in caller and one unit of quota.
//!
//! `cargo run -p host`, then register, subscribe to the free plan and call `GET /report`.

mod gateway;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::hmac;
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
use tollgate_kernel::money::{Currency, Money};
use tollgate_kernel::problem::Problem;
use tollgate_kernel::text::Language;
use tollgate_payment::model::plan::{BillingCycle, NewPlan, PlanText};
use tollgate_payment::model::quota::{Cost, Units};
use tollgate_payment::{Consume, PaymentConfig, PaymentService};
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;

use crate::gateway::Gateway;

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

/// What the application has on offer: ten reports a month, for nothing.
fn free_plan() -> NewPlan {
    let text = PlanText {
        name: "Free".to_owned(),
        description: "To try it out".to_owned(),
        features: vec!["10 reports a month".to_owned()],
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

#[cfg(test)]
mod tests {
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
            let host = Host {
                payment: payment.clone(),
                reports: Arc::default(),
            };
            let app = application(&auth, &payment, host);
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
            for left in (0..10).rev() {
                let (status, report) = call(&app, "GET", "/report", token, &none).await;
                assert_eq!((status.as_u16(), &report["left"]), (200, &json!(left)));
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
