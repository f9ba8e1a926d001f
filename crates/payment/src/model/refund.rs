//! Money that goes back: where a refund stands, and what may happen to it.
//!
//! ```
//! use tollgate_kernel::ids::RefundId;
//! use tollgate_payment::model::refund::{RefundNo, RefundState, RefundStatus};
//!
//! assert!(RefundState::Succeeded.is_over());
//! // Whether the provider has it is not known yet: pending, for clients.
//! assert_eq!(RefundState::Unknown.status(), RefundStatus::Pending);
//! assert!(!RefundState::Unknown.is_over());
//!
//! let id: RefundId = "0197f3a0-0000-7000-8000-000000000002".parse()?;
//! assert_eq!(RefundNo::of(id).as_str(), "0197f3a0000070008000000000000002");
//! # Ok::<(), tollgate_kernel::ids::InvalidId>(())
//! ```

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, PaymentId, RefundId, SuspenseId, UserId};
use tollgate_kernel::money::Money;

use super::words;

words! {
    /// Where a refund stands. Every state but the last two is "pending" to the world.
    pub enum RefundState {
        /// Its amount is set aside; nobody outside has heard of it.
        Reserved = "reserved",
        /// The provider was told, and has not said that it is done.
        Submitted = "submitted",
        /// Nobody knows whether the provider has heard of it.
        Unknown = "unknown",
        /// The money has gone back.
        Succeeded = "succeeded",
        /// It has not, and will not.
        Failed = "failed",
    }
}

words! {
    /// What the world is shown.
    pub enum RefundStatus {
        /// Under way.
        Pending = "pending",
        /// The money has gone back.
        Succeeded = "succeeded",
        /// It has not, and will not.
        Failed = "failed",
    }
}

words! {
    /// Who wanted it.
    pub enum RefundOrigin {
        /// Staff.
        Admin = "admin",
        /// A rule: money that paid nothing.
        Surplus = "surplus",
        /// Somebody at the provider's own desk.
        Console = "console",
        /// The buyer's bank.
        Dispute = "dispute",
    }
}

impl RefundState {
    /// Whether it is decided.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// What the world is shown.
    pub fn status(self) -> RefundStatus {
        match self {
            Self::Reserved | Self::Submitted | Self::Unknown => RefundStatus::Pending,
            Self::Succeeded => RefundStatus::Succeeded,
            Self::Failed => RefundStatus::Failed,
        }
    }
}

/// Our number of a refund, and the provider's: the id as 32 hexadecimal digits. It exists before the first
/// call and is reused by every repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundNo(String);

impl RefundNo {
    /// Of a refund.
    pub fn of(id: RefundId) -> Self {
        Self(id.uuid().simple().to_string())
    }

    /// Of a refund that somebody else has numbered: at the provider's own desk.
    pub fn foreign(number: &str) -> Self {
        Self(number.to_owned())
    }

    /// As sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A refund.
#[derive(Clone, Debug)]
pub struct Refund {
    /// Of the refund.
    pub id: RefundId,
    /// The payment that it takes from.
    pub payment_id: Option<PaymentId>,
    /// The money in suspense that it sends back. With a payment too: what the payment was for could
    /// not be given.
    pub suspense_id: Option<SuspenseId>,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub state: RefundState,
    /// Who wanted it.
    pub origin: RefundOrigin,
    /// Why, in their words.
    pub reason: String,
    /// Which member of staff.
    pub requested_by: Option<UserId>,
    /// What was bought ends with it, though only a part goes back.
    pub end_subscription: bool,
    /// What was bought stays, though all goes back.
    pub keep_subscription: bool,
    /// Why it failed.
    pub failure_code: Option<String>,
    /// Of the refund.
    pub created_at: Timestamp,
    /// When it was decided.
    pub settled_at: Option<Timestamp>,
}

impl Refund {
    /// Whether what was bought ends now that this has gone back; `all`: nothing is left of the payment.
    pub fn ends_subscription(&self, all: bool) -> bool {
        self.end_subscription || (all && !self.keep_subscription)
    }
}
