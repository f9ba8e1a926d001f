//! Faults around a call: what is not done, and what becomes of the answer.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use super::deed::Deed;
use super::faults::{FaultKind, Ordered, Place};
use super::route::Call;
use super::wire::{API, INVALID, Refusal};
use crate::{Sandbox, SandboxError};

/// A slow answer is whole after this long.
const SLOWEST: Duration = Duration::from_mins(1);
/// And no slower than this, from byte to byte.
const DRIP: Duration = Duration::from_millis(250);
/// Far above what a merchant should read.
const HUGE_BYTES: usize = 12 * 1024 * 1024;

/// What is ordered to go wrong with this call.
pub(super) async fn ordered(
    sandbox: &Sandbox,
    call: &Call,
) -> Result<Option<Ordered>, SandboxError> {
    let mut deed = Deed::begin(sandbox).await?;
    let open = deed.tx.open_faults().await?;
    let around = |word: &str| FaultKind::read(word).is_some_and(|kind| kind.place() == Place::Call);
    if !open.iter().any(|fault| around(&fault.kind)) {
        return Ok(None);
    }
    deed.order_no = order_of(&mut deed, call).await?;
    let name = call.name();
    for open in open.iter().filter(|fault| around(&fault.kind)) {
        let Some(kind) = FaultKind::read(&open.kind) else {
            continue;
        };
        let wanted = |other: FaultKind| other == kind;
        let taken = deed.faults(wanted, |method| method == name).await?;
        if let Some(fault) = taken.into_iter().next() {
            deed.commit().await?;
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

/// The merchant's order that a call is about.
async fn order_of(deed: &mut Deed<'_>, call: &Call) -> Result<Option<String>, SandboxError> {
    let form = &call.form;
    let named = ["client_reference_id", "metadata[order_no]"];
    if let Some(order_no) = named.into_iter().find_map(|name| form.text(name)) {
        return Ok(Some(order_no.to_owned()));
    }
    let id = call.id.as_deref().or(form.text("payment_intent"));
    let Some(object) = deed.tx.find(id.unwrap_or_default()).await? else {
        return Ok(None);
    };
    let order_no = object["client_reference_id"].as_str();
    let order_no = order_no.or(object["metadata"]["order_no"].as_str());
    Ok(order_no.map(str::to_owned))
}

/// Why nothing is done; nothing when it is done all the same.
pub(super) fn instead(fault: &Ordered) -> Option<Refusal> {
    match fault.kind {
        FaultKind::Busy => {
            let status = fault.status();
            let (kind, message) = if status == StatusCode::TOO_MANY_REQUESTS {
                (INVALID, "Request rate limit exceeded.")
            } else {
                (API, "An error occurred with our connection.")
            };
            let refusal = Refusal::new(status, kind, message);
            Some(if status == StatusCode::TOO_MANY_REQUESTS {
                refusal.code("rate_limit")
            } else {
                refusal
            })
        }
        FaultKind::ServerError => Some(Refusal::new(StatusCode::BAD_GATEWAY, API, "Bad Gateway")),
        FaultKind::Refused => {
            let code = fault
                .argument
                .as_deref()
                .unwrap_or("parameter_invalid_empty");
            let refusal = Refusal::new(StatusCode::BAD_REQUEST, INVALID, "It was ordered so.");
            Some(refusal.code(code))
        }
        FaultKind::StoredError => Some(trouble().after_it_ran()),
        _ => None,
    }
}

/// Stripe is in trouble, and says so.
pub(super) fn trouble() -> Refusal {
    let message = "An unexpected error occurred.";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, API, message)
}

/// The answer as it leaves.
pub(super) fn answer(fault: Option<FaultKind>, status: StatusCode, text: String) -> Response {
    let page = |status: StatusCode, title: &str| {
        let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
        let page = format!(
            "<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        );
        (status, headers, page).into_response()
    };
    let body = match fault {
        Some(FaultKind::AnswerLost) => {
            return page(StatusCode::GATEWAY_TIMEOUT, "504 Gateway Time-out");
        }
        Some(FaultKind::ServerError) => return page(StatusCode::BAD_GATEWAY, "502 Bad Gateway"),
        Some(FaultKind::BrokenAnswer) => {
            let half = text.len() / 2;
            Body::from(text.into_bytes().get(..half).unwrap_or_default().to_vec())
        }
        Some(FaultKind::HugeBody) => Body::from(text + &" ".repeat(HUGE_BYTES)),
        Some(FaultKind::SlowDrip) => drip(text),
        _ => Body::from(text),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-cache, no-store"),
    ];
    (status, headers, body).into_response()
}

/// Byte by byte; ends when the caller hangs up, since nobody asks for the next byte then.
fn drip(text: String) -> Body {
    let bytes = Bytes::from(text);
    let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX).max(1);
    let wait = (SLOWEST / count).min(DRIP);
    Body::from_stream(stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(wait).await;
        let byte = rest.split_to(1);
        Some((Ok::<_, std::convert::Infallible>(byte), rest))
    }))
}
