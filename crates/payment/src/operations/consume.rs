//! Takes units from a person's quota, or takes nothing.
//!
//! What can happen at once: hundreds of calls on one counter, the same `Idempotency-Key` twice,
//! the first call of a new period on several instances, the end of the subscription. The decision
//! is one statement on the counter's own row (`takings::take_each`); what is read before it only
//! finds the row, and what is read after it only says why it gave nothing. The key, the log row and
//! the design's own columns are written in the same commit, which many calls share
//! ([`quota_writer`](crate::quota_writer)); a refusal writes nothing.

use serde_json::Value;
use tollgate_kernel::ids::{ApiKeyId, UserId};
use tollgate_storage::StorageError;
use tollgate_storage::idempotency::{self, Known, Request};

use super::Answered;
use super::take::{Taken, take};
use crate::model::quota::{Cost, QuotaState, ResourceId, ResourceType};
use crate::shapes::{ConsumeShape, QuotaShape};
use crate::{Parts, PaymentService};

/// A call to charge.
///
/// ```
/// # use serde_json::json;
/// # use tollgate_kernel::ids::UserId;
/// # use tollgate_payment::Consume;
/// # use tollgate_payment::model::quota::Cost;
/// fn call(user_id: UserId) -> Result<Consume, Box<dyn std::error::Error>> {
///     Ok(Consume {
///         user_id,
///         resource_type: "film".parse()?,
///         cost: Cost::new(20)?,
///         resource_id: Some("patient-7".parse()?),
///         metadata: json!({ "ward": "north" }),
///         api_key_id: None,
///     })
/// }
/// ```
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
///
/// ```
/// # use tollgate_payment::ConsumeError;
/// fn log(refusal: &ConsumeError) -> String {
///     match refusal {
///         ConsumeError::QuotaExceeded(quota) => format!("{} is used up until {}", quota.meter, quota.resets_at),
///         other => other.to_string(),
///     }
/// }
/// assert_eq!(log(&ConsumeError::NoSubscription), "no subscription is in force");
/// ```
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
    /// More calls wait than the database can take in a few seconds.
    #[error("too many calls wait")]
    Busy,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// Charges a call: check and deduct are one step. With a key, a repeat brings the first answer
    /// back and charges nothing.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_kernel::problem::Problem;
    /// # use tollgate_payment::model::quota::ResourceType;
    /// # use tollgate_payment::{Consume, PaymentService};
    /// # use tollgate_payment::model::quota::Cost;
    /// # use tollgate_storage::idempotency::{IdempotencyKey, Request};
    /// async fn charge(
    ///     payment: &PaymentService,
    ///     user_id: UserId,
    ///     resource_type: ResourceType,
    ///     key: IdempotencyKey,
    ///     body: &[u8],
    /// ) -> Result<i64, Problem> {
    ///     let call = Consume {
    ///         user_id,
    ///         resource_type,
    ///         cost: Cost::ONE,
    ///         resource_id: None,
    ///         metadata: json!({ "series": 3 }),
    ///         api_key_id: None,
    ///     };
    ///     let key = Request::new(user_id.to_string(), "POST", "/process", key, body);
    ///     match payment.consume(&call, Some(&key)).await {
    ///         Ok(taken) => Ok(taken.value.quota.used),
    ///         Err(refusal) => Err(payment.problem(refusal)),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ConsumeError`]; nothing was taken. [`ConsumeError::Internal`]: it may have been, and only the key can tell.
    pub async fn consume(
        &self,
        call: &Consume,
        key: Option<&Request>,
    ) -> Result<Answered<ConsumeShape>, ConsumeError> {
        match take(&self.0, call, None, key).await? {
            Taken::Charged { usage, quota } => Ok(Answered::first(ConsumeShape {
                usage_id: usage,
                quota: QuotaShape::from(&quota),
            })),
            Taken::Answered(first) => Ok(Answered::again(read_back(&first, call.user_id)?)),
            Taken::Held { .. } => Err(impossible(call.user_id).into()),
        }
    }
}

/// The first answer, as it was kept.
pub(super) fn read_back<T: serde::de::DeserializeOwned>(
    first: &[u8],
    user: UserId,
) -> Result<T, StorageError> {
    serde_json::from_slice(first).map_err(|_| StorageError::Inconsistent {
        table: "idempotency_keys",
        column: "response",
        row: user.to_string(),
    })
}

/// The answer that is already known under the key.
pub(super) async fn known(
    parts: &Parts,
    key: Option<&Request>,
) -> Result<Option<Vec<u8>>, ConsumeError> {
    let Some(key) = key else { return Ok(None) };
    let mut tx = parts.db.begin().await?;
    let known = idempotency::find(&mut tx, key).await?;
    tx.rollback().await?;
    match known {
        None => Ok(None),
        Some(Known::OtherBody) => Err(ConsumeError::KeyReused),
        Some(Known::Running { .. }) => Err(ConsumeError::KeyInProgress),
        Some(Known::Answered { response, .. }) => Ok(Some(response)),
    }
}

/// What no rule explains.
pub(super) fn impossible(user: UserId) -> StorageError {
    StorageError::Inconsistent {
        table: "quota_counters",
        column: "open_until",
        row: user.to_string(),
    }
}
