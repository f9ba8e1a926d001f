//! What is done without being asked. The caller owns the loop; a tick does what is due.

use std::time::Duration;

use tollgate_storage::{Result, audit, jobs, throttle};

use crate::AuthService;
use crate::operations::reset_password::LANE;
use crate::store::{one_time_tokens, sessions};

const PURGED_AT_ONCE: i64 = 1_000;
/// What is over is kept this long, for who asks what happened.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// A job that failed for good is looked at within this time, or never.
const JOBS_KEPT: Duration = Duration::from_hours(90 * 24);
/// A question that is not answered by then is taken by somebody else.
const LEASE: Duration = Duration::from_mins(1);
const AT_ONCE: i64 = 32;

impl AuthService {
    /// Does what is due now: sends letters, seals the audit log, forgets counts of tries that are over.
    /// Gives how many letters left.
    ///
    /// # Errors
    /// The database; nothing is lost, the next tick goes on.
    pub async fn tick(&self) -> Result<usize> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        throttle::purge(&mut tx, now, PURGED_AT_ONCE).await?;
        let month_ago = now.before(KEPT);
        one_time_tokens::purge(&mut tx, month_ago, PURGED_AT_ONCE).await?;
        sessions::purge(&mut tx, month_ago, PURGED_AT_ONCE).await?;
        // Of both modules: a job that is over says nothing that the books do not.
        jobs::purge(&mut tx, now.before(JOBS_KEPT), PURGED_AT_ONCE).await?;
        tx.commit().await?;
        self.answer_questions().await?;
        while audit::seal(&parts.db, &parts.master_key, now).await? {}
        self.send_letters().await
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
}
