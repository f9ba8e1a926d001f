//! What is done without being asked. The caller owns the loop; a tick does what is due.
//!
//! What is done again and again by one instance at a time are standing duties ([`tollgate_storage::duties`]). One that is
//! taken over from whoever was paused at it does no harm when he wakes: what is forgotten is gone, and of two seals over
//! the same rows one is inserted.

use std::time::Duration;

use tollgate_storage::duties::{Done, Dutiful, Duty};
use tollgate_storage::{Result, audit, duties, jobs, throttle};

use crate::AuthService;
use crate::operations::reset_password::LANE;
use crate::store::{one_time_tokens, sessions};

const PURGED_AT_ONCE: i64 = 1_000;
/// Transactions of that size in one run.
const PURGES: u32 = 20;
/// What is over is kept this long, for who asks what happened.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// A job that failed for good is looked at within this time, or never.
const JOBS_KEPT: Duration = Duration::from_hours(90 * 24);
/// A question that is not answered by then is taken by somebody else.
const LEASE: Duration = Duration::from_mins(1);
const AT_ONCE: i64 = 32;

const FORGET_COUNTS: &str = "forget_counts";
const FORGET_LINKS: &str = "forget_links";
const FORGET_SESSIONS: &str = "forget_sessions";
const FORGET_JOBS: &str = "forget_jobs";
const SEAL_AUDIT: &str = "seal_audit";

const fn duty(name: &'static str, minutes: u64, says: &'static str) -> Duty {
    Duty {
        name,
        says,
        every: Duration::from_mins(minutes),
        lease: LEASE,
    }
}

const DUTIES: &[Duty] = &[
    duty(FORGET_COUNTS, 10, "forgets counts of tries that are over"),
    duty(FORGET_LINKS, 10, "forgets links of letters after 30 days"),
    duty(
        FORGET_SESSIONS,
        10,
        "forgets sign-ins 30 days after their end",
    ),
    duty(FORGET_JOBS, 10, "forgets jobs that are over after 90 days"),
    duty(SEAL_AUDIT, 1, "seals the audit log"),
];

impl AuthService {
    /// Does what is due now: sends letters, answers questions for new passwords, goes round the standing duties. Gives
    /// how many letters left.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_auth::AuthService;
    /// async fn work(auth: AuthService) {
    ///     let mut beat = tokio::time::interval(Duration::from_secs(1));
    ///     loop {
    ///         beat.tick().await;
    ///         if let Err(error) = auth.tick().await {
    ///             tracing::warn!(%error, "not everything was done");
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// The database; nothing is lost, the next tick goes on.
    pub async fn tick(&self) -> Result<usize> {
        let parts = self.parts();
        self.answer_questions().await?;
        // What fails keeps no letter from leaving; the first failure is told.
        let done = duties::go_round(&parts.db, &parts.clock, &parts.ids, &parts.instance, self);
        let done = done.await;
        let sent = self.send_letters().await?;
        done.map(|()| sent)
    }

    async fn answer_questions(&self) -> Result<()> {
        let parts = self.parts();
        let mut tx = parts.db.begin().await?;
        let due = jobs::claim(&mut tx, LANE, LEASE, AT_ONCE, parts.clock.now()).await?;
        tx.commit().await?;
        for job in due {
            self.answer_reset(&job, parts.clock.now()).await?;
        }
        Ok(())
    }

    /// What is past its time, a part of it: many small transactions, so that nobody waits long for one.
    async fn forget(&self, duty: &Duty) -> Result<Done> {
        let parts = self.parts();
        for _ in 0..PURGES {
            let now = parts.clock.now();
            let month_ago = now.before(KEPT);
            let mut tx = parts.db.begin().await?;
            let gone = match duty.name {
                FORGET_COUNTS => throttle::purge(&mut tx, now, PURGED_AT_ONCE).await?,
                FORGET_LINKS => one_time_tokens::purge(&mut tx, month_ago, PURGED_AT_ONCE).await?,
                FORGET_SESSIONS => sessions::purge(&mut tx, month_ago, PURGED_AT_ONCE).await?,
                // Of both modules: a job that is over says nothing that the books do not.
                _ => jobs::purge(&mut tx, now.before(JOBS_KEPT), PURGED_AT_ONCE).await?,
            };
            tx.commit().await?;
            if gone < PURGED_AT_ONCE.unsigned_abs() {
                return Ok(Done::All);
            }
        }
        Ok(Done::More)
    }
}

impl Dutiful for AuthService {
    fn duties(&self) -> &'static [Duty] {
        DUTIES
    }

    async fn is_needed(&self, _duty: &Duty) -> Result<bool> {
        // Seldom enough to be done without a look.
        Ok(true)
    }

    async fn perform(&self, duty: &Duty) -> Result<Done> {
        if duty.name == SEAL_AUDIT {
            let parts = self.parts();
            while audit::seal(&parts.db, &parts.master_key, parts.clock.now()).await? {}
            return Ok(Done::All);
        }
        self.forget(duty).await
    }
}
