//! Gives a person bonus units, with a reason and an end of their own.
//!
//! What can happen at once: calls on the counter that they are poured into, its end, another grant, the same
//! `Idempotency-Key` twice. The open counter gets them in the same commit, under its own row; one that begins later gets
//! what is left of them ([`roll`](super::roll)). The key and the row of the audit log are in that commit too.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::{self, Actor, Entry};
use tollgate_storage::db::Tx;
use tollgate_storage::idempotency::{self, Known, Request};
use tollgate_storage::{Result, StorageError};

use super::consume::impossible;
use super::current_subscription::entitled;
use super::{Answered, TRIES, roll};
use crate::model::quota::{Cost, Meter};
use crate::model::subscription::Subscription;
use crate::shapes::{GivenShape, GrantShape, QuotaShape};
use crate::store::quota_grants::{self, Grant, Of};
use crate::store::{prices, quota_counters};
use crate::{Parts, PaymentService};

/// At most this many characters.
const REASON: usize = 500;

/// Bonus units for a person.
///
/// ```
/// # use tollgate_kernel::clock::Timestamp;
/// # use tollgate_kernel::ids::UserId;
/// # use tollgate_payment::GrantUnits;
/// # use tollgate_payment::model::quota::Cost;
/// fn welcome(user_id: UserId, until: Timestamp) -> GrantUnits {
///     GrantUnits {
///         user_id,
///         meter: None,
///         units: Cost::ONE,
///         reason: "Welcome".to_owned(),
///         expires_at: Some(until),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct GrantUnits {
    /// Whose.
    pub user_id: UserId,
    /// Of which meter; `None` = the first of their plan.
    pub meter: Option<Meter>,
    /// How many.
    pub units: Cost,
    /// For whoever reads it later, the person too: 1 to 500 characters.
    pub reason: String,
    /// When what is left of them is gone; `None` = never.
    pub expires_at: Option<Timestamp>,
}

/// Why nothing was given.
///
/// ```
/// # use tollgate_payment::GrantError;
/// fn is_ours(error: &GrantError) -> bool {
///     matches!(error, GrantError::Internal(_))
/// }
/// assert!(!is_ours(&GrantError::Unlimited));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// Nothing in force that they could be added to.
    #[error("no subscription is in force")]
    NoSubscription,
    /// The plan does not count this.
    #[error("the plan has no such meter")]
    NoMeter,
    /// The plan does not limit this: nothing can be added to it.
    #[error("the meter is unlimited")]
    Unlimited,
    /// No such plan is on sale.
    #[error("no such plan is on sale")]
    NoPlan,
    /// Not 1 to 120.
    #[error("terms are 1 to 120")]
    Terms,
    /// Another paid plan is in force, or this one for ever.
    #[error("another plan is in force")]
    AnotherPlan,
    /// Too long, or none.
    #[error("a reason has 1 to 500 characters")]
    Reason,
    /// An end that has passed.
    #[error("the end has passed")]
    Past,
    /// The key was used for another body.
    #[error("the Idempotency-Key belongs to another request")]
    KeyReused,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// Gives them; who gives is the caller of `origin`. With a key, a repeat brings the first answer back and gives
    /// nothing.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{GrantError, GrantUnits, PaymentService};
    /// # use tollgate_payment::model::quota::Cost;
    /// async fn make_good(
    ///     payment: &PaymentService,
    ///     user_id: UserId,
    ///     units: Cost,
    ///     origin: &Origin,
    /// ) -> Result<Option<i64>, GrantError> {
    ///     let wish = GrantUnits {
    ///         user_id,
    ///         meter: None,
    ///         units,
    ///         reason: "For the outage of 3 May".to_owned(),
    ///         expires_at: None,
    ///     };
    ///     let given = payment.grant_units(&wish, origin, None).await?;
    ///     Ok(given.value.quota.limit)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`GrantError`].
    pub async fn grant_units(
        &self,
        wish: &GrantUnits,
        origin: &Origin,
        key: Option<&Request>,
    ) -> Result<Answered<GivenShape>, GrantError> {
        let parts = &self.0;
        good_reason(&wish.reason)?;
        for _ in 0..TRIES {
            let now = parts.clock.now();
            if let Some(first) = answered(parts, key).await? {
                return Ok(Answered::again(first));
            }
            if wish.expires_at.is_some_and(|end| end <= now) {
                return Err(GrantError::Past);
            }
            let held = entitled(parts, wish.user_id, now).await?;
            let held = held.ok_or(GrantError::NoSubscription)?;
            let meter = wish.meter.as_ref().unwrap_or(&held.meter);
            roll::roll_alone(parts, &held, meter, now).await?;
            let mut tx = parts.db.begin().await?;
            let by = (Actor::of(origin), origin);
            let given = give(parts, &mut tx, (wish, &held, meter), by, now).await?;
            let Some(shape) = given else {
                tx.rollback().await?;
                continue;
            };
            if !keep(&mut tx, key, &shape, now).await? {
                tx.rollback().await?;
                continue;
            }
            tx.commit().await?;
            tracing::info!(subscription.id = %held.id, grant.id = %shape.grant.id, units = shape.grant.units, "bonus units were given");
            return Ok(Answered::first(shape));
        }
        Err(impossible(wish.user_id).into())
    }
}

