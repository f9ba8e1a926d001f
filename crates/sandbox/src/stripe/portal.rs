//! The customer portal: a page for one buyer, made on a click and soon over.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::text::Language;
use tollgate_kernel::words::Spoken;

use super::card_buttons::{CardButton, cards as card_buttons};
use super::cards;
use super::deed::Deed;
use super::page::{every, form};
use super::route::object;
use super::sessions::address;
use super::wire::{Fault, Form, number, text};
use super::{currency, subscriptions, terms};
use crate::phone::{CONTENT_SECURITY_POLICY, check_origin, failed, html, language};
use crate::store::Listed;
use crate::words::{WORDS, other};
use crate::{Sandbox, SandboxError};

const KIND: &str = "billing_portal.session";
/// How long a page can be used.
const SECONDS: i64 = 30 * 60;

/// `POST /v1/billing_portal/sessions`
pub(super) async fn create(deed: &mut Deed<'_>, form: &Form) -> Result<Value, Fault> {
    form.only(&["customer", "return_url", "locale"])?;
    let customer = form.required("customer")?;
    let customer = object(deed, "customer", customer).await?;
    let id = deed.number("bps");
    let session = json!({
        "id": id,
        "object": KIND,
        "configuration": "bpc_sandbox",
        "created": deed.at,
        "customer": customer["id"],
        "flow": null,
        "livemode": false,
        "locale": form.text("locale"),
        "on_behalf_of": null,
        "return_url": address(form, "return_url")?,
        "url": deed.sandbox.address(&format!("/sandbox/stripe/portal/{id}")),
    });
    deed.tx.put(&session, None).await?;
    Ok(session)
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shown {
    lang: Option<String>,
}

#[derive(Template)]
#[template(path = "stripe_portal.html")]
struct Page {
    words: Spoken,
    lang: &'static str,
    other_lang: &'static str,
    tone: &'static str,
    title: &'static str,
    says: &'static str,
    id: String,
    subscriptions: Vec<One>,
    cards: Vec<CardButton>,
    back: Option<String>,
}

struct One {
    id: String,
    name: String,
    amount: String,
    state: String,
    until: String,
    card: String,
    /// Whether anything can be done with it.
    lives: bool,
    ends: bool,
    /// What is still to be paid.
    invoice: Option<String>,
}

/// `GET /sandbox/stripe/portal/{id}`
pub(crate) async fn show(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let language = language(shown.lang.as_deref(), &sandbox, &headers);
    let found = sandbox.stripe_portal(&id, language).await.map_err(failed)?;
    let status = match found {
        Some(_) => StatusCode::OK,
        None => StatusCode::NOT_FOUND,
    };
    let words = WORDS.spoken(language);
    let (tone, stage) = match found {
        Some(_) => ("plain", "portal"),
        None => ("bad", "portal_gone"),
    };
    let (subscriptions, back) = found.unwrap_or_default();
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
        id,
        subscriptions,
        cards: card_buttons(language),
        back,
    };
    let page = page.render().expect("writing into a text does not fail");
    Ok(html(status, language, CONTENT_SECURITY_POLICY, page))
}

/// `POST /sandbox/stripe/portal/{id}`: form `subscription` with `action`, `cancel` or `resume`, or with a card's `number`.
pub(crate) async fn act(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    check_origin(&headers, &sandbox.inner.base_url)?;
    let form = form(&headers, &body);
    let done = sandbox
        .stripe_portal_act(&id, &form)
        .await
        .map_err(failed)?;
    if !done {
        return Err(Problem::new(Code::NotFound));
    }
    let lang = language(shown.lang.as_deref(), &sandbox, &headers).tag();
    Ok(Redirect::to(&format!("{id}?lang={lang}")).into_response())
}

