//! From a committed fact to a delivery for each endpoint that wants it, once.

use tollgate_storage::Result;

use super::super::agreement::calls;
use crate::PaymentService;
use crate::store::{deliveries, endpoints};

/// Facts in one transaction.
const BATCH: i64 = 200;

impl PaymentService {
    /// Makes deliveries of facts that were not told yet; gives of how many.
    pub(super) async fn fan_out(&self) -> Result<usize> {
        let parts = &self.0;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let fresh = deliveries::read_fresh(&mut tx, BATCH).await?;
        if fresh.is_empty() {
            return Ok(0);
        }
        let endpoints = endpoints::read_enabled(&mut tx, parts.config.livemode).await?;
        let mut taken = 0_usize;
        for event in &fresh {
            // An instance beside this one may read the same; one of them takes it.
            if !deliveries::dispatch(&mut tx, event.id, now).await? {
                continue;
            }
            taken = taken.saturating_add(1);
            if event.kind == "user.deleted" {
                calls::end_of_user(parts, &mut tx, event.object_id.into(), now).await?;
            }
            let wants = |kinds: &[String]| kinds.is_empty() || kinds.contains(&event.kind);
            for endpoint in &endpoints {
                // What happened before somebody asked is not for them.
                let since = event.created_at >= endpoint.created_at;
                if since && event.livemode == parts.config.livemode && wants(&endpoint.kinds) {
                    let id = parts.ids.at(now);
                    deliveries::insert(&mut tx, id, endpoint.id, event, now).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(taken)
    }
}
