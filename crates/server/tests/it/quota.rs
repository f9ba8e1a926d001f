//! Units: never oversold, never undersold, charged once.

use std::collections::BTreeMap;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use tollgate_storage::testing::Engine;

use crate::harness::{Answer, App, Buyer, each_engine};

/// The free plan holds a hundred units, and the buyer has it.
pub(crate) async fn with_a_hundred(app: &App, buyer: &Buyer) {
    app.damage("UPDATE subscription_plans SET quota_limit = 100 WHERE slug = 'free'")
        .await;
    app.damage("UPDATE plan_meters SET quota_limit = 100 WHERE quota_limit = 10")
        .await;
    let free = json!({ "plan_slug": "free" });
    app.post("/payments/subscriptions/subscribe", &buyer.token, free)
        .await
        .expect(StatusCode::CREATED);
}

async fn consume(
    http: &Client,
    url: &str,
    key: &str,
    idempotency: Option<&str>,
    body: &Value,
) -> Answer {
    let mut request = http
        .post(format!("{url}/quota/consume"))
        .bearer_auth(key)
        .json(body);
    if let Some(idempotency) = idempotency {
        request = request.header("idempotency-key", idempotency);
    }
    Answer::read(request.send().await.expect("an answer")).await
}

fn one() -> Value {
    json!({ "resource_type": "dicom_processing" })
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q1_q3_300_consumers_of_100_units_get_exactly_100() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        with_a_hundred(app, &buyer).await;
        let mut consumers = JoinSet::new();
        for _ in 0..300 {
            let (http, url, key) = (app.http.clone(), app.url.clone(), buyer.key.clone());
            consumers.spawn(async move { consume(&http, &url, &key, None, &one()).await.status });
        }
        let mut outcomes: BTreeMap<u16, u32> = BTreeMap::new();
        for status in consumers.join_all().await {
            *outcomes.entry(status).or_default() += 1;
        }
        assert_eq!(outcomes, BTreeMap::from([(200, 100), (429, 200)]));
        assert_eq!(app.count("SELECT COUNT(*) FROM usage_logs").await, 100);
        app.balance().await;
        let refusal = consume(&app.http, &app.url, &buyer.key, None, &one())
            .await
            .refused(429, "quota_exceeded");
        assert_eq!(refusal["quota"]["remaining"], 0);
        assert!(refusal["upgrade_url"].is_string() && refusal["quota"]["resets_at"].is_string());
        let summary = app
            .get("/usage/summary", &buyer.key)
            .await
            .expect(StatusCode::OK);
        let resources =
            json!([{ "resource_type": "dicom_processing", "quota_cost": 100, "count": 100 }]);
        assert_eq!(
            (
                &summary["by_resource"],
                &summary["today"],
                &summary["last_7d"]
            ),
            (&resources, &json!(100), &json!(100))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_mixed_costs_fill_the_limit_and_the_log_is_the_counter() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        with_a_hundred(app, &buyer).await;
        let mut consumers = JoinSet::new();
        for number in 0..60 {
            let (http, url, key) = (app.http.clone(), app.url.clone(), buyer.key.clone());
            let cost = number % 7 + 1;
            consumers.spawn(async move {
                let body = json!({ "resource_type": "anything", "cost": cost });
                let status = consume(&http, &url, &key, None, &body).await.status;
                if status == 200 { cost } else { 0 }
            });
        }
        let taken: i64 = consumers.join_all().await.into_iter().sum();
        assert!(taken <= 100, "{taken}");
        app.balance().await;
        // What is left is there to the last unit.
        for _ in taken..100 {
            consume(&app.http, &app.url, &buyer.key, None, &one())
                .await
                .expect(StatusCode::OK);
        }
        consume(&app.http, &app.url, &buyer.key, None, &one())
            .await
            .refused(429, "quota_exceeded");
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_the_same_key_20_times_at_once_is_one_charge() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        with_a_hundred(app, &buyer).await;
        let mut rivals = JoinSet::new();
        for _ in 0..20 {
            let (http, url, key) = (app.http.clone(), app.url.clone(), buyer.key.clone());
            rivals.spawn(async move {
                let answer = consume(&http, &url, &key, Some("same"), &one()).await;
                let replayed = answer.headers.contains_key("idempotent-replayed");
                (replayed, answer.expect(StatusCode::OK))
            });
        }
        let answers = rivals.join_all().await;
        assert_eq!(answers.iter().filter(|(replayed, _)| !replayed).count(), 1);
        assert!(answers.iter().all(|(_, body)| *body == answers[0].1));
        assert_eq!(app.count("SELECT COUNT(*) FROM usage_logs").await, 1);
        app.balance().await;

        let other = json!({ "resource_type": "dicom_processing", "cost": 2 });
        let answer = consume(&app.http, &app.url, &buyer.key, Some("same"), &other).await;
        answer.refused(422, "idempotency_key_reused");
        // Refusals are not kept: the same key is worked out anew.
        let much = json!({ "resource_type": "dicom_processing", "cost": 100 });
        for _ in 0..2 {
            consume(&app.http, &app.url, &buyer.key, Some("much"), &much)
                .await
                .refused(429, "quota_exceeded");
        }
        // Somebody else's key of the same name is another key.
        let stranger = app.buyer().await;
        let answer = consume(&app.http, &app.url, &stranger.key, Some("same"), &one()).await;
        answer.refused(402, "subscription_required");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_the_last_unit_taken_under_a_key_is_replayed_not_refused() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        with_a_hundred(app, &buyer).await;
        let all = json!({ "resource_type": "dicom_processing", "cost": 100 });
        let mut rivals = JoinSet::new();
        for _ in 0..20 {
            let (http, url, key, body) = (
                app.http.clone(),
                app.url.clone(),
                buyer.key.clone(),
                all.clone(),
            );
            rivals
                .spawn(async move { consume(&http, &url, &key, Some("all"), &body).await.status });
        }
        assert!(
            rivals
                .join_all()
                .await
                .into_iter()
                .all(|status| status == 200)
        );
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q7_only_positive_whole_costs_are_taken() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        with_a_hundred(app, &buyer).await;
        for cost in [
            "0",
            "-1",
            "1.5",
            "1.0",
            "1e0",
            "2147483648",
            "9007199254740992",
            "9223372036854775808",
            "1e309",
            "\"1\"",
            "true",
            "[]",
        ] {
            let body = format!("{{\"resource_type\":\"dicom_processing\",\"cost\":{cost}}}");
            let request = app
                .http
                .post(format!("{}/quota/consume", app.url))
                .bearer_auth(&buyer.key);
            let answer = request
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await
                .expect("answered");
            let problem = Answer::read(answer).await.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], "/cost", "{cost}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM usage_logs").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q8_check_takes_nothing_and_tells_what_consume_would() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let check = async |query: &str| {
            app.get(&format!("/quota/check?{query}"), &buyer.key)
                .await
                .expect(StatusCode::OK)
        };
        let none = check("resource_type=dicom_processing").await;
        assert_eq!(
            (&none["allowed"], &none["code"]),
            (&json!(false), &json!("subscription_required"))
        );
        with_a_hundred(app, &buyer).await;
        for _ in 0..3 {
            let whole = check("resource_type=dicom_processing&cost=100").await;
            assert_eq!(
                (
                    &whole["allowed"],
                    &whole["cost"],
                    &whole["quota"]["remaining"]
                ),
                (&json!(true), &json!(100), &json!(100))
            );
        }
        let beyond = check("resource_type=dicom_processing&cost=101").await;
        assert_eq!(
            (&beyond["allowed"], &beyond["code"]),
            (&json!(false), &json!("quota_exceeded"))
        );
        consume(
            &app.http,
            &app.url,
            &buyer.key,
            None,
            &json!({ "resource_type": "x", "cost": 60 }),
        )
        .await
        .expect(StatusCode::OK);
        let left = check("resource_type=dicom_processing&cost=40").await;
        assert_eq!(
            (&left["allowed"], &left["quota"]["remaining"]),
            (&json!(true), &json!(40))
        );
        for query in [
            "resource_type=x&cost=0",
            "resource_type=&cost=1",
            "cost=1",
            "resource_type=x&cost=a",
        ] {
            app.get(&format!("/quota/check?{query}"), &buyer.key)
                .await
                .refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q6_a_new_month_begins_whole_and_an_old_term_ends() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        with_a_hundred(app, &buyer).await;
        let all = json!({ "resource_type": "dicom_processing", "cost": 100 });
        consume(&app.http, &app.url, &buyer.key, None, &all)
            .await
            .expect(StatusCode::OK);
        consume(&app.http, &app.url, &buyer.key, None, &one())
            .await
            .refused(429, "quota_exceeded");
        app.clock.advance(std::time::Duration::from_hours(24 * 32));
        let mut rollers = JoinSet::new();
        for _ in 0..20 {
            let (http, url, key) = (app.http.clone(), app.url.clone(), buyer.key.clone());
            rollers.spawn(async move { consume(&http, &url, &key, None, &one()).await.status });
        }
        let outcomes = rollers.join_all().await;
        assert!(outcomes.iter().all(|status| *status == 200), "{outcomes:?}");
        assert_eq!(
            app.count("SELECT COUNT(*) FROM quota_counters").await,
            2,
            "two instances of a roll make one row"
        );
        app.balance().await;
        if app.engine == Engine::Postgres {
            assert_eq!(
                app.count("SELECT COUNT(*) FROM usage_logs_default").await,
                0,
                "each month has its partition"
            );
        }
        let quota = app
            .get("/payments/subscriptions/current", &buyer.key)
            .await
            .expect(StatusCode::OK);
        assert_eq!(
            (&quota["quota_used"], &quota["quota_remaining"]),
            (&json!(20), &json!(80))
        );
    })
    .await;
}
