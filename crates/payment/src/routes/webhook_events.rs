//! What providers said to us, for staff.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{CallId, PaymentId};
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::Permitted;
use tollgate_kernel::problem::{Code, Problem};
use utoipa::{IntoParams, ToSchema};

use super::refunds::{Finance, PaymentsRead};
use super::transactions::{bounded, word};
use crate::model::call::{InboundCall, KeptCall};
use crate::operations::webhook_events::WebhookEventFilter;
use crate::words::WORDS;
use crate::{PaymentService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;

/// Which calls; every condition that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WebhookEventParams {
    /// `alipay`, `wechat` or `stripe`.
    provider: Option<String>,
    /// `verified`, `forged`, `stale`, `foreign`, `unreadable` or `probe`.
    verdict: Option<String>,
    /// Received at this moment or later.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Received before this moment.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// 1 to 100.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<CallId>,
}

/// A call of a provider.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookEventShape {
    #[schema(value_type = String, format = "uuid")]
    id: CallId,
    /// `alipay`, `wechat` or `stripe`.
    provider: &'static str,
    /// `verified`, `forged`, `stale`, `foreign`, `unreadable` or `probe`.
    verdict: &'static str,
    /// The same at every delivery of one event.
    event_key: Option<String>,
    /// What the event came to, at its first delivery: `paid`, `repeated` (paid before, by this very money),
    /// `suspended`, `refund_noted` …
    outcome: Option<String>,
    /// Which payment it is about.
    #[schema(value_type = Option<String>, format = "uuid")]
    transaction_id: Option<PaymentId>,
    /// What we answered.
    reply_status: i64,
    /// From its last byte to our answer, in microseconds.
    duration_us: i64,
    #[schema(value_type = String, format = "date-time")]
    received_at: Timestamp,
    /// Of which call it is the replay.
    #[schema(value_type = Option<String>, format = "uuid")]
    replay_of: Option<CallId>,
}

impl From<InboundCall> for WebhookEventShape {
    fn from(call: InboundCall) -> Self {
        Self {
            id: call.id,
            provider: call.provider.as_str(),
            verdict: call.verdict.as_str(),
            event_key: call.event_key,
            outcome: call.outcome,
            transaction_id: call.payment_id,
            reply_status: call.reply_status,
            duration_us: call.duration_us,
            received_at: call.received_at,
            replay_of: call.replay_of,
        }
    }
}

/// A header as it came.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeaderShape {
    name: String,
    /// What is not UTF-8 in it is replaced.
    value: String,
}

/// A call with its bytes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookEventDetail {
    #[serde(flatten)]
    event: WebhookEventShape,
    /// Without credentials.
    headers: Vec<HeaderShape>,
    /// The bytes as they came.
    body_base64: String,
    /// The same as text, where they are UTF-8.
    body_text: Option<String>,
}

impl From<KeptCall> for WebhookEventDetail {
    fn from(kept: KeptCall) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = kept.header_lines().map(|(name, value)| HeaderShape {
            name: text(name),
            value: text(value),
        });
        Self {
            headers: headers.collect(),
            body_base64: BASE64_STANDARD.encode(&kept.body),
            body_text: String::from_utf8(kept.body).ok(),
            event: kept.call.into(),
        }
    }
}

/// A page of calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookEventPage {
    data: Vec<WebhookEventShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<CallId>,
}

/// Calls of providers, newest first; they are kept for 90 days. Takes `payments.read`.
#[utoipa::path(get, path = "/webhook-events", tag = "admin", params(WebhookEventParams),
    responses((status = 200, body = WebhookEventPage), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn list(
    State(service): State<PaymentService>,
    _staff: Permitted<PaymentsRead>,
    Params(params): Params<WebhookEventParams>,
) -> Result<Json<WebhookEventPage>, Problem> {
    let filter = WebhookEventFilter {
        provider: word("/provider", params.provider.as_deref())?,
        verdict: word("/verdict", params.verdict.as_deref())?,
        from: params.from,
        to: params.to,
        starting_after: params.starting_after,
    };
    let limit = bounded(params.limit.unwrap_or(LIMIT), LONGEST_PAGE)?;
    let Some((calls, has_more)) = service.webhook_events(&filter, limit).await? else {
        return Err(Problem::invalid(
            "/starting_after",
            "unknown_cursor",
            WORDS.text("list.no_such_row"),
        ));
    };
    Ok(Json(WebhookEventPage {
        next_cursor: calls.last().filter(|_| has_more).map(|last| last.id),
        data: calls.into_iter().map(WebhookEventShape::from).collect(),
        has_more,
    }))
}

/// A call of a provider, to the byte. Takes `payments.read`.
#[utoipa::path(get, path = "/webhook-events/{webhook_event_id}", tag = "admin", params(("webhook_event_id" = String, Path)),
    responses((status = 200, body = WebhookEventDetail), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`")))]
pub(super) async fn detail(
    State(service): State<PaymentService>,
    _staff: Permitted<PaymentsRead>,
    PathId(id): PathId<CallId>,
) -> Result<Json<WebhookEventDetail>, Problem> {
    let kept = service.webhook_event(id).await?;
    let kept = kept.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(kept.into()))
}

/// Verifies the kept bytes of a call anew, under the keys of today, and applies what they say; gives the new
/// call that tells of it. An event is applied once, however often it comes; a forged one stays refused. Takes
/// `finance`.
#[utoipa::path(post, path = "/webhook-events/{webhook_event_id}/replay", tag = "admin", params(("webhook_event_id" = String, Path)),
    responses(
        (status = 200, body = WebhookEventDetail),
        (status = 403, description = "`permission_denied`"),
        (status = 404, description = "`not_found`"),
        (status = 422, description = "`method_unavailable`: its rail is not configured now"),
    ))]
pub(super) async fn replay(
    State(service): State<PaymentService>,
    _staff: Permitted<Finance>,
    origin: Origin,
    PathId(id): PathId<CallId>,
) -> Result<Json<WebhookEventDetail>, Problem> {
    let replayed = service.replay_webhook(id, &origin).await;
    Ok(Json(replayed.map_err(problems::replay)?.into()))
}
