//! What other programs ask: public keys, metadata, what a token is good for; and giving one up.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use tollgate_auth::JwtAlgorithm;
use tollgate_kernel::caller::{Caller, identified};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchange;
use tollgate_kernel::ids::{Ids, ServiceKeyId, UserId};
use tollgate_kernel::text::Language;
use tollgate_storage::testing::each_engine;
use tower::ServiceExt as _;

use crate::harness::{Answer, App, claims, config, part};
use crate::tokens::signed_by;

const JWKS: &str = "/auth/.well-known/jwks.json";

/// A host application whose key was checked by somebody else.
fn service(scopes: &[&str]) -> Caller {
    let ids = Ids::new(crate::harness::clock(), Entropy::system());
    Caller::Service {
        service_key_id: ids.next::<ServiceKeyId>(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
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
async fn inv_a1_others_check_our_tokens_by_the_document_alone() {
    each_engine(&[], async |db| {
        // One database: each setting rotates, and the set holds the keys of all that are good.
        for algorithm in [
            JwtAlgorithm::Rs256,
            JwtAlgorithm::Es256,
            JwtAlgorithm::EdDsa,
        ] {
            let app = App::with(&db, signed_by(algorithm)).await;
            app.clock.advance(Duration::from_hours(1));
            let app = App::around(app.auth, app.clock, &db);
            app.call(Method::GET, JWKS, &[], None).await.ok(200);
            app.clock.advance(Duration::from_secs(5));
            let name = format!("ann-{}", algorithm.as_str());
            let access = app.person(&name).await.text("access_token");
            let served = app.call(Method::GET, JWKS, &[], None).await.ok(200);
            assert_eq!(served.headers[header::CACHE_CONTROL], "public, max-age=300");
            assert_eq!(served.headers[header::CONTENT_TYPE], "application/json");
            for key in served.body["keys"].as_array().expect("a list") {
                for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
                    assert!(key.get(private).is_none(), "{key}");
                }
                assert_eq!(key["use"], "sig");
            }
            let set: JwkSet = serde_json::from_value(served.body).expect("RFC 7517");
            let head = jsonwebtoken::decode_header(&access).expect("a head");
            let jwk = set
                .find(head.kid.as_deref().expect("a kid"))
                .expect("a key");
            let by: Algorithm = algorithm.as_str().parse().expect("an algorithm");
            assert_eq!(
                jwk.common.key_algorithm.map(|alg| alg.to_string()),
                Some(algorithm.as_str().to_owned())
            );
            let mut validation = Validation::new(by);
            validation.set_audience(&["tollgate"]);
            validation.set_issuer(&["https://pay.example"]);
            validation.validate_exp = false;
            let key = DecodingKey::from_jwk(jwk).expect("a key");
            let read = jsonwebtoken::decode::<Value>(&access, &key, &validation);
            assert_eq!(read.expect("verified").claims, claims(&access));
            let (start, _) = access.rsplit_once('.').expect("a signature");
            let forged = format!("{start}.{}", "A".repeat(86));
            assert!(jsonwebtoken::decode::<Value>(&forged, &key, &validation).is_err());
        }
    })
    .await;
}

#[tokio::test]
async fn the_key_set_is_sent_once_while_it_stays_the_same() {
    each_engine(&[], async |db| {
        let app = App::with(&db, signed_by(JwtAlgorithm::Es256)).await;
        let get = async |tag: &str| {
            let headers = [("if-none-match", tag)];
            app.call(Method::GET, JWKS, &headers, None).await
        };
        let first = get("\"other\"").await.ok(200);
        let etag = first.headers[header::ETAG]
            .to_str()
            .expect("text")
            .to_owned();
        for tag in [
            etag.clone(),
            format!("W/{etag}"),
            format!("\"a\", {etag}"),
            "*".to_owned(),
        ] {
            let again = get(&tag).await.ok(304);
            assert_eq!(again.headers[header::ETAG], etag.as_str());
            assert_eq!(again.headers[header::CACHE_CONTROL], "public, max-age=300");
            assert_eq!(again.body, "");
        }
        app.auth.rotate_signing_keys().await.expect("rotates");
        let changed = get(&etag).await.ok(200);
        assert_ne!(changed.headers[header::ETAG], etag.as_str());
        assert_eq!(changed.body["keys"].as_array().map(Vec::len), Some(2));
    })
    .await;
    each_engine(&[], async |db| {
        let app = App::with(&db, signed_by(JwtAlgorithm::Hs256)).await;
        let set = app.call(Method::GET, JWKS, &[], None).await.ok(200);
        assert_eq!(set.body, json!({ "keys": [] }));
    })
    .await;
}

#[tokio::test]
async fn the_metadata_leads_to_every_endpoint() {
    each_engine(&[], async |db| {
        let mut config = config();
        config.issuer = "https://pay.example/".to_owned();
        let app = App::with(&db, config).await;
        let router: Router = app.auth.metadata_router();
        let request = Request::builder()
            .uri("/.well-known/oauth-authorization-server")
            .body(Body::empty());
        let answer = router
            .oneshot(request.expect("a request"))
            .await
            .expect("infallible");
        let bytes = axum::body::to_bytes(answer.into_body(), 65_536)
            .await
            .expect("a body");
        let said: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(
            said,
            json!({
                "issuer": "https://pay.example/",
                "token_endpoint": "https://pay.example/auth/refresh",
                "jwks_uri": "https://pay.example/auth/.well-known/jwks.json",
                "introspection_endpoint": "https://pay.example/auth/introspect",
                "revocation_endpoint": "https://pay.example/auth/revoke",
                "grant_types_supported": ["refresh_token"],
                "response_types_supported": [],
                "token_endpoint_auth_methods_supported": ["none"],
                "introspection_endpoint_auth_methods_supported": ["Bearer"],
                "revocation_endpoint_auth_methods_supported": ["none"],
                "service_documentation": "https://pay.example/docs/",
            })
        );
        // Each of them is there; the token endpoint takes the grant that is offered.
        for name in [
            "token_endpoint",
            "introspection_endpoint",
            "revocation_endpoint",
            "jwks_uri",
        ] {
            let path = said[name]
                .as_str()
                .and_then(|url| url.strip_prefix("https://pay.example"));
            let method = if name == "jwks_uri" {
                Method::GET
            } else {
                Method::POST
            };
            let answer = app.call(method, path.expect("ours"), &[], None).await;
            assert!(!matches!(answer.status.as_u16(), 404 | 405), "{answer:?}");
        }
        let refresh = app.person("ann").await.text("refresh_token");
        let form = format!("grant_type=refresh_token&refresh_token={refresh}");
        app.form("/auth/refresh", &form).await.ok(200);
    })
    .await;
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
