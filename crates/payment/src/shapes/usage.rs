//! The log of usage, and its lines over time.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, HoldId, SubscriptionId, UsageId, UserId};
use utoipa::ToSchema;

use crate::store::usage_logs::Logged;

/// A row of the log: a charge, or units that were given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageLogShape {
    /// Of the row.
    #[schema(value_type = String, format = "uuid")]
    pub id: UsageId,
    /// Who used it.
    #[schema(value_type = String, format = "uuid")]
    pub user_id: UserId,
    /// What they had.
    #[schema(value_type = String, format = "uuid")]
    pub subscription_id: SubscriptionId,
    /// What the call was counted as.
    pub resource_type: String,
    /// What it was about.
    pub resource_id: Option<String>,
    /// Which meter was charged.
    pub meter: String,
    /// Units of it; below zero: they were given back.
    pub quota_cost: i64,
    /// What the call said it costs, before the plan's price.
    pub requested_cost: i64,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// What the call had to say.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// Which key made the call; null for a sign-in and for a host application.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub api_key_id: Option<ApiKeyId>,
    /// Which reservation was charged.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub reservation_id: Option<HoldId>,
    /// Whose units it gives back.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub refund_of: Option<UsageId>,
}

impl From<Logged> for UsageLogShape {
    fn from(row: Logged) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            subscription_id: row.subscription_id,
            resource_type: row.resource_type,
            resource_id: row.resource_id,
            meter: row.meter,
            quota_cost: row.quota_cost,
            requested_cost: row.requested_cost,
            created_at: row.created_at,
            metadata: row.metadata,
            api_key_id: row.key_id,
            reservation_id: row.hold_id,
            refund_of: row.refund_of,
        }
    }
}

/// Usage over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageSeriesShape {
    /// `hour`, `day` or `month`.
    pub interval: String,
    /// By whose clock.
    pub tz: String,
    /// The largest first; the rest, where there is one, last.
    pub series: Vec<SeriesShape>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeriesShape {
    /// `total` where nothing is told apart; otherwise what the line is of. `none`: without a key; `other`: the rest.
    pub key: String,
    /// One after the other, also where nothing was used.
    pub points: Vec<PointShape>,
}

/// An hour, a day or a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PointShape {
    /// When it begins.
    #[schema(value_type = String, format = "date-time")]
    pub t: Timestamp,
    /// Units, less those that were given back in it.
    pub quota_cost: i64,
    /// Calls.
    pub count: i64,
}
