//! The prices: for who looks around, and for who has a plan.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use tollgate_kernel::input::Params;
use tollgate_kernel::permission::ADMIN;
use tollgate_kernel::problem::Problem;
use tollgate_payment::model::plan::BillingCycle;
use tollgate_payment::shapes::{PlanShape, SubscriptionShape};

use super::super::Portal;
use super::card::Card;
use super::subscribe::device;
use crate::pages::frame::{Frame, Link, Tab};
use crate::pages::next::Next;
use crate::pages::visit::Guest;

const CYCLES: [BillingCycle; 3] = [
    BillingCycle::Monthly,
    BillingCycle::Yearly,
    BillingCycle::Lifetime,
];

#[derive(Debug, Deserialize)]
pub(super) struct PricingParams {
    /// `monthly`, `yearly` or `lifetime`; any other word is the usual one.
    cycle: Option<String>,
}

#[derive(Template)]
#[template(path = "plans_pricing.html")]
struct PricingPage {
    frame: Frame,
    /// More than one way to pay by time.
    cycles: Vec<Link>,
    offers: Vec<Offer>,
    /// Of questions about paying here.
    answers: Vec<(String, String)>,
    is_admin: bool,
    /// Where who has an account comes back to.
    sign_in: Option<String>,
}

struct Offer {
    card: Card,
    /// One has it.
    is_own: bool,
    href: String,
    button: String,
    /// The one that stands out.
    is_first: bool,
}

/// `GET /portal/pricing`
pub(super) async fn page(
    State(portal): State<Portal>,
    guest: Guest,
    headers: HeaderMap,
    Params(params): Params<PricingParams>,
) -> Result<Response, Problem> {
    let plans = portal.payment.plans().await?;
    let house = portal.payment.house_language();
    let plans = plans.into_iter().map(|plan| PlanShape::new(plan, house));
    let plans: Vec<PlanShape> = plans.collect();
    let held = match &guest.user {
        Some(user) => portal.payment.current_subscription(user.id).await?,
        None => None,
    };
    let currency = plans.iter().find_map(|plan| plan.currency.parse().ok());
    let ways = currency.map(|currency| portal.payment.ways(currency, device(&headers)));
    let ways: Vec<_> = ways
        .into_iter()
        .flatten()
        .map(|way| way.method.as_str())
        .collect();
    let wanted = params.cycle.and_then(|word| word.parse().ok());
    crate::pages::page(&shown(&guest, &plans, held.as_ref(), wanted, &ways))
}

fn shown(
    guest: &Guest,
    plans: &[PlanShape],
    held: Option<&SubscriptionShape>,
    wanted: Option<BillingCycle>,
    ways: &[&str],
) -> PricingPage {
    let title = guest.visit.say("pricing.title");
    let mut frame = Frame::plain(&guest.visit, title);
    if let Some(user) = &guest.user {
        frame = frame.with_account(user, Tab::None);
    }
    frame.is_public = true;
    let paid = |cycle: BillingCycle| {
        let mut paid = plans.iter().filter(|plan| plan.price_minor > 0);
        paid.any(|plan| plan.billing_cycle == cycle)
    };
    let known: Vec<BillingCycle> = CYCLES.into_iter().filter(|cycle| paid(*cycle)).collect();
    let own = held.map(|held| held.plan.billing_cycle);
    let cycle = [wanted, own].into_iter().flatten();
    let mut cycle = cycle.chain(known.iter().copied());
    let cycle = cycle.find(|cycle| known.contains(cycle));
    // What is free has no term: it stands beside all.
    let fits = |plan: &&PlanShape| plan.price_minor == 0 || Some(plan.billing_cycle) == cycle;
    let mut offers: Vec<Offer> = plans
        .iter()
        .filter(fits)
        .map(|plan| offer(&frame, plan, held, guest.user.is_some()))
        .collect();
    let first = offers
        .iter_mut()
        .find(|offer| !offer.is_own && !offer.card.cycle.is_empty());
    if let Some(first) = first {
        first.is_first = true;
    }
    let link = |one: &BillingCycle| Link {
        href: guest.visit.here_with("cycle", one.as_str()),
        text: frame.say(&format!("pricing.cycle_{}", one.as_str())),
        is_here: Some(*one) == cycle,
    };
    let cycles = known.iter().filter(|_| known.len() > 1).map(link).collect();
    let next = Next::of("/portal/pricing");
    PricingPage {
        cycles,
        answers: answers(&frame, ways),
        is_admin: guest
            .user
            .as_ref()
            .is_some_and(|user| user.permissions().hold(ADMIN)),
        sign_in: guest
            .user
            .is_none()
            .then(|| format!("/portal/login?{}", next.query())),
        offers,
        frame,
    }
}

