//! Verified money that fits no payable order: why, where it stands, and what the rules make of it.
//!
//! ```
//! use tollgate_payment::model::suspense::{Resolution, SuspenseEvent, SuspenseState};
//!
//! let decided = SuspenseState::Open.next(SuspenseEvent::Resolved(Resolution::Refund));
//! assert_eq!(decided, Some(SuspenseState::Refunding));
//! // Once.
//! assert_eq!(SuspenseState::Applied.next(SuspenseEvent::Resolved(Resolution::Refund)), None);
//! assert!(SuspenseState::Held.is_undecided());
//! ```

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PaymentId, SuspenseId, UserId};
use tollgate_kernel::money::Money;

use super::payment::{PaymentMethod, SuspenseCause};
use super::words;

words! {
    /// Where money in suspense stands.
    pub enum SuspenseState {
        /// Nobody has decided.
        Open = "open",
        /// Looked at, and kept for now.
        Held = "held",
        /// Taken for something after all.
        Applied = "applied",
        /// On its way back.
        Refunding = "refunding",
        /// Gone back.
        Refunded = "refunded",
    }
}

words! {
    /// What is decided about it.
    pub enum Resolution {
        /// It pays an order after all.
        Apply = "apply",
        /// It goes back.
        Refund = "refund",
        /// It stays, for now.
        Hold = "hold",
    }
}

/// What happens to money in suspense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspenseEvent {
    /// By rule or by the operator.
    Resolved(Resolution),
    /// The provider says that it has gone back.
    Returned,
    /// The provider will not send it back: somebody has to look again.
    ReturnFailed,
}

impl SuspenseState {
    /// Where an event leads; `None`: nowhere, from here. The statements in the store say the same.
    pub fn next(self, event: SuspenseEvent) -> Option<Self> {
        match (self, event) {
            (Self::Open | Self::Held, SuspenseEvent::Resolved(resolution)) => {
                Some(match resolution {
                    Resolution::Apply => Self::Applied,
                    Resolution::Refund => Self::Refunding,
                    Resolution::Hold => Self::Held,
                })
            }
            (Self::Refunding, SuspenseEvent::Returned) => Some(Self::Refunded),
            (Self::Refunding, SuspenseEvent::ReturnFailed) => Some(Self::Held),
            _ => None,
        }
    }

    /// Whether it waits for somebody.
    pub fn is_undecided(self) -> bool {
        matches!(self, Self::Open | Self::Held)
    }
}

impl SuspenseCause {
    /// What is done without being asked. Money that came twice goes back; whatever else is strange
    /// is looked at by somebody first, since sending it back may be what a thief waits for.
    pub fn rule(self) -> Option<Resolution> {
        match self {
            Self::Surplus => Some(Resolution::Refund),
            Self::UnknownOrder
            | Self::Amount
            | Self::Currency
            | Self::Rail
            | Self::Environment
            | Self::EndedOrder => None,
        }
    }
}

/// Money in suspense.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Of the row.
    pub id: SuspenseId,
    /// By which rail it came.
    pub rail: PaymentMethod,
    /// Whether it is real.
    pub livemode: bool,
    /// The provider's number of it.
    pub transaction_id: String,
    /// The order number it came under, as the provider wrote it.
    pub order_no: String,
    /// The order of that number, if there is one.
    pub payment_id: Option<PaymentId>,
    /// How much.
    pub amount: Money,
    /// Why it is here.
    pub cause: SuspenseCause,
    /// Where it stands.
    pub state: SuspenseState,
    /// Why it was decided so.
    pub note: Option<String>,
    /// Who decided; nobody, where a rule did.
    pub resolved_by: Option<UserId>,
    /// When it was decided.
    pub resolved_at: Option<Timestamp>,
    /// When it came.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// A changed rule is a visible diff.
    #[test]
    fn inv_p6_the_table() {
        let mut table = String::new();
        for state in SuspenseState::ALL {
            let resolved = Resolution::ALL.iter().copied();
            let events = resolved
                .map(SuspenseEvent::Resolved)
                .chain([SuspenseEvent::Returned, SuspenseEvent::ReturnFailed]);
            for event in events {
                let to = state.next(event).map_or("-", SuspenseState::as_str);
                writeln!(table, "{:<10} {event:<22?} {to}", state.as_str())
                    .expect("a String grows");
            }
        }
        for cause in SuspenseCause::ALL {
            let rule = cause.rule().map_or("-", Resolution::as_str);
            writeln!(table, "{:<14} {rule}", cause.as_str()).expect("a String grows");
        }
        insta::assert_snapshot!(table);
    }
}
