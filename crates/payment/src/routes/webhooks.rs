//! Callbacks of the providers. No caller: the signature speaks.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tollgate_kernel::input::{PathText, raw_body};
use tollgate_kernel::problem::{Code, Problem};

use crate::PaymentService;
use crate::model::payment::PaymentMethod;
use crate::providers::RawWebhook;

/// No genuine callback is longer.
const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// Receives a provider's callback and answers in that provider's own words.
#[utoipa::path(post, path = "/webhooks/{provider}", tag = "webhooks", security(()),
    params(("provider" = String, Path, description = "`alipay`")),
    responses(
        (status = 200, description = "kept; Alipay: the text `success`"),
        (status = 401, description = "the signature does not verify"),
        (status = 403, description = "meant for another merchant"),
        (status = 404, description = "no such rail is configured"),
        (status = 503, description = "send it again"),
    ))]
pub(super) async fn receive(
    State(service): State<PaymentService>,
    PathText(provider): PathText,
    request: Request,
) -> Result<Response, Problem> {
    let method: PaymentMethod = provider.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let (parts, body) = request.into_parts();
    let body = raw_body(body, BODY_LIMIT_BYTES).await?;
    let raw = RawWebhook {
        headers: parts.headers,
        body,
    };
    let received = service
        .accept_webhook(method, raw)
        .await
        .ok_or_else(|| Problem::new(Code::NotFound))?;
    let status =
        StatusCode::from_u16(received.reply.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = (status, Body::from(received.reply.body)).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(received.reply.content_type),
    );
    Ok(response)
}
