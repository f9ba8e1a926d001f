//! The guards and the limit of calls with the accounts of the service: real credentials, and a Redis that comes and goes.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use reqwest::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchange;
use tollgate_kernel::ids::Ids;
use tollgate_kernel::text::Language;

use crate::harness::{Answer, App, each_engine_with};
use crate::quota::with_a_hundred;
use crate::refunds::{finance, paid, refund};

/// Of the Redis that tests share; this one is ours.
const DATABASE: u8 = 11;

/// A host's route beside the service, under its accounts.
async fn host(app: &App) -> String {
    let pays = app.payment.consume_quota("dicom_processing", 1);
    let plan = |slug: &str| app.payment.require_subscription(slug);
    let routes = Router::new()
        .route("/process", post(|| async { "done" }).route_layer(pays))
        .route("/free", post(|| async {}).route_layer(plan("free")))
        .route("/pro", post(|| async {}).route_layer(plan("pro")))
        .layer(app.auth.limit_calls())
        .layer(app.auth.identify());
    let ids = Ids::new(Clock::system(), Entropy::system());
    let exchange = Exchange::new(ids, Language::En, "https://example.com/errors");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        let served = axum::serve(listener, exchange.around(routes));
        served.await.expect("served");
    });
    format!("http://{address}")
}

fn server() -> String {
    std::env::var("TOLLGATE_TEST_REDIS").unwrap_or_else(|_| {
        panic!("TOLLGATE_TEST_REDIS is not set: run ./scripts/test, which starts a private Redis for the tests")
    })
}

