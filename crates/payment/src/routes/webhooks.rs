//! Callbacks of the providers. No caller: the signature speaks.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;
use tollgate_kernel::input::{PathText, raw_body};
use tollgate_kernel::problem::{Code, Problem};

use crate::PaymentService;
use crate::model::payment::PaymentMethod;
use crate::providers::RawWebhook;
use crate::words::WORDS;

/// No genuine callback is longer.
const BODY_LIMIT_BYTES: usize = 256 * 1024;
/// For all of it: a provider sends its few kilobytes at once.
const BODY_WITHIN: Duration = Duration::from_secs(5);

/// Receives a provider's callback and answers in that provider's own words.
#[utoipa::path(post, path = "/webhooks/{provider}", tag = "webhooks", security(()),
    params(("provider" = String, Path, description = "`alipay`")),
    responses(
        (status = 200, description = "kept; Alipay: the text `success`"),
        (status = 401, description = "the signature does not verify"),
        (status = 403, description = "meant for another merchant"),
        (status = 404, description = "no such rail is configured"),
        (status = 408, description = "`request_timeout`: the body did not arrive within five seconds"),
        (status = 413, description = "`body_too_large`: above 256 KiB"),
        (status = 415, description = "`unsupported_media_type`: compressed"),
        (status = 503, description = "send it again"),
    ))]
pub(super) async fn receive(
    State(service): State<PaymentService>,
    PathText(provider): PathText,
    request: Request,
) -> Result<Response, Problem> {
    let method: PaymentMethod = provider.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let (parts, body) = request.into_parts();
    // What was signed is what is read: nothing here unpacks anything.
    let encodings = parts.headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings
        .into_iter()
        .any(|name| !name.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(
            Problem::new(Code::UnsupportedMediaType).detail(WORDS.text("webhook.compressed"))
        );
    }
    let reading = timeout(BODY_WITHIN, raw_body(body, BODY_LIMIT_BYTES));
    let body = reading
        .await
        .map_err(|_| Problem::new(Code::RequestTimeout))??;
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
