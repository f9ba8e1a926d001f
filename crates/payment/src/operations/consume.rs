//! Takes units from a person's quota, or takes nothing.
//!
//! What can happen at once: hundreds of calls on one counter, the same `Idempotency-Key` twice,
//! the first call of a new period on several instances, the end of the subscription. The decision
//! is one statement on the counter's own row (`quota_counters::spend`); what is read before it only
//! finds the row, and what is read after it only says why it gave nothing. The key, the log row and
//! the design's own columns are written in the same commit; a refusal writes nothing.

use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, UsageId, UserId};
use tollgate_storage::StorageError;
use tollgate_storage::db::Tx;
use tollgate_storage::idempotency::{self, Known, Request};

use super::current_subscription::entitled;
use super::roll::roll;
use super::{Answered, TRIES, tell};
use crate::model::quota::{Cost, Meter, QuotaState, ResourceId, ResourceType, Units};
use crate::model::subscription::Subscription;
use crate::shapes::{ConsumeShape, QuotaShape};
use crate::store::plans;
use crate::store::quota_counters::{self, Counter};
use crate::store::subscriptions;
use crate::store::usage::{self, Entry};
use crate::{Parts, PaymentService};

/// A call to charge.
#[derive(Clone, Debug)]
pub struct Consume {
    /// Whose quota.
    pub user_id: UserId,
    /// What the call is counted as.
    pub resource_type: ResourceType,
    /// How many calls' worth.
    pub cost: Cost,
    /// What the call was about.
    pub resource_id: Option<ResourceId>,
    /// Kept with the log row.
    pub metadata: Value,
    /// Which key made the call.
    pub api_key_id: Option<ApiKeyId>,
}

/// Why nothing was taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// Nothing in force.
    #[error("no subscription is in force")]
    NoSubscription,
    /// The plan has no price for this, and none for `*`.
    #[error("the plan does not serve this resource type")]
    NoPrice,
    /// Cost × price is more than one call may take.
    #[error("the cost is out of range")]
    CostOutOfRange,
    /// Too few units are left.
    #[error("too few units are left")]
    QuotaExceeded(QuotaState),
    /// The key was used for another body.
    #[error("the Idempotency-Key belongs to another request")]
    KeyReused,
    /// The first call with this key is still running.
    #[error("the first call with this Idempotency-Key is still running")]
    KeyInProgress,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// Charges a call: check and deduct are one step. With a key, a repeat brings the first answer
    /// back and charges nothing.
    ///
    /// # Errors
    /// [`ConsumeError`]; nothing was taken.
    pub async fn consume(
        &self,
        call: &Consume,
        key: Option<&Request>,
    ) -> Result<Answered<ConsumeShape>, ConsumeError> {
        let parts = &self.0;
        for _ in 0..TRIES {
            // Found outside the transaction: inside it nothing may ask for a second connection.
            let now = parts.clock.now();
            let held = entitled(parts, call.user_id, now).await?;
            let price = match &held {
                Some(held) => {
                    plans::find_price(
                        &parts.db,
                        held.plan_id,
                        held.plan_version,
                        &call.resource_type,
                    )
                    .await?
                }
                None => None,
            };
            let mut tx = parts.db.begin().await?;
            if let Some(first) = known(&mut tx, key).await? {
                return Ok(Answered::again(first));
            }
            let held = held.ok_or(ConsumeError::NoSubscription)?;
            let price = price.ok_or(ConsumeError::NoPrice)?;
            let units = call
                .cost
                .at(price.units)
                .map_err(|_| ConsumeError::CostOutOfRange)?;
            let meter = &price.meter;
            let Some(counter) = quota_counters::spend(&mut tx, held.id, meter, units, now).await?
            else {
                // A rival with the same key may have taken the last units while we waited.
                if let Some(first) = known(&mut tx, key).await? {
                    return Ok(Answered::again(first));
                }
                let open = quota_counters::read(&mut tx, held.id, meter, now).await?;
                tx.rollback().await?;
                match open {
                    Some(counter) if !counter.quota.fits(units) => {
                        return Err(ConsumeError::QuotaExceeded(counter.quota));
                    }
                    _ => roll_alone(parts, &held, meter, now).await?,
                }
                continue;
            };
            let usage_id = parts.ids.at(now);
            let shape = ConsumeShape {
                usage_id,
                quota: QuotaShape::from(&counter.quota),
            };
            if !keep(&mut tx, key, &shape, now).await? {
                // Somebody with the same key committed first: undo, and read his answer.
                tx.rollback().await?;
                continue;
            }
            write_down(&mut tx, call, &held, &counter, usage_id, units, now).await?;
            for percent in counter.quota.reached(units) {
                tell::quota(parts, &mut tx, &held, percent, &shape.quota, now).await?;
            }
            tx.commit().await?;
            return Ok(Answered::first(shape));
        }
        Err(stuck(call.user_id).into())
    }
}

/// Opens the period's counter in a transaction of its own. Rolling locks the subscription before the
/// counter, and spending the counter before the subscription: in one transaction the two orders would
/// meet in a deadlock. A counter that was opened for nothing is only an empty one.
async fn roll_alone(
    parts: &Parts,
    held: &Subscription,
    meter: &Meter,
    now: Timestamp,
) -> Result<(), StorageError> {
    let mut tx = parts.db.begin().await?;
    // `false`: the subscription changed since it was read; the next try reads it again.
    roll(&mut tx, held, meter, now).await?;
    tx.commit().await
}

/// The answer that is already known under the key.
async fn known(tx: &mut Tx, key: Option<&Request>) -> Result<Option<ConsumeShape>, ConsumeError> {
    let Some(key) = key else { return Ok(None) };
    match idempotency::find(tx, key).await? {
        None => Ok(None),
        Some(Known::OtherBody) => Err(ConsumeError::KeyReused),
        Some(Known::Running { .. }) => Err(ConsumeError::KeyInProgress),
        Some(Known::Answered { response, .. }) => {
            let first =
                serde_json::from_slice(&response).map_err(|_| StorageError::Inconsistent {
                    table: "idempotency_keys",
                    column: "response",
                    row: key.caller.clone(),
                })?;
            Ok(Some(first))
        }
    }
}

async fn keep(
    tx: &mut Tx,
    key: Option<&Request>,
    shape: &ConsumeShape,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let Some(key) = key else { return Ok(true) };
    let response = serde_json::to_vec(shape).expect("a shape of texts and numbers is JSON");
    idempotency::put(tx, key, 200, &response, now).await
}

async fn write_down(
    tx: &mut Tx,
    call: &Consume,
    held: &Subscription,
    counter: &Counter,
    usage_id: UsageId,
    units: Units,
    now: Timestamp,
) -> Result<(), StorageError> {
    let entry = Entry {
        id: usage_id,
        user_id: call.user_id,
        subscription_id: held.id,
        resource_type: &call.resource_type,
        resource_id: call.resource_id.as_ref(),
        units,
        cost: call.cost,
        metadata: &call.metadata,
        meter: &counter.quota.meter,
        period_start: counter.period.start,
        key_id: call.api_key_id,
        at: now,
    };
    usage::append(tx, &entry).await?;
    let quota = &counter.quota;
    subscriptions::mirror(
        tx,
        held.id,
        &quota.meter,
        counter.period.start,
        quota.used,
        quota.limit,
        now,
    )
    .await
}

fn stuck(user: UserId) -> StorageError {
    StorageError::Inconsistent {
        table: "quota_counters",
        column: "open_until",
        row: user.to_string(),
    }
}
