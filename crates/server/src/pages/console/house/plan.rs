//! `/console/plans/new` and `/console/plans/{id}`: a plan is made, changed, taken away. The card beside the form shows it
//! in both languages; two who edit at once do not write over each other.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use tollgate_kernel::input::{Params, PathText};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::shapes::AdminPlanShape;
use tollgate_payment::{Initiator, PlanError, Removed};

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::form::{Faults, Shown, Typed, new_key};
use super::list::{Done, When};
use super::plan_card::{Preview, preview};
use super::plan_form::{Said, blank, filled};
use super::plan_parts::{Part, parts};
use super::plans::{PATH, name};
use super::staff::{Admin, Staff};

#[derive(Template)]
#[template(path = "house_plan.html")]
struct PlanPage {
    frame: Frame,
    told: String,
    form: Shown,
    parts: Vec<Part>,
    preview: Preview,
    /// Of one that is there.
    versions: Vec<Version>,
    remove: Option<Shown>,
}

struct Version {
    number: i64,
    price: String,
    cycle: String,
    since: When,
}

/// What is shown.
struct Edited<'a> {
    /// `None`: it is to be made.
    known: Option<&'a AdminPlanShape>,
    typed: &'a Typed,
    faults: Faults,
    preview: Preview,
    /// Of the form; a refused one gets another, or nothing else could be sent by it.
    key: Option<String>,
}

/// The form, without its fields.
fn form(frame: &Frame, edited: &Edited<'_>, parts: &[Part], key: String) -> Shown {
    let id = edited.known.map(|known| known.plan.id.to_string());
    let action = id
        .as_ref()
        .map_or_else(|| PATH.to_owned(), |id| format!("{PATH}/{id}"));
    let mut form = Shown::new("plan", action, frame.say("house.save"));
    form = match id {
        Some(id) => form
            .hidden("id", id)
            .hidden("version", edited.typed.get("version")),
        None => form.hidden("key", key),
    };
    let fields = parts
        .iter()
        .flat_map(|part| part.fields.iter().chain(part.rows.iter().flatten()));
    form.faults = edited.faults.apart(fields.map(|field| field.name.as_str()));
    form
}

fn shown(staff: &Staff<Admin>, done: &Done, edited: &Edited<'_>) -> Result<Response, Problem> {
    let words = staff.words();
    let title = |frame: &Frame| edited.known.map(|known| name(frame, &known.plan));
    let mut frame = staff.frame(PATH, words.say("editor.new"));
    if let Some(title) = title(&frame) {
        frame.title = title;
    }
    let parts = parts(&frame, edited.typed, &edited.faults);
    let key = edited.key.clone().unwrap_or_else(|| new_key(staff.visit()));
    let versions = edited.known.and_then(|known| known.versions.as_ref());
    let remove = edited
        .known
        .filter(|known| known.archived_at.is_none())
        .map(|known| {
            Shown::new(
                "remove",
                format!("{PATH}/{}/remove", known.plan.id),
                frame.say("editor.remove"),
            )
            .look(" danger")
            .folded(frame.say("editor.remove"))
        });
    super::super::super::page(&PlanPage {
        told: done.told(&frame),
        form: form(&frame, edited, &parts, key),
        parts,
        preview: edited.preview.clone(),
        versions: versions
            .into_iter()
            .flatten()
            .map(|version| Version {
                number: version.version,
                price: format!("{} {}", version.price, version.currency),
                cycle: frame.say(&format!("editor.cycle_{}", version.billing_cycle.as_str())),
                since: When::new(&frame, version.created_at),
            })
            .collect(),
        remove,
        frame,
    })
}

/// `GET /console/plans/new`
pub(super) async fn new_page(staff: Staff<Admin>) -> Result<Response, Problem> {
    let edited = Edited {
        known: None,
        typed: &blank(),
        faults: Faults::default(),
        preview: Preview::default(),
        key: None,
    };
    shown(&staff, &Done::default(), &edited)
}

async fn known(console: &Console, id: &str) -> Result<AdminPlanShape, Problem> {
    let known = console.payment.admin_plan(id).await?;
    known.ok_or_else(|| Problem::new(Code::NotFound))
}

/// `GET /console/plans/{id}`
pub(super) async fn page(
    State(console): State<Console>,
    staff: Staff<Admin>,
    PathText(id): PathText,
    Params(done): Params<Done>,
) -> Result<Response, Problem> {
    let known = known(&console, &id).await?;
    let typed = filled(&known, console.payment.house_language());
    let frame = staff.frame(PATH, String::new());
    let (preview, _) = preview(&console, &frame, Some(&id), &typed).await?;
    let edited = Edited {
        known: Some(&known),
        typed: &typed,
        faults: Faults::default(),
        preview,
        key: None,
    };
    shown(&staff, &done, &edited)
}

/// The form once more, with the cards, and what is to be mended.
async fn again(
    console: &Console,
    staff: &Staff<Admin>,
    id: Option<&str>,
    typed: &Typed,
    refused: Option<Problem>,
) -> Result<Response, Problem> {
    let known = match id {
        Some(id) => Some(known(console, id).await?),
        None => None,
    };
    let frame = staff.frame(PATH, String::new());
    let (preview, mut faults) = preview(console, &frame, id, typed).await?;
    let kept = typed.some("key").filter(|_| refused.is_none());
    let key = kept.map(str::to_owned);
    if let Some(problem) = refused {
        let house = console.payment.house_language();
        let said = Said::of(typed, house);
        let refused = said.faults(problem, house, staff.language())?;
        faults.extend(refused);
    }
    let edited = Edited {
        known: known.as_ref(),
        typed,
        faults,
        preview,
        key,
    };
    shown(staff, &Done::default(), &edited)
}

