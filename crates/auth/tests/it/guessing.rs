//! A9: guessing is bounded, and shuts nobody out of their own account.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header;
use serde_json::json;
use tokio::task::JoinSet;
use tollgate_storage::testing::each_engine;

use crate::harness::{Answer, App, PASSWORD, builder, config, token};

async fn try_from(app: &App, address: &str, name: &str, password: &str) -> Answer {
    let body = json!({ "username": name, "password": password });
    app.post_from(address, "/auth/login", &[], body).await
}

#[tokio::test]
async fn inv_a9_the_eleventh_wrong_password_for_an_account_waits() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.register("ann").await.ok(201);
        app.register("bob").await.ok(201);
        // Another instance counts with it.
        let second = builder(&db, config(), &app.clock).build().await;
        let second = App::around(second.expect("starts"), app.clock.clone(), &db);
        for name in ["ann", "nobody"] {
            for number in 0..10 {
                let app = if number % 2 == 0 { &app } else { &second };
                let address = format!("203.0.113.{number}");
                try_from(app, &address, name, "wrong")
                    .await
                    .refused(401, "invalid_credentials");
            }
            let refused = try_from(&app, "198.51.100.1", name, PASSWORD).await;
            refused.refused(429, "rate_limited");
            assert_eq!(refused.headers["retry-after"], "60");
        }
        // The same account by its other name.
        app.post(
            "/auth/login",
            json!({ "email": "ann@example.com", "password": PASSWORD }),
        )
        .await
        .refused(429, "rate_limited");
        try_from(&app, "198.51.100.1", "bob", PASSWORD)
            .await
            .ok(200);
        app.clock.advance(Duration::from_mins(1));
        try_from(&app, "198.51.100.1", "ann", PASSWORD)
            .await
            .ok(200);
        // Right ones are not counted.
        for _ in 0..15 {
            try_from(&app, "198.51.100.1", "ann", PASSWORD)
                .await
                .ok(200);
        }
    })
    .await;
}

#[tokio::test]
async fn inv_a9_the_eleventh_wrong_password_from_an_address_waits() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.register("ann").await.ok(201);
        for number in 0..10 {
            // One customer of a network holds all of these.
            let address = format!("2001:db8:7:7::{number}");
            try_from(&app, &address, &format!("name{number}"), "wrong")
                .await
                .refused(401, "invalid_credentials");
        }
        try_from(&app, "2001:db8:7:7::ff", "ann", PASSWORD)
            .await
            .refused(429, "rate_limited");
        try_from(&app, "2001:db8:7:8::1", "ann", PASSWORD)
            .await
            .ok(200);
        // What a client says of itself changes nothing.
        let body = json!({ "username": "ann", "password": PASSWORD });
        let forged = [
            ("x-forwarded-for", "192.0.2.77"),
            ("forwarded", "for=192.0.2.77"),
        ];
        app.post_from("2001:db8:7:7::1", "/auth/login", &forged, body)
            .await
            .refused(429, "rate_limited");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a9_guesses_at_once_are_bounded_as_well() {
    each_engine(&[], async |db| {
        let app = Arc::new(App::new(&db).await);
        app.register("ann").await.ok(201);
        let mut guesses = JoinSet::new();
        for number in 0..40 {
            let app = Arc::clone(&app);
            guesses.spawn(async move {
                try_from(&app, &format!("203.0.113.{number}"), "ann", "wrong").await
            });
        }
        let answers = guesses.join_all().await;
        let compared = answers.iter().filter(|answer| answer.status == 401).count();
        assert!(compared <= 10, "{compared} were compared");
        assert!(
            answers
                .iter()
                .all(|answer| answer.status == 401 || answer.status == 429)
        );
    })
    .await;
}

#[tokio::test]
async fn inv_a9_a_lock_does_not_shut_out_the_owner() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let first = app.person("ann").await;
        let cookie = first.headers[header::SET_COOKIE].to_str().expect("text");
        assert!(
            cookie.contains("HttpOnly")
                && cookie.contains("Secure")
                && cookie.contains("SameSite=Lax")
        );
        let device = cookie.split(';').next().expect("a pair").to_owned();
        app.mail().await;
        for _ in 0..12 {
            try_from(&app, "203.0.113.1", "ann", "wrong").await;
        }
        let body = json!({ "username": "ann", "password": PASSWORD });
        app.post("/auth/login", body.clone())
            .await
            .refused(429, "rate_limited");
        // A device that has signed in before has a count of its own.
        let known = [("cookie", device.as_str())];
        let again = app
            .post_from("198.51.100.7", "/auth/login", &known, body.clone())
            .await
            .ok(200);
        assert!(
            again.headers[header::SET_COOKIE]
                .to_str()
                .expect("text")
                .starts_with(&device)
        );
        // A made-up one has none, and a known one is bounded too.
        let made_up = [("cookie", "__Host-tollgate-device=AAAA")];
        app.post_from("198.51.100.8", "/auth/login", &made_up, body.clone())
            .await
            .refused(429, "rate_limited");
        for _ in 0..10 {
            let wrong = json!({ "username": "ann", "password": "wrong" });
            app.post_from("198.51.100.7", "/auth/login", &known, wrong)
                .await;
        }
        app.post_from("198.51.100.9", "/auth/login", &known, body.clone())
            .await
            .refused(429, "rate_limited");
        // A reset still works.
        app.post(
            "/auth/reset-password",
            json!({ "email": "ann@example.com" }),
        )
        .await
        .ok(202);
        let letters = app.mail().await;
        let reset = letters
            .iter()
            .find(|letter| letter.content.kind() == "reset_password");
        let link = token(reset.expect("a letter"));
        let body = json!({ "token": link, "new_password": "walnut-glacier-thimble-4" });
        app.post("/auth/reset-password", body).await.ok(204);
    })
    .await;
}

#[tokio::test]
async fn inv_a9_taken_addresses_are_told_to_nobody_who_asks_for_many() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.register("ann").await.ok(201);
        let wish = json!({ "email": "ann@example.com", "username": "other", "password": PASSWORD });
        let ask = async || {
            app.post_from("203.0.113.1", "/auth/register", &[], wish.clone())
                .await
        };
        for _ in 0..20 {
            ask().await.refused(409, "email_taken");
        }
        ask().await.refused(429, "rate_limited");
        app.post_from("203.0.113.2", "/auth/register", &[], wish.clone())
            .await
            .refused(409, "email_taken");
        app.clock.advance(Duration::from_hours(1));
        ask().await.refused(409, "email_taken");
    })
    .await;
}

#[tokio::test]
async fn a_new_device_is_told_to_its_owner() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.register("ann").await.ok(201);
        app.mail().await;
        let body = json!({ "username": "ann", "password": PASSWORD });
        let login = async |address: &str, agent: &str| {
            let headers = [("user-agent", agent)];
            app.post_from(address, "/auth/login", &headers, body.clone())
                .await
                .ok(200);
            let letters = app.mail().await;
            letters
                .iter()
                .map(|letter| letter.content.kind())
                .collect::<Vec<_>>()
        };
        assert!(
            login("203.0.113.1", "curl/8").await.is_empty(),
            "the very first"
        );
        assert!(
            login("203.0.113.1", "curl/8").await.is_empty(),
            "known by its place"
        );
        assert_eq!(login("198.51.100.1", "curl/8").await, ["new_sign_in"]);
        assert!(login("198.51.100.1", "curl/8").await.is_empty());
        assert_eq!(login("198.51.100.1", "Phone/1").await, ["new_sign_in"]);
    })
    .await;
}
