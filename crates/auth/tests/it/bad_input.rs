//! Lines of the list of bad inputs that no other file tries: each with its number, exact status and code.

use axum::http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_storage::testing::each_engine;

use crate::harness::{Answer, App, PASSWORD, token};

const RANDOM: &str = "0198c0de-0000-7000-8000-000000000000";

/// Somebody signed in who may do everything.
async fn superuser(app: &App) -> String {
    let access = app.person("ann").await.text("access_token");
    app.execute("UPDATE users SET is_superuser = (1 = 1) WHERE username = 'ann'")
        .await;
    access
}

/// What an answer says, without what is of this exchange alone.
fn told(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    for own in ["request_id", "instance"] {
        body.as_object_mut().map(|members| members.remove(own));
    }
    body
}

#[tokio::test]
async fn line_6_wrong_types_are_named_by_their_pointer() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = superuser(&app).await;
        let user = format!("/admin/users/{RANDOM}");
        let roles = format!("{user}/roles");
        for (method, path, body, field) in [
            (
                Method::POST,
                "/auth/register",
                json!({ "email": {}, "username": "x", "password": "y" }),
                "/email",
            ),
            (
                Method::POST,
                "/auth/login",
                json!({ "username": 7, "password": "y" }),
                "/username",
            ),
            (
                Method::POST,
                "/auth/login",
                json!({ "username": "x", "password": [] }),
                "/password",
            ),
            (
                Method::POST,
                "/auth/refresh",
                json!({ "refresh_token": true }),
                "/refresh_token",
            ),
            (
                Method::POST,
                "/auth/api-keys",
                json!({ "name": "k", "expires_at": 7 }),
                "/expires_at",
            ),
            (
                Method::POST,
                "/auth/change-password",
                json!({ "current_password": 1, "new_password": "x" }),
                "/current_password",
            ),
            (
                Method::PATCH,
                "/auth/me",
                json!({ "username": ["x"] }),
                "/username",
            ),
            (
                Method::POST,
                "/auth/totp/confirm",
                json!({ "code": 123_456 }),
                "/code",
            ),
            (
                Method::PATCH,
                user.as_str(),
                json!({ "is_active": "true" }),
                "/is_active",
            ),
            (
                Method::PUT,
                roles.as_str(),
                json!({ "roles": "finance" }),
                "/roles",
            ),
        ] {
            let answer = app.as_user(method, path, &access, Some(body)).await;
            answer.refused(422, "validation_failed");
            assert_eq!(answer.body["errors"][0]["field"], field, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn line_8_what_is_no_id_of_mine_is_not_there_and_all_are_told_the_same() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = superuser(&app).await;
        let bob = app.person("bob").await.text("access_token");
        let key = app
            .create_key(&bob, json!({ "name": "k" }))
            .await
            .ok(201)
            .text("id");
        let sessions = app.get("/auth/sessions", &bob).await.ok(200);
        let session = sessions.body["data"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let braces = format!("%7B{RANDOM}%7D");
        for (list, foreign) in [("/auth/api-keys", &key), ("/auth/sessions", &session)] {
            let mut all = Vec::new();
            for id in [
                foreign.as_str(),
                RANDOM,
                &foreign.to_uppercase(),
                &braces,
                "x",
                "0",
                "%00",
            ] {
                let path = format!("{list}/{id}");
                let answer = app.as_user(Method::DELETE, &path, &access, None).await;
                answer.refused(404, "not_found");
                all.push(told(&answer));
            }
            assert!(
                all.windows(2).all(|pair| pair[0] == pair[1]),
                "{list}: {all:#?}"
            );
        }
        for id in [RANDOM, braces.as_str(), "x", "%00"] {
            app.get(&format!("/admin/users/{id}"), &access)
                .await
                .refused(404, "not_found");
        }
        // Nothing of it was touched.
        assert_eq!(
            app.get("/auth/api-keys", &bob).await.body["data"][0]["id"],
            key.as_str()
        );
        app.get("/auth/me", &bob).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn line_9_pages_have_1_to_100_rows() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = superuser(&app).await;
        for list in ["/auth/api-keys", "/admin/users", "/admin/audit-log"] {
            for query in [
                "limit=0",
                "limit=-1",
                "limit=101",
                "limit=1e9",
                "limit=1000000000",
                "limit=99999999999999999999",
                "limit=",
                "limit=x",
                "limit=1&limit=2",
                "starting_after=x",
                "starting_after=",
            ] {
                app.get(&format!("{list}?{query}"), &access)
                    .await
                    .refused(422, "validation_failed");
            }
            app.get(&format!("{list}?limit=100"), &access).await.ok(200);
        }
    })
    .await;
}

#[tokio::test]
async fn line_12_staff_are_told_of_unknown_fields_and_others_see_them_named() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = superuser(&app).await;
        let user = format!("/admin/users/{RANDOM}");
        let roles = format!("{user}/roles");
        for (method, path, mut body) in [
            (
                Method::POST,
                "/admin/users",
                json!({ "email": "eve@example.com", "username": "eve" }),
            ),
            (
                Method::PATCH,
                user.as_str(),
                json!({ "is_active": false, "reason": "x" }),
            ),
            (
                Method::PUT,
                roles.as_str(),
                json!({ "roles": [], "reason": "x" }),
            ),
            (
                Method::POST,
                "/admin/invites",
                json!({ "email": "eve@example.com" }),
            ),
        ] {
            body["surprise"] = json!(1);
            app.as_user(method, path, &access, Some(body))
                .await
                .refused(422, "unknown_field");
        }
        let people: i64 = app.one("SELECT COUNT(*) FROM users").await;
        assert_eq!(people, 1);
        let body = json!({ "username": "ann", "password": PASSWORD, "surprise": 1 });
        let answer = app.post("/auth/login", body).await.ok(200);
        assert_eq!(answer.headers["x-ignored-fields"], "surprise");
    })
    .await;
}

