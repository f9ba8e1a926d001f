//! `subscription_plans`: what is for sale, in its newest version.

use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, PlanId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::plan_versions::{self, CostRow, MeterRow};
use super::{At, Reader};
use crate::model::plan::{Plan, PlanMeter, PlanTexts};
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
        trial_days: i64,
        grace_days: i64,
        version: i64,
        updated_at: At,
        archived_at: Option<At>,
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

/// What a plan is called.
pub(crate) async fn find_slug(db: &Db, id: PlanId) -> Result<Option<String>> {
    let row: Option<(String,)> = on_read!(db, |e| sqlx::query_as(FIND_SLUG)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(slug,)| slug))
}

/// A plan by its slug, on sale or not.
pub(crate) async fn find_by_slug(db: &Db, slug: &str) -> Result<Option<Plan>> {
    let row: Option<PlanRow> = on_read!(db, |e| sqlx::query_as(FIND_BY_SLUG)
        .bind(slug)
        .fetch_optional(e)
        .await)?;
    one(db, row).await
}

/// A plan inside a transaction.
pub(crate) async fn read(tx: &mut Tx, id: PlanId) -> Result<Option<Plan>> {
    let row: Option<PlanRow> = in_tx!(tx, |c| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(c)
        .await)?;
    whole(tx, row).await
}

/// A plan as it was on sale in `version`: its price, its term and what it holds. `None`: there is no such version.
pub(crate) async fn read_as_of(tx: &mut Tx, id: PlanId, version: i64) -> Result<Option<Plan>> {
    let row: Option<PlanRow> = in_tx!(tx, |c| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(c)
        .await)?;
    let sold: Option<SoldRow> = in_tx!(tx, |c| sqlx::query_as(SOLD)
        .bind(id.uuid())
        .bind(version)
        .fetch_optional(c)
        .await)?;
    let (Some(row), Some(sold)) = (row, sold) else {
        return Ok(None);
    };
    let (meters, costs) = plan_versions::read(tx, row.id, version).await?;
    as_sold(row, sold, version, meters, costs).map(Some)
}

/// The same, outside of a transaction.
pub(crate) async fn find_as_of(db: &Db, id: PlanId, version: i64) -> Result<Option<Plan>> {
    let row: Option<PlanRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    let sold: Option<SoldRow> = on_read!(db, |e| sqlx::query_as(SOLD)
        .bind(id.uuid())
        .bind(version)
        .fetch_optional(e)
        .await)?;
    let (Some(row), Some(sold)) = (row, sold) else {
        return Ok(None);
    };
    let (meters, costs) = plan_versions::find(db, row.id, version).await?;
    as_sold(row, sold, version, meters, costs).map(Some)
}

fn as_sold(
    mut row: PlanRow,
    sold: SoldRow,
    version: i64,
    meters: Vec<MeterRow>,
    costs: Vec<CostRow>,
) -> Result<Plan> {
    if let Some((meter, limit)) = meters.first().map(MeterRow::first) {
        (row.quota_type, row.quota_limit) = (meter, limit);
    }
    row.version = version;
    row.price = sold.price;
    row.currency = sold.currency;
    row.billing_cycle = sold.billing_cycle;
    row.features = sold.features;
    plan(row, meters, costs)
}

row!(
    struct SoldRow {
        price: i64,
        currency: String,
        billing_cycle: String,
        features: Json<Vec<String>>,
    }
);

/// The plan that everybody gets who registers.
pub(crate) async fn read_default(tx: &mut Tx) -> Result<Option<Plan>> {
    let row: Option<PlanRow> =
        in_tx!(tx, |c| sqlx::query_as(FIND_DEFAULT).fetch_optional(c).await)?;
    whole(tx, row).await
}

/// All of them, archived ones too, by slug.
pub(crate) async fn read_all(tx: &mut Tx) -> Result<Vec<Plan>> {
    let rows: Vec<PlanRow> = in_tx!(tx, |c| sqlx::query_as(LIST_ALL).fetch_all(c).await)?;
    let mut plans = Vec::with_capacity(rows.len());
    for row in rows {
        plans.extend(whole(tx, Some(row)).await?);
    }
    Ok(plans)
}

async fn whole(tx: &mut Tx, row: Option<PlanRow>) -> Result<Option<Plan>> {
    let Some(row) = row else { return Ok(None) };
    let (meters, costs) = plan_versions::read(tx, row.id, row.version).await?;
    plan(row, meters, costs).map(Some)
}

async fn one(db: &Db, row: Option<PlanRow>) -> Result<Option<Plan>> {
    let Some(row) = row else { return Ok(None) };
    let (meters, costs) = plan_versions::find(db, row.id, row.version).await?;
    plan(row, meters, costs).map(Some)
}

/// Everything on sale, in the order of the house.
pub(crate) async fn list_active(db: &Db) -> Result<Vec<Plan>> {
    let rows: Vec<PlanRow> = on_read!(db, |e| sqlx::query_as(LIST_ACTIVE).fetch_all(e).await)?;
    let meters: Vec<MeterRow> = on_read!(db, |e| sqlx::query_as(METERS_ACTIVE).fetch_all(e).await)?;
    let costs: Vec<CostRow> = on_read!(db, |e| sqlx::query_as(COSTS_ACTIVE).fetch_all(e).await)?;
    let of_plan = |row: PlanRow| {
        let meters = meters.iter().filter(|meter| meter.plan_id == row.id);
        let costs = costs.iter().filter(|cost| cost.plan_id == row.id);
        let (meters, costs) = (meters.cloned().collect(), costs.cloned().collect());
        plan(row, meters, costs)
    };
    rows.into_iter().map(of_plan).collect()
}

