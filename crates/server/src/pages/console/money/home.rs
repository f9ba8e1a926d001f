//! How the business stands, and what waits for somebody. Everybody of the staff may come here; each sees what they may.

use askama::Template;
use axum::extract::{FromRequestParts, State as Held};
use axum::http::request::Parts;
use axum::response::Response;
use tollgate_kernel::money::{Currency, Money};
use tollgate_kernel::permission::{
    ADMIN, Authority as _, PAYMENTS_READ, Permissions, USAGE_READ, lacking,
};
use tollgate_kernel::problem::Problem;
use tollgate_kernel::words::Said;
use tollgate_payment::model::plan::Plan;
use tollgate_payment::model::usage::{GroupBy, Interval};
use tollgate_payment::providers::Warning;
use tollgate_payment::shapes::{OverviewShape, RevenueShape, UsageSeriesShape};
use tollgate_payment::{Attention, SeriesOf, WantRevenue, WantSeries};

use super::super::super::House;
use super::super::super::chart::{Bars, Chart, Point, Unit};
use super::super::super::frame::Frame;
use super::super::super::visit::Visitor;
use super::super::Console;
use super::cells::{self, State};

const HERE: &str = "/console";

/// An extractor: a member of staff, whatever they may do.
pub(super) struct Anybody {
    visitor: Visitor,
    permissions: Permissions,
}

impl FromRequestParts<Console> for Anybody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Problem> {
        use tollgate_kernel::caller::Caller;
        let visitor = Visitor::from_request_parts(parts, console).await?;
        let caller = <Caller as FromRequestParts<Console>>::from_request_parts(parts, console);
        let permissions = console.auth.permissions(&caller.await?).await?;
        if permissions.names().is_empty() {
            return Err(lacking(PAYMENTS_READ));
        }
        Ok(Self {
            visitor,
            permissions,
        })
    }
}

#[derive(Template)]
#[template(path = "money_home.html")]
struct HomePage {
    frame: Frame,
    /// Until all of it is done.
    steps: Vec<Step>,
    /// What waits, if the caller may see any of it.
    attention: Option<Vec<Item>>,
    sums: Option<Sums>,
    usage: Option<Chart>,
    sees_usage: bool,
}

/// Something to do before anybody can buy.
struct Step {
    is_done: bool,
    name: String,
    explained: String,
    href: &'static str,
}

/// Something that waits.
struct Item {
    state: State,
    href: String,
}

/// How the business stands.
struct Sums {
    currencies: Vec<InCurrency>,
    rails: Vec<OnRail>,
    entitled: String,
    trialing: String,
    began: String,
    conversion: Option<String>,
}

struct InCurrency {
    code: String,
    today: String,
    month: String,
    mrr: String,
    mrr_before: String,
    paying: String,
    lifetime: String,
    churn: Option<String>,
    churned: String,
    new: String,
    chart: Option<Chart>,
}

struct OnRail {
    rail: String,
    currency: String,
    completed: String,
    failed: String,
    expired: String,
    open: String,
    rate: Option<String>,
}

/// Everything that the page shows, as it was read.
struct Facts {
    steps: Option<Done>,
    attention: Option<(Attention, Vec<Warning>)>,
    overview: Option<(OverviewShape, RevenueShape)>,
    usage: Option<UsageSeriesShape>,
}

/// What is done of what has to be there: a provider, mail, a public address, a plan.
#[derive(Clone, Copy)]
struct Done([bool; 4]);

impl Done {
    fn of(house: &House, plans: &[Plan]) -> Self {
        let config = house
            .installation
            .as_ref()
            .map(|installed| &installed.config);
        Self([
            // The look-alikes of the sandbox move no money.
            !house.sandbox,
            config.is_some_and(|config| config.mail.is_some()),
            house.secure,
            plans.iter().any(|plan| plan.price.minor() > 0),
        ])
    }

    fn steps(self, frame: &Frame) -> Vec<Step> {
        let Self([provider, mail, address, plan]) = self;
        let all = [
            (provider, "provider", "/console/settings"),
            (mail, "mail", "/console/settings"),
            (address, "address", "/console/settings"),
            (plan, "plan", "/console/plans"),
        ];
        if all.iter().all(|(is_done, ..)| *is_done) {
            return Vec::new();
        }
        let steps = all.map(|(is_done, word, href)| Step {
            is_done,
            name: frame.say(&format!("first_step.{word}")),
            explained: frame.say(&format!("first_step_why.{word}")),
            href,
        });
        steps.into()
    }
}

