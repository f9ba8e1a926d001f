//! The card page: of a session of Checkout, or of an open invoice. Works without script; programs ask for JSON on the
//! same routes.

use askama::Template;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::text::Language;
use tollgate_kernel::words::Spoken;

use super::card_buttons::{CardButton, cards};
use super::checkout::{self, Hand, Tried};
use super::deed::Deed;
use super::faults::{FaultKind, Wanted};
use super::wire::{Form, number, text};
use super::{currency, invoices, terms};
use crate::phone::{CONTENT_SECURITY_POLICY, check_origin, failed, html, language, wants_json};
use crate::store::{StripeFault, WebhookState};
use crate::words::{WORDS, other};
use crate::{Sandbox, SandboxError};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shown {
    lang: Option<String>,
    /// Set by the redirect after a card that did not pay.
    declined: Option<String>,
}

#[derive(Template)]
#[template(path = "stripe_card.html")]
struct Page<'a> {
    words: Spoken,
    lang: &'static str,
    other_lang: &'static str,
    tone: &'static str,
    title: &'static str,
    says: &'static str,
    order: Option<Order<'a>>,
    /// Whether the buyer can give a card.
    open: bool,
    /// Whether the bank waits for an answer.
    asks: bool,
    cards: Vec<CardButton>,
}

struct Order<'a> {
    id: &'a str,
    amount: String,
    rows: Vec<(String, String)>,
    back: Option<String>,
    faults: Vec<Button>,
}

/// A button that orders a fault.
struct Button {
    word: &'static str,
    says: &'static str,
    /// How often it shall still act on this order.
    open: i64,
}

/// What a page is about.
struct Seen {
    /// A session or an invoice.
    object: Value,
    notes: Value,
    /// Of an invoice, what moves its money.
    intent: Value,
    order_no: Option<String>,
    webhooks: Vec<WebhookState>,
    faults: Vec<StripeFault>,
}

/// `GET /sandbox/stripe/pay/{code}`: a session, an invoice, or the merchant's order number.
pub(crate) async fn show(
    State(sandbox): State<Sandbox>,
    Path(code): Path<String>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let language = language(shown.lang.as_deref(), &sandbox, &headers);
    let seen = sandbox.stripe_sees(&code).await.map_err(failed)?;
    let status = match seen {
        Some(_) => StatusCode::OK,
        None => StatusCode::NOT_FOUND,
    };
    let page = page(seen.as_ref(), shown.declined.is_some(), language);
    Ok(html(status, language, CONTENT_SECURITY_POLICY, page))
}

/// `POST /sandbox/stripe/pay/{code}`: a card's `number`, or the bank's `answer`; as a form or as JSON.
pub(crate) async fn pay(
    State(sandbox): State<Sandbox>,
    Path(code): Path<String>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    check_origin(&headers, &sandbox.inner.base_url)?;
    let form = form(&headers, &body);
    let hand = match (form.text("number"), form.text("answer")) {
        (Some(number), _) => Hand::Card(number),
        (None, Some("approve")) => Hand::Approve,
        (None, Some("refuse")) => Hand::Refuse,
        _ => {
            return Err(
                Problem::new(Code::ValidationFailed).detail(WORDS.text("refusal.card_or_answer"))
            );
        }
    };
    let done = sandbox.stripe_hand(&code, hand).await.map_err(failed)?;
    let (object, tried) = done.ok_or_else(|| Problem::new(Code::NotFound))?;
    if wants_json(&headers) {
        return Ok(answer(&object, tried));
    }
    // Relative, so that it also holds below a prefix; the page says what became of it.
    let lang = language(shown.lang.as_deref(), &sandbox, &headers).tag();
    let declined = match tried {
        Tried::Declined(_) => "&declined=1",
        _ => "",
    };
    let id = text(&object["id"]);
    Ok(Redirect::to(&format!("{id}?lang={lang}{declined}")).into_response())
}

