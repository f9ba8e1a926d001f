//! The terms of a subscription: the first one is bought on a page of Checkout, each further one is debited when the one
//! before has ended. A debit that fails is tried again, and in the end the subscription is.

use serde_json::{Value, json};

use super::calendar::end_of;
use super::cards::{self, Card, Does};
use super::charges;
use super::checkout::{Hand, Tried, meaning};
use super::deed::Deed;
use super::faults::FaultKind;
use super::invoices::{self, Bill};
use super::wire::{number, text};
use crate::SandboxError;
use crate::store::Listed;

/// How long the bill of a further term can still be changed before it is debited.
const DRAFT_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 86_400;
/// Days from a debit that failed to the next one; after the last the subscription ends.
const RETRY_DAYS: [i64; 3] = [3, 5, 7];
const DELETED: &str = "customer.subscription.deleted";
const UPDATED: &str = "customer.subscription.updated";

fn items(deed: &Deed<'_>, id: &str, notes: &Value, end: i64) -> Vec<Value> {
    let prices = notes["prices"].as_array().into_iter().flatten();
    let item = |kept: &Value| {
        json!({
            "id": deed.number("si"),
            "object": "subscription_item",
            "created": deed.at,
            "current_period_end": end,
            "current_period_start": deed.at,
            "discounts": [],
            "metadata": {},
            "price": kept["price"],
            "quantity": kept["quantity"],
            "subscription": id,
        })
    };
    prices.map(item).collect()
}

fn subscription(deed: &Deed<'_>, session: &Value, notes: &Value, method: &Value) -> Value {
    let id = deed.number("sub");
    let end = end_of(deed.at, &notes["prices"][0]["price"]["recurring"], 1);
    let items = items(deed, &id, notes, end);
    json!({
        "id": id,
        "object": "subscription",
        "application": null,
        "automatic_tax": { "enabled": false, "disabled_reason": null, "liability": null },
        "billing_cycle_anchor": deed.at,
        "billing_mode": { "type": "flexible" },
        "cancel_at": null,
        "cancel_at_period_end": false,
        "canceled_at": null,
        "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "collection_method": "charge_automatically",
        "created": deed.at,
        "currency": session["currency"],
        "customer": session["customer"],
        "days_until_due": null,
        "default_payment_method": method["id"],
        "description": notes["description"],
        "discounts": [],
        "ended_at": null,
        "items": {
            "object": "list", "data": items, "has_more": false, "total_count": items.len(),
            "url": format!("/v1/subscription_items?subscription={id}"),
        },
        "latest_invoice": null,
        "livemode": false,
        "metadata": notes["metadata"],
        "pause_collection": null,
        "schedule": null,
        "start_date": deed.at,
        "status": "incomplete",
        "test_clock": null,
        "trial_end": null,
        "trial_start": null,
    })
}

/// A buyer subscribes; `pays`: the money of the first term comes at once.
pub(super) async fn begin(
    deed: &mut Deed<'_>,
    session: &mut Value,
    notes: &Value,
    card: &Card,
    pays: bool,
) -> Result<(), SandboxError> {
    let method = cards::attach(deed, card, &session["customer"]).await?;
    let mut subscription = subscription(deed, session, notes, &method);
    let id = text(&subscription["id"]);
    deed.tx.put(&subscription, None).await?;
    deed.tx
        .note(&id, &json!({ "turn": 1, "prices": notes["prices"] }))
        .await?;
    deed.happened("customer.subscription.created", &subscription)
        .await?;
    let bill = Bill {
        reason: "subscription_create",
        bought: (deed.at, period_end(&subscription)),
        looked_back: (deed.at, deed.at),
        total: session["amount_total"].as_i64(),
    };
    let mut invoice = invoices::draft(deed, &subscription, &bill, None).await?;
    subscription["latest_invoice"] = invoice["id"].clone();
    deed.tx.put(&subscription, None).await?;
    let intent = invoices::finalise(deed, &mut invoice).await?;
    session["subscription"] = subscription["id"].clone();
    session["invoice"] = invoice["id"].clone();
    match intent {
        Some(mut intent) if !pays => {
            intent["payment_method"] = method["id"].clone();
            charges::process(deed, &mut intent).await
        }
        Some(mut intent) => {
            charges::succeed(deed, &mut intent, Some(card), &method["id"]).await?;
            first_paid(deed, subscription, invoice).await
        }
        None => first_paid(deed, subscription, invoice).await,
    }
}

