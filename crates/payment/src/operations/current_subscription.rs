//! What a person has, and how its meter stands.

use serde_json::{Map, Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::roll::roll_alone;
use super::turn::turned;
use crate::model::quota::{Meter, QuotaState, Units};
use crate::model::subscription::Subscription;
use crate::shapes::{PlanShape, QuotaShape, SubscriptionShape};
use crate::store::quota_counters::{self, Counter};
use crate::store::{plans, subscriptions};
use crate::{Parts, PaymentService};

impl PaymentService {
    /// The subscription that gives a person rights now. `None`: there is none.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn plan_name(payment: &PaymentService, user: UserId) -> Result<String, StorageError> {
    ///     let held = payment.current_subscription(user).await?;
    ///     Ok(held.map_or("no plan".to_owned(), |held| held.plan.name))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn current_subscription(&self, user: UserId) -> Result<Option<SubscriptionShape>> {
        let now = self.0.clock.now();
        let Some(held) = entitled(&self.0, user, now).await? else {
            return Ok(None);
        };
        shown(&self.0, &held, now).await.map(Some)
    }

    /// What `GET /auth/verify` says beside the user: `plan`, `subscription` and `quota`, each null
    /// without a subscription.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn told(payment: &PaymentService, user: UserId) -> Result<String, StorageError> {
    ///     // As a token of another service may carry it.
    ///     let claims = payment.entitlements(user).await?;
    ///     Ok(serde_json::Value::from(claims).to_string())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn entitlements(&self, user: UserId) -> Result<Map<String, Value>> {
        let now = self.0.clock.now();
        let mut members = Map::new();
        let held = entitled(&self.0, user, now).await?;
        let (plan, subscription, quota) = match held {
            None => (Value::Null, Value::Null, Value::Null),
            Some(held) => {
                let quota = quota_of(&self.0, &held, &held.meter, now).await?;
                let shape = shown(&self.0, &held, now).await?;
                (
                    json!(shape.plan.slug),
                    json!(shape),
                    json!(QuotaShape::from(&quota)),
                )
            }
        };
        members.insert("plan".to_owned(), plan);
        members.insert("subscription".to_owned(), subscription);
        members.insert("quota".to_owned(), quota);
        Ok(members)
    }

    /// Slug of the plan that gives a person rights at `at`, inside a transaction of somebody else's. `None`: there is none.
    ///
    /// ```
    /// # use tollgate_kernel::clock::Timestamp;
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// # use tollgate_storage::db::Tx;
    /// async fn is_pro(payment: &PaymentService, tx: &mut Tx, user: UserId, at: Timestamp) -> Result<bool, StorageError> {
    ///     let plan = payment.plan_in(tx, user, at).await?;
    ///     Ok(plan.as_deref() == Some("pro"))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn plan_in(
        &self,
        tx: &mut Tx,
        user: UserId,
        at: Timestamp,
    ) -> Result<Option<String>> {
        subscriptions::read_plan(tx, user, self.0.config.livemode, at).await
    }
}

/// A person's subscription, if it gives any right at `now`; of the plan that is in force then.
pub(crate) async fn entitled(
    parts: &Parts,
    user: UserId,
    now: Timestamp,
) -> Result<Option<Subscription>> {
    let held = subscriptions::find_live(&parts.db, user, parts.config.livemode).await?;
    let held = match held {
        // What has begun by the clock is written down by whoever looks first.
        Some(held) if held.is_due(now) => turned(parts, user, now).await?,
        held => held,
    };
    Ok(held.filter(|held| held.is_entitled(now)))
}

/// With its plan and its first meter.
pub(crate) async fn shown(
    parts: &Parts,
    held: &Subscription,
    now: Timestamp,
) -> Result<SubscriptionShape> {
    let plan =
        plans::find(&parts.db, held.plan_id)
            .await?
            .ok_or_else(|| StorageError::Inconsistent {
                table: "subscriptions",
                column: "plan_id",
                row: held.id.to_string(),
            })?;
    let quota = quota_of(parts, held, &held.meter, now).await?;
    let plan = PlanShape::new(plan, parts.config.house());
    Ok(SubscriptionShape::new(held, plan, &quota, now))
}

/// How a meter stands; a period that nobody has used yet is whole.
pub(crate) async fn quota_of(
    parts: &Parts,
    held: &Subscription,
    meter: &Meter,
    now: Timestamp,
) -> Result<QuotaState> {
    let counter = counter_of(parts, held, meter, now).await?;
    // A meter that the plan does not have holds nothing.
    let period = held.quota_period(now);
    Ok(counter.map_or_else(
        || QuotaState {
            meter: meter.clone(),
            limit: Some(Units::NONE),
            used: Units::NONE,
            held: Units::NONE,
            began_at: period.start,
            resets_at: period.end,
        },
        |counter| counter.quota,
    ))
}

/// The same, with its period. `None`: the plan does not have the meter.
pub(crate) async fn counter_of(
    parts: &Parts,
    held: &Subscription,
    meter: &Meter,
    now: Timestamp,
) -> Result<Option<Counter>> {
    if let Some(counter) = quota_counters::find(&parts.db, held.id, meter, now).await? {
        return Ok(Some(counter));
    }
    // What is left of bonus units is known once the last period is shared out: the first look opens the period, as the
    // first charge would.
    roll_alone(parts, held, meter, now).await?;
    quota_counters::find(&parts.db, held.id, meter, now).await
}
