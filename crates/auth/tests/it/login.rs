//! Who gets in, and what the others are told.

use axum::http::Method;
use serde_json::{Value, json};
use tollgate_storage::testing::each_engine;

use crate::harness::{App, PASSWORD, builder, config};

#[tokio::test]
async fn everybody_who_is_refused_is_told_the_same() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.register("ann").await.ok(201);
        app.register("bob").await.ok(201);
        app.execute("UPDATE users SET is_active = (1 = 0) WHERE username = 'bob'")
            .await;
        let by_email =
            |email: &str, password: &str| json!({ "email": email, "password": password });
        let wrong = "walnut-glacier-thimble-4";
        let mut told: Vec<Value> = Vec::new();
        for body in [
            by_email("nobody@example.com", wrong),
            by_email("ann@example.com", wrong),
            by_email("bob@example.com", wrong),
            by_email("not an address", wrong),
            by_email("", wrong),
            by_email("ann@example.com", ""),
            by_email("ann@example.com", &"a".repeat(1_000_000)),
            json!({ "username": "nobody", "password": PASSWORD }),
            json!({ "username": "admin", "password": PASSWORD }),
            json!({ "email": "ann@example.com", "username": "bob", "password": wrong }),
            json!({ "email": "nobody@example.com", "username": "bob", "password": wrong }),
        ] {
            let mut answer = app.post("/auth/login", body).await;
            answer.refused(401, "invalid_credentials");
            answer.body["request_id"].take();
            told.push(answer.body);
        }
        assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
        app.login("bob", PASSWORD)
            .await
            .refused(401, "user_inactive");
        assert_eq!(app.one::<i64>("SELECT COUNT(*) FROM sessions").await, 0);
    })
    .await;
}

#[tokio::test]
async fn by_address_by_name_and_by_both() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.register("ann").await.ok(201);
        app.register("bob").await.ok(201);
        let login = async |email: Value, username: Value| {
            let body = json!({ "email": email, "username": username, "password": PASSWORD });
            app.post("/auth/login", body).await
        };
        for (email, username) in [
            (json!("ANN@example.com"), json!(null)),
            (json!(null), json!("Ann")),
            (json!(null), json!("ann@example.com")),
            (json!("ann@example.com"), json!("ann")),
        ] {
            let answer = login(email, username).await.ok(200);
            assert_eq!(answer.body["user"]["username"], "ann");
            assert_eq!(
                (&answer.body["token_type"], &answer.body["expires_in"]),
                (&json!("bearer"), &json!(900))
            );
            assert!(answer.text("refresh_token").starts_with("rt_"));
        }
        // Whether an address has an account is not told by this either.
        for email in ["bob@example.com", "nobody@example.com"] {
            login(json!(email), json!("ann"))
                .await
                .invalid("/username", "two_accounts");
        }
        login(json!(null), json!(null))
            .await
            .invalid("/email", "required");
        app.post("/auth/login", json!({ "username": "ann" }))
            .await
            .invalid("/password", "required");
        app.post("/auth/login", json!({ "username": 1, "password": "x" }))
            .await
            .invalid("/username", "invalid_type");
        let none = app.call(Method::POST, "/auth/login", &[], None).await;
        none.refused(415, "unsupported_media_type");
    })
    .await;
}

#[tokio::test]
async fn the_form_of_oauth_signs_in() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.register("ann").await.ok(201);
        let form = async |body: &str| app.form("/auth/login", body).await;
        let good =
            format!("grant_type=password&username=ann%40example.com&password={PASSWORD}&scope=");
        let answer = form(&good).await.ok(200);
        app.get("/auth/me", &answer.text("access_token"))
            .await
            .ok(200);
        for body in [
            format!("username=ann&password={PASSWORD}"),
            format!("grant_type=client_credentials&username=ann&password={PASSWORD}"),
            "grant_type=refresh_token".to_owned(),
        ] {
            let answer = form(&body).await;
            answer.refused(400, "bad_request");
            assert_eq!(answer.body["error"], "unsupported_grant_type");
            assert_eq!(answer.headers["content-type"], "application/json");
        }
        let wrong = form("grant_type=password&username=ann&password=x").await;
        wrong.refused(401, "invalid_credentials");
        assert_eq!(wrong.body["error"], "invalid_grant");
        assert!(
            wrong.body["error_description"]
                .as_str()
                .is_some_and(|text| text.is_ascii() && !text.is_empty())
        );
        let twice = form("grant_type=password&grant_type=password").await;
        twice.refused(400, "bad_request");
        assert_eq!(twice.body["error"], "invalid_request");
        form("grant_type=password&username=ann")
            .await
            .invalid("/password", "required");
        let json = app
            .post("/auth/login", json!({ "username": "ann", "password": "x" }))
            .await;
        assert_eq!(json.headers["content-type"], "application/problem+json");
        assert!(json.body.get("error").is_none());
    })
    .await;
}

#[tokio::test]
async fn a_cheap_hash_is_made_anew() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.register("ann").await.ok(201);
        let hashed = async || app.one::<String>("SELECT hashed_password FROM users").await;
        let cheap = hashed().await;
        assert!(cheap.starts_with("$2b$04$"), "{cheap}");
        app.login("ann", PASSWORD).await.ok(200);
        assert_eq!(hashed().await, cheap);
        let dear =
            tollgate_auth::AuthService::builder(db.clone(), crate::harness::master_key(), config())
                .clock(app.clock.clone())
                .build()
                .await
                .expect("starts");
        let dear = App::around(dear, app.clock.clone(), &db);
        dear.login("ann", "wrong")
            .await
            .refused(401, "invalid_credentials");
        assert_eq!(hashed().await, cheap);
        dear.login("ann", PASSWORD).await.ok(200);
        assert!(hashed().await.starts_with("$2b$12$"));
        app.login("ann", PASSWORD).await.ok(200);
        assert!(hashed().await.starts_with("$2b$12$"), "never made cheaper");
        drop(builder(&db, config(), &app.clock));
    })
    .await;
}
