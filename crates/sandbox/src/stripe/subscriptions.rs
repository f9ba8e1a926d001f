//! Subscriptions as the merchant changes them.

use serde_json::Value;

use super::deed::Deed;
use super::lists;
use super::route::object;
use super::terms;
use super::wire::{Fault, Form, Refusal, text};
use crate::SandboxError;
use crate::store::Listed;

const KNOWN: [&str; 5] = [
    "cancel_at_period_end",
    "metadata",
    "description",
    "default_payment_method",
    "cancellation_details",
];

/// `POST /v1/subscriptions/{id}`
pub(super) async fn update(deed: &mut Deed<'_>, form: &Form, id: &str) -> Result<Value, Fault> {
    form.only(&KNOWN)?;
    let before = object(deed, "subscription", id).await?;
    let mut subscription = before.clone();
    if let Some(ends) = form.truth("cancel_at_period_end")? {
        if matches!(
            before["status"].as_str(),
            Some("canceled" | "incomplete_expired")
        ) {
            let message =
                "A canceled subscription can only update its cancellation_details and metadata.";
            let refusal = Refusal::invalid("cancel_at_period_end", message.to_owned());
            return Err(refusal.after_it_ran().into());
        }
        mark(deed, &mut subscription, ends);
    }
    if let Some(method) = form.text("default_payment_method") {
        let known = object(deed, "payment_method", method).await?;
        if known["customer"] != before["customer"] {
            let message = "The payment method belongs to another customer.".to_owned();
            return Err(Refusal::invalid("default_payment_method", message).into());
        }
        subscription["default_payment_method"] = method.into();
    }
    if form.has("description") {
        subscription["description"] = form.text("description").into();
    }
    for name in ["comment", "feedback"] {
        if let Some(text) = form.text(&format!("cancellation_details[{name}]")) {
            subscription["cancellation_details"][name] = text.into();
        }
    }
    form.change_map("metadata", &mut subscription)?;
    Ok(keep(deed, &before, subscription).await?)
}

/// Whether it ends with its term.
fn mark(deed: &Deed<'_>, subscription: &mut Value, ends: bool) {
    let already = subscription["cancel_at_period_end"] == true;
    subscription["cancel_at_period_end"] = ends.into();
    if ends && !already {
        subscription["cancel_at"] = terms::period_end(subscription).into();
        subscription["canceled_at"] = deed.at.into();
        subscription["cancellation_details"]["reason"] = "cancellation_requested".into();
    } else if !ends {
        for name in ["cancel_at", "canceled_at"] {
            subscription[name] = Value::Null;
        }
        subscription["cancellation_details"]["reason"] = Value::Null;
    }
}

async fn keep(
    deed: &mut Deed<'_>,
    before: &Value,
    subscription: Value,
) -> Result<Value, SandboxError> {
    let lives = matches!(subscription["status"].as_str(), Some("active" | "past_due"));
    let due = lives.then(|| terms::period_end(&subscription));
    deed.tx.put(&subscription, due).await?;
    let kind = "customer.subscription.updated";
    deed.updated(kind, before, &subscription).await?;
    Ok(subscription)
}

/// What a buyer does on the portal's page.
pub(super) async fn buyer_marks(
    deed: &mut Deed<'_>,
    before: Value,
    ends: bool,
) -> Result<Value, SandboxError> {
    let mut subscription = before.clone();
    mark(deed, &mut subscription, ends);
    keep(deed, &before, subscription).await
}

/// A buyer has another card debited from now on.
pub(super) async fn buyer_changes_card(
    deed: &mut Deed<'_>,
    before: Value,
    method: &Value,
) -> Result<Value, SandboxError> {
    let mut subscription = before.clone();
    subscription["default_payment_method"] = method["id"].clone();
    keep(deed, &before, subscription).await
}

/// `DELETE /v1/subscriptions/{id}`: at once; nothing goes back by itself.
pub(super) async fn cancel(deed: &mut Deed<'_>, form: &Form, id: &str) -> Result<Value, Fault> {
    form.only(&["invoice_now", "prorate", "cancellation_details"])?;
    for name in ["invoice_now", "prorate"] {
        if form.truth(name)? == Some(true) {
            let message = "This look-alike does not prorate.".to_owned();
            return Err(Refusal::invalid(name, message).into());
        }
    }
    let subscription = object(deed, "subscription", id).await?;
    if matches!(
        subscription["status"].as_str(),
        Some("canceled" | "incomplete_expired")
    ) {
        return Err(Refusal::missing(id).into());
    }
    Ok(terms::end(deed, subscription, "cancellation_requested").await?)
}

/// `GET /v1/subscriptions`: without a wish those that have not ended.
pub(super) async fn list(deed: &mut Deed<'_>, form: &Form) -> Result<Value, Fault> {
    lists::only(form, &["customer", "price", "status"])?;
    let customer = form.text("customer");
    let listed = Listed {
        kind: "subscription",
        parent: customer,
        ..Listed::default()
    };
    let fits = |subscription: &Value| {
        let status = text(&subscription["status"]);
        let over = matches!(status.as_str(), "canceled" | "incomplete_expired");
        let mut items = subscription["items"]["data"]
            .as_array()
            .into_iter()
            .flatten();
        let price_fits = form
            .text("price")
            .is_none_or(|price| items.any(|item| item["price"]["id"] == price));
        price_fits
            && match form.text("status") {
                None => !over,
                Some("all") => true,
                Some("ended") => over,
                Some(wanted) => status == wanted,
            }
    };
    lists::page(deed, form, listed, "/v1/subscriptions", fits).await
}
