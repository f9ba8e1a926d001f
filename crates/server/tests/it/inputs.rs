//! Bad input: a whole problem document with a stable code, and nothing lost.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Answer, each_engine};
use crate::routes::{self, Route};

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_not_one_object() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        app.damage("UPDATE users SET is_superuser = (1 = 1)").await;
        let host = json!({ "name": "host", "scopes": ["quota"] });
        let made = app.post("/admin/service-keys", &buyer.token, host).await;
        let host = made.expect(StatusCode::CREATED)["key"].clone();
        let host = host.as_str().expect("a key").to_owned();
        let of_hosts = ["commit", "extend", "refund", "release", "reserve"];
        let of_hosts = of_hosts.map(|verb| format!("/quota/{verb}"));
        let send = async |route: &Route, kind: &str, body: Vec<u8>| {
            let by_host = of_hosts.contains(&route.path);
            let credential = if by_host { &host } else { &buyer.token };
            let path = route.at("0198a000-0000-7000-8000-000000000000");
            let request = app
                .http
                .request(route.method.clone(), format!("{}{path}", app.url))
                .bearer_auth(credential)
                .body(body);
            let request = if kind.is_empty() {
                request
            } else {
                request.header("content-type", kind)
            };
            Answer::read(request.send().await.expect("answered")).await
        };
        for route in &routes::all() {
            if !route.takes_json {
                continue;
            }
            for body in [
                "",
                "null",
                "[]",
                "\"x\"",
                "{",
                "{}{}",
                "{\"a\":1,\"a\":2}",
                "{\"a\":\"\\ud800\"}",
            ] {
                send(route, "application/json", body.into())
                    .await
                    .refused(400, "bad_request");
            }
            send(route, "application/json", b"{\"a\":\"\xFF\"}".to_vec())
                .await
                .refused(400, "bad_request");
            send(route, "application/json", "[".repeat(10_000).into())
                .await
                .refused(400, "bad_request");
            send(
                route,
                "application/json",
                format!("{{\"a\":{}", "[".repeat(10_000)).into(),
            )
            .await
            .refused(400, "bad_request");
            send(route, "application/json", b"{\"a\":\"\\u0000\"}".to_vec())
                .await
                .refused(422, "validation_failed");
            send(route, "text/plain", b"{}".to_vec())
                .await
                .refused(415, "unsupported_media_type");
            send(route, "", b"{}".to_vec())
                .await
                .refused(415, "unsupported_media_type");
            send(route, "application/json", vec![b' '; 1024 * 1024 + 1])
                .await
                .refused(413, "body_too_large");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_the_wrong_type_are_named() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        for (path, body, field) in [
            (
                "/auth/register",
                json!({ "email": {}, "username": "x", "password": "y" }),
                "/email",
            ),
            (
                "/auth/register",
                json!({ "username": "x", "password": "y" }),
                "/email",
            ),
            (
                "/quota/consume",
                json!({ "resource_type": 7 }),
                "/resource_type",
            ),
            ("/quota/consume", json!({}), "/resource_type"),
            (
                "/quota/consume",
                json!({ "resource_type": "a b" }),
                "/resource_type",
            ),
            (
                "/quota/consume",
                json!({ "resource_type": "x", "metadata": { "x": "y".repeat(5_000) } }),
                "/metadata",
            ),
            (
                "/payments/subscriptions/subscribe",
                json!({ "plan_slug": true }),
                "/plan_slug",
            ),
            ("/payments/subscriptions/subscribe", json!({}), "/plan_id"),
            (
                "/payments/subscriptions/subscribe",
                json!({ "plan_slug": "pro", "client": "fax" }),
                "/client",
            ),
        ] {
            let problem = app
                .post(path, &buyer.token, body.clone())
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], field, "{body}");
        }
        let order = json!({ "plan_slug": "nothing", "payment_method": "alipay" });
        app.post("/payments/subscriptions/subscribe", &buyer.token, order)
            .await
            .refused(404, "not_found");
        let order = json!({ "plan_slug": "pro", "payment_method": "cash" });
        app.post("/payments/subscriptions/subscribe", &buyer.token, order)
            .await
            .refused(422, "method_unavailable");
        let order = json!({ "plan_slug": "pro", "payment_method": "WeChat" });
        app.post("/payments/subscriptions/subscribe", &buyer.token, order)
            .await
            .refused(422, "method_unavailable");
        let extra = json!({ "resource_type": "x", "quota_limit": 9 });
        let answer = app.post("/quota/consume", &buyer.key, extra).await;
        assert_eq!(answer.headers["x-ignored-fields"], "quota_limit");
        let foreign = json!({ "resource_type": "x", "user_id": buyer.id });
        app.post("/quota/consume", &buyer.key, foreign)
            .await
            .refused(403, "permission_denied");
        // A key buys nothing in its owner's name.
        let order = json!({ "plan_slug": "pro", "payment_method": "alipay" });
        app.post("/payments/subscriptions/subscribe", &buyer.key, order)
            .await
            .refused(403, "permission_denied");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_methods_ids_and_credentials() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        app.get("/nowhere", "").await.refused(404, "not_found");
        let answer = app
            .call(Method::DELETE, "/quota/consume", &buyer.key, None)
            .await;
        assert_eq!(answer.headers["allow"], "POST");
        answer.refused(405, "method_not_allowed");
        app.call(Method::TRACE, "/health", "", None)
            .await
            .refused(405, "method_not_allowed");
        let random = "0198c0de-0000-7000-8000-000000000000";
        for id in [
            random,
            "0198C0DE-0000-7000-8000-000000000000",
            "{0198c0de-0000-7000-8000-000000000000}",
            "x",
            "%00",
            "' OR 1=1",
        ] {
            app.get(&format!("/payments/status/{id}"), &buyer.token)
                .await
                .refused(404, "not_found");
            app.get(&format!("/payments/plans/{id}"), "")
                .await
                .refused(404, "not_found");
        }
        for path in [
            "/auth/me",
            "/quota/check?resource_type=x",
            "/usage/summary",
            "/payments/subscriptions/current",
        ] {
            let answer = app.get(path, "").await;
            assert!(
                answer.headers["www-authenticate"]
                    .to_str()
                    .expect("text")
                    .starts_with("Bearer")
            );
            answer.refused(401, "unauthenticated");
            app.get(path, "not-a-token")
                .await
                .refused(401, "unauthenticated");
            let query = format!(
                "{path}{}access_token={}",
                if path.contains('?') { '&' } else { '?' },
                buyer.token
            );
            app.get(&query, "").await.refused(401, "unauthenticated");
            let both = app
                .http
                .get(format!("{}{path}", app.url))
                .bearer_auth(&buyer.token)
                .header("x-api-key", &buyer.key);
            Answer::read(both.send().await.expect("answered"))
                .await
                .refused(400, "two_credentials");
            let twice = app
                .http
                .get(format!("{}{path}", app.url))
                .bearer_auth(&buyer.key)
                .header("x-api-key", &buyer.key);
            assert_ne!(
                Answer::read(twice.send().await.expect("answered"))
                    .await
                    .status,
                400
            );
        }
        for key in ["", &"k".repeat(256), "a b", "ü"] {
            let request = app
                .http
                .post(format!("{}/quota/consume", app.url))
                .bearer_auth(&buyer.key);
            let request = request.header(
                "idempotency-key",
                reqwest::header::HeaderValue::from_bytes(key.as_bytes()).expect("a value"),
            );
            let answer = request
                .json(&json!({ "resource_type": "x" }))
                .send()
                .await
                .expect("answered");
            Answer::read(answer).await.refused(422, "validation_failed");
        }
        let slash = app.get("/payments/plans/", "").await.expect(StatusCode::OK);
        assert_eq!(slash["data"].as_array().expect("plans").len(), 3);
        let zh = app
            .http
            .get(format!("{}/nowhere", app.url))
            .header("accept-language", "zh-CN")
            .header("x-request-id", "abc-1");
        let zh = Answer::read(zh.send().await.expect("answered")).await;
        assert_eq!(zh.headers["x-request-id"], "abc-1");
        assert_eq!(zh.refused(404, "not_found")["title"], "未找到");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stalls_or_lies_about_its_length_is_closed() {
    each_engine(async |app| {
        let address = app.url.trim_start_matches("http://").to_owned();
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).expect("connects");
            stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a limit");
            let head = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
            stream.write_all(head.as_bytes()).expect("sent");
            let mut text = String::new();
            let _ = stream.read_to_string(&mut text);
            text
        });
        let answer = answer.await.expect("read");
        assert!(!answer.starts_with("HTTP/1.1 2") && !answer.starts_with("HTTP/1.1 5"), "{answer}");
        let long = app.http.get(format!("{}/health", app.url)).header("x-long", "x".repeat(70_000));
        assert!(long.send().await.is_err() || app.get("/health", "").await.status == 200);
        assert_eq!(app.get("/health/ready", "").await.expect(StatusCode::OK)["status"], "ok");
    })
    .await;
}
