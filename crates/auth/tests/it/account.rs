//! What a person does with their own account: profile, address, data, the end of it.

use axum::http::Method;
use serde_json::{Value, json};
use tollgate_auth::Registration;
use tollgate_storage::testing::each_engine;

use crate::harness::{Answer, App, PASSWORD, config, token};

async fn change(app: &App, access: &str, body: Value) -> Answer {
    app.as_user(Method::PATCH, "/auth/me", access, Some(body))
        .await
}

#[tokio::test]
async fn a_profile_is_changed_and_nothing_else_with_it() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        app.person("bob").await;
        let before = app.get("/auth/me", &access).await.ok(200).body;
        let body = json!({ "username": "Ann_Lee", "locale": "en", "is_superuser": true, "permissions": ["admin"], "quota_limit": 9 });
        let changed = change(&app, &access, body).await.ok(200);
        assert_eq!((&changed.body["username"], &changed.body["locale"]), (&json!("Ann_Lee"), &json!("en")));
        for same in ["id", "email", "is_superuser", "permissions", "created_at", "email_verified"] {
            assert_eq!(changed.body[same], before[same], "{same}");
        }
        assert!(changed.headers["x-ignored-fields"].to_str().expect("text").contains("is_superuser"));
        change(&app, &access, json!({ "username": "BOB" }))
            .await
            .refused(409, "username_taken");
        change(&app, &access, json!({ "username": "admin" }))
            .await
            .invalid("/username", "invalid_username");
        change(&app, &access, json!({ "locale": "fr" }))
            .await
            .invalid("/locale", "unknown_locale");
        change(&app, &access, json!({ "username": "ann_lee" })).await.ok(200);
        let put = app
            .as_user(Method::PUT, "/auth/me", &access, Some(json!({})))
            .await
            .ok(200);
        assert_eq!(put.body["username"], "ann_lee");
        let key = app.create_key(&access, json!({ "name": "k" })).await.ok(201).text("key");
        change(&app, &key, json!({ "locale": "zh" }))
            .await
            .refused(403, "permission_denied");
    })
    .await;
}

#[tokio::test]
async fn a_new_address_counts_once_it_has_answered() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        app.person("bob").await;
        app.mail().await;
        let wish =
            |email: &str, password: Value| json!({ "email": email, "current_password": password });
        change(&app, &access, json!({ "email": "new@example.com" }))
            .await
            .invalid("/current_password", "required");
        change(&app, &access, wish("new@example.com", json!("wrong")))
            .await
            .refused(401, "invalid_credentials");
        change(&app, &access, wish("bob@example.com", json!(PASSWORD)))
            .await
            .refused(409, "email_taken");
        change(&app, &access, wish("not an address", json!(PASSWORD)))
            .await
            .invalid("/email", "invalid_email");
        assert!(app.mail().await.is_empty());

        let asked = change(&app, &access, wish("new@example.com", json!(PASSWORD)))
            .await
            .ok(200);
        assert_eq!(asked.body["email"], "ann@example.com", "not yet");
        let mut letters = app.mail().await;
        letters.sort_by_key(|letter| std::cmp::Reverse(letter.to.clone()));
        let sent: Vec<(&str, &str)> = letters
            .iter()
            .map(|letter| (letter.to.as_str(), letter.content.kind()))
            .collect();
        assert_eq!(
            sent,
            [
                ("new@example.com", "confirm_new_email"),
                ("ann@example.com", "email_change_asked")
            ]
        );
        app.login("ann@example.com", PASSWORD).await.ok(200);
        app.login("new@example.com", PASSWORD)
            .await
            .refused(401, "invalid_credentials");
        let link = token(&letters[0]);
        app.post(
            "/auth/reset-password",
            json!({ "token": link, "new_password": "walnut-glacier-4" }),
        )
        .await
        .invalid("/token", "invalid_token");
        app.post("/auth/verify-email", json!({ "token": link }))
            .await
            .ok(204);
        app.post("/auth/verify-email", json!({ "token": link }))
            .await
            .invalid("/token", "invalid_token");
        app.login("new@example.com", PASSWORD).await.ok(200);
        app.login("ann@example.com", PASSWORD)
            .await
            .refused(401, "invalid_credentials");
        let me = app.get("/auth/me", &access).await.ok(200);
        assert_eq!(
            (&me.body["email"], &me.body["email_verified"]),
            (&json!("new@example.com"), &json!(true))
        );
        let told = app.mail().await;
        assert_eq!(
            (told[0].to.as_str(), told[0].content.kind()),
            ("ann@example.com", "email_changed")
        );

        // Taken between the question and the answer: nothing changes.
        change(&app, &access, wish("late@example.com", json!(PASSWORD)))
            .await
            .ok(200);
        let letters = app.mail().await;
        let letter = letters
            .iter()
            .find(|letter| letter.to == "late@example.com");
        let link = token(letter.expect("a letter"));
        app.post(
            "/auth/register",
            json!({ "email": "late@example.com", "username": "late", "password": PASSWORD }),
        )
        .await
        .ok(201);
        app.post("/auth/verify-email", json!({ "token": link }))
            .await
            .refused(409, "email_taken");
        assert_eq!(
            app.get("/auth/me", &access).await.body["email"],
            "new@example.com"
        );
    })
    .await;
}

