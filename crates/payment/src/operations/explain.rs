//! How the number that is served came about.
//!
//! What can happen at once: calls, grants, ends of holds, the end of the period. All of it is read at one moment, by a
//! transaction that nobody waits for; if no counter is open at that moment, one is opened, and it is read again.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::StorageError;
use tollgate_storage::db::Tx;

use super::TRIES;
use super::consume::impossible;
use super::current_subscription::entitled;
use super::roll::roll_alone;
use crate::PaymentService;
use crate::model::explain::{Aside, Calls, Facts, Filled, Given, PlanName, Rules, explain};
use crate::model::period::Period;
use crate::model::plan::Reset;
use crate::model::quota::{Meter, QuotaState, ResourceType, Units};
use crate::model::spans::spans;
use crate::model::subscription::Subscription;
use crate::shapes::{ExplainShape, Explained};
use crate::store::explain::{self as made_of, Of};
use crate::store::prices::{self, Terms};
use crate::store::{plans, quota_counters, subscriptions};

/// Rows of the log that are told one by one; with more, their sums are.
const MOST_ROWS: usize = 200;
/// Sums by resource type; with more, those of all types together.
const MOST_SUMS: usize = 400;
/// Holds that are told one by one.
const MOST_HOLDS: usize = 200;
const INSTANT: Duration = Duration::from_millis(1);

/// Which number is to be explained.
///
/// ```
/// # use tollgate_payment::Counted;
/// let of_type = Counted::ResourceType("film".parse()?);
/// let of_meter = Counted::Meter("calls".parse()?);
/// assert!(matches!(Counted::default(), Counted::First));
/// # drop((of_type, of_meter));
/// # Ok::<(), tollgate_payment::model::quota::InvalidName>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Counted {
    /// Of the first meter of the plan.
    #[default]
    First,
    /// Of the meter that calls of this type take from.
    ResourceType(ResourceType),
    /// Of this meter.
    Meter(Meter),
}

/// Why there is nothing to explain.
///
/// ```
/// # use tollgate_payment::ExplainError;
/// fn status(error: &ExplainError) -> u16 {
///     match error {
///         ExplainError::NoSubscription => 402,
///         ExplainError::Internal(_) => 503,
///         _ => 422,
///     }
/// }
/// assert_eq!(status(&ExplainError::NoMeter), 422);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// Nothing in force.
    #[error("no subscription is in force")]
    NoSubscription,
    /// The plan has no price for this, and none for `*`.
    #[error("the plan does not serve this resource type")]
    NoPrice,
    /// The plan does not count this.
    #[error("the plan has no such meter")]
    NoMeter,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// The rules and the steps that lead to what [`check`](Self::check) serves at this instant.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::{Counted, ExplainError, PaymentService};
    /// # use tollgate_payment::model::quota::ResourceType;
    /// async fn why(payment: &PaymentService, user: UserId) -> Result<Vec<String>, ExplainError> {
    ///     let film: ResourceType = "film".parse().map_err(|_| ExplainError::NoPrice)?;
    ///     let told = payment.explain(user, &Counted::ResourceType(film)).await?;
    ///     Ok(told.steps.into_iter().map(|step| step.text.en).collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ExplainError`].
    pub async fn explain(
        &self,
        user: UserId,
        counted: &Counted,
    ) -> Result<ExplainShape, ExplainError> {
        let parts = &self.0;
        for _ in 0..TRIES {
            let now = parts.clock.now();
            let mut tx = parts.db.look().await?;
            let held = subscriptions::read_live(&mut tx, user, parts.config.livemode).await?;
            if held.as_ref().is_some_and(|held| held.is_due(now)) {
                // What has begun by the clock is written down by whoever looks first.
                tx.rollback().await?;
                let turned = entitled(parts, user, now).await?;
                turned.ok_or(ExplainError::NoSubscription)?;
                continue;
            }
            let held = held.filter(|held| held.is_entitled(now));
            let held = held.ok_or(ExplainError::NoSubscription)?;
            let (meter, price) = meter_of(&mut tx, &held, counted).await?;
            let found = gather(&mut tx, &held, &meter, now).await?;
            tx.rollback().await?;
            let Some(found) = found else {
                // As any look does, this opens a period that nobody has used yet.
                roll_alone(parts, &held, &meter, now).await?;
                continue;
            };
            let explanation = explain(&found.facts, &found.quota, now);
            if !explanation.agrees {
                tracing::error!(subscription.id = %held.id, meter = %meter, "a counter is not what its grants and its log say");
            }
            return Ok(ExplainShape::new(&Explained {
                subscription: &held,
                plan: &found.plan,
                resource_type: match counted {
                    Counted::ResourceType(resource_type) => Some(resource_type),
                    Counted::First | Counted::Meter(_) => None,
                },
                price,
                limit: found.facts.plan.limit,
                rules: &found.rules,
                quota: &found.quota,
                explanation: &explanation,
                at: now,
            }));
        }
        Err(impossible(user).into())
    }
}

/// Which meter, and what one call of the resource type takes of it.
async fn meter_of(
    tx: &mut Tx,
    held: &Subscription,
    counted: &Counted,
) -> Result<(Meter, Option<Units>), ExplainError> {
    match counted {
        Counted::First => Ok((held.meter.clone(), None)),
        Counted::Meter(meter) => Ok((meter.clone(), None)),
        Counted::ResourceType(resource_type) => {
            let (plan, version) = (held.plan_id, held.plan_version);
            let price = plans::read_price(tx, plan, version, resource_type).await?;
            let price = price.ok_or(ExplainError::NoPrice)?;
            Ok((price.meter, Some(price.units)))
        }
    }
}