/// The page's session, while it can be used.
async fn session(deed: &mut Deed<'_>, id: &str) -> Result<Option<Value>, SandboxError> {
    let session = deed.tx.get(KIND, id).await?;
    let now = deed.at;
    Ok(session.filter(|session| now < number(&session["created"]).saturating_add(SECONDS)))
}

impl Sandbox {
    /// What the page shows; nothing when it is over.
    async fn stripe_portal(
        &self,
        id: &str,
        language: Language,
    ) -> Result<Option<(Vec<One>, Option<String>)>, SandboxError> {
        self.stripe_up_to_now().await?;
        let mut deed = Deed::begin(self).await?;
        let Some(session) = session(&mut deed, id).await? else {
            return Ok(None);
        };
        let customer = text(&session["customer"]);
        let listed = Listed {
            kind: "subscription",
            parent: Some(&customer),
            limit: 20,
            ..Listed::default()
        };
        let mut all = Vec::new();
        for (_, subscription) in deed.tx.list(&listed).await? {
            all.push(one(&mut deed, &subscription, language).await?);
        }
        Ok(Some((
            all,
            session["return_url"].as_str().map(str::to_owned),
        )))
    }

    /// Whether there was anything to do it with.
    async fn stripe_portal_act(&self, id: &str, form: &Form) -> Result<bool, SandboxError> {
        self.stripe_up_to_now().await?;
        let mut deed = Deed::begin(self).await?;
        let Some(session) = session(&mut deed, id).await? else {
            return Ok(false);
        };
        let wanted = form.text("subscription").unwrap_or_default();
        let found = deed.tx.get("subscription", wanted).await?;
        let live = |one: &Value| matches!(one["status"].as_str(), Some("active" | "past_due"));
        let own = found.filter(|one| one["customer"] == session["customer"] && live(one));
        let Some(subscription) = own else {
            return Ok(false);
        };
        deed.order_no = subscription["metadata"]["order_no"]
            .as_str()
            .map(str::to_owned);
        let card = form.text("number").and_then(cards::find);
        match (form.text("action"), card) {
            (Some("cancel"), _) => {
                subscriptions::buyer_marks(&mut deed, subscription, true).await?;
            }
            (Some("resume"), _) => {
                subscriptions::buyer_marks(&mut deed, subscription, false).await?;
            }
            (None, Some(card)) => {
                let method = cards::attach(&mut deed, card, &session["customer"]).await?;
                subscriptions::buyer_changes_card(&mut deed, subscription, &method).await?;
            }
            _ => return Ok(false),
        }
        deed.commit().await?;
        Ok(true)
    }
}

async fn one(
    deed: &mut Deed<'_>,
    subscription: &Value,
    language: Language,
) -> Result<One, SandboxError> {
    let id = text(&subscription["id"]);
    let notes = deed.tx.notes(&id).await?;
    let item = &subscription["items"]["data"][0];
    let price = &item["price"];
    let amount = number(&price["unit_amount"]).saturating_mul(number(&item["quantity"]));
    let card = cards::of_method(deed, &subscription["default_payment_method"]).await?;
    let latest = text(&subscription["latest_invoice"]);
    let invoice = deed.tx.get("invoice", &latest).await?;
    let until = Timestamp::from_seconds(terms::period_end(subscription));
    let shown = currency::shown(amount, &text(&subscription["currency"]));
    Ok(One {
        name: text(&notes["prices"][0]["name"]),
        amount: format!(
            "{shown}{}",
            every(&price["recurring"], WORDS.spoken(language))
        ),
        state: text(&subscription["status"]),
        until: until.map(|at| at.to_string()).unwrap_or_default(),
        card: card
            .map(|card| format!("…{}", cards::last4(card)))
            .unwrap_or_default(),
        lives: matches!(subscription["status"].as_str(), Some("active" | "past_due")),
        ends: subscription["cancel_at_period_end"] == true,
        invoice: invoice
            .filter(|invoice| invoice["status"] == "open")
            .map(|_| latest),
        id,
    })
}
