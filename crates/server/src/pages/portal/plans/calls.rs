//! Every single call, as pages and as a table.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_kernel::ids::{ApiKeyId, UsageId};
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;
use tollgate_kernel::table::LONGEST_TABLE;
use tollgate_payment::model::plan::PlanTexts;
use tollgate_payment::model::quota::ResourceType;
use tollgate_payment::shapes::UsageLogShape;
use tollgate_payment::{UsageFilter, UsagePage};

use super::super::Portal;
use super::span::{Span, SpanParams, link};
use super::subscription::unknown_page;
use super::usage::key_names;
use super::{Moment, Pager};
use crate::pages::frame::{Frame, Tab};
use crate::pages::visit::Visitor;
use crate::words::WORDS;

/// Calls on one page.
const ROWS: u32 = 50;

#[derive(Debug, Deserialize)]
pub(super) struct CallParams {
    /// Counted as this.
    #[serde(default)]
    resource_type: String,
    /// By this key.
    #[serde(default)]
    key: String,
    #[serde(default)]
    starting_after: Option<String>,
}

/// Which calls.
struct Wanted {
    span: Span,
    resource_type: String,
    key: String,
    fault: Option<&'static str>,
}

impl Wanted {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = self.span.pairs();
        if !self.resource_type.is_empty() {
            pairs.push(("resource_type", self.resource_type.clone()));
        }
        if !self.key.is_empty() {
            pairs.push(("key", self.key.clone()));
        }
        pairs
    }
}

struct Row {
    at: Moment,
    resource_type: String,
    resource_id: String,
    meter: String,
    units: String,
    key: String,
    /// Units that were given back.
    is_back: bool,
}

#[derive(Template)]
#[template(path = "plans_calls.html")]
struct CallsPage {
    frame: Frame,
    span: Vec<(&'static str, String)>,
    from: String,
    to: String,
    resource_type: String,
    keys: Vec<(String, String, bool)>,
    fault: Option<String>,
    rows: Vec<Row>,
    pager: Pager,
    csv: String,
    back: String,
}

/// What is asked for; what is no name of anything is a fault beside its field.
fn wanted(
    portal: &Portal,
    visitor: &Visitor,
    asked: &SpanParams,
    params: &CallParams,
) -> (Wanted, UsageFilter) {
    let zone = visitor.visit.house.zone;
    let span = Span::of(asked, portal.payment.now(), zone);
    let mut fault = span.fault.filter(|name| *name == "my_usage.bad_days");
    let text = params.resource_type.trim();
    let kind = Some(text).filter(|text| !text.is_empty());
    let kind = kind.map(str::parse::<ResourceType>).transpose();
    let kind = kind.unwrap_or_else(|_| {
        fault = Some("my_usage.bad_resource");
        None
    });
    let key = params.key.parse::<ApiKeyId>().ok();
    let filter = UsageFilter {
        user: Some(visitor.user.id),
        resource_types: kind.into_iter().collect(),
        api_key: key,
        from: Some(span.from),
        to: Some(span.to),
        ..UsageFilter::default()
    };
    let wanted = Wanted {
        span,
        resource_type: text.to_owned(),
        key: key.map_or_else(String::new, |key| key.to_string()),
        fault,
    };
    (wanted, filter)
}

/// `GET /portal/usage/calls`
pub(super) async fn page(
    State(portal): State<Portal>,
    visitor: Visitor,
    Params(asked): Params<SpanParams>,
    Params(params): Params<CallParams>,
) -> Result<Response, Problem> {
    let (wanted, filter) = wanted(&portal, &visitor, &asked, &params);
    let after = params.starting_after.as_deref().map(str::parse::<UsageId>);
    let page = UsagePage {
        starting_after: after.transpose().map_err(|_| unknown_page())?,
        ending_before: None,
    };
    let found = portal.payment.usage_logs(&filter, page, ROWS).await?;
    let (rows, has_more) = found.ok_or_else(unknown_page)?;
    let names = key_names(&portal, visitor.user.id).await?;
    let held = portal.payment.current_subscription(visitor.user.id).await?;
    let found = Found {
        rows,
        has_more,
        is_first: page.starting_after.is_none(),
        names,
        texts: held.map(|held| held.plan.i18n),
    };
    crate::pages::page(&shown(&visitor, &wanted, &found))
}

/// `GET /portal/usage.csv`
pub(super) async fn table(
    State(portal): State<Portal>,
    visitor: Visitor,
    Params(asked): Params<SpanParams>,
    Params(params): Params<CallParams>,
) -> Result<Response, Problem> {
    let (wanted, filter) = wanted(&portal, &visitor, &asked, &params);
    // A table of another time, or of everything, is not what was asked for.
    match wanted.fault {
        None => {
            let all = UsagePage::default();
            portal.payment.usage_table(filter, all, LONGEST_TABLE).await
        }
        Some("my_usage.bad_resource") => Err(Problem::invalid(
            "/resource_type",
            "invalid_name",
            WORDS.text("problem.resource_name"),
        )),
        Some(_) => Err(Problem::invalid(
            "/from",
            "invalid_day",
            WORDS.text("problem.two_days"),
        )),
    }
}

/// What there is of them.
struct Found {
    rows: Vec<UsageLogShape>,
    has_more: bool,
    is_first: bool,
    /// Of keys.
    names: BTreeMap<String, String>,
    /// Of the plan that one has.
    texts: Option<PlanTexts>,
}

fn shown(visitor: &Visitor, wanted: &Wanted, found: &Found) -> CallsPage {
    let Found { rows, names, .. } = found;
    let title = visitor.visit.say("my_usage.calls_title");
    let frame = Frame::of(visitor, Tab::Usage, title);
    let written = frame.written();
    let row = |one: &UsageLogShape| Row {
        at: Moment::of(written, one.created_at),
        resource_type: one.resource_type.clone(),
        resource_id: one.resource_id.clone().unwrap_or_default(),
        meter: written.meter(found.texts.as_ref(), &one.meter).to_owned(),
        units: written.count(one.quota_cost),
        key: one.api_key_id.map_or_else(
            || frame.say("my_usage.no_key"),
            |key| {
                let key = key.to_string();
                names.get(&key).cloned().unwrap_or(key)
            },
        ),
        is_back: one.refund_of.is_some(),
    };
    let pairs = wanted.pairs();
    let older = rows.last().filter(|_| found.has_more).map(|last| {
        let mut pairs = pairs.clone();
        pairs.push(("starting_after", last.id.to_string()));
        link("/portal/usage/calls", &pairs)
    });
    let keys = names.iter();
    let keys = keys.map(|(id, name)| (id.clone(), name.clone(), *id == wanted.key));
    CallsPage {
        span: wanted.span.pairs(),
        from: written.date(wanted.span.from),
        // The last moment of it, not the first after.
        to: written.date(wanted.span.to.before(std::time::Duration::from_secs(1))),
        resource_type: wanted.resource_type.clone(),
        keys: keys.collect(),
        fault: wanted.fault.map(|name| frame.say(name)),
        rows: rows.iter().map(row).collect(),
        pager: Pager {
            newest: (!found.is_first).then(|| link("/portal/usage/calls", &pairs)),
            older,
        },
        csv: link("/portal/usage.csv", &pairs),
        back: link("/portal/usage", &wanted.span.pairs()),
        frame,
    }
}

#[cfg(test)]
mod samples {
    use serde_json::json;

