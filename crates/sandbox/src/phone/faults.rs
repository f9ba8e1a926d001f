//! The buttons that order a fault for one order.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::problem::{Code, Problem};

use super::{Shown, check_origin, failed, wants_json};
use crate::Sandbox;
use crate::faults::FaultKind;
use crate::store::NewFault;
use crate::words::WORDS;

#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    kind: String,
}

/// `POST /sandbox/pay/{code}/fault`: once, for this order alone.
pub(crate) async fn order(
    State(sandbox): State<Sandbox>,
    Path(code): Path<String>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Problem> {
    check_origin(&headers, &sandbox.inner.base_url)?;
    let not_found = || Problem::new(Code::NotFound);
    let kind = FaultKind::read(&wanted.kind).ok_or_else(not_found)?;
    let trade = sandbox.coded(&code).await.map_err(failed)?;
    let trade = trade.ok_or_else(not_found)?;
    let fault = NewFault {
        rail: trade.rail,
        kind,
        method: None,
        order_no: Some(&trade.out_trade_no),
        argument: None,
        times: 1,
        at: sandbox.inner.clock.now(),
    };
    let put = sandbox.inner.store.put_fault(&fault).await;
    if put.map_err(failed)?.is_none() {
        return Err(
            Problem::new(Code::ValidationFailed).detail(WORDS.text("refusal.too_many_faults"))
        );
    }
    if wants_json(&headers) {
        return Ok(StatusCode::CREATED.into_response());
    }
    let language = shown.language(&sandbox, &headers).tag();
    let number = &trade.provider_no;
    Ok(Redirect::to(&format!("../{number}?lang={language}")).into_response())
}