/// `POST /sandbox/stripe/pay/{code}/fault`: once, for this order alone.
pub(crate) async fn fault(
    State(sandbox): State<Sandbox>,
    Path(code): Path<String>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    check_origin(&headers, &sandbox.inner.base_url)?;
    let seen = sandbox.stripe_sees(&code).await.map_err(failed)?;
    let seen = seen.ok_or_else(|| Problem::new(Code::NotFound))?;
    let form = form(&headers, &body);
    let kind = form.text("kind").unwrap_or_default();
    let wanted = Wanted::once(kind, seen.order_no.as_deref());
    let ordered = sandbox.order_stripe_fault(&wanted).await.map_err(failed)?;
    if let Err(says) = ordered {
        return Err(Problem::new(Code::ValidationFailed).detail(says));
    }
    if wants_json(&headers) {
        return Ok(StatusCode::CREATED.into_response());
    }
    let lang = language(shown.lang.as_deref(), &sandbox, &headers).tag();
    let id = text(&seen.object["id"]);
    Ok(Redirect::to(&format!("../{id}?lang={lang}")).into_response())
}

/// What was sent, as a form or as JSON.
pub(super) fn form(headers: &HeaderMap, body: &[u8]) -> Form {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Form::read(body);
    }
    Form::of_json(&serde_json::from_slice(body).unwrap_or_default())
}

/// What a program is told: 409 when there is nothing to pay.
fn answer(object: &Value, tried: Tried) -> Response {
    let declined = match tried {
        Tried::Declined(reason) => Some(reason),
        _ => None,
    };
    let document = json!({
        "id": object["id"],
        "status": object["status"],
        "payment_status": object["payment_status"],
        "declined": declined,
        "asks": tried == Tried::Asks,
        "return_url": back(object),
    });
    let status = match tried {
        Tried::Closed => StatusCode::CONFLICT,
        _ => StatusCode::OK,
    };
    (status, Json(document)).into_response()
}

/// What a code means: the number of a session or an invoice, or a merchant's order number.
async fn coded(deed: &mut Deed<'_>, code: &str) -> Result<Option<Value>, SandboxError> {
    for kind in ["checkout.session", "invoice"] {
        if let Some(object) = deed.tx.get(kind, code).await? {
            return Ok(Some(object));
        }
    }
    deed.tx.of_order("checkout.session", code).await
}

impl Sandbox {
    async fn stripe_sees(&self, code: &str) -> Result<Option<Seen>, SandboxError> {
        self.stripe_up_to_now().await?;
        let mut deed = Deed::begin(self).await?;
        let Some(object) = coded(&mut deed, code).await? else {
            return Ok(None);
        };
        let order_no = if object["object"] == "invoice" {
            invoices::order_of(&object)
        } else {
            object["client_reference_id"].as_str().map(str::to_owned)
        };
        let webhooks = match &order_no {
            Some(order_no) => deed.tx.webhooks_of(order_no).await?,
            None => Vec::new(),
        };
        let intent = invoices::intent_of(&mut deed, &object).await?;
        Ok(Some(Seen {
            notes: deed.tx.notes(&text(&object["id"])).await?,
            intent: intent.unwrap_or_default(),
            faults: deed.tx.open_faults().await?,
            object,
            order_no,
            webhooks,
        }))
    }

    async fn stripe_hand(
        &self,
        code: &str,
        hand: Hand<'_>,
    ) -> Result<Option<(Value, Tried)>, SandboxError> {
        self.stripe_up_to_now().await?;
        let mut deed = Deed::begin(self).await?;
        let Some(object) = coded(&mut deed, code).await? else {
            return Ok(None);
        };
        let done = if object["object"] == "invoice" {
            terms::act(&mut deed, object, hand).await?
        } else {
            checkout::act(&mut deed, object, hand).await?
        };
        deed.commit().await?;
        Ok(Some(done))
    }
}

