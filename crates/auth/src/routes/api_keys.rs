//! Keys of a person. A key cannot manage keys: it takes a sign-in.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tollgate_kernel::caller::{Caller, SignedIn};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::ApiKeyId;
use tollgate_kernel::input::{Body, Params, PathId};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::Confirmed;
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::scope::Scopes;
use utoipa::{IntoParams, ToSchema};

use crate::model::api_key::{ApiKey, KeyName, PlainKey};
use crate::model::key_terms::{self, KeyTerms};
use crate::operations::api_keys::{CreateKey, CreateKeyError, RotateKey};
use crate::{AuthService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiKeyShape {
    #[schema(value_type = String, format = "uuid")]
    id: ApiKeyId,
    /// `sk_live_abc...`
    key_prefix: String,
    name: String,
    #[schema(value_type = Option<String>, format = "date-time")]
    last_used_at: Option<Timestamp>,
    is_active: bool,
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    /// Null = never.
    #[schema(value_type = Option<String>, format = "date-time")]
    expires_at: Option<Timestamp>,
    /// What it may be used for; empty = everything.
    scopes: Vec<String>,
    /// From where it may be used; empty = from anywhere.
    #[schema(example = json!(["203.0.113.0/24"]))]
    allowed_addresses: Vec<String>,
    /// Null = no limit of its own.
    rate_limit_per_minute: Option<u32>,
    /// The key it takes the place of.
    #[schema(value_type = Option<String>, format = "uuid")]
    rotated_from: Option<ApiKeyId>,
    /// The whole key, this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl From<ApiKey> for ApiKeyShape {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            key_prefix: key.key_prefix,
            name: key.name,
            last_used_at: key.last_used_at,
            is_active: key.is_active,
            created_at: key.created_at,
            expires_at: key.expires_at,
            scopes: key.terms.scopes.names().unwrap_or_default().to_vec(),
            allowed_addresses: key.terms.addresses.texts(),
            rate_limit_per_minute: key.terms.per_minute,
            rotated_from: key.rotated_from,
            key: None,
        }
    }
}

/// A page of keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiKeyPage {
    data: Vec<ApiKeyShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<ApiKeyId>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// 1 to 100.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<ApiKeyId>,
}

/// My keys, newest first.
#[utoipa::path(get, path = "/api-keys", tag = "auth", params(PageParams), responses((status = 200, body = ApiKeyPage)))]
pub(super) async fn list(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    Params(params): Params<PageParams>,
) -> Result<Json<ApiKeyPage>, Problem> {
    let limit = params.limit.unwrap_or(LIMIT);
    let page = service
        .list_api_keys(user, params.starting_after, limit)
        .await;
    let page = page.map_err(problems::list_keys)?;
    let next_cursor = page.keys.last().filter(|_| page.has_more).map(|key| key.id);
    Ok(Json(ApiKeyPage {
        data: page.keys.into_iter().map(ApiKeyShape::from).collect(),
        has_more: page.has_more,
        next_cursor,
    }))
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreateApiKeyBody {
    /// 1 to 100 characters.
    #[schema(example = "server")]
    name: String,
    /// Null = never.
    #[schema(value_type = Option<String>, format = "date-time")]
    expires_at: Option<Timestamp>,
    /// `quota`, `usage`, `payments`, `account`, and those of the application; none = everything.
    #[serde(default)]
    scopes: Vec<String>,
    /// Addresses and networks (CIDR); none = from anywhere. At most 50.
    #[serde(default)]
    #[schema(example = json!(["203.0.113.0/24"]))]
    allowed_addresses: Vec<String>,
    /// 1 to 1,000,000; null = no limit of its own. Each instance counts for itself.
    rate_limit_per_minute: Option<u32>,
    /// In place of a confirmation of the last five minutes.
    #[schema(value_type = Option<String>, format = "password")]
    current_password: Option<SecretString>,
}

/// Makes a key. `key` is in this answer and nowhere else.
#[utoipa::path(post, path = "/api-keys", tag = "auth", request_body = CreateApiKeyBody,
    responses((status = 201, body = ApiKeyShape), (status = 403, description = "`permission_denied`: by a key; `confirmation_required`"),
        (status = 422, description = "`validation_failed`")))]
