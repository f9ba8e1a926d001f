//! Check and consume.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::input::{Body, Params};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::scope::{Quota, Serving};
use utoipa::{IntoParams, ToSchema};

use super::{answer, idempotency_key};
use crate::PaymentService;
use crate::model::quota::{Cost, InvalidCost, ResourceId, ResourceType};
use crate::operations::consume::Consume;
use crate::shapes::{CheckShape, ConsumeShape};
use crate::words::WORDS;

/// Metadata of a call: at most this many bytes of JSON.
const METADATA_BYTES: usize = 4 * 1024;

/// What would be asked.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CheckParams {
    /// What the call is counted as.
    resource_type: String,
    /// How many calls' worth; 1 when left out.
    cost: Option<i64>,
    /// For whom: service keys name somebody, others nobody.
    user_id: Option<String>,
}

/// Whether a call would pass now. Takes nothing; always 200, since a verdict is not a failure.
#[utoipa::path(get, path = "/check", tag = "quota", params(CheckParams),
    responses((status = 200, body = CheckShape, headers(
            ("X-Quota-Limit" = i64, description = "with the others, unless it is unlimited"),
            ("X-Quota-Used" = i64),
            ("X-Quota-Remaining" = i64),
            ("X-Quota-Reset" = i64, description = "seconds"),
            ("RateLimit-Policy" = String),
            ("RateLimit" = String),
        )), (status = 422, description = "`validation_failed`")))]
pub(super) async fn check(
    State(service): State<PaymentService>,
    serving: Serving<Quota>,
    Params(params): Params<CheckParams>,
) -> Result<Response, Problem> {
    let mut errors = FieldErrors::new();
    let resource_type = errors.take(
        "/resource_type",
        params.resource_type.parse::<ResourceType>(),
    );
    let cost = errors.take("/cost", params.cost.map_or(Ok(Cost::ONE), Cost::new));
    errors.finish()?;
    let user = serving.customer(params.user_id.as_deref())?;
    let (Some(resource_type), Some(cost)) = (resource_type, cost) else {
        return Err(Problem::new(Code::ValidationFailed));
    };
    let checked = service.check(user, &resource_type, cost).await?;
    let quota = checked.quota.clone();
    let mut response = Json(checked).into_response();
    if let Some(quota) = &quota {
        service.announce(response.headers_mut(), quota);
    }
    Ok(response)
}

/// A call to charge.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ConsumeBody {
    /// What the call is counted as.
    #[schema(example = "dicom_processing")]
    pub(super) resource_type: String,
    /// How many calls' worth; 1 when left out.
    #[schema(value_type = Option<i64>, example = 1)]
    pub(super) cost: Option<Box<RawValue>>,
    /// What the call was about.
    pub(super) resource_id: Option<String>,
    /// Kept with the log row.
    #[schema(value_type = Option<Object>)]
    pub(super) metadata: Option<Map<String, Value>>,
    /// Whom to charge: service keys name somebody, others nobody.
    pub(super) user_id: Option<String>,
}

/// Charges a call: check and deduct are one step.
#[utoipa::path(post, path = "/consume", tag = "quota", request_body = ConsumeBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same answer again for 24 hours, charged once")),
    responses(
        (status = 200, body = ConsumeShape, headers(
            ("X-Quota-Limit" = i64, description = "with the others, unless it is unlimited"),
            ("X-Quota-Used" = i64),
            ("X-Quota-Remaining" = i64),
            ("X-Quota-Reset" = i64, description = "seconds"),
            ("RateLimit-Policy" = String),
            ("RateLimit" = String),
        )),
        (status = 402, description = "`subscription_required`"),
        (status = 422, description = "`validation_failed`, `idempotency_key_reused`"),
        (status = 429, description = "`quota_exceeded`, with `quota` and `upgrade_url`"),
    ))]
pub(super) async fn consume(
    State(service): State<PaymentService>,
    serving: Serving<Quota>,
    headers: HeaderMap,
    Body { value: body, bytes }: Body<ConsumeBody>,
) -> Result<Response, Problem> {
    let (call, caller) = body.call(&serving)?;
    let key = idempotency_key(&headers, &caller, "/quota/consume", &bytes)?;
    let taken = service.consume(&call, key.as_ref()).await;
    let taken = taken.map_err(|error| service.problem(error))?;
    let mut response = answer(StatusCode::OK, &taken);
    service.announce(response.headers_mut(), &taken.value.quota);
    Ok(response)
}

impl ConsumeBody {
    /// The call, once every field of it is good, and who asks.
    pub(super) fn call(self, serving: &Serving<Quota>) -> Result<(Consume, Caller), Problem> {
        let user_id = serving.customer(self.user_id.as_deref())?;
        let caller = serving.0.clone();
        let api_key_id = caller.api_key_id();
        let mut errors = FieldErrors::new();
        let resource_type =
            errors.take("/resource_type", self.resource_type.parse::<ResourceType>());
        let cost = errors.take("/cost", cost(self.cost.as_deref()));
        let resource_id = self
            .resource_id
            .and_then(|id| errors.take("/resource_id", id.parse::<ResourceId>()));
        let metadata = Value::Object(self.metadata.unwrap_or_default());
        if metadata.to_string().len() > METADATA_BYTES {
            errors.note("/metadata", "too_large", WORDS.text("call.object"));
        }
        errors.finish()?;
        let (Some(resource_type), Some(cost)) = (resource_type, cost) else {
            return Err(Problem::new(Code::ValidationFailed));
        };
        let call = Consume {
            user_id,
            resource_type,
            cost,
            resource_id,
            metadata,
            api_key_id,
        };
        Ok((call, caller))
    }
}

/// A JSON integer, by its literal text: `1.0`, `1e3` and `"1"` are none, and nothing wraps.
pub(super) fn cost(raw: Option<&RawValue>) -> Result<Cost, InvalidCost> {
    let Some(raw) = raw else { return Ok(Cost::ONE) };
    raw.get()
        .parse::<i64>()
        .map_err(|_| InvalidCost)
        .and_then(Cost::new)
}
