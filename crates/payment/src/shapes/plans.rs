//! Plans: their meters, their price list, and what staff see of them.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use utoipa::ToSchema;

use super::PlanShape;
use crate::model::plan::{
    BillingCycle, Plan, PlanCost, PlanMeter, PlanTexts, PlanVersion, Reset, meter_word,
};
use crate::model::quota::{Meter, Units};

/// A meter of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanMeterShape {
    /// What is counted.
    #[schema(example = "processing_count")]
    pub meter: String,
    /// What a buyer reads behind a number of units, in the language of the house; `meter` where there is no word.
    #[serde(default)]
    #[schema(example = "processed images")]
    pub name: String,
    /// Units in a period; null = unlimited, 0 = none.
    pub limit: Option<i64>,
    /// `month` (of the subscription), `calendar` (month), `term` or `never`.
    #[schema(value_type = String, example = "month")]
    pub reset: Reset,
}

impl PlanMeterShape {
    fn new(meter: &PlanMeter, texts: &PlanTexts, house: &str) -> Self {
        let code = meter.meter.as_str();
        Self {
            meter: code.to_owned(),
            name: meter_word(texts, house, code).to_owned(),
            limit: meter.limit.map(Units::get),
            reset: meter.reset,
        }
    }

    /// All of them, with the words of the plan in the language `house`.
    pub(super) fn list(meters: &[PlanMeter], texts: &PlanTexts, house: &str) -> Vec<Self> {
        let shape = |meter| Self::new(meter, texts, house);
        meters.iter().map(shape).collect()
    }
}

/// What one call takes: units of the first meter, or of one that is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum CostShape {
    /// Units of the first meter.
    Units(i64),
    /// Units of this meter.
    OfMeter(MeterUnits),
}

/// Units of a meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeterUnits {
    /// Which.
    pub meter: String,
    /// How many.
    pub units: i64,
}

/// As it is shown beside the meters, of which the first needs no name.
pub(crate) fn costs(
    list: &BTreeMap<String, PlanCost>,
    first: &Meter,
) -> BTreeMap<String, CostShape> {
    let shape = |cost: &PlanCost| {
        if cost.meter == *first {
            CostShape::Units(cost.units.get())
        } else {
            CostShape::OfMeter(MeterUnits {
                meter: cost.meter.to_string(),
                units: cost.units.get(),
            })
        }
    };
    list.iter()
        .map(|(resource_type, cost)| (resource_type.clone(), shape(cost)))
        .collect()
}

/// What was on sale in a version; a sold one stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanVersionShape {
    /// Counted from 1.
    pub version: i64,
    /// Decimal text with the currency's exact scale.
    pub price: String,
    /// The same in minor units.
    pub price_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// How long one payment lasted.
    #[schema(value_type = String)]
    pub billing_cycle: BillingCycle,
    /// One line each.
    pub features: Vec<String>,
    /// The first one in front.
    pub meters: Vec<PlanMeterShape>,
    /// Units that one call of a resource type took; `*` is any other.
    #[schema(value_type = Object)]
    pub resource_costs: BTreeMap<String, CostShape>,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// By whom; null: the house or its operator.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub created_by: Option<UserId>,
}

impl PlanVersionShape {
    /// With the words that the plan has by now, in the language `house` where an answer has one only.
    pub(crate) fn new(version: PlanVersion, texts: &PlanTexts, house: &str) -> Self {
        let first = version.meters.first().map(|first| &first.meter);
        Self {
            version: version.version,
            price: version.price.to_string(),
            price_minor: version.price.minor(),
            currency: version.price.currency().code().to_owned(),
            billing_cycle: version.billing_cycle,
            resource_costs: first
                .map(|first| costs(&version.resource_costs, first))
                .unwrap_or_default(),
            meters: PlanMeterShape::list(&version.meters, texts, house),
            features: version.features,
            created_at: version.created_at,
            created_by: version.created_by,
        }
    }
}

/// A plan as staff see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AdminPlanShape {
    /// As everybody sees it.
    #[serde(flatten)]
    pub plan: PlanShape,
    /// Days of use after a term that was not paid on.
    pub grace_days: i64,
    /// Counts its changes.
    pub version: i64,
    /// How many have it now.
    pub subscribers: i64,
    /// Of the newest version.
    #[schema(value_type = String, format = "date-time")]
    pub updated_at: Timestamp,
    /// Since when it is kept only for those who have it.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub archived_at: Option<Timestamp>,
    /// Of one plan: what was on sale when, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<PlanVersionShape>>,
}

impl AdminPlanShape {
    /// A plan, and how many have it; `house` is the language of the house.
    pub fn new(plan: Plan, subscribers: i64, house: &str) -> Self {
        Self {
            grace_days: plan.grace_days,
            version: plan.version,
            subscribers,
            updated_at: plan.updated_at,
            archived_at: plan.archived_at,
            versions: None,
            plan: PlanShape::new(plan, house),
        }
    }
}

/// What staff see beside what everybody sees.
#[derive(Deserialize)]
struct Beside {
    grace_days: i64,
    version: i64,
    subscribers: i64,
    updated_at: Timestamp,
    archived_at: Option<Timestamp>,
    versions: Option<Vec<PlanVersionShape>>,
}

// By hand, since what is derived for flattened fields would read numbers as floats.
impl<'de> Deserialize<'de> for AdminPlanShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = Value::deserialize(deserializer)?;
        let plan = PlanShape::deserialize(&whole).map_err(D::Error::custom)?;
        let beside = Beside::deserialize(&whole).map_err(D::Error::custom)?;
        Ok(Self {
            plan,
            grace_days: beside.grace_days,
            version: beside.version,
            subscribers: beside.subscribers,
            updated_at: beside.updated_at,
            archived_at: beside.archived_at,
            versions: beside.versions,
        })
    }
}
