//! What has happened to a subscription, as it is kept for ever.
//!
//! ```
//! use tollgate_payment::model::change::ChangeKind;
//! use tollgate_payment::model::subscription::{SubscriptionEvent, SubscriptionState};
//!
//! let renewed = ChangeKind::of(SubscriptionEvent::Renewed, SubscriptionState::Active);
//! assert_eq!(renewed, ChangeKind::Renewed);
//! assert_eq!(renewed.as_str(), "renewed");
//! ```

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ChangeId, PaymentId, PlanId, SubscriptionId};

use super::subscription::{SubscriptionEvent, SubscriptionState};
use super::words;

words! {
    /// What a change was.
    pub enum ChangeKind {
        /// It began.
        Activated = "activated",
        /// A further term was paid.
        Renewed = "renewed",
        /// Its term became another.
        Changed = "changed",
        /// A debit failed.
        PastDue = "past_due",
        /// It ends with its term.
        Cancelled = "cancelled",
        /// It goes on after all.
        Resumed = "resumed",
        /// Its right is over.
        Expired = "expired",
        /// The same, since the money went back.
        Refunded = "refunded",
        /// The same, since another took its place.
        Replaced = "replaced",
    }
}

impl ChangeKind {
    /// What `event` was for a subscription that stands so since.
    pub fn of(event: SubscriptionEvent, becomes: SubscriptionState) -> Self {
        use SubscriptionEvent as On;
        match (event, becomes) {
            (_, SubscriptionState::Refunded) => Self::Refunded,
            (_, SubscriptionState::Replaced) => Self::Replaced,
            (_, SubscriptionState::Expired) => Self::Expired,
            (_, SubscriptionState::PastDue) => Self::PastDue,
            (On::Bought, _) => Self::Activated,
            (On::Renewed, _) => Self::Renewed,
            (On::Cancelled, _) => Self::Cancelled,
            (On::Resumed | On::DebitSucceeded, _) => Self::Resumed,
            _ => Self::Changed,
        }
    }
}

/// One change in the life of a subscription, as it is kept for ever.
#[derive(Clone, Debug)]
pub struct Change {
    /// Of the change.
    pub id: ChangeId,
    /// Of which subscription.
    pub subscription_id: SubscriptionId,
    /// What it was.
    pub kind: ChangeKind,
    /// From which plan.
    pub from_plan: Option<PlanId>,
    /// To which plan.
    pub to_plan: Option<PlanId>,
    /// For which money.
    pub payment: Option<PaymentId>,
    /// What was counted for the plan before, in minor units of the payment's currency.
    pub credit_minor: i64,
    /// How it stood after it.
    pub detail: serde_json::Value,
    /// When.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_named_by_its_state_and_anything_else_by_what_happened() {
        use SubscriptionEvent as On;
        use SubscriptionState as State;
        for (event, becomes, kind) in [
            (On::Bought, State::Active, "activated"),
            (On::Renewed, State::Active, "renewed"),
            (On::Renewed, State::Cancelling, "renewed"),
            (On::Cancelled, State::Cancelling, "cancelled"),
            (On::Resumed, State::Active, "resumed"),
            (On::Changed, State::Active, "changed"),
            (On::Changed, State::PastDue, "past_due"),
            (On::Changed, State::Expired, "expired"),
            (On::Changed, State::Refunded, "refunded"),
            (On::Changed, State::Replaced, "replaced"),
        ] {
            assert_eq!(ChangeKind::of(event, becomes).as_str(), kind);
        }
    }
}
