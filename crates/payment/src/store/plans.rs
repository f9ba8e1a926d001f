//! `subscription_plans`, `plan_meters`, `plan_costs`.

use std::collections::BTreeMap;

use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, PlanId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::plan::{NewPlan, Plan, PlanTexts};
use crate::model::quota::{Meter, ResourceType, Units};

row!(
    struct PlanRow {
        id: Uuid,
        name: String,
        price: i64,
        currency: String,
        billing_cycle: String,
        quota_type: String,
        quota_limit: Option<i64>,
        features: Json<Vec<String>>,
        is_active: bool,
        created_at: At,
        slug: String,
        description: String,
        texts: Json<PlanTexts>,
        is_default: bool,
        sort_order: i64,
        version: i64,
    }
);

row!(
    struct CostRow {
        plan_id: Uuid,
        resource_type: String,
        units: i64,
    }
);

/// A plan by its id, on sale or not.
pub(crate) async fn find(db: &Db, id: PlanId) -> Result<Option<Plan>> {
    let row: Option<PlanRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    one(db, row).await
}

/// A plan by its slug, on sale or not.
pub(crate) async fn find_by_slug(db: &Db, slug: &str) -> Result<Option<Plan>> {
    let row: Option<PlanRow> = on_read!(db, |e| sqlx::query_as(FIND_BY_SLUG)
        .bind(slug)
        .fetch_optional(e)
        .await)?;
    one(db, row).await
}

/// A plan inside a transaction, without its price list.
pub(crate) async fn read(tx: &mut Tx, id: PlanId) -> Result<Option<Plan>> {
    let row: Option<PlanRow> = in_tx!(tx, |c| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(c)
        .await)?;
    row.map(|row| plan(row, BTreeMap::new())).transpose()
}

/// Everything on sale, in the order of the house.
pub(crate) async fn list_active(db: &Db) -> Result<Vec<Plan>> {
    let rows: Vec<PlanRow> = on_read!(db, |e| sqlx::query_as(LIST_ACTIVE).fetch_all(e).await)?;
    let costs: Vec<CostRow> = on_read!(db, |e| sqlx::query_as(COSTS_ACTIVE).fetch_all(e).await)?;
    let mut lists: BTreeMap<Uuid, BTreeMap<String, Units>> = BTreeMap::new();
    for cost in costs {
        let units = Reader {
            table: "plan_costs",
            row: cost.plan_id,
        }
        .units("units", cost.units)?;
        lists
            .entry(cost.plan_id)
            .or_default()
            .insert(cost.resource_type, units);
    }
    rows.into_iter()
        .map(|row| {
            let costs = lists.remove(&row.id).unwrap_or_default();
            plan(row, costs)
        })
        .collect()
}

async fn one(db: &Db, row: Option<PlanRow>) -> Result<Option<Plan>> {
    let Some(row) = row else { return Ok(None) };
    let costs: Vec<CostRow> = on_read!(db, |e| sqlx::query_as(COSTS)
        .bind(row.id)
        .bind(row.version)
        .fetch_all(e)
        .await)?;
    let mut list = BTreeMap::new();
    for cost in costs {
        let units = Reader {
            table: "plan_costs",
            row: cost.plan_id,
        }
        .units("units", cost.units)?;
        list.insert(cost.resource_type, units);
    }
    plan(row, list).map(Some)
}

fn plan(row: PlanRow, resource_costs: BTreeMap<String, Units>) -> Result<Plan> {
    let read = Reader {
        table: "subscription_plans",
        row: row.id,
    };
    Ok(Plan {
        id: row.id.into(),
        slug: read.text("slug", &row.slug)?,
        name: row.name,
        description: row.description,
        texts: row.texts.0,
        price: read.money(row.price, &row.currency)?,
        billing_cycle: read.text("billing_cycle", &row.billing_cycle)?,
        meter: read.text("quota_type", &row.quota_type)?,
        quota_limit: read.limit("quota_limit", row.quota_limit)?,
        features: row.features.0,
        resource_costs,
        is_default: row.is_default,
        is_active: row.is_active,
        sort_order: row.sort_order,
        version: row.version,
        created_at: Timestamp::from_utc(row.created_at),
    })
}

/// What one call of a resource type takes of which meter, under the version that was bought.
#[derive(Clone, Debug)]
pub(crate) struct Price {
    pub(crate) meter: Meter,
    pub(crate) units: Units,
}

row!(
    struct PriceRow {
        meter: String,
        units: i64,
    }
);

