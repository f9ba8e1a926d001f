//! Ends a hold, once: charges it, or a part of it, or gives it back.
//!
//! What can happen at once: commit, release and expiry of one hold, and each of them twice. The hold's own row decides,
//! in one statement; who comes later has the first answer, if it is the one that is asked for. A hold belongs to the
//! period in which it was made, and is charged to it even when that is over.

use tollgate_kernel::ids::{ApiKeyId, HoldId};
use tollgate_storage::StorageError;

use crate::PaymentService;
use crate::model::hold::{Hold, HoldTime, Owner};
use crate::model::quota::{Cost, InvalidCost};
use crate::quota_writer::{End, Fate, Full, Settle, Wish};
use crate::shapes::{HoldShape, SettledShape};
use crate::store::{quota_counters, quota_holds};

/// Why a hold was not ended, or not moved.
///
/// ```
/// # use tollgate_payment::HoldError;
/// // What does not become true by trying again.
/// fn is_final(error: &HoldError) -> bool {
///     !matches!(error, HoldError::Busy | HoldError::Internal(_))
/// }
/// assert!(is_final(&HoldError::Settled));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// Nobody's, or somebody else's.
    #[error("no such hold")]
    NotFound,
    /// Not a cost at all.
    #[error(transparent)]
    Cost(#[from] InvalidCost),
    /// More than was set aside.
    #[error("more than was set aside")]
    AboveHold,
    /// It has ended otherwise, or its time is over.
    #[error("the hold has ended")]
    Settled,
    /// More calls wait than the database can take in a few seconds.
    #[error("too many calls wait")]
    Busy,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// Charges a hold: all of it, or `cost` calls' worth; the others are given back. Asked for again, it is the first
    /// answer.
    ///
    /// ```
    /// # use tollgate_kernel::ids::HoldId;
    /// # use tollgate_payment::{HoldError, PaymentService};
    /// # use tollgate_payment::model::hold::Owner;
    /// # use tollgate_payment::model::quota::Cost;
    /// async fn charge_three(payment: &PaymentService, hold: HoldId) -> Result<i64, HoldError> {
    ///     let settled = payment.commit_hold(hold, Owner::HOST, Some(Cost::new(3)?)).await?;
    ///     Ok(settled.charged)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`HoldError`].
    pub async fn commit_hold(
        &self,
        hold: HoldId,
        owner: Owner,
        cost: Option<Cost>,
    ) -> Result<SettledShape, HoldError> {
        self.settle(hold, owner, End::Commit(cost)).await
    }

    /// Gives a hold back. Asked for again, or after its time, it is so already.
    ///
    /// ```
    /// # use tollgate_kernel::ids::HoldId;
    /// # use tollgate_payment::{HoldError, PaymentService};
    /// # use tollgate_payment::model::hold::Owner;
    /// async fn give_back(payment: &PaymentService, hold: HoldId) -> Result<(), HoldError> {
    ///     let settled = payment.release_hold(hold, Owner::HOST).await?;
    ///     assert_eq!(settled.charged, 0);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`HoldError`].
    pub async fn release_hold(
        &self,
        hold: HoldId,
        owner: Owner,
    ) -> Result<SettledShape, HoldError> {
        self.settle(hold, owner, End::Release).await
    }

    /// Moves the end of a hold to `time` from now.
    ///
    /// ```
    /// # use tollgate_kernel::clock::Timestamp;
    /// # use tollgate_kernel::ids::HoldId;
    /// # use tollgate_payment::{HoldError, PaymentService};
    /// # use tollgate_payment::model::hold::{HoldTime, Owner};
    /// async fn longer(payment: &PaymentService, hold: HoldId) -> Result<Timestamp, HoldError> {
    ///     let held = payment.extend_hold(hold, Owner::HOST, HoldTime::USUAL).await?;
    ///     Ok(held.expires_at)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`HoldError`].
    pub async fn extend_hold(
        &self,
        id: HoldId,
        owner: Owner,
        time: HoldTime,
    ) -> Result<HoldShape, HoldError> {
        let parts = &self.0;
        let mut tx = parts.db.begin().await?;
        let now = parts.clock.now();
        let Some(mut hold) = quota_holds::read(&mut tx, id, &owner).await? else {
            return Err(HoldError::NotFound);
        };
        hold.expires_at = now.after(time.get());
        if !quota_holds::extend(&mut tx, id, hold.expires_at, now).await? {
            return Err(HoldError::Settled);
        }
        let of = (hold.subscription_id, &hold.meter, hold.period_start);
        let counter = quota_counters::read_period(&mut tx, of).await?;
        let counter = counter.ok_or_else(|| impossible(id))?;
        tx.commit().await?;
        Ok(HoldShape::new(&hold, &counter.quota))
    }

    async fn settle(&self, id: HoldId, owner: Owner, end: End) -> Result<SettledShape, HoldError> {
        let hold = quota_holds::find(&self.0.db, id, &owner).await?;
        let hold = hold.ok_or(HoldError::NotFound)?;
        self.settle_known(&hold, end, None).await
    }

    /// Of a hold as it was made: what of it decides never changes.
    pub(super) async fn settle_known(
        &self,
        hold: &Hold,
        end: End,
        key_id: Option<ApiKeyId>,
    ) -> Result<SettledShape, HoldError> {
        let id = hold.id;
        let settle = Settle {
            hold: id,
            subscription: hold.subscription_id,
            meter: hold.meter.clone(),
            period_start: hold.period_start,
            owner: hold.owner,
            key_id,
            end,
        };
        let written = self.0.writer.write(Wish::Settle(settle)).await;
        match written.map_err(|Full| HoldError::Busy)?? {
            Fate::Settled { hold, quota } => Ok(SettledShape::new(&hold, &quota)),
            Fate::NoHold => Err(HoldError::NotFound),
            Fate::AboveHold => Err(HoldError::AboveHold),
            Fate::Over => Err(HoldError::Settled),
            Fate::Charged { .. }
            | Fate::Held { .. }
            | Fate::Short(_)
            | Fate::Stale
            | Fate::Answered(_)
            | Fate::OtherBody
            | Fate::Running => Err(impossible(id).into()),
        }
    }
}

fn impossible(hold: HoldId) -> StorageError {
    StorageError::Inconsistent {
        table: "quota_holds",
        column: "state",
        row: hold.to_string(),
    }
}
