//! Everything about a plan that is written by hand, and what may stand there.
//!
//! ```
//! use tollgate_kernel::money::{Currency, Money};
//! use tollgate_payment::model::plan::{BillingCycle, NewPlan, PlanText, PlanTexts};
//! use tollgate_payment::model::plan_terms::PlanTerms;
//! use tollgate_payment::model::quota::Units;
//!
//! let team = NewPlan {
//!     slug: "team".parse()?,
//!     texts: PlanTexts::from([(
//!         "en".to_owned(),
//!         PlanText {
//!             name: "Team".to_owned(),
//!             ..PlanText::default()
//!         },
//!     )]),
//!     house_language: "en",
//!     price: Money::new(29_900, Currency::CNY),
//!     billing_cycle: BillingCycle::Monthly,
//!     meter: "calls".parse()?,
//!     quota_limit: Some(Units::new(10_000)?),
//!     resource_costs: [("*".to_owned(), Units::new(1)?)].into(),
//!     sort_order: 0,
//! };
//! let terms = PlanTerms::from(team);
//! assert!(terms.faults("en").is_empty());
//!
//! let mut wrong = terms.clone();
//! wrong.price = Money::new(-1, Currency::CNY);
//! assert_eq!(wrong.faults("en").first().map(|fault| fault.field.as_str()), Some("/price"));
//! assert_eq!(wrong.changes_from(&terms).len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;

use tollgate_kernel::money::Money;
use tollgate_kernel::text::Text;

use super::plan::{BillingCycle, PlanCost, PlanMeter, PlanText, PlanTexts, Slug};
use super::quota::{ResourceType, Units};
use crate::words::WORDS;

/// What every rail takes at once; in minor units.
const MOST_MINOR: i64 = 10_000_000_000;
/// A whole number that every reader of JSON keeps, with room for what is granted on top.
const MOST_LIMIT: i64 = 1_000_000_000_000_000;
const MOST_METERS: usize = 10;
const MOST_COSTS: usize = 100;
const NAME_CHARS: usize = 80;
const DESCRIPTION_CHARS: usize = 500;
const MOST_FEATURES: usize = 20;
const FEATURE_CHARS: usize = 200;
const METER_CHARS: usize = 40;
const MOST_TRIAL_DAYS: i64 = 365;
const MOST_GRACE_DAYS: i64 = 90;
const MOST_SORT_ORDER: i64 = 1_000_000;

/// A plan as somebody wants it. What is not in here (id, version, times) is the house's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanTerms {
    /// What code calls it.
    pub slug: Slug,
    /// In every language.
    pub texts: PlanTexts,
    /// For one term; zero is free.
    pub price: Money,
    /// How long a term lasts.
    pub billing_cycle: BillingCycle,
    /// All meters; the first one is the plan's `quota_type` and `quota_limit`.
    pub meters: Vec<PlanMeter>,
    /// What a call costs, by resource type; `*` is any other.
    pub resource_costs: BTreeMap<String, PlanCost>,
    /// Days of use before the first payment.
    pub trial_days: i64,
    /// Days of use after a term that was not paid on.
    pub grace_days: i64,
    /// Given to everybody who registers.
    pub is_default: bool,
    /// Whether it can be bought.
    pub is_active: bool,
    /// Smaller stands first.
    pub sort_order: i64,
}

/// A field that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFault {
    /// Which, as a JSON pointer.
    pub field: String,
    /// What programs compare.
    pub code: &'static str,
    /// What people read.
    pub detail: Text,
}

impl PlanFault {
    pub(crate) fn new(field: impl Into<String>, code: &'static str, detail: Text) -> Self {
        Self {
            field: field.into(),
            code,
            detail,
        }
    }

    /// It must be there.
    pub(crate) fn required(field: impl Into<String>) -> Self {
        Self::new(field, "required", WORDS.text("plans.required"))
    }
}

/// A field that differs; `None`: it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// Which.
    pub field: String,
    /// As it was.
    pub before: Option<String>,
    /// As it will be.
    pub after: Option<String>,
}

