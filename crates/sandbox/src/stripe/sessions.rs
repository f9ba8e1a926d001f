//! Checkout sessions as the merchant makes, closes and reads them.

use serde_json::{Value, json};
use url::Url;

use super::deed::Deed;
use super::route::object;
use super::wire::{Fault, Form, Refusal, text};
use super::{checkout, customers, items};
use crate::SandboxError;

const DAY_SECONDS: i64 = 24 * 3600;
const SHORTEST_SECONDS: i64 = 30 * 60;
const KNOWN: [&str; 17] = [
    "mode",
    "line_items",
    "success_url",
    "cancel_url",
    "client_reference_id",
    "metadata",
    "customer",
    "customer_email",
    "customer_creation",
    "expires_at",
    "ui_mode",
    "locale",
    "submit_type",
    "payment_intent_data",
    "subscription_data",
    "allow_promotion_codes",
    "billing_address_collection",
];

/// `POST /v1/checkout/sessions`
pub(super) async fn create(deed: &mut Deed<'_>, form: &Form) -> Result<Value, Fault> {
    form.only(&KNOWN)?;
    let mode = mode(form)?;
    let success_url = address(form, "success_url")?;
    let success_url = success_url.ok_or_else(|| Refusal::absent("success_url"))?;
    let expires_at = expiry(form, deed.at)?;
    let reference = form.text("client_reference_id");
    if reference.is_some_and(|text| text.chars().count() > 200) {
        let message = "client_reference_id has at most 200 characters.".to_owned();
        return Err(Refusal::invalid("client_reference_id", message).into());
    }
    let customer = customers::named(deed, form).await?;
    let items = items::read(deed, form, mode == "subscription")?;
    let (total, unit) = (items.total, items.currency.as_str());
    let id = deed.number("cs_test");
    let session = json!({
        "id": id,
        "object": "checkout.session",
        "allow_promotion_codes": null,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "cancel_url": address(form, "cancel_url")?,
        "client_reference_id": reference,
        "created": deed.at,
        "currency": unit,
        "customer": customer,
        "customer_creation": if mode == "payment" { json!(form.text("customer_creation").unwrap_or("if_required")) } else { Value::Null },
        "customer_details": null,
        "customer_email": form.text("customer_email"),
        "expires_at": expires_at,
        "invoice": null,
        "livemode": false,
        "locale": form.text("locale"),
        "metadata": form.map("metadata")?,
        "mode": mode,
        "payment_intent": null,
        "payment_method_collection": if mode == "payment" { "if_required" } else { "always" },
        "payment_status": if total == 0 { "no_payment_required" } else { "unpaid" },
        "status": "open",
        "submit_type": form.text("submit_type"),
        "subscription": null,
        "success_url": success_url,
        "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
        "ui_mode": "hosted_page",
        "url": deed.sandbox.address(&format!("/sandbox/stripe/pay/{id}")),
    });
    deed.tx.put(&session, Some(expires_at)).await?;
    let data = format!("{mode_data}[metadata]", mode_data = data_of(mode));
    let notes = json!({
        "items": items.shown,
        "prices": items.prices,
        "metadata": form.map(&data)?,
        "description": form.text(&format!("{}[description]", data_of(mode))),
    });
    deed.tx.note(&id, &notes).await?;
    Ok(session)
}

fn data_of(mode: &str) -> &'static str {
    if mode == "payment" {
        "payment_intent_data"
    } else {
        "subscription_data"
    }
}

/// Which of the two modes; what belongs to the other one is refused.
fn mode(form: &Form) -> Result<&'static str, Refusal> {
    let (mode, other) = match form.required("mode")? {
        "payment" => ("payment", "subscription_data"),
        "subscription" => ("subscription", "payment_intent_data"),
        other => {
            let message = format!("This look-alike knows payment and subscription, not {other}.");
            return Err(Refusal::invalid("mode", message));
        }
    };
    if form.has(other) {
        let message = format!("You can not pass `{other}` in `{mode}` mode.");
        return Err(Refusal::invalid(other, message));
    }
    for name in ["payment_intent_data", "subscription_data"] {
        form.only_below(name, &["metadata", "description"])?;
    }
    if mode == "subscription" && form.has("customer_creation") {
        let message = "`customer_creation` can only be used in `payment` mode.".to_owned();
        return Err(Refusal::invalid("customer_creation", message));
    }
    if form
        .text("ui_mode")
        .is_some_and(|word| word != "hosted_page")
    {
        let message = "This look-alike knows hosted_page only.".to_owned();
        return Err(Refusal::invalid("ui_mode", message));
    }
    Ok(mode)
}

fn expiry(form: &Form, now: i64) -> Result<i64, Refusal> {
    let expires_at = form.whole("expires_at")?.unwrap_or(now + DAY_SECONDS);
    if (now + SHORTEST_SECONDS..=now + DAY_SECONDS).contains(&expires_at) {
        return Ok(expires_at);
    }
    let message = "`expires_at` must be between 30 minutes and 24 hours from now.".to_owned();
    Err(Refusal::invalid("expires_at", message))
}

/// An `http` or `https` address; braces of the placeholder may stand in it.
pub(super) fn address<'a>(form: &'a Form, name: &str) -> Result<Option<&'a str>, Refusal> {
    let Some(text) = form.text(name) else {
        return Ok(None);
    };
    let known = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if known {
        return Ok(Some(text));
    }
    Err(Refusal::invalid(name, "Not a valid URL".to_owned()).code("url_invalid"))
}

/// `POST /v1/checkout/sessions/{id}/expire`
pub(super) async fn expire(deed: &mut Deed<'_>, form: &Form, id: &str) -> Result<Value, Fault> {
    form.only(&[])?;
    let session = object(deed, "checkout.session", id).await?;
    if session["status"] != "open" {
        let message = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
        return Err(Refusal::invalid("session", message.to_owned())
            .after_it_ran()
            .into());
    }
    Ok(end(deed, session).await?)
}

/// Nobody can pay it any more.
async fn end(deed: &mut Deed<'_>, mut session: Value) -> Result<Value, SandboxError> {
    session["status"] = "expired".into();
    session["url"] = Value::Null;
    deed.tx.put(&session, None).await?;
    deed.happened("checkout.session.expired", &session).await?;
    Ok(session)
}

/// What was to happen to it by now: it has been open for too long, or the bank has made up its mind.
pub(super) async fn due(deed: &mut Deed<'_>, session: Value) -> Result<(), SandboxError> {
    deed.order_no = Some(text(&session["client_reference_id"])).filter(|text| !text.is_empty());
    if session["status"] == "open" {
        end(deed, session).await?;
        return Ok(());
    }
    checkout::decided(deed, session).await
}
