//! What a buyer does at a page of Checkout, and what comes of it.

use serde_json::{Value, json};

use super::cards::{self, Card, Does};
use super::charges::{self, Wish};
use super::deed::Deed;
use super::faults::{FaultKind, Ordered};
use super::wire::{number, text};
use super::{customers, terms};
use crate::SandboxError;

/// How long both secrets sign while one is rolled.
const ROLL_SECONDS: i64 = 24 * 3600;

/// What the buyer does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hand<'a> {
    /// Gives a card's number.
    Card(&'a str),
    /// Says yes to the bank's question.
    Approve,
    /// Says no to it.
    Refuse,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// Paid, or on its way.
    Done,
    /// The bank wants the buyer's word.
    Asks,
    /// The bank's reason.
    Declined(&'static str),
    /// There is nothing to pay here.
    Closed,
}

/// What a hand comes to; the card, where it is known. `asked`: the number of the card whose bank waits for an answer.
pub(super) fn meaning(hand: Hand<'_>, asked: &Value) -> Option<(Does, Option<&'static Card>)> {
    let waiting = asked.as_str().and_then(cards::find);
    match (hand, waiting) {
        (Hand::Card(number), _) => {
            let card = cards::find(number);
            Some((card.map_or(cards::NO_CARD, |card| card.here), card))
        }
        (_, None) => None,
        (Hand::Approve, waiting) => Some((Does::Pays, waiting)),
        (Hand::Refuse, waiting) => {
            let code = "payment_intent_authentication_failure";
            Some((Does::Declines(code, None), waiting))
        }
    }
}

/// One try at a session; gives it as it is then.
pub(super) async fn act(
    deed: &mut Deed<'_>,
    mut session: Value,
    hand: Hand<'_>,
) -> Result<(Value, Tried), SandboxError> {
    let id = text(&session["id"]);
    deed.order_no = Some(text(&session["client_reference_id"])).filter(|text| !text.is_empty());
    let mut notes = deed.tx.notes(&id).await?;
    let Some((does, card)) = meaning(hand, &notes["asked"]) else {
        return Ok((session, Tried::Closed));
    };
    if session["status"] == "expired" && does == Does::Pays {
        if deed.fault(FaultKind::PayAfterClose).await?.is_none() {
            return Ok((session, Tried::Closed));
        }
    } else if session["status"] != "open" {
        return Ok((session, Tried::Closed));
    }
    notes["asked"] = match (does, card) {
        (Does::Asks, Some(card)) => card.number.into(),
        _ => Value::Null,
    };
    deed.tx.note(&id, &notes).await?;
    let tried = match (does, card) {
        (Does::Pays, Some(card)) => {
            let session = pays(deed, session, &notes, card).await?;
            return Ok((session, Tried::Done));
        }
        (Does::Declines(code, reason), _) => Tried::Declined(reason.unwrap_or(code)),
        _ => Tried::Asks,
    };
    // The money of a subscription exists only once there is one.
    if session["mode"] == "payment" && session["amount_total"] != 0 {
        let mut intent = intent(deed, &mut session, &notes).await?;
        match does {
            Does::Declines(code, reason) => {
                charges::decline(deed, &mut intent, card, code, reason).await?;
            }
            _ => charges::ask(deed, &mut intent).await?,
        }
        deed.tx
            .put(&session, session["expires_at"].as_i64())
            .await?;
    }
    Ok((session, tried))
}

/// The card pays, with all that is ordered to go wrong then.
async fn pays(
    deed: &mut Deed<'_>,
    mut session: Value,
    notes: &Value,
    card: &Card,
) -> Result<Value, SandboxError> {
    if deed.fault(FaultKind::KeyChanged).await?.is_some() {
        let secret = deed.number("whsec");
        let until = deed.at.saturating_add(ROLL_SECONDS);
        deed.tx.roll_secret(&secret, until).await?;
    }
    if let Some(fault) = deed.fault(FaultKind::WrongAmount).await? {
        session["amount_total"] = fault.amount().into();
    }
    let twice = deed.fault(FaultKind::PayTwice).await?.is_some();
    let mut later = deed.fault(FaultKind::CompletedUnpaid).await?;
    if later.is_none() {
        later = deed.fault(FaultKind::CompletedFailed).await?;
    }
    if twice {
        let mut second = session.clone();
        let id = deed.number("cs_test");
        second["id"] = id.as_str().into();
        second["payment_intent"] = Value::Null;
        deed.tx.put(&second, None).await?;
        deed.tx.note(&id, notes).await?;
        complete(deed, second, notes, card, None).await?;
    }
    complete(deed, session, notes, card, later.as_ref()).await
}

/// `later`: the money comes, or does not, only then.
async fn complete(
    deed: &mut Deed<'_>,
    mut session: Value,
    notes: &Value,
    card: &Card,
    later: Option<&Ordered>,
) -> Result<Value, SandboxError> {
    let id = text(&session["id"]);
    let free = session["amount_total"] == 0;
    let later = later.filter(|_| !free);
    let subscribes = session["mode"] == "subscription";
    if subscribes || session["customer_creation"] == "always" {
        customers::of_session(deed, &mut session).await?;
    }
    if subscribes {
        terms::begin(deed, &mut session, notes, card, later.is_none()).await?;
    } else if !free {
        let mut intent = intent(deed, &mut session, notes).await?;
        intent["customer"] = session["customer"].clone();
        let method = cards::attach(deed, card, &session["customer"]).await?;
        if later.is_some() {
            intent["payment_method"] = method["id"].clone();
            charges::process(deed, &mut intent).await?;
        } else {
            charges::succeed(deed, &mut intent, Some(card), &method["id"]).await?;
        }
    }
    session["status"] = "complete".into();
    session["url"] = Value::Null;
    session["payment_status"] = match later {
        _ if free => "no_payment_required",
        Some(_) => "unpaid",
        None => "paid",
    }
    .into();
    let email = session["customer_email"]
        .as_str()
        .unwrap_or("buyer@sandbox.example");
    session["customer_details"] =
        json!({ "email": email, "name": null, "phone": null, "address": null });
    let due = later.map(|fault| deed.at.saturating_add(fault.wait()));
    deed.tx.put(&session, due).await?;
    if let Some(fault) = later {
        let mut notes = notes.clone();
        notes["fails"] = (fault.kind == FaultKind::CompletedFailed).into();
        deed.tx.note(&id, &notes).await?;
    }
    deed.happened("checkout.session.completed", &session)
        .await?;
    Ok(session)
}

/// The money of a complete session comes, or the bank says no.
pub(super) async fn decided(deed: &mut Deed<'_>, mut session: Value) -> Result<(), SandboxError> {
    let notes = deed.tx.notes(&text(&session["id"])).await?;
    let fails = notes["fails"] == true;
    if !fails {
        session["payment_status"] = "paid".into();
    }
    deed.tx.put(&session, None).await?;
    if session["mode"] == "subscription" {
        terms::first_decided(deed, &session, fails).await?;
    } else {
        let intent = text(&session["payment_intent"]);
        if let Some(mut intent) = deed.tx.get("payment_intent", &intent).await? {
            let method = intent["payment_method"].clone();
            let card = cards::of_method(deed, &method).await?;
            if fails {
                let reason = Some("generic_decline");
                charges::decline(deed, &mut intent, card, "card_declined", reason).await?;
            } else {
                charges::succeed(deed, &mut intent, card, &method).await?;
            }
        }
    }
    let kind = if fails {
        "checkout.session.async_payment_failed"
    } else {
        "checkout.session.async_payment_succeeded"
    };
    deed.happened(kind, &session).await
}

/// The session's payment; made at the first card.
async fn intent(
    deed: &mut Deed<'_>,
    session: &mut Value,
    notes: &Value,
) -> Result<Value, SandboxError> {
    let amount = number(&session["amount_total"]);
    let known = text(&session["payment_intent"]);
    if let Some(mut intent) = deed.tx.get("payment_intent", &known).await? {
        intent["amount"] = amount.into();
        return Ok(intent);
    }
    let wish = Wish {
        amount,
        currency: &session["currency"],
        customer: &session["customer"],
        metadata: &notes["metadata"],
        description: notes["description"].as_str(),
    };
    let intent = charges::intent(deed, &wish);
    session["payment_intent"] = intent["id"].clone();
    Ok(intent)
}
