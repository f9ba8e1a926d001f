//! The calls of providers as staff see them, and how long they are kept.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::CallId;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use crate::model::call::{InboundCall, KeptCall, Verdict};
use crate::model::payment::PaymentMethod;
use crate::store::calls::{self, Wanted};
use crate::{Parts, PaymentService};

/// The bytes of a call are kept for 90 days. That its event was applied is known for ever.
const KEPT: Duration = Duration::from_hours(90 * 24);

/// Which calls; every condition that is given must hold.
///
/// ```
/// # use tollgate_payment::WebhookEventFilter;
/// # use tollgate_payment::model::call::Verdict;
/// # use tollgate_payment::model::payment::PaymentMethod;
/// let stale = WebhookEventFilter {
///     provider: Some(PaymentMethod::Stripe),
///     verdict: Some(Verdict::Stale),
///     ..WebhookEventFilter::default()
/// };
/// assert!(stale.from.is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct WebhookEventFilter {
    /// By this rail only.
    pub provider: Option<PaymentMethod>,
    /// With this verdict only.
    pub verdict: Option<Verdict>,
    /// Received at this moment or later.
    pub from: Option<Timestamp>,
    /// Received before this moment.
    pub to: Option<Timestamp>,
    /// Older than this one.
    pub starting_after: Option<CallId>,
}

impl PaymentService {
    /// At most `limit`, newest first, and whether there are more; `None`: the cursor is of another list.
    ///
    /// ```
    /// # use tollgate_payment::{PaymentService, WebhookEventFilter};
    /// # use tollgate_payment::model::call::{InboundCall, Verdict};
    /// # use tollgate_storage::StorageError;
    /// async fn forged(payment: &PaymentService) -> Result<Vec<InboundCall>, StorageError> {
    ///     let filter = WebhookEventFilter {
    ///         verdict: Some(Verdict::Forged),
    ///         ..WebhookEventFilter::default()
    ///     };
    ///     let page = payment.webhook_events(&filter, 50).await?;
    ///     Ok(page.map_or_else(Vec::new, |(calls, _more)| calls))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn webhook_events(
        &self,
        filter: &WebhookEventFilter,
        limit: u32,
    ) -> Result<Option<(Vec<InboundCall>, bool)>> {
        let (db, livemode) = (&self.0.db, self.0.config.livemode);
        if let Some(cursor) = filter.starting_after
            && calls::find(db, cursor, livemode).await?.is_none()
        {
            return Ok(None);
        }
        let wanted = Wanted {
            provider: filter.provider,
            verdict: filter.verdict,
            from: filter.from,
            to: filter.to,
            before: filter.starting_after,
        };
        // One more than is shown tells whether there are more.
        let reach = i64::from(limit).saturating_add(1);
        let mut found = calls::list(db, &wanted, livemode, reach).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > shown;
        found.truncate(shown);
        Ok(Some((found, has_more)))
    }

    /// One call with its bytes.
    ///
    /// ```
    /// # use tollgate_kernel::ids::CallId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn bytes(payment: &PaymentService, id: CallId) -> Result<Option<Vec<u8>>, StorageError> {
    ///     let kept = payment.webhook_event(id).await?;
    ///     Ok(kept.map(|kept| kept.body))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn webhook_event(&self, id: CallId) -> Result<Option<KeptCall>> {
        calls::find_kept(&self.0.db, id, self.0.config.livemode).await
    }
}

/// Forgets the bytes of calls that are old enough, a part at a time.
pub(crate) async fn forget(parts: &Parts, tx: &mut Tx, most: i64) -> Result<u64> {
    let before = parts.clock.now().before(KEPT);
    calls::purge(tx, before, most).await
}
