//! A3: ends mean ends.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tollgate_storage::testing::each_engine;

use crate::harness::{Answer, App, PASSWORD, builder, config};

async fn sessions(app: &App, access: &str) -> Vec<Value> {
    let listed = app.get("/auth/sessions", access).await.ok(200);
    listed.body["data"].as_array().expect("a list").clone()
}

async fn is_over(app: &App, tokens: &Answer) {
    for path in ["/auth/me", "/auth/verify", "/auth/export"] {
        app.get(path, &tokens.text("access_token"))
            .await
            .refused(401, "token_revoked");
    }
    app.refresh(&tokens.text("refresh_token"))
        .await
        .refused(401, "token_revoked");
}

#[tokio::test]
async fn inv_a3_a_logout_ends_the_sign_in_at_once() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let phone = app.person("ann").await;
        let desk = app.login("ann", PASSWORD).await.ok(200);
        let tablet = app.login("ann", PASSWORD).await.ok(200);
        let bob = app.person("bob").await;
        let access = phone.text("access_token");
        // A stranger's refresh token is left alone.
        let body = json!({ "refresh_token": bob.text("refresh_token") });
        app.as_user(Method::POST, "/auth/logout", &access, Some(body))
            .await
            .ok(204);
        is_over(&app, &phone).await;
        app.refresh(&bob.text("refresh_token")).await.ok(200);
        let body = json!({ "refresh_token": tablet.text("refresh_token") });
        app.as_user(
            Method::POST,
            "/auth/logout",
            &desk.text("access_token"),
            Some(body),
        )
        .await
        .ok(204);
        is_over(&app, &desk).await;
        is_over(&app, &tablet).await;
        app.as_user(Method::POST, "/auth/logout", &access, Some(json!({})))
            .await
            .refused(401, "token_revoked");
        app.call(Method::POST, "/auth/logout", &[], Some(json!({})))
            .await
            .refused(401, "unauthenticated");
    })
    .await;
}

/// `/host/closed` asks for a signature only, not the database.
#[tokio::test]
async fn inv_a3_a_token_of_an_ended_sign_in_opens_nothing_here_at_once_and_elsewhere_soon() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let second = builder(&db, config(), &app.clock).build().await;
        let second = App::around(second.expect("starts"), app.clock.clone(), &db);
        let access = app.person("ann").await.text("access_token");
        for app in [&app, &second] {
            app.get("/host/closed", &access).await.ok(200);
        }
        app.as_user(Method::POST, "/auth/logout", &access, Some(json!({})))
            .await
            .ok(204);
        app.get("/host/closed", &access)
            .await
            .refused(401, "token_revoked");
        let soon = async {
            while second.get("/host/closed", &access).await.status == 200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), soon)
            .await
            .expect("seen by the other instance");
        // One that starts later knows it from the start.
        let third = builder(&db, config(), &app.clock).build().await;
        let third = App::around(third.expect("starts"), app.clock.clone(), &db);
        third
            .get("/host/closed", &access)
            .await
            .refused(401, "token_revoked");
    })
    .await;
}

#[tokio::test]
async fn inv_a3_a8_sign_ins_are_listed_and_ended_by_their_owner_only() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.register("ann").await.ok(201);
        let body = json!({ "username": "ann", "password": PASSWORD });
        let agent = [("user-agent", "Phone/1.0")];
        let phone = app
            .post_from("203.0.113.9", "/auth/login", &agent, body.clone())
            .await
            .ok(200);
        app.clock.advance(Duration::from_secs(1));
        let desk = app.post("/auth/login", body).await.ok(200);
        let bob = app.person("bob").await;
        let access = desk.text("access_token");
        let listed = sessions(&app, &access).await;
        assert_eq!(listed.len(), 2);
        assert_eq!(
            (&listed[0]["current"], &listed[1]["current"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(
            (&listed[1]["address"], &listed[1]["device"]),
            (&json!("203.0.113.9"), &json!("Phone/1.0"))
        );
        let path = format!(
            "/auth/sessions/{}",
            listed[1]["id"].as_str().expect("an id")
        );
        let end =
            async |token: &str, path: &str| app.as_user(Method::DELETE, path, token, None).await;
        for path in [
            path.as_str(),
            "/auth/sessions/x",
            "/auth/sessions/0198a000-0000-7000-8000-000000000000",
        ] {
            end(&bob.text("access_token"), path)
                .await
                .refused(404, "not_found");
        }
        app.refresh(&phone.text("refresh_token")).await.ok(200);
        let key = app
            .create_key(&access, json!({ "name": "k" }))
            .await
            .ok(201)
            .text("key");
        end(&key, &path).await.refused(403, "permission_denied");
        app.get("/auth/sessions", &key)
            .await
            .refused(403, "permission_denied");
        end(&access, &path).await.ok(204);
        end(&access, &path).await.refused(404, "not_found");
        is_over(&app, &phone).await;

        let other = app.login("ann", PASSWORD).await.ok(200);
        end(&access, "/auth/sessions").await.ok(204);
        is_over(&app, &other).await;
        assert_eq!(sessions(&app, &access).await.len(), 1);
        app.refresh(&bob.text("refresh_token")).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn inv_a3_a_changed_password_ends_the_other_sign_ins() {
    each_engine(&[], async |db| {
        const NEW: &str = "walnut-glacier-thimble-4";
        let app = App::new(&db).await;
        let own = app.person("ann").await;
        let other = app.login("ann", PASSWORD).await.ok(200);
        app.mail().await;
        let access = own.text("access_token");
        let change = async |current: &str, new: &str| {
            let body = json!({ "current_password": current, "new_password": new });
            app.as_user(Method::POST, "/auth/change-password", &access, Some(body))
                .await
        };
        change("wrong", NEW)
            .await
            .refused(401, "invalid_credentials");
        change(PASSWORD, PASSWORD)
            .await
            .refused(422, "weak_password");
        change(PASSWORD, "password1")
            .await
            .refused(422, "weak_password");
        change(PASSWORD, &"a".repeat(129))
            .await
            .refused(422, "weak_password");
        change(PASSWORD, NEW).await.ok(204);
        is_over(&app, &other).await;
        app.get("/auth/me", &access).await.ok(200);
        app.refresh(&own.text("refresh_token")).await.ok(200);
        app.login("ann", PASSWORD)
            .await
            .refused(401, "invalid_credentials");
        app.login("ann", NEW).await.ok(200);
        let letters = app.mail().await;
        assert_eq!(letters[0].content.kind(), "password_changed");
        // Guesses at the present password are bounded, and the right one is no guess.
        let mut refused = 0;
        for _ in 0..12 {
            if change("wrong", PASSWORD).await.status == 429 {
                refused += 1;
            }
        }
        assert!(refused >= 2, "{refused}");
        change(NEW, PASSWORD).await.refused(429, "rate_limited");
        app.clock.advance(Duration::from_mins(1));
        change(NEW, PASSWORD).await.ok(204);
    })
    .await;
}
