//! Asks about a refund that is not decided, by our own number; sends it again when nobody has heard of it.

use std::time::Duration;

use tollgate_kernel::ids::RefundId;
use tollgate_storage::Result;

use super::reconcile::Reconciled;
use super::refund_source::Source;
use super::settle_refund::{Decided, decide, submit, tell};
use crate::PaymentService;
use crate::model::refund::RefundState;
use crate::providers::RefundVerdict;
use crate::store::attempts::Operation;
use crate::store::refunds;

/// A refund that was sent is given this long to appear before it is sent again.
const APPEARS_WITHIN: Duration = Duration::from_secs(10);

impl PaymentService {
    /// Asks, and does what the answer says.
    ///
    /// ```
    /// # use tollgate_kernel::ids::RefundId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn ask_now(payment: &PaymentService, id: RefundId) -> Result<(), StorageError> {
    ///     payment.reconcile_refund(id).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn reconcile_refund(&self, id: RefundId) -> Result<Reconciled> {
        let parts = &self.0;
        let Some(refund) = refunds::find(&parts.db, id).await? else {
            return Ok(Reconciled::Settled);
        };
        if refund.state.is_over() {
            return Ok(Reconciled::Settled);
        }
        let source = Source::of_refund(parts, &refund).await?;
        let Some(source) = source.filter(|source| source.livemode == parts.config.livemode) else {
            return Ok(Reconciled::Settled);
        };
        let Some(provider) = parts.providers.get(source.rail).cloned() else {
            return Ok(Reconciled::Open);
        };
        let provider = provider.as_ref();
        if refund.state == RefundState::Reserved {
            // Nobody has told the provider: what wrote it down leaves that to us, or was cut off.
            let decided = submit(parts, provider, &source, &refund).await?;
            return Ok(reconciled(&decided));
        }
        let asked = tell(parts, provider, &source, &refund, Operation::RefundQuery).await?;
        let decided = match asked {
            Ok(RefundVerdict::Unheard) => {
                let old = parts.clock.now().since(refund.created_at) >= APPEARS_WITHIN;
                if old {
                    submit(parts, provider, &source, &refund).await?
                } else {
                    Decided::Open
                }
            }
            Ok(verdict) => decide(parts, &source, &refund, &verdict).await?,
            Err(error) => {
                tracing::warn!(refund.id = %refund.id, error = %error, "a provider gave no answer about a refund");
                Decided::Open
            }
        };
        Ok(reconciled(&decided))
    }
}

fn reconciled(decided: &Decided) -> Reconciled {
    match decided {
        Decided::Over | Decided::Refused(_) => Reconciled::Settled,
        Decided::Open => Reconciled::Open,
    }
}
