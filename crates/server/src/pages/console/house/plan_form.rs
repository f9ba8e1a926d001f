//! The form of a plan: read into what the operations take, and filled from a plan that is there.
//!
//! A number that is none is sent on as one that can never be right: the operation says what may stand there.

use std::collections::BTreeMap;

use tollgate_kernel::money::AmountText;
use tollgate_kernel::problem::Problem;
use tollgate_kernel::text::Language;
use tollgate_payment::model::plan::{BillingCycle, PlanText};
use tollgate_payment::shapes::{
    AdminPlanShape, CostShape, MeterBody, MeterUnits, PlanBody, TextBody,
};

use super::super::super::frame::Frame;
use super::form::{Faults, Typed};

/// Most that a plan may have, with room to see that they are too many.
pub(super) const METERS: usize = 11;
pub(super) const COSTS: usize = 101;
pub(super) const LANGUAGES: [&str; 2] = ["zh", "en"];

/// What a form says, and in which rows it says it.
pub(super) struct Said {
    pub(super) body: PlanBody,
    /// Of each meter.
    meters: Vec<usize>,
    /// Of each resource type.
    costs: BTreeMap<String, usize>,
    /// A resource type that stands in two rows, and where.
    twice: Option<usize>,
}

fn number(typed: &Typed, name: &str, otherwise: i64) -> i64 {
    typed
        .some(name)
        .map_or(otherwise, |text| text.parse().unwrap_or(i64::MIN))
}

fn lines(typed: &Typed, name: &str) -> Vec<String> {
    let lines = typed.get(name).lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// In the row of each meter, what buyers read of it.
fn meter_words(typed: &Typed, language: &str) -> BTreeMap<String, String> {
    let row = |at: usize| {
        let meter = typed.some(&format!("meter_{at}"))?;
        let word = typed.some(&format!("word_{language}_{at}"))?;
        Some((meter.to_owned(), word.to_owned()))
    };
    (0..METERS).filter_map(row).collect()
}

fn text(typed: &Typed, language: &str) -> TextBody {
    let of = |field: &str| typed.get(&format!("{field}_{language}")).to_owned();
    TextBody {
        name: Some(of("name")),
        // Browsers send the ends of lines of a text area.
        description: Some(of("description").replace("\r\n", " ").replace('\n', " ")),
        features: Some(lines(typed, &format!("features_{language}"))),
        meters: Some(meter_words(typed, language)),
    }
}

fn is_empty(text: &TextBody) -> bool {
    let none = |text: &Option<String>| text.as_ref().is_none_or(String::is_empty);
    none(&text.name)
        && none(&text.description)
        && text.features.as_ref().is_none_or(Vec::is_empty)
        && text.meters.as_ref().is_none_or(BTreeMap::is_empty)
}

impl Said {
    /// What was typed. `house` is the language that every plan has.
    pub(super) fn of(typed: &Typed, house: &str) -> Self {
        let texts = LANGUAGES.map(|language| (language.to_owned(), text(typed, language)));
        let said = texts
            .into_iter()
            .filter(|(language, text)| language == house || !is_empty(text));
        let (mut rows, mut meters) = (Vec::new(), Vec::new());
        for at in 0..METERS {
            if let Some(meter) = typed.some(&format!("meter_{at}")) {
                rows.push(at);
                meters.push(meter_of(typed, at, meter));
            }
        }
        let (mut costs, mut cost_rows, mut twice) = (BTreeMap::new(), BTreeMap::new(), None);
        for at in 0..COSTS {
            let Some(resource) = typed.some(&format!("cost_{at}")) else {
                continue;
            };
            if cost_rows.insert(resource.to_owned(), at).is_some() {
                twice = Some(at);
            }
            costs.insert(resource.to_owned(), cost_of(typed, at));
        }
        let some = |name: &str| typed.some(name).map(str::to_owned);
        let body = PlanBody {
            slug: Some(typed.get("slug").to_owned()),
            i18n: Some(said.collect()),
            price: amount(typed.get("price")),
            currency: some("currency"),
            billing_cycle: some("billing_cycle"),
            meters: Some(meters),
            resource_costs: Some(costs),
            trial_days: Some(number(typed, "trial_days", 0)),
            grace_days: Some(number(typed, "grace_days", 0)),
            is_default: Some(typed.is("is_default")),
            is_active: Some(typed.is("is_active")),
            sort_order: Some(number(typed, "sort_order", 0)),
            version: typed.some("version").map(|_| number(typed, "version", 0)),
            ..PlanBody::default()
        };
        Self {
            body,
            meters: rows,
            costs: cost_rows,
            twice,
        }
    }

    /// What is to be mended, by the fields of the form.
    pub(super) fn faults(
        &self,
        problem: Problem,
        house: &str,
        language: Language,
    ) -> Result<Faults, Problem> {
        let faults = Faults::of(problem, language)?;
        Ok(faults.renamed(|field| self.named(field, house)))
    }

    /// What the operations cannot see: a row that takes the place of another.
    pub(super) fn note_twice(&self, faults: &mut Faults, frame: &Frame) {
        if let Some(at) = self.twice {
            faults.note(format!("cost_{at}"), frame.say("editor.twice"));
        }
    }

    /// Where a meter stands.
    fn row(&self, meter: &str) -> Option<usize> {
        let mut meters = self.body.meters.iter().flatten();
        let place = meters.position(|body| body.meter == plain(meter))?;
        self.meters.get(place).copied()
    }

    /// The field of the form that a field of the body is.
    fn named(&self, field: &str, house: &str) -> String {
        let mut parts = field.split('/');
        match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
            (own @ ("name" | "description" | "features"), _, _) => format!("{own}_{house}"),
            ("i18n", Some(language), Some("meters")) => {
                let row = parts.next().and_then(|meter| self.row(meter));
                row.map_or_else(|| field.to_owned(), |row| format!("word_{language}_{row}"))
            }
            ("i18n", Some(language), Some(own)) => format!("{own}_{language}"),
            ("price_minor", ..) => "price".to_owned(),
            ("meters", Some(at), Some(own)) => {
                let row = at.parse().ok().and_then(|at: usize| self.meters.get(at));
                row.map_or_else(|| field.to_owned(), |row| format!("{own}_{row}"))
            }
            ("resource_costs", Some(resource), _) => {
                let row = self.costs.get(&plain(resource));
                row.map_or_else(|| field.to_owned(), |row| format!("cost_{row}"))
            }
            (own, ..) => own.to_owned(),
        }
    }
}