/// `GET /console`
pub(super) async fn page(
    Held(console): Held<Console>,
    staff: Anybody,
) -> Result<Response, Problem> {
    let frame = Frame::of_console(
        &staff.visitor,
        &staff.permissions,
        HERE,
        staff.visitor.visit.say("console.home"),
    );
    let payment = &console.payment;
    let held = |name: &str| staff.permissions.hold(name);
    let (sees_money, is_admin) = (held(PAYMENTS_READ), held(ADMIN));
    let overview = if sees_money {
        let by_day = WantRevenue {
            from: None,
            to: None,
            interval: Interval::Day,
            zone: None,
        };
        let overview = payment.stats_overview(None, None).await?;
        Some((overview, payment.stats_revenue(&by_day).await?))
    } else {
        None
    };
    let usage = if held(USAGE_READ) {
        let by_type = WantSeries {
            of: SeriesOf::Everybody,
            from: None,
            to: None,
            interval: Interval::Day,
            by: Some(GroupBy::ResourceType),
            zone: None,
            meter: None,
            resource_type: None,
        };
        Some(payment.usage_series(&by_type).await?)
    } else {
        None
    };
    let facts = Facts {
        steps: if is_admin {
            Some(Done::of(
                &staff.visitor.visit.house,
                &payment.plans().await?,
            ))
        } else {
            None
        },
        attention: if sees_money {
            let warnings = if is_admin {
                payment.warnings()
            } else {
                Vec::new()
            };
            Some((payment.attention().await?, warnings))
        } else {
            None
        },
        overview,
        usage,
    };
    super::super::super::page(&shown(frame, &facts, is_admin))
}

fn shown(frame: Frame, facts: &Facts, is_admin: bool) -> HomePage {
    let attention = facts.attention.as_ref();
    HomePage {
        steps: facts
            .steps
            .map(|done| done.steps(&frame))
            .unwrap_or_default(),
        attention: attention.map(|(counts, warnings)| items(&frame, counts, warnings, is_admin)),
        sums: facts
            .overview
            .as_ref()
            .map(|(overview, revenue)| sums(&frame, overview, revenue)),
        sees_usage: facts.usage.is_some(),
        usage: facts
            .usage
            .as_ref()
            .and_then(|series| usage(&frame, series)),
        frame,
    }
}

/// What waits, the worst first.
fn items(frame: &Frame, counts: &Attention, warnings: &[Warning], is_admin: bool) -> Vec<Item> {
    let of_admins = [
        (
            "bad",
            "attention.damaged",
            counts.damaged_rows,
            "/console/settings",
        ),
        ("bad", "attention.jobs", counts.dead_jobs, "/console/jobs"),
        (
            "warn",
            "attention.endpoints",
            counts.disabled_endpoints,
            "/console/webhooks",
        ),
        (
            "warn",
            "attention.deliveries",
            counts.failed_deliveries,
            "/console/webhooks",
        ),
    ];
    let of_all = [
        (
            "warn",
            "attention.doubt",
            counts.refunds_in_doubt,
            "/console/refunds?state=unknown",
        ),
        (
            "warn",
            "attention.suspense",
            counts.suspense,
            "/console/suspense",
        ),
        (
            "warn",
            "attention.late",
            counts.late_orders,
            "/console/transactions?status=pending",
        ),
    ];
    let of_admins = of_admins.into_iter().filter(|_| is_admin);
    let counted = of_admins
        .chain(of_all)
        .filter(|(_, _, number, _)| *number > 0);
    let counted = counted.map(|(look, name, number, href)| {
        let number = frame.written().count(number);
        let text = frame.words().with(name, &[("count", &number)]);
        Item {
            state: State::new(look, text),
            href: href.to_owned(),
        }
    });
    let warned = warnings.iter().map(|warning| {
        let look = if warning.is_urgent() { "bad" } else { "warn" };
        Item {
            state: State::new(look, warning.text().get(frame.language).to_owned()),
            href: "/console/settings".to_owned(),
        }
    });
    warned.chain(counted).collect()
}

fn price(frame: &Frame, minor: i64, currency: &str) -> String {
    let currency = currency.parse::<Currency>();
    currency.map_or_else(
        |_| minor.to_string(),
        |currency| frame.written().price(Money::new(minor, currency)),
    )
}

