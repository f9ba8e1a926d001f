//! Faults around a call: what is not done, and what becomes of the answer.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::answer::{Done, Fault, Refusal};
use super::notice::PROBE;
use super::request::{Call, Request};
use super::{digits, done};
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
    request: &Request<'_>,
) -> (Option<FaultKind>, Result<Done, Fault>) {
    let inner = &sandbox.inner;
    let checked = || {
        request.verify(&inner.wechat.identity(), inner.clock.now())?;
        request.call()
    };
    let call = match checked() {
        Ok(call) => call,
        Err(refusal) => return (None, Err(refusal.into())),
    };
    let fault = match ordered(sandbox, request, &call).await {
        Ok(fault) => fault,
        Err(error) => return (None, Err(error.into())),
    };
    let kind = fault.as_ref().map(|fault| fault.kind);
    let result = match kind {
        Some(FaultKind::Busy | FaultKind::ServerError) => Err(Refusal::system_error().into()),
        Some(FaultKind::Refused) => {
            let code = fault.as_ref().and_then(|fault| fault.argument.as_deref());
            Err(Refusal::ordered(code).into())
        }
        _ => done(sandbox, request, &call).await,
    };
    (kind, result)
}

async fn ordered(
    sandbox: &Sandbox,
    request: &Request<'_>,
    call: &Call,
) -> Result<Option<faults::Fault>, SandboxError> {
    let order = match call {
        Call::Query(number) | Call::Close(number) => Some(number.clone()),
        Call::QueryPaid(_) | Call::RefundQuery(_) | Call::Certificates => None,
        _ => {
            let named: Option<Named> = request.content().ok();
            named.and_then(|named| named.out_trade_no)
        }
    };
    let here = |kind: FaultKind| kind.place() == Place::Call;
    let store = &sandbox.inner.store;
    let taken = store.take_faults(Rail::Wechat, here, call.name(), order.as_deref());
    Ok(taken.await?.0.into_iter().next())
}

/// The answer as it leaves.
pub(super) fn answer(
    sandbox: &Sandbox,
    fault: Option<FaultKind>,
    wanted_serial: Option<&str>,
    done: &Done,
) -> Response {
    match fault {
        Some(FaultKind::AnswerLost) => return StatusCode::GATEWAY_TIMEOUT.into_response(),
        Some(FaultKind::ServerError) => return server_error(),
        _ => {}
    }
    let inner = &sandbox.inner;
    let identity = inner.wechat.identity();
    let mut body = done.body.clone();
    if fault == Some(FaultKind::HugeBody) {
        body.push_str(&" ".repeat(HUGE_BYTES));
    }
    let half = identity.half_for(wanted_serial);
    let signed: &[u8] = if fault == Some(FaultKind::BrokenSignature) {
        b" "
    } else {
        body.as_bytes()
    };
    let seal = identity.seal(half, signed, inner.clock.now(), &inner.entropy);
    let mut seal = match seal {
        Ok(seal) => seal,
        Err(error) => {
            tracing::error!(%error, "an answer cannot be signed");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    if fault == Some(FaultKind::ProbeAnswer) {
        let noise = hex::encode(inner.entropy.bytes::<32>());
        seal.insert("wechatpay-signature".to_owned(), format!("{PROBE}{noise}"));
    }
    let body = if fault == Some(FaultKind::SlowDrip) {
        drip(body)
    } else {
        Body::from(body)
    };
    let mut response = (done.status, body).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    seal.insert("request-id".to_owned(), digits(&inner.entropy, 18));
    for (name, value) in &seal {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    response
}
