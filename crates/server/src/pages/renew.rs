//! Where the link of a reminder leads: a further term is paid. Opening the page changes nothing, since mail programs open
//! links by themselves; the button orders.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::input::Params;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::Problem;
use tollgate_payment::providers::Payer;
use tollgate_payment::{CheckoutError, RenewalOffer};

use super::BuyerPages;
use super::checkout::{Device, cycle};
use super::form::LinkForm;
use super::frame::Frame;
use super::visit::Visit;

/// What the link carries.
#[derive(Debug, Deserialize)]
pub(super) struct RenewParams {
    #[serde(default)]
    token: String,
}

/// What the button sends.
#[derive(Deserialize)]
pub(super) struct RenewForm {
    token: String,
}

#[derive(Template)]
#[template(path = "renew.html")]
struct RenewPage<'a> {
    frame: Frame,
    token: &'a str,
    offer: Option<Shown>,
    can_order: bool,
    message: String,
}

/// An offer in words.
struct Shown {
    plan: String,
    period: Option<String>,
    /// While a further term is on sale.
    amount: Option<String>,
    ends_at: String,
    ends: String,
}

fn shown(
    visit: &Visit,
    token: &str,
    offer: Option<&RenewalOffer>,
    busy: bool,
) -> Result<Response, Problem> {
    let frame = Frame::plain(visit, visit.say("renew.title"));
    let message = match offer {
        None => frame.say("renew.over"),
        Some(offer) if offer.next.is_none() => frame.say("renew.off_sale"),
        Some(_) if busy => frame.say("renew.busy"),
        Some(_) => String::new(),
    };
    let written = frame.written();
    let offer = offer.map(|offer| {
        // What is paid for, where another plan follows.
        let plan = offer.next.as_ref().unwrap_or(&offer.plan);
        Shown {
            plan: written.plan(plan),
            period: offer.next.as_ref().map(|next| cycle(next, frame.words())),
            amount: offer.next.as_ref().map(|next| written.price(next.price)),
            ends_at: offer.term_end.to_string(),
            ends: written.time(offer.term_end),
        }
    });
    super::page(&RenewPage {
        can_order: offer.as_ref().is_some_and(|offer| offer.amount.is_some()),
        frame,
        token,
        offer,
        message,
    })
}

/// `GET /portal/renew?token=…`
pub(super) async fn page(
    State(pages): State<BuyerPages>,
    visit: Visit,
    Params(params): Params<RenewParams>,
) -> Result<Response, Problem> {
    let offer = pages.payment.renewal_offer(&params.token).await?;
    shown(&visit, &params.token, offer.as_ref(), false)
}

/// `POST /portal/renew`: to the hosted page of the order. It moves no money, so whoever has the link may press the button.
pub(super) async fn renew(
    State(pages): State<BuyerPages>,
    origin: Origin,
    headers: HeaderMap,
    visit: Visit,
    LinkForm(form): LinkForm<RenewForm>,
) -> Result<Response, Problem> {
    let offer = pages.payment.renewal_offer(&form.token).await?;
    let Some(offer) = offer else {
        return shown(&visit, &form.token, None, false);
    };
    if offer.next.is_none() {
        return shown(&visit, &form.token, Some(&offer), false);
    }
    let payer = Payer {
        address: origin.address,
        ..Payer::default()
    };
    let begun = pages
        .payment
        .renew_by_link(&offer, Device::of(&headers).scene(), &payer);
    match begun.await {
        Ok(order) => {
            let link = order.payment.checkout_url.unwrap_or_default();
            let link = link.rsplit('/').next().unwrap_or_default();
            Ok(Redirect::to(&format!("../checkout/{link}")).into_response())
        }
        Err(CheckoutError::Internal(error)) => Err(error.into()),
        Err(error) => {
            tracing::warn!(error = %error, "a renewal could not be ordered");
            shown(&visit, &form.token, Some(&offer), true)
        }
    }
}

#[cfg(test)]
mod samples {
    use super::super::samples::{HOSTILE, LONG, LONG_ZH, languages, render, visit};
    use super::*;

    #[test]
    fn renew_renders_from_its_samples() {
        for (tag, language) in languages() {
            let visit = visit(language);
            let see = |name: &str, offer: Option<Shown>, message: &str| {
                let can_order = offer.as_ref().is_some_and(|offer| offer.amount.is_some());
                let page = RenewPage {
                    frame: Frame::plain(&visit, "x".to_owned()),
                    token: HOSTILE,
                    offer,
                    can_order,
                    message: message.to_owned(),
                };
                let html = render(&format!("renew-{name}-{tag}"), &page);
                assert_eq!(html.contains("<form"), can_order, "{html}");
            };
            let offer = |plan: &str, amount: Option<&str>| Shown {
                plan: plan.to_owned(),
                period: Some("1".to_owned()),
                amount: amount.map(str::to_owned),
                ends_at: "2026-05-01T00:00:00.000Z".to_owned(),
                ends: "1 May 2026, 08:00".to_owned(),
            };
            for (name, plan) in [
                ("plain", "Pro"),
                ("long", LONG),
                ("long-zh", LONG_ZH),
                ("hostile", HOSTILE),
            ] {
                see(name, Some(offer(plan, Some("¥99.00"))), "");
                see(&format!("{name}-off-sale"), Some(offer(plan, None)), "x");
            }
            see("over", None, "x");
        }
    }
}
