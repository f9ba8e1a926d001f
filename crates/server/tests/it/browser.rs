//! What browsers are told, and whom a proxy may vouch for.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Answer, each_engine, each_engine_with};
use crate::pages::browser::Browser;

#[tokio::test]
async fn answers_say_what_a_page_may_not_do() {
    each_engine_with(&[], async |app| {
        for path in [
            "/auth/me",
            "/payments/plans",
            "/health",
            "/nothing",
            "/openapi.json",
        ] {
            let answer = app.http.get(format!("{}{path}", app.url)).send().await;
            let headers = answer.expect("answered").headers().clone();
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer"),
                (
                    "content-security-policy",
                    "default-src 'none'; frame-ancestors 'none'",
                ),
            ] {
                assert_eq!(
                    headers.get(name).map(|value| value.to_str().expect("text")),
                    Some(value),
                    "{path}"
                );
            }
            // Reached by http: a promise of https would lock visitors out.
            assert!(headers.get("strict-transport-security").is_none());
            assert!(headers.get("access-control-allow-origin").is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn only_listed_origins_may_call() {
    let settings = [(
        "CORS_ORIGINS",
        "https://app.example.com, http://localhost:5173",
    )];
    each_engine_with(&settings, async |app| {
        for (origin, allowed) in [
            ("https://app.example.com", true),
            ("http://localhost:5173", true),
            ("https://evil.example.com", false),
            ("https://app.example.com.evil.example", false),
            ("null", false),
        ] {
            let preflight = app
                .http
                .request(Method::OPTIONS, format!("{}/quota/consume", app.url))
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header(
                    "access-control-request-headers",
                    "authorization,content-type,idempotency-key",
                )
                .send()
                .await
                .expect("answered");
            let headers = preflight.headers().clone();
            let told = headers
                .get("access-control-allow-origin")
                .map(|value| value.to_str().expect("text"));
            assert_eq!(told, allowed.then_some(origin));
            assert!(headers.get("access-control-allow-credentials").is_none());
            let call = app
                .http
                .get(format!("{}/payments/plans", app.url))
                .header("origin", origin)
                .send()
                .await
                .expect("answered");
            let told = call.headers().get("access-control-allow-origin");
            assert_eq!(told.is_some(), allowed, "{origin}");
        }
    })
    .await;
}

#[tokio::test]
async fn inv_a9_a_spoofed_address_does_not_help() {
    for (trusted, helps) in [("", false), ("127.0.0.0/8", true)] {
        each_engine_with(&[("TRUSTED_PROXIES", trusted)], async |app| {
            let mut refused = 0;
            for number in 0..15 {
                let body = json!({ "username": format!("name{number}"), "password": "wrong" });
                let answer = app
                    .http
                    .post(format!("{}/auth/login", app.url))
                    .header("x-forwarded-for", format!("203.0.113.{number}"))
                    .json(&body)
                    .send()
                    .await
                    .expect("answered");
                refused += u32::from(answer.status().as_u16() == 429);
            }
            assert_eq!(refused, if helps { 0 } else { 5 }, "trusted: {trusted:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn inv_a8_line_24_a_form_of_another_site_is_refused() {
    let settings = [("CORS_ORIGINS", "https://app.example.com")];
    each_engine_with(&settings, async |app| {
        let host = app.url.trim_start_matches("http://").to_owned();
        let own = format!("http://{host}");
        // An application that may call has no forms for our pages.
        for (origin, calls, fills) in [
            (own.as_str(), true, true),
            ("https://app.example.com", true, false),
            ("https://evil.example.com", false, false),
            ("http://127.0.0.1:1", false, false),
            ("null", false, false),
            ("", false, false),
        ] {
            for kind in [
                "application/x-www-form-urlencoded",
                "Text/Plain; charset=utf-8",
            ] {
                for (path, may) in [("/portal/reset", fills), ("/auth/login", calls)] {
                    let sent = app
                        .http
                        .post(format!("{}{path}", app.url))
                        .header("origin", origin)
                        .header("content-type", kind)
                        .body("token=x&username=x&password=x&grant_type=password");
                    let answer = sent.send().await.expect("answered");
                    let is_refused = answer.status() == 403;
                    assert_eq!(is_refused, !may, "{origin} {kind} {path}");
                    if !calls {
                        let answer = Answer::read(answer).await;
                        answer.refused(403, "csrf_failed");
                    }
                }
            }
        }
        // A program names no origin, and JSON is never sent without asking first.
        let json = json!({ "username": "x", "password": "wrong" });
        let sent = app.http.post(format!("{}/auth/login", app.url));
        let sent = sent
            .header("origin", "https://evil.example.com")
            .json(&json);
        let answer = Answer::read(sent.send().await.expect("answered")).await;
        answer.refused(401, "invalid_credentials");
    })
    .await;
}

/// A script on a page of the house calls by the cookie, with the word that the forms of the page carry.
#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_line_24_the_cookie_of_a_page_calls_nothing_by_itself() {
    each_engine(async |app| {
        let (ann, other) = (app.buyer().await, app.buyer().await);
        let mut browser = Browser::signed_in(app, &ann).await;
        browser.get("/portal/settings").await.expect(StatusCode::OK);
        let stranger = Browser::signed_in(app, &other).await;
        let word = browser.form_word.clone();
        let worded = ("x-csrf-token", word.as_str());
        let forgeries: [&[(&str, &str)]; 7] = [
            &[],
            &[("x-csrf-token", "")],
            &[("x-csrf-token", browser.cookies["tollgate"].as_str())],
            &[("x-csrf-token", stranger.form_word.as_str())],
            &[worded, ("origin", "https://evil.example")],
            &[worded, ("origin", "null")],
            &[worded, ("sec-fetch-site", "cross-site")],
        ];
        for forged in forgeries {
            for path in ["/auth/me", "/usage/summary", "/auth/verify"] {
                let refused = browser.call(Method::GET, path, forged, None).await;
                let body = refused.refused(403, "csrf_failed");
                assert_eq!(body["valid"], false, "{forged:?}");
            }
            let key = Some(json!({ "name": "forged" }));
            let refused = browser.call(Method::POST, "/auth/api-keys", forged, key);
            refused.await.refused(403, "csrf_failed");
        }
        let forged = "SELECT COUNT(*) FROM api_keys WHERE name = 'forged'";
        assert_eq!(app.count(forged).await, 0);

        let me = browser.call(Method::GET, "/auth/me", &[worded], None).await;
        assert_eq!(me.expect(StatusCode::OK)["id"], json!(ann.id));
        let from_here = [
            worded,
            ("origin", &app.url),
            ("sec-fetch-site", "same-origin"),
        ];
        let key = Some(json!({ "name": "mine" }));
        let made = browser.call(Method::POST, "/auth/api-keys", &from_here, key);
        made.await.expect(StatusCode::CREATED);

        // A header beats the cookie, a bad one too.
        let bearer = format!("Bearer {}", other.key);
        let both = [("authorization", bearer.as_str()), worded];
        let me = browser.call(Method::GET, "/auth/me", &both, None).await;
        assert_eq!(me.expect(StatusCode::OK)["id"], json!(other.id));
        let me = browser.call(Method::GET, "/auth/me", &both[..1], None);
        assert_eq!(me.await.expect(StatusCode::OK)["id"], json!(other.id));
        let bad = [("authorization", "Bearer rubbish"), worded];
        let bad = browser.call(Method::GET, "/auth/me", &bad, None).await;
        bad.refused(401, "unauthenticated");

        // What is open to everybody is open to a browser; who has not signed in is nobody.
        let plans = browser.call(Method::GET, "/payments/plans", &[], None);
        plans.await.expect(StatusCode::OK);
        let mut nobody = Browser::new(app);
        nobody.get("/portal/login").await.expect(StatusCode::OK);
        let word_of_nobody = [("x-csrf-token", nobody.form_word.as_str())];
        let me = nobody.call(Method::GET, "/auth/me", &word_of_nobody, None);
        me.await.refused(401, "unauthenticated");

        // And it ends with the sign-in.
        let cookies = browser.cookies.clone();
        browser.get("/portal/settings").await;
        browser.post("/portal/logout", &[]).await.location();
        browser.cookies = cookies;
        let me = browser.call(Method::GET, "/auth/me", &[worded], None).await;
        me.refused(401, "unauthenticated");
    })
    .await;
}