impl PlanTerms {
    /// Everything that may not stand here; `house` is the language that must be there.
    pub fn faults(&self, house: &str) -> Vec<PlanFault> {
        let mut faults = Vec::new();
        if !(0..=MOST_MINOR).contains(&self.price.minor()) {
            faults.push(price());
        }
        if self
            .texts
            .get(house)
            .is_none_or(|text| text.name.is_empty())
        {
            faults.push(PlanFault::required("/name"));
        }
        for (language, text) in &self.texts {
            text_faults(&mut faults, language, text);
            self.word_faults(&mut faults, language, text);
        }
        self.meter_faults(&mut faults);
        self.cost_faults(&mut faults);
        within(
            &mut faults,
            "/trial_days",
            self.trial_days,
            0..=MOST_TRIAL_DAYS,
        );
        within(
            &mut faults,
            "/grace_days",
            self.grace_days,
            0..=MOST_GRACE_DAYS,
        );
        let order = -MOST_SORT_ORDER..=MOST_SORT_ORDER;
        within(&mut faults, "/sort_order", self.sort_order, order);
        let is_free = self.price.minor() == 0;
        if is_free && self.trial_days > 0 {
            faults.push(PlanFault::new(
                "/trial_days",
                "nothing_to_try",
                WORDS.text("plans.nothing_to_try"),
            ));
        }
        if self.is_default && !is_free {
            faults.push(PlanFault::new(
                "/is_default",
                "default_not_free",
                WORDS.text("plans.default_not_free"),
            ));
        }
        if self.is_default && !self.is_active {
            faults.push(PlanFault::new(
                "/is_default",
                "default_not_on_sale",
                WORDS.text("plans.default_not_on_sale"),
            ));
        }
        faults
    }

    fn meter_faults(&self, faults: &mut Vec<PlanFault>) {
        if !(1..=MOST_METERS).contains(&self.meters.len()) {
            faults.push(PlanFault::new(
                "/meters",
                "out_of_range",
                WORDS.text("plans.meters"),
            ));
        }
        for (position, meter) in self.meters.iter().enumerate() {
            let mut earlier = self.meters.iter().take(position);
            if earlier.any(|earlier| earlier.meter == meter.meter) {
                faults.push(PlanFault::new(
                    format!("/meters/{position}/meter"),
                    "named_twice",
                    WORDS.text("plans.meter_twice"),
                ));
            }
            if meter.limit.is_some_and(|limit| limit.get() > MOST_LIMIT) {
                faults.push(limit(format!("/meters/{position}/limit")));
            }
        }
    }

    /// A word is of one of its meters.
    fn word_faults(&self, faults: &mut Vec<PlanFault>, language: &str, text: &PlanText) {
        let known = |name: &str| self.meters.iter().any(|one| one.meter.as_str() == name);
        for name in text.meters.keys().filter(|name| !known(name)) {
            faults.push(PlanFault::new(
                word_field(language, name),
                "unknown_meter",
                WORDS.text("plans.no_meter"),
            ));
        }
    }

    fn cost_faults(&self, faults: &mut Vec<PlanFault>) {
        if self.resource_costs.len() > MOST_COSTS {
            faults.push(PlanFault::new(
                "/resource_costs",
                "too_many",
                WORDS.text("plans.too_many_costs"),
            ));
        }
        for (resource_type, cost) in &self.resource_costs {
            let field = format!("/resource_costs/{}", pointed(resource_type));
            if resource_type != "*" && resource_type.parse::<ResourceType>().is_err() {
                faults.push(PlanFault::new(
                    &field,
                    "invalid_name",
                    WORDS.text("plans.cost_name"),
                ));
            }
            if !(1..=Units::MOST).contains(&cost.units.get()) {
                faults.push(units(&field));
            }
            if !self.meters.iter().any(|meter| meter.meter == cost.meter) {
                faults.push(PlanFault::new(
                    &field,
                    "unknown_meter",
                    WORDS.text("plans.no_meter"),
                ));
            }
        }
    }

