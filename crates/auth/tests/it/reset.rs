//! A5, A4 and lines 25 to 28 of the bad inputs: links that work once.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tollgate_storage::testing::each_engine;

use crate::harness::{Answer, App, PASSWORD, token};

const NEW: &str = "walnut-glacier-thimble-4";

async fn ask(app: &App, email: &str) -> Answer {
    app.post("/auth/reset-password", json!({ "email": email }))
        .await
}

async fn set(app: &App, token: &str, new: &str) -> Answer {
    app.post(
        "/auth/reset-password",
        json!({ "token": token, "new_password": new }),
    )
    .await
}

/// The token of a reset that was asked for.
async fn asked(app: &App) -> String {
    ask(app, "ann@example.com").await.ok(202);
    let letters = app.mail().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].to, "ann@example.com");
    token(&letters[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a5_a_reset_works_once_however_many_try() {
    each_engine(&[], async |db| {
        let app = Arc::new(App::new(&db).await);
        let first = app.person("ann").await;
        app.mail().await;
        let link = asked(&app).await;
        let mut rivals = JoinSet::new();
        for number in 0..10 {
            let (app, link) = (Arc::clone(&app), link.clone());
            rivals.spawn(async move { set(&app, &link, &format!("{NEW}-{number}")).await });
        }
        let answers = rivals.join_all().await;
        let set_by = answers.iter().filter(|answer| answer.status == 204).count();
        assert_eq!(set_by, 1, "{answers:?}");
        for answer in answers.iter().filter(|answer| answer.status != 204) {
            answer.invalid("/token", "invalid_token");
        }
        // Every sign-in of before is over, at once (A3); the old password is none.
        app.get("/auth/me", &first.text("access_token"))
            .await
            .refused(401, "token_revoked");
        app.refresh(&first.text("refresh_token"))
            .await
            .refused(401, "token_revoked");
        app.login("ann", PASSWORD)
            .await
            .refused(401, "invalid_credentials");
        let told: Vec<&str> = app
            .mail()
            .await
            .iter()
            .map(|letter| letter.content.kind())
            .collect();
        assert_eq!(told, ["password_changed"]);
        let verified: i64 = app
            .one("SELECT COUNT(*) FROM users WHERE email_verified_at IS NOT NULL")
            .await;
        assert_eq!(verified, 1, "who reads the mail holds the address");
        let recorded: String = app.one("SELECT action FROM audit_log").await;
        assert_eq!(recorded, "user.password_reset");
    })
    .await;
}

#[tokio::test]
async fn inv_a5_only_the_newest_link_works_and_not_for_long() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let tokens = app.person("ann").await;
        app.mail().await;
        let older = asked(&app).await;
        let newer = asked(&app).await;
        let broken = &newer[..newer.len() - 1];
        let refresh = tokens.text("refresh_token");
        let access = tokens.text("access_token");
        for bad in [older.as_str(), broken, "", "ot_", &refresh, &access] {
            set(&app, bad, NEW).await.invalid("/token", "invalid_token");
        }
        // A reset token is nothing else (A1).
        app.get("/auth/me", &newer)
            .await
            .refused(401, "unauthenticated");
        app.refresh(&newer).await.refused(401, "unauthenticated");
        app.post("/auth/verify-email", json!({ "token": newer }))
            .await
            .invalid("/token", "invalid_token");
        // A weak password leaves the link alone.
        set(&app, &newer, "password1")
            .await
            .refused(422, "weak_password");
        set(&app, &newer, "short7!")
            .await
            .refused(422, "weak_password");
        app.clock.advance(Duration::from_mins(59));
        set(&app, &newer, NEW).await.ok(204);
        set(&app, &newer, NEW)
            .await
            .invalid("/token", "invalid_token");
        app.mail().await;

        let late = asked(&app).await;
        app.clock.advance(Duration::from_hours(1));
        set(&app, &late, NEW)
            .await
            .invalid("/token", "invalid_token");

        // A changed password ends what is on its way.
        let ended = asked(&app).await;
        let access = app.login("ann", NEW).await.ok(200).text("access_token");
        let body = json!({ "current_password": NEW, "new_password": PASSWORD });
        app.as_user(Method::POST, "/auth/change-password", &access, Some(body))
            .await
            .ok(204);
        set(&app, &ended, NEW)
            .await
            .invalid("/token", "invalid_token");
        for body in [
            json!({}),
            json!({ "token": "x" }),
            json!({ "new_password": NEW }),
            json!({ "email": "a@x.com", "token": "x" }),
            json!({ "email": "x" }),
            json!({ "email": null }),
        ] {
            app.post("/auth/reset-password", body)
                .await
                .refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test]
async fn inv_a4_a_reset_tells_nobody_who_has_an_account() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.person("ann").await;
        app.register("bob").await.ok(201);
        app.execute("UPDATE users SET is_active = (1 = 0) WHERE username = 'bob'")
            .await;
        app.mail().await;
        let mut shapes = Vec::new();
        for email in ["ann@example.com", "bob@example.com", "nobody@example.com"] {
            let answer = ask(&app, email).await.ok(202);
            let mut headers: Vec<String> = answer
                .headers
                .iter()
                .filter(|(name, _)| *name != "x-request-id")
                .map(|(name, value)| format!("{name}: {value:?}"))
                .collect();
            headers.sort_unstable();
            shapes.push((answer.body.to_string(), headers));
        }
        assert!(
            shapes.windows(2).all(|pair| pair[0] == pair[1]),
            "{shapes:?}"
        );
        let letters = app.mail().await;
        let to: Vec<&str> = letters.iter().map(|letter| letter.to.as_str()).collect();
        assert_eq!(to, ["ann@example.com"]);
        // The sixth letter in an hour is answered alike, and not written.
        for _ in 0..6 {
            ask(&app, "ann@example.com").await.ok(202);
        }
        assert_eq!(app.mail().await.len(), 4);
        app.clock.advance(Duration::from_hours(1));
        ask(&app, "ann@example.com").await.ok(202);
        assert_eq!(app.mail().await.len(), 1);
        // The table of tries holds no address.
        let readable: i64 = app
            .one("SELECT COUNT(*) FROM jobs WHERE CAST(payload AS TEXT) LIKE '%example%'")
            .await;
        assert_eq!(readable, 0);
    })
    .await;
}

#[tokio::test]
async fn a_forged_host_does_not_get_into_the_link() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.person("ann").await;
        app.mail().await;
        let headers = [
            ("host", "evil.example"),
            ("x-forwarded-host", "evil.example"),
            ("origin", "https://evil.example"),
        ];
        let body = json!({ "email": "ann@example.com" });
        app.call(Method::POST, "/auth/reset-password", &headers, Some(body))
            .await
            .ok(202);
        let letters = app.mail().await;
        let text = serde_json::to_string(&letters).expect("JSON");
        assert!(
            text.contains("https://pay.example/portal/reset?token=ot_") && !text.contains("evil")
        );
    })
    .await;
}
