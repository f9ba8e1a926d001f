//! A2: rotation, with the reuse of an old token detected.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tollgate_storage::testing::each_engine;

use crate::harness::{App, PASSWORD};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn inv_a2_of_fifty_racers_all_get_one_successor() {
    each_engine(&[], async |db| {
        let app = Arc::new(App::new(&db).await);
        let first = app.person("ann").await.text("refresh_token");
        let mut racers = JoinSet::new();
        for _ in 0..50 {
            let (app, token) = (Arc::clone(&app), first.clone());
            racers.spawn(async move { app.refresh(&token).await.ok(200).text("refresh_token") });
        }
        let successors: HashSet<String> = racers.join_all().await.into_iter().collect();
        assert_eq!(successors.len(), 1);
        assert_eq!(
            app.one::<i64>("SELECT COUNT(*) FROM refresh_tokens").await,
            2
        );
        let successor = successors.into_iter().next().expect("one");
        assert_ne!(successor, first);

        // An answer lost on the way is asked for again within the window.
        app.clock.advance(Duration::from_secs(9));
        assert_eq!(
            app.refresh(&first).await.ok(200).text("refresh_token"),
            successor
        );
        app.refresh(&successor).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn inv_a2_a_late_reuse_ends_the_newest_token_too() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let first = app.person("ann").await.text("refresh_token");
        let other = app.login("ann", PASSWORD).await.ok(200);
        let second = app.refresh(&first).await.ok(200).text("refresh_token");
        let third = app.refresh(&second).await.ok(200);
        let (newest, access) = (third.text("refresh_token"), third.text("access_token"));
        app.get("/auth/verify", &access).await.ok(200);

        app.clock.advance(Duration::from_secs(11));
        app.refresh(&first).await.refused(401, "token_revoked");
        app.clock.advance(Duration::from_millis(1));
        app.refresh(&newest).await.refused(401, "token_revoked");
        app.refresh(&second).await.refused(401, "token_revoked");
        app.refresh(&newest).await.refused(401, "token_revoked");
        for path in ["/auth/verify", "/auth/me", "/host/name"] {
            app.get(path, &access).await.refused(401, "token_revoked");
        }
        let reason: String = app
            .one("SELECT revoke_reason FROM sessions WHERE revoked_at IS NOT NULL")
            .await;
        assert_eq!(reason, "reuse");
        // Another sign-in of the same person is another family.
        app.refresh(&other.text("refresh_token")).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_ends_with_its_token_its_ninety_days_or_its_person() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let mut token = app.person("ann").await.text("refresh_token");
        let idle = app
            .login("ann", PASSWORD)
            .await
            .ok(200)
            .text("refresh_token");
        for _ in 0..14 {
            app.clock.advance(DAY * 6);
            token = app.refresh(&token).await.ok(200).text("refresh_token");
        }
        app.refresh(&idle).await.refused(401, "token_expired");
        // Day 84 and a little less than 6 more: what is renewed now does not outlive day 90.
        app.clock
            .advance(DAY * 5 + Duration::from_mins(23 * 60 + 59));
        let last = app.refresh(&token).await.ok(200);
        assert_eq!(last.body["expires_in"], 60);
        app.clock.advance(Duration::from_mins(1));
        app.refresh(&last.text("refresh_token"))
            .await
            .refused(401, "token_expired");

        let token = app.login("ann", PASSWORD).await.ok(200);
        app.execute("UPDATE users SET is_active = (1 = 0)").await;
        app.refresh(&token.text("refresh_token"))
            .await
            .refused(401, "user_inactive");
        app.get("/auth/me", &token.text("access_token"))
            .await
            .refused(401, "user_inactive");
        let verified = app.get("/auth/verify", &token.text("access_token")).await;
        verified.refused(401, "user_inactive");
        assert_eq!(verified.body["valid"], false);
        app.execute("UPDATE users SET is_active = (1 = 1)").await;
        app.refresh(&token.text("refresh_token")).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_form_is_answered_in_the_dress_of_oauth() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let token = app.person("ann").await.text("refresh_token");
        let body = format!("grant_type=refresh_token&refresh_token={token}");
        let renewed = app.form("/auth/refresh", &body).await.ok(200);
        assert_eq!(renewed.body["token_type"], "bearer");
        let wrong = app
            .form("/auth/refresh", "grant_type=password&refresh_token=x")
            .await;
        wrong.refused(400, "bad_request");
        assert_eq!(wrong.body["error"], "unsupported_grant_type");
        let unknown = app.form("/auth/refresh", "refresh_token=x").await;
        unknown.refused(401, "unauthenticated");
        assert_eq!(unknown.body["error"], "invalid_grant");
        assert_eq!(unknown.headers["content-type"], "application/json");
        app.form("/auth/refresh", "")
            .await
            .invalid("/refresh_token", "required");
        let empty = app.post("/auth/refresh", json!({})).await;
        empty.invalid("/refresh_token", "required");
        assert!(empty.body.get("error").is_none());
    })
    .await;
}
