//! Whoever writes an order down asks for the question about it in the same transaction. Should that question be lost all
//! the same, by a hand in the tables or a rail that was taken away and put back, this finds the order.

use serde_json::json;
use tollgate_storage::Result;
use tollgate_storage::jobs::{self, NewJob};

use crate::PaymentService;
use crate::store::sweeps::{self, Behind};
use crate::worker::RECONCILE;

/// Orders in one transaction.
const BATCH: i64 = 200;
/// Transactions in one run.
const ROUNDS: u32 = 20;

impl PaymentService {
    /// Sees to it that somebody asks about every order that is open past its time; gives how many there are.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn swept(payment: &PaymentService) -> Result<usize, StorageError> {
    ///     payment.sweep_orders().await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn sweep_orders(&self) -> Result<usize> {
        let parts = &self.0;
        let mut behind = Behind::default();
        let mut seen = 0_usize;
        for _ in 0..ROUNDS {
            let now = parts.clock.now();
            let open = sweeps::open_past(&parts.db, parts.config.livemode, now, behind, BATCH);
            let open = open.await?;
            let Some(last) = open.last() else { break };
            behind = last.place();
            let mut tx = parts.db.begin().await?;
            for order in &open {
                let key = order.id.to_string();
                // While one is open, another is not made.
                let question = NewJob {
                    lane: order.method.as_str(),
                    kind: RECONCILE,
                    dedupe_key: &key,
                    payload: json!({ "payment_id": order.id }),
                    due_at: now,
                };
                jobs::put(&mut tx, &parts.ids, question, now).await?;
            }
            tx.commit().await?;
            seen = seen.saturating_add(open.len());
        }
        Ok(seen)
    }
}
