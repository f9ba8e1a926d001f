//! What one has: until when, how it goes on, what can be changed, what has happened.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ChangeId, PlanId};
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;
use tollgate_kernel::words::Said;
use tollgate_payment::HistoryPage;
use tollgate_payment::shapes::{ChangeShape, PlanShape, SubscriptionShape};

use super::super::Portal;
use super::card::{self, Card};
use super::overview::state_class;
use super::{Moment, Pager, done};
use crate::pages::frame::{Frame, Tab};
use crate::pages::visit::Visitor;
use crate::words::WORDS;

/// Changes on one page.
const ROWS: u32 = 20;

#[derive(Debug, Deserialize)]
pub(super) struct SubscriptionParams {
    /// The last change of the page before.
    starting_after: Option<ChangeId>,
}

/// What the page is about.
struct Facts {
    held: Option<SubscriptionShape>,
    /// On sale.
    plans: Vec<PlanShape>,
    /// Of all plans there have been.
    known: BTreeMap<PlanId, PlanShape>,
    changes: Vec<ChangeShape>,
    older: Option<ChangeId>,
    is_first: bool,
    has_portal: bool,
    now: Timestamp,
}

struct Held {
    name: String,
    state: &'static str,
    state_text: String,
    price: String,
    /// Seconds of the term that are over, and all of them.
    bar: Option<(u64, u64)>,
    from: Moment,
    until: Option<Moment>,
    left: Option<String>,
    renewal: String,
    next: Option<String>,
    renew: Option<String>,
    can_cancel: bool,
    can_resume: bool,
    quotas: Vec<String>,
}

struct Row {
    at: Moment,
    kind: String,
    plans: String,
    payment: Option<String>,
}

#[derive(Template)]
#[template(path = "plans_subscription.html")]
struct SubscriptionPage {
    frame: Frame,
    done: Option<String>,
    held: Option<Held>,
    has_portal: bool,
    others: Vec<Card>,
    rows: Vec<Row>,
    pager: Pager,
}

/// `GET /portal/subscription`
pub(super) async fn page(
    State(portal): State<Portal>,
    visitor: Visitor,
    Params(params): Params<SubscriptionParams>,
) -> Result<Response, Problem> {
    let (payment, user) = (&portal.payment, visitor.user.id);
    let page = HistoryPage {
        starting_after: params.starting_after,
        ending_before: None,
    };
    let found = payment.subscription_history(user, page, ROWS).await?;
    let (changes, has_more) = found.ok_or_else(unknown_page)?;
    let plans = payment.plans().await?;
    let known = payment.all_plans().await?;
    let shape = |plan| PlanShape::new(plan, payment.house_language());
    let facts = Facts {
        held: payment.current_subscription(user).await?,
        plans: plans.into_iter().map(shape).collect(),
        known: known
            .into_iter()
            .map(|plan| (plan.id, shape(plan)))
            .collect(),
        older: changes.last().filter(|_| has_more).map(|last| last.id),
        changes: changes.iter().map(ChangeShape::from).collect(),
        is_first: params.starting_after.is_none(),
        has_portal: payment.has_portal(user).await?,
        now: payment.now(),
    };
    crate::pages::page(&shown(&visitor, &facts))
}

/// The page of a list begins after something that is not in it.
pub(super) fn unknown_page() -> Problem {
    Problem::invalid(
        "/starting_after",
        "unknown_cursor",
        WORDS.text("problem.no_such_row"),
    )
}

fn shown(visitor: &Visitor, facts: &Facts) -> SubscriptionPage {
    let title = visitor.visit.say("my_plan.title");
    let frame = Frame::of(visitor, Tab::Subscription, title);
    let own = facts.held.as_ref().map(|held| held.plan_id);
    let others = facts.plans.iter().filter(|plan| Some(plan.id) != own);
    let older = facts
        .older
        .map(|id| format!("/portal/subscription?starting_after={id}"));
    SubscriptionPage {
        done: done(&frame, &visitor.visit),
        held: facts.held.as_ref().map(|one| held(&frame, one, facts)),
        has_portal: facts.has_portal,
        others: others.map(|plan| Card::of(&frame, plan)).collect(),
        rows: facts
            .changes
            .iter()
            .map(|change| row(&frame, change, &facts.known))
            .collect(),
        pager: Pager {
            newest: (!facts.is_first).then(|| "/portal/subscription".to_owned()),
            older,
        },
        frame,
    }
}

