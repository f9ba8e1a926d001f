//! `plan_versions`, `plan_meters`, `plan_costs`: what was on sale when. Rows are added, never changed; they go only with
//! a plan that nobody ever had.

use std::collections::BTreeMap;

use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, PlanId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::plan::{PlanCost, PlanMeter, PlanVersion};
use crate::model::plan_terms::PlanTerms;
use crate::model::quota::Units;

row!(
    #[derive(Clone)]
    pub(super) struct MeterRow {
        pub(super) plan_id: Uuid,
        pub(super) version: i64,
        meter: String,
        quota_limit: Option<i64>,
        reset: String,
    }
);

impl MeterRow {
    /// As the design's own columns say it, of the meter in front.
    pub(super) fn first(&self) -> (String, Option<i64>) {
        (self.meter.clone(), self.quota_limit)
    }
}

row!(
    #[derive(Clone)]
    pub(super) struct CostRow {
        pub(super) plan_id: Uuid,
        pub(super) version: i64,
        resource_type: String,
        meter: String,
        units: i64,
    }
);

row!(
    struct VersionRow {
        version: i64,
        price: i64,
        currency: String,
        billing_cycle: String,
        features: Json<Vec<String>>,
        created_at: At,
        created_by: Option<Uuid>,
    }
);

impl TryFrom<MeterRow> for PlanMeter {
    type Error = tollgate_storage::StorageError;

    fn try_from(row: MeterRow) -> Result<Self> {
        let read = Reader {
            table: "plan_meters",
            row: row.plan_id,
        };
        Ok(Self {
            meter: read.text("meter", &row.meter)?,
            limit: read.limit("quota_limit", row.quota_limit)?,
            reset: read.text("reset", &row.reset)?,
        })
    }
}

/// As a price list.
pub(super) fn costs(rows: Vec<CostRow>) -> Result<BTreeMap<String, PlanCost>> {
    let mut list = BTreeMap::new();
    for row in rows {
        let read = Reader {
            table: "plan_costs",
            row: row.plan_id,
        };
        let cost = PlanCost {
            meter: read.text("meter", &row.meter)?,
            units: read.units("units", row.units)?,
        };
        list.insert(row.resource_type, cost);
    }
    Ok(list)
}

/// Meters and price list of a version.
pub(super) async fn find(
    db: &Db,
    plan: Uuid,
    version: i64,
) -> Result<(Vec<MeterRow>, Vec<CostRow>)> {
    let meters = on_read!(db, |e| sqlx::query_as(METERS)
        .bind(plan)
        .bind(version)
        .fetch_all(e)
        .await)?;
    let costs = on_read!(db, |e| sqlx::query_as(COSTS)
        .bind(plan)
        .bind(version)
        .fetch_all(e)
        .await)?;
    Ok((meters, costs))
}

/// The same inside a transaction.
pub(super) async fn read(
    tx: &mut Tx,
    plan: Uuid,
    version: i64,
) -> Result<(Vec<MeterRow>, Vec<CostRow>)> {
    let meters = in_tx!(tx, |c| sqlx::query_as(METERS)
        .bind(plan)
        .bind(version)
        .fetch_all(c)
        .await)?;
    let costs = in_tx!(tx, |c| sqlx::query_as(COSTS)
        .bind(plan)
        .bind(version)
        .fetch_all(c)
        .await)?;
    Ok((meters, costs))
}

/// All versions of a plan, newest first.
pub(crate) async fn list(db: &Db, plan: PlanId) -> Result<Vec<PlanVersion>> {
    let rows: Vec<VersionRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(plan.uuid())
        .fetch_all(e)
        .await)?;
    let meters: Vec<MeterRow> = on_read!(db, |e| sqlx::query_as(ALL_METERS)
        .bind(plan.uuid())
        .fetch_all(e)
        .await)?;
    let prices: Vec<CostRow> = on_read!(db, |e| sqlx::query_as(ALL_COSTS)
        .bind(plan.uuid())
        .fetch_all(e)
        .await)?;
    let of_version = |row: VersionRow| {
        let read = Reader {
            table: "plan_versions",
            row: plan.uuid(),
        };
        let held = meters.iter().filter(|meter| meter.version == row.version);
        let list = prices.iter().filter(|price| price.version == row.version);
        Ok(PlanVersion {
            version: row.version,
            price: read.money(row.price, &row.currency)?,
            billing_cycle: read.text("billing_cycle", &row.billing_cycle)?,
            features: row.features.0,
            meters: held
                .cloned()
                .map(PlanMeter::try_from)
                .collect::<Result<_>>()?,
            resource_costs: costs(list.cloned().collect())?,
            created_at: Timestamp::from_utc(row.created_at),
            created_by: row.created_by.map(UserId::from),
        })
    };
    rows.into_iter().map(of_version).collect()
}

