//! What a token is good for now, and giving one up.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use serde_json::{Value, json};
use tollgate_kernel::caller::{Caller, identified};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchange;
use tollgate_kernel::ids::{Ids, ServiceKeyId, UserId};
use tollgate_kernel::scope::Scopes;
use tollgate_kernel::text::Language;
use tollgate_storage::testing::each_engine;
use tower::ServiceExt as _;

use crate::harness::{Answer, App, claims, part};

/// A host application whose key was checked by somebody else.
fn service(scopes: &[&str]) -> Caller {
    let ids = Ids::new(crate::harness::clock(), Entropy::system());
    Caller::Service {
        service_key_id: ids.next::<ServiceKeyId>(),
        scopes: Scopes::only(scopes.iter().copied()),
    }
}

/// Sends a form as `caller`.
async fn sent_by(app: &App, caller: Option<Caller>, path: &str, form: &str) -> Answer {
    let identify = move |mut request: Request, next: Next| {
        let caller = caller.clone();
        async move {
            identified(request.extensions_mut(), caller);
            next.run(request).await
        }
    };
    let host: Router = Router::new()
        .nest("/auth", app.auth.router())
        .layer(middleware::from_fn(identify));
    let ids = Ids::new(app.clock.clone(), Entropy::system());
    let router = Exchange::new(ids, Language::En, "https://pay.example/errors").around(host);
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()));
    let answer = router.oneshot(request.expect("a request")).await;
    let (parts, body) = answer.expect("infallible").into_parts();
    let bytes = axum::body::to_bytes(body, 65_536).await.expect("a body");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    }
}

async fn introspect(app: &App, token: &str) -> Value {
    let form = format!("token={token}");
    let answer = sent_by(
        app,
        Some(service(&["introspect"])),
        "/auth/introspect",
        &form,
    )
    .await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    answer.ok(200).body
}

async fn is_active(app: &App, token: &str) -> bool {
    let said = introspect(app, token).await;
    if said["active"] == json!(true) {
        return true;
    }
    // Nothing else is told of what is good for nothing.
    assert_eq!(said, json!({ "active": false }));
    false
}

#[tokio::test]
async fn inv_a3_introspection_tells_what_is_good_now() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let ann = app.person("ann").await;
        let (access, refresh) = (ann.text("access_token"), ann.text("refresh_token"));
        let made = app
            .create_key(&access, json!({ "name": "k" }))
            .await
            .ok(201);
        let said = claims(&access);
        let now = app.clock.now().seconds();
        let about = |kind: &str| {
            json!({ "active": true, "type": kind, "sub": said["sub"], "username": "ann",
                "iss": "https://pay.example", "livemode": false })
        };
        let mut by_access = about("access");
        by_access["token_type"] = json!("Bearer");
        for name in ["sid", "exp", "iat"] {
            by_access[name] = said[name].clone();
        }
        assert_eq!(introspect(&app, &access).await, by_access);
        let mut by_refresh = about("refresh");
        by_refresh["sid"] = said["sid"].clone();
        by_refresh["iat"] = json!(now);
        by_refresh["exp"] = json!(now + 7 * 86_400);
        assert_eq!(introspect(&app, &refresh).await, by_refresh);
        let mut by_key = about("api_key");
        by_key["token_type"] = json!("Bearer");
        by_key["api_key_id"] = made.body["id"].clone();
        let key = made.text("key");
        assert_eq!(introspect(&app, &key).await, by_key);
        // Asking uses nothing up, and a used token is good for nothing, without ending its family.
        let renewed = app.refresh(&refresh).await.ok(200);
        assert!(!is_active(&app, &refresh).await);
        app.clock.advance(Duration::from_mins(1));
        assert!(!is_active(&app, &refresh).await);
        assert!(is_active(&app, &renewed.text("refresh_token")).await);

        let broken = format!("{access}x");
        for nothing in [
            "",
            "x",
            "rt_",
            "sk_test_x",
            "a.b.c",
            "%20",
            "%F0%9F%98%80",
            broken.as_str(),
        ] {
            assert!(!is_active(&app, nothing).await, "{nothing}");
        }
        // Expired by time.
        app.clock.advance(Duration::from_mins(15));
        assert!(!is_active(&app, &access).await);
        app.clock.advance(Duration::from_hours(24 * 7));
        assert!(!is_active(&app, &renewed.text("refresh_token")).await);
        assert!(is_active(&app, &key).await);

        // Whatever ends a credential is seen at once.
        for (statement, keeps_key) in [
            ("UPDATE sessions SET revoked_at = created_at", true),
            ("UPDATE users SET is_active = (1 = 0)", false),
            ("UPDATE users SET deleted_at = created_at", false),
        ] {
            let login = app.login("ann", crate::harness::PASSWORD).await.ok(200);
            let credentials = [
                login.text("access_token"),
                login.text("refresh_token"),
                key.clone(),
            ];
            for credential in &credentials {
                assert!(is_active(&app, credential).await);
            }
            app.execute(statement).await;
            let after = [false, false, keeps_key];
            for (credential, after) in credentials.iter().zip(after) {
                assert_eq!(is_active(&app, credential).await, after, "{statement}");
            }
            app.execute("UPDATE users SET is_active = (1 = 1), deleted_at = NULL")
                .await;
        }
        app.execute("UPDATE api_keys SET revoked_at = created_at")
            .await;
        assert!(!is_active(&app, &key).await);
        db.close().await;
        let form = format!("token={key}");
        let away = sent_by(
            &app,
            Some(service(&["introspect"])),
            "/auth/introspect",
            &form,
        )
        .await;
        away.refused(503, "unavailable");
    })
    .await;
}

