//! Profile, address, language, sign-ins, data.

use reqwest::StatusCode;
use serde_json::Value;

use super::{OTHER, PASSWORD};
use crate::harness::each_engine;
use crate::pages::browser::Browser;

#[tokio::test(flavor = "multi_thread")]
async fn line_28_somebody_changes_name_language_and_address() {
    each_engine(async |app| {
        Browser::registered(app, "bob", PASSWORD).await;
        let mut browser = Browser::registered(app, "ann", PASSWORD).await;
        let page = browser.get("/portal/settings").await;
        page.says(&["value=\"ann\"", "is not confirmed yet"]);
        let profile = |name, locale| [("what", "profile"), ("username", name), ("locale", locale)];
        let sent = profile("bob", "en");
        browser.refuses_forgeries("/portal/settings", &sent).await;
        let taken = browser.post("/portal/settings", &sent).await;
        taken
            .expect(StatusCode::CONFLICT)
            .says(&["role=\"alert\"", "value=\"bob\""]);
        let bad = browser.post("/portal/settings", &profile("x", "en")).await;
        bad.expect(StatusCode::UNPROCESSABLE_ENTITY)
            .says(&["username-fault"]);
        let saved = browser
            .post("/portal/settings", &profile("annie", "en"))
            .await;
        assert_eq!(saved.location(), "/portal/settings?done=saved");
        browser
            .get(saved.location())
            .await
            .says(&["Saved.", "value=\"annie\""]);
        // The account's language is that of the pages, until another is chosen.
        browser.cookies.remove("tollgate-lang");
        browser
            .post("/portal/settings", &profile("annie", "zh"))
            .await;
        browser
            .get("/portal/settings")
            .await
            .says(&["lang=\"zh-CN\"", "个人资料"]);
        browser
            .get("/portal/settings?lang=en")
            .await
            .says(&["Profile"]);
        browser
            .get("/portal/settings")
            .await
            .says(&["Profile", "data-theme=\"system\""]);
        browser.get("/portal/settings?theme=dark").await;
        browser
            .get("/portal/settings")
            .await
            .says(&["data-theme=\"dark\""]);

        let email = |to, password| {
            [
                ("what", "email"),
                ("email", to),
                ("current_password", password),
            ]
        };
        for (fields, text) in [
            (email("nobody", PASSWORD), "email-fault"),
            (email("bob@example.com", PASSWORD), "role=\"alert\""),
            (email("new@example.com", OTHER), "current_password-fault"),
        ] {
            let refused = browser.post("/portal/settings", &fields).await;
            assert!(refused.status >= 400);
            refused.says(&[text]).hides(&[OTHER, PASSWORD]);
        }
        let asked = browser
            .post("/portal/settings", &email("new@example.com", PASSWORD))
            .await;
        browser
            .get(asked.location())
            .await
            .says(&["ann@example.com", "once you have opened the link"]);
        let opened = app.link("new@example.com", "/portal/verify", 1).await;
        let (path, secret) = opened.split_once("?token=").expect("a token");
        let done = browser.post(path, &[("token", secret)]).await;
        done.says(&["The address is confirmed"]);
        browser
            .get("/portal/settings")
            .await
            .says(&["new@example.com"])
            .hides(&["ann@example.com"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_sign_ins_and_passwords_are_ones_own() {
    each_engine(async |app| {
        let mut bob = Browser::registered(app, "bob", PASSWORD).await;
        let mut ann = Browser::registered(app, "ann", PASSWORD).await;
        let mut phone = Browser::new(app);
        phone.sign_in_by("bob", PASSWORD).await;
        let page = bob.get("/portal/settings/sessions").await;
        let session = page.field("session").expect("the phone");
        ann.get("/portal/settings/sessions")
            .await
            .hides(&[&session, "Sign out everywhere else"]);
        let fields = [("session", session.as_str())];
        ann.refuses_forgeries("/portal/settings/sessions", &fields)
            .await;
        for session in [session.as_str(), "0197", "x"] {
            let fields = [("session", session)];
            let gone = ann.post("/portal/settings/sessions", &fields).await;
            gone.expect(StatusCode::NOT_FOUND);
        }
        phone.get("/portal/settings").await.expect(StatusCode::OK);
        let path = "/portal/settings/security";
        let fields = |current, new| [("current_password", current), ("new_password", new)];
        ann.get(path).await;
        ann.refuses_forgeries(path, &fields(PASSWORD, OTHER)).await;
        let wrong = ann.post(path, &fields(OTHER, OTHER)).await;
        wrong
            .says(&["This is not your present password"])
            .hides(&[OTHER]);
        let weak = ann.post(path, &fields(PASSWORD, "password1")).await;
        weak.expect(StatusCode::UNPROCESSABLE_ENTITY)
            .says(&["new_password-fault"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_takes_their_data_along_and_leaves() {
    each_engine(async |app| {
        let mut browser = Browser::registered(app, "ann", PASSWORD).await;
        browser.get("/portal/keys/new").await;
        browser
            .post("/portal/keys/new", &[("name", "server")])
            .await;
        let export = browser.get("/portal/settings/export").await;
        export.expect(StatusCode::OK);
        let named = export.headers["content-disposition"]
            .to_str()
            .expect("text");
        assert!(named.starts_with("attachment"), "{named}");
        assert_eq!(export.headers["cache-control"], "no-store");
        let export: Value = serde_json::from_str(&export.body).expect("JSON");
        assert_eq!(export["account"]["username"], "ann");
        assert_eq!(export["api_keys"][0]["name"], "server");

        let path = "/portal/settings/data";
        browser.get(path).await.says(&["cannot be undone"]);
        let fields = |password| [("current_password", password), ("understood", "yes")];
        browser.refuses_forgeries(path, &fields(PASSWORD)).await;
        let unticked = browser.post(path, &[("current_password", PASSWORD)]).await;
        unticked
            .expect(StatusCode::UNPROCESSABLE_ENTITY)
            .says(&["Tick this"]);
        let wrong = browser.post(path, &fields(OTHER)).await;
        wrong.says(&["This is not your present password"]);
        let kept = browser.cookies.clone();
        let gone = browser.post(path, &fields(PASSWORD)).await;
        assert_eq!(gone.location(), "/portal/login?done=deleted");
        browser
            .get(gone.location())
            .await
            .says(&["Your account is closed."]);
        browser.cookies = kept;
        let out = browser.get("/portal/settings").await;
        assert!(out.location().starts_with("/portal/login"));
        let named = "SELECT COUNT(*) FROM users WHERE username = 'ann'";
        assert_eq!(app.count(named).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_the_page_tells_the_last_admin_what_to_do_first() {
    each_engine(async |app| {
        let mut browser = Browser::registered(app, "ann", PASSWORD).await;
        app.damage("UPDATE users SET is_superuser = (1 = 1) WHERE username = 'ann'")
            .await;
        let path = "/portal/settings/data";
        browser.get(path).await.expect(StatusCode::OK);
        let fields = [("current_password", PASSWORD), ("understood", "yes")];
        let kept = browser.post(path, &fields).await;
        kept.expect(StatusCode::CONFLICT)
            .says(&["role=\"alert\"", "Make somebody else an admin first"]);
        browser.get(path).await.expect(StatusCode::OK);
        Browser::registered(app, "bob", PASSWORD).await;
        app.damage("UPDATE users SET is_superuser = (1 = 1) WHERE username = 'bob'")
            .await;
        let gone = browser.post(path, &fields).await;
        assert_eq!(gone.location(), "/portal/login?done=deleted");
    })
    .await;
}
