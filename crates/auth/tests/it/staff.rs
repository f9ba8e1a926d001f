//! A3 and A8 for staff: roles, what they may do, and that one admin is always left.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_auth::model::role::Role;
use tollgate_storage::audit;
use tollgate_storage::testing::each_engine;

use crate::harness::{Answer, App, PASSWORD, master_key};

/// Somebody with a role, as an operator would make them.
pub(crate) async fn member(app: &App, name: &str, role: Role) -> (String, String) {
    let tokens = app.person(name).await;
    let id = tokens.body["user"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut tx = app.db.begin().await.expect("begins");
    let statement = "INSERT INTO user_roles (user_id, role, created_at) SELECT id, $2, created_at FROM users WHERE username = $1";
    tollgate_storage::in_tx!(&mut tx, |c| sqlx::query(statement)
        .bind(name)
        .bind(role.as_str())
        .execute(c)
        .await
        .map(|_| ()))
    .expect("given");
    tx.commit().await.expect("commits");
    (id, tokens.text("access_token"))
}

async fn call(app: &App, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    app.as_user(method, path, token, body).await
}

#[tokio::test]
async fn inv_a8_each_role_opens_what_its_permissions_say_and_no_more() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let (_, admin) = member(&app, "root1", Role::Admin).await;
        let (_, finance) = member(&app, "money", Role::Finance).await;
        let (_, support) = member(&app, "help1", Role::Support).await;
        let (_, reader) = member(&app, "reader", Role::ReadOnly).await;
        let plain = app.person("ann").await;
        let target = app.person("bob").await;
        let bob = target.body["user"]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let key = app
            .create_key(&admin, json!({ "name": "k" }))
            .await
            .ok(201)
            .text("key");
        let user = format!("/admin/users/{bob}");
        let roles = format!("{user}/roles");
        let sessions = format!("{user}/sessions");
        let open = json!({ "email": "x", "username": "y" });
        // Route, body, and who may: admin, finance, support, read_only.
        let matrix: [(&str, &str, Option<Value>, [bool; 4]); 10] = [
            ("GET", "/admin/users", None, [true, true, true, true]),
            ("GET", &user, None, [true, true, true, true]),
            ("GET", &roles, None, [true, true, true, true]),
            (
                "POST",
                "/admin/users",
                Some(open),
                [true, false, true, false],
            ),
            (
                "PATCH",
                &user,
                Some(json!({ "is_active": true })),
                [true, false, true, false],
            ),
            (
                "PUT",
                &roles,
                Some(json!({ "roles": [] })),
                [true, false, false, false],
            ),
            ("DELETE", &sessions, None, [true, false, true, false]),
            (
                "POST",
                "/admin/invites",
                Some(json!({ "email": "i@x.com" })),
                [true, false, true, false],
            ),
            ("GET", "/admin/audit-log", None, [true, false, false, true]),
            ("GET", "/host/money", None, [true, true, false, false]),
        ];
        for (method, path, body, may) in &matrix {
            for (token, may) in [&admin, &finance, &support, &reader].into_iter().zip(may) {
                let answer = call(&app, token, method, path, body.clone()).await;
                if *may {
                    assert!(
                        ![401, 403].contains(&answer.status.as_u16()),
                        "{method} {path} {answer:?}"
                    );
                } else {
                    answer.refused(403, "permission_denied");
                }
            }
            // Somebody without a role, a key of the admin, and nobody.
            call(
                &app,
                &plain.text("access_token"),
                method,
                path,
                body.clone(),
            )
            .await
            .refused(403, "permission_denied");
            call(&app, &key, method, path, body.clone())
                .await
                .refused(403, "permission_denied");
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            app.call(method, path, &[], body.clone())
                .await
                .refused(401, "unauthenticated");
        }
    })
    .await;
}

