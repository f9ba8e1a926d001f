//! Who is told of what happens: admins only.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{DeliveryId, EndpointId};
use tollgate_kernel::input::{PathId, StrictBody};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::{self, Confirmed, Named, Permitted};
use tollgate_kernel::problem::{Code, Problem};
use utoipa::ToSchema;

use crate::model::outbound::Endpoint;
use crate::operations::outbound::endpoints::{ChangeEndpoint, WantEndpoint};
use crate::{PaymentService, problems};

pub(super) struct Admin;
impl Named for Admin {
    const NAME: &'static str = permission::ADMIN;
}

/// A receiver of events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EndpointShape {
    /// Of the endpoint.
    #[schema(value_type = String, format = "uuid")]
    id: EndpointId,
    /// Where to.
    #[schema(example = "https://shop.example/hooks")]
    url: String,
    description: String,
    /// Which types; empty: all.
    event_types: Vec<String>,
    /// Whether it is told.
    enabled: bool,
    /// Why it is switched off, if nobody did it.
    disabled_reason: Option<String>,
    /// Since when it takes nothing.
    #[schema(value_type = Option<String>, format = "date-time")]
    failing_since: Option<Timestamp>,
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    /// `whsec_…`, when it is made or exchanged; never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl EndpointShape {
    fn new(endpoint: &Endpoint, secret: Option<String>) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            event_types: endpoint.kinds.clone(),
            enabled: endpoint.disabled_at.is_none(),
            disabled_reason: endpoint.disabled_reason.clone(),
            failing_since: endpoint.failing_since,
            created_at: endpoint.created_at,
            secret,
        }
    }
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EndpointList {
    data: Vec<EndpointShape>,
}

/// A receiver, as it should be.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct EndpointBody {
    /// https, to a public address.
    #[schema(example = "https://shop.example/hooks")]
    url: Option<String>,
    /// At most 200 characters.
    description: Option<String>,
    /// Which types; empty or left out: all.
    #[schema(example = json!(["payment.completed"]))]
    event_types: Option<Vec<String>>,
    /// Whether it is told.
    enabled: Option<bool>,
}

/// All receivers. Takes `admin`.
#[utoipa::path(get, path = "/webhook-endpoints", tag = "admin",
    responses((status = 200, body = EndpointList), (status = 403, description = "`permission_denied`")))]
pub(super) async fn list(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
) -> Result<Json<EndpointList>, Problem> {
    let found = service.endpoints().await?;
    let data = found
        .iter()
        .map(|endpoint| EndpointShape::new(endpoint, None))
        .collect();
    Ok(Json(EndpointList { data }))
}

