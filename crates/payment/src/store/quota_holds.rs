//! `quota_holds`: units set aside before the work. A hold ends exactly once: committed, released or expired.

use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{HoldId, Id as _, SubscriptionId, UsageId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::rows::{Cell, Kind, OverRows, Sheet};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::hold::{Hold, Owner};
use crate::model::quota::{Meter, ResourceId, Units};

row!(
    struct HoldRow {
        id: Uuid,
        subscription_id: Uuid,
        meter: String,
        period_start: At,
        user_id: Uuid,
        owner_kind: String,
        owner_id: Uuid,
        resource_type: String,
        resource_id: Option<String>,
        requested_cost: i64,
        units: i64,
        charged: Option<i64>,
        state: String,
        metadata: Json<serde_json::Value>,
        usage_id: Option<Uuid>,
        created_at: At,
        expires_at: At,
    }
);

impl TryFrom<HoldRow> for Hold {
    type Error = tollgate_storage::StorageError;

    fn try_from(row: HoldRow) -> Result<Self> {
        let read = Reader {
            table: "quota_holds",
            row: row.id,
        };
        let resource_id = row.resource_id.as_deref();
        Ok(Self {
            id: row.id.into(),
            subscription_id: row.subscription_id.into(),
            meter: read.text("meter", &row.meter)?,
            period_start: Timestamp::from_utc(row.period_start),
            user_id: row.user_id.into(),
            owner: Owner {
                kind: read.text("owner_kind", &row.owner_kind)?,
                id: row.owner_id,
            },
            resource_type: read.text("resource_type", &row.resource_type)?,
            resource_id: resource_id
                .map(|id| read.text("resource_id", id))
                .transpose()?,
            cost: read.cost("requested_cost", row.requested_cost)?,
            units: read.units("units", row.units)?,
            charged: read.limit("charged", row.charged)?,
            state: read.text("state", &row.state)?,
            metadata: row.metadata.0,
            usage_id: row.usage_id.map(UsageId::from),
            created_at: Timestamp::from_utc(row.created_at),
            expires_at: Timestamp::from_utc(row.expires_at),
        })
    }
}

/// Writes holds down, in the transaction that set their units aside.
pub(crate) async fn put_each(tx: &mut Tx, holds: &[Hold]) -> Result<()> {
    if holds.is_empty() {
        return Ok(());
    }
    let mut sheet = Sheet::default();
    for hold in holds {
        sheet.row([
            Cell::Id(hold.id.uuid()),
            Cell::Id(hold.subscription_id.uuid()),
            Cell::Text(hold.meter.as_str()),
            Cell::Time(hold.period_start),
            Cell::Id(hold.user_id.uuid()),
            Cell::Text(hold.owner.kind.as_str()),
            Cell::Id(hold.owner.id),
            Cell::Text(hold.resource_type.as_str()),
            Cell::from(hold.resource_id.as_ref().map(ResourceId::as_str)),
            Cell::Number(hold.cost.get()),
            Cell::Number(hold.units.get()),
            Cell::Json(&hold.metadata),
            Cell::Time(hold.created_at),
            Cell::Time(hold.expires_at),
        ]);
    }
    let (text, sheet) = (PUT_EACH.text(tx), sheet.text());
    in_tx!(tx, |c| sqlx::query(text)
        .bind(&sheet)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// A hold of this owner.
pub(crate) async fn read(tx: &mut Tx, id: HoldId, owner: &Owner) -> Result<Option<Hold>> {
    let row: Option<HoldRow> = in_tx!(tx, |c| sqlx::query_as(READ)
        .bind(id.uuid())
        .bind(owner.kind.as_str())
        .bind(owner.id)
        .fetch_optional(c)
        .await)?;
    row.map(Hold::try_from).transpose()
}

/// The same, outside any transaction.
pub(crate) async fn find(db: &Db, id: HoldId, owner: &Owner) -> Result<Option<Hold>> {
    let row: Option<HoldRow> = on_read!(db, |e| sqlx::query_as(READ)
        .bind(id.uuid())
        .bind(owner.kind.as_str())
        .bind(owner.id)
        .fetch_optional(e)
        .await)?;
    row.map(Hold::try_from).transpose()
}

/// Charges `charged` units of a hold, which ends. `false`: it has ended, or its time is over.
pub(crate) async fn commit(
    tx: &mut Tx,
    id: HoldId,
    charged: Units,
    usage: UsageId,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(COMMIT)
        .bind(id.uuid())
        .bind(charged.get())
        .bind(usage.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Gives a hold back, which ends. `false`: it has ended.
pub(crate) async fn release(tx: &mut Tx, id: HoldId, now: Timestamp) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(RELEASE)
        .bind(id.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Moves the time of a hold. `false`: it has ended, or its time is over.
pub(crate) async fn extend(
    tx: &mut Tx,
    id: HoldId,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(EXTEND)
        .bind(id.uuid())
        .bind(expires_at.utc())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

row!(
    struct DueRow {
        id: Uuid,
        subscription_id: Uuid,
        meter: String,
        period_start: At,
        units: i64,
        created_at: At,
    }
);

/// A hold whose time is over.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) id: HoldId,
    pub(crate) subscription: SubscriptionId,
    pub(crate) meter: Meter,
    pub(crate) period_start: Timestamp,
    pub(crate) units: Units,
    pub(crate) created_at: Timestamp,
}

/// Up to `limit` holds whose time is over.
pub(crate) async fn due(tx: &mut Tx, limit: i64, now: Timestamp) -> Result<Vec<Due>> {
    let rows: Vec<DueRow> = in_tx!(tx, |c| sqlx::query_as(DUE)
        .bind(now.utc())
        .bind(limit)
        .fetch_all(c)
        .await)?;
    let due = rows.into_iter().map(|row| {
        let read = Reader {
            table: "quota_holds",
            row: row.id,
        };
        Ok(Due {
            id: row.id.into(),
            subscription: row.subscription_id.into(),
            meter: read.text("meter", &row.meter)?,
            period_start: Timestamp::from_utc(row.period_start),
            units: read.units("units", row.units)?,
            created_at: Timestamp::from_utc(row.created_at),
        })
    });
    due.collect()
}

/// Ends a hold because its time is over. `false`: it has ended, or was extended.
pub(crate) async fn expire(tx: &mut Tx, id: HoldId, now: Timestamp) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(EXPIRE)
        .bind(id.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

static PUT_EACH: OverRows = OverRows::new(
    &[
        ("id", Kind::Id),
        ("subscription_id", Kind::Id),
        ("meter", Kind::Text),
        ("period_start", Kind::Time),
        ("user_id", Kind::Id),
        ("owner_kind", Kind::Text),
        ("owner_id", Kind::Id),
        ("resource_type", Kind::Text),
        ("resource_id", Kind::Text),
        ("requested_cost", Kind::Number),
        ("units", Kind::Number),
        ("metadata", Kind::Json),
        ("created_at", Kind::Time),
        ("expires_at", Kind::Time),
    ],
    |wanted| {
        format!(
            "INSERT INTO quota_holds (id, subscription_id, meter, period_start, user_id, owner_kind, owner_id,
    resource_type, resource_id, requested_cost, units, metadata, created_at, expires_at)
    SELECT id, subscription_id, meter, period_start, user_id, owner_kind, owner_id,
    resource_type, resource_id, requested_cost, units, metadata, created_at, expires_at FROM {wanted}"
        )
    },
);
const READ: &str =
    "SELECT id, subscription_id, meter, period_start, user_id, owner_kind, owner_id, resource_type,
    resource_id, requested_cost, units, charged, state, metadata, usage_id, created_at, expires_at
    FROM quota_holds WHERE id = $1 AND owner_kind = $2 AND owner_id = $3";
const COMMIT: &str =
    "UPDATE quota_holds SET state = 'committed', charged = $2, usage_id = $3, settled_at = $4
    WHERE id = $1 AND state = 'held' AND expires_at > $4 AND $2 <= units RETURNING id";
const RELEASE: &str = "UPDATE quota_holds SET state = 'released', charged = 0, settled_at = $2
    WHERE id = $1 AND state = 'held' RETURNING id";
const EXTEND: &str = "UPDATE quota_holds SET expires_at = $2
    WHERE id = $1 AND state = 'held' AND expires_at > $3 RETURNING id";
// The conditions stand outside too, since a rival may have been faster.
const DUE: &str =
    "SELECT id, subscription_id, meter, period_start, units, created_at FROM quota_holds
    WHERE state = 'held' AND expires_at <= $1 ORDER BY expires_at LIMIT $2";
const EXPIRE: &str = "UPDATE quota_holds SET state = 'expired', charged = 0, settled_at = $2
    WHERE id = $1 AND state = 'held' AND expires_at <= $2 RETURNING id";

pub(crate) const STATEMENTS: &[&str] = &[READ, COMMIT, RELEASE, EXTEND, DUE, EXPIRE];
pub(crate) const OVER_ROWS: &[&OverRows] = &[&PUT_EACH];
