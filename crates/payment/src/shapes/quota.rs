//! Holds, and what becomes of them.

use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{HoldId, UsageId};
use utoipa::ToSchema;

use super::QuotaShape;
use crate::model::hold::Hold;
use crate::model::quota::{QuotaState, Units};

/// Units set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldShape {
    /// Of the hold.
    #[schema(value_type = String, format = "uuid")]
    pub reservation_id: HoldId,
    /// Units set aside.
    pub units: i64,
    /// When they are given back by themselves.
    #[schema(value_type = String, format = "date-time")]
    pub expires_at: Timestamp,
    /// How the meter stands after it.
    pub quota: QuotaShape,
}

impl HoldShape {
    pub(crate) fn new(hold: &Hold, quota: &QuotaState) -> Self {
        Self {
            reservation_id: hold.id,
            units: hold.units.get(),
            expires_at: hold.expires_at,
            quota: QuotaShape::from(quota),
        }
    }
}

/// A hold that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettledShape {
    /// Of the hold.
    #[schema(value_type = String, format = "uuid")]
    pub reservation_id: HoldId,
    /// Of the row in the usage log; null when nothing was charged.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub usage_id: Option<UsageId>,
    /// Units charged; the others were given back.
    pub charged: i64,
    /// How its meter stands in its period.
    pub quota: QuotaShape,
}

impl SettledShape {
    pub(crate) fn new(hold: &Hold, quota: &QuotaState) -> Self {
        Self {
            reservation_id: hold.id,
            usage_id: hold.usage_id,
            charged: hold.charged.map_or(0, Units::get),
            quota: QuotaShape::from(quota),
        }
    }
}

/// Units of a usage that were given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitRefundShape {
    /// What was given back.
    #[schema(value_type = String, format = "uuid")]
    pub usage_id: UsageId,
    /// Of the row that gives it back; the log keeps both.
    #[schema(value_type = String, format = "uuid")]
    pub refund_usage_id: UsageId,
    /// Units given back.
    pub units: i64,
    /// How the meter stands in the period of the usage.
    pub quota: QuotaShape,
}