/// Two rows that say something of one thing: the form comes back, since one of them would be lost.
fn is_clear(said: &Said, frame: &Frame) -> bool {
    let mut faults = Faults::default();
    said.note_twice(&mut faults, frame);
    faults.is_empty()
}

/// `POST /console/plans`
pub(super) async fn create(
    State(console): State<Console>,
    staff: Staff<Admin>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let said = Said::of(&typed, console.payment.house_language());
    let frame = staff.frame(PATH, String::new());
    if typed.get("act") == "preview" || !is_clear(&said, &frame) {
        return again(&console, &staff, None, &typed, None).await;
    }
    let key = typed.once(&staff.caller, "/admin/plans", "");
    let editor = Initiator::caller(&staff.origin);
    match console
        .payment
        .create_plan(&said.body, &editor, key.as_ref())
        .await
    {
        Ok(made) => {
            let id = made.value.plan.id;
            Ok(Redirect::to(&format!("{PATH}/{id}?done=created")).into_response())
        }
        Err(error) => again(&console, &staff, None, &typed, Some(error.into())).await,
    }
}

/// `POST /console/plans/{id}`
pub(super) async fn change(
    State(console): State<Console>,
    staff: Staff<Admin>,
    PathText(id): PathText,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let said = Said::of(&typed, console.payment.house_language());
    let frame = staff.frame(PATH, String::new());
    if typed.get("act") == "preview" || !is_clear(&said, &frame) {
        return again(&console, &staff, Some(&id), &typed, None).await;
    }
    let editor = Initiator::caller(&staff.origin);
    match console.payment.change_plan(&id, &said.body, &editor).await {
        Ok(_) => Ok(Redirect::to(&format!("{PATH}/{id}?done=saved")).into_response()),
        Err(PlanError::NotFound) => Err(Problem::new(Code::NotFound)),
        Err(error) => again(&console, &staff, Some(&id), &typed, Some(error.into())).await,
    }
}

/// `POST /console/plans/{id}/remove`
pub(super) async fn remove(
    State(console): State<Console>,
    staff: Staff<Admin>,
    PathText(id): PathText,
    Form(_): Form<Typed>,
) -> Result<Response, Problem> {
    let editor = Initiator::caller(&staff.origin);
    let to = match console.payment.remove_plan(&id, &editor).await {
        Ok(Removed::Deleted) => format!("{PATH}?done=deleted"),
        Ok(Removed::Archived(kept)) => format!("{PATH}/{}?done=archived", kept.plan.id),
        Err(error @ PlanError::DefaultStays(_)) => {
            let known = known(&console, &id).await?;
            let typed = filled(&known, console.payment.house_language());
            return again(&console, &staff, Some(&id), &typed, Some(error.into())).await;
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Redirect::to(&to).into_response())
}

#[cfg(test)]
mod samples {
    use super::super::super::super::samples::{self, HOSTILE, LONG, LONG_ZH};
    use super::super::plan_card::Card;
    use super::*;
    use tollgate_kernel::clock::Timestamp;

    #[test]
    fn a_plan_renders_from_its_samples() {
        for (tag, language) in samples::languages() {
            for (count, text) in [(0, ""), (1, LONG), (11, LONG_ZH), (100, HOSTILE)] {
                let visit = samples::visit(language);
                let frame = Frame::plain(&visit, text.to_owned() + "x");
                let (mut typed, mut faults) = (blank(), Faults::default());
                for name in [
                    "slug",
                    "name_zh",
                    "name_en",
                    "description_en",
                    "features_zh",
                    "price",
                ] {
                    typed.put(name, text);
                    faults.note(name, text.to_owned());
                }
                for at in 0..count {
                    for name in [
                        "meter",
                        "word_zh",
                        "word_en",
                        "limit",
                        "cost",
                        "cost_units",
                        "cost_meter",
                    ] {
                        typed.put(format!("{name}_{at}"), text);
                        faults.note(format!("{name}_{at}"), text.to_owned());
                    }
                }
                let cards = ["zh-CN", "en"].map(|tag| Card {
                    tag,
                    name: text.to_owned(),
                    description: text.to_owned(),
                    price: "CN¥99.00".to_owned(),
                    cycle: frame.say("editor.per_monthly"),
                    lines: vec![text.to_owned(); count],
                    features: vec![text.to_owned(); count],
                    button: frame.say("editor.buy"),
                });
                let edited = Edited {
                    known: None,
                    typed: &typed,
                    faults,
                    preview: Preview {
                        cards: cards.into(),
                        missing: vec![text.to_owned()],
                    },
                    key: None,
                };
                let parts = parts(&frame, &typed, &edited.faults);
                let page = PlanPage {
                    told: String::new(),
                    form: form(&frame, &edited, &parts, String::new()),
                    parts,
                    preview: edited.preview.clone(),
                    versions: (0..count)
                        .map(|_| Version {
                            number: 1,
                            price: text.to_owned(),
                            cycle: text.to_owned(),
                            since: When::new(&frame, Timestamp::EPOCH),
                        })
                        .collect(),
                    remove: Some(Shown::new("remove", "", frame.say("editor.remove"))),
                    frame,
                };
                samples::render(&format!("console-plan-{count}-{tag}"), &page);
            }
        }
    }
}
