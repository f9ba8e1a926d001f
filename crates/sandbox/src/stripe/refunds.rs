//! Refunds of a charge, in whole or in part: by the merchant's call, or by somebody at Stripe's dashboard.

use serde_json::{Value, json};

use super::charges;
use super::deed::Deed;
use super::faults::FaultKind;
use super::lists;
use super::route::object;
use super::wire::{Fault, Form, Refusal, number, text};
use crate::SandboxError;
use crate::store::Listed;

const REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];

/// `POST /v1/refunds`
pub(super) async fn create(deed: &mut Deed<'_>, form: &Form) -> Result<Value, Fault> {
    form.only(&["payment_intent", "charge", "amount", "reason", "metadata"])?;
    if form
        .text("reason")
        .is_some_and(|reason| !REASONS.contains(&reason))
    {
        let message = format!("Invalid reason: must be one of {}", REASONS.join(", "));
        return Err(Refusal::invalid("reason", message).into());
    }
    let charge = charge(deed, form).await?;
    let whole = number(&charge["amount"]);
    let rest = charges::rest(&charge);
    let id = text(&charge["id"]);
    if charge["disputed"] == true {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        let refusal = Refusal::invalid("charge", message).code("charge_disputed");
        return Err(refusal.after_it_ran().into());
    }
    if rest == 0 {
        let message = format!("Charge {id} has already been refunded.");
        let refusal = Refusal::invalid("charge", message).code("charge_already_refunded");
        return Err(refusal.after_it_ran().into());
    }
    let amount = form.whole("amount")?.unwrap_or(rest);
    if amount < 1 {
        let message = "Invalid positive integer".to_owned();
        return Err(Refusal::invalid("amount", message)
            .code("parameter_invalid_integer")
            .into());
    }
    if amount > rest {
        let message = format!(
            "Refund amount ({amount}) is greater than unrefunded amount on charge ({rest} of {whole})."
        );
        return Err(Refusal::invalid("amount", message).after_it_ran().into());
    }
    let metadata = form.map("metadata")?;
    let reason = form.text("reason").map(str::to_owned);
    Ok(send_back(deed, charge, amount, metadata, reason, "refund").await?)
}

async fn charge(deed: &mut Deed<'_>, form: &Form) -> Result<Value, Fault> {
    if let Some(id) = form.text("charge") {
        let charge = object(deed, "charge", id).await?;
        if charge["paid"] == true {
            return Ok(charge);
        }
        let message = "This charge has failed; there is nothing to refund.".to_owned();
        return Err(Refusal::invalid("charge", message).after_it_ran().into());
    }
    let id = form.required("payment_intent")?;
    let intent = object(deed, "payment_intent", id).await?;
    let charge = charges::of_intent(deed, &intent).await?;
    Ok(charge.ok_or_else(|| {
        let message = "This PaymentIntent does not have a successful charge to refund.".to_owned();
        Refusal::invalid("payment_intent", message).after_it_ran()
    })?)
}

