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
use super::{Answered, TRIES};
use crate::model::quota::{Cost, QuotaState, ResourceId, ResourceType, Units};
use crate::model::subscription::Subscription;
use crate::shapes::{ConsumeShape, QuotaShape};
use crate::store::plans::{self, Price};
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
            let (held, counter) = match take(parts, &mut tx, held, &price, units, now).await? {
                Taken::Counter(taken) => *taken,
                Taken::Nothing(refusal) => {
                    // A rival with the same key may have taken the last units while we waited.
                    if let Some(first) = known(&mut tx, key).await? {
                        return Ok(Answered::again(first));
                    }
                    return Err(refusal);
                }
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
            tx.commit().await?;
            return Ok(Answered::first(shape));
        }
        Err(stuck(call.user_id).into())
    }
}

enum Taken {
    Counter(Box<(Subscription, Counter)>),
    Nothing(ConsumeError),
}

async fn take(
    parts: &Parts,
    tx: &mut Tx,
    mut held: Subscription,
    price: &Price,
    units: Units,
    now: Timestamp,
) -> Result<Taken, ConsumeError> {
    for _ in 0..TRIES {
        if let Some(counter) = quota_counters::spend(tx, held.id, &price.meter, units, now).await? {
            return Ok(Taken::Counter(Box::new((held, counter))));
        }
        if let Some(counter) = quota_counters::read(tx, held.id, &price.meter, now).await?
            && !counter.quota.fits(units)
        {
            return Ok(Taken::Nothing(ConsumeError::QuotaExceeded(counter.quota)));
        }
        if !roll(tx, &held, &price.meter, now).await? {
            let again = subscriptions::read_live(tx, held.user_id, parts.config.livemode).await?;
            match again.filter(|again| again.is_entitled(now)) {
                Some(again) => held = again,
                None => return Ok(Taken::Nothing(ConsumeError::NoSubscription)),
            }
        }
    }
    Err(stuck(held.user_id).into())
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
