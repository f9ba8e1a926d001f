//! What one has, how much of it is used, and what wants attention.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use tollgate_auth::ListKeysError;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::words::Said;
use tollgate_payment::model::payment::{Payment, PaymentStatus};
use tollgate_payment::model::plan::Reset;
use tollgate_payment::model::usage::Interval;
use tollgate_payment::shapes::{QuotaShape, SubscriptionShape, UsageSeriesShape};
use tollgate_payment::{SeriesOf, TransactionFilter, UsageFilter, UsagePage, WantSeries};

use super::super::Portal;
use super::payments::way_on;
use super::series::{self, Measure};
use super::{FirstCall, Moment, card, done};
use crate::pages::chart::{Chart, DrawnRing, Ring};
use crate::pages::frame::{Frame, Tab};
use crate::pages::visit::Visitor;

/// So long before its end a term is worth a word.
const SOON: Duration = Duration::from_hours(7 * 24);

/// Orders that are looked through for one that waits.
const OPEN: u32 = 20;

/// What the page is about.
#[derive(Default)]
struct Facts {
    held: Option<SubscriptionShape>,
    meters: Vec<QuotaShape>,
    series: Option<UsageSeriesShape>,
    has_key: bool,
    has_called: bool,
    /// An order that waits for money, and where it goes on.
    open: Option<(Payment, String)>,
}

/// How a meter stands.
struct Meter {
    /// Its name in code.
    code: String,
    ring: DrawnRing,
    held: Option<String>,
    resets: Moment,
    state: &'static str,
    /// It begins anew.
    turns: bool,
}

/// Something to do.
struct Warning {
    state: &'static str,
    text: String,
    link: Option<(String, String)>,
}

/// A step of somebody new.
struct Step {
    is_done: bool,
    text: String,
    href: &'static str,
    button: String,
}

#[derive(Template)]
#[template(path = "plans_overview.html")]
struct OverviewPage {
    frame: Frame,
    done: Option<String>,
    warnings: Vec<Warning>,
    plan: Option<Plan>,
    meters: Vec<Meter>,
    chart: Option<Chart>,
    steps: Vec<Step>,
    call: FirstCall,
}

struct Plan {
    name: String,
    state: &'static str,
    state_text: String,
    until: Option<Moment>,
    /// By hand.
    renew: Option<String>,
}

/// `GET /portal`
pub(super) async fn page(
    State(portal): State<Portal>,
    visitor: Visitor,
) -> Result<Response, Problem> {
    let facts = facts(&portal, &visitor).await?;
    crate::pages::page(&shown(&visitor, &facts, portal.payment.now()))
}

async fn facts(portal: &Portal, visitor: &Visitor) -> Result<Facts, Problem> {
    let (payment, user) = (&portal.payment, visitor.user.id);
    let summary = payment.usage_summary(user).await?;
    let meters = summary.map(|summary| summary.meters).unwrap_or_default();
    let first = meters.first();
    let series = match first.map(|first| first.quota_type.parse()) {
        Some(Ok(meter)) => {
            let want = WantSeries {
                of: SeriesOf::Person(user),
                from: None,
                to: None,
                interval: Interval::Day,
                by: None,
                zone: Some(visitor.visit.house.zone),
                meter: Some(meter),
                resource_type: None,
            };
            Some(payment.usage_series(&want).await?)
        }
        Some(Err(_)) | None => None,
    };
    let keys = portal.auth.list_api_keys(user, None, 1).await;
    let keys = keys.map_err(|error| match error {
        ListKeysError::Internal(error) => error.into(),
        _ => Problem::new(Code::Internal),
    })?;
    let own = UsageFilter {
        user: Some(user),
        ..UsageFilter::default()
    };
    let calls = payment.usage_logs(&own, UsagePage::default(), 1).await?;
    let open = TransactionFilter {
        user: Some(user),
        status: Some(PaymentStatus::Pending),
        ..TransactionFilter::default()
    };
    let open = payment.transactions(&open, OPEN).await?;
    let open = open.into_iter().flat_map(|(open, _)| open);
    // One that a newer order has taken the place of waits for nobody.
    let mut open = open.filter(|order| order.superseded_at.is_none());
    let open = open.find_map(|order| way_on(payment, &order).map(|on| (order, on)));
    Ok(Facts {
        held: payment.current_subscription(user).await?,
        meters,
        series,
        has_key: !keys.keys.is_empty(),
        has_called: calls.is_some_and(|(calls, _)| !calls.is_empty()),
        open,
    })
}

