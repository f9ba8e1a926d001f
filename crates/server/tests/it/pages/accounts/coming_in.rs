//! Registering, signing in and out, and where one goes on.

use reqwest::StatusCode;
use serde_json::json;
use tollgate_kernel::origin::Origin;

use super::{OTHER, PASSWORD};
use crate::harness::{each_engine, each_engine_with};
use crate::pages::browser::Browser;

const APP: &str = "https://app.example.com";

#[tokio::test(flavor = "multi_thread")]
async fn somebody_registers_confirms_signs_out_and_in_again() {
    each_engine(async |app| {
        let mut browser = Browser::new(app);
        let page = browser.get("/portal/register?next=%2Fportal%2Fkeys").await;
        page.expect(StatusCode::OK).says(&["8 to 128 characters"]);
        let fields = |email, username, password| {
            [
                ("email", email),
                ("username", username),
                ("password", password),
                ("next", "/portal/keys"),
            ]
        };
        for (fields, status, fault) in [
            (fields("ann", "ann", PASSWORD), 422, "not an e-mail address"),
            (
                fields("ann@example.com", "x", PASSWORD),
                422,
                "3 to 32 letters",
            ),
            (fields("ann@example.com", "ann", "password1"), 422, "common"),
        ] {
            let again = browser.post("/portal/register", &fields).await;
            assert_eq!(again.status, status, "{}", again.body);
            again.says(&[fault, "aria-invalid=\"true\"", fields[0].1]);
            again.hides(&["password1", PASSWORD]);
        }
        let good = fields("ann@example.com", "ann", PASSWORD);
        let done = browser.post("/portal/register", &good).await;
        assert_eq!(done.location(), "/portal/welcome?next=%2Fportal%2Fkeys");
        let welcome = browser.get(done.location()).await;
        welcome.says(&["ann@example.com", "href=\"/portal/keys\""]);
        app.link("ann@example.com", "/portal/verify", 1).await;
        let sent = browser
            .post("/portal/welcome", &[("next", "/portal/keys")])
            .await;
        browser
            .get(sent.location())
            .await
            .says(&["A letter is on its way"]);
        // The newest link works, and leads on.
        let mail = app.link("ann@example.com", "/portal/verify", 2).await;
        let (path, token) = mail.split_once("?token=").expect("a token");
        let done = browser.post(path, &[("token", token)]).await;
        done.says(&["The address is confirmed", "href=\"/portal/login\""]);
        browser.get("/portal/settings").await.says(&["Confirmed"]);

        let on = browser.get("/portal/login?next=%2Fportal%2Fkeys").await;
        assert_eq!(on.location(), "/portal/keys", "signed in already");
        assert_eq!(
            browser
                .open("/portal/register?next=%2Fportal%2Fkeys")
                .await
                .status,
            200
        );
        let out = browser.post("/portal/logout", &[]).await;
        assert_eq!(out.location(), "/portal/login?done=signed_out");
        assert!(!browser.cookies.contains_key("tollgate"), "forgotten");
        let page = browser.get(out.location()).await;
        page.expect(StatusCode::OK).says(&["You are signed out."]);
        // Nothing is told by an address of one's own making.
        browser
            .get("/portal/login?done=title")
            .await
            .hides(&["notice"]);
        browser.sign_in_by("ann", PASSWORD).await;
    })
    .await;
}

