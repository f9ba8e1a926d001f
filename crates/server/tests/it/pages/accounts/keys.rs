//! API keys by pages.

use reqwest::StatusCode;
use serde_json::json;

use super::PASSWORD;
use crate::harness::each_engine;
use crate::pages::browser::{Browser, Page};

/// The id of the first key of a list.
fn first(page: &Page) -> String {
    let from = page
        .body
        .split("/portal/keys/")
        .filter_map(|part| part.split_once("/rotate\""));
    from.map(|(id, _)| id.to_owned()).next().expect("a key")
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a7_a_key_is_made_shown_once_rotated_and_revoked() {
    each_engine(async |app| {
        let mut browser = Browser::registered(app, "ann", PASSWORD).await;
        browser
            .get("/portal/keys")
            .await
            .says(&["class=\"empty\"", "in your name"]);
        browser.get("/portal/keys/new").await.says(&["scope_quota"]);
        let bad = [
            ("name", ""),
            ("expires_at", "tomorrow"),
            ("allowed_addresses", "10.0.0.0/8\nmars"),
            ("rate_limit_per_minute", "many"),
            ("scope_moon", "on"),
        ];
        let page = browser.post("/portal/keys/new", &bad).await;
        page.expect(StatusCode::UNPROCESSABLE_ENTITY);
        for field in [
            "name",
            "expires_at",
            "allowed_addresses",
            "rate_limit_per_minute",
            "scopes",
        ] {
            page.says(&[&format!("id=\"{field}-fault\"")]);
        }
        page.says(&["mars", "tomorrow"]);
        let past = [("name", "server"), ("expires_at", "2001-01-01")];
        let page = browser.post("/portal/keys/new", &past).await;
        page.says(&["expires_at-fault"]);
        let good = [
            ("name", "server <1>"),
            ("expires_at", "2199-12-31"),
            ("allowed_addresses", "127.0.0.0/8, ::1"),
            ("rate_limit_per_minute", "600"),
            ("scope_quota", "on"),
            ("scope_account", "on"),
        ];
        browser.refuses_forgeries("/portal/keys/new", &good).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM api_keys").await, 0);
        let made = browser.post("/portal/keys/new", &good).await;
        made.expect(StatusCode::OK).says(&[
            "only time",
            "curl -fsS",
            "/quota/check?resource_type=",
            "urllib",
        ]);
        assert_eq!(made.headers["cache-control"], "no-store");
        let key = made.text_of("key");
        app.get("/auth/me", &key).await.expect(StatusCode::OK);
        // As an authority for whoever looks: nothing else opens by it.
        app.get("/auth/api-keys", &key)
            .await
            .refused(403, "permission_denied");
        let list = browser.get("/portal/keys").await;
        list.says(&[
            "server &#60;1&#62;",
            "127.0.0.0/8",
            "600 calls a minute",
            "<code>account</code>",
        ]);
        list.hides(&[&key]);
        let id = first(&list);

        let path = format!("/portal/keys/{id}/rotate");
        browser.get(&path).await.says(&["server &#60;1&#62;"]);
        browser
            .refuses_forgeries(&path, &[("overlap", "day")])
            .await;
        let odd = browser.post(&path, &[("overlap", "never")]).await;
        odd.expect(StatusCode::BAD_REQUEST);
        browser.get(&path).await;
        let made = browser.post(&path, &[("overlap", "none")]).await;
        let new = made.expect(StatusCode::OK).text_of("key");
        app.get("/auth/me", &key)
            .await
            .refused(401, "api_key_invalid");
        app.get("/auth/me", &new).await.expect(StatusCode::OK);
        browser.get(&path).await.expect(StatusCode::NOT_FOUND);
        let list = browser.get("/portal/keys").await;
        // Without an overlap the old one is over, and gone.
        list.hides(&[&new, &id, "Expired"]);

        let path = format!("/portal/keys/{}/revoke", first(&list));
        browser.get(&path).await.says(&["cannot be undone"]);
        browser.refuses_forgeries(&path, &[]).await;
        app.get("/auth/me", &new).await.expect(StatusCode::OK);
        let done = browser.post(&path, &[]).await;
        browser
            .get(done.location())
            .await
            .says(&["The key is revoked."]);
        assert_eq!(app.get("/auth/me", &new).await.status, 401);
        browser.post(&path, &[]).await.expect(StatusCode::NOT_FOUND);
        let path = format!("/portal/keys/{id}/revoke");
        browser.get(&path).await.expect(StatusCode::NOT_FOUND);
        browser.get("/portal/keys").await.says(&["class=\"empty\""]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_a_key_of_somebody_else_is_not_there() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let mut owner = Browser::signed_in(app, &buyer).await;
        let id = first(&owner.get("/portal/keys").await);
        let mut ann = Browser::registered(app, "ann", PASSWORD).await;
        ann.get("/portal/keys").await.hides(&[&id]);
        for path in [
            format!("/portal/keys/{id}/rotate"),
            format!("/portal/keys/{id}/revoke"),
            "/portal/keys/0197/revoke".to_owned(),
            "/portal/keys/x/rotate".to_owned(),
        ] {
            ann.get(&path).await.expect(StatusCode::NOT_FOUND);
            ann.get("/portal/keys/new").await;
            let refused = ann.post(&path, &[("overlap", "none")]).await;
            refused.expect(StatusCode::NOT_FOUND);
        }
        let cursor = ann.get(&format!("/portal/keys?starting_after={id}")).await;
        cursor.expect(StatusCode::UNPROCESSABLE_ENTITY);
        app.get("/auth/me", &buyer.key).await.expect(StatusCode::OK);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_keys_are_turned_over_page_by_page() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        for number in 1..=24 {
            let body = json!({ "name": format!("key-{number:02}") });
            app.post("/auth/api-keys", &buyer.token, body)
                .await
                .expect(StatusCode::CREATED);
        }
        let mut browser = Browser::signed_in(app, &buyer).await;
        let newest = browser.get("/portal/keys").await;
        newest
            .says(&["key-24", "key-05", "Older keys"])
            .hides(&["key-04", "To the newest"]);
        let from = newest
            .body
            .find("/portal/keys?starting_after=")
            .expect("a link");
        let next = newest.body[from..]
            .split('"')
            .next()
            .expect("an address")
            .to_owned();
        let older = browser.get(&next).await;
        older
            .says(&["key-04", "key-01", "To the newest"])
            .hides(&["key-05", "Older keys"]);
    })
    .await;
}
