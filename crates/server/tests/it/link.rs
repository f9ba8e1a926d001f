//! Where the links of letters lead, from the letter in the sandbox's mailbox to the end.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{App, each_engine, each_engine_with};
use crate::pages::browser::Browser;

const EMAIL: &str = "ann@example.com";
const PASSWORD: &str = "plum orchard lantern 7";
const NEW: &str = "walnut-glacier-thimble-4";

/// As the mail program would open it, at this server's own port.
async fn link(app: &App, page: &str) -> String {
    format!("{}{}", app.url, app.link(EMAIL, page, 1).await)
}

async fn page(app: &App, address: &str, language: &str) -> String {
    let answer = app
        .http
        .get(address)
        .header("accept-language", language)
        .send()
        .await
        .expect("answered");
    assert_eq!(answer.status(), StatusCode::OK);
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    assert_eq!(answer.headers()["cache-control"], "no-store");
    answer.text().await.expect("text")
}

async fn press(app: &App, address: &str, fields: &[(&str, &str)]) -> String {
    let path = address.split('?').next().expect("a path");
    let body = fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("&");
    let answer = app
        .http
        .post(format!("{path}?lang=en"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .expect("answered");
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a5_the_links_of_letters_lead_somewhere_and_work_by_the_button() {
    each_engine(async |app| {
        let account = json!({ "email": EMAIL, "username": "ann", "password": PASSWORD });
        app.post("/auth/register", "", account)
            .await
            .expect(StatusCode::CREATED);
        let address = link(app, "/portal/verify").await;
        let token = address.split_once("token=").expect("a token").1.to_owned();
        // Opening it, as mail programs do by themselves, changes nothing.
        for (language, word) in [("zh", "确认邮箱"), ("en", "Confirm your e-mail address")] {
            assert!(page(app, &address, language).await.contains(word));
        }
        let verified = "SELECT COUNT(*) FROM users WHERE email_verified_at IS NOT NULL";
        assert_eq!(app.count(verified).await, 0);
        let done = press(app, &address, &[("token", &token)]).await;
        assert!(done.contains("The address is confirmed"), "{done}");
        assert_eq!(app.count(verified).await, 1);
        let again = press(app, &address, &[("token", &token)]).await;
        assert!(
            again.contains("does not work") && !again.contains("<form"),
            "{again}"
        );

        let asked = app
            .post("/auth/reset-password", "", json!({ "email": EMAIL }))
            .await;
        assert_eq!(asked.status, 202);
        let address = link(app, "/portal/reset").await;
        let token = address.split_once("token=").expect("a token").1.to_owned();
        assert!(
            page(app, &address, "en")
                .await
                .contains("type=\"password\"")
        );
        let weak = press(
            app,
            &address,
            &[("token", &token), ("new_password", "password1")],
        )
        .await;
        assert!(
            weak.contains("role=\"alert\"") && weak.contains("<form"),
            "{weak}"
        );
        let done = press(app, &address, &[("token", &token), ("new_password", NEW)]).await;
        assert!(done.contains("The new password is set"), "{done}");
        let login = json!({ "email": EMAIL, "password": NEW });
        app.post("/auth/login", "", login)
            .await
            .expect(StatusCode::OK);
        // What stands in the address is shown as text.
        let hostile = format!("{}/portal/verify?token=%22%3E%3Cscript%3E", app.url);
        assert!(!page(app, &hostile, "en").await.contains("<script>"));
    })
    .await;
}

/// The link of a start gives the operator a password of their own, once.
#[tokio::test(flavor = "multi_thread")]
async fn inv_a5_the_link_of_the_first_start_lets_the_operator_choose_a_password() {
    each_engine(async |app| {
        let email = "chief@example.com".parse().expect("an address");
        let first = app.auth.first_admin(&email, None).await.expect("made");
        let first = first.expect("nobody has signed in");
        let link = secrecy::ExposeSecret::expose_secret(first.link.as_ref().expect("a link"));
        let path = link.find("/console/setup").map(|at| &link[at..]);
        let address = format!("{}{}", app.url, path.expect("a page"));
        let token = address.split_once("token=").expect("a token").1.to_owned();
        for (language, word) in [("zh", "设置管理员密码"), ("en", "Choose the admin")] {
            assert!(page(app, &address, language).await.contains(word));
        }
        let weak = [("token", token.as_str()), ("new_password", "password1")];
        let told = press(app, &address, &weak).await;
        assert!(
            told.contains("role=\"alert\"") && told.contains("<form"),
            "{told}"
        );
        let fields = [("token", token.as_str()), ("new_password", NEW)];
        let done = press(app, &address, &fields).await;
        assert!(done.contains("The password is set"), "{done}");
        let login = json!({ "email": "chief@example.com", "password": NEW });
        let tokens = app.post("/auth/login", "", login).await;
        assert_eq!(tokens.expect(StatusCode::OK)["user"]["is_superuser"], true);
        let again = press(app, &address, &fields).await;
        assert!(again.contains("does not work"), "{again}");
        assert!(
            app.auth
                .first_admin(&email, None)
                .await
                .expect("asked")
                .is_none(),
            "whoever chose a password keeps it"
        );
    })
    .await;
}

/// Who was invited registers by the link, with the address that was invited and no other.
#[tokio::test(flavor = "multi_thread")]
async fn inv_a5_the_link_of_an_invitation_opens_an_account() {
    each_engine_with(&[("REGISTRATION", "invite")], async |app| {
        let email = EMAIL.parse().expect("an address");
        let locale = "en".parse().expect("a language");
        let origin = tollgate_kernel::origin::Origin::default();
        app.auth
            .invite(&email, locale, &origin)
            .await
            .expect("sent");
        let address = link(app, "/portal/register").await;
        let token = address.split_once("token=").expect("a token").1.to_owned();
        for (language, word) in [("zh", "注册账号"), ("en", "Create your account")] {
            assert!(page(app, &address, language).await.contains(word));
        }
        let mut browser = Browser::new(app);
        let path = address.strip_prefix(&app.url).expect("of this house");
        browser.get(path).await.expect(StatusCode::OK);
        let fields = |email: &'static str, username: &'static str, password: &'static str| {
            [
                ("token", token.clone()),
                ("email", email.to_owned()),
                ("username", username.to_owned()),
                ("password", password.to_owned()),
            ]
        };
        for (email, username, password) in [
            ("bob@example.com", "ann", NEW),
            (EMAIL, "x", NEW),
            (EMAIL, "ann", "password1"),
            // What is typed is shown as text, and does nothing.
            ("\"><script>", "ann", NEW),
        ] {
            let fields = fields(email, username, password);
            let fields = fields
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            let told = browser.post("/portal/register", &fields).await;
            assert!(
                told.body.contains("<form")
                    && ["role=\"alert\"", "aria-invalid=\"true\""]
                        .iter()
                        .any(|fault| told.body.contains(fault)),
                "{}",
                told.body
            );
            assert!(!told.body.contains("<script>"), "{}", told.body);
            assert_eq!(
                app.count("SELECT COUNT(*) FROM users WHERE username = 'ann'")
                    .await,
                0
            );
        }
        let fields = fields(EMAIL, "ann", NEW);
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let done = browser.post("/portal/register", &fields).await;
        done.expect(StatusCode::SEE_OTHER);
        let login = json!({ "email": EMAIL, "password": NEW });
        app.post("/auth/login", "", login)
            .await
            .expect(StatusCode::OK);
    })
    .await;
}
