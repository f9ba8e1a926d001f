//! What a call through the gate costs, by what became of it: as behind a guard of the library.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::upstream::Upstream;
use crate::harness::{Answer, App, Buyer, each_engine_gated, until};
use crate::quota::with_a_hundred;
use crate::service_keys::with_free_plan;

const RULES: &str = r#"
[otherwise]
consume = "dicom_processing"
cost = 3
"#;

const ONE: &str = r#"
[otherwise]
consume = "dicom_processing"
"#;

const WITHIN: Duration = Duration::from_secs(30);

async fn call(app: &App, buyer: &Buyer, target: &str) -> Answer {
    let request = app
        .http
        .request(Method::POST, format!("{}{target}", app.gate));
    let sent = request.bearer_auth(&buyer.key).send().await;
    Answer::read(sent.expect("an answer")).await
}

/// What is charged and what is set aside.
async fn stands(app: &App, buyer: &Buyer) -> (i64, i64) {
    let summary = app.get("/usage/summary", &buyer.key).await;
    let quota = summary.expect(StatusCode::OK)["quota"].clone();
    let number = |name: &str| quota[name].as_i64().expect("a number");
    (number("used"), number("reserved"))
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q3_a_call_is_charged_if_the_application_serves_it() {
    let upstream = Upstream::start().await;
    each_engine_gated(&upstream.gate(RULES, WITHIN), async |app| {
        let buyer = app.buyer().await;
        with_a_hundred(app, &buyer).await;
        let mut charged = 0;
        for (target, costs) in [
            ("/work", 3),
            ("/work?answer=204", 3),
            ("/work?answer=302", 3),
            ("/work?answer=400", 0),
            ("/work?answer=404", 0),
            ("/work?answer=500", 0),
            ("/work?answer=503&cost=1", 0),
            ("/work?cost=1", 1),
            ("/work?cost=3", 3),
            ("/work?cost=0", 0),
            // More than the rule allows, or no number: the rule's.
            ("/work?cost=4", 3),
            ("/work?cost=-1", 3),
            ("/work?cost=x", 3),
        ] {
            let answer = call(app, &buyer, target).await;
            assert_eq!(
                answer.body.as_str(),
                (answer.status != 204).then_some("done").or(Some("")),
                "{target}"
            );
            assert!(!answer.headers.contains_key("x-quota-cost"), "{target}");
            charged += costs;
            let told = answer.headers["x-quota-used"].to_str().expect("text");
            assert_eq!(told, charged.to_string(), "{target}");
            assert_eq!(stands(app, &buyer).await, (charged, 0), "{target}");
        }
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q3_a_caller_who_hangs_up_pays_nothing() {
    let upstream = Upstream::start().await;
    each_engine_gated(&upstream.gate(RULES, WITHIN), async |app| {
        let buyer = with_free_plan(app).await;
        let request = app
            .http
            .post(format!("{}/slow", app.gate))
            .bearer_auth(&buyer.key);
        let calling = tokio::spawn(request.send());
        tokio::time::timeout(WITHIN, upstream.arrived())
            .await
            .expect("in time");
        assert_eq!(
            stands(app, &buyer).await,
            (0, 3),
            "set aside while the application works"
        );
        calling.abort();
        until("given back", async || stands(app, &buyer).await == (0, 0)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q3_an_application_that_does_not_answer_costs_nothing() {
    let upstream = Upstream::start().await;
    let impatient = upstream.gate(RULES, Duration::from_millis(300));
    each_engine_gated(&impatient, async |app| {
        let buyer = with_free_plan(app).await;
        let late = call(app, &buyer, "/slow").await;
        late.refused(504, "upstream_timeout");
        assert_eq!(stands(app, &buyer).await, (0, 0));
    })
    .await;
    let gone = {
        let upstream = Upstream::start().await;
        upstream.gate(RULES, WITHIN)
    };
    each_engine_gated(&gone, async |app| {
        let buyer = with_free_plan(app).await;
        let mut answer = call(app, &buyer, "/work").await;
        // The last of its connections may still be taken.
        while answer.status == 200 {
            answer = call(app, &buyer, "/work").await;
        }
        answer.refused(502, "upstream_unavailable");
        let (_, reserved) = stands(app, &buyer).await;
        assert_eq!(reserved, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q1_of_200_calls_on_100_units_100_reach_the_application() {
    let upstream = Upstream::start().await;
    each_engine_gated(&upstream.gate(ONE, WITHIN), async |app| {
        let buyer = app.buyer().await;
        with_a_hundred(app, &buyer).await;
        upstream.seen();
        let calls = (0..200).map(|_| call(app, &buyer, "/work"));
        let answers = futures_util::future::join_all(calls).await;
        let served = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(served, 100);
        assert_eq!(upstream.seen().len(), 100);
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            let problem = answer.refused(429, "quota_exceeded");
            assert_eq!(problem["quota"]["limit"], json!(100));
            assert!(problem["upgrade_url"].is_string());
        }
        assert_eq!(stands(app, &buyer).await, (100, 0));
        app.balance().await;
    })
    .await;
}
