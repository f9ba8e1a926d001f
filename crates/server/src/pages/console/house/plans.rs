//! `/console/plans`: what is for sale and what was, with how many have it.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::input::Params;
use tollgate_kernel::money::{Currency, Money};
use tollgate_kernel::problem::Problem;
use tollgate_payment::model::plan_terms::PlanTerms;
use tollgate_payment::shapes::{AdminPlanShape, PlanShape};
use tollgate_payment::{Initiator, PlanError, PlanFilter};

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::form::{Choice, Field, Shown, Typed};
use super::list::{Done, LIMIT, Pager, cursor, some};
use super::staff::{Admin, Staff};
use crate::samples;

pub(super) const PATH: &str = "/console/plans";

/// Which of them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    archived: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "house_plans.html")]
struct PlansPage {
    frame: Frame,
    told: String,
    filters: Vec<Field>,
    is_filtered: bool,
    samples: Shown,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    id: String,
    name: String,
    slug: String,
    price: String,
    cycle: String,
    subscribers: String,
    is_default: bool,
    /// `on_sale`, `off_sale` or `archived`.
    state: &'static str,
}

/// The name of a plan, for who reads it.
pub(super) fn name(frame: &Frame, plan: &PlanShape) -> String {
    let short = match frame.language {
        tollgate_kernel::text::Language::Zh => "zh",
        tollgate_kernel::text::Language::En => "en",
    };
    let own = plan.i18n.get(short).map(|text| &text.name);
    own.filter(|name| !name.is_empty())
        .unwrap_or(&plan.name)
        .clone()
}

fn row(frame: &Frame, shape: &AdminPlanShape) -> Row {
    let plan = &shape.plan;
    let currency = plan.currency.parse::<Currency>();
    let price = currency.map_or_else(
        |_| plan.price.clone(),
        |currency| {
            frame
                .written()
                .price(Money::new(plan.price_minor, currency))
        },
    );
    Row {
        id: plan.id.to_string(),
        name: name(frame, plan),
        slug: plan.slug.clone(),
        price,
        cycle: frame.say(&format!("editor.cycle_{}", plan.billing_cycle.as_str())),
        subscribers: frame.written().count(shape.subscribers),
        is_default: plan.is_default,
        state: match (shape.archived_at, plan.is_active) {
            (Some(_), _) => "archived",
            (None, true) => "on_sale",
            (None, false) => "off_sale",
        },
    }
}

fn filters(frame: &Frame, query: &Query) -> Vec<Field> {
    let chosen = some(query.archived.as_ref()).unwrap_or_default();
    let choices = [
        ("", "house.all"),
        ("no", "editor.not_archived"),
        ("yes", "editor.archived"),
    ];
    let choices = choices.map(|(value, word)| Choice::new(value, frame.say(word), chosen));
    vec![Field::choice(
        "archived",
        frame.say("house.state"),
        choices.into(),
    )]
}

/// `GET /console/plans`
pub(super) async fn page(
    State(console): State<Console>,
    staff: Staff<Admin>,
    Params(query): Params<Query>,
    Params(done): Params<Done>,
) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("console.plans"));
    let filter = PlanFilter {
        archived: match some(query.archived.as_ref()) {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            _ => None,
        },
        starting_after: cursor(query.after.as_ref()),
        ending_before: None,
    };
    let found = console.payment.admin_plans(&filter, LIMIT).await?;
    // A plan that was the last of a page may be gone since.
    let (found, has_more) = found.unwrap_or_default();
    let older = found
        .last()
        .filter(|_| has_more)
        .map(|last| last.plan.id.to_string());
    super::super::super::page(&PlansPage {
        told: done.told(&frame),
        filters: filters(&frame, &query),
        is_filtered: filter.archived.is_some() || filter.starting_after.is_some(),
        samples: Shown::new(
            "samples",
            "/console/plans/samples",
            frame.say("editor.samples"),
        )
        .look(" quiet"),
        rows: found.iter().map(|shape| row(&frame, shape)).collect(),
        pager: Pager::new(staff.visit(), "after", older),
        frame,
    })
}

/// `POST /console/plans/samples`: the plans of a first start, where there are none.
pub(super) async fn use_samples(
    State(console): State<Console>,
    staff: Staff<Admin>,
    Form(_): Form<Typed>,
) -> Result<Response, Problem> {
    let payment = &console.payment;
    if !payment.all_plans().await?.is_empty() {
        return Err(PlanError::Changed.into());
    }
    let wanted: Vec<PlanTerms> = samples::plans().into_iter().map(PlanTerms::from).collect();
    let changes = payment.plan_changes(&wanted, false).await?;
    let editor = Initiator::caller(&staff.origin);
    payment
        .apply_plans(&wanted, false, &changes, &editor)
        .await?;
    Ok(Redirect::to("/console/plans?done=samples").into_response())
}

#[cfg(test)]
mod samples_of_pages {
    use super::super::super::super::samples::{self, HOSTILE, LONG, LONG_ZH, ROWS};
    use super::*;

    #[test]
    fn plans_render_from_their_samples() {
        for (tag, language) in samples::languages() {
            for count in ROWS {
                let visit = samples::visit(language);
                let frame = Frame::plain(&visit, "x".to_owned());
                let states = ["on_sale", "off_sale", "archived"];
                let rows = (0..count).map(|at| Row {
                    id: at.to_string(),
                    name: [LONG, LONG_ZH, HOSTILE][at % 3].to_owned(),
                    slug: "a".repeat(63),
                    price: "CN¥100,000,000.00".to_owned(),
                    cycle: frame.say("editor.cycle_lifetime"),
                    subscribers: "1,000,000".to_owned(),
                    is_default: at == 0,
                    state: states[at % 3],
                });
                let page = PlansPage {
                    told: String::new(),
                    filters: filters(&frame, &Query::default()),
                    is_filtered: false,
                    samples: Shown::new("samples", "", frame.say("editor.samples")),
                    rows: rows.collect(),
                    pager: Pager::default(),
                    frame,
                };
                samples::render(&format!("console-plans-{count}-{tag}"), &page);
            }
        }
    }
}
