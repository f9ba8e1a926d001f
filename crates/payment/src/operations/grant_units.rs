//! Gives a person bonus units, with a reason and an end of their own.
//!
//! What can happen at once: calls on the counter that they are poured into, its end, another grant. The open counter gets
//! them in the same commit, under its own row; one that begins later gets what is left of them ([`roll`](super::roll)).

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::current_subscription::entitled;
use super::{TRIES, roll};
use crate::PaymentService;
use crate::model::quota::{Cost, Meter, QuotaState};
use crate::store::quota_grants::{self, Grant, Of};
use crate::store::{quota_counters, quota_mirror};

/// At most this many characters.
const REASON: usize = 500;

/// Bonus units for a person.
#[derive(Clone, Debug)]
pub struct GrantUnits {
    /// Whose.
    pub user_id: UserId,
    /// Of which meter; `None` = the first of their plan.
    pub meter: Option<Meter>,
    /// How many.
    pub units: Cost,
    /// For whoever reads it later: 1 to 500 characters.
    pub reason: String,
    /// When what is left of them is gone; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// Who gives them.
    pub granted_by: Option<UserId>,
}

/// Why nothing was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// Nothing in force that they could be added to.
    #[error("no subscription is in force")]
    NoSubscription,
    /// The plan does not count this, or does not limit it.
    #[error("the plan has no such meter, or does not limit it")]
    NoMeter,
    /// Too long, or none.
    #[error("a reason has 1 to 500 characters")]
    Reason,
    /// An end that has passed.
    #[error("the end has passed")]
    Past,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// Gives them. Gives how the meter stands then.
    ///
    /// # Errors
    /// [`GrantError`].
    pub async fn grant_units(
        &self,
        wish: &GrantUnits,
    ) -> std::result::Result<QuotaState, GrantError> {
        let parts = &self.0;
        if !(1..=REASON).contains(&wish.reason.chars().count()) {
            return Err(GrantError::Reason);
        }
        for _ in 0..TRIES {
            let now = parts.clock.now();
            if wish.expires_at.is_some_and(|end| end <= now) {
                return Err(GrantError::Past);
            }
            let held = entitled(parts, wish.user_id, now).await?;
            let held = held.ok_or(GrantError::NoSubscription)?;
            let meter = wish.meter.as_ref().unwrap_or(&held.meter);
            roll::roll_alone(parts, &held, meter, now).await?;
            let mut tx = parts.db.begin().await?;
            let Some(last) = quota_counters::lock_last(&mut tx, held.id, meter, now).await? else {
                return Err(GrantError::NoMeter);
            };
            if last.counter.quota.limit.is_none() {
                return Err(GrantError::NoMeter);
            }
            if last.open_until <= now {
                // It was closed meanwhile: read again what stands.
                tx.rollback().await?;
                continue;
            }
            let grant = Grant {
                id: parts.ids.at(now),
                subscription: held.id,
                meter: meter.to_string(),
                units: wish.units.get(),
                spent: 0,
                reason: wish.reason.clone(),
                granted_by: wish.granted_by,
                payment: None,
                created_at: now,
                expires_at: wish.expires_at,
            };
            let of = (held.id, meter, last.counter.period.start);
            let units = grant.units;
            if !pour(&mut tx, of, &grant, now).await? {
                return Err(GrantError::NoMeter);
            }
            let counter = quota_counters::read_period(&mut tx, of).await?;
            let counter = counter.ok_or(GrantError::NoMeter)?;
            tx.commit().await?;
            tracing::info!(subscription.id = %held.id, grant.id = %grant.id, units, "bonus units were given");
            return Ok(counter.quota);
        }
        Err(StorageError::Inconsistent {
            table: "quota_counters",
            column: "open_until",
            row: wish.user_id.to_string(),
        }
        .into())
    }
}

/// Writes a grant down and pours it into a counter. `false`: that has no limit, and nothing was done.
pub(super) async fn pour(tx: &mut Tx, of: Of<'_>, grant: &Grant, now: Timestamp) -> Result<bool> {
    let units = grant.units;
    if !quota_counters::pour(tx, of, units, units, grant.expires_at, now).await? {
        return Ok(false);
    }
    quota_grants::insert(tx, grant).await?;
    quota_grants::pour(tx, of, grant.id, units).await?;
    quota_mirror::follow_each(tx, &[grant.subscription], now).await?;
    Ok(true)
}
