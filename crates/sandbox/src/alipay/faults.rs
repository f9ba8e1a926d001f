//! Faults to order: `POST /sandbox/alipay/faults`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::Sandbox;
use crate::store::{FaultKind, Rail};

/// What shall go wrong, how often.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// `answer_lost`, `busy` or `refused`.
    kind: String,
    /// `alipay.trade.refund` …
    method: String,
    /// Of `refused`: the code.
    argument: Option<String>,
    /// 1 when left out.
    times: Option<u32>,
}

/// Orders a fault.
pub(crate) async fn put(State(sandbox): State<Sandbox>, Json(wanted): Json<Wanted>) -> Response {
    let Some(kind) = FaultKind::read(&wanted.kind) else {
        let says = "kind is answer_lost, busy or refused\n";
        return (StatusCode::UNPROCESSABLE_ENTITY, says).into_response();
    };
    let (inner, times) = (&sandbox.inner, wanted.times.unwrap_or(1));
    let argument = wanted.argument.as_deref();
    let (method, now) = (wanted.method.as_str(), inner.clock.now());
    let put = inner
        .store
        .put_fault(Rail::Alipay, kind, method, argument, times, now);
    match put.await {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(error) => {
            tracing::error!(%error, "a fault cannot be kept");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
