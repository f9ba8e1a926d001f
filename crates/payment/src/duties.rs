//! The standing duties of this module: one table of what is done again and again without being asked, each by one
//! instance at a time, seen at `GET /admin/jobs`.
//!
//! Whoever is paused past his lease and wakes may still be in the middle of a duty that somebody else has done since.
//! He writes nothing about the duty: his fence is old. What the duty itself writes is guarded in the rows:
//!
//! | duty | what stands in the row it changes |
//! |---|---|
//! | `expire_holds` | the hold is still held and its time is over |
//! | `expire_subscriptions` | it has not ended and its right is over |
//! | `remind` | the term is the one that was read, and nothing nearer to its end was told |
//! | `reset_quota` | the counter of a period is inserted once |
//! | `sweep_orders` | an order has one open question, by the job's unique key |
//! | `conclude_calls` | the call is still an intent |
//! | `forget_*` | what is gone is gone |
//! | `fold_usage` | the mark is moved by the version it was read at, in the transaction of the sums |
//! | `drop_usage` | only what lies before its mark may go, and nothing younger than the sums |
//! | `make_months` | a month is made where there is none, under a lock |
//! | `audit_books` | it only reads |

use std::time::Duration;

use tollgate_storage::duties::{Done, Dutiful, Duty};
use tollgate_storage::{Result, duties, idempotency, jobs, partitions};

use crate::PaymentService;
use crate::operations::{expire, expire_holds, remind, webhook_events};
use crate::store::{attempts, deliveries, looks, reminders, resets, tries};

const EXPIRE_HOLDS: &str = "expire_holds";
const EXPIRE_SUBSCRIPTIONS: &str = "expire_subscriptions";
const REMIND: &str = "remind";
const RESET_QUOTA: &str = "reset_quota";
const SWEEP_ORDERS: &str = "sweep_orders";
const CONCLUDE_CALLS: &str = "conclude_calls";
const AUDIT_BOOKS: &str = "audit_books";
const FORGET_ANSWERS: &str = "forget_answers";
const FORGET_CALLS: &str = "forget_calls";
const FORGET_TRIES: &str = "forget_tries";
const FORGET_TOLD: &str = "forget_told";
/// Of all modules, each of which may be mounted alone: one duty, whoever comes to it first.
const FORGET_JOBS: &str = "forget_jobs";
const FOLD_USAGE: &str = "fold_usage";
const DROP_USAGE: &str = "drop_usage";
const MAKE_MONTHS: &str = "make_months";

/// No call to a provider takes as long, so who began one earlier was cut off.
const LONGEST_CALL: Duration = Duration::from_mins(5);
/// How long the tries of deliveries are kept.
const TRIES_KEPT: Duration = Duration::from_hours(30 * 24);
/// How long what is over is kept for whoever asks: events and their deliveries, jobs.
const TOLD_KEPT: Duration = Duration::from_hours(90 * 24);
const PURGED_AT_ONCE: i64 = 1_000;
/// Transactions of that size in one run.
const PURGES: u32 = 20;

