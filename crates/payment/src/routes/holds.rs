//! Units set aside before the work, and charges given back: for host applications, by their service keys. A buyer must
//! not release a hold of their own.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_kernel::ids::{HoldId, Id as _, UsageId};
use tollgate_kernel::input::Body;
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::scope::{Hosting, Quota};
use utoipa::ToSchema;

use super::quota::{ConsumeBody, cost};
use super::{answer, idempotency_key};
use crate::model::hold::{HoldTime, InvalidHoldTime, Owner, OwnerKind};
use crate::shapes::{HoldShape, SettledShape, UnitRefundShape};
use crate::{PaymentService, problems};

/// A call whose units are to be set aside.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ReserveBody {
    /// What the call is counted as.
    #[schema(example = "dicom_processing")]
    resource_type: String,
    /// How many calls' worth; 1 when left out.
    #[schema(value_type = Option<i64>, example = 1)]
    cost: Option<Box<RawValue>>,
    /// What the call is about.
    resource_id: Option<String>,
    /// Kept with the log row.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// For whom.
    user_id: Option<String>,
    /// How long, in seconds: 1 to 86400; `RESERVATION_TTL_SECONDS` when left out.
    ttl_seconds: Option<i64>,
}

/// Sets units aside: they are there when the work is done. Settle them by commit or release; when `ttl_seconds` are
/// over, they are given back by themselves.
#[utoipa::path(post, path = "/reserve", tag = "quota", request_body = ReserveBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same answer again for 24 hours, set aside once")),
    responses(
        (status = 201, body = HoldShape, headers(
            ("X-Quota-Limit" = i64, description = "with the others, unless it is unlimited"),
            ("X-Quota-Used" = i64),
            ("X-Quota-Remaining" = i64),
            ("X-Quota-Reset" = i64, description = "seconds"),
            ("RateLimit-Policy" = String),
            ("RateLimit" = String),
        )),
        (status = 402, description = "`subscription_required`"),
        (status = 403, description = "`permission_denied`: service keys only"),
        (status = 422, description = "`validation_failed`, `idempotency_key_reused`"),
        (status = 429, description = "`quota_exceeded`, with `quota` and `upgrade_url`"),
    ))]
pub(super) async fn reserve(
    State(service): State<PaymentService>,
    host: Hosting<Quota>,
    headers: HeaderMap,
    Body { value: body, bytes }: Body<ReserveBody>,
) -> Result<Response, Problem> {
    let owner = owner(&host);
    let time = time(&service, body.ttl_seconds);
    let wanted = ConsumeBody {
        resource_type: body.resource_type,
        cost: body.cost,
        resource_id: body.resource_id,
        metadata: body.metadata,
        user_id: body.user_id,
    };
    let (call, caller) = wanted.call(&host.serving)?;
    let mut errors = FieldErrors::new();
    let time = errors.take("/ttl_seconds", time);
    errors.finish()?;
    let time = time.ok_or_else(|| Problem::new(Code::ValidationFailed))?;
    let key = idempotency_key(&headers, &caller, "/quota/reserve", &bytes)?;
    let taken = service.reserve(&call, owner, time, key.as_ref()).await;
    let taken = taken.map_err(|error| service.problem(error))?;
    let mut response = answer(StatusCode::CREATED, &taken);
    service.announce(response.headers_mut(), &taken.value.quota);
    Ok(response)
}

/// Which hold, and how much of it.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CommitBody {
    /// As it was given.
    reservation_id: String,
    /// How many calls' worth, at most what was reserved; all of it when left out.
    #[schema(value_type = Option<i64>)]
    cost: Option<Box<RawValue>>,
}

/// Charges a hold, or a part of it; the others are given back. A repeat is answered as the first.
#[utoipa::path(post, path = "/commit", tag = "quota", request_body = CommitBody,
    responses(
        (status = 200, body = SettledShape),
        (status = 404, description = "`not_found`: nobody's, or another service key's"),
        (status = 409, description = "`reservation_settled`: released, expired, or committed otherwise"),
        (status = 422, description = "`validation_failed`: above what was reserved"),
    ))]