async fn first_paid(
    deed: &mut Deed<'_>,
    mut subscription: Value,
    mut invoice: Value,
) -> Result<(), SandboxError> {
    invoices::paid(deed, &mut invoice).await?;
    let before = subscription.clone();
    subscription["status"] = "active".into();
    deed.tx
        .put(&subscription, Some(period_end(&subscription)))
        .await?;
    deed.updated(UPDATED, &before, &subscription).await
}

/// The money of a first term that was on its way has come, or has not.
pub(super) async fn first_decided(
    deed: &mut Deed<'_>,
    session: &Value,
    fails: bool,
) -> Result<(), SandboxError> {
    let (subscription, invoice) = (text(&session["subscription"]), text(&session["invoice"]));
    let subscription = deed.tx.get("subscription", &subscription).await?;
    let invoice = deed.tx.get("invoice", &invoice).await?;
    let (Some(mut subscription), Some(mut invoice)) = (subscription, invoice) else {
        return Ok(());
    };
    let Some(mut intent) = invoices::intent_of(deed, &invoice).await? else {
        return Ok(());
    };
    let method = intent["payment_method"].clone();
    let card = cards::of_method(deed, &method).await?;
    if !fails && subscription["status"] == "incomplete" {
        charges::succeed(deed, &mut intent, card, &method).await?;
        return first_paid(deed, subscription, invoice).await;
    }
    let reason = Some("generic_decline");
    charges::decline(deed, &mut intent, card, "card_declined", reason).await?;
    invoices::failed(deed, &mut invoice, None, false).await?;
    let before = subscription.clone();
    subscription["status"] = "incomplete_expired".into();
    subscription["ended_at"] = deed.at.into();
    deed.tx.put(&subscription, None).await?;
    deed.updated(UPDATED, &before, &subscription).await
}

pub(super) fn period_end(subscription: &Value) -> i64 {
    number(&subscription["items"]["data"][0]["current_period_end"])
}

/// A term has ended: the next one begins, and its bill is written; or the buyer wanted no more.
pub(super) async fn ended(
    deed: &mut Deed<'_>,
    mut subscription: Value,
) -> Result<(), SandboxError> {
    if subscription["cancel_at_period_end"] == true {
        return end(deed, subscription, "cancellation_requested")
            .await
            .map(drop);
    }
    let id = text(&subscription["id"]);
    let mut notes = deed.tx.notes(&id).await?;
    let turn = u32::try_from(number(&notes["turn"]))
        .unwrap_or(1)
        .saturating_add(1);
    let recurring = notes["prices"][0]["price"]["recurring"].clone();
    let anchor = number(&subscription["billing_cycle_anchor"]);
    let old = (
        number(&subscription["items"]["data"][0]["current_period_start"]),
        period_end(&subscription),
    );
    let new = (old.1, end_of(anchor, &recurring, turn));
    notes["turn"] = turn.into();
    deed.tx.note(&id, &notes).await?;
    let before = subscription.clone();
    for item in subscription["items"]["data"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        item["current_period_start"] = new.0.into();
        item["current_period_end"] = new.1.into();
    }
    let bill = Bill {
        reason: "subscription_cycle",
        bought: new,
        looked_back: old,
        total: None,
    };
    let debited = Some(deed.at.saturating_add(DRAFT_SECONDS));
    let invoice = invoices::draft(deed, &subscription, &bill, debited).await?;
    subscription["latest_invoice"] = invoice["id"].clone();
    deed.tx.put(&subscription, Some(new.1)).await?;
    deed.updated(UPDATED, &before, &subscription).await
}

/// The bill of a further term is debited: for the first time, or again.
pub(super) async fn debit(deed: &mut Deed<'_>, mut invoice: Value) -> Result<(), SandboxError> {
    let subscription = deed
        .tx
        .get("subscription", &invoices::subscription_of(&invoice))
        .await?;
    let Some(subscription) = subscription else {
        return deed.tx.put(&invoice, None).await;
    };
    let intent = if invoice["status"] == "draft" {
        invoices::finalise(deed, &mut invoice).await?
    } else {
        invoices::intent_of(deed, &invoice).await?
    };
    let Some(mut intent) = intent else {
        return paid(deed, subscription, invoice).await;
    };
    let fails = deed.fault(FaultKind::RenewalFails).await?.is_some();
    let method = &subscription["default_payment_method"];
    let does = charges::debit(deed, &mut intent, method, fails).await?;
    if does == Does::Pays {
        return paid(deed, subscription, invoice).await;
    }
    let tries = usize::try_from(number(&invoice["attempt_count"])).unwrap_or(usize::MAX);
    let over = subscription["status"] == "canceled";
    let next = RETRY_DAYS.get(tries).filter(|_| !over);
    let next = next.map(|days| deed.at.saturating_add(days * DAY_SECONDS));
    invoices::failed(deed, &mut invoice, next, does == Does::Asks).await?;
    if over {
        return Ok(());
    }
    if next.is_none() {
        return end(deed, subscription, "payment_failed").await.map(drop);
    }
    stands(deed, subscription, "past_due").await
}

