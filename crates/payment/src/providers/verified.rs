//! Money whose arrival was checked.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;

use super::agreement::{Agreement, VerifiedRenewal};
use crate::model::payment::{MerchantAccount, PaymentMethod};

/// Money that a provider has confirmed under its signature, by callback or by answer.
#[derive(Clone, Debug)]
pub struct VerifiedPayment {
    method: PaymentMethod,
    order_no: String,
    provider_transaction_id: String,
    amount: Money,
    account: MerchantAccount,
    paid_at: Option<Timestamp>,
    agreement: Option<Agreement>,
}

impl VerifiedPayment {
    pub(in crate::providers) fn new(
        method: PaymentMethod,
        order_no: String,
        provider_transaction_id: String,
        amount: Money,
        account: MerchantAccount,
        paid_at: Option<Timestamp>,
    ) -> Self {
        Self {
            method,
            order_no,
            provider_transaction_id,
            amount,
            account,
            paid_at,
            agreement: None,
        }
    }

    /// Money of a further term, under the number of the order that was written down for it.
    pub(crate) fn of_renewal(renewal: &VerifiedRenewal, order_no: String) -> Self {
        Self::new(
            renewal.method,
            order_no,
            renewal.provider_transaction_id.clone(),
            renewal.amount,
            renewal.account.clone(),
            renewal.paid_at,
        )
    }

    /// It began an agreement.
    #[must_use]
    pub(in crate::providers) fn under(mut self, agreement: Agreement) -> Self {
        self.agreement = Some(agreement);
        self
    }

    /// The agreement that it began.
    pub fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }

    /// By which rail it came.
    pub fn method(&self) -> PaymentMethod {
        self.method
    }

    /// Under which number, as the provider wrote it.
    pub fn order_no(&self) -> &str {
        &self.order_no
    }

    /// The provider's number of this money.
    pub fn provider_transaction_id(&self) -> &str {
        &self.provider_transaction_id
    }

    /// How much.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// To whom.
    pub fn account(&self) -> &MerchantAccount {
        &self.account
    }

    /// When, if the provider says so.
    pub fn paid_at(&self) -> Option<Timestamp> {
        self.paid_at
    }
}
