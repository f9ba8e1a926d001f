//! What was used over time.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_auth::ListKeysError;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::model::plan::PlanTexts;
use tollgate_payment::model::quota::Meter;
use tollgate_payment::model::usage::{GroupBy, Interval};
use tollgate_payment::shapes::UsageSeriesShape;
use tollgate_payment::{SeriesOf, UsageFilter, UsagePage, WantSeries};

use super::super::Portal;
use super::FirstCall;
use super::series::{self, Measure, Sum};
use super::span::{Span, SpanParams, link};
use crate::pages::chart::Chart;
use crate::pages::frame::{Frame, Link, Tab};
use crate::pages::visit::Visitor;

/// Ranges of the switch.
const RANGES: [&str; 3] = ["7", "30", "90"];
/// Names of keys that are looked up.
const KEYS: u32 = 100;

#[derive(Debug, Deserialize)]
pub(super) struct UsageParams {
    /// `resource` or `key`; one line otherwise.
    #[serde(default)]
    group: Option<String>,
    /// Which units are drawn; the first of the plan otherwise.
    #[serde(default)]
    meter: Option<String>,
}

/// What the page is about.
struct Facts {
    span: Span,
    asked: SpanParams,
    group: &'static str,
    /// Which units are drawn.
    meter: Option<String>,
    meters: Vec<String>,
    /// Of the plan that one has.
    texts: Option<PlanTexts>,
    series: UsageSeriesShape,
    names: BTreeMap<String, String>,
    has_called: bool,
    priced: Option<String>,
}

/// A choice of a list.
struct Choice {
    value: String,
    text: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "plans_usage.html")]
