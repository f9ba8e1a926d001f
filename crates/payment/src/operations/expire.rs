//! Writes down what the clock has done: that a right is over, that days of grace have begun, that a later plan is in
//! force. All of it was so at its moment: every guard compares the time; this only keeps the books readable.

use tollgate_storage::Result;

use super::tell;
use super::turn::turned;
use crate::PaymentService;
use crate::store::subscriptions;

/// Rows in one transaction.
pub(crate) const BATCH: i64 = 500;

impl PaymentService {
    /// Ends subscriptions whose right is over, begins days of grace, and lets what follows take over; gives how many ended.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn ended(payment: &PaymentService) -> Result<usize, StorageError> {
    ///     payment.expire_subscriptions().await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn expire_subscriptions(&self) -> Result<usize> {
        let now = self.0.clock.now();
        let parts = &self.0;
        // What takes over, before what there was is ended for good.
        for user in subscriptions::due(&parts.db, now, BATCH).await? {
            turned(parts, user, now).await?;
        }
        let mut tx = parts.db.begin().await?;
        for id in &subscriptions::begin_grace(&mut tx, now, BATCH).await? {
            if let Some(held) = subscriptions::read(&mut tx, *id).await? {
                tell::subscription(parts, &mut tx, "subscription.changed", &held, now).await?;
            }
        }
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
