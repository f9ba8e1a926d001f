//! Writes down that a right is over. It ended by itself at its time: every guard compares the
//! time; this only keeps the books readable.

use tollgate_storage::Result;

use super::tell;
use crate::PaymentService;
use crate::store::subscriptions;

/// Rows in one transaction.
pub(crate) const BATCH: i64 = 500;

impl PaymentService {
    /// Ends subscriptions whose term is over; gives how many.
    ///
    /// # Errors
    /// The database.
    pub async fn expire_subscriptions(&self) -> Result<usize> {
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let ended = subscriptions::end_lapsed(&mut tx, now, BATCH).await?;
        for id in &ended {
            if let Some(held) = subscriptions::read(&mut tx, *id).await? {
                tell::subscription(&self.0, &mut tx, "subscription.expired", &held, now).await?;
            }
        }
        tx.commit().await?;
        Ok(ended.len())
    }
}
