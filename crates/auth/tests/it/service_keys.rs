//! Keys of host applications: made by admins, good for their scopes and nothing else (A3, A7, A8).

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tollgate_auth::model::role::Role;
use tollgate_storage::audit::{self, Filter};
use tollgate_storage::db::Db;
use tollgate_storage::testing::each_engine;

use crate::harness::{Answer, App};
use crate::keys::{everything, hex};
use crate::staff::member;

const KEYS: &str = "/admin/service-keys";

async fn make(app: &App, token: &str, body: Value) -> Answer {
    app.as_user(Method::POST, KEYS, token, Some(body)).await
}

async fn delete(app: &App, token: &str, id: &str) -> Answer {
    let path = format!("{KEYS}/{id}");
    app.as_user(Method::DELETE, &path, token, None).await
}

async fn deeds(db: &Db) -> Vec<String> {
    let deeds = audit::list(db, &Filter::default(), 100)
        .await
        .expect("read");
    deeds.into_iter().map(|deed| deed.action).collect()
}

#[tokio::test]
async fn inv_a8_a_service_key_does_what_its_scopes_name() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let (_, admin) = member(&app, "root1", Role::Admin).await;
        let ann = app.person("ann").await;
        let made = json!({ "name": "viewer", "scopes": ["users.read"] });
        let made = make(&app, &admin, made).await.ok(201);
        let key = made.text("key");
        let listed = app.get(KEYS, &admin).await.ok(200);
        assert_eq!(listed.body["data"][0]["id"], made.body["id"]);
        assert!(listed.body["data"][0].get("key").is_none(), "shown once");
        assert!(!everything(&db).await.contains(&hex(key.as_bytes())));

        let asking = json!({ "name": "asker", "scopes": ["introspect"], "allowed_addresses": ["10.0.0.0/8"] });
        let asking = make(&app, &admin, asking).await.ok(201).text("key");
        let about = async |by: &str, key: &str| {
            let headers = [("authorization", format!("Bearer {by}"))];
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            let body = Some(json!({ "token": key }));
            let call = app.call(Method::POST, "/auth/introspect", &headers, body);
            call.await
        };
        about(&asking, &key).await.refused(403, "permission_denied");
        let everywhere = json!({ "name": "asker", "scopes": ["introspect"] });
        let everywhere = make(&app, &admin, everywhere).await.ok(201).text("key");
        let said = about(&everywhere, &key).await.ok(200).body;
        let whole = json!({ "active": true, "type": "service_key", "token_type": "Bearer", "iss": "https://pay.example",
            "service_key_id": made.body["id"], "scope": "users.read", "livemode": false });
        assert_eq!(said, whole);
        let said = about(&everywhere, &asking).await.ok(200).body;
        assert_eq!(said["allowed_addresses"], json!(["10.0.0.0/8"]));

        app.get("/host/closed", &key).await.ok(200);
        app.get("/admin/users", &key).await.ok(200);
        for closed in [
            "/admin/audit-log",
            KEYS,
            "/host/money",
            "/auth/me",
            "/host/name",
        ] {
            app.get(closed, &key)
                .await
                .refused(403, "permission_denied");
        }
        let id = ann.body["user"]["id"].as_str().expect("an id");
        let change = json!({ "is_active": false });
        app.as_user(
            Method::PATCH,
            &format!("/admin/users/{id}"),
            &key,
            Some(change),
        )
        .await
        .refused(403, "permission_denied");
        make(&app, &key, json!({ "name": "more", "scopes": ["quota"] }))
            .await
            .refused(403, "permission_denied");

        // One that may ask what a credential is good for.
        let asks = json!({ "name": "gate", "scopes": ["introspect"] });
        let asks = make(&app, &admin, asks).await.ok(201).text("key");
        app.get("/admin/users", &asks)
            .await
            .refused(403, "permission_denied");
        let bearer = format!("Bearer {asks}");
        let token = format!("token={}", ann.text("access_token"));
        let request = axum::http::Request::post("/auth/introspect")
            .header("authorization", &bearer)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(token.into())
            .expect("a request");
        assert_eq!(app.send(request).await.ok(200).body["active"], true);
        assert!(deeds(&db).await.contains(&"service_key.created".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn inv_a3_a_service_key_ends_when_it_is_ended_rotated_or_over() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let (_, admin) = member(&app, "root1", Role::Admin).await;
        let end = app.clock.now().after(Duration::from_mins(4));
        let body = json!({ "name": "a", "scopes": ["quota"], "expires_at": end, "allowed_addresses": ["10.0.0.0/8"] });
        let made = make(&app, &admin, body).await.ok(201);
        let key = made.text("key");
        app.get_from("10.1.1.1", "/host/closed", &key).await.ok(200);
        app.get("/host/closed", &key).await.refused(403, "permission_denied");

        let path = format!("{KEYS}/{}/rotate", made.text("id"));
        let overlap = json!({ "overlap_seconds": 60 });
        let next = app.as_user(Method::POST, &path, &admin, Some(overlap)).await.ok(201);
        for same in ["name", "scopes", "allowed_addresses"] {
            assert_eq!(next.body[same], made.body[same]);
        }
        let call = async |key: &str| app.get_from("10.1.1.1", "/host/closed", key).await;
        call(&key).await.ok(200);
        app.clock.advance(Duration::from_mins(1));
        call(&key).await.refused(401, "api_key_expired");
        call(&next.text("key")).await.ok(200);
        let over = app.as_user(Method::POST, &path, &admin, Some(json!({}))).await;
        over.refused(404, "not_found");
        delete(&app, &admin, &next.text("id")).await.ok(204);
        call(&next.text("key")).await.refused(401, "api_key_invalid");
        delete(&app, &admin, &next.text("id")).await.refused(404, "not_found");
        let wanted = ["service_key.created", "service_key.rotated", "service_key.ended"];
        let found = deeds(&db).await;
        assert!(wanted.iter().all(|deed| found.iter().any(|own| own == deed)), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn inv_a8_only_admins_who_confirmed_make_service_keys() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let (_, admin) = member(&app, "root1", Role::Admin).await;
        let good = json!({ "name": "a", "scopes": ["quota"] });
        for (name, role) in [
            ("money", Role::Finance),
            ("help1", Role::Support),
            ("reader", Role::ReadOnly),
        ] {
            let (_, token) = member(&app, name, role).await;
            make(&app, &token, good.clone())
                .await
                .refused(403, "permission_denied");
            app.get(KEYS, &token)
                .await
                .refused(403, "permission_denied");
        }
        for (body, field, fault) in [
            (
                json!({ "name": "", "scopes": ["quota"] }),
                "/name",
                "invalid_name",
            ),
            (json!({ "name": "a", "scopes": [] }), "/scopes", "required"),
            (
                json!({ "name": "a", "scopes": ["admin"] }),
                "/scopes/0",
                "unknown_scope",
            ),
            (
                json!({ "name": "a", "scopes": ["finance"] }),
                "/scopes/0",
                "unknown_scope",
            ),
            (
                json!({ "name": "a", "scopes": ["quota"], "allowed_addresses": ["x"] }),
                "/allowed_addresses/0",
                "invalid_address",
            ),
            (
                json!({ "name": "a", "scopes": ["quota"], "expires_at": "2001-01-01T00:00:00Z" }),
                "/expires_at",
                "out_of_range",
            ),
        ] {
            make(&app, &admin, body).await.invalid(field, fault);
        }
        let odd = json!({ "name": "a", "scopes": ["quota"], "is_superuser": true });
        make(&app, &admin, odd).await.refused(422, "unknown_field");
        app.get(&format!("{KEYS}?limit=0"), &admin)
            .await
            .invalid("/limit", "out_of_range");
        app.get(
            &format!("{KEYS}?starting_after=0198a000-0000-7000-8000-000000000000"),
            &admin,
        )
        .await
        .invalid("/starting_after", "unknown_cursor");
        app.clock.advance(Duration::from_mins(6));
        make(&app, &admin, good)
            .await
            .refused(403, "confirmation_required");
    })
    .await;
}
