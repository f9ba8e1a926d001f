//! Keys of host applications.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ServiceKeyId, UserId};
use tollgate_kernel::input::{Params, PathId, StrictBody};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::{Confirmed, Permitted};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_storage::audit::Initiator;
use utoipa::{IntoParams, ToSchema};

use super::super::api_keys::overlap;
use super::Admin;
use crate::model::api_key::{KeyName, PlainKey};
use crate::model::key_terms::{self, OF_SERVICE_KEYS};
use crate::model::service_key::ServiceKey;
use crate::operations::api_keys::{CreateKeyError, RotateKey};
use crate::operations::service_keys::CreateServiceKey;
use crate::{AuthService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;

/// A service key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceKeyShape {
    #[schema(value_type = String, format = "uuid")]
    id: ServiceKeyId,
    /// `sk_live_abc...`
    key_prefix: String,
    name: String,
    /// What it may be used for.
    #[schema(example = json!(["quota"]))]
    scopes: Vec<String>,
    /// From where it may be used; empty = from anywhere.
    allowed_addresses: Vec<String>,
    #[schema(value_type = Option<String>, format = "date-time")]
    last_used_at: Option<Timestamp>,
    is_active: bool,
    #[schema(value_type = Option<String>, format = "uuid")]
    created_by: Option<UserId>,
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    /// Null = never.
    #[schema(value_type = Option<String>, format = "date-time")]
    expires_at: Option<Timestamp>,
    /// The key it takes the place of.
    #[schema(value_type = Option<String>, format = "uuid")]
    rotated_from: Option<ServiceKeyId>,
    /// The whole key, this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl From<ServiceKey> for ServiceKeyShape {
    fn from(key: ServiceKey) -> Self {
        Self {
            id: key.id,
            key_prefix: key.key_prefix,
            name: key.name,
            scopes: key.scopes.names().unwrap_or_default().to_vec(),
            allowed_addresses: key.addresses.texts(),
            last_used_at: key.last_used_at,
            is_active: key.is_active,
            created_by: key.created_by,
            created_at: key.created_at,
            expires_at: key.expires_at,
            rotated_from: key.rotated_from,
            key: None,
        }
    }
}

/// A page of service keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceKeyPage {
    data: Vec<ServiceKeyShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<ServiceKeyId>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// 1 to 100.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<ServiceKeyId>,
}

/// Keys of host applications, newest first. Takes `admin`.
#[utoipa::path(get, path = "/service-keys", tag = "admin", params(PageParams),
    responses((status = 200, body = ServiceKeyPage), (status = 403, description = "`permission_denied`")))]
pub(super) async fn list(
    State(service): State<AuthService>,
    _staff: Permitted<Admin>,
    Params(params): Params<PageParams>,
) -> Result<Json<ServiceKeyPage>, Problem> {
    let limit = params.limit.unwrap_or(LIMIT);
    let page = service
        .list_service_keys(params.starting_after, limit)
        .await;
    let page = page.map_err(problems::list_keys)?;
    let next_cursor = page.keys.last().filter(|_| page.has_more).map(|key| key.id);
    Ok(Json(ServiceKeyPage {
        data: page.keys.into_iter().map(ServiceKeyShape::from).collect(),
        has_more: page.has_more,
        next_cursor,
    }))
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreateServiceKeyBody {
    /// Which application: 1 to 100 characters.
    #[schema(example = "dicom-viewer")]
    name: String,
    /// One or more of `quota`, `introspect`, `users.read`, `users.write`, `payments.read`,
    /// `usage.read`, `audit.read`.
    #[schema(example = json!(["quota", "introspect"]))]
    scopes: Vec<String>,
    /// Addresses and networks (CIDR); none = from anywhere. At most 50.
    #[serde(default)]
    allowed_addresses: Vec<String>,
    /// Null = never.
    #[schema(value_type = Option<String>, format = "date-time")]
    expires_at: Option<Timestamp>,
}

/// Makes a key for a host application; `key` is in this answer and nowhere else. Takes `admin` and a
/// confirmation of the last five minutes.
#[utoipa::path(post, path = "/service-keys", tag = "admin", request_body = CreateServiceKeyBody,
    responses((status = 201, body = ServiceKeyShape), (status = 403, description = "`permission_denied`, `confirmation_required`"),
        (status = 422, description = "`validation_failed`, `unknown_field`")))]