/// All that was read.
struct Found {
    plan: PlanName,
    rules: Rules,
    facts: Facts,
    quota: QuotaState,
}

/// `None`: no counter is open.
async fn gather(
    tx: &mut Tx,
    held: &Subscription,
    meter: &Meter,
    now: Timestamp,
) -> Result<Option<Found>, ExplainError> {
    let terms = prices::read_terms(tx, held.plan_id, held.plan_version, meter).await?;
    let terms = terms.ok_or(ExplainError::NoMeter)?;
    let Some(counter) = quota_counters::read(tx, held.id, meter, now).await? else {
        return Ok(None);
    };
    let (quota, period) = (counter.quota, counter.period);
    let of = Of {
        user: held.user_id,
        subscription: held.id,
        meter,
        period_start: period.start,
    };
    let kept_from = made_of::kept_from(tx).await?;
    let kept_from = kept_from.filter(|kept_from| *kept_from > period.start);
    let whole = Period {
        start: kept_from.unwrap_or(period.start),
        end: now.max(period.start.after(INSTANT)),
    };
    let (used, returned) = calls(tx, of, whole, held).await?;
    let grants = made_of::grants(tx, of).await?;
    let sum = |calls: &[Calls]| -> i64 { calls.iter().map(|calls| calls.units).sum() };
    let kept = sum(&used) - sum(&returned);
    let plan = made_of::name(tx, held.plan_id).await?;
    let plan = plan.ok_or_else(|| StorageError::Inconsistent {
        table: "subscriptions",
        column: "plan_id",
        row: held.id.to_string(),
    })?;
    let facts = Facts {
        period,
        before: made_of::before(tx, of).await?,
        plan: of_the_plan(tx, held, (&plan, &terms), &quota, &grants, now).await?,
        earlier: kept_from.map(|kept_from| (kept_from, quota.used.get() - kept)),
        held: holds(tx, of).await?,
        grants,
        used,
        returned,
    };
    Ok(Some(Found {
        rules: Rules {
            reset: terms.reset,
            cycle: terms.cycle,
            anchor: held.anchor,
            period,
            term_end: held.term_end,
            entitled_until: held.entitled_until,
            turns_at: held.turns_at,
        },
        plan,
        facts,
        quota,
    }))
}

/// The plan's units of a period are those of the term in which it was opened: the newest that fits what is served, and
/// when none does, the one that is in force, so that the difference shows. What never begins anew is one counter for
/// all plans: it holds what the one in force gives, and what had been taken beyond that.
async fn of_the_plan(
    tx: &mut Tx,
    held: &Subscription,
    (plan, terms): (&PlanName, &Terms),
    quota: &QuotaState,
    grants: &[Filled],
    now: Timestamp,
) -> Result<Given, StorageError> {
    let in_force = Given {
        plan: plan.clone(),
        version: held.plan_version,
        limit: terms.limit.map(Units::get),
        kept: 0,
    };
    let poured: i64 = grants
        .iter()
        .map(|grant| grant.closed.unwrap_or(grant.pot.units))
        .sum();
    let served = quota.limit.map(|limit| limit.get() - poured);
    if in_force.limit == served {
        return Ok(in_force);
    }
    let mut all = made_of::given(tx, held.id, &terms.meter, now).await?;
    if terms.reset == Reset::Never {
        let is_other =
            |given: &Given| (&given.plan, given.version) != (&in_force.plan, in_force.version);
        let beyond = served
            .zip(in_force.limit)
            .map(|(served, limit)| served - limit);
        let kept = beyond.filter(|beyond| *beyond > 0 && all.iter().any(is_other));
        return Ok(Given {
            kept: kept.unwrap_or(0),
            ..in_force
        });
    }
    let opened = all.iter().position(|given| given.limit == served);
    Ok(opened.map_or(in_force, |place| all.swap_remove(place)))
}

/// Rows of the log one by one, or their sums.
async fn calls(
    tx: &mut Tx,
    of: Of<'_>,
    whole: Period,
    held: &Subscription,
) -> Result<(Vec<Calls>, Vec<Calls>), StorageError> {
    let reach = i64::try_from(MOST_ROWS + 1).unwrap_or(i64::MAX);
    let (used, returned) = made_of::entries(tx, of, whole.start, reach).await?;
    if used.len() + returned.len() <= MOST_ROWS {
        return Ok((used, returned));
    }
    let spans = spans(whole, held.anchor.zone());
    if let Some(sums) = made_of::sums(tx, of, &spans, true, MOST_SUMS).await? {
        return Ok(sums);
    }
    let sums = made_of::sums(tx, of, &spans, false, spans.len()).await?;
    Ok(sums.unwrap_or_default())
}

/// Holds one by one, or all together.
async fn holds(tx: &mut Tx, of: Of<'_>) -> Result<Vec<Aside>, StorageError> {
    let reach = i64::try_from(MOST_HOLDS + 1).unwrap_or(i64::MAX);
    let held = made_of::holds(tx, of, reach).await?;
    if held.len() <= MOST_HOLDS {
        return Ok(held);
    }
    Ok(made_of::held(tx, of).await?.into_iter().collect())
}

#[cfg(test)]
mod tests;
