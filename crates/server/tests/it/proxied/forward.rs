//! What a proxy is told that asks whether a call may pass.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tollgate_auth::model::role::Role;

use crate::access::staff;
use crate::harness::{Answer, App, Buyer, each_engine};
use crate::pages::browser::Browser;
use crate::quota::with_a_hundred;
use crate::service_keys::with_free_plan;

/// Asks as a proxy does, with the headers of a call.
async fn ask(app: &App, method: Method, address: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = app.http.request(method, format!("{}{address}", app.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::read(request.send().await.expect("an answer")).await
}

async fn by(app: &App, address: &str, credential: &str) -> Answer {
    let bearer = format!("Bearer {credential}");
    ask(app, Method::GET, address, &[("authorization", &bearer)]).await
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers
        .get(name)
        .unwrap_or_else(|| panic!("{name} is missing: {headers:?}"));
    value.to_str().expect("text")
}

/// What the proxy passes on to nobody: no body, and the code beside the status.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(header(&answer.headers, "x-auth-error"), code);
    assert_eq!(answer.body, json!(""), "nginx shows its own page");
    assert!(!answer.headers.contains_key("x-auth-user-id"));
}

async fn used(app: &App, buyer: &Buyer) -> i64 {
    let summary = app.get("/usage/summary", &buyer.key).await;
    let summary = summary.expect(StatusCode::OK);
    summary["quota"]["used"].as_i64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_told_by_six_headers_and_a_refusal_by_its_code() {
    each_engine(async |app| {
        let buyer = with_free_plan(app).await;
        let nobody = ask(app, Method::GET, "/auth/forward", &[]).await;
        refused(&nobody, 401, "unauthenticated");
        assert_eq!(header(&nobody.headers, "www-authenticate"), "Bearer");
        let rubbish = by(app, "/auth/forward", "rubbish").await;
        refused(&rubbish, 401, "unauthenticated");
        let challenge = header(&rubbish.headers, "www-authenticate");
        assert_eq!(challenge, "Bearer error=\"invalid_token\"");
        let known = by(app, "/auth/forward", &buyer.key).await;
        assert_eq!((known.status, &known.body), (200, &json!("")));
        let told = &known.headers;
        assert_eq!(header(told, "x-auth-user-id"), buyer.id);
        assert!(header(told, "x-auth-user-email").ends_with("@example.com"));
        assert_eq!(header(told, "x-auth-plan"), "free");
        assert_eq!(header(told, "x-auth-permissions"), "");
        assert_eq!(header(told, "x-auth-subject-type"), "api_key");
        assert_eq!(header(told, "x-quota-limit"), "10");
        assert_eq!(header(told, "cache-control"), "no-store");
        // Any method, a body too, and nothing of it is looked at.
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
            let headers = [
                ("x-api-key", buyer.key.as_str()),
                ("content-type", "application/json"),
            ];
            assert_eq!(
                ask(app, method, "/auth/forward", &headers).await.status,
                200
            );
        }
        // Whoever may do more says so by signing in, never by a key.
        let (token, permissions) = staff(app, Some(Role::Admin)).await;
        let admin = by(app, "/auth/forward?permission=admin", &token).await;
        assert_eq!(admin.status, 200);
        assert_eq!(
            header(&admin.headers, "x-auth-permissions"),
            permissions.names().join(",")
        );
        assert_eq!(header(&admin.headers, "x-auth-plan"), "");
        let not = by(app, "/auth/forward?permission=admin", &buyer.token).await;
        refused(&not, 403, "permission_denied");
        // Two credentials, a plan that is missing, a plan that is another.
        let two = [
            ("authorization", "Bearer a.b.c"),
            ("x-api-key", buyer.key.as_str()),
        ];
        refused(
            &ask(app, Method::GET, "/auth/forward", &two).await,
            403,
            "two_credentials",
        );
        let pro = by(app, "/auth/forward?plan=pro", &buyer.key).await;
        refused(&pro, 403, "plan_required");
        assert_eq!(
            by(app, "/auth/forward?plan=pro,free", &buyer.key)
                .await
                .status,
            200
        );
        let none = app.buyer().await;
        refused(
            &by(app, "/auth/forward?plan=free", &none.key).await,
            403,
            "subscription_required",
        );
        // Proxies that pass the answer on are given the whole of it.
        by(app, "/auth/forward?plan=pro&status=exact", &buyer.key)
            .await
            .refused(402, "plan_required");
        by(app, "/auth/forward?plan=free&status=exact", &none.key)
            .await
            .refused(402, "subscription_required");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a1_a3_the_token_for_the_application_opens_nothing_here_and_ends_with_the_sign_in() {
    each_engine(async |app| {
        let buyer = with_free_plan(app).await;
        let told = by(app, "/auth/forward", &buyer.token).await.headers;
        let token = header(&told, "x-auth-token").to_owned();
        let claims = claims(&token);
        assert_eq!(claims["type"], "forward");
        assert_eq!(claims["sub"], json!(buyer.id));
        assert_eq!(
            (&claims["plan"], &claims["subject_type"]),
            (&json!("free"), &json!("user"))
        );
        let lasts = claims["exp"].as_i64().zip(claims["iat"].as_i64());
        assert!(
            lasts.is_some_and(|(exp, iat)| (1..=120).contains(&(exp - iat))),
            "{claims}"
        );
        // Signed by a key that is published, so that the application can look.
        let kid = jsonwebtoken::decode_header(&token).expect("a header").kid;
        let keys = app
            .get("/auth/.well-known/jwks.json", "")
            .await
            .expect(StatusCode::OK);
        let published = keys["keys"].as_array().expect("keys");
        assert!(
            published
                .iter()
                .any(|key| key["kid"].as_str() == kid.as_deref())
        );
        // A second look within the minute needs no second signature.
        let again = by(app, "/auth/forward", &buyer.token).await.headers;
        assert_eq!(header(&again, "x-auth-token"), token);
        for path in [
            "/auth/me",
            "/auth/verify",
            "/payments/subscriptions/current",
            "/quota/check?resource_type=x",
        ] {
            app.get(path, &token).await.refused(401, "unauthenticated");
        }
        assert_eq!(by(app, "/auth/forward", &token).await.status, 401);
        let out = app.post("/auth/logout", &buyer.token, json!({})).await;
        assert_eq!(out.status, 204);
        assert_eq!(by(app, "/auth/forward", &buyer.token).await.status, 401);
    })
    .await;
}

fn claims(token: &str) -> serde_json::Value {
    use base64::Engine as _;
    let middle = token.split('.').nth(1).expect("three parts");
    let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(middle)
        .expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q1_a_check_that_charges_lets_as_many_pass_as_there_are_units() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        with_a_hundred(app, &buyer).await;
        let before = used(app, &buyer).await;
        let look = "/auth/forward?resource_type=dicom_processing&cost=100";
        let seen = by(app, look, &buyer.key).await;
        assert_eq!((seen.status, used(app, &buyer).await), (200, before));
        let charge = "/auth/forward?resource_type=dicom_processing&consume=1";
        let calls = (0..200).map(|_| by(app, charge, &buyer.key));
        let answers = futures_util::future::join_all(calls).await;
        let passed = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(passed, 100);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            refused(answer, 403, "quota_exceeded");
            assert_eq!(header(&answer.headers, "x-quota-remaining"), "0");
            assert!(answer.headers.contains_key("retry-after"));
        }
        assert_eq!(used(app, &buyer).await, before + 100);
        let exact = format!("{charge}&status=exact");
        let over = by(app, &exact, &buyer.key)
            .await
            .refused(429, "quota_exceeded");
        assert!(over["upgrade_url"].is_string());
        refused(&by(app, look, &buyer.key).await, 403, "quota_exceeded");
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_54_the_policy_of_the_proxy_stands_and_nobody_names_themselves() {
    each_engine(async |app| {
        let buyer = with_free_plan(app).await;
        let bearer = format!("Bearer {}", buyer.key);
        // Headers of a client that makes itself somebody.
        let forged = [
            ("authorization", bearer.as_str()),
            ("x-auth-user-id", "0198a000-0000-7000-8000-000000000001"),
            ("x-auth-plan", "enterprise"),
            ("x-auth-permissions", "admin"),
            ("x-auth-anything", "x"),
        ];
        let told = ask(app, Method::GET, "/auth/forward", &forged)
            .await
            .headers;
        assert_eq!(header(&told, "x-auth-user-id"), buyer.id);
        assert_eq!(header(&told, "x-auth-plan"), "free");
        assert_eq!(header(&told, "x-auth-permissions"), "");
        assert!(!told.contains_key("x-auth-anything"));
        let nobody = ask(app, Method::GET, "/auth/forward", &forged[1..]).await;
        refused(&nobody, 401, "unauthenticated");
        // The client's own path and query say nothing.
        for address in [
            "/auth/forward/~plan=pro/app?plan=free",
            "/auth/forward/~plan=pro/~plan=free/app",
            "/auth/forward/~plan=pro/%2e%2e/%2e%2e/forward?plan=free",
            "/auth/forward/~plan=pro/../~plan=free",
        ] {
            refused(
                &by_raw(app, address, &buyer.key).await,
                403,
                "plan_required",
            );
        }
        for address in [
            "/auth/forward/app?plan=pro",
            "/auth/forward/%7Eplan=pro/app",
            "/auth/forward/app/~plan=pro;consume=1;resource_type=x",
        ] {
            assert_eq!(
                by_raw(app, address, &buyer.key).await.status,
                200,
                "{address}"
            );
        }
        // What cannot be a policy lets nobody in, and charges nobody.
        for query in [
            "consume=1",
            "consume=1&cost=0",
            "resource_type=dicom_processing&consume=1&cost=0",
            "resource_type=dicom_processing&consume=1&cost=-5",
            "resource_type=dicom_processing&cost=1e3",
            "plan=pro&plan=free",
            "plans=free",
            "plan=",
            "allow_options=maybe",
        ] {
            let answer = by(app, &format!("/auth/forward?{query}"), &buyer.key).await;
            refused(&answer, 403, "validation_failed");
        }
        assert_eq!(used(app, &buyer).await, 0);
        // A pre-flight request is a call like any other, unless the proxy lets it pass.
        let preflight = [
            ("origin", "https://app.example.com"),
            ("access-control-request-method", "POST"),
        ];
        for address in [
            "/auth/forward",
            "/auth/forward/x",
            "/auth/forward/x?allow_options=1",
            "/auth/forward/?allow_options=1",
        ] {
            let answer = ask(app, Method::OPTIONS, address, &preflight).await;
            assert!([401, 403].contains(&answer.status), "{address}: {answer:?}");
        }
        let allowed = ask(
            app,
            Method::OPTIONS,
            "/auth/forward?allow_options=1&plan=pro",
            &preflight,
        )
        .await;
        assert_eq!(allowed.status, 200);
        assert!(!allowed.headers.contains_key("x-auth-user-id"));
        // Of another method it says nothing.
        let other = ask(
            app,
            Method::GET,
            "/auth/forward?allow_options=1&plan=pro",
            &forged,
        )
        .await;
        refused(&other, 403, "plan_required");
    })
    .await;
}

/// With the address as it is written: the client's library would spell it out.
async fn by_raw(app: &App, address: &str, credential: &str) -> Answer {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let host = app.url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host)
        .await
        .expect("connected");
    let request = format!(
        "GET {address} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {credential}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .expect("a status");
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name = reqwest::header::HeaderName::try_from(name).expect("a name");
        headers.append(name, value.parse().expect("a value"));
    }
    Answer {
        status: status.parse().expect("a number"),
        headers,
        body: json!(body),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_sent_to_sign_in_and_a_program_is_not() {
    each_engine(async |app| {
        let page = [
            ("accept", "text/html,application/xhtml+xml"),
            ("x-forwarded-method", "GET"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "app.example.com"),
            ("x-forwarded-uri", "/reports?month=1"),
        ];
        let sent = ask(app, Method::GET, "/auth/forward?login=redirect", &page).await;
        assert_eq!(sent.status, 302);
        let to = header(&sent.headers, "location");
        assert!(
            to.ends_with("/portal/login?next=https%3A%2F%2Fapp.example.com%2Freports%3Fmonth%3D1"),
            "{to}"
        );
        let program = [("accept", "application/json")];
        let answer = ask(app, Method::GET, "/auth/forward?login=redirect", &program).await;
        refused(&answer, 401, "unauthenticated");
        let form = [("accept", "text/html"), ("x-forwarded-method", "POST")];
        let answer = ask(app, Method::GET, "/auth/forward?login=redirect", &form).await;
        refused(&answer, 401, "unauthenticated");
        let buyer = with_free_plan(app).await;
        // Whoever is signed in and has too little is not sent to sign in again.
        let pro = by(app, "/auth/forward?login=redirect&plan=pro", &buyer.token).await;
        refused(&pro, 403, "plan_required");
    })
    .await;
}

/// A person who signed in on the pages opens an application behind the proxy; a page of another site gets nothing by them.
#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_line_24_a_browser_that_signed_in_here_reads_by_its_cookie_and_changes_nothing() {
    each_engine(async |app| {
        let buyer = with_free_plan(app).await;
        let mut browser = Browser::new(app);
        let host = app.url.replace("http://127.0.0.1", "localhost");
        let page = [
            ("accept", "text/html"),
            ("x-forwarded-method", "GET"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", &host),
            ("x-forwarded-uri", "/reports?month=1"),
        ];
        // Who is sent to sign in comes back to the page that was asked for.
        let address = "/auth/forward?login=redirect";
        let sent = ask(app, Method::GET, address, &page).await;
        let login = header(&sent.headers, "location");
        let login = &login[login.find("/portal/login").expect("a path")..];
        let form = browser.get(login).await;
        let next = form.field("next").expect("a field");
        let me = app.get("/auth/me", &buyer.key).await;
        let me = me.expect(StatusCode::OK);
        let name = me["username"].as_str().expect("a name");
        let fields = [
            ("name", name),
            ("password", &buyer.password),
            ("next", &next),
        ];
        let done = browser.post("/portal/login", &fields).await;
        assert_eq!(done.location(), format!("http://{host}/reports?month=1"));

        // The proxy is told who it is, whatever the browser says of itself.
        browser.get("/portal").await.expect(StatusCode::OK);
        let word = browser.form_word.clone();
        let forward = async |method: Method, address: &str, headers: &[(&str, &str)]| {
            browser.call(method, address, headers, None).await
        };
        for said in ["GET", "HEAD"] {
            let headers = [
                ("x-forwarded-method", said),
                ("x-auth-user-id", "0198a000-0000-7000-8000-000000000000"),
                ("x-auth-permissions", "admin"),
            ];
            let known = forward(Method::GET, address, &headers).await;
            assert_eq!((known.status, &known.body), (200, &json!("")));
            assert_eq!(header(&known.headers, "x-auth-user-id"), buyer.id);
            assert_eq!(header(&known.headers, "x-auth-plan"), "free");
            assert_eq!(header(&known.headers, "x-auth-permissions"), "");
            assert_eq!(header(&known.headers, "x-auth-subject-type"), "user");
        }
        let charged = "/auth/forward?resource_type=dicom_processing&consume=1";
        let read = [("x-forwarded-method", "GET")];
        assert_eq!(forward(Method::GET, charged, &read).await.status, 200);
        assert_eq!(used(app, &buyer).await, 1);

        // What may change something is not let in by the cookie alone, nor where the proxy says nothing of it.
        let worded = ("x-csrf-token", word.as_str());
        let evil = ("origin", "https://evil.example");
        let unsaid: [(Method, &[(&str, &str)]); 8] = [
            (Method::GET, &[("x-forwarded-method", "POST")]),
            (Method::GET, &[("x-forwarded-method", "DELETE")]),
            (Method::GET, &[("x-forwarded-method", "OPTIONS")]),
            (Method::GET, &[("x-forwarded-method", "get")]),
            (Method::GET, &[]),
            (Method::POST, &[("x-forwarded-method", "GET")]),
            (Method::POST, &[]),
            (Method::GET, &[("x-forwarded-method", "POST"), worded, evil]),
        ];
        for (method, headers) in unsaid {
            let answer = forward(method, charged, headers).await;
            refused(&answer, 401, "unauthenticated");
        }
        let twice = [
            ("x-forwarded-method", "GET"),
            ("x-forwarded-method", "POST"),
        ];
        refused(
            &forward(Method::GET, charged, &twice).await,
            401,
            "unauthenticated",
        );
        assert_eq!(used(app, &buyer).await, 1);
        let meant = [("x-forwarded-method", "POST"), worded];
        assert_eq!(forward(Method::GET, charged, &meant).await.status, 200);
        assert_eq!(forward(Method::POST, charged, &[worded]).await.status, 200);
        assert_eq!(used(app, &buyer).await, 3);

        // A credential of the call itself counts instead, a bad one too.
        let bad = [("authorization", "Bearer rubbish"), read[0]];
        refused(
            &forward(Method::GET, address, &bad).await,
            401,
            "unauthenticated",
        );
        let cookies = browser.cookies.clone();
        browser.post("/portal/logout", &[]).await.location();
        browser.cookies = cookies;
        let over = browser.call(Method::GET, address, &read, None).await;
        refused(&over, 401, "unauthenticated");
    })
    .await;
}