pub(super) async fn create(
    State(service): State<AuthService>,
    _staff: Permitted<Admin>,
    _confirmed: Confirmed,
    origin: Origin,
    StrictBody { value: body, .. }: StrictBody<CreateServiceKeyBody>,
) -> Result<(StatusCode, Json<ServiceKeyShape>), Problem> {
    let mut errors = FieldErrors::new();
    let name = errors.take("/name", body.name.parse::<KeyName>());
    let scopes = key_terms::scopes(&body.scopes, OF_SERVICE_KEYS, &mut errors);
    let addresses = key_terms::addresses(&body.allowed_addresses, &mut errors);
    errors.finish()?;
    let name = name.ok_or_else(|| problems::required("/name"))?;
    let scopes = scopes.ok_or_else(|| problems::required("/scopes"))?;
    let wish = CreateServiceKey {
        name,
        scopes,
        addresses,
        expires_at: body.expires_at,
    };
    shown_once(
        service
            .create_service_key(&wish, &Initiator::caller(&origin))
            .await,
    )
}

fn shown_once(
    made: Result<(ServiceKey, PlainKey), CreateKeyError>,
) -> Result<(StatusCode, Json<ServiceKeyShape>), Problem> {
    let (key, plain) = made.map_err(problems::create_key)?;
    let shape = ServiceKeyShape {
        key: Some(plain.text().to_owned()),
        ..key.into()
    };
    Ok((StatusCode::CREATED, Json(shape)))
}

/// How a key is renewed.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RotateServiceKeyBody {
    /// How long the old key goes on: 0 to 2,592,000 (30 days); a day when left out. 0 = it ends at once.
    #[schema(example = 86_400)]
    overlap_seconds: Option<u32>,
    /// Of the new key; left out: it lives as long as the old one was given.
    #[schema(value_type = Option<String>, format = "date-time")]
    expires_at: Option<Timestamp>,
}

/// Makes a key in the place of another, with its name and scopes; the old one goes on for the overlap.
/// Takes `admin` and a confirmation of the last five minutes.
#[utoipa::path(post, path = "/service-keys/{service_key_id}/rotate", tag = "admin", params(("service_key_id" = String, Path)),
    request_body = RotateServiceKeyBody,
    responses((status = 201, body = ServiceKeyShape), (status = 403, description = "`permission_denied`, `confirmation_required`"),
        (status = 404, description = "`not_found`: no such key, or it is over"), (status = 422, description = "`validation_failed`, `unknown_field`")))]
pub(super) async fn rotate(
    State(service): State<AuthService>,
    _staff: Permitted<Admin>,
    _confirmed: Confirmed,
    origin: Origin,
    PathId(id): PathId<ServiceKeyId>,
    StrictBody { value: body, .. }: StrictBody<RotateServiceKeyBody>,
) -> Result<(StatusCode, Json<ServiceKeyShape>), Problem> {
    let wish = RotateKey {
        overlap: overlap(body.overlap_seconds),
        expires_at: body.expires_at,
    };
    shown_once(
        service
            .rotate_service_key(id, wish, &Initiator::caller(&origin))
            .await,
    )
}

/// Ends a key, at once. Takes `admin` and a confirmation of the last five minutes.
#[utoipa::path(delete, path = "/service-keys/{service_key_id}", tag = "admin", params(("service_key_id" = String, Path)),
    responses((status = 204), (status = 403, description = "`permission_denied`, `confirmation_required`"),
        (status = 404, description = "`not_found`")))]
pub(super) async fn delete(
    State(service): State<AuthService>,
    _staff: Permitted<Admin>,
    _confirmed: Confirmed,
    origin: Origin,
    PathId(id): PathId<ServiceKeyId>,
) -> Result<StatusCode, Problem> {
    if service
        .delete_service_key(id, &Initiator::caller(&origin))
        .await?
    {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Code::NotFound))
    }
}