fn sums(frame: &Frame, overview: &OverviewShape, revenue: &RevenueShape) -> Sums {
    let written = frame.written();
    let count = |number: i64| written.count(number);
    let currencies = overview.currencies.iter().map(|one| {
        let code = one.currency.as_str();
        let lines = revenue.series.iter().filter(|line| line.currency == code);
        let net = |line: &tollgate_payment::shapes::RevenueSeriesShape| {
            let last = line.points.last();
            let today = last.map_or(0, |point| point.turnover.net.amount_minor);
            (today, line.total.net.amount_minor)
        };
        let (today, month) = lines.map(net).fold((0_i64, 0_i64), |sum, more| {
            (sum.0.saturating_add(more.0), sum.1.saturating_add(more.1))
        });
        InCurrency {
            code: code.to_owned(),
            today: price(frame, today, code),
            month: price(frame, month, code),
            mrr: price(frame, one.mrr.amount_minor, code),
            mrr_before: price(frame, one.mrr_before.amount_minor, code),
            paying: count(one.paying),
            lifetime: count(one.lifetime),
            churn: one.churn_rate.as_deref().map(cells::percent),
            churned: count(one.churned),
            new: count(one.new),
            chart: bars(frame, revenue, code),
        }
    });
    let rails = overview.rails.iter().map(|one| OnRail {
        rail: cells::rail(frame, one.payment_method.as_str()),
        currency: one.currency.clone(),
        completed: count(one.completed),
        failed: count(one.failed),
        expired: count(one.expired),
        open: count(one.open),
        rate: one.success_rate.as_deref().map(cells::percent),
    });
    let people = &overview.people;
    Sums {
        currencies: currencies.collect(),
        rails: rails.collect(),
        entitled: count(people.entitled),
        trialing: count(people.trialing),
        began: count(people.began),
        conversion: people.conversion_rate.as_deref().map(cells::percent),
    }
}

/// What stayed of each day, by rail.
fn bars(frame: &Frame, revenue: &RevenueShape, code: &str) -> Option<Chart> {
    let written = frame.written();
    let currency = code.parse::<Currency>().ok()?;
    let lines = revenue.series.iter().filter(|line| line.currency == code);
    let mut lines: Vec<_> = lines.collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.total.net.amount_minor));
    let total = lines.iter().map(|line| line.total.net.amount_minor);
    let total = price(frame, total.fold(0, i64::saturating_add), code);
    let days = &lines.first()?.points;
    let points = days.iter().enumerate().map(|(place, day)| {
        let (title, label) = cells::point(written, day.t, Interval::Day);
        let value = |line: &&tollgate_payment::shapes::RevenueSeriesShape| {
            let point = line.points.get(place);
            point.map_or(0, |point| point.turnover.net.amount_minor)
        };
        Point {
            title,
            label,
            values: lines.iter().map(value).collect(),
        }
    });
    let given: [(&str, &dyn Said); 2] = [("currency", &code), ("total", &total)];
    let bars = Bars {
        summary: frame.words().with("desk.revenue_summary", &given),
        series: lines
            .iter()
            .map(|line| cells::rail(frame, line.payment_method.as_str()))
            .collect(),
        points: points.collect(),
        unit: Unit::Money(currency),
        limit: None,
    };
    Some(bars.draw(frame))
}

/// Units of each day, by what was called.
fn usage(frame: &Frame, series: &UsageSeriesShape) -> Option<Chart> {
    let written = frame.written();
    let lines = &series.series;
    let all = lines.iter().flat_map(|line| &line.points);
    let (units, calls) = all.fold((0_i64, 0_i64), |sum, point| {
        (
            sum.0.saturating_add(point.quota_cost),
            sum.1.saturating_add(point.count),
        )
    });
    if calls == 0 {
        return None;
    }
    let days = &lines.first()?.points;
    let points = days.iter().enumerate().map(|(place, day)| {
        let (title, label) = cells::point(written, day.t, Interval::Day);
        let values = lines.iter().map(|line| line.points.get(place));
        Point {
            title,
            label,
            values: values
                .map(|point| point.map_or(0, |point| point.quota_cost))
                .collect(),
        }
    });
    let (units, calls) = (written.count(units), written.count(calls));
    let given: [(&str, &dyn Said); 2] = [("units", &units), ("calls", &calls)];
    let named = |key: &str| match key {
        "other" => frame.say("chart.other"),
        name => name.to_owned(),
    };
    let bars = Bars {
        summary: frame.words().with("everyones_usage.summary", &given),
        series: lines.iter().map(|line| named(&line.key)).collect(),
        points: points.collect(),
        unit: Unit::Counted(frame.say("everyones_usage.unit")),
        limit: None,
    };
    Some(bars.draw(frame))
}

#[cfg(test)]
mod samples;