#[tokio::test]
async fn inv_a5_an_address_is_verified_once() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let first = app.mail().await;
        assert_eq!(first[0].content.kind(), "verify_email");
        let again = async || {
            app.as_user(Method::POST, "/auth/verify-email", &access, Some(json!({})))
                .await
        };
        again().await.ok(202);
        let second = app.mail().await;
        let verify = async |link: &str| {
            app.post("/auth/verify-email", json!({ "token": link }))
                .await
        };
        verify(&token(&first[0]))
            .await
            .invalid("/token", "invalid_token");
        verify(&token(&second[0])).await.ok(204);
        verify(&token(&second[0]))
            .await
            .invalid("/token", "invalid_token");
        assert_eq!(
            app.get("/auth/me", &access).await.body["email_verified"],
            true
        );
        again().await.ok(202);
        assert!(app.mail().await.is_empty(), "nothing left to verify");
        app.call(Method::POST, "/auth/verify-email", &[], Some(json!({})))
            .await
            .refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn who_leaves_leaves_no_data_behind() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let tokens = app.person("ann").await;
        let access = tokens.text("access_token");
        let key = app.create_key(&access, json!({ "name": "k" })).await.ok(201).text("key");
        let export = app.get("/auth/export", &access).await.ok(200);
        assert_eq!(export.body["account"]["email"], "ann@example.com");
        assert_eq!(export.body["api_keys"][0]["name"], "k");
        assert!(!export.body.to_string().contains(&key));
        app.get("/auth/export", &key).await.refused(403, "permission_denied");

        let close = async |password: &str| {
            let body = json!({ "current_password": password });
            app.as_user(Method::DELETE, "/auth/me", &access, Some(body)).await
        };
        close("wrong").await.refused(401, "invalid_credentials");
        close(PASSWORD).await.ok(204);
        for path in ["/auth/me", "/auth/verify"] {
            app.get(path, &access).await.refused(401, "token_revoked");
        }
        app.get("/auth/me", &key).await.refused(401, "api_key_invalid");
        app.refresh(&tokens.text("refresh_token"))
            .await
            .refused(401, "token_revoked");
        app.login("ann", PASSWORD)
            .await
            .refused(401, "invalid_credentials");
        let left: i64 = app
            .one("SELECT COUNT(*) FROM users WHERE email LIKE '%ann%' OR username LIKE '%ann%' OR hashed_password IS NOT NULL")
            .await;
        assert_eq!(left, 0);
        let devices: i64 = app.one("SELECT COUNT(*) FROM known_devices").await;
        assert_eq!(devices, 0);
        let told: i64 = app
            .one("SELECT COUNT(*) FROM outbox WHERE kind = 'user.deleted'")
            .await;
        assert_eq!(told, 1);
        let told: i64 = app
            .one("SELECT COUNT(*) FROM outbox WHERE kind = 'api_key.revoked'")
            .await;
        assert_eq!(told, 1);
        // The address is free again.
        app.register("ann").await.ok(201);
    })
    .await;
}

#[tokio::test]
async fn by_invitation_only_who_was_invited_comes_in() {
    each_engine(&[], async |db| {
        let mut by_invitation = config();
        by_invitation.registration = Registration::Invite;
        let app = App::with(&db, by_invitation).await;
        app.register("ann").await.refused(403, "registration_closed");
        let origin = tollgate_kernel::origin::Origin::default();
        let email = "ann@example.com".parse().expect("an address");
        let locale = tollgate_auth::model::user::Locale::En;
        app.auth.invite(&email, locale, &origin).await.expect("invited");
        let letters = app.mail().await;
        let invite = token(&letters[0]);
        let wish = |email: &str, name: &str, invite: &str| {
            json!({ "email": email, "username": name, "password": PASSWORD, "invite_token": invite })
        };
        for (email, invite) in [("other@example.com", invite.as_str()), ("ann@example.com", "ot_x")] {
            app.post("/auth/register", wish(email, "ann", invite))
                .await
                .refused(403, "registration_closed");
        }
        let made = app
            .post("/auth/register", wish("ann@example.com", "ann", &invite))
            .await
            .ok(201);
        assert_eq!(made.body["email_verified"], true);
        app.post("/auth/register", wish("ann@example.com", "ann2", &invite))
            .await
            .refused(403, "registration_closed");
    })
    .await;
}
