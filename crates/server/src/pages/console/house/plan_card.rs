//! A plan as buyers see it, in both languages at once, before it is written.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use tollgate_kernel::problem::Problem;
use tollgate_kernel::text::Language;
use tollgate_payment::PlanError;
use tollgate_payment::model::plan_terms::PlanTerms;

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::super::written::Written;
use super::super::Console;
use super::form::{Faults, Typed};
use super::plan_form::Said;
use super::staff::{Admin, Staff};
use crate::words::WORDS;

/// One card.
#[derive(Clone, Debug)]
pub(super) struct Card {
    /// As in `lang`.
    pub(super) tag: &'static str,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) price: String,
    pub(super) cycle: String,
    pub(super) lines: Vec<String>,
    pub(super) features: Vec<String>,
    pub(super) button: String,
}

/// What stands beside the form.
#[derive(Clone, Debug, Default)]
pub(super) struct Preview {
    pub(super) cards: Vec<Card>,
    /// What is missing to draw them.
    pub(super) missing: Vec<String>,
}

#[derive(Template)]
#[template(path = "house_plan_preview.html")]
struct Fragment {
    frame: Frame,
    preview: Preview,
}

fn card(frame: &Frame, terms: &PlanTerms, house: &str, language: Language) -> Card {
    let words = WORDS.spoken(language);
    let written = Written {
        language,
        ..frame.written()
    };
    let short = match language {
        Language::Zh => "zh",
        Language::En => "en",
    };
    let own = terms.texts.get(short).filter(|text| !text.name.is_empty());
    let text = own.or(terms.texts.get(house)).cloned().unwrap_or_default();
    let is_free = terms.price.minor() == 0;
    let mut lines: Vec<String> = terms
        .meters
        .iter()
        .map(|meter| {
            let reset = words.say(&format!("editor.reset_{}", meter.reset.as_str()));
            let limit = meter.limit.map_or_else(
                || words.say("house.unlimited"),
                |limit| written.count(limit.get()),
            );
            words.with(
                "editor.quota_line",
                &[
                    ("limit", &limit),
                    (
                        "meter",
                        &written.meter(Some(&terms.texts), meter.meter.as_str()),
                    ),
                    ("reset", &reset),
                ],
            )
        })
        .collect();
    if terms.trial_days > 0 {
        lines.push(words.with("editor.trial_line", &[("days", &terms.trial_days)]));
    }
    Card {
        tag: language.tag(),
        name: text.name,
        description: text.description,
        price: if is_free {
            words.say("editor.free")
        } else {
            written.price(terms.price)
        },
        cycle: words.say(&format!("editor.per_{}", terms.billing_cycle.as_str())),
        lines,
        features: text.features,
        button: words.say(if is_free { "editor.take" } else { "editor.buy" }),
    }
}

/// What the form would make.
pub(super) async fn preview(
    console: &Console,
    frame: &Frame,
    id: Option<&str>,
    typed: &Typed,
) -> Result<(Preview, Faults), Problem> {
    let house = console.payment.house_language();
    let said = Said::of(typed, house);
    match console.payment.preview_plan(id, &said.body).await {
        Ok(terms) => {
            let mut faults = Faults::default();
            said.note_twice(&mut faults, frame);
            let cards =
                [Language::Zh, Language::En].map(|language| card(frame, &terms, house, language));
            let preview = Preview {
                cards: cards.into(),
                missing: Vec::new(),
            };
            Ok((preview, faults))
        }
        Err(error) => {
            let is_mendable = matches!(error, PlanError::Invalid { .. });
            let problem = Problem::from(error);
            if !is_mendable {
                return Err(problem);
            }
            let mut faults = said.faults(problem, house, frame.language)?;
            said.note_twice(&mut faults, frame);
            let missing = faults.apart(std::iter::empty());
            let preview = Preview {
                cards: Vec::new(),
                missing,
            };
            Ok((preview, faults))
        }
    }
}

/// `POST /console/plans/preview`: the cards alone, for the page's script. Nothing is written.
pub(super) async fn fragment(
    State(console): State<Console>,
    staff: Staff<Admin>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let frame = staff.frame(super::plans::PATH, String::new());
    let (preview, _) = preview(&console, &frame, typed.some("id"), &typed).await?;
    super::super::super::page(&Fragment { frame, preview })
}
