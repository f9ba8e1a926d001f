//! Ends a subscription with the term that is paid, and takes that back while there is time. What debits by itself is
//! told to its rail by a job, until it has heard.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::{StorageError, db::Tx};

use super::agreement::{calls, reach};
use super::current_subscription::{entitled, shown};
use super::left::as_bought;
use super::{TRIES, moved_on, tell};
use crate::model::subscription::{
    Subscription, SubscriptionEvent as Event, SubscriptionState as State,
};
use crate::shapes::SubscriptionShape;
use crate::store::{agreements, quota_counters, subscriptions};
use crate::{Parts, PaymentService};

const LONGEST_REASON: usize = 500;

/// Why a subscription does not change.
///
/// ```
/// # use tollgate_payment::ChangeError;
/// fn status(error: &ChangeError) -> u16 {
///     match error {
///         ChangeError::NoSubscription => 404,
///         ChangeError::Internal(_) => 503,
///         _ => 422,
///     }
/// }
/// assert_eq!(status(&ChangeError::NoSubscription), 404);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// None is in force.
    #[error("no subscription is in force")]
    NoSubscription,
    /// It has no term, so that it never ends by itself.
    #[error("what has no term cannot be cancelled to its end")]
    Endless,
    /// A reason of more than 500 characters.
    #[error("the reason is too long")]
    Reason,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// Where it goes.
#[derive(Clone, Copy, Debug)]
enum Wish<'a> {
    Cancel(Option<&'a str>),
    Resume,
}

impl PaymentService {
    /// No further term: what is paid stays usable to its end. Cancelled before, nothing changes.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::{ChangeError, PaymentService};
    /// async fn leave(payment: &PaymentService, user: UserId) -> Result<String, ChangeError> {
    ///     let held = payment.cancel_subscription(user, Some("too dear")).await?;
    ///     Ok(match held.current_period_end {
    ///         Some(end) => format!("yours until {end}"),
    ///         None => "over".to_owned(),
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn cancel_subscription(
        &self,
        user: UserId,
        reason: Option<&str>,
    ) -> Result<SubscriptionShape, ChangeError> {
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
            return Err(ChangeError::Reason);
        }
        self.change(user, Wish::Cancel(reason)).await
    }

    /// It goes on after all as it is, by itself where it went on by itself, and no other plan follows. Neither cancelled nor
    /// to be followed, nothing changes.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::{ChangeError, PaymentService};
    /// async fn stay(payment: &PaymentService, user: UserId) -> Result<bool, ChangeError> {
    ///     let held = payment.resume_subscription(user).await?;
    ///     Ok(!held.cancel_at_period_end)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn resume_subscription(
        &self,
        user: UserId,
    ) -> Result<SubscriptionShape, ChangeError> {
        self.change(user, Wish::Resume).await
    }

    async fn change(&self, user: UserId, wish: Wish<'_>) -> Result<SubscriptionShape, ChangeError> {
        let parts = &self.0;
        for _ in 0..TRIES {
            let now = parts.clock.now();
            let Some(held) = entitled(parts, user, now).await? else {
                // It has lapsed, and its debit may still be tried: that is over in any case.
                let mut tx = parts.db.begin().await?;
                if matches!(wish, Wish::Cancel(_))
                    && calls::end_lapsed(parts, &mut tx, user, now).await?
                {
                    tx.commit().await?;
                }
                return Err(ChangeError::NoSubscription);
            };
            if matches!(wish, Wish::Cancel(_)) && held.term_end.is_none() {
                return Err(ChangeError::Endless);
            }
            let as_wished = match wish {
                Wish::Cancel(_) => held.state == State::Cancelling,
                Wish::Resume => held.state != State::Cancelling && held.next_plan.is_none(),
            };
            if as_wished {
                return Ok(shown(parts, &held, now).await?);
            }
            let event = match wish {
                Wish::Cancel(_) => Event::Cancelled,
                Wish::Resume => Event::Resumed,
            };
            if held.state.next(event).is_err() {
                return Err(ChangeError::Endless);
            }
            let mut tx = parts.db.begin().await?;
            let changed = match wish {
                Wish::Cancel(reason) if held.term_end.is_some_and(|end| end <= now) => {
                    end_now(parts, &mut tx, &held, reason, now).await?
                }
                _ => turn(parts, &mut tx, &held, wish, now).await?,
            };
            if let Some(stands) = changed {
                tx.commit().await?;
                return Ok(shown(parts, &stands, now).await?);
            }
            tx.rollback().await?;
        }
        Err(moved_on(user).into())
    }
}

/// The term is over and its debit is being tried again: there is nothing paid to use up, and nothing is to be tried.
/// `None`: it changed since it was read.
async fn end_now(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Option<Subscription>, StorageError> {
    calls::end_of(parts, tx, held.id, now).await?;
    // Counters before the subscription, as everywhere; and again, for one rolled in between.
    quota_counters::close(tx, held.id, now).await?;
    let reason = reason.unwrap_or("cancelled");
    if !subscriptions::end(tx, held, State::Expired, reason, now).await? {
        return Ok(None);
    }
    quota_counters::close(tx, held.id, now).await?;
    told(parts, tx, "subscription.expired", held, now).await
}

/// Of what has just begun and ends with its term.
pub(super) async fn begin_cancelled(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    reason: &str,
    now: Timestamp,
) -> Result<Option<Subscription>, StorageError> {
    turn(parts, tx, held, Wish::Cancel(Some(reason)), now).await
}

/// `None`: it changed since it was read.
async fn turn(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    wish: Wish<'_>,
    now: Timestamp,
) -> Result<Option<Subscription>, StorageError> {
    let agreement = agreements::of(tx, held.id).await?;
    // The job before the subscription: see `calls::PaymentService::work_on_agreement`.
    if let Some((method, id)) = &agreement {
        calls::keep(parts, tx, *method, id, now).await?;
    }
    let renews = agreement.is_some();
    let (changed, event) = match wish {
        Wish::Cancel(reason) => {
            reach(tx, held, held.term_end, now).await?;
            let changed = subscriptions::cancel(tx, held, reason, now).await?;
            (changed, "subscription.cancelled")
        }
        Wish::Resume => {
            let grace = as_bought(tx, held).await?.grace();
            let then = Subscription {
                state: State::Active,
                next_plan: None,
                auto_renew: renews,
                ..held.clone()
            };
            let then = Subscription {
                entitled_until: then.right_until(held.term_end, grace),
                ..then
            };
            let until = then.entitled_until;
            reach(tx, held, until, now).await?;
            let changed = if held.state == State::Cancelling {
                subscriptions::resume(tx, held, renews, until, now).await?
            } else {
                subscriptions::want_next(tx, &then, now).await?
            };
            (changed, "subscription.resumed")
        }
    };
    if !changed {
        return Ok(None);
    }
    told(parts, tx, event, held, now).await
}

/// Tells of it as it stands now.
async fn told(
    parts: &Parts,
    tx: &mut Tx,
    event: &'static str,
    held: &Subscription,
    now: Timestamp,
) -> Result<Option<Subscription>, StorageError> {
    let stands = subscriptions::read(tx, held.id).await?;
    if let Some(stands) = &stands {
        tell::subscription(parts, tx, event, stands, now).await?;
    }
    Ok(stands)
}
