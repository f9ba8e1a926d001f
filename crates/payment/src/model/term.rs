//! The terms of a subscription, one behind the other: what was paid or given, and for how long.
//!
//! ```
//! use tollgate_kernel::clock::Timestamp;
//! use tollgate_kernel::money::Money;
//! use tollgate_payment::model::term::Term;
//!
//! use tollgate_payment::model::term::running;
//! fn worth_now(terms: &[Term], now: Timestamp) -> Option<Money> {
//!     running(terms, now).map(|(term, _next)| term.worth)
//! }
//! ```

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PaymentId, PlanId, SubscriptionId};
use tollgate_kernel::money::Money;

use super::period::Anchor;

/// One term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Of which subscription.
    pub subscription: SubscriptionId,
    /// First moment.
    pub starts_at: Timestamp,
    /// First moment after it; `None` = no end.
    pub ends_at: Option<Timestamp>,
    /// Of which plan, in which version.
    pub plan: (PlanId, i64),
    /// From where its periods are counted.
    pub anchor: Anchor,
    /// What was paid for it and has not gone back, with what was counted for a plan before; nothing for what was given.
    pub worth: Money,
    /// For which money.
    pub payment: Option<PaymentId>,
}

impl Term {
    /// Whether `at` lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.starts_at <= at && self.ends_at.is_none_or(|end| at < end)
    }

    /// Whether another one goes on just as this one does.
    pub fn is_like(&self, other: &Self) -> bool {
        self.plan == other.plan && self.anchor == other.anchor
    }
}

/// The term in force at `now` (the last that has begun), and when the next one begins that is not like it.
pub fn running(terms: &[Term], now: Timestamp) -> Option<(&Term, Option<Timestamp>)> {
    let begun = terms.iter().rposition(|term| term.starts_at <= now)?;
    let (running, later) = (terms.get(begun)?, terms.get(begun.saturating_add(1)..)?);
    let turns = later.iter().find(|term| !term.is_like(running));
    Some((running, turns.map(|term| term.starts_at)))
}
