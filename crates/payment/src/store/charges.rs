//! What is written into `usage_logs`: append-only, one row per charge, one per unit refund. An id is a time.

use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, HoldId, Id, SubscriptionId, UsageId, UserId};
use tollgate_storage::db::Tx;
use tollgate_storage::many::{Many, tuples};
use tollgate_storage::{Result, in_tx};

use crate::model::quota::{Cost, Meter, ResourceId, ResourceType};

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) id: UsageId,
    pub(crate) user_id: UserId,
    pub(crate) subscription_id: SubscriptionId,
    pub(crate) resource_type: &'a ResourceType,
    pub(crate) resource_id: Option<&'a ResourceId>,
    /// Units: below nothing for what is given back.
    pub(crate) quota_cost: i64,
    pub(crate) cost: Cost,
    pub(crate) metadata: &'a serde_json::Value,
    pub(crate) meter: &'a Meter,
    pub(crate) period_start: Timestamp,
    pub(crate) key_id: Option<ApiKeyId>,
    pub(crate) hold_id: Option<HoldId>,
    pub(crate) refund_of: Option<UsageId>,
    pub(crate) at: Timestamp,
}

/// Writes charges down, in the transaction that made them.
pub(crate) async fn append_each(tx: &mut Tx, entries: &[Entry<'_>]) -> Result<()> {
    for (text, part) in APPEND_EACH.parts(entries) {
        in_tx!(tx, |c| {
            let mut query = sqlx::query(text);
            for entry in part {
                query = query
                    .bind(entry.id.uuid())
                    .bind(entry.user_id.uuid())
                    .bind(entry.subscription_id.uuid())
                    .bind(entry.resource_type.as_str())
                    .bind(entry.resource_id.map(ResourceId::as_str))
                    .bind(entry.quota_cost)
                    .bind(entry.at.utc())
                    .bind(Json(entry.metadata))
                    .bind(entry.meter.as_str())
                    .bind(entry.period_start.utc())
                    .bind(entry.cost.get())
                    .bind(entry.key_id.map(Id::uuid))
                    .bind(entry.hold_id.map(Id::uuid))
                    .bind(entry.refund_of.map(Id::uuid));
            }
            query.execute(c).await.map(|_| ())
        })?;
    }
    Ok(())
}

static APPEND_EACH: Many = Many::new(|rows| {
    format!(
        "INSERT INTO usage_logs (id, user_id, subscription_id, resource_type, resource_id, quota_cost,
    created_at, metadata, meter, period_start, requested_cost, key_id, hold_id, refund_of) VALUES {}",
        tuples(1, 14, rows)
    )
});

pub(crate) const MANY: &[&Many] = &[&APPEND_EACH];
