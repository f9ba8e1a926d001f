//! What is done without being asked. The caller owns the loop; a tick does what is due.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::jobs::{self, Job};
use tollgate_storage::{Result, StorageError};

use crate::PaymentService;
use crate::model::payment::PaymentMethod;
use crate::operations::agreement::calls::{END_AGREEMENT, KEEP_AGREEMENT};
use crate::operations::console_refund::CONSOLE_REFUND;
use crate::operations::reconcile::{Reconciled, next_question};
use crate::operations::refund::REFUND;
use crate::operations::told_early::TOLD_EARLY;

/// Work on orders, one lane per rail: a slow one does not keep the others waiting.
pub(crate) const RECONCILE: &str = "reconcile";
/// A job that is not finished by then is taken by somebody else.
const LEASE: Duration = Duration::from_mins(1);
const AT_ONCE: i64 = 16;

/// A kind of due work. Each waits for others than the rest does, so whoever has threads to spare runs a loop for each:
/// a provider that is slow keeps nobody waiting but its own buyers.
///
/// ```
/// # use tollgate_payment::Lane;
/// fn name(lane: Lane) -> String {
///     match lane {
///         Lane::Rail(method) => method.as_str().to_owned(),
///         Lane::Outbound => "events".to_owned(),
///         Lane::Upkeep => "upkeep".to_owned(),
///         _ => "another".to_owned(),
///     }
/// }
/// assert_eq!(name(Lane::Upkeep), "upkeep");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lane {
    /// Questions to one provider, and the list of what it told.
    Rail(PaymentMethod),
    /// Events to those who listen.
    Outbound,
    /// The standing duties, for which only the database is asked.
    Upkeep,
}

impl PaymentService {
    /// What there is to do.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_payment::PaymentService;
    /// // A loop for each lane, so that a slow provider keeps only its own buyers waiting.
    /// fn spawn(payment: &PaymentService) {
    ///     for lane in payment.lanes() {
    ///         let payment = payment.clone();
    ///         tokio::spawn(async move {
    ///             loop {
    ///                 if let Err(error) = payment.work_in(lane).await {
    ///                     eprintln!("{error}");
    ///                 }
    ///                 tokio::time::sleep(Duration::from_secs(1)).await;
    ///             }
    ///         });
    ///     }
    /// }
    /// ```
    pub fn lanes(&self) -> Vec<Lane> {
        let rails = PaymentMethod::ALL.iter().copied();
        let rails = rails.filter(|rail| self.0.providers.get(*rail).is_some());
        let others = [Lane::Upkeep, Lane::Outbound];
        rails.map(Lane::Rail).chain(others).collect()
    }

    /// Does what is due now in every lane, one after another. Gives how many orders were asked about.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_payment::PaymentService;
    /// async fn keep_going(payment: &PaymentService) {
    ///     loop {
    ///         if let Err(error) = payment.tick().await {
    ///             eprintln!("{error}");
    ///         }
    ///         tokio::time::sleep(Duration::from_secs(1)).await;
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// The database; nothing is lost, the next tick goes on.
    pub async fn tick(&self) -> Result<usize> {
        let mut asked = Ok(0_usize);
        for lane in self.lanes() {
            // What fails keeps nothing else from being done; the first failure is told.
            let more = self.work_in(lane).await;
            asked = asked.and_then(|asked| Ok(asked.saturating_add(more?)));
        }
        asked
    }

    /// Does what is due now in one lane: asks about open orders, reads a provider's list, tells of events, or goes round
    /// the standing duties. Gives how many orders were asked about.
    ///
    /// ```
    /// # use tollgate_payment::{Lane, PaymentService};
    /// # use tollgate_storage::StorageError;
    /// async fn upkeep(payment: &PaymentService) -> Result<usize, StorageError> {
    ///     payment.work_in(Lane::Upkeep).await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database; nothing is lost, the next time goes on.
    pub async fn work_in(&self, lane: Lane) -> Result<usize> {
        match lane {
            Lane::Rail(rail) => {
                let asked = self.reconcile_due(rail).await;
                self.catch_up(rail).await.map(drop).and(asked)
            }
            Lane::Outbound => self.deliver_events().await.map(|_| 0),
            Lane::Upkeep => {
                self.warn();
                self.do_duties().await.map(|()| 0)
            }
        }
    }

    /// At the start, and once a day after it: whoever reads the log hears of a certificate's end in time.
    fn warn(&self) {
        if !is_new_day(&self.0.warned_at, self.0.clock.now()) {
            return;
        }
        for warning in self.warnings() {
            if warning.is_urgent() {
                tracing::error!("{warning}");
            } else {
                tracing::warn!("{warning}");
            }
        }
    }

    async fn reconcile_due(&self, rail: PaymentMethod) -> Result<usize> {
        let mut tx = self.0.db.begin().await?;
        let due = jobs::claim(&mut tx, rail.as_str(), LEASE, AT_ONCE, self.0.clock.now()).await?;
        tx.commit().await?;
        let count = due.len();
        let mut running = tokio::task::JoinSet::new();
        for job in due {
            let service = self.clone();
            running.spawn(async move { service.work(&job).await });
        }
        for outcome in running.join_all().await {
            outcome?;
        }
        Ok(count)
    }

    async fn work(&self, job: &Job) -> Result<()> {
        let outcome = match job.kind.as_str() {
            KEEP_AGREEMENT | END_AGREEMENT => {
                let (method, id) = (named(job, "method")?, named::<String>(job, "agreement_id")?);
                return self.work_on_agreement(job, method, &id).await;
            }
            TOLD_EARLY => return self.work_on_told(job, named(job, "method")?).await,
            REFUND => self.reconcile_refund(named(job, "refund_id")?).await?,
            CONSOLE_REFUND => {
                let (payment, number) =
                    (named(job, "payment_id")?, named::<String>(job, "number")?);
                self.reconcile_console_refund(payment, &number, job.attempts)
                    .await?
            }
            _ => self.reconcile(named(job, "payment_id")?).await?,
        };
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let ours = match outcome {
            Reconciled::Settled => jobs::finish(&mut tx, job, now).await?,
            Reconciled::Open => {
                jobs::put_off(&mut tx, job, next_question(job.attempts, now), "open").await?
            }
        };
        if ours {
            tx.commit().await?;
        }
        Ok(())
    }
}

/// Whether a day has passed since it was last so, or it never was. A clock that went back by more
/// than a day counts too: silence for as long as it went back would be worse.
fn is_new_day(last: &Mutex<Option<Timestamp>>, now: Timestamp) -> bool {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let day = Duration::from_hours(24);
    let passed = last.is_none_or(|at| now.since(at) >= day || at.since(now) >= day);
    if passed {
        *last = Some(now);
    }
    passed
}

/// A member of the payload of a job.
fn named<T: FromStr>(job: &Job, member: &str) -> Result<T> {
    let id = job.payload.get(member).and_then(|id| id.as_str());
    id.and_then(|id| id.parse().ok())
        .ok_or_else(|| StorageError::Inconsistent {
            table: "jobs",
            column: "payload",
            row: job.id.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_told_at_the_start_and_once_a_day() {
        let start = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        let last = Mutex::new(None);
        let after = |hours| start.after(Duration::from_hours(hours));
        for (at, told) in [
            (start, true),
            (start, false),
            (after(23), false),
            (after(24), true),
            (after(25), false),
            (after(1), false),
            (start, true),
        ] {
            assert_eq!(is_new_day(&last, at), told, "{at}");
        }
    }
}
