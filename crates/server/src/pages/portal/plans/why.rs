//! Why a number is what it is: every step that leads to it, with what was left after each.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;
use tollgate_kernel::text::Language;
use tollgate_payment::shapes::{ExplainShape, PlanMeterShape, PlanShape, StepShape, TextShape};
use tollgate_payment::{Counted, ExplainError};

use super::super::Portal;
use super::Moment;
use crate::pages::chart::{DrawnRing, Ring};
use crate::pages::frame::{Frame, Link, Tab};
use crate::pages::visit::Visitor;

#[derive(Debug, Deserialize)]
pub(super) struct WhyParams {
    /// Of the plan; its first one otherwise.
    #[serde(default)]
    meter: String,
}

struct Row {
    at: Moment,
    text: String,
    /// Why somebody was given it.
    reason: Option<String>,
    units: String,
    left: String,
}

#[derive(Template)]
#[template(path = "plans_why.html")]
struct WhyPage {
    frame: Frame,
    meters: Vec<Link>,
    ring: DrawnRing,
    plan: String,
    rules: String,
    limit: String,
    from: Moment,
    until: Moment,
    rows: Vec<Row>,
    left: String,
    agrees: bool,
}

/// `GET /portal/usage/why`
pub(super) async fn page(
    State(portal): State<Portal>,
    visitor: Visitor,
    Params(params): Params<WhyParams>,
) -> Result<Response, Problem> {
    let counted = match params.meter.as_str() {
        "" => Counted::First,
        text => match text.parse() {
            Ok(meter) => Counted::Meter(meter),
            // No plan has a meter of such a name.
            Err(_) => return Err(ExplainError::NoMeter.into()),
        },
    };
    let user = visitor.user.id;
    let explained = match portal.payment.explain(user, &counted).await {
        // There is no number to explain: the page before says so.
        Err(ExplainError::NoSubscription) => {
            return Ok(Redirect::to("/portal/usage").into_response());
        }
        explained => explained?,
    };
    let held = portal.payment.current_subscription(user).await?;
    let plan = held.as_ref().map(|held| &held.plan);
    crate::pages::page(&shown(&visitor, &explained, plan))
}

fn said(text: &TextShape, language: Language) -> String {
    match language {
        Language::Zh => text.zh.clone(),
        Language::En => text.en.clone(),
    }
}

fn shown(visitor: &Visitor, explained: &ExplainShape, plan: Option<&PlanShape>) -> WhyPage {
    let title = visitor.visit.say("why.title");
    let frame = Frame::of(visitor, Tab::Usage, title);
    let written = frame.written();
    let (quota, rules) = (&explained.quota, &explained.rules);
    let ring = Ring {
        used: quota.used.saturating_add(quota.reserved),
        limit: quota.limit,
    };
    let count = |number: Option<i64>| {
        number.map_or_else(
            || frame.say("why.unlimited"),
            |number| written.count(number),
        )
    };
    let row = |step: &StepShape| Row {
        at: Moment::of(written, step.at),
        text: said(&step.text, frame.language),
        reason: step.grant.as_ref().map(|grant| grant.reason.clone()),
        units: match step.units {
            Some(units) if units > 0 => format!("+{}", written.count(units)),
            units => count(units),
        },
        left: count(step.balance),
    };
    let word = |meter| written.meter(plan.map(|plan| &plan.i18n), meter).to_owned();
    let meters = plan.map_or(&[][..], |plan| &plan.meters);
    let links = meters.iter().filter(|_| meters.len() > 1);
    let links = links.map(|PlanMeterShape { meter, .. }| Link {
        href: format!("/portal/usage/why?meter={meter}"),
        text: word(meter),
        is_here: *meter == quota.quota_type,
    });
    WhyPage {
        meters: links.collect(),
        ring: ring.draw(&frame, &word(&quota.quota_type)),
        plan: plan.map_or_else(
            || rules.plan_name.clone(),
            |plan| frame.written().plan_shape(plan),
        ),
        rules: said(&rules.text, frame.language),
        limit: count(rules.limit),
        from: Moment::of(written, rules.period.start),
        until: Moment::of(written, rules.period.end),
        rows: explained.steps.iter().map(row).collect(),
        left: count(quota.remaining),
        agrees: explained.agrees,
        frame,
    }
}

#[cfg(test)]
mod samples {
    use serde_json::json;

    use super::super::samples::{id, noon, plan, quota, visitor};
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, ROWS, languages, render};

    fn explained(text: &str, steps: usize) -> ExplainShape {
        let said = json!({ "zh": text, "en": text });
        let step = json!({
            "kind": "bonus", "at": noon(), "units": 50, "balance": 870, "count": 1, "text": said,
            "grant": {
                "id": id(5), "units": 50, "burned": 0, "reason": text, "created_at": noon(), "expires_at": null,
            },
        });
        serde_json::from_value(json!({
            "user_id": id(1), "at": noon(), "quota": quota("calls", 180, Some(1_050)), "agrees": steps < 2,
            "rules": {
                "subscription_id": id(2), "plan_id": id(3), "plan_slug": "pro", "plan_name": text, "plan_version": 1,
                "resource_type": null, "price": null, "limit": 1_000, "reset": "month", "anchor_at": noon(),
                "anchor_day": 1, "anchor_zone": "Asia/Shanghai", "entitled_until": null, "turns_at": null,
                "period": { "start": noon(), "end": noon(), "resets_at": noon() }, "text": said,
            },
            "steps": vec![step; steps],
        }))
        .expect("an explanation")
    }

    #[test]
    fn why_renders_from_its_samples() {
        for (tag, language) in languages() {
            let visitor = visitor(language).0;
            for rows in ROWS {
                let page = shown(&visitor, &explained("Pro", rows), None);
                let html = render(&format!("portal-why-{rows}-{tag}"), &page);
                assert_eq!(html.matches("+50").count(), rows);
            }
            for (name, text) in [("long", LONG), ("long-zh", LONG_ZH), ("hostile", HOSTILE)] {
                let plan = plan(1, text, 0);
                let page = shown(&visitor, &explained(text, 2), Some(&plan));
                render(&format!("portal-why-{name}-{tag}"), &page);
            }
        }
    }
}