/// Out of a JSON pointer.
fn plain(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

fn amount(text: &str) -> Option<AmountText> {
    let quoted = serde_json::to_string(text).ok()?;
    serde_json::from_str(&quoted)
        .ok()
        .filter(|_| !text.is_empty())
}

fn meter_of(typed: &Typed, at: usize, meter: &str) -> MeterBody {
    let limit = if typed.is(&format!("unlimited_{at}")) {
        Some(None)
    } else {
        typed
            .some(&format!("limit_{at}"))
            .map(|text| Some(text.parse().unwrap_or(-1)))
    };
    MeterBody {
        meter: meter.to_owned(),
        limit,
        reset: typed.some(&format!("reset_{at}")).map(str::to_owned),
    }
}

fn cost_of(typed: &Typed, at: usize) -> CostShape {
    let units = typed.get(&format!("cost_units_{at}")).parse().unwrap_or(0);
    match typed.some(&format!("cost_meter_{at}")) {
        Some(meter) => CostShape::OfMeter(MeterUnits {
            meter: meter.to_owned(),
            units,
        }),
        None => CostShape::Units(units),
    }
}

/// The form of a plan that is there.
pub(super) fn filled(shape: &AdminPlanShape, house: &str) -> Typed {
    let plan = &shape.plan;
    let mut typed = Typed::default();
    let own = PlanText {
        name: plan.name.clone(),
        description: plan.description.clone(),
        features: plan.features.clone(),
        meters: BTreeMap::new(),
    };
    for language in LANGUAGES {
        let text = plan
            .i18n
            .get(language)
            .or((language == house).then_some(&own));
        let Some(text) = text else { continue };
        typed.put(format!("name_{language}"), &text.name);
        typed.put(format!("description_{language}"), &text.description);
        typed.put(format!("features_{language}"), text.features.join("\n"));
        for (at, meter) in plan.meters.iter().enumerate() {
            if let Some(word) = text.meters.get(&meter.meter) {
                typed.put(format!("word_{language}_{at}"), word);
            }
        }
    }
    typed.put("slug", &plan.slug);
    typed.put("price", &plan.price);
    typed.put("currency", &plan.currency);
    typed.put("billing_cycle", plan.billing_cycle.as_str());
    typed.put("trial_days", plan.trial_days);
    typed.put("grace_days", shape.grace_days);
    typed.put("sort_order", plan.sort_order);
    typed.put("version", shape.version);
    for (name, is_on) in [
        ("is_default", plan.is_default),
        ("is_active", plan.is_active),
    ] {
        if is_on {
            typed.put(name, "on");
        }
    }
    for (at, meter) in plan.meters.iter().enumerate() {
        typed.put(format!("meter_{at}"), &meter.meter);
        match meter.limit {
            Some(limit) => typed.put(format!("limit_{at}"), limit),
            None => typed.put(format!("unlimited_{at}"), "on"),
        }
        typed.put(format!("reset_{at}"), meter.reset.as_str());
    }
    for (at, (resource, cost)) in plan.resource_costs.iter().enumerate() {
        typed.put(format!("cost_{at}"), resource);
        match cost {
            CostShape::Units(units) => typed.put(format!("cost_units_{at}"), units),
            CostShape::OfMeter(of) => {
                typed.put(format!("cost_units_{at}"), of.units);
                typed.put(format!("cost_meter_{at}"), &of.meter);
            }
        }
    }
    typed
}

/// The form of a plan that is to be made.
pub(super) fn blank() -> Typed {
    let mut typed = Typed::default();
    for (name, value) in [
        ("is_active", "on"),
        ("billing_cycle", BillingCycle::Monthly.as_str()),
        ("cost_0", "*"),
        ("cost_units_0", "1"),
    ] {
        typed.put(name, value);
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_said_beside_the_row_it_is_in() {
        let mut typed = Typed::default();
        // The first row was left free.
        for (name, value) in [
            ("meter_1", "calls"),
            ("limit_1", "x"),
            ("meter_2", "storage"),
            ("unlimited_2", "on"),
            ("word_zh_2", "GB 空间"),
            ("word_zh_3", "of no meter"),
            ("cost_3", "up/load"),
            ("cost_units_3", "no"),
            ("cost_5", "up/load"),
        ] {
            typed.put(name, value);
        }
        let said = Said::of(&typed, "zh");
        let meters = said.body.meters.as_ref().expect("meters");
        assert_eq!(
            (meters[0].limit, meters[1].limit),
            (Some(Some(-1)), Some(None))
        );
        for (field, name) in [
            ("meters/0/limit", "limit_1"),
            ("meters/1/meter", "meter_2"),
            ("meters", "meters"),
            ("name", "name_zh"),
            ("i18n/en/features/3", "features_en"),
            ("i18n/zh/meters/storage", "word_zh_2"),
            ("i18n/en/meters/calls", "word_en_1"),
            ("i18n/en/meters/gone", "i18n/en/meters/gone"),
            ("resource_costs/up~1load", "cost_5"),
            ("price_minor", "price"),
            ("trial_days", "trial_days"),
        ] {
            assert_eq!(said.named(field, "zh"), name, "{field}");
        }
        assert_eq!(said.twice, Some(5));
        let texts = said.body.i18n.as_ref().expect("texts");
        let words = texts["zh"].meters.clone().expect("words");
        assert_eq!(words, [("storage".to_owned(), "GB 空间".to_owned())].into());
        assert_eq!(said.body.trial_days, Some(0));
        assert!(
            said.body
                .i18n
                .as_ref()
                .is_some_and(|texts| !texts.contains_key("en"))
        );
    }
}