fn shown(visitor: &Visitor, facts: &Facts, now: Timestamp) -> OverviewPage {
    let title = visitor.visit.say("overview.title");
    let frame = Frame::of(visitor, Tab::Overview, title);
    let held = facts.held.as_ref();
    let reset = |meter: &QuotaShape| -> Option<Reset> {
        let mut meters = held?.plan.meters.iter();
        let found = meters.find(|known| known.meter == meter.quota_type);
        found.map(|known| known.reset)
    };
    let chart = facts.meters.first().zip(facts.series.as_ref());
    let chart = chart.filter(|_| facts.has_called).map(|(quota, lines)| {
        let limit = series::daily(&frame, quota, reset(quota));
        let measure = Measure::Units(word(&frame, facts, quota));
        let names = BTreeMap::new();
        series::draw(&frame, lines, Interval::Day, &names, measure, limit).chart
    });
    let priced = held.and_then(|held| {
        let mut priced = held.plan.resource_costs.keys();
        priced.find(|name| *name != "*")
    });
    OverviewPage {
        done: done(&frame, &visitor.visit),
        warnings: warnings(&frame, visitor, facts, now),
        plan: held.map(|held| plan(&frame, held)),
        meters: facts
            .meters
            .iter()
            .map(|one| meter(&frame, facts, one, reset(one)))
            .collect(),
        chart,
        steps: steps(&frame, facts),
        call: FirstCall::of(&visitor.visit, priced),
        frame,
    }
}

/// The class of a state, as it is shown everywhere.
pub(super) fn state_class(state: &str) -> &'static str {
    match state {
        "active" => "ok",
        "trialing" => "info",
        "grace" | "cancelling" => "warn",
        "past_due" => "bad",
        _ => "",
    }
}

fn plan(frame: &Frame, held: &SubscriptionShape) -> Plan {
    let can_renew = held.current_period_end.is_some()
        && !held.auto_renew
        && !card::is_endless(&held.plan)
        && held.state != "cancelling";
    let next = held.next_plan_id.unwrap_or(held.plan_id);
    Plan {
        name: frame.written().plan_shape(&held.plan),
        state: state_class(&held.state),
        state_text: frame.say(&format!("my_plan.state_{}", held.state)),
        until: held
            .current_period_end
            .map(|end| Moment::day(frame.written(), end)),
        renew: can_renew.then(|| format!("/portal/subscribe?plan={next}")),
    }
}

/// What a meter counts, by the words of the plan that one has.
fn word<'a>(frame: &Frame, facts: &'a Facts, quota: &'a QuotaShape) -> &'a str {
    let texts = facts.held.as_ref().map(|held| &held.plan.i18n);
    frame.written().meter(texts, &quota.quota_type)
}

fn meter(frame: &Frame, facts: &Facts, quota: &QuotaShape, reset: Option<Reset>) -> Meter {
    let ring = Ring {
        used: quota.used.saturating_add(quota.reserved),
        limit: quota.limit,
    };
    let aside = frame.written().count(quota.reserved);
    Meter {
        code: quota.quota_type.clone(),
        state: ring.state(),
        ring: ring.draw(frame, word(frame, facts, quota)),
        held: (quota.reserved > 0)
            .then(|| frame.words().with("overview.aside", &[("units", &aside)])),
        resets: Moment::of(frame.written(), quota.resets_at),
        turns: reset.is_some_and(|reset| reset != Reset::Never),
    }
}

fn warnings(frame: &Frame, visitor: &Visitor, facts: &Facts, now: Timestamp) -> Vec<Warning> {
    let words = frame.words();
    let link = |href: &str, name: &str| Some((href.to_owned(), frame.say(name)));
    let mut warnings = Vec::new();
    if let Some((order, on)) = &facts.open {
        let amount = frame.written().price(order.amount);
        let item: &dyn Said = &order.description;
        warnings.push(Warning {
            state: "info",
            text: words.with("overview.open", &[("item", item), ("amount", &amount)]),
            link: link(on, "my_payments.go_on"),
        });
    }
    if let Some(held) = &facts.held {
        warnings.extend(term(frame, held, now));
    }
    for quota in &facts.meters {
        let ring = Ring {
            used: quota.used.saturating_add(quota.reserved),
            limit: quota.limit,
        };
        let name = match ring.state() {
            "warn" => "overview.nearly",
            "bad" => "overview.all",
            _ => continue,
        };
        let written = frame.written();
        let given: [(&str, &dyn Said); 4] = [
            ("meter", &word(frame, facts, quota)),
            ("used", &written.count(ring.used)),
            ("whole", &written.count(quota.limit.unwrap_or(0))),
            ("at", &written.time(quota.resets_at)),
        ];
        warnings.push(Warning {
            state: ring.state(),
            text: words.with(name, &given),
            link: link("/portal/pricing", "overview.more"),
        });
    }
    if visitor.user.email_verified_at.is_none() {
        warnings.push(Warning {
            state: "warn",
            text: words.with("overview.unconfirmed", &[("email", &visitor.user.email)]),
            link: link("/portal/settings", "overview.confirm"),
        });
    }
    warnings
}