/// One for whoever reads it later.
pub(super) fn good_reason(reason: &str) -> Result<(), GrantError> {
    if (1..=REASON).contains(&reason.chars().count()) {
        Ok(())
    } else {
        Err(GrantError::Reason)
    }
}

/// Into the open counter. `None`: it was closed meanwhile; read again what stands.
pub(super) async fn give(
    parts: &Parts,
    tx: &mut Tx,
    (wish, held, meter): (&GrantUnits, &Subscription, &Meter),
    (actor, origin): (Actor, &Origin),
    now: Timestamp,
) -> Result<Option<GivenShape>, GrantError> {
    let terms = prices::read_terms(tx, held.plan_id, held.plan_version, meter).await?;
    terms.ok_or(GrantError::NoMeter)?;
    let last = quota_counters::lock_last(tx, held.id, meter, now).await?;
    let Some(last) = last.filter(|last| last.open_until > now) else {
        return Ok(None);
    };
    let grant = Grant {
        id: parts.ids.at(now),
        subscription: held.id,
        meter: meter.to_string(),
        units: wish.units.get(),
        spent: 0,
        reason: wish.reason.clone(),
        granted_by: origin.caller.as_ref().and_then(Caller::user_id),
        payment: None,
        created_at: now,
        expires_at: wish.expires_at,
    };
    let of = (held.id, meter, last.counter.period.start);
    if !pour(tx, of, &grant, now).await? {
        return Err(GrantError::Unlimited);
    }
    let counter = quota_counters::read_period(tx, of).await?;
    let counter = counter.ok_or_else(|| impossible(wish.user_id))?;
    let shape = GivenShape {
        grant: GrantShape {
            id: grant.id,
            units: grant.units,
            burned: 0,
            reason: grant.reason,
            created_at: now,
            expires_at: grant.expires_at,
        },
        quota: QuotaShape::from(&counter.quota),
    };
    let entry = Entry {
        id: parts.ids.at(now),
        actor,
        action: "user.units_granted",
        subject_kind: "user",
        subject_id: wish.user_id.to_string(),
        before: Some(json!(QuotaShape::from(&last.counter.quota))),
        after: Some(json!(shape)),
        reason: Some(&wish.reason),
        origin,
    };
    audit::append(tx, &parts.master_key, &entry, now).await?;
    Ok(Some(shape))
}

/// Writes a grant down and pours it into a counter. `false`: that has no limit, and nothing was done.
pub(super) async fn pour(tx: &mut Tx, of: Of<'_>, grant: &Grant, now: Timestamp) -> Result<bool> {
    let units = grant.units;
    if !quota_counters::pour(tx, of, units, units, grant.expires_at, now).await? {
        return Ok(false);
    }
    quota_grants::insert(tx, grant).await?;
    quota_grants::pour(tx, of, grant.id, units).await?;
    Ok(true)
}

/// The answer that is already known under the key.
pub(super) async fn answered<T: DeserializeOwned>(
    parts: &Parts,
    key: Option<&Request>,
) -> Result<Option<T>, GrantError> {
    let Some(key) = key else { return Ok(None) };
    let mut tx = parts.db.begin().await?;
    let known = idempotency::find(&mut tx, key).await?;
    tx.rollback().await?;
    match known {
        None | Some(Known::Running { .. }) => Ok(None),
        Some(Known::OtherBody) => Err(GrantError::KeyReused),
        Some(Known::Answered { response, .. }) => {
            let first = serde_json::from_slice(&response);
            first.map(Some).map_err(|_| {
                GrantError::Internal(StorageError::Inconsistent {
                    table: "idempotency_keys",
                    column: "response",
                    row: key.caller.clone(),
                })
            })
        }
    }
}

/// Keeps the answer under the key. `false`: a rival with the same key was faster.
pub(super) async fn keep(
    tx: &mut Tx,
    key: Option<&Request>,
    shape: &impl Serialize,
    now: Timestamp,
) -> Result<bool> {
    let Some(key) = key else { return Ok(true) };
    let response = serde_json::to_vec(shape).expect("a shape of texts and numbers is JSON");
    idempotency::put(tx, key, 201, &response, now).await
}
