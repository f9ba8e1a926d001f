//! Tokens for other programs: what one is good for, and giving one up. Forms, in OAuth's dress.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, ServiceKeyId, SessionId, UserId};
use tollgate_kernel::input::JsonOrForm;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::scope::INTROSPECT;
use utoipa::ToSchema;

use super::oauth::{dressed, is_form};
use crate::model::key_terms::KeyTerms;
use crate::operations::introspect::{Credential, Introspection};
use crate::words::WORDS;
use crate::{AuthService, problems};

/// A token, as OAuth clients send it.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct TokenBody {
    #[schema(value_type = String, required)]
    token: Option<SecretString>,
    /// Not needed: a token tells its own kind.
    #[serde(rename = "token_type_hint")]
    _hint: Option<String>,
}

impl TokenBody {
    fn token(self) -> Result<SecretString, Problem> {
        self.token.ok_or_else(|| problems::required("/token"))
    }
}

/// What a credential is good for (RFC 7662). Of one that is good for nothing, `active` is all there is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum IntrospectionShape {
    /// Good.
    Active(Box<ActiveShape>),
    /// Good for nothing; why is not told.
    Inactive {
        /// false
        active: bool,
    },
}

/// A credential that is good. What does not apply is absent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActiveShape {
    /// true
    active: bool,
    /// `access`, `refresh`, `api_key` or `service_key`. A refresh token must not open anything.
    #[serde(rename = "type")]
    kind: &'static str,
    /// `Bearer`, of what may be sent as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// Of the person; a host application's key has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    sub: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    iss: String,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// Unix seconds; absent = never.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// Of the sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    sid: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    api_key_id: Option<ApiKeyId>,
    /// Of a host application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    service_key_id: Option<ServiceKeyId>,
    /// Of a key that is limited to scopes, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// Of a key that may be used from these addresses and networks only: whoever lets it in sees to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_addresses: Vec<String>,
    /// Of a key that may call so often in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit_per_minute: Option<u32>,
    livemode: bool,
}

fn shape(service: &AuthService, found: Option<Introspection>) -> IntrospectionShape {
    let Some(found) = found else {
        return IntrospectionShape::Inactive { active: false };
    };
    let config = &service.parts().config;
    let (mut sid, mut api_key_id, mut service_key_id) = (None, None, None);
    let (kind, terms) = match found.credential {
        Credential::Access(session) => {
            sid = Some(session);
            ("access", KeyTerms::unlimited())
        }
        Credential::Refresh(session) => {
            sid = Some(session);
            ("refresh", KeyTerms::unlimited())
        }
        Credential::ApiKey(key, terms) => {
            api_key_id = Some(key);
            ("api_key", terms)
        }
        Credential::Service(key, terms) => {
            service_key_id = Some(key);
            ("service_key", terms)
        }
    };
    let (sub, username) = found.user.map(|user| (user.id, user.username)).unzip();
    IntrospectionShape::Active(Box::new(ActiveShape {
        active: true,
        kind,
        token_type: (kind != "refresh").then_some("Bearer"),
        sub,
        username,
        iss: config.issuer.clone(),
        iat: found.issued_at.map(Timestamp::seconds),
        exp: found.expires_at.map(Timestamp::seconds),
        sid,
        api_key_id,
        service_key_id,
        scope: terms.scopes.names().map(|names| names.join(" ")),
        allowed_addresses: terms.addresses.texts(),
        rate_limit_per_minute: terms.per_minute,
        livemode: config.livemode,
    }))
}

/// What an access token, a refresh token or an API key is good for now (RFC 7662). For host
/// applications: takes a service key with the scope `introspect`.
#[utoipa::path(post, path = "/introspect", tag = "auth",
    request_body(content = TokenBody, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = IntrospectionShape),
        (status = 401, description = "`unauthenticated`"),
        (status = 403, description = "`permission_denied`"),
        (status = 422, description = "`validation_failed`"),
    ))]
pub(super) async fn introspect(
    State(service): State<AuthService>,
    headers: HeaderMap,
    caller: Option<Caller>,
    body: Result<JsonOrForm<TokenBody>, Problem>,
) -> Result<Json<IntrospectionShape>, Problem> {
    let told = async {
        may_introspect(caller.as_ref())?;
        let token = body?.value.token()?;
        let found = service.introspect(&token).await?;
        Ok(Json(shape(&service, found)))
    };
    told.await
        .map_err(|problem| dressed(problem, is_form(&headers)))
}

/// Nobody but a service that was given the scope, an administrator neither. `error` is RFC 6750's word.
fn may_introspect(caller: Option<&Caller>) -> Result<(), Problem> {
    match caller {
        None => Err(Problem::new(Code::Unauthenticated).with("error", "invalid_token")),
        Some(Caller::Service { scopes, .. }) if scopes.allow(INTROSPECT) => Ok(()),
        Some(_) => Err(Problem::new(Code::PermissionDenied)
            .detail(WORDS.text("keys.introspect"))
            .with("permission", INTROSPECT)
            .with("error", "insufficient_scope")),
    }
}

/// Gives a token up (RFC 7009): the sign-in of a refresh token or an access token ends, with all its
/// tokens. 200 whatever the token was.
#[utoipa::path(post, path = "/revoke", tag = "auth", security(()),
    request_body(content = TokenBody, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "the token is good for nothing, now or before"),
        (status = 422, description = "`validation_failed`: there is no `token`"),
    ))]
pub(super) async fn revoke(
    State(service): State<AuthService>,
    headers: HeaderMap,
    body: Result<JsonOrForm<TokenBody>, Problem>,
) -> Result<StatusCode, Problem> {
    let revoked = async {
        let token = body?.value.token()?;
        service.revoke_token(&token).await?;
        Ok(StatusCode::OK)
    };
    revoked
        .await
        .map_err(|problem: Problem| dressed(problem, is_form(&headers)))
}
