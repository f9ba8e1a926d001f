//! Writes `subscription_plans`.

use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, PlanId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError, in_tx};
use uuid::Uuid;

use crate::model::plan::{Plan, PlanMeter, PlanText};
use crate::model::plan_terms::PlanTerms;
use crate::model::quota::Units;

/// Whether anybody ever had or ordered it, or is to have it.
pub(crate) async fn is_used(tx: &mut Tx, id: PlanId) -> Result<bool> {
    let (used,): (bool,) = in_tx!(tx, |c| sqlx::query_as(IS_USED)
        .bind(id.uuid())
        .fetch_one(c)
        .await)?;
    Ok(used)
}

/// What of a plan stands in its own row, beside the version.
struct Columns<'a> {
    house: PlanText,
    first: &'a PlanMeter,
}

impl<'a> Columns<'a> {
    fn of(terms: &'a PlanTerms, house: &str) -> Result<Self> {
        let first = terms.meters.first();
        let first = first.ok_or_else(|| StorageError::Inconsistent {
            table: "plan_meters",
            column: "position",
            row: terms.slug.as_str().to_owned(),
        })?;
        Ok(Self {
            house: terms.texts.get(house).cloned().unwrap_or_default(),
            first,
        })
    }
}

/// Puts a plan into the house, in its first version, which `plan_versions` holds.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: PlanId,
    new: &PlanTerms,
    house: &str,
    now: Timestamp,
) -> Result<()> {
    let own = Columns::of(new, house)?;
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(id.uuid())
        .bind(&own.house.name)
        .bind(new.price.minor())
        .bind(new.price.currency().code())
        .bind(new.billing_cycle.as_str())
        .bind(own.first.meter.as_str())
        .bind(own.first.limit.map(Units::get))
        .bind(Json(&own.house.features))
        .bind(now.utc())
        .bind(new.slug.as_str())
        .bind(&own.house.description)
        .bind(Json(&new.texts))
        .bind(new.sort_order)
        .bind(new.is_active)
        .bind(new.is_default)
        .bind(new.trial_days)
        .bind(new.grace_days)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Makes a plan what `new` says, under the version it was read in; its next version, which `plan_versions` then
/// holds. `None`: it changed since, or `new` is not for a plan that was sold ([`is_used`] tells).
pub(crate) async fn update(
    tx: &mut Tx,
    known: &Plan,
    new: &PlanTerms,
    archived_at: Option<Timestamp>,
    house: &str,
    now: Timestamp,
) -> Result<Option<i64>> {
    let own = Columns::of(new, house)?;
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(UPDATE)
        .bind(known.id.uuid())
        .bind(known.version)
        .bind(&own.house.name)
        .bind(new.price.minor())
        .bind(new.price.currency().code())
        .bind(new.billing_cycle.as_str())
        .bind(own.first.meter.as_str())
        .bind(own.first.limit.map(Units::get))
        .bind(Json(&own.house.features))
        .bind(now.utc())
        .bind(new.slug.as_str())
        .bind(&own.house.description)
        .bind(Json(&new.texts))
        .bind(new.sort_order)
        .bind(new.is_active)
        .bind(new.is_default)
        .bind(new.trial_days)
        .bind(new.grace_days)
        .bind(archived_at.map(Timestamp::utc))
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(version,)| version))
}

/// Takes a plan away whose versions are gone already. `false`: it changed since it was read.
pub(crate) async fn delete(tx: &mut Tx, known: &Plan) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(DELETE)
        .bind(known.id.uuid())
        .bind(known.version)
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

const IS_USED: &str =
    "SELECT EXISTS (SELECT 1 FROM subscriptions s WHERE s.plan_id = $1 OR s.next_plan_id = $1)
    OR EXISTS (SELECT 1 FROM payment_transactions p WHERE p.plan_id = $1)";
const INSERT: &str =
    "INSERT INTO subscription_plans (id, name, price, currency, billing_cycle, quota_type,
    quota_limit, features, created_at, slug, description, texts, sort_order, updated_at, is_active, is_default,
    trial_days, grace_days)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $9, $14, $15, $16, $17)";
// What is sold keeps its currency, and what somebody has is not free one day and dear the next: whoever asks what a
// person's plan costs reads this row. A first order of this very moment may slip by; it is paid as it was placed.
const UPDATE: &str = "UPDATE subscription_plans SET name = $3, price = $4, currency = $5, billing_cycle = $6,
    quota_type = $7, quota_limit = $8, features = $9, updated_at = $10, slug = $11, description = $12, texts = $13,
    sort_order = $14, is_active = $15, is_default = $16, trial_days = $17, grace_days = $18, archived_at = $19,
    version = version + 1
    WHERE id = $1 AND version = $2
      AND ((currency = $5 AND (price = 0) = ($4 = 0))
           OR NOT (EXISTS (SELECT 1 FROM subscriptions s WHERE s.plan_id = $1 OR s.next_plan_id = $1)
                   OR EXISTS (SELECT 1 FROM payment_transactions p WHERE p.plan_id = $1)))
    RETURNING version";
const DELETE: &str = "DELETE FROM subscription_plans WHERE id = $1 AND version = $2 RETURNING id";

pub(crate) const STATEMENTS: &[&str] = &[IS_USED, INSERT, UPDATE, DELETE];