    /// Field by field, as people read it.
    pub fn described(&self) -> Vec<(String, String)> {
        let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let meters: Vec<String> = self.meters.iter().map(described_meter).collect();
        let mut fields = vec![
            text("slug", self.slug.as_str()),
            text("price", &self.price.to_string()),
            text("currency", self.price.currency().code()),
            text("billing_cycle", self.billing_cycle.as_str()),
            text("meters", &meters.join(", ")),
        ];
        for (resource_type, cost) in &self.resource_costs {
            let field = format!("resource_costs.{resource_type}");
            fields.push((field, format!("{} {}", cost.units.get(), cost.meter)));
        }
        fields.extend([
            text("trial_days", &self.trial_days.to_string()),
            text("grace_days", &self.grace_days.to_string()),
            text("is_default", &self.is_default.to_string()),
            text("is_active", &self.is_active.to_string()),
            text("sort_order", &self.sort_order.to_string()),
        ]);
        for (language, said) in &self.texts {
            let field = |name: &str| format!("i18n.{language}.{name}");
            fields.push((field("name"), said.name.clone()));
            fields.push((field("description"), said.description.clone()));
            fields.push((field("features"), said.features.join(" | ")));
            for (meter, word) in &said.meters {
                fields.push((format!("{}.{meter}", field("meters")), word.clone()));
            }
        }
        fields
    }

    /// What differs from `before`, in the order in which people read it.
    pub fn changes_from(&self, before: &Self) -> Vec<FieldChange> {
        let (old, new) = (before.described(), self.described());
        let value = |fields: &[(String, String)], name: &str| {
            let found = fields.iter().find(|(field, _)| field == name);
            found.map(|(_, value)| value.clone())
        };
        let gone = old
            .iter()
            .filter(|(name, _)| value(&new, name).is_none())
            .map(|(name, _)| name);
        new.iter()
            .map(|(name, _)| name)
            .chain(gone)
            .map(|name| FieldChange {
                field: name.clone(),
                before: value(&old, name),
                after: value(&new, name),
            })
            .filter(|change| change.before != change.after)
            .collect()
    }
}

fn described_meter(meter: &PlanMeter) -> String {
    let limit = meter
        .limit
        .map_or_else(|| "unlimited".to_owned(), |limit| limit.get().to_string());
    format!("{} {limit} ({})", meter.meter, meter.reset.as_str())
}

fn text_faults(faults: &mut Vec<PlanFault>, language: &str, text: &PlanText) {
    let mut bounded = |field: String, text: &str, least: usize, most: usize| {
        let fits = (least..=most).contains(&text.chars().count());
        if !fits || text.chars().any(char::is_control) {
            faults.push(PlanFault::new(
                field,
                "invalid_text",
                WORDS.text_with("plans.text", &[("least", &least), ("most", &most)]),
            ));
        }
    };
    let field = |name: &str| format!("/i18n/{}/{name}", pointed(language));
    bounded(field("name"), &text.name, 0, NAME_CHARS);
    bounded(
        field("description"),
        &text.description,
        0,
        DESCRIPTION_CHARS,
    );
    for (position, line) in text.features.iter().enumerate() {
        let line_field = format!("{}/{position}", field("features"));
        bounded(line_field, line, 1, FEATURE_CHARS);
    }
    for (meter, word) in &text.meters {
        bounded(word_field(language, meter), word, 1, METER_CHARS);
    }
    if text.features.len() > MOST_FEATURES {
        faults.push(PlanFault::new(
            field("features"),
            "too_many",
            WORDS.text("plans.too_many_features"),
        ));
    }
}

fn word_field(language: &str, meter: &str) -> String {
    format!("/i18n/{}/meters/{}", pointed(language), pointed(meter))
}

/// A name as a part of a JSON pointer (RFC 6901).
pub(crate) fn pointed(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn within(
    faults: &mut Vec<PlanFault>,
    field: &str,
    value: i64,
    range: std::ops::RangeInclusive<i64>,
) {
    if !range.contains(&value) {
        let (least, most) = range.into_inner();
        faults.push(PlanFault::new(
            field,
            "out_of_range",
            WORDS.text_with("plans.range", &[("least", &least), ("most", &most)]),
        ));
    }
}

/// Not a price.
pub(crate) fn price() -> PlanFault {
    PlanFault::new("/price", "invalid_price", WORDS.text("plans.price"))
}

/// Not a limit.
pub(crate) fn limit(field: impl Into<String>) -> PlanFault {
    PlanFault::new(field, "invalid_limit", WORDS.text("plans.limit"))
}

/// Not what a call can take.
pub(crate) fn units(field: impl Into<String>) -> PlanFault {
    PlanFault::new(field, "invalid_cost", WORDS.text("cost.invalid"))
}
