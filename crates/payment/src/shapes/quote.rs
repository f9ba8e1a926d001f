//! What it takes to have a plan.

use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;
use utoipa::ToSchema;

use super::PlanShape;
use crate::model::credit::Share;
use crate::model::quota::Meter;
use crate::model::quote::QuoteKind;

/// What having a plan takes, with every number.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QuoteShape {
    /// `begin` (at once), `renew` (behind what is paid), `upgrade` (at once, what is left of the plan before is counted),
    /// `downgrade` (when the paid term ends), `unchanged` (you have it) or `refused` (not beside what you have).
    #[schema(value_type = String, example = "upgrade")]
    pub kind: QuoteKind,
    /// The plan.
    pub plan: PlanShape,
    /// What is in force now, by its slug; null = nothing.
    pub from_plan: Option<String>,
    /// To pay now; decimal text.
    #[schema(example = "200.34")]
    pub amount: String,
    /// The same in minor units.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Terms that are bought: more than one where what is counted is worth more than one.
    pub terms: u32,
    /// Counted for what is left of the plan before; decimal text.
    #[schema(example = "98.66")]
    pub credit: String,
    /// The same in minor units.
    pub credit_minor: i64,
    /// Why it is as much; null where nothing is counted.
    pub credit_of: Option<CreditShape>,
    /// When the plan begins.
    #[schema(value_type = String, format = "date-time")]
    pub effective_at: Timestamp,
    /// First moment of what is bought.
    #[schema(value_type = String, format = "date-time")]
    pub period_start: Timestamp,
    /// First moment after it; null = no end.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub period_end: Option<Timestamp>,
}

/// What is left of the running term: the smallest of these shares of what it is worth. Later terms that are paid count whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CreditShape {
    /// What the running term is worth; decimal text.
    #[schema(example = "99.00")]
    pub term_worth: String,
    /// The same in minor units.
    pub term_worth_minor: i64,
    /// Whole hours of its time that are left.
    pub hours_left: i64,
    /// Of how many.
    pub hours: i64,
    /// Units that are left in the term, by meter; bonus units go along, and are not counted.
    pub units: Vec<UnitsLeftShape>,
}

/// Units of a meter in the running term.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UnitsLeftShape {
    /// Of which meter.
    pub meter: String,
    /// Left.
    pub left: i64,
    /// Of how many.
    pub of: i64,
}

/// What is counted: altogether, of which worth, by which shares, for how many terms.
pub(crate) struct Counted<'a> {
    pub(crate) credit: Money,
    pub(crate) worth: Money,
    pub(crate) time: Share,
    pub(crate) units: &'a [(Meter, Share)],
    pub(crate) terms: u32,
}

impl QuoteShape {
    /// As it stands.
    pub(crate) fn new(
        kind: QuoteKind,
        plan: PlanShape,
        from_plan: Option<String>,
        (start, end): (Timestamp, Option<Timestamp>),
        amount: Money,
        counted: Option<&Counted<'_>>,
    ) -> Self {
        let nothing = Money::new(0, amount.currency());
        let credit = counted.map_or(nothing, |counted| counted.credit);
        Self {
            kind,
            plan,
            from_plan,
            amount: amount.to_string(),
            amount_minor: amount.minor(),
            currency: amount.currency().code().to_owned(),
            terms: counted.map_or(1, |counted| counted.terms),
            credit: credit.to_string(),
            credit_minor: credit.minor(),
            credit_of: counted.map(|counted| CreditShape {
                term_worth: counted.worth.to_string(),
                term_worth_minor: counted.worth.minor(),
                hours_left: counted.time.left,
                hours: counted.time.whole,
                units: counted.units.iter().map(UnitsLeftShape::from).collect(),
            }),
            effective_at: start,
            period_start: start,
            period_end: end,
        }
    }
}

impl From<&(Meter, Share)> for UnitsLeftShape {
    fn from((meter, share): &(Meter, Share)) -> Self {
        Self {
            meter: meter.to_string(),
            left: share.left,
            of: share.whole,
        }
    }
}
