//! Faults around a call: what is not done, and what becomes of the answer.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Deserialize;

use super::answer::{Answer, Fault, Refusal};
use super::done;
use super::request::Request;
use crate::faults::{self, FaultKind, Place};
use crate::store::Rail;
use crate::{Sandbox, SandboxError};

/// A slow answer is whole after this long.
const SLOWEST: Duration = Duration::from_mins(1);
/// And no slower than this, from byte to byte.
const DRIP: Duration = Duration::from_millis(250);
/// Far above what a merchant should read.
const HUGE_BYTES: usize = 12 * 1024 * 1024;

#[derive(Deserialize)]
struct Named {
    out_trade_no: Option<String>,
}

/// Checks a call, does it unless a fault is in the way, and says which fault its answer suffers.
pub(super) async fn call(
    sandbox: &Sandbox,
    request: &Request,
) -> (Option<FaultKind>, Result<String, Fault>) {
    let method = match checked(sandbox, request) {
        Ok(method) => method,
        Err(refusal) => return (None, Err(refusal.into())),
    };
    let fault = match ordered(sandbox, request).await {
        Ok(fault) => fault,
        Err(error) => return (None, Err(error.into())),
    };
    let kind = fault.as_ref().map(|fault| fault.kind);
    let result = match kind {
        Some(FaultKind::Busy | FaultKind::ServerError) => Err(Refusal::busy().into()),
        Some(FaultKind::Refused) => {
            Err(Refusal::ordered(fault.and_then(|fault| fault.argument)).into())
        }
        _ => done(sandbox, request, method).await,
    };
    (kind, result)
}

fn checked(sandbox: &Sandbox, request: &Request) -> Result<super::Method, Refusal> {
    let method = request.require_method()?;
    let identity = sandbox.inner.alipay.identity();
    request.verify(&identity, sandbox.inner.clock.now())?;
    Ok(method)
}

async fn ordered(
    sandbox: &Sandbox,
    request: &Request,
) -> Result<Option<faults::Fault>, SandboxError> {
    let method = request.get("method").unwrap_or_default();
    let order: Option<Named> = request.content().ok();
    let order = order.and_then(|named| named.out_trade_no);
    let here = |kind: FaultKind| kind.place() == Place::Call;
    let store = &sandbox.inner.store;
    let taken = store.take_faults(Rail::Alipay, here, method, order.as_deref());
    Ok(taken.await?.0.into_iter().next())
}

/// The answer as it leaves.
pub(super) fn answer(fault: Option<FaultKind>, answer: &Answer<'_>) -> Response {
    let body = match fault {
        Some(FaultKind::AnswerLost) => return StatusCode::GATEWAY_TIMEOUT.into_response(),
        Some(FaultKind::ServerError) => return server_error(),
        Some(FaultKind::BrokenSignature) => answer.body_signed_over(" "),
        Some(FaultKind::HugeBody) => answer.padded(HUGE_BYTES).body(),
        _ => answer.body(),
    };
    let body = match body {
        Ok(body) if fault == Some(FaultKind::SlowDrip) => drip(body),
        Ok(body) => Body::from(body),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be signed");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json;charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}

fn server_error() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
    (StatusCode::BAD_GATEWAY, headers, page).into_response()
}

/// Byte by byte; ends when the caller hangs up, since nobody asks for the next byte then.
fn drip(body: String) -> Body {
    let bytes = Bytes::from(body);
    let wait = pace(bytes.len());
    Body::from_stream(stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(wait).await;
        let byte = rest.split_to(1);
        Some((Ok::<_, std::convert::Infallible>(byte), rest))
    }))
}

/// How long from byte to byte.
fn pace(length: usize) -> Duration {
    let count = u32::try_from(length).unwrap_or(u32::MAX).max(1);
    (SLOWEST / count).min(DRIP)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn a_slow_answer_comes_byte_by_byte() {
        let mut bytes = drip("abc".to_owned()).into_data_stream();
        let mut read = Vec::new();
        while let Some(byte) = bytes.next().await {
            let byte = byte.expect("a byte");
            assert_eq!(byte.len(), 1);
            read.extend_from_slice(&byte);
        }
        assert_eq!(read, b"abc");
    }

    #[test]
    fn and_is_whole_within_a_minute() {
        assert_eq!(pace(3), DRIP);
        for length in [0_u32, 1, 900, 100_000] {
            let whole = pace(usize::try_from(length).expect("small")) * length;
            assert!(whole <= SLOWEST, "{length}: {whole:?}");
        }
        assert!(pace(900) * 900 > Duration::from_secs(50));
    }
}
