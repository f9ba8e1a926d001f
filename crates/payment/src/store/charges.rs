//! What is written into `usage_logs`: append-only, one row per charge, one per unit refund. An id is a time.

use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, HoldId, Id, SubscriptionId, UsageId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::many::{Many, tuples};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
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

row!(
    struct ChargeRow {
        user_id: Uuid,
        subscription_id: Uuid,
        resource_type: String,
        resource_id: Option<String>,
        quota_cost: i64,
        meter: String,
        period_start: At,
        requested_cost: i64,
        key_id: Option<Uuid>,
        hold_id: Option<Uuid>,
    }
);

/// A row as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) user_id: UserId,
    pub(crate) subscription_id: SubscriptionId,
    pub(crate) resource_type: ResourceType,
    pub(crate) resource_id: Option<ResourceId>,
    pub(crate) quota_cost: i64,
    pub(crate) meter: Meter,
    pub(crate) period_start: Timestamp,
    pub(crate) cost: Cost,
    pub(crate) key_id: Option<ApiKeyId>,
    pub(crate) hold_id: Option<HoldId>,
}

/// One row.
pub(crate) async fn find(db: &Db, id: UsageId) -> Result<Option<Charge>> {
    let row: Option<ChargeRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    let charge = row.map(|row| {
        let read = Reader {
            table: "usage_logs",
            row: id.uuid(),
        };
        let resource_id = row.resource_id.as_deref();
        Ok(Charge {
            user_id: row.user_id.into(),
            subscription_id: row.subscription_id.into(),
            resource_type: read.text("resource_type", &row.resource_type)?,
            resource_id: resource_id
                .map(|id| read.text("resource_id", id))
                .transpose()?,
            quota_cost: row.quota_cost,
            meter: read.text("meter", &row.meter)?,
            period_start: Timestamp::from_utc(row.period_start),
            cost: read.cost("requested_cost", row.requested_cost)?,
            key_id: row.key_id.map(ApiKeyId::from),
            hold_id: row.hold_id.map(HoldId::from),
        })
    });
    charge.transpose()
}

const FIND: &str =
    "SELECT user_id, subscription_id, resource_type, resource_id, quota_cost, meter, period_start,
    requested_cost, key_id, hold_id FROM usage_logs WHERE id = $1";
static APPEND_EACH: Many = Many::new(|rows| {
    format!(
        "INSERT INTO usage_logs (id, user_id, subscription_id, resource_type, resource_id, quota_cost,
    created_at, metadata, meter, period_start, requested_cost, key_id, hold_id, refund_of) VALUES {}",
        tuples(1, 14, rows)
    )
});

pub(crate) const STATEMENTS: &[&str] = &[FIND];
pub(crate) const MANY: &[&Many] = &[&APPEND_EACH];