#[tokio::test]
async fn inv_a8_nobody_is_404_for_staff_too() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let (_, admin) = member(&app, "root1", Role::Admin).await;
        let (bob, _) = member(&app, "bob", Role::ReadOnly).await;
        for id in [
            "x",
            "0198a000-0000-7000-8000-000000000000",
            &bob.to_uppercase(),
        ] {
            call(&app, &admin, "GET", &format!("/admin/users/{id}"), None)
                .await
                .refused(404, "not_found");
            let body = Some(json!({ "is_active": false }));
            call(&app, &admin, "PATCH", &format!("/admin/users/{id}"), body)
                .await
                .refused(404, "not_found");
            let body = Some(json!({ "roles": [] }));
            call(
                &app,
                &admin,
                "PUT",
                &format!("/admin/users/{id}/roles"),
                body,
            )
            .await
            .refused(404, "not_found");
            call(
                &app,
                &admin,
                "DELETE",
                &format!("/admin/users/{id}/sessions"),
                None,
            )
            .await
            .refused(404, "not_found");
        }
    })
    .await;
}

#[tokio::test]
async fn inv_a3_a_role_that_was_taken_is_gone_at_once() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let (_, admin) = member(&app, "root1", Role::Admin).await;
        let (id, support) = member(&app, "help1", Role::Support).await;
        call(&app, &support, "GET", "/admin/users", None)
            .await
            .ok(200);
        let me = app.get("/auth/me", &support).await.ok(200);
        assert_eq!(
            me.body["permissions"],
            json!(["payments.read", "usage.read", "users.read", "users.write"])
        );
        let path = format!("/admin/users/{id}/roles");
        let body = Some(json!({ "roles": ["read_only"], "reason": "moved" }));
        let set = call(&app, &admin, "PUT", &path, body).await.ok(200);
        assert_eq!(set.body["roles"], json!(["read_only"]));
        call(&app, &support, "POST", "/admin/users", Some(json!({})))
            .await
            .refused(403, "permission_denied");
        call(&app, &support, "GET", "/admin/users", None)
            .await
            .ok(200);
        call(
            &app,
            &admin,
            "PUT",
            &path,
            Some(json!({ "roles": ["root"] })),
        )
        .await
        .invalid("/roles/0", "unknown_role");
        call(
            &app,
            &admin,
            "PUT",
            &path,
            Some(json!({ "role": [] , "roles": []})),
        )
        .await
        .refused(422, "unknown_field");
        // Written down: who, what, before, after, why.
        let audit = call(
            &app,
            &admin,
            "GET",
            "/admin/audit-log?subject_kind=user",
            None,
        )
        .await
        .ok(200);
        let entry = &audit.body["data"][0];
        assert_eq!(
            (
                &entry["action"],
                &entry["before"],
                &entry["after"],
                &entry["reason"],
                &entry["subject_id"]
            ),
            (
                &json!("user.roles_changed"),
                &json!({ "roles": ["support"] }),
                &json!({ "roles": ["read_only"] }),
                &json!("moved"),
                &json!(id),
            )
        );
        audit::verify(&db, &master_key()).await.expect("whole");
    })
    .await;
}

#[tokio::test]
async fn line_59_the_audit_log_as_a_table_runs_nothing() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let (_, admin) = member(&app, "root2", Role::Admin).await;
        let (id, _) = member(&app, "help2", Role::Support).await;
        let path = format!("/admin/users/{id}/roles");
        let body = json!({ "roles": ["read_only"], "reason": "=HYPERLINK(\"http://x\")" });
        call(&app, &admin, "PUT", &path, Some(body)).await.ok(200);
        let query = "/admin/audit-log?format=csv&subject_kind=user";
        let table = call(&app, &admin, "GET", query, None).await.ok(200);
        assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
        let disposition = &table.headers["content-disposition"];
        assert_eq!(disposition, "attachment; filename=\"audit-log.csv\"");
        let lines: Vec<&str> = table.body.as_str().expect("text").lines().collect();
        assert!(
            lines[0].starts_with("position,id,at,actor_kind,"),
            "{lines:?}"
        );
        assert!(lines[1].contains(",user.roles_changed,user,"), "{lines:?}");
        let cell = "\"'=HYPERLINK(\"\"http://x\"\")\"";
        assert!(lines[1].contains(cell), "{lines:?}");
        let one = format!("{query}&limit=1");
        let one = call(&app, &admin, "GET", &one, None).await.ok(200);
        assert_eq!(one.body.as_str().expect("text").lines().count(), 2);
        for bad in [
            "format=xml",
            "format=csv&limit=10001",
            "format=csv&limit=0",
            "limit=101",
        ] {
            let path = format!("/admin/audit-log?{bad}");
            let refused = call(&app, &admin, "GET", &path, None).await;
            refused.refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test]
