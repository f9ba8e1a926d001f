//! The fields of a plan, as they stand in its form.

use tollgate_payment::model::plan::{BillingCycle, Reset};

use super::super::super::frame::Frame;
use super::form::{Choice, Faults, Field, Typed};
use super::plan_form::{COSTS, LANGUAGES, METERS};

/// Rows that are free, to be filled.
const FREE: usize = 2;

/// A part of the form.
pub(super) struct Part {
    pub(super) title: String,
    pub(super) hint: String,
    /// Fields one below the other.
    pub(super) fields: Vec<Field>,
    /// Rows of fields.
    pub(super) rows: Vec<Vec<Field>>,
}

/// Every field, as it stands in the form.
pub(super) fn parts(frame: &Frame, typed: &Typed, faults: &Faults) -> Vec<Part> {
    let mut parts = vec![selling(frame, typed)];
    parts.extend(LANGUAGES.map(|language| texts(frame, typed, language)));
    parts.push(meters(frame, typed));
    parts.push(costs(frame, typed));
    parts.push(rest(frame, typed));
    for part in &mut parts {
        for field in part.fields.iter_mut().chain(part.rows.iter_mut().flatten()) {
            field.fault = faults.at(&field.name);
        }
    }
    parts
}

fn part(frame: &Frame, title: &str, hint: &str, fields: Vec<Field>) -> Part {
    Part {
        title: frame.say(title),
        hint: if hint.is_empty() {
            String::new()
        } else {
            frame.say(hint)
        },
        fields,
        rows: Vec::new(),
    }
}

fn words<'a>(
    frame: &Frame,
    prefix: &str,
    words: impl Iterator<Item = &'a str>,
    chosen: &str,
) -> Vec<Choice> {
    let choice =
        |word: &str| Choice::new(word, frame.say(&format!("editor.{prefix}_{word}")), chosen);
    words.map(choice).collect()
}

fn selling(frame: &Frame, typed: &Typed) -> Part {
    let cycles = BillingCycle::ALL.iter().map(|cycle| cycle.as_str());
    let fields = vec![
        Field::line("slug", frame.say("editor.slug"), typed)
            .required()
            .hint(frame.say("editor.slug_hint")),
        Field::line("price", frame.say("editor.price"), typed)
            .required()
            .hint(frame.say("editor.price_hint")),
        Field::line("currency", frame.say("editor.currency"), typed)
            .hint(frame.say("editor.currency_hint")),
        Field::choice(
            "billing_cycle",
            frame.say("editor.cycle"),
            words(frame, "cycle", cycles, typed.get("billing_cycle")),
        ),
        Field::line("trial_days", frame.say("editor.trial"), typed).of("number"),
        Field::line("grace_days", frame.say("editor.grace"), typed).of("number"),
    ];
    part(frame, "editor.selling", "", fields)
}

fn texts(frame: &Frame, typed: &Typed, language: &str) -> Part {
    let name = |field: &str| format!("{field}_{language}");
    let fields = vec![
        Field::line(&name("name"), frame.say("editor.name"), typed),
        Field::line(&name("description"), frame.say("editor.description"), typed),
        Field::area(&name("features"), frame.say("editor.features"), typed)
            .hint(frame.say("editor.features_hint")),
    ];
    part(frame, &format!("editor.texts_{language}"), "", fields)
}

/// Rows that say something, and some that are free.
fn rows(typed: &Typed, name: &str, most: usize) -> usize {
    let last = (0..most)
        .rev()
        .find(|at| typed.some(&format!("{name}_{at}")).is_some());
    last.map_or(0, |last| last.saturating_add(1))
        .saturating_add(FREE)
        .min(most)
}

fn meters(frame: &Frame, typed: &Typed) -> Part {
    let row = |at: usize| {
        let name = |field: &str| format!("{field}_{at}");
        let resets = Reset::ALL.iter().map(|reset| reset.as_str());
        let word = |language: &str| {
            let label = frame.say(&format!("editor.word_{language}"));
            Field::line(&name(&format!("word_{language}")), label, typed)
        };
        vec![
            Field::line(&name("meter"), frame.say("editor.meter"), typed),
            Field::line(&name("limit"), frame.say("editor.limit"), typed).of("number"),
            Field::check(
                &name("unlimited"),
                frame.say("house.unlimited"),
                typed.is(&name("unlimited")),
            ),
            Field::choice(
                &name("reset"),
                frame.say("editor.reset"),
                words(frame, "reset", resets, typed.get(&name("reset"))),
            ),
            // Below the meter and its limit, where there is room for them.
            word("zh"),
            word("en"),
        ]
    };
    let mut part = part(frame, "editor.meters", "editor.meters_hint", Vec::new());
    part.rows = (0..rows(typed, "meter", METERS)).map(row).collect();
    part
}

fn costs(frame: &Frame, typed: &Typed) -> Part {
    let row = |at: usize| {
        let name = |field: &str| format!("{field}_{at}");
        vec![
            Field::line(&name("cost"), frame.say("editor.resource"), typed),
            Field::line(&name("cost_units"), frame.say("editor.units"), typed).of("number"),
            Field::line(&name("cost_meter"), frame.say("editor.of_meter"), typed),
        ]
    };
    let mut part = part(frame, "editor.costs", "editor.costs_hint", Vec::new());
    part.rows = (0..rows(typed, "cost", COSTS)).map(row).collect();
    part
}

fn rest(frame: &Frame, typed: &Typed) -> Part {
    let fields = vec![
        Field::line("sort_order", frame.say("editor.order"), typed)
            .of("number")
            .hint(frame.say("editor.order_hint")),
        Field::check(
            "is_active",
            frame.say("editor.on_sale"),
            typed.is("is_active"),
        ),
        Field::check(
            "is_default",
            frame.say("editor.is_default"),
            typed.is("is_default"),
        ),
    ];
    part(frame, "editor.shelf", "editor.shelf_hint", fields)
}
