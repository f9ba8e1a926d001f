//! What happens at Stripe without a call of the merchant's: somebody refunds at the dashboard, and a buyer's bank takes
//! money back.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::deed::Deed;
use super::wire::{Fault, Refusal, number, text};
use super::{charges, refunds};
use crate::Sandbox;

/// Days in which a merchant may answer.
const ANSWER_SECONDS: i64 = 7 * 86_400;

/// Whose money, and how much of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Money {
    /// The merchant's order number …
    order: Option<String>,
    /// … or the payment's own.
    payment_intent: Option<String>,
    /// In Stripe's unit; all that is left when left out.
    amount: Option<i64>,
    /// Of a dispute; `fraudulent` when left out.
    reason: Option<String>,
}

/// How a dispute ends.
#[derive(Debug, Deserialize)]
pub(crate) struct Ending {
    dispute: String,
    /// `won` or `lost`, by the merchant.
    outcome: String,
}

/// Where webhooks go.
#[derive(Debug, Deserialize)]
pub(crate) struct Endpoint {
    url: String,
}

/// `POST /sandbox/stripe/webhook-endpoint`: from now on, for good.
pub(crate) async fn endpoint(
    State(sandbox): State<Sandbox>,
    Json(endpoint): Json<Endpoint>,
) -> Response {
    if sandbox.inner.messenger.target(&endpoint.url).is_err() {
        let says = "url: an http or https address of this machine or of the sandbox's own host\n";
        return (StatusCode::UNPROCESSABLE_ENTITY, says).into_response();
    }
    match sandbox.set_stripe_notify_url(&endpoint.url).await {
        Ok(()) => Json(json!({ "url": endpoint.url })).into_response(),
        Err(error) => answer(Err(error.into())),
    }
}

/// `POST /sandbox/stripe/console-refund`
pub(crate) async fn refund(State(sandbox): State<Sandbox>, Json(money): Json<Money>) -> Response {
    answer(sandbox.stripe_refunds(&money).await)
}

/// `POST /sandbox/stripe/console-dispute`
pub(crate) async fn dispute(State(sandbox): State<Sandbox>, Json(money): Json<Money>) -> Response {
    answer(sandbox.stripe_disputes(&money).await)
}

/// `POST /sandbox/stripe/console-dispute-close`
pub(crate) async fn close(State(sandbox): State<Sandbox>, Json(ending): Json<Ending>) -> Response {
    answer(sandbox.stripe_closes(&ending).await)
}

