//! Events on their way to host applications, and those that have arrived.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{DeliveryId, EndpointId};
use tollgate_kernel::input::{Params, PathId, StrictBody};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::Permitted;
use tollgate_kernel::problem::{Code, Problem};
use utoipa::{IntoParams, ToSchema};

use super::transactions::{bounded, word};
use super::webhook_endpoints::{Admin, BegunShape};
use crate::model::outbound::{Delivery, DeliveryState, Try};
use crate::{PaymentService, Recover, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
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
pub(super) async fn list(
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

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TryShape {
    /// From 1, over every resending.
    attempt: i64,
    /// When it was over.
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// What the receiver answered.
    status: Option<i64>,
    /// How long it took, in microseconds.
    duration_us: i64,
    /// Why there was no answer.
    error: Option<String>,
}

impl From<Try> for TryShape {
    fn from(made: Try) -> Self {
        Self {
            attempt: made.attempt,
            at: made.at,
            status: made.status,
            duration_us: made.duration_us,
            error: made.error,
        }
    }
}

/// An event on its way, with its tries.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryDetail {
    #[serde(flatten)]
    delivery: DeliveryShape,
    /// The newest hundred of the last 30 days, newest first.
    tries: Vec<TryShape>,
}

/// One delivery, with its tries. Takes `admin`.
#[utoipa::path(get, path = "/webhook-deliveries/{delivery_id}", tag = "admin",
    params(("delivery_id" = String, Path)),
    responses((status = 200, body = DeliveryDetail), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`")))]
pub(super) async fn detail(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    PathId(id): PathId<DeliveryId>,
) -> Result<Json<DeliveryDetail>, Problem> {
    let known = service.delivery(id).await?;
    let (found, tries) = known.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(DeliveryDetail {
        delivery: DeliveryShape::from(&found),
        tries: tries.into_iter().map(TryShape::from).collect(),
    }))
}

/// Sends an event once more, by the schedule from its start. Takes `admin`.
#[utoipa::path(post, path = "/webhook-deliveries/{delivery_id}/resend", tag = "admin",
    params(("delivery_id" = String, Path)),
    responses((status = 202, body = BegunShape), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`"), (status = 422, description = "`validation_failed`: it is on its way")))]
pub(super) async fn resend(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    origin: Origin,
    PathId(delivery_id): PathId<DeliveryId>,
) -> Result<(StatusCode, Json<BegunShape>), Problem> {
    let sent = service.resend_delivery(delivery_id, &origin).await;
    sent.map_err(problems::endpoint)?;
    Ok((StatusCode::ACCEPTED, Json(BegunShape { delivery_id })))
}

/// Which deliveries are sent once more.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RecoverBody {
    /// First put on their way from this moment on.
    #[schema(value_type = String, format = "date-time")]
    from: Timestamp,
    /// And before this one.
    #[schema(value_type = String, format = "date-time")]
    to: Timestamp,
    /// What was given up (unless said); `false`: what arrived too.
    failed_only: Option<bool>,
}

/// What was begun.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecoveredShape {
    /// How many are sent once more; not those that were on their way.
    recovered: u64,
}

/// Sends what a receiver missed once more, by the schedule from its start. What is on its way is left alone. Takes `admin`.
#[utoipa::path(post, path = "/webhook-endpoints/{endpoint_id}/recover", tag = "admin", request_body = RecoverBody,
    params(("endpoint_id" = String, Path)),
    responses((status = 202, body = RecoveredShape), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`"), (status = 422, description = "`validation_failed`, `unknown_field`")))]
pub(super) async fn recover(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    origin: Origin,
    PathId(id): PathId<EndpointId>,
    StrictBody { value: body, .. }: StrictBody<RecoverBody>,
) -> Result<(StatusCode, Json<RecoveredShape>), Problem> {
    let wanted = Recover {
        from: body.from,
        to: body.to,
        failed_only: body.failed_only.unwrap_or(true),
    };
    let recovered = service.recover_deliveries(id, &wanted, &origin).await;
    let recovered = recovered.map_err(problems::endpoint)?;
    Ok((StatusCode::ACCEPTED, Json(RecoveredShape { recovered })))
}