fn held(frame: &Frame, held: &SubscriptionShape, facts: &Facts) -> Held {
    let written = frame.written();
    let card = Card::of(frame, &held.plan);
    let (start, end) = (held.current_period_start, held.current_period_end);
    let has_term = end.is_some() && held.state != "trialing";
    let is_leaving = held.state == "cancelling";
    let seconds = |end: Timestamp| {
        let whole = end.since(start).as_secs().max(1);
        (facts.now.since(start).as_secs().min(whole), whole)
    };
    let left = end.map(|end| {
        const DAY: u64 = 24 * 3_600;
        let days = end.since(facts.now).as_secs() / DAY;
        frame.words().with("my_plan.days_left", &[("days", &days)])
    });
    let next = held.next_plan_id.unwrap_or(held.plan_id);
    let can_renew =
        end.is_some() && !held.auto_renew && !is_leaving && !card::is_endless(&held.plan);
    Held {
        name: card.name,
        state: state_class(&held.state),
        state_text: frame.say(&format!("my_plan.state_{}", held.state)),
        price: format!("{} {}", card.price, card.cycle)
            .trim_end()
            .to_owned(),
        bar: end.map(seconds),
        from: Moment::of(written, start),
        until: end.map(|end| Moment::of(written, end)),
        left,
        renewal: renewal(frame, held),
        next: held
            .next_plan_id
            .or(held.changes_at.map(|_| held.plan_id))
            .map(|next| {
                let plan = facts.known.get(&next);
                let plan = plan.map_or_else(String::new, |plan| frame.written().plan_shape(plan));
                let at = held.changes_at.or(end);
                let at = at.map_or_else(String::new, |at| written.date(at));
                let given: [(&str, &dyn Said); 2] = [("plan", &plan), ("at", &at)];
                frame.words().with("my_plan.next", &given)
            }),
        renew: can_renew.then(|| format!("/portal/subscribe?plan={next}")),
        can_cancel: has_term && !is_leaving,
        can_resume: is_leaving || held.next_plan_id.is_some(),
        quotas: card.quotas,
    }
}

/// How it goes on, in words.
fn renewal(frame: &Frame, held: &SubscriptionShape) -> String {
    let Some(end) = held.current_period_end else {
        return frame.say("my_plan.renewal_none");
    };
    let (day, price) = (
        frame.written().date(end),
        card::price(frame.written(), held.plan.price_minor, &held.plan.currency),
    );
    let given: [(&str, &dyn Said); 2] = [("day", &day), ("price", &price)];
    let name = match held.state.as_str() {
        "cancelling" => "my_plan.renewal_ends",
        "trialing" => "my_plan.renewal_trial",
        "past_due" => "my_plan.renewal_past_due",
        _ if held.auto_renew => "my_plan.renewal_debit",
        _ => "my_plan.renewal_manual",
    };
    frame.words().with(name, &given)
}

fn row(frame: &Frame, change: &ChangeShape, known: &BTreeMap<PlanId, PlanShape>) -> Row {
    let name = |id: Option<PlanId>| {
        let plan = known.get(&id?);
        plan.map(|plan| frame.written().plan_shape(plan))
    };
    let plans = match (name(change.from_plan_id), name(change.to_plan_id)) {
        (Some(from), Some(to)) if from != to => format!("{from} → {to}"),
        (_, Some(plan)) | (Some(plan), None) => plan,
        (None, None) => String::new(),
    };
    Row {
        at: Moment::of(frame.written(), change.created_at),
        kind: frame.say(&format!("my_plan.change_{}", change.kind.as_str())),
        plans,
        payment: change
            .transaction_id
            .map(|id| format!("/portal/payments/{id}")),
    }
}

#[cfg(test)]
mod samples {
    use serde_json::json;

    use super::super::samples::{held as of_plan, id, noon, plan, visitor};
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, ROWS, languages, render};

    fn facts(text: &str, rows: usize) -> Facts {
        let own = plan(1, text, 9_900);
        let change = |at| {
            serde_json::from_value(json!({
                "id": id(at), "subscription_id": id(2), "kind": "changed", "from_plan_id": own.id,
                "to_plan_id": plan(2, text, 0).id, "transaction_id": id(3), "detail": {}, "created_at": noon(),
            }))
            .expect("a change")
        };
        Facts {
            held: (rows > 0).then(|| of_plan(&own)),
            plans: (0..rows.min(30)).map(|at| plan(at, text, 100)).collect(),
            known: [own.clone(), plan(2, text, 0)]
                .into_iter()
                .map(|plan| (plan.id, plan))
                .collect(),
            changes: (0..rows).map(change).collect(),
            older: None,
            is_first: rows < 2,
            has_portal: rows > 0,
            now: noon(),
        }
    }

    #[test]
    fn subscription_renders_from_its_samples() {
        for (tag, language) in languages() {
            let visitor = visitor(language).0;
            for rows in ROWS {
                let html = render(
                    &format!("portal-subscription-{rows}-{tag}"),
                    &shown(&visitor, &facts("Pro", rows)),
                );
                assert!(html.contains("href=\"/portal/pricing\""));
                assert_eq!(html.contains("<progress"), rows > 0);
            }
            for (name, text) in [("long", LONG), ("long-zh", LONG_ZH), ("hostile", HOSTILE)] {
                let page = shown(&visitor, &facts(text, 1));
                render(&format!("portal-subscription-{name}-{tag}"), &page);
            }
        }
    }

    #[test]
    fn what_can_be_done_is_what_the_state_allows() {
        let frame = Frame::of(
            &visitor(tollgate_kernel::text::Language::En).0,
            Tab::None,
            String::new(),
        );
        let facts = facts("Pro", 1);
        let of = |state: &str, debits: bool, ends: bool| {
            let mut one = facts.held.clone().expect("held");
            state.clone_into(&mut one.state);
            one.auto_renew = debits;
            if !ends {
                one.current_period_end = None;
            }
            let one = held(&frame, &one, &facts);
            (one.renew.is_some(), one.can_cancel, one.can_resume)
        };
        assert_eq!(of("active", false, true), (true, true, false));
        assert_eq!(of("active", true, true), (false, true, false));
        assert_eq!(of("cancelling", false, true), (false, false, true));
        assert_eq!(of("trialing", false, true), (true, false, false));
        assert_eq!(of("active", false, false), (false, false, false));
    }
}
