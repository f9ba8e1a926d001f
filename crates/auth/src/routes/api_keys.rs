//! Keys of a person. A key cannot manage keys: it takes a sign-in.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tollgate_kernel::caller::{Caller, SignedIn};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::ApiKeyId;
use tollgate_kernel::input::{Body, Params, PathId};
use tollgate_kernel::permission::{Authority as _, Confirmed};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use utoipa::{IntoParams, ToSchema};

use crate::model::api_key::{ApiKey, KeyName};
use crate::operations::confirm::Proof;
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
pub(super) struct CreateBody {
    /// 1 to 100 characters.
    #[schema(example = "server")]
    name: String,
    /// Null = never.
    #[schema(value_type = Option<String>, format = "date-time")]
    expires_at: Option<Timestamp>,
    /// In place of a confirmation of the last five minutes.
    #[schema(value_type = Option<String>, format = "password")]
    current_password: Option<SecretString>,
}

/// Makes a key. `key` is in this answer and nowhere else.
#[utoipa::path(post, path = "/api-keys", tag = "auth", request_body = CreateBody,
    responses((status = 201, body = ApiKeyShape), (status = 403, description = "`permission_denied`: by a key; `confirmation_required`"),
        (status = 422, description = "`validation_failed`")))]
pub(super) async fn create(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    caller: Caller,
    Body { value: body, .. }: Body<CreateBody>,
) -> Result<(StatusCode, Json<ApiKeyShape>), Problem> {
    if let Some(password) = &body.current_password {
        let confirmed = service.confirm(&caller, Proof::Password(password)).await;
        confirmed.map_err(problems::second_factor)?;
    }
    service.confirmed(&caller).await?;
    let mut errors = FieldErrors::new();
    let name = errors.take("/name", body.name.parse::<KeyName>());
    errors.finish()?;
    let name = name.ok_or_else(|| problems::required("/name"))?;
    let made = service.create_api_key(user, &name, body.expires_at).await;
    let (key, plain) = made.map_err(problems::create_key)?;
    let shape = ApiKeyShape {
        key: Some(plain.text().to_owned()),
        ..key.into()
    };
    Ok((StatusCode::CREATED, Json(shape)))
}

/// Ends a key, at once.
#[utoipa::path(delete, path = "/api-keys/{key_id}", tag = "auth", params(("key_id" = String, Path)),
    responses((status = 204), (status = 404, description = "`not_found`")))]
pub(super) async fn delete(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    _confirmed: Confirmed,
    PathId(id): PathId<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    if service.delete_api_key(user, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Code::NotFound))
    }
}