pub(super) async fn create(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    caller: Caller,
    origin: Origin,
    Body { value: body, .. }: Body<CreateApiKeyBody>,
) -> Result<(StatusCode, Json<ApiKeyShape>), Problem> {
    let password = body.current_password.as_ref();
    service.confirmed_by(&caller, password).await?;
    let known = &service.parts().config.api_key_scopes;
    let mut errors = FieldErrors::new();
    let name = errors.take("/name", body.name.parse::<KeyName>());
    let terms = KeyTerms {
        scopes: key_terms::scopes(&body.scopes, known, &mut errors)
            .unwrap_or_else(Scopes::everything),
        addresses: key_terms::addresses(&body.allowed_addresses, &mut errors),
        per_minute: key_terms::per_minute(body.rate_limit_per_minute, &mut errors),
    };
    errors.finish()?;
    let name = name.ok_or_else(|| problems::required("/name"))?;
    let expires_at = body.expires_at;
    let wish = CreateKey {
        name,
        expires_at,
        terms,
    };
    let made = service.create_api_key(user, &wish, &origin).await;
    shown_once(made)
}

fn shown_once(
    made: Result<(ApiKey, PlainKey), CreateKeyError>,
) -> Result<(StatusCode, Json<ApiKeyShape>), Problem> {
    let (key, plain) = made.map_err(problems::create_key)?;
    let shape = ApiKeyShape {
        key: Some(plain.text().to_owned()),
        ..key.into()
    };
    Ok((StatusCode::CREATED, Json(shape)))
}

/// How a key is renewed.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct RotateApiKeyBody {
    /// How long the old key goes on: 0 to 2,592,000 (30 days); a day when left out. 0 = it ends at once.
    #[schema(example = 86_400)]
    overlap_seconds: Option<u32>,
    /// Of the new key; left out: it lives as long as the old one was given.
    #[schema(value_type = Option<String>, format = "date-time")]
    expires_at: Option<Timestamp>,
    /// In place of a confirmation of the last five minutes.
    #[schema(value_type = Option<String>, format = "password")]
    current_password: Option<SecretString>,
}

/// Makes a key in the place of another, with its name and limits; the old one goes on for the overlap.
/// `key` is in this answer and nowhere else.
#[utoipa::path(post, path = "/api-keys/{key_id}/rotate", tag = "auth", params(("key_id" = String, Path)), request_body = RotateApiKeyBody,
    responses((status = 201, body = ApiKeyShape), (status = 403, description = "`permission_denied`: by a key; `confirmation_required`"),
        (status = 404, description = "`not_found`: no such key, or it is over"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn rotate(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    caller: Caller,
    origin: Origin,
    PathId(id): PathId<ApiKeyId>,
    Body { value: body, .. }: Body<RotateApiKeyBody>,
) -> Result<(StatusCode, Json<ApiKeyShape>), Problem> {
    let password = body.current_password.as_ref();
    service.confirmed_by(&caller, password).await?;
    let wish = RotateKey {
        overlap: overlap(body.overlap_seconds),
        expires_at: body.expires_at,
    };
    shown_once(service.rotate_api_key(user, id, wish, &origin).await)
}

/// A day where nothing is said.
pub(super) fn overlap(seconds: Option<u32>) -> Duration {
    seconds.map_or(Duration::from_hours(24), |seconds| {
        Duration::from_secs(u64::from(seconds))
    })
}

/// Ends a key, at once.
#[utoipa::path(delete, path = "/api-keys/{key_id}", tag = "auth", params(("key_id" = String, Path)),
    responses((status = 204), (status = 404, description = "`not_found`")))]
pub(super) async fn delete(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    _confirmed: Confirmed,
    origin: Origin,
    PathId(id): PathId<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    if service.delete_api_key(user, id, &origin).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Code::NotFound))
    }
}
