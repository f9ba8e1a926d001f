//! What the gate lets pass, and what the application is told.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::upstream::Upstream;
use crate::harness::{Answer, App, each_engine_gated};
use crate::service_keys::with_free_plan;

const RULES: &str = r#"
[[rule]]
path = "/health"
methods = ["GET"]
open = true

[[rule]]
path = "/work"
methods = ["POST"]
consume = "dicom_processing"

[[rule]]
path = "/reports"
plan = ["pro"]

[[rule]]
path = "/ops/{*page}"
permission = "admin"
"#;

const WITHIN: Duration = Duration::from_secs(30);

async fn call(app: &App, method: Method, target: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = app.http.request(method, format!("{}{target}", app.gate));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::read(request.send().await.expect("an answer")).await
}

/// As it is written: a client's library would spell it out.
async fn raw(app: &App, line: &str, key: &str) -> u16 {
    let host = app.gate.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host)
        .await
        .expect("connected");
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("an answer");
    let status = text.split(' ').nth(1).expect("a status");
    status.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_lets_in_by_its_rules_and_is_closed_where_there_is_none() {
    let upstream = Upstream::start().await;
    each_engine_gated(&upstream.gate(RULES, WITHIN), async |app| {
        let buyer = with_free_plan(app).await;
        let key = [("x-api-key", buyer.key.as_str())];
        let open = call(app, Method::GET, "/health", &[]).await;
        assert_eq!((open.status, open.body.as_str()), (200, Some("done")));
        assert_eq!(open.headers["x-app"], "1");
        assert!(
            !open.headers.contains_key("cache-control"),
            "the application's own"
        );
        assert!(!open.headers.contains_key("x-hop"), "of one connection");
        upstream.seen();
        for (method, target) in [
            (Method::POST, "/health"),
            (Method::POST, "/work"),
            (Method::GET, "/work"),
            (Method::GET, "/anything"),
            (Method::OPTIONS, "/work"),
        ] {
            let answer = call(app, method, target, &[]).await;
            answer.refused(401, "unauthenticated");
        }
        let reports = call(app, Method::GET, "/reports", &key).await;
        reports.refused(402, "plan_required");
        let ops = call(app, Method::GET, "/ops/x", &key).await;
        ops.refused(403, "permission_denied");
        assert!(
            upstream.seen().is_empty(),
            "nothing of it reached the application"
        );
        assert_eq!(call(app, Method::GET, "/anything", &key).await.status, 200);
        assert_eq!(call(app, Method::POST, "/work", &key).await.status, 200);
        let none = app.buyer().await;
        let answer = call(app, Method::POST, "/work", &[("x-api-key", &none.key)]).await;
        answer.refused(402, "subscription_required");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_54_the_application_is_told_who_calls_and_never_by_the_caller() {
    let upstream = Upstream::start().await;
    each_engine_gated(&upstream.gate(RULES, WITHIN), async |app| {
        let buyer = with_free_plan(app).await;
        let bearer = format!("Bearer {}", buyer.key);
        let forged = [
            ("authorization", bearer.as_str()),
            ("x-auth-user-id", "somebody"),
            ("x_auth_user_id", "somebody"),
            ("x.auth.user.id", "somebody"),
            ("x-auth.plan", "enterprise"),
            ("x-auth-plan", "enterprise"),
            ("x-auth-else", "x"),
            ("x-quota-cost", "0"),
            ("x-own", "kept"),
        ];
        upstream.seen();
        let answer = call(app, Method::POST, "/work?b=2&a=%20", &forged).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["x-quota-used"], "1");
        let seen = upstream.seen().pop().expect("a call");
        assert_eq!(seen.target, "/work?b=2&a=%20");
        assert_eq!(seen.headers["x-auth-user-id"], buyer.id.as_str());
        assert_eq!(seen.headers["x-auth-plan"], "free");
        assert_eq!(seen.headers["x-auth-subject-type"], "api_key");
        assert!(
            seen.headers["x-auth-token"]
                .to_str()
                .is_ok_and(|token| token.len() > 100)
        );
        assert_eq!(seen.headers["x-own"], "kept");
        assert_eq!(seen.headers["x-forwarded-for"], "127.0.0.1");
        assert_eq!(seen.headers["x-request-id"], answer.headers["x-request-id"]);
        for gone in [
            "x_auth_user_id",
            "x.auth.user.id",
            "x-auth.plan",
            "x-auth-else",
            "authorization",
            "x-quota-cost",
        ] {
            assert!(!seen.headers.contains_key(gone), "{gone}");
        }
        // Where anybody may call the credential may be the application's own; our names stay ours.
        call(app, Method::GET, "/health", &forged).await;
        let seen = upstream.seen().pop().expect("a call");
        assert_eq!(seen.headers["authorization"], bearer.as_str());
        assert!(!seen.headers.contains_key("x-auth-user-id"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q1_no_spelling_of_a_path_is_cheaper_than_another() {
    let upstream = Upstream::start().await;
    each_engine_gated(&upstream.gate(RULES, WITHIN), async |app| {
        let buyer = with_free_plan(app).await;
        let spellings = [
            "/work",
            "/work/",
            "/%77ork",
            "/a/../work",
            "/./work",
            "/%2e/work",
            "/x/%2E%2e/work?y",
        ];
        for (number, target) in (1_i64..).zip(spellings) {
            upstream.seen();
            assert_eq!(
                raw(app, &format!("POST {target}"), &buyer.key).await,
                200,
                "{target}"
            );
            let seen = upstream.seen().pop().expect("a call").target;
            assert!(
                seen.starts_with("/work"),
                "{target} was passed on as {seen}"
            );
            let stands = app
                .get("/usage/summary", &buyer.key)
                .await
                .expect(StatusCode::OK);
            assert_eq!(stands["quota"]["used"], number, "{target}");
        }
        for target in [
            "//work",
            "/work//",
            "/a%2f..%2fwork",
            "/work%00",
            "/wo%5crk",
            "/work%",
            "/w%6",
        ] {
            assert_eq!(
                raw(app, &format!("POST {target}"), &buyer.key).await,
                400,
                "{target}"
            );
        }
        assert!(upstream.seen().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_passed_on_piece_by_piece_both_ways() {
    let upstream = Upstream::start().await;
    each_engine_gated(&upstream.gate(RULES, WITHIN), async |app| {
        let buyer = with_free_plan(app).await;
        let halves = app.http.get(format!("{}/halves", app.gate));
        let mut answer = halves
            .bearer_auth(&buyer.key)
            .send()
            .await
            .expect("an answer");
        let mut text = Vec::new();
        while text.len() < 6 {
            text.extend(answer.chunk().await.expect("a piece").expect("not the end"));
        }
        assert_eq!(text, b"first ", "before the application has the second");
        upstream.go();
        while let Some(piece) = answer.chunk().await.expect("a piece") {
            text.extend(piece);
        }
        assert_eq!(text, b"first second");

        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
        let pieces = futures_util::stream::unfold(receiver, async |mut receiver| {
            Some((receiver.recv().await?, receiver))
        });
        let body = reqwest::Body::wrap_stream(pieces);
        let sending = app
            .http
            .post(format!("{}/length", app.gate))
            .bearer_auth(&buyer.key);
        let sending = tokio::spawn(sending.body(body).send());
        sender.send(Ok(vec![0; 1_000])).await.expect("sent");
        // The application reads it while the rest is not there yet.
        tokio::time::timeout(WITHIN, upstream.began())
            .await
            .expect("in time");
        sender.send(Ok(vec![0; 3_000_000])).await.expect("sent");
        drop(sender);
        let answer = sending.await.expect("ends").expect("an answer");
        assert_eq!(answer.text().await.expect("text"), "3001000");
    })
    .await;
}
