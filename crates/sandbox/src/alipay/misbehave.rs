//! Faults around a call: what is not done, and what becomes of the answer.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::answer::{Answer, Fault, Refusal};
use super::done;
use super::request::Request;
use crate::faults::{self, FaultKind, Place};
use crate::store::Rail;
use crate::trouble::{HUGE_BYTES, drip, server_error};
use crate::{Sandbox, SandboxError};

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
