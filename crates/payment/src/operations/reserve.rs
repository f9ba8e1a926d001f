//! Sets units aside before the work, so that they are there when it is done.

use tollgate_storage::StorageError;
use tollgate_storage::idempotency::Request;

use super::Answered;
use super::consume::{Consume, ConsumeError, impossible, read_back};
use super::take::{Taken, take};
use crate::PaymentService;
use crate::model::hold::{HoldTime, Owner};
use crate::shapes::HoldShape;

impl PaymentService {
    /// Sets the units of `call` aside for `time`: charged by [`commit`](Self::commit_hold), given back by
    /// [`release`](Self::release_hold), or by themselves when the time is over. With a key, a repeat brings the first
    /// answer back and sets nothing aside.
    ///
    /// ```
    /// # use tollgate_kernel::ids::HoldId;
    /// # use tollgate_payment::{Consume, ConsumeError, PaymentService};
    /// # use tollgate_payment::model::hold::{HoldTime, Owner};
    /// async fn set_aside(payment: &PaymentService, call: &Consume) -> Result<HoldId, ConsumeError> {
    ///     let ten_minutes = HoldTime::seconds(600).unwrap_or(HoldTime::USUAL);
    ///     let held = payment.reserve(call, Owner::HOST, ten_minutes, None).await?;
    ///     Ok(held.value.reservation_id)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ConsumeError`], as a charge would be refused.
    pub async fn reserve(
        &self,
        call: &Consume,
        owner: Owner,
        time: HoldTime,
        key: Option<&Request>,
    ) -> Result<Answered<HoldShape>, ConsumeError> {
        match take(&self.0, call, Some((owner, time)), key).await? {
            Taken::Held { hold, quota } => Ok(Answered::first(HoldShape::new(&hold, &quota))),
            Taken::Answered(first) => {
                let first: Result<HoldShape, StorageError> = read_back(&first, call.user_id);
                Ok(Answered::again(first?))
            }
            Taken::Charged { .. } => Err(impossible(call.user_id).into()),
        }
    }
}
