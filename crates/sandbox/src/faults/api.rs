//! Faults to order: `POST`, `GET` and `DELETE /sandbox/{rail}/faults`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_kernel::text::{Language, Text};

use super::{FaultKind, Place};
use crate::alipay::order;
use crate::store::{NewFault, Rail};
use crate::words::WORDS;
use crate::{Sandbox, SandboxError, alipay, wechat};

/// Longest argument and order number, in bytes.
const TEXT: usize = 64;
/// How often one order may act.
const TIMES: u32 = 10_000;

/// What shall go wrong, how often.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// A word of the table.
    kind: String,
    /// `alipay.trade.refund` or `refund` …; any when left out. Only of faults around a call.
    method: Option<String>,
    /// The merchant's order number; any when left out.
    order: Option<String>,
    /// Of `refused` the code, of `wrong_amount` the amount, of those that wait the seconds.
    argument: Option<String>,
    /// 1 when left out.
    times: Option<u32>,
}

impl Wanted {
    /// Why it cannot be ordered.
    fn refused(&self, rail: Rail) -> Result<FaultKind, Text> {
        let Some(kind) = FaultKind::read(&self.kind).filter(|kind| kind.is_of(rail)) else {
            let words: Vec<_> = FaultKind::of(rail).map(FaultKind::as_str).collect();
            return Err(WORDS.text_with("refusal.fault_kind", &[("kinds", &words.join(", "))]));
        };
        let texts = [&self.method, &self.order, &self.argument];
        let fits = |text: &String| {
            (1..=TEXT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !texts.into_iter().flatten().all(fits) {
            return Err(WORDS.text("refusal.fault_texts"));
        }
        match self.method.as_deref() {
            None => {}
            Some(_) if kind.place() != Place::Call => {
                return Err(WORDS.text_with("refusal.fault_no_method", &[("kind", &kind.as_str())]));
            }
            Some(method) if !is_call(rail, method) => {
                return Err(WORDS.text("refusal.fault_unknown_method"));
            }
            Some(_) => {}
        }
        if !(1..=TIMES).contains(&self.times.unwrap_or(1)) {
            return Err(WORDS.text("refusal.fault_times"));
        }
        let argument = self.argument.as_deref();
        let fits = match (kind, argument) {
            (_, None) | (FaultKind::Refused, Some(_)) => true,
            (FaultKind::WrongAmount, Some(text)) => order::amount(text).is_some(),
            (kind, argument) => kind.waits() && kind.wait(argument).is_some(),
        };
        if !fits {
            return Err(WORDS.text_with("refusal.fault_argument", &[("kind", &kind.as_str())]));
        }
        Ok(kind)
    }
}

fn is_call(rail: Rail, method: &str) -> bool {
    match rail {
        Rail::Alipay => alipay::is_call(method),
        Rail::Wechat => wechat::is_call(method),
    }
}

/// Orders a fault.
pub(crate) async fn put(
    State(sandbox): State<Sandbox>,
    Path(rail): Path<String>,
    Json(mut wanted): Json<Wanted>,
) -> Response {
    let Some(rail) = Rail::read(&rail) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // An empty text is none, as everywhere at the gateway.
    for text in [&mut wanted.method, &mut wanted.order, &mut wanted.argument] {
        text.take_if(|text| text.is_empty());
    }
    let kind = match wanted.refused(rail) {
        Ok(kind) => kind,
        Err(says) => return refusal(&says),
    };
    let fault = NewFault {
        rail,
        kind,
        method: wanted.method.as_deref(),
        order_no: wanted.order.as_deref(),
        argument: wanted.argument.as_deref(),
        times: wanted.times.unwrap_or(1),
        at: sandbox.inner.clock.now(),
    };
    match sandbox.inner.store.put_fault(&fault).await {
        Ok(Some(id)) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        Ok(None) => refusal(&WORDS.text("refusal.fault_too_many")),
        Err(error) => failed(&error),
    }
}

/// What is ordered, and what there is.
pub(crate) async fn list(State(sandbox): State<Sandbox>, Path(rail): Path<String>) -> Response {
    let Some(rail) = Rail::read(&rail) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let open = match sandbox.inner.store.open_faults(rail).await {
        Ok(open) => open,
        Err(error) => return failed(&error),
    };
    let data: Vec<Value> = open
        .iter()
        .map(|fault| {
            json!({
                "id": fault.id,
                "kind": fault.kind.as_str(),
                "method": fault.method,
                "order": fault.order_no,
                "argument": fault.argument,
                "remaining": fault.remaining,
                "created_at": fault.created_at.utc().to_rfc3339(),
            })
        })
        .collect();
    let kinds: Vec<Value> = FaultKind::of(rail)
        .map(|kind| json!({ "kind": kind.as_str(), "acts": kind.place().as_str(), "says": kind.says(Language::En) }))
        .collect();
    Json(json!({ "data": data, "kinds": kinds })).into_response()
}

/// Nothing goes wrong any more.
pub(crate) async fn clear(State(sandbox): State<Sandbox>, Path(rail): Path<String>) -> Response {
    let Some(rail) = Rail::read(&rail) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match sandbox.inner.store.clear_faults(rail).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error),
    }
}

/// In English: these calls are made by programs.
pub(crate) fn refusal(says: &Text) -> Response {
    let says = says.get(Language::En);
    (StatusCode::UNPROCESSABLE_ENTITY, format!("{says}\n")).into_response()
}

fn failed(error: &SandboxError) -> Response {
    tracing::error!(%error, "faults cannot be kept");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
