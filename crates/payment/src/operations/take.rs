//! Prices a call and has its units taken, at once or aside.

use tollgate_kernel::ids::UsageId;
use tollgate_storage::idempotency::Request;

use super::TRIES;
use super::consume::{Consume, ConsumeError, impossible, known};
use super::holding::holding;
use super::roll::roll_alone;
use crate::Parts;
use crate::model::hold::{Hold, HoldTime, Owner};
use crate::model::quota::QuotaState;
use crate::quota_writer::{Fate, Full, Take, Wish};

/// What a call was given.
#[derive(Debug)]
pub(super) enum Taken {
    /// Charged.
    Charged { usage: UsageId, quota: QuotaState },
    /// Set aside.
    Held { hold: Box<Hold>, quota: QuotaState },
    /// The first answer under its key.
    Answered(Vec<u8>),
}

/// Takes the units of `call`, or nothing.
pub(super) async fn take(
    parts: &Parts,
    call: &Consume,
    aside: Option<(Owner, HoldTime)>,
    key: Option<&Request>,
) -> Result<Taken, ConsumeError> {
    for _ in 0..TRIES {
        let now = parts.clock.now();
        let Some(holding) = holding(parts, call.user_id, now).await? else {
            return answered_or(parts, key, ConsumeError::NoSubscription).await;
        };
        let Some(price) = holding.price(&call.resource_type).cloned() else {
            return answered_or(parts, key, ConsumeError::NoPrice).await;
        };
        let Ok(units) = call.cost.at(price.units) else {
            return Err(ConsumeError::CostOutOfRange);
        };
        let take = Take {
            holding: holding.clone(),
            meter: price.meter.clone(),
            units,
            call: call.clone(),
            aside,
            key: key.cloned(),
        };
        let written = parts.writer.write(Wish::Take(Box::new(take))).await;
        match written.map_err(|Full| ConsumeError::Busy)?? {
            Fate::Charged { usage, quota } => return Ok(Taken::Charged { usage, quota }),
            Fate::Held { hold, quota } => return Ok(Taken::Held { hold, quota }),
            Fate::Answered(first) => return Ok(Taken::Answered(first)),
            Fate::Short(quota) => return Err(ConsumeError::QuotaExceeded(quota)),
            Fate::OtherBody => return Err(ConsumeError::KeyReused),
            Fate::Running => return Err(ConsumeError::KeyInProgress),
            Fate::Stale => {
                parts.holdings.forget(call.user_id);
                // Read anew: it may be another subscription, or none.
                if let Some(holding) = self::holding(parts, call.user_id, now).await? {
                    roll_alone(parts, &holding.subscription, &price.meter, now).await?;
                }
            }
            Fate::Settled { .. } | Fate::NoHold | Fate::AboveHold | Fate::Over => {
                return Err(impossible(call.user_id).into());
            }
        }
    }
    Err(impossible(call.user_id).into())
}

/// A call that was answered under its key is answered so again, whatever has become of the plan since.
async fn answered_or(
    parts: &Parts,
    key: Option<&Request>,
    refusal: ConsumeError,
) -> Result<Taken, ConsumeError> {
    match known(parts, key).await? {
        Some(first) => Ok(Taken::Answered(first)),
        None => Err(refusal),
    }
}