/// The price of a resource type: its own, or that of `*`. `None`: the plan does not serve it.
pub(crate) async fn find_price(
    db: &Db,
    plan_id: PlanId,
    version: i64,
    resource_type: &ResourceType,
) -> Result<Option<Price>> {
    let row: Option<PriceRow> = on_read!(db, |e| sqlx::query_as(FIND_PRICE)
        .bind(plan_id.uuid())
        .bind(version)
        .bind(resource_type.as_str())
        .fetch_optional(e)
        .await)?;
    row.map(|row| {
        let read = Reader {
            table: "plan_costs",
            row: plan_id.uuid(),
        };
        Ok(Price {
            meter: read.text("meter", &row.meter)?,
            units: read.units("units", row.units)?,
        })
    })
    .transpose()
}

/// Puts a plan on sale, with its meter and its price list.
pub(crate) async fn insert(tx: &mut Tx, id: PlanId, new: &NewPlan, now: Timestamp) -> Result<()> {
    let house = new
        .texts
        .get(new.house_language)
        .cloned()
        .unwrap_or_default();
    let limit = new.quota_limit.map(Units::get);
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(id.uuid())
        .bind(&house.name)
        .bind(new.price.minor())
        .bind(new.price.currency().code())
        .bind(new.billing_cycle.as_str())
        .bind(new.meter.as_str())
        .bind(limit)
        .bind(Json(&house.features))
        .bind(now.utc())
        .bind(new.slug.as_str())
        .bind(&house.description)
        .bind(Json(&new.texts))
        .bind(new.sort_order)
        .execute(c)
        .await
        .map(|_| ()))?;
    in_tx!(tx, |c| sqlx::query(INSERT_VERSION)
        .bind(id.uuid())
        .execute(c)
        .await
        .map(|_| ()))?;
    in_tx!(tx, |c| sqlx::query(INSERT_METER)
        .bind(id.uuid())
        .bind(new.meter.as_str())
        .bind(limit)
        .execute(c)
        .await
        .map(|_| ()))?;
    for (resource_type, units) in &new.resource_costs {
        in_tx!(tx, |c| sqlx::query(INSERT_COST)
            .bind(id.uuid())
            .bind(resource_type)
            .bind(new.meter.as_str())
            .bind(units.get())
            .execute(c)
            .await
            .map(|_| ()))?;
    }
    Ok(())
}

const FIND: &str = "SELECT id, name, price, currency, billing_cycle, quota_type, quota_limit, features, is_active,
    created_at, slug, description, texts, is_default, sort_order, version FROM subscription_plans WHERE id = $1";
const FIND_BY_SLUG: &str =
    "SELECT id, name, price, currency, billing_cycle, quota_type, quota_limit, features,
    is_active, created_at, slug, description, texts, is_default, sort_order, version
    FROM subscription_plans WHERE slug = $1";
const LIST_ACTIVE: &str =
    "SELECT id, name, price, currency, billing_cycle, quota_type, quota_limit, features,
    is_active, created_at, slug, description, texts, is_default, sort_order, version
    FROM subscription_plans WHERE is_active AND archived_at IS NULL ORDER BY sort_order, id";
const COSTS: &str =
    "SELECT plan_id, resource_type, units FROM plan_costs WHERE plan_id = $1 AND version = $2";
const COSTS_ACTIVE: &str = "SELECT c.plan_id, c.resource_type, c.units FROM plan_costs c
    JOIN subscription_plans p ON p.id = c.plan_id AND p.version = c.version
    WHERE p.is_active AND p.archived_at IS NULL";
const FIND_PRICE: &str = "SELECT meter, units FROM plan_costs
    WHERE plan_id = $1 AND version = $2 AND resource_type IN ($3, '*')
    ORDER BY CASE resource_type WHEN '*' THEN 1 ELSE 0 END, meter LIMIT 1";
const INSERT: &str =
    "INSERT INTO subscription_plans (id, name, price, currency, billing_cycle, quota_type,
    quota_limit, features, created_at, slug, description, texts, sort_order, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $9)";
const INSERT_VERSION: &str =
    "INSERT INTO plan_versions (plan_id, version, price, currency, billing_cycle, features, created_at)
    SELECT id, version, price, currency, billing_cycle, features, updated_at FROM subscription_plans WHERE id = $1";
const INSERT_METER: &str =
    "INSERT INTO plan_meters (plan_id, version, meter, position, quota_limit)
    VALUES ($1, 1, $2, 0, $3)";
const INSERT_COST: &str = "INSERT INTO plan_costs (plan_id, version, resource_type, meter, units)
    VALUES ($1, 1, $2, $3, $4)";

pub(crate) const STATEMENTS: &[&str] = &[
    FIND,
    FIND_BY_SLUG,
    LIST_ACTIVE,
    COSTS,
    COSTS_ACTIVE,
    FIND_PRICE,
    INSERT,
    INSERT_VERSION,
    INSERT_METER,
    INSERT_COST,
];
