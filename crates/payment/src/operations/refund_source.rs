//! Where money that goes back comes from: an order that was paid, or suspense.

use tollgate_kernel::ids::SuspenseId;
use tollgate_kernel::money::Money;
use tollgate_storage::Result;

use crate::Parts;
use crate::model::ledger::Fact;
use crate::model::payment::{Payment, PaymentMethod};
use crate::model::refund::{Refund, RefundNo};
use crate::model::suspense::Kept;
use crate::providers::RefundKey;
use crate::store::{payments, suspense};

/// Money that arrived.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) rail: PaymentMethod,
    pub(super) livemode: bool,
    /// As the provider wrote it.
    pub(super) order_no: String,
    /// The provider's number of this money: one order number may cover two.
    pub(super) transaction_id: String,
    /// How much of it arrived.
    pub(super) amount: Money,
    /// The order that was paid with it, and gives it back.
    pub(super) payment: Option<Payment>,
    /// Where it is kept.
    pub(super) suspense: Option<SuspenseId>,
}

impl Source {
    /// A paid order. `None`: nobody has paid it.
    pub(super) fn of_payment(payment: Payment) -> Option<Self> {
        Some(Self {
            rail: payment.method,
            livemode: payment.livemode,
            order_no: payment.order_no().as_str().to_owned(),
            transaction_id: payment.provider_transaction_id.clone()?,
            amount: payment.amount,
            suspense: None,
            payment: Some(payment),
        })
    }

    /// Money in suspense; `payment`: the order that was paid with this very money, whose goods
    /// could not be given.
    pub(super) fn of_suspense(kept: &Kept, payment: Option<Payment>) -> Self {
        Self {
            rail: kept.rail,
            livemode: kept.livemode,
            order_no: kept.order_no.clone(),
            transaction_id: kept.transaction_id.clone(),
            amount: kept.amount,
            payment,
            suspense: Some(kept.id),
        }
    }

    /// Of a refund that was written down.
    pub(super) async fn of_refund(parts: &Parts, refund: &Refund) -> Result<Option<Self>> {
        let payment = match refund.payment_id {
            Some(id) => payments::find_any(&parts.db, id).await?,
            None => None,
        };
        let Some(id) = refund.suspense_id else {
            return Ok(payment.and_then(Self::of_payment));
        };
        let kept = suspense::find(&parts.db, id).await?;
        Ok(kept.map(|kept| Self::of_suspense(&kept, payment)))
    }

    /// How the provider knows a refund of it: one of ours, or one that somebody else has numbered.
    pub(super) fn key(&self, refund_no: RefundNo) -> RefundKey {
        RefundKey {
            order_no: self.order_no.clone(),
            transaction_id: self.transaction_id.clone(),
            refund_no,
        }
    }

    /// As the books say it once it has gone back.
    pub(super) fn gone(&self, refund: &Refund) -> Fact {
        let (refund, rail, amount) = (refund.id, self.rail, refund.amount);
        if self.suspense.is_some() {
            Fact::SuspenseRefunded {
                refund,
                rail,
                amount,
            }
        } else {
            Fact::Refunded {
                refund,
                rail,
                amount,
            }
        }
    }
}
