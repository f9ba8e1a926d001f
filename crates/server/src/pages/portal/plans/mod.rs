//! What is bought, what is used of it, and what was paid.

mod calls;
mod cancel;
mod card;
mod overview;
mod payments;
mod preview;
mod pricing;
mod receipt;
#[cfg(test)]
mod samples;
mod series;
mod span;
mod subscribe;
mod subscription;
mod usage;
mod why;

use axum::Router;
use axum::routing::{get, post};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::{Occurrence, Problem};
use tollgate_kernel::text::Language;

use super::Portal;
use crate::pages::frame::Frame;
use crate::pages::visit::Visit;
use crate::pages::written::Written;

/// Prices, what one has, what one used, what one paid.
pub(super) fn router() -> Router<Portal> {
    let cancel = get(cancel::page).post(cancel::cancel);
    let subscribe = get(subscribe::page).post(subscribe::subscribe);
    Router::new()
        .route("/portal", get(overview::page))
        .route("/portal/pricing", get(pricing::page))
        .route("/portal/subscribe", subscribe)
        .route("/portal/subscription", get(subscription::page))
        .route("/portal/subscription/cancel", cancel)
        .route("/portal/subscription/resume", post(cancel::resume))
        .route("/portal/subscription/card", get(cancel::card))
        .route("/portal/usage", get(usage::page))
        .route("/portal/usage.csv", get(calls::table))
        .route("/portal/usage/calls", get(calls::page))
        .route("/portal/usage/why", get(why::page))
        .route("/portal/payments", get(payments::page))
        .route("/portal/payments/{transaction_id}", get(receipt::page))
        .route(
            "/portal/payments/{transaction_id}/check",
            post(payments::check),
        )
}

/// What the page before has done, by the word that it sends along.
const DONE: [(&str, &str); 7] = [
    ("begun", "my_plan.done_begun"),
    ("trial", "my_plan.done_trial"),
    ("planned", "my_plan.done_planned"),
    ("cancelled", "my_plan.done_cancelled"),
    ("ended", "my_plan.done_ended"),
    ("resumed", "my_plan.done_resumed"),
    ("checked", "my_payments.done_checked"),
];

/// In words; other words say nothing.
fn done(frame: &Frame, visit: &Visit) -> Option<String> {
    let query = visit.here.query().unwrap_or_default();
    let (_, word) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done")?;
    let (_, name) = DONE.iter().find(|(known, _)| *known == word)?;
    Some(frame.say(name))
}

/// A moment, for people and for the page's script: `{{ moment }}` in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Moment {
    at: String,
    text: String,
    is_day: bool,
}

impl Moment {
    /// To the minute.
    fn of(written: Written, at: Timestamp) -> Self {
        Self {
            at: at.to_string(),
            text: written.time(at),
            is_day: false,
        }
    }

    /// The day alone.
    fn day(written: Written, at: Timestamp) -> Self {
        Self {
            at: at.to_string(),
            text: written.date(at),
            is_day: true,
        }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let day = if self.is_day { " data-day" } else { "" };
        write!(
            f,
            "<time datetime=\"{}\"{day}>{}</time>",
            self.at, self.text
        )
    }
}

/// Digits and the words of a calendar.
impl askama::filters::HtmlSafe for Moment {}

/// A first call, to copy.
#[derive(Clone, Debug)]
struct FirstCall {
    url: String,
    resource_type: String,
}

impl FirstCall {
    /// Of what the plan has a price for.
    fn of(visit: &Visit, priced: Option<&String>) -> Self {
        let named = priced.filter(|name| *name != "*");
        Self {
            url: visit.house.public_url.clone(),
            resource_type: named.map_or("demo", String::as_str).to_owned(),
        }
    }
}

/// A way to the page before and the page after.
#[derive(Clone, Debug, Default)]
struct Pager {
    newest: Option<String>,
    older: Option<String>,
}

/// What a refusal says, for a page that shows it beside what was asked.
fn why_not(problem: &Problem, language: Language) -> String {
    let document = problem.document(language, &Occurrence::default());
    let text =
        |value: Option<&serde_json::Value>| value.and_then(|text| text.as_str()).map(str::to_owned);
    let faults = document.get("errors").and_then(|list| list.as_array());
    let told = faults.into_iter().flatten();
    let told: Vec<String> = told.filter_map(|fault| text(fault.get("detail"))).collect();
    if told.is_empty() {
        text(document.get("detail"))
            .or_else(|| text(document.get("title")))
            .unwrap_or_default()
    } else {
        told.join(" ")
    }
}