/// One of them. Takes `admin`.
#[utoipa::path(get, path = "/webhook-endpoints/{endpoint_id}", tag = "admin",
    params(("endpoint_id" = String, Path)),
    responses((status = 200, body = EndpointShape), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`")))]
pub(super) async fn detail(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    PathId(id): PathId<EndpointId>,
) -> Result<Json<EndpointShape>, Problem> {
    let known = service.endpoint(id).await?;
    let known = known.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(EndpointShape::new(&known, None)))
}

/// A new receiver; its secret is shown this once. Takes `admin` and a confirmation of the last five minutes.
#[utoipa::path(post, path = "/webhook-endpoints", tag = "admin", request_body = EndpointBody,
    responses(
        (status = 201, body = EndpointShape),
        (status = 403, description = "`permission_denied`, `confirmation_required`"),
        (status = 422, description = "`validation_failed`: not https, private, an unknown type; `unknown_field`"),
    ))]
pub(super) async fn create(
    State(service): State<PaymentService>,
    staff: Permitted<Admin>,
    _confirmed: Confirmed,
    origin: Origin,
    StrictBody { value: body, .. }: StrictBody<EndpointBody>,
) -> Result<(StatusCode, Json<EndpointShape>), Problem> {
    let wish = WantEndpoint {
        url: body.url.unwrap_or_default(),
        description: body.description.unwrap_or_default(),
        kinds: body.event_types.unwrap_or_default(),
    };
    let made = service
        .create_endpoint(&wish, staff.0.user_id(), &origin)
        .await;
    let (endpoint, secret) = made.map_err(problems::endpoint)?;
    let shape = EndpointShape::new(&endpoint, Some(secret.shown()));
    Ok((StatusCode::CREATED, Json(shape)))
}

/// Another address, other types, on or off; what is left out stays. Takes `admin` and a confirmation.
#[utoipa::path(patch, path = "/webhook-endpoints/{endpoint_id}", tag = "admin", request_body = EndpointBody,
    params(("endpoint_id" = String, Path)),
    responses(
        (status = 200, body = EndpointShape),
        (status = 403, description = "`permission_denied`, `confirmation_required`"),
        (status = 404, description = "`not_found`"),
        (status = 422, description = "`validation_failed`, `unknown_field`"),
    ))]
pub(super) async fn change(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    _confirmed: Confirmed,
    origin: Origin,
    PathId(id): PathId<EndpointId>,
    StrictBody { value: body, .. }: StrictBody<EndpointBody>,
) -> Result<Json<EndpointShape>, Problem> {
    let wish = ChangeEndpoint {
        url: body.url,
        description: body.description,
        kinds: body.event_types,
        enabled: body.enabled,
    };
    let changed = service.change_endpoint(id, &wish, &origin).await;
    let changed = changed.map_err(problems::endpoint)?;
    Ok(Json(EndpointShape::new(&changed, None)))
}

/// Takes a receiver away, with what was on its way to it. Takes `admin` and a confirmation.
#[utoipa::path(delete, path = "/webhook-endpoints/{endpoint_id}", tag = "admin",
    params(("endpoint_id" = String, Path)),
    responses((status = 204), (status = 403, description = "`permission_denied`, `confirmation_required`"), (status = 404, description = "`not_found`")))]
pub(super) async fn delete(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    _confirmed: Confirmed,
    origin: Origin,
    PathId(id): PathId<EndpointId>,
) -> Result<StatusCode, Problem> {
    let deleted = service.delete_endpoint(id, &origin).await;
    deleted.map_err(problems::endpoint)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Another secret, shown this once; for 24 hours both sign. Takes `admin` and a confirmation.
#[utoipa::path(post, path = "/webhook-endpoints/{endpoint_id}/rotate-secret", tag = "admin",
    params(("endpoint_id" = String, Path)),
    responses((status = 200, body = EndpointShape), (status = 403, description = "`permission_denied`, `confirmation_required`"), (status = 404, description = "`not_found`")))]
pub(super) async fn rotate_secret(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    _confirmed: Confirmed,
    origin: Origin,
    PathId(id): PathId<EndpointId>,
) -> Result<Json<EndpointShape>, Problem> {
    let secret = service.rotate_endpoint_secret(id, &origin).await;
    let secret = secret.map_err(problems::endpoint)?;
    let known = service.endpoint(id).await?;
    let known = known.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(EndpointShape::new(&known, Some(secret.shown()))))
}

/// What was begun.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BegunShape {
    /// Of the delivery.
    #[schema(value_type = String, format = "uuid")]
    pub(super) delivery_id: DeliveryId,
}

/// Sends an event of type `endpoint.test` to this receiver alone. Takes `admin`.
#[utoipa::path(post, path = "/webhook-endpoints/{endpoint_id}/test", tag = "admin",
    params(("endpoint_id" = String, Path)),
    responses((status = 202, body = BegunShape), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`")))]
pub(super) async fn test(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    origin: Origin,
    PathId(id): PathId<EndpointId>,
) -> Result<(StatusCode, Json<BegunShape>), Problem> {
    let begun = service.test_endpoint(id, &origin).await;
    let delivery_id = begun.map_err(problems::endpoint)?;
    Ok((StatusCode::ACCEPTED, Json(BegunShape { delivery_id })))
}
