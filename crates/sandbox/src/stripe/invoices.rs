//! Bills of a subscription's terms.

use serde_json::{Value, json};

use super::charges::{self, Wish};
use super::deed::Deed;
use super::route::object;
use super::terms;
use super::wire::{Fault, Form, Refusal, number, text};
use crate::SandboxError;
use crate::store::Listed;

/// What a bill is for.
pub(super) struct Bill {
    pub(super) reason: &'static str,
    /// The term that is bought.
    pub(super) bought: (i64, i64),
    /// The window that is looked back on.
    pub(super) looked_back: (i64, i64),
    /// Where it is not what the items cost.
    pub(super) total: Option<i64>,
}

pub(super) fn subscription_of(invoice: &Value) -> String {
    text(&invoice["parent"]["subscription_details"]["subscription"])
}

fn lines(deed: &Deed<'_>, subscription: &Value, id: &str, bill: &Bill) -> (Vec<Value>, i64) {
    let items = subscription["items"]["data"]
        .as_array()
        .into_iter()
        .flatten();
    let mut total = 0;
    let line = |item: &Value| {
        let price = &item["price"];
        let amount = number(&price["unit_amount"]).saturating_mul(number(&item["quantity"]));
        total += amount;
        json!({
            "id": deed.number("il"),
            "object": "line_item",
            "amount": amount,
            "currency": subscription["currency"],
            "description": null,
            "discount_amounts": [],
            "discountable": true,
            "discounts": [],
            "invoice": id,
            "livemode": false,
            "metadata": subscription["metadata"],
            "parent": {
                "type": "subscription_item_details",
                "subscription_item_details": {
                    "proration": false,
                    "subscription": subscription["id"],
                    "subscription_item": item["id"],
                },
            },
            "period": { "start": bill.bought.0, "end": bill.bought.1 },
            "pricing": {
                "type": "price_details",
                "price_details": { "price": price["id"], "product": price["product"] },
                "unit_amount_decimal": price["unit_amount_decimal"],
            },
            "quantity": item["quantity"],
            "subtotal": amount,
            "taxes": [],
        })
    };
    let mut lines: Vec<Value> = items.map(line).collect();
    if let Some(other) = bill.total.filter(|other| *other != total)
        && let [first, ..] = lines.as_mut_slice()
    {
        first["amount"] = number(&first["amount"])
            .saturating_add(other - total)
            .into();
        total = other;
    }
    (lines, total)
}

/// Writes a bill; it is debited at `debited`, or by whoever asked for it.
pub(super) async fn draft(
    deed: &mut Deed<'_>,
    subscription: &Value,
    bill: &Bill,
    debited: Option<i64>,
) -> Result<Value, SandboxError> {
    let id = deed.number("in");
    let (lines, total) = lines(deed, subscription, &id, bill);
    let invoice = json!({
        "id": id,
        "object": "invoice",
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": total,
        "attempt_count": 0,
        "attempted": false,
        "auto_advance": debited.is_some(),
        "automatic_tax": { "enabled": false },
        "billing_reason": bill.reason,
        "collection_method": "charge_automatically",
        "created": deed.at,
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "default_payment_method": null,
        "description": null,
        "discounts": [],
        "due_date": null,
        "hosted_invoice_url": null,
        "invoice_pdf": null,
        "lines": {
            "object": "list", "data": lines, "has_more": false, "total_count": lines.len(),
            "url": format!("/v1/invoices/{id}/lines"),
        },
        "livemode": false,
        "metadata": {},
        "next_payment_attempt": debited,
        "number": null,
        "parent": {
            "type": "subscription_details",
            "quote_details": null,
            "subscription_details": {
                "metadata": subscription["metadata"],
                "subscription": subscription["id"],
            },
        },
        "period_end": bill.looked_back.1,
        "period_start": bill.looked_back.0,
        "status": "draft",
        "status_transitions": {
            "finalized_at": null, "marked_uncollectible_at": null, "paid_at": null, "voided_at": null,
        },
        "subtotal": total,
        "total": total,
    });
    deed.tx.put(&invoice, debited).await?;
    deed.happened("invoice.created", &invoice).await?;
    Ok(invoice)
}

