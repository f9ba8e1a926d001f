//! What other programs find out by themselves: the public keys, and where the endpoints are.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AuthService;
use crate::signing::JWKS_MAX_AGE;

impl AuthService {
    /// What lies at the root of a host, outside of `/auth`: `/.well-known/oauth-authorization-server`.
    ///
    /// ```
    /// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
    /// # use tollgate_kernel::entropy::Entropy;
    /// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
    /// # use axum::{Router, body::Body, extract::Request, http::StatusCode};
    /// # use tower::ServiceExt as _;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
    /// # let mut config = AuthConfig::new("https://shop.example");
    /// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
    /// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
    /// # let auth = builder.weak_hashing_for_tests().build().await?;
    /// let app: Router = auth.metadata_router();
    /// let asked = Request::get("/.well-known/oauth-authorization-server").body(Body::empty())?;
    /// assert_eq!(app.oneshot(asked).await?.status(), StatusCode::OK);
    /// # Ok(())
    /// # }
    /// ```
    pub fn metadata_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.openapi_metadata_router().into()
    }

    /// The same, with its documentation.
    pub fn openapi_metadata_router<S: Clone + Send + Sync + 'static>(&self) -> OpenApiRouter<S> {
        OpenApiRouter::new()
            .routes(routes!(metadata))
            .with_state(self.clone())
    }
}

/// Public keys (RFC 7517 §5).
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes a document that is kept ready as text")]
pub(super) struct KeySet {
    /// Of the key that signs, the one that will, and those whose tokens are still good; none under HS256.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Value>,
}

/// The public keys of access tokens. May be kept for 5 minutes: a new key is published for longer than
/// that before it signs.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", security(()),
    responses(
        (status = 200, body = KeySet, headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "`If-None-Match` names what there is"),
    ))]
pub(super) async fn jwks(State(service): State<AuthService>, headers: HeaderMap) -> Response {
    let parts = service.parts();
    let published = parts.signing.published(parts.clock.now()).await;
    let cache = format!("public, max-age={}", JWKS_MAX_AGE.as_secs());
    let known = is_known(&headers, &published.etag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        published.body.clone().into_response()
    };
    let kept = response.headers_mut();
    if !known {
        let json = HeaderValue::from_static("application/json");
        kept.insert(header::CONTENT_TYPE, json);
    }
    for (name, text) in [
        (header::ETAG, &published.etag),
        (header::CACHE_CONTROL, &cache),
    ] {
        if let Ok(value) = HeaderValue::from_str(text) {
            kept.insert(name, value);
        }
    }
    response
}

/// RFC 9110 §13.1.2, with the weak comparison it asks for.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Where the endpoints are (RFC 8414).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Metadata {
    #[schema(example = "https://pay.example.com")]
    issuer: String,
    token_endpoint: String,
    jwks_uri: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    grant_types_supported: [&'static str; 1],
    /// None: there is no authorization endpoint.
    response_types_supported: [&'static str; 0],
    token_endpoint_auth_methods_supported: [&'static str; 1],
    introspection_endpoint_auth_methods_supported: [&'static str; 1],
    revocation_endpoint_auth_methods_supported: [&'static str; 1],
    service_documentation: String,
}

/// Where the endpoints are (RFC 8414). The sign-in by form is for the button of the API reference, and is
/// not offered here (RFC 9700 §2.4).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "auth", security(()),
    responses((status = 200, body = Metadata)))]
async fn metadata(State(service): State<AuthService>) -> Json<Metadata> {
    let issuer = service.parts().config.issuer.clone();
    let base = issuer.trim_end_matches('/').to_owned();
    let at = |path: &str| format!("{base}{path}");
    Json(Metadata {
        token_endpoint: at("/auth/refresh"),
        jwks_uri: at("/auth/.well-known/jwks.json"),
        introspection_endpoint: at("/auth/introspect"),
        revocation_endpoint: at("/auth/revoke"),
        service_documentation: at("/docs/"),
        issuer,
        grant_types_supported: ["refresh_token"],
        response_types_supported: [],
        token_endpoint_auth_methods_supported: ["none"],
        introspection_endpoint_auth_methods_supported: ["Bearer"],
        revocation_endpoint_auth_methods_supported: ["none"],
    })
}
