//! What limits a key (A8), and how one takes the place of another (A3).

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tollgate_storage::audit::{self, Filter};
use tollgate_storage::testing::each_engine;

use crate::harness::{Answer, App, builder, config};

async fn rotate(app: &App, access: &str, id: &str, body: Value) -> Answer {
    let path = format!("/auth/api-keys/{id}/rotate");
    app.as_user(Method::POST, &path, access, Some(body)).await
}

#[tokio::test]
async fn inv_a8_a_key_does_what_its_scopes_name() {
    each_engine(&[], async |db| {
        let mut config = config();
        config.api_key_scopes.push("reports".to_owned());
        let app = App::with(&db, config).await;
        let access = app.person("ann").await.text("access_token");
        let make = async |scopes: Value| {
            let body = json!({ "name": "k", "scopes": scopes });
            app.create_key(&access, body).await
        };
        let everything = make(json!([])).await.ok(201);
        assert_eq!(everything.body["scopes"], json!([]));
        let account = make(json!(["account", "account"])).await.ok(201);
        assert_eq!(account.body["scopes"], json!(["account"]));
        let reports = make(json!(["reports"])).await.ok(201);
        for (key, me, name) in [
            (&everything, 200, 200),
            (&account, 200, 403),
            (&reports, 403, 403),
        ] {
            let key = key.text("key");
            assert_eq!(app.get("/auth/me", &key).await.status, me, "{key}");
            // A route that names no scope is not for a limited key.
            assert_eq!(app.get("/host/name", &key).await.status, name, "{key}");
        }
        let refused = app.get("/auth/me", &reports.text("key")).await;
        refused.refused(403, "permission_denied");
        assert_eq!(refused.body["permission"], "account");
        // An application in another language is told, and judges by itself.
        let told = app.get("/auth/verify", &reports.text("key")).await.ok(200);
        assert_eq!(told.body["scopes"], json!(["reports"]));
        let told = app
            .get("/auth/verify", &everything.text("key"))
            .await
            .ok(200);
        assert_eq!(told.body["scopes"], Value::Null);

        let unknown = make(json!(["quota", "admin", "everything"])).await;
        unknown.invalid("/scopes/1", "unknown_scope");
        unknown.invalid("/scopes/2", "unknown_scope");
        make(json!("quota")).await.refused(422, "validation_failed");
    })
    .await;
}

#[tokio::test]
async fn inv_a8_a_key_opens_nothing_from_elsewhere() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let make = async |addresses: Value| {
            let body = json!({ "name": "k", "allowed_addresses": addresses });
            app.create_key(&access, body).await
        };
        let new = make(json!(["203.0.113.7/24", "2001:db8::1"])).await.ok(201);
        assert_eq!(
            new.body["allowed_addresses"],
            json!(["203.0.113.0/24", "2001:db8::1"])
        );
        let key = new.text("key");
        for inside in ["203.0.113.255", "::ffff:203.0.113.1", "2001:db8::1"] {
            app.get_from(inside, "/host/closed", &key).await.ok(200);
        }
        for outside in ["203.0.114.1", "2001:db8::2", "127.0.0.1"] {
            let refused = app.get_from(outside, "/host/closed", &key).await;
            refused.refused(403, "permission_denied");
        }
        // Where nobody says from where a call comes, it comes from elsewhere.
        app.get("/host/closed", &key)
            .await
            .refused(403, "permission_denied");
        make(json!(["203.0.113.0/33", "10.0.0.1", "home"]))
            .await
            .invalid("/allowed_addresses/2", "invalid_address");
        make(json!(vec!["10.0.0.1"; 51]))
            .await
            .invalid("/allowed_addresses", "too_many");
    })
    .await;
}

#[tokio::test]
async fn a_key_is_used_as_often_a_minute_as_its_owner_allows() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let make = async |limit: Value| {
            let body = json!({ "name": "k", "rate_limit_per_minute": limit });
            app.create_key(&access, body).await
        };
        let key = make(json!(3)).await.ok(201).text("key");
        let other = make(json!(null)).await.ok(201).text("key");
        for _ in 0..3 {
            app.get("/host/closed", &key).await.ok(200);
        }
        let refused = app.get("/host/closed", &key).await;
        refused.refused(429, "rate_limited");
        let wait = refused.headers["retry-after"].to_str().expect("text");
        let wait: u64 = wait.parse().expect("seconds");
        assert!((1..=20).contains(&wait), "{wait}");
        for _ in 0..5 {
            app.get("/host/closed", &other).await.ok(200);
        }
        for limit in [json!(0), json!(1_000_001)] {
            make(limit)
                .await
                .invalid("/rate_limit_per_minute", "out_of_range");
        }
        make(json!(-1)).await.refused(422, "validation_failed");
        make(json!("3")).await.refused(422, "validation_failed");
    })
    .await;
}