async fn paid(
    deed: &mut Deed<'_>,
    subscription: Value,
    mut invoice: Value,
) -> Result<(), SandboxError> {
    invoices::paid(deed, &mut invoice).await?;
    if subscription["status"] == "past_due" {
        return stands(deed, subscription, "active").await;
    }
    Ok(())
}

async fn stands(
    deed: &mut Deed<'_>,
    mut subscription: Value,
    status: &str,
) -> Result<(), SandboxError> {
    let before = subscription.clone();
    subscription["status"] = status.into();
    deed.tx
        .put(&subscription, Some(period_end(&subscription)))
        .await?;
    deed.updated(UPDATED, &before, &subscription).await
}

/// It is over; nothing of it is debited any more.
pub(super) async fn end(
    deed: &mut Deed<'_>,
    mut subscription: Value,
    reason: &str,
) -> Result<Value, SandboxError> {
    subscription["status"] = "canceled".into();
    subscription["ended_at"] = deed.at.into();
    if subscription["canceled_at"].is_null() {
        subscription["canceled_at"] = deed.at.into();
    }
    subscription["cancellation_details"]["reason"] = reason.into();
    deed.tx.put(&subscription, None).await?;
    let id = text(&subscription["id"]);
    let of_it = Listed {
        kind: "invoice",
        parent: Some(&id),
        limit: i64::MAX,
        ..Listed::default()
    };
    for (_, mut invoice) in deed.tx.list(&of_it).await? {
        if matches!(invoice["status"].as_str(), Some("draft" | "open")) {
            invoice["auto_advance"] = false.into();
            invoice["next_payment_attempt"] = Value::Null;
            deed.tx.put(&invoice, None).await?;
        }
    }
    deed.happened(DELETED, &subscription).await?;
    Ok(subscription)
}

/// A buyer pays an open bill on a page, with a card that is debited from then on.
pub(super) async fn act(
    deed: &mut Deed<'_>,
    invoice: Value,
    hand: Hand<'_>,
) -> Result<(Value, Tried), SandboxError> {
    let id = text(&invoice["id"]);
    let subscription = deed
        .tx
        .get("subscription", &invoices::subscription_of(&invoice))
        .await?;
    let intent = invoices::intent_of(deed, &invoice).await?;
    let notes = deed.tx.notes(&id).await?;
    let (Some(mut subscription), Some(mut intent)) = (subscription, intent) else {
        return Ok((invoice, Tried::Closed));
    };
    deed.order_no = subscription["metadata"]["order_no"]
        .as_str()
        .map(str::to_owned);
    // The bank may have asked at the debit already.
    let mut asked = notes["asked"].clone();
    if asked.is_null() && intent["status"] == "requires_action" {
        let method = subscription["default_payment_method"].clone();
        asked = cards::of_method(deed, &method)
            .await?
            .map(|card| card.number)
            .into();
    }
    let Some((does, card)) = meaning(hand, &asked).filter(|_| invoice["status"] == "open") else {
        return Ok((invoice, Tried::Closed));
    };
    let asks = card.filter(|_| does == Does::Asks).map(|card| card.number);
    deed.tx.note(&id, &json!({ "asked": asks })).await?;
    match (does, card) {
        (Does::Pays, Some(card)) => {
            let method = cards::attach(deed, card, &subscription["customer"]).await?;
            subscription["default_payment_method"] = method["id"].clone();
            charges::succeed(deed, &mut intent, Some(card), &method["id"]).await?;
            let mut invoice = invoice;
            invoices::paid(deed, &mut invoice).await?;
            if matches!(subscription["status"].as_str(), Some("past_due" | "active")) {
                stands(deed, subscription, "active").await?;
            }
            Ok((invoice, Tried::Done))
        }
        (Does::Declines(code, reason), card) => {
            charges::decline(deed, &mut intent, card, code, reason).await?;
            Ok((invoice, Tried::Declined(reason.unwrap_or(code))))
        }
        _ => {
            charges::ask(deed, &mut intent).await?;
            Ok((invoice, Tried::Asks))
        }
    }
}