async fn inv_a3_who_is_deactivated_is_out_at_once() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let (root, admin) = member(&app, "root1", Role::Admin).await;
        let (_, support) = member(&app, "help1", Role::Support).await;
        let bob = app.person("bob").await;
        let access = bob.text("access_token");
        let key = app
            .create_key(&access, json!({ "name": "k" }))
            .await
            .ok(201)
            .text("key");
        let id = bob.body["user"]["id"].as_str().expect("an id");
        let path = format!("/admin/users/{id}");
        let body = json!({ "is_active": false, "reason": "asked for" });
        let off = call(&app, &support, "PATCH", &path, Some(body))
            .await
            .ok(200);
        assert_eq!(off.body["is_active"], false);
        app.get("/auth/me", &access)
            .await
            .refused(401, "token_revoked");
        app.get("/auth/verify", &key)
            .await
            .refused(401, "api_key_invalid");
        app.refresh(&bob.text("refresh_token"))
            .await
            .refused(401, "token_revoked");
        app.login("bob", PASSWORD)
            .await
            .refused(401, "user_inactive");
        // Staff is touched by admins only, and support is no admin.
        for (path, body) in [
            (
                format!("/admin/users/{root}"),
                json!({ "is_active": false }),
            ),
            (format!("/admin/users/{root}/roles"), json!({ "roles": [] })),
        ] {
            let method = if path.ends_with("roles") {
                "PUT"
            } else {
                "PATCH"
            };
            call(&app, &support, method, &path, Some(body))
                .await
                .refused(403, "permission_denied");
        }
        call(
            &app,
            &support,
            "DELETE",
            &format!("/admin/users/{root}/sessions"),
            None,
        )
        .await
        .refused(403, "permission_denied");
        let on = call(
            &app,
            &admin,
            "PATCH",
            &path,
            Some(json!({ "is_active": true })),
        )
        .await
        .ok(200);
        assert_eq!(on.body["is_active"], true);
        // What ended stays ended.
        app.refresh(&bob.text("refresh_token"))
            .await
            .refused(401, "token_revoked");
        app.login("bob", PASSWORD).await.ok(200);
        let told: i64 = app
            .one("SELECT COUNT(*) FROM outbox WHERE kind = 'user.deactivated'")
            .await;
        assert_eq!(told, 1);
    })
    .await;
}

async fn leave(app: &App, token: &str) -> Answer {
    let body = json!({ "current_password": PASSWORD });
    call(app, token, "DELETE", "/auth/me", Some(body)).await
}

const ADMINS: &str = "SELECT COUNT(*) FROM users u WHERE u.is_active AND u.deleted_at IS NULL
    AND (u.is_superuser OR u.id IN (SELECT r.user_id FROM user_roles r WHERE r.role = 'admin'))";

