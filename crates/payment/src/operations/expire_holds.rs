//! Gives back what nobody settled in time: its owner may be dead.

use tollgate_storage::Result;

use super::give_back::{self, Back};
use crate::model::quota::Units;
use crate::store::{quota_counters, quota_holds};
use crate::{PaymentService, counted};

/// Holds in one transaction.
pub(crate) const BATCH: i64 = 200;

impl PaymentService {
    /// Ends holds whose time is over; gives how many.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn given_back(payment: &PaymentService) -> Result<usize, StorageError> {
    ///     payment.expire_holds().await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn expire_holds(&self) -> Result<usize> {
        let parts = &self.0;
        let mut tx = parts.db.begin().await?;
        let now = parts.clock.now();
        let mut due = quota_holds::due(&mut tx, BATCH, now).await?;
        // In the order of locks; counters before holds, as who settles one does.
        due.sort_by(|a, b| (a.subscription, &a.meter).cmp(&(b.subscription, &b.meter)));
        let counters: Vec<_> = due
            .iter()
            .map(|hold| (hold.subscription, &hold.meter, Some(hold.period_start)))
            .collect();
        quota_counters::lock_each(&mut tx, &counters, now).await?;
        let mut expired = 0;
        for hold in &due {
            if !quota_holds::expire(&mut tx, hold.id, now).await? {
                continue;
            }
            expired += 1;
            tx.count(parts.units.released.clone(), counted::figure(hold.units));
            let of = (hold.subscription, &hold.meter, hold.period_start);
            let moved =
                quota_counters::move_held(&mut tx, of, hold.units, Units::NONE, now).await?;
            if let Some(mut counter) = moved {
                let back = Back {
                    units: hold.units,
                    taken_at: hold.created_at,
                    charged: false,
                };
                give_back::to_grants(&mut tx, of, &mut counter, back, now).await?;
            } else {
                tracing::error!(subscription.id = %hold.subscription, "a counter held less than its holds");
            }
        }
        tx.commit().await?;
        Ok(expired)
    }
}
