//! Events as the merchant reads them: thirty days back.

use serde_json::Value;

use super::deed::Deed;
use super::lists;
use super::wire::{Fault, Form, Refusal};
use crate::store::Listed;

const KEPT_SECONDS: i64 = 30 * 86_400;
const KINDS: usize = 20;

/// `GET /v1/events`
pub(super) async fn list(deed: &mut Deed<'_>, form: &Form) -> Result<Value, Fault> {
    lists::only(form, &["type", "types"])?;
    let kinds = form.list("types");
    if kinds.len() > KINDS || (form.has("type") && !kinds.is_empty()) {
        let message = format!("Pass type, or up to {KINDS} types.");
        return Err(Refusal::invalid("types", message).into());
    }
    let oldest = deed.at.saturating_sub(KEPT_SECONDS);
    let fits = |event: &Value| {
        let kind = event["type"].as_str().unwrap_or_default();
        let named = match form.text("type") {
            Some(wanted) => is(kind, wanted),
            None => kinds.is_empty() || kinds.iter().any(|wanted| is(kind, wanted)),
        };
        named && event["created"].as_i64() >= Some(oldest)
    };
    let listed = Listed {
        kind: "event",
        ..Listed::default()
    };
    lists::page(deed, form, listed, "/v1/events", fits).await
}

/// `customer.*` is every kind that begins so.
fn is(kind: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => kind == wanted,
    }
}
