//! What a receiver missed, sent once more: what was given up of a whole time. Many may be meant, so they are taken in batches, each
//! a transaction with its line in the audit log. What is on its way is left alone by the very statement that sends, so that a
//! call made twice, or two at once, send each of them once.

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{DeliveryId, EndpointId, Ids};
use tollgate_kernel::origin::Origin;

use super::endpoints::{EndpointError, record};
use crate::PaymentService;
use crate::store::recoveries::{self, Span};

/// In one transaction.
const BATCH: i64 = 500;

/// Which deliveries are sent once more, by when they were first put on their way.
///
/// ```
/// # use tollgate_kernel::clock::Timestamp;
/// # use tollgate_payment::Recover;
/// let missed = Recover {
///     from: Timestamp::from_seconds(1_767_225_600).expect("a moment"),
///     to: Timestamp::from_seconds(1_767_312_000).expect("a moment"),
///     failed_only: true,
/// };
/// assert!(missed.from < missed.to);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Recover {
    /// From this moment on.
    pub from: Timestamp,
    /// Before this one.
    pub to: Timestamp,
    /// What was given up; otherwise what arrived too.
    pub failed_only: bool,
}

impl PaymentService {
    /// Sends what this endpoint missed once more, by the schedule from its start; gives how many.
    ///
    /// ```
    /// # use tollgate_kernel::ids::EndpointId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{EndpointError, PaymentService, Recover};
    /// async fn caught_up(payment: &PaymentService, id: EndpointId, missed: &Recover, origin: &Origin) -> Result<bool, EndpointError> {
    ///     // What waits already is not counted, nor sent twice.
    ///     Ok(payment.recover_deliveries(id, missed, origin).await? == 0)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn recover_deliveries(
        &self,
        id: EndpointId,
        wanted: &Recover,
        origin: &Origin,
    ) -> Result<u64, EndpointError> {
        if wanted.to <= wanted.from {
            return Err(EndpointError::Span);
        }
        let mut span = Span {
            endpoint: id,
            from: Ids::lowest(wanted.from),
            end: Ids::lowest(wanted.to),
            failed_only: wanted.failed_only,
        };
        let mut sum: u64 = 0;
        loop {
            let (sent, beyond) = self.recover_batch(span, wanted, origin).await?;
            sum = sum.saturating_add(sent);
            match beyond {
                // What was sent is not looked at again: it may have arrived by now.
                Some(next) => span.from = next,
                None => return Ok(sum),
            }
        }
    }

    async fn recover_batch(
        &self,
        span: Span,
        wanted: &Recover,
        origin: &Origin,
    ) -> Result<(u64, Option<DeliveryId>), EndpointError> {
        let parts = &self.0;
        let mut tx = parts.db.begin().await?;
        let held = recoveries::hold(&mut tx, span.endpoint, parts.config.livemode).await?;
        if !held {
            return Err(EndpointError::NotFound);
        }
        let now = parts.clock.now();
        let beyond = recoveries::find_beyond(&mut tx, span, BATCH).await?;
        let batch = Span {
            end: beyond.unwrap_or(span.end),
            ..span
        };
        let sent = recoveries::reopen_each(&mut tx, batch, now).await?;
        if sent > 0 {
            let action = "webhook_endpoint.deliveries_recovered";
            let after = json!({
                "from": wanted.from,
                "to": wanted.to,
                "failed_only": wanted.failed_only,
                "deliveries": sent,
            });
            record(parts, &mut tx, action, span.endpoint, after, origin, now).await?;
        }
        tx.commit().await?;
        Ok((sent, beyond))
    }
}