/// Where the buyer goes from here.
fn back(object: &Value) -> Option<String> {
    let url = match object["status"].as_str() {
        Some("complete") => object["success_url"].as_str(),
        _ => object["cancel_url"].as_str(),
    };
    Some(url?.replace("{CHECKOUT_SESSION_ID}", object["id"].as_str()?))
}

fn page(seen: Option<&Seen>, declined: bool, language: Language) -> String {
    let words = WORDS.spoken(language);
    let asks = seen.is_some_and(|seen| {
        seen.notes["asked"].is_string() || seen.intent["status"] == "requires_action"
    });
    let status = seen.and_then(|seen| seen.object["status"].as_str());
    let unpaid = seen.is_some_and(|seen| seen.object["payment_status"] == "unpaid");
    let may_be_late = seen.is_some_and(|seen| {
        let wanted = FaultKind::PayAfterClose;
        open_for(seen, wanted) > 0 && status == Some("expired")
    });
    let open = status == Some("open");
    let (tone, stage) = match status {
        Some("open") if asks => ("plain", "asks"),
        Some("open") if declined => ("bad", "declined"),
        Some("open") => ("plain", "waiting"),
        Some("complete") if unpaid => ("plain", "processing"),
        Some("complete" | "paid") => ("ok", "paid"),
        Some(_) => ("bad", "expired"),
        None => ("bad", "unknown"),
    };
    let said = |part: &str| {
        let name = format!("card_stage.{stage}.{part}");
        words.find(&name).unwrap_or_default()
    };
    let page = Page {
        words,
        lang: language.tag(),
        other_lang: other(language).tag(),
        tone,
        title: said("title"),
        says: said("text"),
        order: seen.map(|seen| order(seen, words, language)),
        open: open || may_be_late,
        asks: asks && open,
        cards: cards(language),
    };
    page.render().expect("writing into a text does not fail")
}

fn order(seen: &Seen, words: Spoken, language: Language) -> Order<'_> {
    let object = &seen.object;
    let total = match object["amount_total"].as_i64() {
        Some(total) => total,
        None => number(&object["amount_due"]),
    };
    let mut rows: Vec<(String, String)> = Vec::new();
    for kept in seen.notes["prices"].as_array().into_iter().flatten() {
        let every = every(&kept["price"]["recurring"], words);
        rows.push((
            words.say("page.item"),
            format!("{}{every}", text(&kept["name"])),
        ));
    }
    if let Some(order_no) = &seen.order_no {
        rows.push((words.say("page.order"), order_no.clone()));
    }
    for webhook in &seen.webhooks {
        let status = webhook
            .last_status
            .map_or("…".to_owned(), |status| status.to_string());
        let again = if webhook.due.is_some() { " ↻" } else { "" };
        rows.push((
            webhook.kind.clone(),
            format!("HTTP {status} · {}×{again}", webhook.attempts),
        ));
    }
    let button = |kind: &FaultKind| Button {
        word: kind.as_str(),
        says: kind.says(language),
        open: open_for(seen, *kind),
    };
    Order {
        id: object["id"].as_str().unwrap_or_default(),
        amount: currency::shown(total, &text(&object["currency"])),
        rows,
        back: back(object),
        faults: FaultKind::ALL.iter().map(button).collect(),
    }
}

/// How often it is bought again.
pub(super) fn every(recurring: &Value, words: Spoken) -> String {
    let Some(interval) = recurring["interval"].as_str() else {
        return String::new();
    };
    let word = words.find(&format!("every.{interval}"));
    match (word, number(&recurring["interval_count"])) {
        (None, _) => String::new(),
        (Some(word), 1) => format!(" / {word}"),
        (Some(word), count) => format!(" / {count} {word}"),
    }
}

/// How often this is ordered to go wrong here.
fn open_for(seen: &Seen, kind: FaultKind) -> i64 {
    let here = |fault: &&StripeFault| {
        fault.kind == kind.as_str() && (fault.order_no.is_none() || fault.order_no == seen.order_no)
    };
    seen.faults
        .iter()
        .filter(here)
        .map(|fault| fault.remaining)
        .sum()
}
