//! Money that goes back, as a rail is asked for it and as it answers.

use tollgate_kernel::money::Money;

use crate::model::refund::RefundNo;

/// Which refund is meant.
#[derive(Clone, Debug)]
pub struct RefundKey {
    /// Of the order, as the provider wrote it.
    pub order_no: String,
    /// The provider's number of the money, which is what is meant: one order may have been paid twice.
    pub transaction_id: String,
    /// Ours, and theirs.
    pub refund_no: RefundNo,
}

/// Money to send back.
#[derive(Clone, Debug)]
pub struct NewRefund {
    /// Under which numbers.
    pub key: RefundKey,
    /// How much.
    pub amount: Money,
    /// Of how much that arrived under the provider's number.
    pub paid: Money,
    /// What the buyer reads.
    pub reason: String,
}

/// How a refund stands, as the provider answered under its signature.
#[derive(Clone, Debug)]
pub enum RefundVerdict {
    /// The money has gone back.
    Succeeded(VerifiedRefund),
    /// Taken, and not done yet.
    Pending,
    /// There is no such refund there: it may be sent again, under the same number.
    Unheard,
    /// It will never be done.
    Failed {
        /// The provider's own word.
        code: String,
    },
}

/// A refund that a provider has confirmed under its signature.
#[derive(Clone, Debug)]
pub struct VerifiedRefund {
    amount: Money,
    provider_refund_id: Option<String>,
}

impl VerifiedRefund {
    pub(in crate::providers) fn new(amount: Money, provider_refund_id: Option<String>) -> Self {
        Self {
            amount,
            provider_refund_id,
        }
    }

    /// How much went back by this refund.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// The provider's number of it, where it has one.
    pub fn provider_refund_id(&self) -> Option<&str> {
        self.provider_refund_id.as_deref()
    }
}
