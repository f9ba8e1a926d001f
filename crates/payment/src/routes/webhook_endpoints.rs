//! Who is told of what happens: admins only.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{DeliveryId, EndpointId};
use tollgate_kernel::input::{Params, PathId, StrictBody};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::{self, Confirmed, Named, Permitted};
use tollgate_kernel::problem::{Code, Problem};
use utoipa::{IntoParams, ToSchema};

use super::transactions::{bounded, word};
use crate::model::outbound::{Delivery, DeliveryState, Endpoint};
use crate::operations::outbound::endpoints::WantEndpoint;
use crate::{PaymentService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;

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
        enabled: true,
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
    let known = service.endpoint(id).await?;
    let known = known.ok_or_else(|| Problem::new(Code::NotFound))?;
    let wish = WantEndpoint {
        url: body.url.unwrap_or(known.url),
        description: body.description.unwrap_or(known.description),
        kinds: body.event_types.unwrap_or(known.kinds),
        enabled: body.enabled.unwrap_or(known.disabled_at.is_none()),
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
    delivery_id: DeliveryId,
}

/// Sends an event of type `endpoint.test` to this receiver alone. Takes `admin`.
#[utoipa::path(post, path = "/webhook-endpoints/{endpoint_id}/test", tag = "admin",
    params(("endpoint_id" = String, Path)),
    responses((status = 202, body = BegunShape), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`")))]
pub(super) async fn test(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    PathId(id): PathId<EndpointId>,
) -> Result<(StatusCode, Json<BegunShape>), Problem> {
    let begun = service.test_endpoint(id).await;
    let delivery_id = begun.map_err(problems::endpoint)?;
    Ok((StatusCode::ACCEPTED, Json(BegunShape { delivery_id })))
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct DeliveryParams {
    /// To this receiver only.
    #[param(value_type = Option<String>)]
    endpoint_id: Option<EndpointId>,
    /// `open`, `succeeded` or `failed`.
    state: Option<String>,
    /// 1 to 100.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<DeliveryId>,
}

/// An event on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryShape {
    /// Of the delivery.
    #[schema(value_type = String, format = "uuid")]
    id: DeliveryId,
    #[schema(value_type = String, format = "uuid")]
    endpoint_id: EndpointId,
    /// The `webhook-id` of every try.
    #[schema(value_type = String, format = "uuid")]
    event_id: tollgate_kernel::ids::EventId,
    /// Its type.
    event_type: String,
    /// `open`, `succeeded` or `failed`.
    #[schema(value_type = String, example = "succeeded")]
    state: DeliveryState,
    /// Tries so far.
    attempts: i64,
    /// When the next one is; null when there is none.
    #[schema(value_type = Option<String>, format = "date-time")]
    next_attempt_at: Option<Timestamp>,
    /// What the receiver answered last.
    last_status: Option<i64>,
    /// Why there was no answer.
    last_error: Option<String>,
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    /// When it was decided.
    #[schema(value_type = Option<String>, format = "date-time")]
    finished_at: Option<Timestamp>,
}

impl From<&Delivery> for DeliveryShape {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id,
            endpoint_id: delivery.endpoint_id,
            event_id: delivery.event_id,
            event_type: delivery.kind.clone(),
            state: delivery.state,
            attempts: delivery.attempts,
            next_attempt_at: (delivery.state == DeliveryState::Open).then_some(delivery.due_at),
            last_status: delivery.last_status,
            last_error: delivery.last_error.clone(),
            created_at: delivery.created_at,
            finished_at: delivery.finished_at,
        }
    }
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryPage {
    data: Vec<DeliveryShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<DeliveryId>,
}

/// Events on their way and those that have arrived, newest first. Takes `admin`.
#[utoipa::path(get, path = "/webhook-deliveries", tag = "admin", params(DeliveryParams),
    responses((status = 200, body = DeliveryPage), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn deliveries(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    Params(params): Params<DeliveryParams>,
) -> Result<Json<DeliveryPage>, Problem> {
    let limit = bounded(params.limit.unwrap_or(LIMIT), LONGEST_PAGE)?;
    let state = word("/state", params.state.as_deref())?;
    let page = service.deliveries(params.endpoint_id, state, params.starting_after, limit);
    let (found, has_more) = page.await?;
    let next_cursor = found.last().filter(|_| has_more).map(|last| last.id);
    Ok(Json(DeliveryPage {
        data: found.iter().map(DeliveryShape::from).collect(),
        has_more,
        next_cursor,
    }))
}

/// Sends an event once more, by the schedule from its start. Takes `admin`.
#[utoipa::path(post, path = "/webhook-deliveries/{delivery_id}/resend", tag = "admin",
    params(("delivery_id" = String, Path)),
    responses((status = 202, body = BegunShape), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`: there is none, or it is on its way")))]
pub(super) async fn resend(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    PathId(delivery_id): PathId<DeliveryId>,
) -> Result<(StatusCode, Json<BegunShape>), Problem> {
    let sent = service.resend_delivery(delivery_id).await;
    sent.map_err(problems::endpoint)?;
    Ok((StatusCode::ACCEPTED, Json(BegunShape { delivery_id })))
}
