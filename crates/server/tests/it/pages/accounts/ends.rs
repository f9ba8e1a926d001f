//! The cookie: what it is, what it is not, and when it ends.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use super::{OTHER, PASSWORD};
use crate::harness::{each_engine, each_engine_with};
use crate::pages::browser::Browser;

const PATHS: [&str; 9] = [
    "/portal/settings",
    "/portal/settings/security",
    "/portal/settings/second-factor",
    "/portal/settings/sessions",
    "/portal/settings/data",
    "/portal/settings/export",
    "/portal/confirm",
    "/portal/keys",
    "/portal/keys/new",
];

/// Whoever is nobody is led to the way in, and back.
async fn is_out(browser: &mut Browser<'_>) {
    for path in PATHS {
        let page = browser.get(path).await;
        let next: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let back = if path == "/portal/confirm" {
            "%2Fportal"
        } else {
            &next
        };
        assert_eq!(
            page.location(),
            format!("/portal/login?next={back}"),
            "{path}"
        );
        assert_eq!(page.headers["cache-control"], "no-store", "{path}");
    }
    let login = browser.get("/portal/login").await;
    login.expect(StatusCode::OK).says(&["name=\"password\""]);
}

async fn is_in(browser: &mut Browser<'_>) {
    for path in PATHS {
        let page = browser.get(path).await;
        page.expect(StatusCode::OK);
        assert_eq!(page.headers["cache-control"], "no-store", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a3_an_end_is_an_end_for_the_browser_too() {
    each_engine(async |app| {
        let mut browser = Browser::registered(app, "ann", PASSWORD).await;
        is_in(&mut browser).await;
        // By signing out: the secret is worth nothing, even to who has kept it.
        let kept = browser.cookies.clone();
        browser.get("/portal/settings").await;
        browser.post("/portal/logout", &[]).await;
        browser.cookies = kept;
        is_out(&mut browser).await;
        // By another device, that ends this one alone, then all others.
        browser.sign_in_by("ann", PASSWORD).await;
        let mut other = Browser::new(app);
        other.sign_in_by("ann", PASSWORD).await;
        let listed = other.get("/portal/settings/sessions").await;
        let session = listed.field("session").expect("one beside this one");
        let ended = other
            .post("/portal/settings/sessions", &[("session", &session)])
            .await;
        other
            .get(ended.location())
            .await
            .says(&["That device is signed out."]);
        is_out(&mut browser).await;
        browser.sign_in_by("ann", PASSWORD).await;
        other
            .get("/portal/settings/sessions")
            .await
            .says(&["This device"]);
        let ended = other.post("/portal/settings/sessions", &[]).await;
        other
            .get(ended.location())
            .await
            .says(&["All other devices"]);
        is_out(&mut browser).await;
        is_in(&mut other).await;
        // By another password.
        browser.sign_in_by("ann", PASSWORD).await;
        other.get("/portal/settings/security").await;
        let fields = [("current_password", PASSWORD), ("new_password", OTHER)];
        let changed = other.post("/portal/settings/security", &fields).await;
        assert_eq!(changed.location(), "/portal/settings/security?done=changed");
        is_out(&mut browser).await;
        is_in(&mut other).await;
        // By a link in a letter.
        browser.get("/portal/forgot").await;
        browser
            .post("/portal/forgot", &[("email", "ann@example.com")])
            .await;
        let mail = app.link("ann@example.com", "/portal/reset", 1).await;
        let (path, token) = mail.split_once("?token=").expect("a token");
        let fields = [("token", token), ("new_password", PASSWORD)];
        let done = browser.post(path, &fields).await;
        done.expect(StatusCode::OK)
            .says(&["The new password is set"]);
        is_out(&mut other).await;
        // By staff.
        browser.sign_in_by("ann", PASSWORD).await;
        app.damage("UPDATE users SET is_active = (1 = 0)").await;
        is_out(&mut browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a3_a_browser_that_stays_away_is_signed_out() {
    each_engine(async |app| {
        let mut browser = Browser::registered(app, "ann", PASSWORD).await;
        for _ in 0..4 {
            app.clock.advance(Duration::from_hours(6 * 24));
            browser.get("/portal/settings").await.expect(StatusCode::OK);
        }
        app.clock.advance(Duration::from_hours(7 * 24 + 1));
        is_out(&mut browser).await;
        // However often they come, it ends with the cookie.
        browser.sign_in_by("ann", PASSWORD).await;
        for _ in 0..14 {
            app.clock.advance(Duration::from_hours(6 * 24));
            browser.get("/portal/settings").await.expect(StatusCode::OK);
        }
        app.clock.advance(Duration::from_hours(6 * 24));
        is_out(&mut browser).await;
    })
    .await;
}

/// ASVS 3.3: each cookie of the pages, over https and over http.
#[tokio::test(flavor = "multi_thread")]
async fn line_24_cookies_are_bound_to_the_house() {
    const PUBLIC: &str = "https://pay.example.com";
    each_engine_with(&[("PUBLIC_URL", PUBLIC)], async |app| {
        let mut browser = Browser::new(app);
        let first = browser.get("/portal/register?lang=en&theme=dark").await;
        let word = browser.form_word.clone();
        let before = browser.cookies["__Host-tollgate"].clone();
        let fields = [
            ("form_word", word.as_str()),
            ("email", "ann@example.com"),
            ("username", "ann"),
            ("password", PASSWORD),
        ];
        let second = browser.post_from("/portal/register", &fields, PUBLIC).await;
        second.expect(StatusCode::SEE_OTHER);
        assert_ne!(browser.cookies["__Host-tollgate"], before, "CWE-384");
        browser.get("/portal/settings").await.expect(StatusCode::OK);
        let word = browser.form_word.clone();
        let fields = [("form_word", word.as_str())];
        let third = browser.post_from("/portal/logout", &fields, PUBLIC).await;
        let mut seen = Vec::new();
        for page in [&first, &second, &third] {
            for cookie in page.headers.get_all("set-cookie") {
                let cookie = cookie.to_str().expect("text");
                for term in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
                    assert!(cookie.contains(term), "{cookie}");
                }
                assert!(!cookie.contains("Domain"), "{cookie}");
                seen.push(cookie.split('=').next().expect("a name").to_owned());
            }
        }
        seen.sort();
        seen.dedup();
        let names = [
            "__Host-tollgate",
            "__Host-tollgate-device",
            "tollgate-lang",
            "tollgate-theme",
        ];
        assert_eq!(seen, names);
        assert!(
            third.headers["set-cookie"]
                .to_str()
                .expect("text")
                .contains("Max-Age=0")
        );
    })
    .await;
    each_engine(async |app| {
        let mut browser = Browser::new(app);
        browser.get("/portal/login").await;
        let before = browser.cookies["tollgate"].clone();
        let buyer = app.buyer().await;
        browser.sign_in(&buyer).await;
        assert_ne!(browser.cookies["tollgate"], before, "CWE-384");
        // Signing in again makes another one, whoever it is.
        let signed = browser.cookies["tollgate"].clone();
        let mut again = Browser::new(app);
        again.cookies = browser.cookies.clone();
        again.get("/portal/settings").await;
        let me = app.get("/auth/me", &buyer.key).await.expect(StatusCode::OK);
        let name = me["email"].as_str().expect("an address");
        let fields = [("name", name), ("password", buyer.password.as_str())];
        let done = again.post("/portal/login", &fields).await;
        assert_ne!(again.cookies["tollgate"], signed);
        // The one before is over.
        let out = browser.get("/portal/settings").await;
        assert!(out.location().starts_with("/portal/login"));
        // The cookie lives exactly as long as the sign-in may.
        let cookie = done.headers["set-cookie"]
            .to_str()
            .expect("text")
            .to_owned();
        let age = cookie
            .split("Max-Age=")
            .nth(1)
            .and_then(|rest| rest.split(';').next());
        let age: i64 = age.expect("an age").parse().expect("seconds");
        let sessions = app
            .auth
            .list_sessions(buyer.id.parse().expect("an id"))
            .await;
        for session in sessions.expect("read") {
            assert_eq!(
                session.expires_at.seconds() - session.created_at.seconds(),
                age
            );
        }
    })
    .await;
}

/// The secret of a cookie, access and refresh tokens and keys are four things.
#[tokio::test(flavor = "multi_thread")]
async fn inv_a1_a_cookie_is_no_token_and_a_token_no_cookie() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let browser = Browser::signed_in(app, &buyer).await;
        let cookie = browser.cookies["tollgate"].clone();
        app.get("/auth/me", &cookie)
            .await
            .refused(401, "unauthenticated");
        let refresh = json!({ "refresh_token": cookie });
        let refused = app.post("/auth/refresh", "", refresh).await;
        assert_eq!(refused.status, 401);
        // Programs are not believed by a cookie alone.
        let asked = app.http.get(format!("{}/auth/me", app.url));
        let asked = asked.header("cookie", format!("tollgate={cookie}"));
        assert_eq!(asked.send().await.expect("answered").status(), 403);
        for token in [&buyer.token, &buyer.key] {
            let mut other = Browser::new(app);
            other.cookies.insert("tollgate".to_owned(), token.clone());
            let page = other.get("/portal/settings").await;
            assert!(page.location().starts_with("/portal/login"));
            let asked = app.http.get(format!("{}/portal/settings", app.url));
            let asked = asked.bearer_auth(token).send().await.expect("answered");
            assert_eq!(
                asked.status(),
                StatusCode::SEE_OTHER,
                "pages know cookies only"
            );
        }
    })
    .await;
}

/// A sign-in has one secret for ever: whoever has its tokens cannot bind a browser of theirs to it as well.
#[tokio::test(flavor = "multi_thread")]
async fn inv_a1_a_sign_in_is_bound_once() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let me = app.get("/auth/me", &buyer.key).await.expect(StatusCode::OK);
        let wish = tollgate_auth::Login {
            email: me["email"].as_str().map(str::to_owned),
            username: None,
            password: buyer.password.as_str().into(),
            device: None,
        };
        let origin = tollgate_kernel::origin::Origin::default();
        let tokens = app.auth.login(&wish, &origin).await.expect("signed in");
        let key = app.auth.bind_page(&tokens).await.expect("asked");
        let key = key.expect("bound");
        assert!(app.auth.bind_page(&tokens).await.expect("asked").is_none());
        let caller = app.auth.page_caller(&key).await.expect("asked");
        assert_eq!(
            caller.and_then(|caller| caller.session_id()),
            Some(tokens.session_id)
        );
    })
    .await;
}
