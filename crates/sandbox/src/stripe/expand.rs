//! `expand[]`: another object in place of its number, and lists that are shown only to who asks.

use serde_json::{Value, json};

use super::deed::Deed;
use super::wire::{Fault, Form, Refusal, text};
use crate::SandboxError;
use crate::store::Listed;

const LEVELS: usize = 4;
/// So many are shown of a list inside an object.
const SHOWN: i64 = 10;

/// Puts into an answer what is asked for.
///
/// # Errors
/// It is not there to be expanded.
pub(super) async fn expand(
    deed: &mut Deed<'_>,
    answer: &mut Value,
    form: &Form,
) -> Result<(), Fault> {
    for path in form.list("expand") {
        let steps: Vec<&str> = path.split('.').collect();
        if steps.len() > LEVELS {
            let message = format!("You cannot expand more than {LEVELS} levels of a property.");
            return Err(Refusal::invalid("expand", message).into());
        }
        // JSON pointers to what has been reached so far.
        let mut reached = vec![String::new()];
        for step in &steps {
            let mut next = Vec::new();
            for place in reached {
                next.extend(enter(deed, answer, &place, step, path).await?);
            }
            reached = next;
        }
    }
    Ok(())
}

/// One step down from one place.
async fn enter(
    deed: &mut Deed<'_>,
    answer: &mut Value,
    place: &str,
    step: &str,
    path: &str,
) -> Result<Vec<String>, Fault> {
    let Some(here) = answer.pointer_mut(place) else {
        return Ok(Vec::new());
    };
    if here["object"] == "list" && step == "data" {
        let count = here["data"].as_array().map_or(0, Vec::len);
        return Ok((0..count).map(|at| format!("{place}/data/{at}")).collect());
    }
    let below = format!("{place}/{step}");
    let found = match here.get(step) {
        Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(_)) => return Ok(vec![below]),
        Some(Value::String(id)) => deed.tx.find(&id.clone()).await?,
        Some(_) => None,
        None => shown(deed, here, step).await?,
    };
    let found = found.ok_or_else(|| {
        let message = format!("This property cannot be expanded ({path}).");
        Refusal::invalid("expand", message)
    })?;
    here[step] = found;
    Ok(vec![below])
}

/// A list inside an object that is not part of it otherwise.
async fn shown(
    deed: &mut Deed<'_>,
    object: &Value,
    member: &str,
) -> Result<Option<Value>, SandboxError> {
    let id = text(&object["id"]);
    let listed = |kind| Listed {
        kind,
        limit: SHOWN,
        ..Listed::default()
    };
    let (listed, url) = match (object["object"].as_str().unwrap_or_default(), member) {
        ("checkout.session", "line_items") => {
            let items = deed.tx.notes(&id).await?["items"].clone();
            let url = format!("/v1/checkout/sessions/{id}/line_items");
            return Ok(Some(
                json!({ "object": "list", "data": items, "has_more": false, "url": url }),
            ));
        }
        ("invoice", "payments") => {
            let listed = Listed {
                parent: Some(&id),
                ..listed("invoice_payment")
            };
            (listed, format!("/v1/invoice_payments?invoice={id}"))
        }
        ("charge", "refunds") => {
            let listed = Listed {
                peer: Some(&id),
                ..listed("refund")
            };
            (listed, format!("/v1/charges/{id}/refunds"))
        }
        ("customer", "subscriptions") => {
            let listed = Listed {
                parent: Some(&id),
                ..listed("subscription")
            };
            (listed, format!("/v1/customers/{id}/subscriptions"))
        }
        _ => return Ok(None),
    };
    let rows = deed.tx.list(&listed).await?;
    let data: Vec<Value> = rows.into_iter().map(|(_, object)| object).collect();
    Ok(Some(
        json!({ "object": "list", "data": data, "has_more": false, "url": url }),
    ))
}