pub(super) async fn commit(
    State(service): State<PaymentService>,
    host: Hosting<Quota>,
    Body { value: body, .. }: Body<CommitBody>,
) -> Result<Json<SettledShape>, Problem> {
    let owner = owner(&host);
    let mut errors = FieldErrors::new();
    let cost = match &body.cost {
        None => Some(None),
        Some(raw) => errors.take("/cost", cost(Some(raw)).map(Some)),
    };
    errors.finish()?;
    let cost = cost.ok_or_else(|| Problem::new(Code::ValidationFailed))?;
    let settled = service
        .commit_hold(hold(&body.reservation_id)?, owner, cost)
        .await;
    settled.map(Json).map_err(problems::hold)
}

/// Which hold.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ReleaseBody {
    /// As it was given.
    reservation_id: String,
}

/// Gives a hold back. A repeat is answered as the first.
#[utoipa::path(post, path = "/release", tag = "quota", request_body = ReleaseBody,
    responses(
        (status = 200, body = SettledShape),
        (status = 404, description = "`not_found`"),
        (status = 409, description = "`reservation_settled`: it was committed"),
    ))]
pub(super) async fn release(
    State(service): State<PaymentService>,
    host: Hosting<Quota>,
    Body { value: body, .. }: Body<ReleaseBody>,
) -> Result<Json<SettledShape>, Problem> {
    let owner = owner(&host);
    let settled = service
        .release_hold(hold(&body.reservation_id)?, owner)
        .await;
    settled.map(Json).map_err(problems::hold)
}

/// Which hold, and until when.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ExtendBody {
    /// As it was given.
    reservation_id: String,
    /// From now: 1 to 86400; `RESERVATION_TTL_SECONDS` when left out.
    ttl_seconds: Option<i64>,
}

/// Moves the end of a hold, for work that takes longer.
#[utoipa::path(post, path = "/extend", tag = "quota", request_body = ExtendBody,
    responses(
        (status = 200, body = HoldShape),
        (status = 404, description = "`not_found`"),
        (status = 409, description = "`reservation_settled`"),
        (status = 422, description = "`validation_failed`"),
    ))]
pub(super) async fn extend(
    State(service): State<PaymentService>,
    host: Hosting<Quota>,
    Body { value: body, .. }: Body<ExtendBody>,
) -> Result<Json<HoldShape>, Problem> {
    let owner = owner(&host);
    let mut errors = FieldErrors::new();
    let time = errors.take("/ttl_seconds", time(&service, body.ttl_seconds));
    errors.finish()?;
    let time = time.ok_or_else(|| Problem::new(Code::ValidationFailed))?;
    let held = service
        .extend_hold(hold(&body.reservation_id)?, owner, time)
        .await;
    held.map(Json).map_err(problems::hold)
}

/// Which charge, and why.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct UnitRefundBody {
    /// Of the row in the usage log.
    usage_id: String,
    /// Kept with the row that gives it back: 1 to 500 characters.
    reason: String,
}

/// Gives the units of a charge back, once; the log keeps both rows. A repeat is answered as the first.
#[utoipa::path(post, path = "/refund", tag = "quota", request_body = UnitRefundBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same answer again for 24 hours")),
    responses(
        (status = 200, body = UnitRefundShape),
        (status = 404, description = "`not_found`: no such charge"),
        (status = 422, description = "`validation_failed`, `idempotency_key_reused`"),
    ))]
pub(super) async fn refund(
    State(service): State<PaymentService>,
    host: Hosting<Quota>,
    headers: HeaderMap,
    Body { value: body, bytes }: Body<UnitRefundBody>,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers, &host.serving.0, "/quota/refund", &bytes)?;
    let usage = body.usage_id.parse::<UsageId>();
    let usage = usage.map_err(|_| Problem::new(Code::NotFound))?;
    let given = service
        .refund_usage(usage, body.reason.trim(), None, key.as_ref())
        .await;
    let given = given.map_err(|error| service.unit_refund_problem(error))?;
    Ok(answer(StatusCode::OK, &given))
}

/// Who may settle what this host reserves.
fn owner(host: &Hosting<Quota>) -> Owner {
    Owner {
        kind: OwnerKind::Service,
        id: host.service_key_id.uuid(),
    }
}

fn time(service: &PaymentService, seconds: Option<i64>) -> Result<HoldTime, InvalidHoldTime> {
    seconds.map_or(Ok(service.hold_time()), HoldTime::seconds)
}

fn hold(id: &str) -> Result<HoldId, Problem> {
    id.parse().map_err(|_| Problem::new(Code::NotFound))
}
