//! What is for sale.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PlanId;
use tollgate_kernel::money::Money;
use tollgate_kernel::problem::FieldError;
use tollgate_kernel::text::Text;

use super::quota::{Meter, Units};
use super::words;

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
        Text::new(
            "须为 1 至 63 个小写字母、数字或连字符",
            "1 to 63 of a-z, 0-9 and hyphen",
        )
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
}

/// In both languages, by their tag (`zh`, `en`).
pub type PlanTexts = BTreeMap<String, PlanText>;

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
    /// What a call costs, by resource type; `*` is any other.
    pub resource_costs: BTreeMap<String, Units>,
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
}

impl Plan {
    /// Whether money is asked for it.
    pub fn is_free(&self) -> bool {
        self.price.minor() == 0
    }
}

/// A plan that does not exist yet.
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