/// Money of a charge that has so much left goes back to the buyer.
pub(super) async fn send_back(
    deed: &mut Deed<'_>,
    mut charge: Value,
    amount: i64,
    metadata: Value,
    reason: Option<String>,
    cause: &'static str,
) -> Result<Value, SandboxError> {
    if deed.order_no.is_none() {
        deed.order_no = order_of(deed, &charge).await?;
    }
    let mut fault = None;
    for kind in [
        FaultKind::RefundPendingFailed,
        FaultKind::RefundPendingSucceeded,
        FaultKind::RefundFailsLater,
    ] {
        if fault.is_none() {
            fault = deed.fault(kind).await?;
        }
    }
    let pends = fault
        .as_ref()
        .is_some_and(|fault| fault.kind != FaultKind::RefundFailsLater);
    let before = number(&charge["amount_refunded"]);
    charge["amount_refunded"] = before.saturating_add(amount).into();
    charge["refunded"] = (charges::rest(&charge) == 0).into();
    let refund = json!({
        "id": deed.number("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": null,
        "charge": charge["id"],
        "created": deed.at,
        "currency": charge["currency"],
        "destination_details": { "type": "card", "card": { "type": "refund" } },
        "failure_reason": null,
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "receipt_number": null,
        "status": if pends { "pending" } else { "succeeded" },
    });
    deed.tx.put(&charge, None).await?;
    let due = fault
        .as_ref()
        .map(|fault| deed.at.saturating_add(fault.wait()));
    deed.tx.put(&refund, due).await?;
    let fails = fault.is_some_and(|fault| fault.kind != FaultKind::RefundPendingSucceeded);
    let notes = json!({ "fails": fails, "cause": cause, "order_no": deed.order_no });
    deed.tx.note(&text(&refund["id"]), &notes).await?;
    if !pends {
        deed.moved(cause, false, &refund, &refund["amount"]).await?;
    }
    deed.happened("refund.created", &refund).await?;
    deed.happened("charge.refunded", &charge).await?;
    Ok(refund)
}

/// The order whose money a charge is: it stands at the charge, or at the subscription that it was debited for.
pub(super) async fn order_of(
    deed: &mut Deed<'_>,
    charge: &Value,
) -> Result<Option<String>, SandboxError> {
    if let Some(order_no) = charge["metadata"]["order_no"].as_str() {
        return Ok(Some(order_no.to_owned()));
    }
    let intent = text(&charge["payment_intent"]);
    let listed = Listed {
        kind: "invoice_payment",
        peer: Some(&intent),
        limit: 1,
        ..Listed::default()
    };
    let rows = deed.tx.list(&listed).await?;
    let Some((_, payment)) = rows.into_iter().next() else {
        return Ok(None);
    };
    let invoice = deed.tx.get("invoice", &text(&payment["invoice"])).await?;
    let invoice = invoice.unwrap_or_default();
    let metadata = &invoice["parent"]["subscription_details"]["metadata"];
    Ok(metadata["order_no"].as_str().map(str::to_owned))
}

/// The bank has made up its mind about a refund; or it comes back though it was done.
pub(super) async fn decided(deed: &mut Deed<'_>, mut refund: Value) -> Result<(), SandboxError> {
    let id = text(&refund["id"]);
    let notes = deed.tx.notes(&id).await?;
    deed.order_no = notes["order_no"].as_str().map(str::to_owned);
    let before = refund.clone();
    let cause = if notes["cause"] == "console" {
        "console"
    } else {
        "refund"
    };
    if notes["fails"] != true {
        refund["status"] = "succeeded".into();
        deed.tx.put(&refund, None).await?;
        deed.moved(cause, false, &refund, &refund["amount"]).await?;
        return deed.updated("refund.updated", &before, &refund).await;
    }
    let was_done = refund["status"] == "succeeded";
    refund["status"] = "failed".into();
    refund["failure_reason"] = "expired_or_canceled_card".into();
    deed.tx.put(&refund, None).await?;
    if was_done {
        deed.moved("refund_failed", true, &refund, &refund["amount"])
            .await?;
    }
    if let Some(mut charge) = deed.tx.get("charge", &text(&refund["charge"])).await? {
        let back = number(&charge["amount_refunded"]).saturating_sub(number(&refund["amount"]));
        charge["amount_refunded"] = back.into();
        charge["refunded"] = (charges::rest(&charge) == 0).into();
        deed.tx.put(&charge, None).await?;
    }
    deed.updated("refund.updated", &before, &refund).await?;
    deed.happened("refund.failed", &refund).await
}

/// `POST /v1/refunds/{id}`
pub(super) async fn update(deed: &mut Deed<'_>, form: &Form, id: &str) -> Result<Value, Fault> {
    form.only(&["metadata"])?;
    let before = object(deed, "refund", id).await?;
    let mut refund = before.clone();
    form.change_map("metadata", &mut refund)?;
    let due = deed.tx.due_of(id).await?;
    deed.tx.put(&refund, due).await?;
    deed.updated("refund.updated", &before, &refund).await?;
    Ok(refund)
}

/// `GET /v1/refunds`
pub(super) async fn list(deed: &mut Deed<'_>, form: &Form) -> Result<Value, Fault> {
    lists::only(form, &["charge", "payment_intent"])?;
    let listed = Listed {
        kind: "refund",
        parent: form.text("payment_intent"),
        peer: form.text("charge"),
        ..Listed::default()
    };
    lists::page(deed, form, listed, "/v1/refunds", |_| true).await
}