#[tokio::test]
async fn inv_a3_a_rotated_key_goes_on_for_its_overlap_and_no_longer() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let end = app.clock.now().after(Duration::from_hours(240));
        let terms = json!({
            "name": "server", "expires_at": end, "scopes": ["account"], "rate_limit_per_minute": 1000,
            "allowed_addresses": ["203.0.113.0/24"], "current_password": crate::harness::PASSWORD,
        });
        let old = app.create_key(&access, terms).await.ok(201);
        app.clock.advance(Duration::from_mins(1));
        let new = rotate(&app, &access, &old.text("id"), json!({ "overlap_seconds": 60 })).await;
        let new = new.ok(201);
        for same in ["name", "scopes", "rate_limit_per_minute", "allowed_addresses"] {
            assert_eq!(new.body[same], old.body[same], "{same}");
        }
        assert_eq!(new.body["rotated_from"], old.body["id"]);
        let life = app.clock.now().after(Duration::from_hours(240));
        assert_eq!(new.body["expires_at"], json!(life), "as long as the old one was given");
        let (old_key, new_key) = (old.text("key"), new.text("key"));
        assert_ne!(old_key, new_key);
        let call = async |key: &str| app.get_from("203.0.113.1", "/auth/me", key).await;
        call(&old_key).await.ok(200);
        call(&new_key).await.ok(200);
        app.clock.advance(Duration::from_secs(59));
        call(&old_key).await.ok(200);
        app.clock.advance(Duration::from_secs(1));
        call(&old_key).await.refused(401, "api_key_expired");
        call(&new_key).await.ok(200);
        // What is over takes no successor any more.
        rotate(&app, &access, &old.text("id"), json!({}))
            .await
            .refused(404, "not_found");

        // Without an overlap it ends at once, here and, after two seconds, elsewhere.
        let second = builder(&db, config(), &app.clock).build().await;
        let second = App::around(second.expect("starts"), app.clock.clone(), &db);
        second.get_from("203.0.113.1", "/auth/me", &new_key).await.ok(200);
        let at_once = json!({ "overlap_seconds": 0 });
        let third = rotate(&app, &access, &new.text("id"), at_once).await.ok(201);
        call(&new_key).await.refused(401, "api_key_invalid");
        app.clock.advance(Duration::from_secs(2));
        let elsewhere = second.get_from("203.0.113.1", "/auth/me", &new_key).await;
        elsewhere.refused(401, "api_key_invalid");
        call(&third.text("key")).await.ok(200);

        // An overlap lengthens no life.
        let short = app.clock.now().after(Duration::from_secs(30));
        let brief = json!({ "name": "brief", "expires_at": short });
        let brief = app.create_key(&access, brief).await.ok(201);
        rotate(&app, &access, &brief.text("id"), json!({ "overlap_seconds": 3600 }))
            .await
            .ok(201);
        app.clock.advance(Duration::from_secs(30));
        app.get("/auth/me", &brief.text("key"))
            .await
            .refused(401, "api_key_expired");
    })
    .await;
}

#[tokio::test]
async fn inv_a8_only_its_owner_who_is_there_rotates_a_key() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let ann = app.person("ann").await.text("access_token");
        let bob = app.person("bob").await.text("access_token");
        let made = app.create_key(&ann, json!({ "name": "k" })).await.ok(201);
        let (id, key) = (made.text("id"), made.text("key"));
        rotate(&app, &bob, &id, json!({}))
            .await
            .refused(404, "not_found");
        rotate(&app, &key, &id, json!({}))
            .await
            .refused(403, "permission_denied");
        for (body, field) in [
            (json!({ "overlap_seconds": 2_592_001 }), "/overlap_seconds"),
            (
                json!({ "expires_at": "2001-01-01T00:00:00Z" }),
                "/expires_at",
            ),
            (
                json!({ "expires_at": "9999-01-01T00:00:00Z" }),
                "/expires_at",
            ),
        ] {
            rotate(&app, &ann, &id, body)
                .await
                .invalid(field, "out_of_range");
        }
        rotate(&app, &ann, &id, json!({ "overlap_seconds": -1 }))
            .await
            .refused(422, "validation_failed");
        app.get("/auth/me", &key).await.ok(200);
        // A confirmation of long ago is none.
        app.clock.advance(Duration::from_mins(6));
        rotate(&app, &ann, &id, json!({}))
            .await
            .refused(403, "confirmation_required");
        let confirmed = json!({ "current_password": crate::harness::PASSWORD });
        rotate(&app, &ann, &id, confirmed).await.ok(201);
        app.delete_key(&ann, &id).await.ok(204);

        let deeds = audit::list(&db, &Filter::default(), 100)
            .await
            .expect("read");
        let deeds: Vec<&str> = deeds.iter().map(|deed| deed.action.as_str()).collect();
        for deed in ["api_key.created", "api_key.rotated", "api_key.ended"] {
            assert_eq!(
                deeds.iter().filter(|own| **own == deed).count(),
                1,
                "{deed}"
            );
        }
    })
    .await;
}
