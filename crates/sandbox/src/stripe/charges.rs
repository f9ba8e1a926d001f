//! What moves the money of one payment: an intent, and a charge for each try.

use serde_json::{Value, json};

use super::cards::{self, Card, Does};
use super::deed::Deed;
use super::wire::{number, text};
use crate::SandboxError;

/// Money that shall come in.
pub(super) struct Wish<'a> {
    pub(super) amount: i64,
    pub(super) currency: &'a Value,
    pub(super) customer: &'a Value,
    pub(super) metadata: &'a Value,
    pub(super) description: Option<&'a str>,
}

/// A new intent; it is kept with its first change.
pub(super) fn intent(deed: &Deed<'_>, wish: &Wish<'_>) -> Value {
    let id = deed.number("pi");
    json!({
        "id": id,
        "object": "payment_intent",
        "amount": wish.amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": null,
        "canceled_at": null,
        "cancellation_reason": null,
        "capture_method": "automatic_async",
        "client_secret": format!("{id}_secret_sandbox"),
        "confirmation_method": "automatic",
        "created": deed.at,
        "currency": wish.currency,
        "customer": wish.customer,
        "description": wish.description,
        "last_payment_error": null,
        "latest_charge": null,
        "livemode": false,
        "metadata": wish.metadata,
        "next_action": null,
        "payment_method": null,
        "payment_method_types": ["card"],
        "receipt_email": null,
        "status": "requires_payment_method",
    })
}

fn charge(deed: &Deed<'_>, intent: &Value, card: Option<&Card>) -> Value {
    let brand = json!({ "type": "card", "card": {
        "brand": "visa", "country": "US", "exp_month": 12, "exp_year": 2034, "funding": "credit",
        "last4": card.map(cards::last4),
    } });
    json!({
        "id": deed.number("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "balance_transaction": null,
        "billing_details": { "address": null, "email": null, "name": null, "phone": null },
        "captured": false,
        "created": deed.at,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": false,
        "failure_code": null,
        "failure_message": null,
        "livemode": false,
        "metadata": intent["metadata"],
        "paid": false,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": brand,
        "refunded": false,
        "status": "failed",
    })
}

/// The money has come.
pub(super) async fn succeed(
    deed: &mut Deed<'_>,
    intent: &mut Value,
    card: Option<&Card>,
    method: &Value,
) -> Result<(), SandboxError> {
    intent["payment_method"] = method.clone();
    let mut charge = charge(deed, intent, card);
    charge["amount_captured"] = charge["amount"].clone();
    charge["captured"] = true.into();
    charge["paid"] = true.into();
    charge["status"] = "succeeded".into();
    intent["status"] = "succeeded".into();
    intent["amount_received"] = intent["amount"].clone();
    intent["latest_charge"] = charge["id"].clone();
    intent["last_payment_error"] = Value::Null;
    intent["next_action"] = Value::Null;
    deed.tx.put(&charge, None).await?;
    deed.tx.put(intent, None).await?;
    let amount = charge["amount"].clone();
    deed.moved("payment", true, &charge, &amount).await?;
    deed.happened("charge.succeeded", &charge).await?;
    deed.happened("payment_intent.succeeded", intent).await
}

/// The bank says no.
pub(super) async fn decline(
    deed: &mut Deed<'_>,
    intent: &mut Value,
    card: Option<&Card>,
    code: &str,
    reason: Option<&str>,
) -> Result<(), SandboxError> {
    let mut error = cards::error(code, reason);
    let mut charge = charge(deed, intent, card);
    charge["failure_code"] = code.into();
    charge["failure_message"] = error["message"].clone();
    error["charge"] = charge["id"].clone();
    intent["status"] = "requires_payment_method".into();
    intent["latest_charge"] = charge["id"].clone();
    intent["last_payment_error"] = error;
    intent["next_action"] = Value::Null;
    deed.tx.put(&charge, None).await?;
    deed.tx.put(intent, None).await?;
    deed.happened("charge.failed", &charge).await?;
    deed.happened("payment_intent.payment_failed", intent).await
}

/// The bank wants the buyer's word first.
pub(super) async fn ask(deed: &mut Deed<'_>, intent: &mut Value) -> Result<(), SandboxError> {
    intent["status"] = "requires_action".into();
    intent["next_action"] = json!({ "type": "use_stripe_sdk" });
    deed.tx.put(intent, None).await?;
    deed.happened("payment_intent.requires_action", intent)
        .await
}

/// The bank takes its time.
pub(super) async fn process(deed: &mut Deed<'_>, intent: &mut Value) -> Result<(), SandboxError> {
    intent["status"] = "processing".into();
    intent["next_action"] = Value::Null;
    deed.tx.put(intent, None).await?;
    deed.happened("payment_intent.processing", intent).await
}

/// A debit without the buyer; whether it has paid.
pub(super) async fn debit(
    deed: &mut Deed<'_>,
    intent: &mut Value,
    method: &Value,
    fails: bool,
) -> Result<Does, SandboxError> {
    let card = cards::of_method(deed, method).await?;
    let does = match card {
        Some(_) if fails => Does::Declines("card_declined", Some("generic_decline")),
        Some(card) => card.later,
        None => cards::NO_CARD,
    };
    match does {
        Does::Pays => succeed(deed, intent, card, method).await?,
        Does::Asks => {
            let code = "authentication_required";
            decline(deed, intent, card, code, Some(code)).await?;
            ask(deed, intent).await?;
        }
        Does::Declines(code, reason) => decline(deed, intent, card, code, reason).await?,
    }
    Ok(does)
}

/// What is left of a charge to go back.
pub(super) fn rest(charge: &Value) -> i64 {
    if charge["paid"] == true {
        number(&charge["amount"]).saturating_sub(number(&charge["amount_refunded"]))
    } else {
        0
    }
}

/// The charge that paid an intent.
pub(super) async fn of_intent(
    deed: &mut Deed<'_>,
    intent: &Value,
) -> Result<Option<Value>, SandboxError> {
    let charge = deed
        .tx
        .get("charge", &text(&intent["latest_charge"]))
        .await?;
    Ok(charge.filter(|charge| charge["paid"] == true))
}