fn offer(
    frame: &Frame,
    plan: &PlanShape,
    held: Option<&SubscriptionShape>,
    is_known: bool,
) -> Offer {
    let card = Card::of(frame, plan);
    let is_own = held.is_some_and(|held| held.plan_id == plan.id);
    let preview = format!("/portal/subscribe?plan={}", plan.slug);
    let (href, name) = if !is_known {
        let next = Next::of(&preview);
        (
            format!("/portal/register?{}", next.query()),
            "pricing.register",
        )
    } else if is_own {
        ("/portal/subscription".to_owned(), "pricing.manage")
    } else if card.trial.is_some() && held.is_none_or(|held| held.plan.price_minor == 0) {
        (preview, "pricing.try")
    } else {
        (preview, "pricing.choose")
    };
    Offer {
        button: frame.words().with(name, &[("plan", &card.name)]),
        card,
        is_own,
        href,
        is_first: false,
    }
}

fn answers(frame: &Frame, ways: &[&str]) -> Vec<(String, String)> {
    let names = ways
        .iter()
        .map(|way| frame.say(&format!("my_payments.by_{way}")));
    let names: Vec<String> = names.collect();
    let how = if names.is_empty() {
        frame.say("pricing.how_none")
    } else {
        let ways = names.join(&frame.say("pricing.and"));
        frame.words().with("pricing.how_answer", &[("ways", &ways)])
    };
    vec![
        (frame.say("pricing.how"), how),
        (frame.say("pricing.when"), frame.say("pricing.when_answer")),
        (frame.say("pricing.stop"), frame.say("pricing.stop_answer")),
        (frame.say("pricing.back"), frame.say("pricing.back_answer")),
    ]
}

#[cfg(test)]
mod samples {
    use super::super::samples::{guest, held, plan, visitor};
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, ROWS, languages, render};

    #[test]
    fn pricing_renders_from_its_samples() {
        for (tag, language) in languages() {
            for rows in ROWS {
                let plans: Vec<_> = (0..rows).map(|at| plan(at, "Pro", 9_900)).collect();
                let page = shown(&guest(language), &plans, None, None, &["alipay", "stripe"]);
                let html = render(&format!("portal-pricing-{rows}-{tag}"), &page);
                assert_eq!(html.matches("<article").count(), rows);
            }
            for (name, text) in [("long", LONG), ("long-zh", LONG_ZH), ("hostile", HOSTILE)] {
                let plans = [
                    plan(0, text, 0),
                    plan(1, text, 9_900),
                    plan(2, text, 99_000),
                ];
                let held = held(&plans[1]);
                let page = shown(&visitor(language).1, &plans, Some(&held), None, &[]);
                let html = render(&format!("portal-pricing-{name}-{tag}"), &page);
                assert!(
                    html.contains("aria-current=\"true\""),
                    "{name}: its own is marked"
                );
            }
        }
    }

    #[test]
    fn the_switch_shows_what_is_sold_and_one_button_stands_out() {
        let mut yearly = plan(1, "Year", 99_000);
        yearly.billing_cycle = BillingCycle::Yearly;
        let plans = [plan(0, "Free", 0), plan(2, "Month", 9_900), yearly];
        let visit = guest(tollgate_kernel::text::Language::En);
        let of = |cycle| shown(&visit, &plans, None, cycle, &[]);
        let names = |page: &PricingPage| -> Vec<String> {
            let offers = page.offers.iter();
            offers.map(|offer| offer.card.name.clone()).collect()
        };
        assert_eq!(names(&of(None)), ["Free", "Month"]);
        assert_eq!(names(&of(Some(BillingCycle::Yearly))), ["Free", "Year"]);
        // Nothing of that kind is sold.
        assert_eq!(names(&of(Some(BillingCycle::Lifetime))), ["Free", "Month"]);
        let page = of(None);
        assert_eq!(page.cycles.len(), 2);
        let first: Vec<bool> = page.offers.iter().map(|offer| offer.is_first).collect();
        assert_eq!(first, [false, true]);
        assert_eq!(
            page.offers[1].href,
            "/portal/register?next=%2Fportal%2Fsubscribe%3Fplan%3Dplan-2"
        );
    }
}
