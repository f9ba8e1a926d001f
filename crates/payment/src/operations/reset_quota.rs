//! Begins the periods that nobody has used yet, so that hosts hear of them. A period begins by itself at its time, whoever
//! looks first: a late run changes nothing for anybody, and need not hurry at midnight.

use std::time::Duration;

use tollgate_storage::Result;

use super::current_subscription::entitled;
use super::roll::roll_alone;
use crate::PaymentService;
use crate::store::resets;

/// In one run, each in a transaction of its own: what begins for everybody at once is spread over many runs.
const BATCH: i64 = 100;
/// What does not begin, by a plan that has lost its meter, is looked at this much later.
const LATER: Duration = Duration::from_hours(24);

impl PaymentService {
    /// Begins the periods that are due, a part of them; gives how many were looked at.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn begun_anew(payment: &PaymentService) -> Result<usize, StorageError> {
    ///     payment.reset_quota().await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database; those that were begun stay so.
    pub async fn reset_quota(&self) -> Result<usize> {
        let parts = &self.0;
        let livemode = parts.config.livemode;
        let due = resets::due(&parts.db, livemode, parts.clock.now(), BATCH).await?;
        for over in &due {
            let now = parts.clock.now();
            let held = entitled(parts, over.user, now).await?;
            if let Some(held) = held.filter(|held| held.id == over.id) {
                roll_alone(parts, &held, &held.meter, now).await?;
            }
        }
        if due.is_empty() {
            return Ok(0);
        }
        let now = parts.clock.now();
        let still = resets::due(&parts.db, livemode, now, BATCH).await?;
        for over in due.iter().filter(|over| still.contains(over)) {
            let mut tx = parts.db.begin().await?;
            resets::put_off(&mut tx, over, now.after(LATER)).await?;
            tx.commit().await?;
        }
        Ok(due.len())
    }
}