#[tokio::test]
async fn inv_a8_the_last_admin_stays_last_admin() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        // Where there is no admin at all, people leave as they like.
        let nobody = app.person("nobody").await.text("access_token");
        leave(&app, &nobody).await.ok(204);
        let (root, admin) = member(&app, "root1", Role::Admin).await;
        let user = format!("/admin/users/{root}");
        let off = json!({ "is_active": false });
        let none = json!({ "roles": ["support"] });
        let kept = async |token: &str| {
            leave(&app, token).await.refused(409, "last_admin");
            let refused = call(&app, token, "PATCH", &user, Some(off.clone())).await;
            refused.refused(409, "last_admin");
            app.get("/auth/me", token).await.ok(200);
        };
        kept(&admin).await;
        let roles = format!("{user}/roles");
        let refused = call(&app, &admin, "PUT", &roles, Some(none.clone())).await;
        refused.refused(409, "last_admin");
        // Who may not act, and who has another role, is no other admin.
        let (_, idle) = member(&app, "root2", Role::Admin).await;
        let (_, helper) = member(&app, "help1", Role::Support).await;
        app.execute("UPDATE users SET is_active = (1 = 0) WHERE username = 'root2'")
            .await;
        kept(&admin).await;
        leave(&app, &helper).await.ok(204);
        // A superuser is one, without any role.
        app.execute("UPDATE users SET is_active = (1 = 1) WHERE username = 'root2'")
            .await;
        app.execute("DELETE FROM user_roles").await;
        app.execute("UPDATE users SET is_superuser = (1 = 1) WHERE username = 'root1'")
            .await;
        kept(&admin).await;
        app.execute("UPDATE users SET is_superuser = (1 = 1) WHERE username = 'root2'")
            .await;
        leave(&app, &admin).await.ok(204);
        leave(&app, &idle).await.refused(409, "last_admin");
        assert_eq!(app.one::<i64>(ADMINS).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_of_two_admins_who_leave_at_once_one_stays_last_admin() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        for round in 0..6 {
            let (one, two) = (format!("left{round}"), format!("right{round}"));
            let (_, first) = member(&app, &one, Role::Admin).await;
            let (other, second) = member(&app, &two, Role::Admin).await;
            let rival = async {
                if round % 2 == 0 {
                    return leave(&app, &second).await;
                }
                let path = format!("/admin/users/{other}");
                let off = json!({ "is_active": false });
                call(&app, &first, "PATCH", &path, Some(off)).await
            };
            let (leaves, rival) = tokio::join!(leave(&app, &first), rival);
            let statuses = [leaves.status.as_u16(), rival.status.as_u16()];
            assert_eq!(app.one::<i64>(ADMINS).await, 1, "{statuses:?}");
            let done = statuses.iter().filter(|status| **status < 300).count();
            assert_eq!(done, 1, "{statuses:?}");
            app.execute("UPDATE users SET is_active = (1 = 0)").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_admin_is_always_left() {
    each_engine(&[], async |db| {
        let app = Arc::new(App::new(&db).await);
        let (one, first) = member(&app, "root1", Role::Admin).await;
        let (two, second) = member(&app, "root2", Role::Admin).await;
        // Each takes the role from the other, many times at once.
        let mut rivals = JoinSet::new();
        for number in 0..10 {
            let app = Arc::clone(&app);
            let (token, id) = if number % 2 == 0 { (first.clone(), two.clone()) } else { (second.clone(), one.clone()) };
            rivals.spawn(async move {
                let body = if number % 4 < 2 { json!({ "roles": [] }) } else { json!({ "is_active": false }) };
                let (method, path) = if number % 4 < 2 { ("PUT", format!("/admin/users/{id}/roles")) } else { ("PATCH", format!("/admin/users/{id}")) };
                call(&app, &token, method, &path, Some(body)).await.status.as_u16()
            });
        }
        let statuses = rivals.join_all().await;
        assert!(statuses.iter().all(|status| [200, 401, 403, 409, 503].contains(status)), "{statuses:?}");
        let left: i64 = app
            .one("SELECT COUNT(*) FROM users u JOIN user_roles r ON r.user_id = u.id WHERE r.role = 'admin' AND u.is_active")
            .await;
        assert_eq!(left, 1, "{statuses:?}");
    })
    .await;
}

#[tokio::test]
async fn people_are_found_and_accounts_opened() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let (_, admin) = member(&app, "root1", Role::Admin).await;
        for name in ["ann", "annie", "bob_x"] {
            app.clock.advance(Duration::from_secs(1));
            app.register(name).await.ok(201);
        }
        app.mail().await;
        let found = async |query: &str| {
            let page = call(&app, &admin, "GET", &format!("/admin/users?{query}"), None)
                .await
                .ok(200);
            let data = page.body["data"].as_array().expect("a list").clone();
            data.iter()
                .map(|user| user["username"].as_str().expect("a name").to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(found("q=ANN").await, ["annie", "ann"]);
        assert_eq!(found("q=_").await, ["bob_x"], "not a pattern");
        assert!(found("q=%25%25").await.is_empty());
        assert_eq!(found("is_active=false").await, Vec::<String>::new());
        assert_eq!(found("limit=1").await, ["bob_x"]);
        call(&app, &admin, "GET", "/admin/users?limit=0", None)
            .await
            .invalid("/limit", "out_of_range");
        let body = json!({ "email": "new@example.com", "username": "newcomer" });
        let made = call(&app, &admin, "POST", "/admin/users", Some(body))
            .await
            .ok(201);
        assert_eq!(made.body["is_superuser"], false);
        let letters = app.mail().await;
        assert_eq!(
            (letters[0].to.as_str(), letters[0].content.kind()),
            ("new@example.com", "reset_password")
        );
        app.login("newcomer", "")
            .await
            .refused(401, "invalid_credentials");
        let body = json!({ "token": crate::harness::token(&letters[0]), "new_password": PASSWORD });
        app.post("/auth/reset-password", body).await.ok(204);
        app.login("newcomer", PASSWORD).await.ok(200);
        for (body, code) in [
            (
                json!({ "email": "new@example.com", "username": "other" }),
                "email_taken",
            ),
            (
                json!({ "email": "o@example.com", "username": "Newcomer" }),
                "username_taken",
            ),
        ] {
            call(&app, &admin, "POST", "/admin/users", Some(body))
                .await
                .refused(409, code);
        }
    })
    .await;
}

#[tokio::test]
async fn inv_a5_the_first_admin_gets_in_by_link_or_password_until_somebody_has() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let email = "admin@localhost".parse().expect("an address");
        let older = app
            .auth
            .first_admin(&email, None)
            .await
            .expect("made")
            .expect("given");
        let first = app
            .auth
            .first_admin(&email, None)
            .await
            .expect("made")
            .expect("given");
        let secret = |secret: &secrecy::SecretString| {
            secrecy::ExposeSecret::expose_secret(secret).to_owned()
        };
        let link = |admin: &tollgate_auth::FirstAdmin| {
            let text = secret(admin.link.as_ref().expect("a link"));
            text.split_once("token=").expect("a token").1.to_owned()
        };
        let set_up = async |token: &str| app.post("/auth/setup", json!({ "token": token })).await;
        set_up(&link(&older))
            .await
            .invalid("/token", "invalid_token");
        app.login("admin@localhost", &secret(&older.password))
            .await
            .refused(401, "invalid_credentials");
        let tokens = set_up(&link(&first)).await.ok(200);
        assert_eq!(tokens.body["user"]["permissions"], json!(["admin"]));
        call(
            &app,
            &tokens.text("access_token"),
            "GET",
            "/admin/users",
            None,
        )
        .await
        .ok(200);
        set_up(&link(&first))
            .await
            .invalid("/token", "invalid_token");
        assert!(
            app.auth
                .first_admin(&email, None)
                .await
                .expect("asked")
                .is_none()
        );
        app.login("admin@localhost", &secret(&first.password))
            .await
            .ok(200);
        let given = "plum-lantern-orchard-9".to_owned().into();
        assert!(
            app.auth
                .first_admin(&email, Some(&given))
                .await
                .expect("asked")
                .is_none()
        );
        app.login("admin@localhost", &secret(&first.password))
            .await
            .ok(200);
        let new = app.auth.reset_password_of(&email).await.expect("reset");
        app.get("/auth/me", &tokens.text("access_token"))
            .await
            .refused(401, "token_revoked");
        app.login("admin@localhost", &secret(&new)).await.ok(200);
    })
    .await;
}