#[tokio::test]
async fn inv_a8_only_a_service_with_the_scope_introspects() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        app.execute("UPDATE users SET is_superuser = (1 = 1)").await;
        let ids = Ids::new(app.clock.clone(), Entropy::system());
        let user = Some(Caller::User {
            user_id: ids.next::<UserId>(),
            session_id: None,
        });
        let form = format!("token={access}");
        for (caller, status, code, error) in [
            (None, 401, "unauthenticated", "invalid_token"),
            (user, 403, "permission_denied", "insufficient_scope"),
            (
                Some(service(&[])),
                403,
                "permission_denied",
                "insufficient_scope",
            ),
            (
                Some(service(&["admin", "introspection", "quota"])),
                403,
                "permission_denied",
                "insufficient_scope",
            ),
        ] {
            let answer = sent_by(&app, caller, "/auth/introspect", &form).await;
            answer.refused(status, code);
            assert_eq!(answer.body["error"], error);
            assert!(answer.body.get("active").is_none());
        }
        let superuser = [("authorization", format!("Bearer {access}"))];
        let superuser = superuser
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let body = json!({ "token": access });
        app.call(Method::POST, "/auth/introspect", &superuser, Some(body))
            .await
            .refused(403, "permission_denied");
        let missing = sent_by(
            &app,
            Some(service(&["introspect"])),
            "/auth/introspect",
            "a=b",
        )
        .await;
        missing.invalid("/token", "required");
        assert_eq!(missing.body["error"], "invalid_request");
        let twice = format!("token={access}&token={access}");
        let twice = sent_by(
            &app,
            Some(service(&["introspect"])),
            "/auth/introspect",
            &twice,
        )
        .await;
        twice.refused(400, "bad_request");
        let hinted = format!("token={access}&token_type_hint=refresh_token");
        let hinted = sent_by(
            &app,
            Some(service(&["introspect"])),
            "/auth/introspect",
            &hinted,
        )
        .await;
        assert_eq!(hinted.headers.get("x-ignored-fields"), None);
        assert_eq!(hinted.ok(200).body["active"], true);
    })
    .await;
}

#[tokio::test]
async fn inv_a3_a_token_that_is_given_up_ends_its_sign_in() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.register("ann").await.ok(201);
        let revoke = async |token: &str| {
            let answer = app
                .form("/auth/revoke", &format!("token={token}"))
                .await
                .ok(200);
            assert_eq!(answer.body, "");
        };
        let sign_in = async || app.login("ann", crate::harness::PASSWORD).await.ok(200);
        let stands = async |tokens: &Answer| {
            app.get("/auth/me", &tokens.text("access_token"))
                .await
                .status
        };
        let other = sign_in().await;
        let key = app
            .create_key(&other.text("access_token"), json!({ "name": "k" }))
            .await;
        let key = key.ok(201).text("key");

        let by_access = sign_in().await;
        revoke(&by_access.text("access_token")).await;
        let by_refresh = sign_in().await;
        revoke(&by_refresh.text("refresh_token")).await;
        // The answer with the successor was lost: the one before ends the family as well.
        let lost = sign_in().await;
        let successor = app.refresh(&lost.text("refresh_token")).await.ok(200);
        app.clock.advance(Duration::from_mins(2));
        revoke(&lost.text("refresh_token")).await;
        for ended in [&by_access, &by_refresh, &lost, &successor] {
            assert_eq!(stands(ended).await, StatusCode::UNAUTHORIZED);
            app.get("/auth/verify", &ended.text("access_token"))
                .await
                .refused(401, "token_revoked");
        }
        for ended in [&by_access, &by_refresh, &successor] {
            app.refresh(&ended.text("refresh_token"))
                .await
                .refused(401, "token_revoked");
        }

        // Anything else does nothing, and is told the same.
        app.clock.advance(Duration::from_mins(12));
        let late = sign_in().await;
        app.clock.advance(Duration::from_mins(15));
        let (start, _) = late
            .text("access_token")
            .rsplit_once('.')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("a signature");
        let forged = format!("{start}.AAAA");
        for nothing in [
            late.text("access_token"),
            forged,
            key.clone(),
            by_refresh.text("refresh_token"),
            "rt_AAAA".to_owned(),
            "x".to_owned(),
            String::new(),
        ] {
            revoke(&nothing).await;
        }
        app.get("/auth/me", &key).await.ok(200);
        app.refresh(&late.text("refresh_token")).await.ok(200);
        app.refresh(&other.text("refresh_token")).await.ok(200);
        assert_eq!(part(&late.text("access_token"), 0)["typ"], "at+jwt");
        let missing = app.form("/auth/revoke", "refresh_token=x").await;
        missing.invalid("/token", "required");
        assert_eq!(missing.body["error"], "invalid_request");
    })
    .await;
}
