//! Agreements by which a rail debits each further term by itself. Of our rails Stripe has them.
//!
//! ```
//! use tollgate_kernel::money::Money;
//! use tollgate_payment::providers::{PaymentProvider, ProviderError};
//! use tollgate_payment::providers::agreement::{Agreement, AgreementChange, Dispute, DisputeState};
//!
//! // A dispute that was lost takes the money with it.
//! fn lost(dispute: &Dispute) -> Option<Money> {
//!     (dispute.state == DisputeState::Lost).then_some(dispute.amount)
//! }
//!
//! async fn stop(rail: &dyn PaymentProvider, agreement: &Agreement) -> Result<(), ProviderError> {
//!     rail.change_agreement(&agreement.id, AgreementChange::Cancel).await
//! }
//! ```

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;

use crate::model::payment::{MerchantAccount, PaymentMethod};

/// How often an agreement debits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// Each month.
    Month,
    /// Each year.
    Year,
}

/// What a buyer has agreed to, as the provider knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The provider's number of it.
    pub id: String,
    /// The provider's number of the buyer.
    pub customer_id: String,
}

/// Money of a further term, confirmed by the provider. It has no order of ours.
#[derive(Clone, Debug)]
pub struct VerifiedRenewal {
    /// Under which agreement.
    pub agreement_id: String,
    /// By which rail it came.
    pub method: PaymentMethod,
    /// The provider's number of this money.
    pub provider_transaction_id: String,
    /// How much.
    pub amount: Money,
    /// To whom.
    pub account: MerchantAccount,
    /// When, if the provider says so.
    pub paid_at: Option<Timestamp>,
    /// Until when it pays.
    pub paid_until: Timestamp,
}

/// What has become of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgreementNews {
    /// A debit failed; the provider tries on.
    PastDue,
    /// It debits as agreed.
    Current,
    /// The buyer ends it with the term that is paid.
    Cancelling,
    /// It debits no more.
    Ended,
}

/// What is to become of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgreementChange {
    /// It ends with the term that is paid.
    Cancel,
    /// It goes on after all.
    Resume,
    /// It ends now.
    End,
}

/// A buyer's bank takes money back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// The provider's number of the dispute.
    pub id: String,
    /// The provider's number of the money.
    pub provider_transaction_id: String,
    /// How much.
    pub amount: Money,
    /// How it stands.
    pub state: DisputeState,
}

/// How a dispute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeState {
    /// The money is taken away.
    Opened,
    /// It came back.
    Won,
    /// It stays away.
    Lost,
}