#[tokio::test]
async fn line_20_one_kind_of_token_is_no_other() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let tokens = app.person("ann").await;
        let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
        app.mail().await;
        app.post(
            "/auth/reset-password",
            json!({ "email": "ann@example.com" }),
        )
        .await
        .ok(202);
        let reset = token(&app.mail().await[0]);
        app.refresh(&access).await.refused(401, "unauthenticated");
        app.refresh(&reset).await.refused(401, "unauthenticated");
        for other in [&refresh, &reset] {
            app.get("/auth/me", other)
                .await
                .refused(401, "unauthenticated");
        }
        for other in [&access, &refresh] {
            let body = json!({ "token": other, "new_password": "walnut-glacier-thimble-4" });
            app.post("/auth/reset-password", body)
                .await
                .invalid("/token", "invalid_token");
            app.post("/auth/verify-email", json!({ "token": other }))
                .await
                .invalid("/token", "invalid_token");
        }
        // Each still opens what it is for.
        app.get("/auth/me", &access).await.ok(200);
        app.refresh(&refresh).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn line_26_a_link_that_does_not_work_does_not_say_why() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.person("ann").await;
        app.mail().await;
        let mut links = Vec::new();
        for _ in 0..3 {
            app.post(
                "/auth/reset-password",
                json!({ "email": "ann@example.com" }),
            )
            .await
            .ok(202);
            links.push(token(&app.mail().await[0]));
        }
        let set = async |link: &str| {
            let body = json!({ "token": link, "new_password": "walnut-glacier-thimble-4" });
            app.post("/auth/reset-password", body).await
        };
        let newest = links.pop().expect("a link");
        let mut all = Vec::new();
        let truncated = &newest[..newest.len() - 1];
        let longer = format!("{newest}A");
        for link in [
            links[0].as_str(),
            &links[1],
            truncated,
            &longer,
            "",
            "x",
            "ot_",
        ] {
            let answer = set(link).await;
            answer.invalid("/token", "invalid_token");
            all.push(told(&answer));
        }
        app.login("ann", PASSWORD).await.ok(200);
        set(&newest).await.ok(204);
        all.push(told(&set(&newest).await));
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:#?}");
    })
    .await;
}

#[tokio::test]
async fn line_29_markup_in_the_name_of_a_key_is_text() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let name = "<script>alert(1)</script> & \"co\"";
        let made = app.create_key(&access, json!({ "name": name })).await;
        assert_eq!(made.ok(201).body["name"], name);
        let listed = app.get("/auth/api-keys", &access).await.ok(200);
        assert_eq!(listed.body["data"][0]["name"], name);
        assert_eq!(listed.headers["content-type"], "application/json");
        app.create_key(&access, json!({ "name": "n".repeat(10_000) }))
            .await
            .invalid("/name", "invalid_name");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_31_of_many_deletes_at_once_one_deletes() {
    each_engine(&[], async |db| {
        let app = std::sync::Arc::new(App::new(&db).await);
        let access = app.person("ann").await.text("access_token");
        let key = app
            .create_key(&access, json!({ "name": "k" }))
            .await
            .ok(201);
        let (id, key) = (key.text("id"), key.text("key"));
        let mut deletes = JoinSet::new();
        for _ in 0..8 {
            let (app, access, id) = (app.clone(), access.clone(), id.clone());
            deletes.spawn(async move { app.delete_key(&access, &id).await });
        }
        let answers = deletes.join_all().await;
        let done = answers.iter().filter(|answer| answer.status == 204);
        assert_eq!(done.count(), 1, "{answers:?}");
        for answer in answers.iter().filter(|answer| answer.status != 204) {
            answer.refused(404, "not_found");
        }
        app.get("/auth/me", &key)
            .await
            .refused(401, "api_key_invalid");
    })
    .await;
}

#[tokio::test]
async fn line_31_a_key_does_nothing_that_is_its_persons_own() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let key = app.create_key(&access, json!({ "name": "k" })).await;
        let key = key.ok(201).text("key");
        let change =
            json!({ "current_password": PASSWORD, "new_password": "walnut-glacier-thimble-4" });
        for (method, path, body) in [
            (Method::POST, "/auth/api-keys", Some(json!({ "name": "k" }))),
            (Method::POST, "/auth/change-password", Some(change)),
            (Method::GET, "/auth/sessions", None),
            (Method::DELETE, "/auth/sessions", None),
            (
                Method::PATCH,
                "/auth/me",
                Some(json!({ "username": "bob" })),
            ),
            (
                Method::DELETE,
                "/auth/me",
                Some(json!({ "current_password": PASSWORD })),
            ),
            (Method::GET, "/auth/export", None),
        ] {
            app.as_user(method, path, &key, body)
                .await
                .refused(403, "permission_denied");
        }
        app.login("ann", PASSWORD).await.ok(200);
    })
    .await;
}
