//! What is for sale.
//!
//! ```
//! use tollgate_payment::model::plan::{BillingCycle, PlanMeter, Reset, Slug};
//! use tollgate_payment::model::quota::Units;
//!
//! let slug: Slug = "pro-2026".parse()?;
//! assert_eq!(slug.as_str(), "pro-2026");
//! // Lower case, digits and hyphens, beginning with a letter.
//! assert!("Pro".parse::<Slug>().is_err());
//! assert!("2026".parse::<Slug>().is_err());
//!
//! assert_eq!(BillingCycle::Yearly.months(), Some(12));
//! assert_eq!(BillingCycle::Lifetime.months(), None);
//!
//! // A year of a plan with 1000 calls a month begins its meter anew twelve times.
//! let calls = PlanMeter {
//!     meter: "calls".parse()?,
//!     limit: Some(Units::new(1_000)?),
//!     reset: Reset::Month,
//! };
//! assert_eq!(calls.periods(BillingCycle::Yearly, 1), 12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PlanId, UserId};
use tollgate_kernel::money::Money;
use tollgate_kernel::problem::FieldError;
use tollgate_kernel::text::Text;

use super::plan_terms::PlanTerms;
use super::quota::{Meter, Units};
use super::words;
use crate::words::WORDS;

words! {
    /// How long one payment lasts.
    pub enum BillingCycle {
        /// One calendar month.
        Monthly = "monthly",
        /// Twelve calendar months; the quota still resets each month.
        Yearly = "yearly",
        /// For ever; the quota still resets each month.
        Lifetime = "lifetime",
    }
}

words! {
    /// When a meter begins anew.
    pub enum Reset {
        /// With each month of the subscription.
        Month = "month",
        /// With each month of the calendar.
        Calendar = "calendar",
        /// With each paid term.
        Term = "term",
        /// Never: what is used stays used.
        Never = "never",
    }
}

/// What a plan holds of one kind of units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanMeter {
    /// What is counted.
    pub meter: Meter,
    /// Units in a period; `None` = unlimited.
    pub limit: Option<Units>,
    /// When it begins anew.
    pub reset: Reset,
}

impl PlanMeter {
    /// How often it begins anew in so many terms of `cycle`, the first time included.
    pub fn periods(&self, cycle: BillingCycle, terms: u32) -> i64 {
        let months = cycle
            .months()
            .map_or(super::credit::LIFETIME_MONTHS, |months| {
                months.saturating_mul(terms)
            });
        match self.reset {
            Reset::Month | Reset::Calendar => i64::from(months),
            Reset::Term => i64::from(terms),
            Reset::Never => 1,
        }
    }
}

/// What one call of a resource type takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanCost {
    /// Of which meter.
    pub meter: Meter,
    /// How many units.
    pub units: Units,
}

impl BillingCycle {
    /// Calendar months of a term; `None`: it has no end.
    pub fn months(self) -> Option<u32> {
        match self {
            Self::Monthly => Some(1),
            Self::Yearly => Some(12),
            Self::Lifetime => None,
        }
    }
}

/// What code calls a plan: 1 to 63 of `a-z 0-9 -`, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slug(String);

/// Not a slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a slug has 1 to 63 of a-z, 0-9 and hyphen, beginning with a letter")]
pub struct InvalidSlug;

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, InvalidSlug> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let begins = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase());
        (begins && text.len() <= 63 && text.bytes().all(plain))
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidSlug)
    }
}

impl Slug {
    /// As code writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FieldError for InvalidSlug {
    fn code(&self) -> &'static str {
        "invalid_slug"
    }

    fn detail(&self) -> Text {
        WORDS.text("plans.slug")
    }
}

/// What a buyer reads, in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanText {
    /// Of the plan.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// One line each.
    pub features: Vec<String>,
    /// What a buyer reads behind a number of units (`processed images`), by what code calls the meter.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub meters: BTreeMap<String, String>,
}

/// In both languages, by their tag (`zh`, `en`).
pub type PlanTexts = BTreeMap<String, PlanText>;

/// What a plan is called in this language; `house`, its name in the language of the house, where these texts have none.
pub(crate) fn plan_name<'a>(texts: &'a PlanTexts, language: &str, house: &'a str) -> &'a str {
    let text = texts.get(language).map(|text| text.name.as_str());
    text.filter(|name| !name.is_empty()).unwrap_or(house)
}

/// What a buyer reads of a meter in this language; what code calls it, where there is no word.
///
/// ```
/// use tollgate_payment::model::plan::{PlanText, PlanTexts, meter_word};
///
/// let text = PlanText {
///     meters: [("scans".to_owned(), "processed images".to_owned())].into(),
///     ..PlanText::default()
/// };
/// let texts = PlanTexts::from([("en".to_owned(), text)]);
/// assert_eq!(meter_word(&texts, "en", "scans"), "processed images");
/// assert_eq!(meter_word(&texts, "zh", "scans"), "scans");
/// ```
pub fn meter_word<'a>(texts: &'a PlanTexts, language: &str, meter: &'a str) -> &'a str {
    let text = texts.get(language);
    let word = text.and_then(|text| text.meters.get(meter));
    word.map_or(meter, String::as_str)
}