struct UsageTemplate {
    frame: Frame,
    ranges: Vec<Link>,
    /// What the forms keep: the time, and the rest.
    span: Vec<(&'static str, String)>,
    kept: Vec<(&'static str, String)>,
    groups: Vec<Choice>,
    intervals: Vec<Choice>,
    meters: Vec<Choice>,
    from: String,
    to: String,
    is_custom: bool,
    fault: Option<String>,
    chart: Chart,
    sums: Vec<Sum>,
    grouped_by: String,
    unit: String,
    is_empty: bool,
    csv: String,
    calls: String,
    why: String,
    call: Option<FirstCall>,
}

/// `GET /portal/usage`
pub(super) async fn page(
    State(portal): State<Portal>,
    visitor: Visitor,
    Params(asked): Params<SpanParams>,
    Params(params): Params<UsageParams>,
) -> Result<Response, Problem> {
    let facts = facts(&portal, &visitor, asked, params).await?;
    crate::pages::page(&shown(&visitor, &facts))
}

async fn facts(
    portal: &Portal,
    visitor: &Visitor,
    asked: SpanParams,
    params: UsageParams,
) -> Result<Facts, Problem> {
    let (payment, user) = (&portal.payment, visitor.user.id);
    let zone = visitor.visit.house.zone;
    let span = Span::of(&asked, payment.now(), zone);
    let held = payment.current_subscription(user).await?;
    let meters = held.as_ref().map(|held| &held.plan.meters);
    let meters: Vec<String> = meters
        .into_iter()
        .flatten()
        .map(|meter| meter.meter.clone())
        .collect();
    let named = params.meter.filter(|named| named.parse::<Meter>().is_ok());
    let meter = named.or_else(|| meters.first().cloned());
    let (group, by) = match params.group.as_deref() {
        Some("resource") => ("resource", Some(GroupBy::ResourceType)),
        Some("key") => ("key", Some(GroupBy::ApiKey)),
        _ => ("none", None),
    };
    let want = WantSeries {
        of: SeriesOf::Person(user),
        from: Some(span.from),
        to: Some(span.to),
        interval: span.by,
        by,
        zone: Some(zone),
        meter: meter.as_deref().and_then(|meter| meter.parse().ok()),
        resource_type: None,
    };
    let own = UsageFilter {
        user: Some(user),
        ..UsageFilter::default()
    };
    let any = payment.usage_logs(&own, UsagePage::default(), 1).await?;
    let priced = held.as_ref().and_then(|held| {
        let mut priced = held.plan.resource_costs.keys();
        priced.find(|name| *name != "*").cloned()
    });
    Ok(Facts {
        series: payment.usage_series(&want).await?,
        names: key_names(portal, user).await?,
        has_called: any.is_some_and(|(any, _)| !any.is_empty()),
        asked,
        span,
        group,
        meter,
        meters,
        texts: held.map(|held| held.plan.i18n),
        priced,
    })
}

/// What one's keys are called, by their ids.
pub(super) async fn key_names(
    portal: &Portal,
    user: UserId,
) -> Result<BTreeMap<String, String>, Problem> {
    let keys = portal.auth.list_api_keys(user, None, KEYS).await;
    let keys = keys.map_err(|error| match error {
        ListKeysError::Internal(error) => error.into(),
        _ => Problem::new(Code::Internal),
    })?;
    let names = keys
        .keys
        .into_iter()
        .map(|key| (key.id.to_string(), key.name));
    Ok(names.collect())
}

fn shown(visitor: &Visitor, facts: &Facts) -> UsageTemplate {
    let title = visitor.visit.say("my_usage.title");
    let frame = Frame::of(visitor, Tab::Usage, title);
    let Facts { span, group, .. } = facts;
    let word = |meter| frame.written().meter(facts.texts.as_ref(), meter);
    let unit = facts.meter.as_deref().map(word);
    let measure = unit.map_or(Measure::Calls, Measure::Units);
    let names = &facts.names;
    let drawn = series::draw(&frame, &facts.series, span.by, names, measure, None);
    let mut kept = vec![
        ("group", (*group).to_owned()),
        ("by", span.by.as_str().to_owned()),
    ];
    if let Some(meter) = &facts.meter {
        kept.push(("meter", meter.clone()));
    }
    let ranges = RANGES.map(|range| Link {
        href: {
            // Finer or coarser is chosen anew with the time.
            let mut pairs = vec![("range", range.to_owned())];
            pairs.extend(kept.iter().filter(|(name, _)| *name != "by").cloned());
            link("/portal/usage", &pairs)
        },
        text: frame.words().with("my_usage.range", &[("days", &range)]),
        is_here: range == span.range,
    });
    let choice = |value: &str, name: &str, chosen: &str| Choice {
        value: value.to_owned(),
        text: frame.say(name),
        is_chosen: value == chosen,
    };
    let groups = [
        choice("none", "my_usage.group_none", group),
        choice("resource", "my_usage.group_resource", group),
        choice("key", "my_usage.group_key", group),
    ];
    let by = span.by.as_str();
    let intervals = [
        choice(Interval::Hour.as_str(), "my_usage.by_hour", by),
        choice(Interval::Day.as_str(), "my_usage.by_day", by),
        choice(Interval::Month.as_str(), "my_usage.by_month", by),
    ];
    let meters = facts.meters.iter().map(|meter| Choice {
        value: meter.clone(),
        text: word(meter).to_owned(),
        is_chosen: Some(meter) == facts.meter.as_ref(),
    });
    let typed = |text: &Option<String>, day: chrono::NaiveDate| match text {
        Some(text) if span.fault.is_some() => text.clone(),
        _ => day.to_string(),
    };
    let meter = facts.meter.iter().map(|meter| ("meter", meter.clone()));
    UsageTemplate {
        ranges: ranges.into(),
        groups: groups.into(),
        intervals: intervals.into(),
        meters: meters.collect(),
        from: typed(&facts.asked.from, span.first),
        to: typed(&facts.asked.to, span.last),
        span: span.pairs(),
        is_custom: span.range == "custom" || span.fault == Some("my_usage.bad_days"),
        fault: span.fault.map(|name| frame.say(name)),
        is_empty: drawn.calls == 0,
        chart: drawn.chart,
        sums: drawn.sums,
        grouped_by: frame.say(&format!("my_usage.of_{group}")),
        unit: match unit {
            Some(unit) => frame.words().with("my_usage.units_of", &[("meter", &unit)]),
            None => frame.say("my_usage.units"),
        },
        csv: link("/portal/usage.csv", &span.pairs()),
        calls: link("/portal/usage/calls", &span.pairs()),
        why: link("/portal/usage/why", &meter.collect::<Vec<_>>()),
        call: (!facts.has_called).then(|| FirstCall::of(&visitor.visit, facts.priced.as_ref())),
        kept,
        frame,
    }
}

#[cfg(test)]
mod samples {
    use super::super::samples::{noon, plan, visitor};
    use super::super::series::samples::series;
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, ROWS, languages, render};

    fn facts(text: &str, days: usize) -> Facts {
        let asked = SpanParams {
            range: Some("custom".to_owned()),
            from: Some(text.to_owned()),
            ..SpanParams::default()
        };
        let lines = if days == 0 {
            &["total"][..]
        } else {
            &["k", "none", "scan", text, "e", "other"]
        };
        Facts {
            span: Span::of(&asked, noon(), chrono_tz::Tz::Asia__Shanghai),
            asked,
            group: "key",
            meter: (days > 0).then(|| "calls".to_owned()),
            meters: vec!["calls".to_owned(), "a".repeat(64)],
            texts: Some(plan(1, text, 0).i18n),
            series: series(lines, days),
            names: [("k".to_owned(), text.to_owned())].into(),
            has_called: days > 0,
            priced: None,
        }
    }

    #[test]
    fn usage_renders_from_its_samples() {
        for (tag, language) in languages() {
            let visitor = visitor(language).0;
            for rows in ROWS {
                let page = shown(&visitor, &facts("2026-05-01", rows));
                let html = render(&format!("portal-usage-{rows}-{tag}"), &page);
                assert_eq!(html.contains("quota/consume"), rows == 0);
            }
            for (name, text) in [("long", LONG), ("long-zh", LONG_ZH), ("hostile", HOSTILE)] {
                let page = shown(&visitor, &facts(text, 7));
                render(&format!("portal-usage-{name}-{tag}"), &page);
            }
        }
    }
}
