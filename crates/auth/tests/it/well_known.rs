//! What other programs find out by themselves: public keys, and where the endpoints are.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use tollgate_auth::JwtAlgorithm;
use tollgate_storage::testing::each_engine;
use tower::ServiceExt as _;

use crate::harness::{App, claims, config};
use crate::tokens::signed_by;

const JWKS: &str = "/auth/.well-known/jwks.json";

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