/// Writes down what is on sale from now on. `features` are those in the language of the house.
pub(crate) async fn insert(
    tx: &mut Tx,
    plan: PlanId,
    version: i64,
    terms: &PlanTerms,
    house: &str,
    by: Option<UserId>,
    now: Timestamp,
) -> Result<()> {
    let features = terms.texts.get(house).map(|text| &text.features);
    let none = Vec::new();
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(plan.uuid())
        .bind(version)
        .bind(terms.price.minor())
        .bind(terms.price.currency().code())
        .bind(terms.billing_cycle.as_str())
        .bind(Json(features.unwrap_or(&none)))
        .bind(now.utc())
        .bind(by.map(Id::uuid))
        .execute(c)
        .await
        .map(|_| ()))?;
    for (position, meter) in (0_i64..).zip(&terms.meters) {
        in_tx!(tx, |c| sqlx::query(INSERT_METER)
            .bind(plan.uuid())
            .bind(version)
            .bind(meter.meter.as_str())
            .bind(position)
            .bind(meter.limit.map(Units::get))
            .bind(meter.reset.as_str())
            .execute(c)
            .await
            .map(|_| ()))?;
    }
    for (resource_type, cost) in &terms.resource_costs {
        in_tx!(tx, |c| sqlx::query(INSERT_COST)
            .bind(plan.uuid())
            .bind(version)
            .bind(resource_type)
            .bind(cost.meter.as_str())
            .bind(cost.units.get())
            .execute(c)
            .await
            .map(|_| ()))?;
    }
    Ok(())
}

/// Forgets every version of a plan that nobody ever had.
pub(crate) async fn delete(tx: &mut Tx, plan: PlanId) -> Result<()> {
    for statement in [DELETE_COSTS, DELETE_METERS, DELETE] {
        in_tx!(tx, |c| sqlx::query(statement)
            .bind(plan.uuid())
            .execute(c)
            .await
            .map(|_| ()))?;
    }
    Ok(())
}

const METERS: &str = "SELECT plan_id, version, meter, quota_limit, reset FROM plan_meters
    WHERE plan_id = $1 AND version = $2 ORDER BY position";
const COSTS: &str = "SELECT plan_id, version, resource_type, meter, units FROM plan_costs
    WHERE plan_id = $1 AND version = $2";
const LIST: &str =
    "SELECT version, price, currency, billing_cycle, features, created_at, created_by
    FROM plan_versions WHERE plan_id = $1 ORDER BY version DESC";
const ALL_METERS: &str = "SELECT plan_id, version, meter, quota_limit, reset FROM plan_meters
    WHERE plan_id = $1 ORDER BY version, position";
const ALL_COSTS: &str = "SELECT plan_id, version, resource_type, meter, units FROM plan_costs
    WHERE plan_id = $1";
const INSERT: &str = "INSERT INTO plan_versions
    (plan_id, version, price, currency, billing_cycle, features, created_at, created_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const INSERT_METER: &str =
    "INSERT INTO plan_meters (plan_id, version, meter, position, quota_limit, reset)
    VALUES ($1, $2, $3, $4, $5, $6)";
const INSERT_COST: &str = "INSERT INTO plan_costs (plan_id, version, resource_type, meter, units)
    VALUES ($1, $2, $3, $4, $5)";
const DELETE_COSTS: &str = "DELETE FROM plan_costs WHERE plan_id = $1";
const DELETE_METERS: &str = "DELETE FROM plan_meters WHERE plan_id = $1";
const DELETE: &str = "DELETE FROM plan_versions WHERE plan_id = $1";

pub(crate) const STATEMENTS: &[&str] = &[
    METERS,
    COSTS,
    LIST,
    ALL_METERS,
    ALL_COSTS,
    INSERT,
    INSERT_METER,
    INSERT_COST,
    DELETE_COSTS,
    DELETE_METERS,
    DELETE,
];