/// What the end of a term wants.
fn term(frame: &Frame, held: &SubscriptionShape, now: Timestamp) -> Option<Warning> {
    let written = frame.written();
    let end = held.current_period_end?;
    let until = held.entitled_until.unwrap_or(end);
    let next = held.next_plan_id.unwrap_or(held.plan_id);
    let preview = format!("/portal/subscribe?plan={next}");
    let is_soon = end <= now.after(SOON);
    let (state, name, link) = match held.state.as_str() {
        "past_due" => ("bad", "overview.past_due", None),
        "grace" => ("bad", "overview.grace", Some((preview, "my_plan.renew"))),
        "trialing" => ("info", "overview.trialing", Some((preview, "overview.buy"))),
        "cancelling" if is_soon => ("warn", "overview.cancelling", None),
        "active" if is_soon && !held.auto_renew => {
            ("warn", "overview.soon", Some((preview, "my_plan.renew")))
        }
        _ => return None,
    };
    let link = link.unwrap_or_else(|| ("/portal/subscription".to_owned(), "pricing.manage"));
    let given: [(&str, &dyn Said); 2] =
        [("end", &written.date(end)), ("until", &written.time(until))];
    Some(Warning {
        state,
        text: frame.words().with(name, &given),
        link: Some((link.0, frame.say(link.1))),
    })
}

/// Of somebody new, until all are done.
fn steps(frame: &Frame, facts: &Facts) -> Vec<Step> {
    let done = [facts.held.is_some(), facts.has_key, facts.has_called];
    if done == [true; 3] {
        return Vec::new();
    }
    let [plan, key, call] = done;
    let step = |is_done, text: &str, href, button: &str| Step {
        is_done,
        text: frame.say(text),
        href,
        button: frame.say(button),
    };
    vec![
        step(
            plan,
            "overview.step_plan",
            "/portal/pricing",
            "overview.step_plan_button",
        ),
        step(
            key,
            "overview.step_key",
            "/portal/keys",
            "overview.step_key_button",
        ),
        step(
            call,
            "overview.step_call",
            "/portal/usage",
            "overview.step_call_button",
        ),
    ]
}

#[cfg(test)]
mod samples {
    use super::super::samples::{held, noon, plan, quota, visitor};
    use super::super::series::samples::series;
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, ROWS, languages, render};

    fn facts(text: &str, meters: usize) -> Facts {
        Facts {
            held: Some(held(&plan(1, text, 9_900))),
            meters: (0..meters)
                .map(|at| quota(&format!("meter-{at}"), 820, Some(1_000)))
                .collect(),
            series: Some(series(&["total"], 30)),
            has_key: true,
            has_called: true,
            open: None,
        }
    }

    #[test]
    fn overview_renders_from_its_samples() {
        for (tag, language) in languages() {
            let visitor = visitor(language).0;
            let new = shown(&visitor, &Facts::default(), noon());
            let html = render(&format!("portal-overview-new-{tag}"), &new);
            assert_eq!(html.matches("<li class=\"step").count(), 3);
            for rows in ROWS {
                let page = shown(&visitor, &facts("Pro", rows), noon());
                render(&format!("portal-overview-{rows}-{tag}"), &page);
            }
            for (name, text) in [("long", LONG), ("long-zh", LONG_ZH), ("hostile", HOSTILE)] {
                let page = shown(&visitor, &facts(text, 2), noon());
                render(&format!("portal-overview-{name}-{tag}"), &page);
            }
        }
    }

    #[test]
    fn what_wants_attention_is_said_once_it_does() {
        let visitor = visitor(tollgate_kernel::text::Language::En).0;
        let texts = |facts: &Facts, now| -> Vec<String> {
            let frame = Frame::of(&visitor, Tab::Overview, String::new());
            let warnings = warnings(&frame, &visitor, facts, now);
            warnings.into_iter().map(|one| one.text).collect()
        };
        let mut facts = facts("Pro", 1);
        let said = texts(&facts, noon());
        assert_eq!(said.len(), 2, "the quota and the address: {said:?}");
        facts.meters = vec![quota("calls", 799, Some(1_000)), quota("all", 5, None)];
        assert_eq!(texts(&facts, noon()).len(), 1, "the address");
        let late = noon().after(Duration::from_hours(24 * 25));
        assert_eq!(texts(&facts, late).len(), 2, "the end of the term too");
        if let Some(held) = &mut facts.held {
            held.auto_renew = true;
        }
        assert_eq!(texts(&facts, late).len(), 1, "it is debited");
    }
}