fn answer(done: Result<Value, Fault>) -> Response {
    match done {
        Ok(object) => (StatusCode::CREATED, Json(object)).into_response(),
        Err(Fault::Refused(refusal)) => {
            let message = format!("{}\n", text(&refusal.body()["error"]["message"]));
            (StatusCode::UNPROCESSABLE_ENTITY, message).into_response()
        }
        Err(Fault::Failed(error)) => {
            tracing::error!(%error, "Stripe's desk failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Sandbox {
    async fn stripe_refunds(&self, money: &Money) -> Result<Value, Fault> {
        self.stripe_up_to_now().await?;
        let mut deed = Deed::begin(self).await?;
        let (charge, amount) = meant(&mut deed, money).await?;
        let none = Value::Object(serde_json::Map::new());
        let done = refunds::send_back(&mut deed, charge, amount, none, None, "console").await?;
        deed.commit().await?;
        Ok(done)
    }

    async fn stripe_disputes(&self, money: &Money) -> Result<Value, Fault> {
        self.stripe_up_to_now().await?;
        let mut deed = Deed::begin(self).await?;
        let (mut charge, amount) = meant(&mut deed, money).await?;
        deed.order_no = refunds::order_of(&mut deed, &charge).await?;
        charge["disputed"] = true.into();
        deed.tx.put(&charge, None).await?;
        let dispute = json!({
            "id": deed.number("du"),
            "object": "dispute",
            "amount": amount,
            "balance_transactions": [],
            "charge": charge["id"],
            "created": deed.at,
            "currency": charge["currency"],
            "evidence": {},
            "evidence_details": {
                "due_by": deed.at.saturating_add(ANSWER_SECONDS),
                "has_evidence": false, "past_due": false, "submission_count": 0,
            },
            "is_charge_refundable": false,
            "livemode": false,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "reason": money.reason.as_deref().unwrap_or("fraudulent"),
            "status": "needs_response",
        });
        deed.tx.put(&dispute, None).await?;
        deed.moved("dispute", false, &dispute, &dispute["amount"])
            .await?;
        for kind in ["charge.dispute.created", "charge.dispute.funds_withdrawn"] {
            deed.happened(kind, &dispute).await?;
        }
        deed.commit().await?;
        Ok(dispute)
    }

    async fn stripe_closes(&self, ending: &Ending) -> Result<Value, Fault> {
        let won = match ending.outcome.as_str() {
            "won" => true,
            "lost" => false,
            _ => {
                let message = "The outcome is won or lost.".to_owned();
                return Err(Refusal::invalid("outcome", message).into());
            }
        };
        self.stripe_up_to_now().await?;
        let mut deed = Deed::begin(self).await?;
        let dispute = deed.tx.get("dispute", &ending.dispute).await?;
        let open = dispute.filter(|dispute| dispute["status"] == "needs_response");
        let mut dispute = open.ok_or_else(|| Refusal::missing(&ending.dispute))?;
        let charge = deed.tx.get("charge", &text(&dispute["charge"])).await?;
        if let Some(mut charge) = charge {
            deed.order_no = refunds::order_of(&mut deed, &charge).await?;
            if won {
                charge["disputed"] = false.into();
                deed.tx.put(&charge, None).await?;
            }
        }
        dispute["status"] = ending.outcome.as_str().into();
        deed.tx.put(&dispute, None).await?;
        if won {
            deed.moved("dispute_won", true, &dispute, &dispute["amount"])
                .await?;
            deed.happened("charge.dispute.funds_reinstated", &dispute)
                .await?;
        }
        deed.happened("charge.dispute.closed", &dispute).await?;
        deed.commit().await?;
        Ok(dispute)
    }
}

/// The charge that is meant, and how much of it.
async fn meant(deed: &mut Deed<'_>, money: &Money) -> Result<(Value, i64), Fault> {
    let intent = match (&money.payment_intent, &money.order) {
        (Some(id), _) => id.clone(),
        (None, Some(order_no)) => paid_by(deed, order_no).await?,
        (None, None) => return Err(Refusal::absent("order").into()),
    };
    let missing = || Refusal::missing(&intent);
    let found = deed.tx.get("payment_intent", &intent).await?;
    let charge = charges::of_intent(deed, &found.ok_or_else(missing)?).await?;
    let charge = charge.filter(|charge| charge["disputed"] != true);
    let charge = charge.ok_or_else(missing)?;
    let rest = charges::rest(&charge);
    let amount = money.amount.unwrap_or(rest);
    if !(1..=rest).contains(&amount) {
        let message = format!("The amount is 1 to what is left of the charge: {rest}.");
        return Err(Refusal::invalid("amount", message).into());
    }
    Ok((charge, amount))
}

/// The payment of an order: of a subscription that of its first term.
async fn paid_by(deed: &mut Deed<'_>, order_no: &str) -> Result<String, Fault> {
    let session = deed.tx.of_order("checkout.session", order_no).await?;
    let session = session.ok_or_else(|| Refusal::missing(order_no))?;
    if let Some(intent) = session["payment_intent"].as_str() {
        return Ok(intent.to_owned());
    }
    let invoice = deed.tx.get("invoice", &text(&session["invoice"])).await?;
    let invoice = invoice.ok_or_else(|| Refusal::missing(order_no))?;
    let intent = super::invoices::intent_of(deed, &invoice).await?;
    let intent = intent.filter(|intent| number(&intent["amount_received"]) > 0);
    let intent = intent.ok_or_else(|| Refusal::missing(order_no))?;
    Ok(text(&intent["id"]))
}