/// A plan in its newest version.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Of the plan, in every version.
    pub id: PlanId,
    /// What code calls it.
    pub slug: Slug,
    /// In the language of the house.
    pub name: String,
    /// In the language of the house.
    pub description: String,
    /// In every language.
    pub texts: PlanTexts,
    /// For one term; zero is free.
    pub price: Money,
    /// How long a term lasts.
    pub billing_cycle: BillingCycle,
    /// The first meter.
    pub meter: Meter,
    /// Units of the first meter in a month; `None` = unlimited.
    pub quota_limit: Option<Units>,
    /// One line each, in the language of the house.
    pub features: Vec<String>,
    /// All meters, the first one in front.
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
    /// Counts its changes.
    pub version: i64,
    /// Of the first version.
    pub created_at: Timestamp,
    /// Of this version.
    pub updated_at: Timestamp,
    /// Since when it is kept only for those who have it.
    pub archived_at: Option<Timestamp>,
}

impl Plan {
    /// Whether money is asked for it.
    pub fn is_free(&self) -> bool {
        self.price.minor() == 0
    }

    /// How long it gives a right after a term that was not paid on.
    pub fn grace(&self) -> Duration {
        let days = u64::try_from(self.grace_days).unwrap_or(0);
        Duration::from_hours(days.saturating_mul(24))
    }

    /// What it is called in this language, or in the language of the house.
    pub fn name_in(&self, language: &str) -> &str {
        plan_name(&self.texts, language, &self.name)
    }

    /// What was written by hand, in the language `house` of the house where no other is named.
    pub fn terms(&self, house: &str) -> PlanTerms {
        let mut texts = self.texts.clone();
        texts.entry(house.to_owned()).or_insert_with(|| PlanText {
            name: self.name.clone(),
            description: self.description.clone(),
            features: self.features.clone(),
            meters: BTreeMap::new(),
        });
        PlanTerms {
            slug: self.slug.clone(),
            texts,
            price: self.price,
            billing_cycle: self.billing_cycle,
            meters: self.meters.clone(),
            resource_costs: self.resource_costs.clone(),
            trial_days: self.trial_days,
            grace_days: self.grace_days,
            is_default: self.is_default,
            is_active: self.is_active,
            sort_order: self.sort_order,
        }
    }
}

/// What was on sale in a version; whoever bought it keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanVersion {
    /// Counted from 1.
    pub version: i64,
    /// For one term.
    pub price: Money,
    /// How long a term lasts.
    pub billing_cycle: BillingCycle,
    /// One line each, in the language of the house.
    pub features: Vec<String>,
    /// All meters, the first one in front.
    pub meters: Vec<PlanMeter>,
    /// What a call costs, by resource type.
    pub resource_costs: BTreeMap<String, PlanCost>,
    /// Since when.
    pub created_at: Timestamp,
    /// By whom; `None`: the house or its operator.
    pub created_by: Option<UserId>,
}

/// A plan that does not exist yet, with one meter that begins anew each month.
#[derive(Clone, Debug)]
pub struct NewPlan {
    /// What code calls it.
    pub slug: Slug,
    /// In every language.
    pub texts: PlanTexts,
    /// Which of them is the language of the house.
    pub house_language: &'static str,
    /// For one term.
    pub price: Money,
    /// How long a term lasts.
    pub billing_cycle: BillingCycle,
    /// The first meter.
    pub meter: Meter,
    /// Units in a month.
    pub quota_limit: Option<Units>,
    /// What a call costs.
    pub resource_costs: BTreeMap<String, Units>,
    /// Smaller stands first.
    pub sort_order: i64,
}

impl From<NewPlan> for PlanTerms {
    fn from(new: NewPlan) -> Self {
        let cost = |units| PlanCost {
            meter: new.meter.clone(),
            units,
        };
        let costs = new.resource_costs.iter();
        Self {
            slug: new.slug,
            texts: new.texts,
            price: new.price,
            billing_cycle: new.billing_cycle,
            resource_costs: costs
                .map(|(resource_type, units)| (resource_type.clone(), cost(*units)))
                .collect(),
            meters: vec![PlanMeter {
                meter: new.meter.clone(),
                limit: new.quota_limit,
                reset: Reset::Month,
            }],
            trial_days: 0,
            grace_days: 0,
            is_default: false,
            is_active: true,
            sort_order: new.sort_order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_what_code_can_name() {
        for text in ["pro", "a", "pro-2026"] {
            assert!(text.parse::<Slug>().is_ok(), "{text}");
        }
        for text in [
            "",
            "Pro",
            "2pro",
            "-pro",
            "专业版",
            "pro_x",
            &"a".repeat(64),
        ] {
            assert_eq!(text.parse::<Slug>(), Err(InvalidSlug), "{text}");
        }
    }
}