/// Everything in our database is gone.
async fn flush() {
    let address = server().replace("redis://", "");
    let mut stream = TcpStream::connect(address).await.expect("a Redis");
    let wish = format!("SELECT {DATABASE}\r\nFLUSHDB\r\nQUIT\r\n");
    stream.write_all(wish.as_bytes()).await.expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert_eq!(answer.matches("+OK").count(), 3, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q1_redis_on_off_or_flushed_changes_no_answer() {
    let live = format!("{}/{DATABASE}", server());
    for url in ["", "redis://127.0.0.1:1", &live] {
        each_engine_with(&[("REDIS_URL", url)], async |app| {
            let buyer = app.buyer().await;
            with_a_hundred(app, &buyer).await;
            let process = format!("{}/process", host(app).await);
            let mut calls = JoinSet::new();
            for number in 0..200 {
                let credential = if number % 2 == 0 {
                    &buyer.key
                } else {
                    &buyer.token
                };
                let request = app.http.post(&process).bearer_auth(credential);
                let is_live = url == live;
                calls.spawn(async move {
                    if is_live && number % 40 == 0 {
                        flush().await;
                    }
                    let answer = Answer::read(request.send().await.expect("an answer")).await;
                    (
                        answer.status,
                        answer.body["code"].as_str().map(str::to_owned),
                    )
                });
            }
            let mut outcomes: BTreeMap<(u16, Option<String>), u32> = BTreeMap::new();
            for outcome in calls.join_all().await {
                *outcomes.entry(outcome).or_default() += 1;
            }
            let refused = (429, Some("quota_exceeded".to_owned()));
            assert_eq!(
                outcomes,
                BTreeMap::from([((200, None), 100), (refused, 100)]),
                "{url}"
            );
            assert_eq!(app.count("SELECT COUNT(*) FROM usage_logs").await, 100);
            app.balance().await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p11_a_plan_that_is_bought_or_given_back_here_counts_at_once() {
    each_engine_with(&[], async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let host = host(app).await;
        let call = async |plan: &str| {
            let request = app.http.post(format!("{host}/{plan}"));
            let request = request.bearer_auth(&buyer.token);
            Answer::read(request.send().await.expect("an answer")).await
        };
        let free = json!({ "plan_slug": "free" });
        let begun = app.post("/payments/subscriptions/subscribe", &buyer.token, free);
        begun.await.expect(StatusCode::CREATED);
        // Past that change, so that what is read now is remembered.
        app.clock.advance(Duration::from_secs(10));
        assert_eq!(call("free").await.status, 200);
        call("pro").await.refused(402, "plan_required");
        let bought = paid(app, &buyer).await;
        assert_eq!(call("pro").await.status, 200);
        call("free").await.refused(402, "plan_required");
        app.clock.advance(Duration::from_secs(10));
        assert_eq!(call("pro").await.status, 200);
        let back = json!({ "reason": "changed their mind" });
        let back = refund(app, &staff, &bought, back).await;
        assert_eq!(back.expect(StatusCode::CREATED)["status"], "succeeded");
        call("pro").await.refused(402, "subscription_required");
    })
    .await;
}

/// One is whole again in half a minute: nothing of this takes as long.
#[tokio::test(flavor = "multi_thread")]
async fn inv_a9_a_caller_has_so_many_calls_a_minute() {
    each_engine_with(&[("RATE_LIMIT_PER_MINUTE", "2")], async |app| {
        // Making a key and choosing a plan were the two calls of each sign-in; a key has a count of its own.
        let (buyer, other) = (app.buyer().await, app.buyer().await);
        for one in [&buyer, &other] {
            with_a_hundred(app, one).await;
        }
        let process = format!("{}/process", host(app).await);
        let call = async |credential: &str| {
            let request = app.http.post(&process).bearer_auth(credential);
            Answer::read(request.send().await.expect("an answer")).await
        };
        app.get("/auth/me", &buyer.token)
            .await
            .refused(429, "rate_limited");
        for left in [1, 0] {
            let answer = app.get("/auth/me", &buyer.key).await;
            assert_eq!(answer.headers["ratelimit-policy"], "\"api\";q=2;w=60");
            let told = format!("\"api\";r={left};t={}", 30 * (2 - left));
            assert_eq!(answer.headers["ratelimit"], told.as_str());
            answer.expect(StatusCode::OK);
        }
        let refused = call(&buyer.key).await;
        assert!(!refused.headers.contains_key("x-quota-limit"));
        refused.refused(429, "rate_limited");
        for path in [
            "/auth/me",
            "/payments/subscriptions/current",
            "/usage/summary",
            "/admin/plans",
            "/admin/users",
        ] {
            let answer = app.get(path, &buyer.key).await;
            let wait = answer.headers["retry-after"].to_str().expect("text");
            let wait: u64 = wait.parse().expect("seconds");
            assert!((1..=30).contains(&wait), "{path}: {wait}");
            assert_eq!(answer.headers["ratelimit"], "\"api\";r=0;t=60", "{path}");
            answer.refused(429, "rate_limited");
        }
        // What an application asks for each of its own calls is not limited here, nor whoever is nobody.
        for _ in 0..4 {
            for path in [
                "/auth/verify",
                "/quota/check?resource_type=dicom_processing",
            ] {
                let answer = app.get(path, &buyer.key).await;
                let told = answer.headers.get("ratelimit-policy");
                let of_api =
                    |told: &reqwest::header::HeaderValue| told.as_bytes().starts_with(b"\"api\"");
                assert!(!told.is_some_and(of_api), "{path}");
                answer.expect(StatusCode::OK);
            }
            let plans = app.get("/payments/plans", "").await;
            assert!(!plans.headers.contains_key("ratelimit"));
            plans.expect(StatusCode::OK);
        }
        // Both limits in one list, where both count.
        let both = call(&other.key).await;
        let policy = both.headers["ratelimit-policy"].to_str().expect("text");
        let expected = "\"api\";q=2;w=60, \"processing_count\";q=100;w=";
        assert!(policy.starts_with(expected), "{policy}");
        let told = both.headers["ratelimit"].to_str().expect("text");
        let expected = "\"api\";r=1;t=30, \"processing_count\";r=99;t=";
        assert!(told.starts_with(expected), "{told}");
        assert_eq!(both.headers["x-quota-remaining"], "99");
        assert_eq!(both.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a9_a_service_and_whoever_is_not_limited_call_on() {
    each_engine_with(&[("RATE_LIMIT_PER_MINUTE", "3")], async |app| {
        app.buyer().await;
        app.damage("UPDATE users SET is_superuser = (1 = 1)").await;
        let admin = app.buyer().await;
        app.damage("UPDATE users SET is_superuser = (1 = 1)").await;
        let body = json!({ "name": "viewer", "scopes": ["introspect"] });
        let made = app.post("/admin/service-keys", &admin.token, body).await;
        let key = made.expect(StatusCode::CREATED)["key"].clone();
        for _ in 0..8 {
            let request = app.http.post(format!("{}/auth/introspect", app.url));
            let request = request.bearer_auth(key.as_str().expect("a key"));
            let answer = request.form(&[("token", &admin.token)]).send().await;
            let answer = Answer::read(answer.expect("an answer")).await;
            assert!(!answer.headers.contains_key("ratelimit"));
            answer.expect(StatusCode::OK);
        }
    })
    .await;
    each_engine_with(&[("RATE_LIMIT_PER_MINUTE", "0")], async |app| {
        let buyer = app.buyer().await;
        for _ in 0..8 {
            let answer = app.get("/auth/me", &buyer.key).await;
            assert!(!answer.headers.contains_key("ratelimit"));
            answer.expect(StatusCode::OK);
        }
    })
    .await;
}