const fn duty(name: &'static str, every: Duration, lease: Duration, says: &'static str) -> Duty {
    Duty {
        name,
        says,
        every,
        lease,
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// What there is to do. A lease is as long as anybody may have to wait for the work of an instance that died at it:
/// units of a hold come back within five seconds of its time.
pub(crate) const DUTIES: &[Duty] = &[
    duty(
        EXPIRE_HOLDS,
        SECOND,
        Duration::from_secs(3),
        "gives back the units of holds whose time is over",
    ),
    duty(
        EXPIRE_SUBSCRIPTIONS,
        Duration::from_secs(2),
        Duration::from_secs(20),
        "ends subscriptions whose right is over",
    ),
    duty(
        REMIND,
        MINUTE,
        MINUTE,
        "tells buyers who pay by hand, and who try, that a term ends, 7, 3 and 1 days before",
    ),
    duty(
        RESET_QUOTA,
        Duration::from_secs(5),
        MINUTE,
        "begins periods of quota that nobody has used yet",
    ),
    duty(
        SWEEP_ORDERS,
        Duration::from_mins(10),
        MINUTE,
        "sees to it that somebody asks about every order that is open past its time",
    ),
    duty(
        CONCLUDE_CALLS,
        MINUTE,
        MINUTE,
        "notes calls to providers that were cut off",
    ),
    duty(
        AUDIT_BOOKS,
        MINUTE,
        MINUTE,
        "looks at the next part of the books for damage",
    ),
    duty(
        FORGET_ANSWERS,
        Duration::from_mins(10),
        MINUTE,
        "forgets answers under an Idempotency-Key after 24 hours",
    ),
    duty(
        FORGET_CALLS,
        Duration::from_mins(10),
        MINUTE,
        "forgets calls of providers after 90 days",
    ),
    duty(
        FORGET_TRIES,
        Duration::from_mins(10),
        MINUTE,
        "forgets tries of deliveries after 30 days",
    ),
    duty(
        FORGET_TOLD,
        Duration::from_mins(10),
        MINUTE,
        "forgets events and their deliveries after 90 days",
    ),
    duty(
        FORGET_JOBS,
        Duration::from_mins(10),
        MINUTE,
        "forgets jobs that are over after 90 days",
    ),
    duty(
        FOLD_USAGE,
        MINUTE,
        MINUTE,
        "sums up the usage log, a closed quarter of an hour at a time",
    ),
    duty(
        DROP_USAGE,
        Duration::from_hours(1),
        Duration::from_mins(5),
        "lets go what the usage log keeps no longer",
    ),
    duty(
        MAKE_MONTHS,
        Duration::from_hours(24),
        Duration::from_mins(5),
        "makes the months of the usage log ahead",
    ),
];

impl PaymentService {
    /// One round over the standing duties.
    pub(crate) async fn do_duties(&self) -> Result<()> {
        let parts = &self.0;
        duties::go_round(&parts.db, &parts.clock, &parts.ids, &parts.instance, self).await
    }

    /// What is past its time, a part of it: many small transactions, so that nobody waits long for one.
    async fn forget(&self, duty: &Duty) -> Result<Done> {
        for _ in 0..PURGES {
            let now = self.0.clock.now();
            let mut tx = self.0.db.begin().await?;
            let gone = match duty.name {
                FORGET_ANSWERS => idempotency::purge(&mut tx, now, PURGED_AT_ONCE).await?,
                FORGET_CALLS => webhook_events::forget(&self.0, &mut tx, PURGED_AT_ONCE).await?,
                FORGET_TOLD => {
                    deliveries::forget(&mut tx, now.before(TOLD_KEPT), PURGED_AT_ONCE).await?
                }
                FORGET_JOBS => jobs::purge(&mut tx, now.before(TOLD_KEPT), PURGED_AT_ONCE).await?,
                _ => tries::forget(&mut tx, now.before(TRIES_KEPT), PURGED_AT_ONCE).await?,
            };
            tx.commit().await?;
            if gone < PURGED_AT_ONCE.unsigned_abs() {
                return Ok(Done::All);
            }
        }
        Ok(Done::More)
    }

    async fn conclude_calls(&self) -> Result<Done> {
        let mut tx = self.0.db.begin().await?;
        let now = self.0.clock.now();
        let begun_before = now.before(LONGEST_CALL);
        attempts::conclude_orphans(&mut tx, begun_before, PURGED_AT_ONCE, now).await?;
        tx.commit().await?;
        Ok(Done::All)
    }
}

impl Dutiful for PaymentService {
    fn duties(&self) -> &'static [Duty] {
        DUTIES
    }

    async fn is_needed(&self, duty: &Duty) -> Result<bool> {
        let (db, livemode) = (&self.0.db, self.0.config.livemode);
        let now = self.0.clock.now();
        match duty.name {
            EXPIRE_HOLDS => looks::is_any_hold_over(db, now).await,
            EXPIRE_SUBSCRIPTIONS => looks::is_any_term_over(db, now).await,
            REMIND => Ok(!reminders::due(db, livemode, now, 1).await?.is_empty()),
            RESET_QUOTA => Ok(!resets::due(db, livemode, now, 1).await?.is_empty()),
            CONCLUDE_CALLS => looks::is_any_call_cut_off(db, now.before(LONGEST_CALL)).await,
            FOLD_USAGE => self.is_fold_due().await,
            DROP_USAGE => self.is_any_usage_old().await,
            // Seldom enough to be done without a look.
            _ => Ok(true),
        }
    }

    async fn perform(&self, duty: &Duty) -> Result<Done> {
        match duty.name {
            EXPIRE_HOLDS => {
                let ended = self.expire_holds().await?;
                Ok(Done::after(ended, expire_holds::BATCH))
            }
            EXPIRE_SUBSCRIPTIONS => {
                let ended = self.expire_subscriptions().await?;
                Ok(Done::after(ended, expire::BATCH))
            }
            REMIND => Ok(Done::after(self.remind().await?, remind::BATCH)),
            // What is left waits for the next time: there is no hurry, and others want the database too.
            RESET_QUOTA => self.reset_quota().await.map(|_| Done::All),
            SWEEP_ORDERS => self.sweep_orders().await.map(|_| Done::All),
            CONCLUDE_CALLS => self.conclude_calls().await,
            AUDIT_BOOKS => self.audit_books().await.map(|()| Done::All),
            FORGET_ANSWERS | FORGET_CALLS | FORGET_TRIES | FORGET_TOLD | FORGET_JOBS => {
                self.forget(duty).await
            }
            FOLD_USAGE => {
                self.fold_usage().await?;
                // A run ends after a second or so, however much is left.
                let more = self.is_fold_due().await?;
                Ok(if more { Done::More } else { Done::All })
            }
            DROP_USAGE => match self.drop_usage().await? {
                0 => Ok(Done::All),
                _ => Ok(Done::More),
            },
            MAKE_MONTHS => {
                let now = self.0.clock.now();
                partitions::make_ahead(&self.0.db, "usage_logs", now).await?;
                Ok(Done::All)
            }
            other => {
                tracing::error!(duty = other, "a duty that nobody does");
                Ok(Done::All)
            }
        }
    }
}

#[cfg(test)]
mod tests;