/// Nobody learns which half was wrong, nor whether there is such an account.
#[tokio::test(flavor = "multi_thread")]
async fn inv_a4_a_wrong_sign_in_never_tells_which_half() {
    each_engine(async |app| {
        Browser::registered(app, "ann", PASSWORD).await;
        let mut browser = Browser::new(app);
        browser.get("/portal/login").await;
        let mut told = Vec::new();
        for (name, password) in [
            ("ann", OTHER),
            ("nobody", PASSWORD),
            ("a@b@c", ""),
            ("", PASSWORD),
        ] {
            let fields = [("name", name), ("password", password)];
            let page = browser.post("/portal/login", &fields).await;
            assert_eq!(page.status, 401);
            let cut = page.body.replace(&format!("value=\"{name}\""), "");
            told.push(
                cut.split_once("role=\"alert\"")
                    .expect("told")
                    .1
                    .split_once("</p>")
                    .expect("told")
                    .0
                    .to_owned(),
            );
        }
        told.dedup();
        assert_eq!(told.len(), 1, "{told:?}");
        // A question for another password is answered alike too.
        browser.get("/portal/forgot").await;
        for email in ["ann@example.com", "nobody@example.com"] {
            let asked = browser.post("/portal/forgot", &[("email", email)]).await;
            assert_eq!(asked.location(), "/portal/forgot?done=asked");
        }
        browser
            .get("/portal/forgot?done=asked")
            .await
            .says(&["If the address has an account"]);
        let bad = browser.post("/portal/forgot", &[("email", "ann")]).await;
        bad.expect(StatusCode::UNPROCESSABLE_ENTITY)
            .says(&["not an e-mail address"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a9_who_guesses_is_told_how_long_to_wait() {
    each_engine(async |app| {
        Browser::registered(app, "ann", PASSWORD).await;
        let mut browser = Browser::new(app);
        browser.get("/portal/login").await;
        let wrong = [("name", "ann"), ("password", OTHER)];
        for _ in 0..10 {
            assert_eq!(browser.post("/portal/login", &wrong).await.status, 401);
        }
        let right = [("name", "ann"), ("password", PASSWORD)];
        let page = browser.post("/portal/login", &right).await;
        page.expect(StatusCode::TOO_MANY_REQUESTS);
        let wait = page.headers["retry-after"].to_str().expect("seconds");
        page.says(&[&format!("try again in {wait} seconds"), "value=\"ann\""]);
    })
    .await;
}

/// CWE-601: to pages of this house, to applications that are listed, and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn line_36_nobody_is_led_out_of_the_house() {
    let settings = [("CORS_ORIGINS", APP)];
    each_engine_with(&settings, async |app| {
        let buyer = app.buyer().await;
        let me = app.get("/auth/me", &buyer.key).await.expect(StatusCode::OK);
        let name = me["email"].as_str().expect("an address");
        let listed = format!("{APP}/reports?month=1");
        for (next, to) in [
            ("/portal/usage?group=key", "/portal/usage?group=key"),
            (listed.as_str(), &listed),
            ("https://evil.example/", "/portal"),
            ("https://app.example.com.evil.example/", "/portal"),
            ("https://app.example.com@evil.example/", "/portal"),
            ("//app.example.com/reports", "/portal"),
            ("/\\evil.example", "/portal"),
            ("/\t/evil.example", "/portal"),
            ("javascript:alert(1)", "/portal"),
            ("/portal/login?next=/portal/login", "/portal"),
        ] {
            let mut browser = Browser::new(app);
            let asked: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            let page = browser.get(&format!("/portal/login?next={asked}")).await;
            assert_eq!(page.field("next").as_deref(), Some(to), "{next}");
            // What the field holds is not believed either.
            let fields = [
                ("name", name),
                ("password", &buyer.password),
                ("next", next),
            ];
            let done = browser.post("/portal/login", &fields).await;
            assert_eq!(done.location(), to, "{next}");
        }
        // Browsers follow the answer to a form only to where the policy lets forms go.
        let mut browser = Browser::new(app);
        let page = browser.get(&format!("/portal/login?next={APP}/")).await;
        let policy = page.headers["content-security-policy"]
            .to_str()
            .expect("text");
        assert!(
            policy.contains(&format!("form-action 'self' {APP};")),
            "{policy}"
        );
        let page = browser.get("/portal/login").await;
        let policy = page.headers["content-security-policy"]
            .to_str()
            .expect("text");
        assert!(policy.contains("form-action 'self';"), "{policy}");
        // By registering, too: the way on is a link.
        let page = browser.get(&format!("/portal/register?next={APP}/")).await;
        let next = page.field("next").expect("a field");
        let fields = [
            ("email", "eve@example.com"),
            ("username", "eve"),
            ("password", PASSWORD),
            ("next", &next),
        ];
        let done = browser.post("/portal/register", &fields).await;
        let welcome = browser.get(done.location()).await;
        welcome.says(&[&format!("href=\"{APP}/\"")]);
        // Who is signed in is led back at once, and once: the application may send everybody here.
        let back = format!("{APP}/reports");
        let login = format!("/portal/login?next={back}");
        assert_eq!(browser.get(&login).await.location(), back);
        let on = browser.get(&login).await;
        on.expect(StatusCode::OK)
            .says(&[&format!("href=\"{back}\"")]);
        browser.cookies.remove("tollgate-led").expect("kept");
        assert_eq!(browser.get(&login).await.location(), back);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_24_registration_may_be_closed_or_by_invitation() {
    each_engine_with(&[("REGISTRATION", "closed")], async |app| {
        let mut browser = Browser::new(app);
        browser
            .get("/portal/login")
            .await
            .hides(&["/portal/register"]);
        let closed = browser.get("/portal/register").await;
        closed
            .expect(StatusCode::FORBIDDEN)
            .says(&["Registration is closed"]);
        let fields = [
            ("email", "ann@example.com"),
            ("username", "ann"),
            ("password", PASSWORD),
        ];
        let closed = browser.post("/portal/register", &fields).await;
        closed.expect(StatusCode::FORBIDDEN);
        assert_eq!(app.count("SELECT COUNT(*) FROM users").await, 0);
    })
    .await;
    each_engine_with(&[("REGISTRATION", "invite")], async |app| {
        let mut browser = Browser::new(app);
        let page = browser.get("/portal/register").await;
        page.expect(StatusCode::FORBIDDEN).says(&["invitation"]);
        let email = "ann@example.com".parse().expect("an address");
        let locale = "en".parse().expect("a language");
        let invited = app.auth.invite(&email, locale, &Origin::default()).await;
        invited.expect("sent");
        let page = browser
            .get(&app.link("ann@example.com", "/portal/register", 1).await)
            .await;
        page.expect(StatusCode::OK).says(&["that was invited"]);
        let token = page.field("token").expect("the token");
        let fields = [
            ("token", token.as_str()),
            ("email", "ann@example.com"),
            ("username", "ann"),
            ("password", PASSWORD),
        ];
        let done = browser.post("/portal/register", &fields).await;
        browser
            .get(done.location())
            .await
            .says(&["your address is confirmed"]);
    })
    .await;
}

/// Input 24, on each of the forms that people fill without being signed in.
#[tokio::test(flavor = "multi_thread")]
async fn line_24_forms_of_other_sites_open_nothing() {
    let settings = [("CORS_ORIGINS", APP)];
    each_engine_with(&settings, async |app| {
        let buyer = app.buyer().await;
        let me = app.get("/auth/me", &buyer.key).await.expect(StatusCode::OK);
        let name = me["username"].as_str().expect("a name");
        let mut browser = Browser::new(app);
        browser.get("/portal/login").await;
        let login = [("name", name), ("password", buyer.password.as_str())];
        browser.refuses_forgeries("/portal/login", &login).await;
        let account = [
            ("email", "eve@example.com"),
            ("username", "eve"),
            ("password", PASSWORD),
        ];
        browser
            .refuses_forgeries("/portal/register", &account)
            .await;
        browser
            .refuses_forgeries("/portal/forgot", &[("email", "eve@example.com")])
            .await;
        assert_eq!(app.count("SELECT COUNT(*) FROM users").await, 1);
        assert_eq!(
            app.count("SELECT COUNT(*) FROM sessions WHERE cookie_hash IS NOT NULL")
                .await,
            0
        );
        // Who may call the API may not send its forms, nor lead anybody to where they are sent.
        let word = browser.form_word.clone();
        let worded = [[("form_word", word.as_str())].as_slice(), &login].concat();
        let refused = browser.post_from("/portal/login", &worded, APP).await;
        let refused = refused.expect(StatusCode::FORBIDDEN);
        refused.says(&["<h1>", "Go back and try again"]);
        // As JSON it is no form, whatever it says.
        let word = browser.form_word.clone();
        let body = json!({ "form_word": word, "name": name, "password": buyer.password });
        let cookie = format!("tollgate={}", browser.cookies["tollgate"]);
        let sent = app
            .http
            .post(format!("{}/portal/login", app.url))
            .json(&body);
        let sent = sent
            .header("cookie", cookie)
            .send()
            .await
            .expect("answered");
        assert_eq!(sent.status(), StatusCode::FORBIDDEN);
    })
    .await;
}
