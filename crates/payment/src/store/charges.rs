//! What is written into `usage_logs`: append-only, one row per charge, one per unit refund. An id is a time.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, HoldId, Id, SubscriptionId, UsageId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::rows::{Cell, Kind, OverRows, Sheet};
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

/// Writes charges down, in the transaction that made them. `false`: one of them would be older than what is folded, so
/// it would be in no sum; undo, and take a later moment for them.
pub(crate) async fn append_each(tx: &mut Tx, entries: &[Entry<'_>]) -> Result<bool> {
    if entries.is_empty() {
        return Ok(true);
    }
    let mut sheet = Sheet::default();
    for entry in entries {
        sheet.row([
            Cell::Id(entry.id.uuid()),
            Cell::Id(entry.user_id.uuid()),
            Cell::Id(entry.subscription_id.uuid()),
            Cell::Text(entry.resource_type.as_str()),
            Cell::from(entry.resource_id.map(ResourceId::as_str)),
            Cell::Number(entry.quota_cost),
            Cell::Time(entry.at),
            Cell::Json(entry.metadata),
            Cell::Text(entry.meter.as_str()),
            Cell::Time(entry.period_start),
            Cell::Number(entry.cost.get()),
            Cell::from(entry.key_id.map(Id::uuid)),
            Cell::from(entry.hold_id.map(Id::uuid)),
            Cell::from(entry.refund_of.map(Id::uuid)),
        ]);
    }
    let (text, sheet) = (APPEND_EACH.text(tx), sheet.text());
    let written = in_tx!(tx, |c| sqlx::query(text)
        .bind(&sheet)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(usize::try_from(written) == Ok(entries.len()))
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
        created_at: At,
        held_at: Option<At>,
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
    /// When the units were taken: set aside, if they were first.
    pub(crate) taken_at: Timestamp,
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
            taken_at: Timestamp::from_utc(row.held_at.unwrap_or(row.created_at)),
        })
    });
    charge.transpose()
}

const FIND: &str =
    "SELECT l.user_id, l.subscription_id, l.resource_type, l.resource_id, l.quota_cost, l.meter, l.period_start,
    l.requested_cost, l.key_id, l.hold_id, l.created_at, h.created_at AS held_at
    FROM usage_logs l LEFT JOIN quota_holds h ON h.id = l.hold_id WHERE l.id = $1";
static APPEND_EACH: OverRows = OverRows::new(
    &[
        ("id", Kind::Id),
        ("user_id", Kind::Id),
        ("subscription_id", Kind::Id),
        ("resource_type", Kind::Text),
        ("resource_id", Kind::Text),
        ("quota_cost", Kind::Number),
        ("created_at", Kind::Time),
        ("metadata", Kind::Json),
        ("meter", Kind::Text),
        ("period_start", Kind::Time),
        ("requested_cost", Kind::Number),
        ("key_id", Kind::Id),
        ("hold_id", Kind::Id),
        ("refund_of", Kind::Id),
    ],
    |wanted| {
        format!(
            "INSERT INTO usage_logs (id, user_id, subscription_id, resource_type, resource_id, quota_cost,
    created_at, metadata, meter, period_start, requested_cost, key_id, hold_id, refund_of)
    SELECT id, user_id, subscription_id, resource_type, resource_id, quota_cost,
    created_at, metadata, meter, period_start, requested_cost, key_id, hold_id, refund_of FROM {wanted}
    WHERE NOT EXISTS (SELECT 1 FROM usage_marks m WHERE m.name = 'folded' AND m.upto > wanted.created_at)"
        )
    },
);

pub(crate) const STATEMENTS: &[&str] = &[FIND];
pub(crate) const OVER_ROWS: &[&OverRows] = &[&APPEND_EACH];
