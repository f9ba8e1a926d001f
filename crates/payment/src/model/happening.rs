//! What happened to a person's money and plans, of every kind, in one order.
//!
//! ```
//! use tollgate_payment::model::happening::Happening;
//!
//! fn line(happening: &Happening) -> String {
//!     let what = match happening {
//!         Happening::Payment(payment) => format!("ordered for {}", payment.amount),
//!         Happening::Refund(refund) => format!("{} went back", refund.amount),
//!         Happening::Change(change) => change.kind.as_str().to_owned(),
//!         Happening::Bonus(bonus) => format!("{} units: {}", bonus.units, bonus.reason),
//!         _ => "something new".to_owned(),
//!     };
//!     format!("{} {what}", happening.at())
//! }
//! ```

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{EventId, GrantId, Id as _, UserId};

use super::change::Change;
use super::payment::Payment;
use super::refund::Refund;

/// Bonus units that were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bonus {
    /// Of the grant.
    pub id: GrantId,
    /// Of which meter.
    pub meter: String,
    /// How many.
    pub units: i64,
    /// Why, in the giver's words.
    pub reason: String,
    /// Who gave them; `None`: a rule of the house.
    pub granted_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// When what is left of them is gone; `None` = never.
    pub expires_at: Option<Timestamp>,
}

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Happening {
    /// Something was ordered.
    Payment(Box<Payment>),
    /// Money goes back.
    Refund(Box<Refund>),
    /// What they have became another.
    Change(Box<Change>),
    /// Units were given.
    Bonus(Box<Bonus>),
}

impl Happening {
    /// Its id, which sorts by time beside those of other kinds.
    pub fn id(&self) -> EventId {
        let uuid = match self {
            Self::Payment(payment) => payment.id.uuid(),
            Self::Refund(refund) => refund.id.uuid(),
            Self::Change(change) => change.id.uuid(),
            Self::Bonus(bonus) => bonus.id.uuid(),
        };
        uuid.into()
    }

    /// When it began.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Payment(payment) => payment.created_at,
            Self::Refund(refund) => refund.created_at,
            Self::Change(change) => change.created_at,
            Self::Bonus(bonus) => bonus.created_at,
        }
    }
}
