//! Asks about a refund that is not decided, by our own number; sends it again when nobody has heard of it.

use std::time::Duration;

use tollgate_kernel::ids::RefundId;
use tollgate_storage::Result;

use super::reconcile::Reconciled;
use super::settle_refund::{Decided, decide, submit, tell};
use crate::PaymentService;
use crate::providers::RefundVerdict;
use crate::store::attempts::Operation;
use crate::store::{payments, refunds};

/// A refund that was sent is given this long to appear before it is sent again.
const APPEARS_WITHIN: Duration = Duration::from_secs(10);

impl PaymentService {
    /// Asks, and does what the answer says.
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
        let payment = payments::find_any(&parts.db, refund.payment_id).await?;
        let Some(payment) = payment.filter(|own| own.livemode == parts.config.livemode) else {
            return Ok(Reconciled::Settled);
        };
        let Some(provider) = parts.providers.get(payment.method).cloned() else {
            return Ok(Reconciled::Open);
        };
        let provider = provider.as_ref();
        let asked = tell(parts, provider, &payment, &refund, Operation::RefundQuery).await?;
        let decided = match asked {
            Ok(RefundVerdict::Unheard) => {
                let old = parts.clock.now().since(refund.created_at) >= APPEARS_WITHIN;
                if old {
                    submit(parts, provider, &payment, &refund).await?
                } else {
                    Decided::Open
                }
            }
            Ok(verdict) => decide(parts, &payment, &refund, &verdict).await?,
            Err(error) => {
                tracing::warn!(refund.id = %refund.id, error = %error, "a provider gave no answer about a refund");
                Decided::Open
            }
        };
        Ok(match decided {
            Decided::Over | Decided::Refused(_) => Reconciled::Settled,
            Decided::Open => Reconciled::Open,
        })
    }
}