/// The bill stands; gives what moves its money, where there is any to move.
pub(super) async fn finalise(
    deed: &mut Deed<'_>,
    invoice: &mut Value,
) -> Result<Option<Value>, SandboxError> {
    let id = text(&invoice["id"]);
    let tail = id.get(id.len().saturating_sub(8)..).unwrap_or_default();
    invoice["number"] = format!("{}-0001", tail.to_uppercase()).into();
    invoice["status"] = "open".into();
    invoice["status_transitions"]["finalized_at"] = deed.at.into();
    let page = deed.sandbox.address(&format!("/sandbox/stripe/pay/{id}"));
    invoice["hosted_invoice_url"] = page.into();
    deed.tx.put(invoice, None).await?;
    let intent = if invoice["amount_due"] == 0 {
        None
    } else {
        let description = match invoice["billing_reason"].as_str() {
            Some("subscription_create") => "Subscription creation",
            _ => "Subscription update",
        };
        let wish = Wish {
            amount: number(&invoice["amount_due"]),
            currency: &invoice["currency"],
            customer: &invoice["customer"],
            metadata: &json!({}),
            description: Some(description),
        };
        let intent = charges::intent(deed, &wish);
        deed.tx.put(&intent, None).await?;
        let payment = json!({
            "id": deed.number("inpay"),
            "object": "invoice_payment",
            "amount_paid": null,
            "amount_requested": invoice["amount_due"],
            "created": deed.at,
            "currency": invoice["currency"],
            "invoice": id,
            "is_default": true,
            "livemode": false,
            "payment": { "type": "payment_intent", "payment_intent": intent["id"] },
            "status": "open",
            "status_transitions": { "canceled_at": null, "paid_at": null },
        });
        deed.tx.put(&payment, None).await?;
        Some(intent)
    };
    deed.happened("invoice.finalized", invoice).await?;
    Ok(intent)
}

async fn payment_of(deed: &mut Deed<'_>, invoice: &Value) -> Result<Option<Value>, SandboxError> {
    let id = text(&invoice["id"]);
    let listed = Listed {
        kind: "invoice_payment",
        parent: Some(&id),
        limit: 1,
        ..Listed::default()
    };
    let rows = deed.tx.list(&listed).await?;
    Ok(rows.into_iter().next().map(|(_, payment)| payment))
}

/// What moves the money of a bill that stands.
pub(super) async fn intent_of(
    deed: &mut Deed<'_>,
    invoice: &Value,
) -> Result<Option<Value>, SandboxError> {
    let Some(payment) = payment_of(deed, invoice).await? else {
        return Ok(None);
    };
    let intent = text(&payment["payment"]["payment_intent"]);
    deed.tx.get("payment_intent", &intent).await
}

/// `POST /v1/invoices/{id}/pay`: the debit that would be tried later is tried now.
pub(super) async fn pay(deed: &mut Deed<'_>, form: &Form, id: &str) -> Result<Value, Fault> {
    form.only(&[])?;
    let invoice = object(deed, "invoice", id).await?;
    if !matches!(invoice["status"].as_str(), Some("draft" | "open")) {
        let message = "Invoice is already paid.".to_owned();
        let refusal = Refusal::invalid("invoice", message).code("invoice_already_paid");
        return Err(refusal.after_it_ran().into());
    }
    deed.order_no = order_of(&invoice);
    terms::debit(deed, invoice).await?;
    object(deed, "invoice", id).await
}

/// The order that its subscription began with.
pub(super) fn order_of(invoice: &Value) -> Option<String> {
    let metadata = &invoice["parent"]["subscription_details"]["metadata"];
    metadata["order_no"].as_str().map(str::to_owned)
}

/// Its money has come.
pub(super) async fn paid(deed: &mut Deed<'_>, invoice: &mut Value) -> Result<(), SandboxError> {
    let total = invoice["amount_due"].clone();
    tried(invoice);
    invoice["amount_paid"] = total.clone();
    invoice["amount_remaining"] = 0.into();
    invoice["next_payment_attempt"] = Value::Null;
    invoice["status"] = "paid".into();
    invoice["status_transitions"]["paid_at"] = deed.at.into();
    deed.tx.put(invoice, None).await?;
    if let Some(mut payment) = payment_of(deed, invoice).await? {
        payment["status"] = "paid".into();
        payment["amount_paid"] = total;
        payment["status_transitions"]["paid_at"] = deed.at.into();
        deed.tx.put(&payment, None).await?;
        deed.happened("invoice_payment.paid", &payment).await?;
    }
    deed.happened("invoice.paid", invoice).await?;
    deed.happened("invoice.payment_succeeded", invoice).await
}

/// Its money has not come; `next`: when it is tried again.
pub(super) async fn failed(
    deed: &mut Deed<'_>,
    invoice: &mut Value,
    next: Option<i64>,
    asks: bool,
) -> Result<(), SandboxError> {
    tried(invoice);
    invoice["next_payment_attempt"] = next.into();
    invoice["auto_advance"] = next.is_some().into();
    deed.tx.put(invoice, next).await?;
    if asks {
        deed.happened("invoice.payment_action_required", invoice)
            .await?;
    }
    deed.happened("invoice.payment_failed", invoice).await
}

fn tried(invoice: &mut Value) {
    invoice["attempted"] = true.into();
    invoice["attempt_count"] = number(&invoice["attempt_count"]).saturating_add(1).into();
}
