//! What is done without being asked. The caller owns the loop; a tick does what is due.

use tollgate_storage::{Result, audit, throttle};

use crate::AuthService;

const PURGED_AT_ONCE: i64 = 1_000;

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
        tx.commit().await?;
        while audit::seal(&parts.db, &parts.master_key, now).await? {}
        self.send_letters().await
    }
}