/// Which plans staff look at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Page {
    /// Archived ones only, or none of them.
    pub(crate) archived: Option<bool>,
    /// Older than this one.
    pub(crate) before: Option<PlanId>,
    /// Newer than this one: then the oldest of those come first.
    pub(crate) after: Option<PlanId>,
    pub(crate) limit: i64,
}

/// At most `limit` ids, newest first, or behind a cursor that looks ahead, oldest first.
pub(crate) async fn list_ids(db: &Db, page: Page) -> Result<Vec<PlanId>> {
    let statement = match page.after {
        Some(_) => LIST_AFTER,
        None => LIST_BEFORE,
    };
    let highest = Uuid::max();
    let cursor = page.after.or(page.before).map_or(highest, Id::uuid);
    let rows: Vec<(Uuid,)> = on_read!(db, |e| sqlx::query_as(statement)
        .bind(cursor)
        .bind(page.archived)
        .bind(page.limit)
        .fetch_all(e)
        .await)?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// How many have a plan now.
pub(crate) async fn subscribers(db: &Db, id: PlanId, livemode: bool) -> Result<i64> {
    let (count,): (i64,) = on_read!(db, |e| sqlx::query_as(SUBSCRIBERS)
        .bind(id.uuid())
        .bind(livemode)
        .fetch_one(e)
        .await)?;
    Ok(count)
}

fn plan(row: PlanRow, meters: Vec<MeterRow>, costs: Vec<CostRow>) -> Result<Plan> {
    let read = Reader {
        table: "subscription_plans",
        row: row.id,
    };
    let meters = meters
        .into_iter()
        .map(PlanMeter::try_from)
        .collect::<Result<_>>()?;
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
        meters,
        resource_costs: plan_versions::costs(costs)?,
        trial_days: row.trial_days,
        grace_days: row.grace_days,
        is_default: row.is_default,
        is_active: row.is_active,
        sort_order: row.sort_order,
        version: row.version,
        created_at: Timestamp::from_utc(row.created_at),
        updated_at: Timestamp::from_utc(row.updated_at),
        archived_at: row.archived_at.map(Timestamp::from_utc),
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
    row.map(|row| price(plan_id, &row)).transpose()
}

/// The same, inside a transaction.
pub(crate) async fn read_price(
    tx: &mut Tx,
    plan_id: PlanId,
    version: i64,
    resource_type: &ResourceType,
) -> Result<Option<Price>> {
    let row: Option<PriceRow> = in_tx!(tx, |c| sqlx::query_as(FIND_PRICE)
        .bind(plan_id.uuid())
        .bind(version)
        .bind(resource_type.as_str())
        .fetch_optional(c)
        .await)?;
    row.map(|row| price(plan_id, &row)).transpose()
}

fn price(plan_id: PlanId, row: &PriceRow) -> Result<Price> {
    let read = Reader {
        table: "plan_costs",
        row: plan_id.uuid(),
    };
    Ok(Price {
        meter: read.text("meter", &row.meter)?,
        units: read.units("units", row.units)?,
    })
}

/// A plan's row, found in one of the ways below.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, price, currency, billing_cycle, quota_type, quota_limit, features, is_active, created_at,
            slug, description, texts, is_default, sort_order, trial_days, grace_days, version, updated_at, archived_at
            FROM subscription_plans ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE id = $1");
const SOLD: &str = "SELECT price, currency, billing_cycle, features FROM plan_versions
    WHERE plan_id = $1 AND version = $2";
const FIND_SLUG: &str = "SELECT slug FROM subscription_plans WHERE id = $1";
const FIND_BY_SLUG: &str = select!("WHERE slug = $1");
const FIND_DEFAULT: &str = select!("WHERE is_default");
const LIST_ALL: &str = select!("ORDER BY slug");
const LIST_ACTIVE: &str =
    select!("WHERE is_active AND archived_at IS NULL ORDER BY sort_order, id");
const LIST_BEFORE: &str = "SELECT id FROM subscription_plans
    WHERE id < $1 AND ((archived_at IS NOT NULL) = $2 OR $2 IS NULL) ORDER BY id DESC LIMIT $3";
const LIST_AFTER: &str = "SELECT id FROM subscription_plans
    WHERE id > $1 AND ((archived_at IS NOT NULL) = $2 OR $2 IS NULL) ORDER BY id LIMIT $3";
const METERS_ACTIVE: &str =
    "SELECT m.plan_id, m.version, m.meter, m.quota_limit, m.reset FROM plan_meters m
    JOIN subscription_plans p ON p.id = m.plan_id AND p.version = m.version
    WHERE p.is_active AND p.archived_at IS NULL ORDER BY m.plan_id, m.position";
const COSTS_ACTIVE: &str =
    "SELECT c.plan_id, c.version, c.resource_type, c.meter, c.units FROM plan_costs c
    JOIN subscription_plans p ON p.id = c.plan_id AND p.version = c.version
    WHERE p.is_active AND p.archived_at IS NULL";
const SUBSCRIBERS: &str = "SELECT COUNT(*) FROM subscriptions
    WHERE plan_id = $1 AND livemode = $2 AND ended_at IS NULL";
const FIND_PRICE: &str = "SELECT meter, units FROM plan_costs
    WHERE plan_id = $1 AND version = $2 AND resource_type IN ($3, '*')
    ORDER BY CASE resource_type WHEN '*' THEN 1 ELSE 0 END, meter LIMIT 1";
pub(crate) const STATEMENTS: &[&str] = &[
    FIND,
    SOLD,
    FIND_SLUG,
    FIND_BY_SLUG,
    FIND_DEFAULT,
    LIST_ALL,
    LIST_ACTIVE,
    LIST_BEFORE,
    LIST_AFTER,
    METERS_ACTIVE,
    COSTS_ACTIVE,
    SUBSCRIBERS,
    FIND_PRICE,
];
