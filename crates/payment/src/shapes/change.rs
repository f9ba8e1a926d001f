//! The life of a subscription.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ChangeId, PaymentId, PlanId, SubscriptionId};
use utoipa::ToSchema;

use crate::model::change::{Change, ChangeKind};

/// One change in the life of a subscription.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangeShape {
    /// Of the change.
    #[schema(value_type = String, format = "uuid")]
    pub id: ChangeId,
    /// Of which subscription.
    #[schema(value_type = String, format = "uuid")]
    pub subscription_id: SubscriptionId,
    /// `activated`, `renewed`, `changed`, `past_due`, `cancelled`, `resumed`, `expired`, `refunded` or `replaced`.
    #[schema(value_type = String, example = "activated")]
    pub kind: ChangeKind,
    /// The plan before.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub from_plan_id: Option<PlanId>,
    /// The plan after; null when nothing follows.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub to_plan_id: Option<PlanId>,
    /// The payment that brought it about.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub transaction_id: Option<PaymentId>,
    /// How it stood after it.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

impl From<&Change> for ChangeShape {
    fn from(change: &Change) -> Self {
        Self {
            id: change.id,
            subscription_id: change.subscription_id,
            kind: change.kind,
            from_plan_id: change.from_plan,
            to_plan_id: change.to_plan,
            transaction_id: change.payment,
            detail: change.detail.clone(),
            created_at: change.created_at,
        }
    }
}
