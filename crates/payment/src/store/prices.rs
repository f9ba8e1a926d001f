//! `plan_costs` and `plan_meters` of a version: what calls take, and when their meters begin anew.

use tollgate_kernel::ids::{Id as _, PlanId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};

use super::Reader;
use crate::model::plan::{BillingCycle, Reset};
use crate::model::quota::{Meter, Units};

row!(
    struct CostRow {
        resource_type: String,
        meter: String,
        units: i64,
    }
);

/// Resource type (`*` = any other), its meter, units of it.
pub(crate) async fn list(
    db: &Db,
    plan: PlanId,
    version: i64,
) -> Result<Vec<(String, Meter, Units)>> {
    let rows: Vec<CostRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(plan.uuid())
        .bind(version)
        .fetch_all(e)
        .await)?;
    let prices = rows.into_iter().map(|row| {
        let read = Reader {
            table: "plan_costs",
            row: plan.uuid(),
        };
        let meter = read.text("meter", &row.meter)?;
        Ok((row.resource_type, meter, read.units("units", row.units)?))
    });
    prices.collect()
}

row!(
    struct MeterRow {
        meter: String,
        quota_limit: Option<i64>,
        reset: String,
        billing_cycle: String,
    }
);

/// How a plan's version limits a meter.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) meter: Meter,
    /// Units in a period; `None` = unlimited.
    pub(crate) limit: Option<Units>,
    pub(crate) reset: Reset,
    pub(crate) cycle: BillingCycle,
}

fn terms(plan: PlanId, row: &MeterRow) -> Result<Terms> {
    let read = Reader {
        table: "plan_meters",
        row: plan.uuid(),
    };
    Ok(Terms {
        meter: read.text("meter", &row.meter)?,
        limit: read.limit("quota_limit", row.quota_limit)?,
        reset: read.text("reset", &row.reset)?,
        cycle: read.text("billing_cycle", &row.billing_cycle)?,
    })
}

/// The meters of a version, the first first.
pub(crate) async fn meters(db: &Db, plan: PlanId, version: i64) -> Result<Vec<Meter>> {
    let rows: Vec<(String,)> = on_read!(db, |e| sqlx::query_as(METERS)
        .bind(plan.uuid())
        .bind(version)
        .fetch_all(e)
        .await)?;
    let read = Reader {
        table: "plan_meters",
        row: plan.uuid(),
    };
    rows.iter()
        .map(|(meter,)| read.text("meter", meter))
        .collect()
}

/// One of them. `None`: the plan does not have it.
pub(crate) async fn read_terms(
    tx: &mut Tx,
    plan: PlanId,
    version: i64,
    meter: &Meter,
) -> Result<Option<Terms>> {
    let row: Option<MeterRow> = in_tx!(tx, |c| sqlx::query_as(TERMS)
        .bind(plan.uuid())
        .bind(version)
        .bind(meter.as_str())
        .fetch_optional(c)
        .await)?;
    row.map(|row| terms(plan, &row)).transpose()
}

const LIST: &str =
    "SELECT resource_type, meter, units FROM plan_costs WHERE plan_id = $1 AND version = $2
    ORDER BY resource_type, meter DESC";
const METERS: &str =
    "SELECT meter FROM plan_meters WHERE plan_id = $1 AND version = $2 ORDER BY position";
const TERMS: &str = "SELECT m.meter, m.quota_limit, m.reset, v.billing_cycle FROM plan_meters m
    JOIN plan_versions v ON v.plan_id = m.plan_id AND v.version = m.version
    WHERE m.plan_id = $1 AND m.version = $2 AND m.meter = $3";

pub(crate) const STATEMENTS: &[&str] = &[LIST, METERS, TERMS];