    use super::super::samples::{id, noon, plan, visitor};
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, ROWS, languages, render};

    fn calls(text: &str, rows: usize) -> Vec<UsageLogShape> {
        let call = |at| {
            serde_json::from_value(json!({
                "id": id(at), "user_id": id(1), "subscription_id": id(2), "resource_type": "a".repeat(64),
                "resource_id": text, "meter": "calls", "quota_cost": -3, "requested_cost": 1, "created_at": noon(),
                "metadata": {}, "api_key_id": id(9), "reservation_id": null, "refund_of": id(4),
            }))
            .expect("a call")
        };
        (0..rows).map(call).collect()
    }

    #[test]
    fn calls_render_from_their_samples() {
        for (tag, language) in languages() {
            let visitor = visitor(language).0;
            let zone = visitor.visit.house.zone;
            let page = |text: &str, rows: usize| {
                let wanted = Wanted {
                    span: Span::of(&SpanParams::default(), noon(), zone),
                    resource_type: text.to_owned(),
                    key: id(9),
                    fault: Some("my_usage.bad_resource"),
                };
                let found = Found {
                    rows: calls(text, rows),
                    has_more: rows > 1,
                    is_first: rows < 2,
                    names: [(id(9), text.to_owned())].into(),
                    texts: Some(plan(1, text, 0).i18n),
                };
                shown(&visitor, &wanted, &found)
            };
            for rows in ROWS {
                let html = render(&format!("portal-calls-{rows}-{tag}"), &page("scan", rows));
                assert_eq!(html.contains("rel=\"next\""), rows > 1);
            }
            for (name, text) in [("long", LONG), ("long-zh", LONG_ZH), ("hostile", HOSTILE)] {
                render(&format!("portal-calls-{name}-{tag}"), &page(text, 2));
            }
        }
    }
}
