//! Whether the books say what happened: each row about money beside what is booked for it.
//!
//! ```
//! use tollgate_payment::model::books::{Booked, SuspenseBooks};
//!
//! // Set-aside money that nobody has decided about: its one posting has to be there.
//! fn is_whole(books: &SuspenseBooks) -> bool {
//!     books.faults().is_empty() && books.missing().is_empty()
//! }
//! ```

use tollgate_kernel::ids::{PaymentId, RefundId, SuspenseId};
use tollgate_kernel::money::Money;

use super::damage::{Fault, Found, FoundLine, shown};
use super::ledger::{CauseKind, Fact};
use super::payment::{PaymentMethod, PaymentState};

/// Every fact is booked as the table says, and nothing else is.
fn compare(facts: &[Fact], livemode: bool, found: &[Found]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for fact in facts {
        let lines = fact.lines();
        let expected: Vec<_> = lines.iter().map(|l| FoundLine::of(l, livemode)).collect();
        let step = fact.step().to_owned();
        match found.iter().find(|found| found.step == step) {
            None => faults.push(Fault::NotBooked {
                step,
                expected: shown(&expected),
            }),
            Some(found) if found.lines != expected => faults.push(Fault::BookedOtherwise {
                step,
                found: shown(&found.lines),
                expected: shown(&expected),
            }),
            Some(_) => {}
        }
    }
    for found in found {
        if !facts.iter().any(|fact| fact.step() == found.step) {
            faults.push(Fault::BookedWithoutFact {
                step: found.step.clone(),
                found: shown(&found.lines),
            });
        }
    }
    faults
}

/// What of it is not booked at all.
fn missing(facts: Vec<Fact>, found: &[Found]) -> Vec<Fact> {
    let is_booked = |fact: &Fact| found.iter().any(|found| found.step == fact.step());
    facts.into_iter().filter(|fact| !is_booked(fact)).collect()
}

/// A row about money, and what the books say of it.
pub trait Booked {
    /// Whether real money moves.
    fn livemode(&self) -> bool;

    /// What the row says happened.
    fn facts(&self) -> Vec<Fact>;

    /// What is booked for it.
    fn found(&self) -> &[Found];

    /// What else must hold.
    fn other_faults(&self) -> Vec<Fault>;

    /// Everything that is wrong with it.
    fn faults(&self) -> Vec<Fault> {
        let mut faults = compare(&self.facts(), self.livemode(), self.found());
        faults.extend(self.other_faults());
        faults
    }

    /// What happened and is not booked.
    fn missing(&self) -> Vec<Fact> {
        missing(self.facts(), self.found())
    }
}

/// A row of suspense that holds the very money that paid an order.
#[derive(Clone, Debug)]
pub struct SameMoney {
    /// Which.
    pub suspense: SuspenseId,
    /// Kept since what the order was for could not be given.
    pub set_aside: bool,
    /// Taken out of suspense.
    pub applied: bool,
}

/// A payment.
#[derive(Clone, Debug)]
pub struct PaymentBooks {
    /// Which.
    pub id: PaymentId,
    /// Where it stands.
    pub state: PaymentState,
    /// By which rail.
    pub rail: PaymentMethod,
    /// How much.
    pub amount: Money,
    /// Whether real money moves.
    pub livemode: bool,
    /// Its counter of what went back, and the sum of its succeeded refunds.
    pub refunded: (i64, i64),
    /// Its counter of what is going back, and the sum of its pending refunds.
    pub refunding: (i64, i64),
    /// The same money in suspense.
    pub same_money: Option<SameMoney>,
    /// What is booked.
    pub found: Vec<Found>,
}

impl PaymentBooks {
    fn is_paid(&self) -> bool {
        matches!(self.state, PaymentState::Completed | PaymentState::Refunded)
    }
}

impl Booked for PaymentBooks {
    fn livemode(&self) -> bool {
        self.livemode
    }

    fn facts(&self) -> Vec<Fact> {
        // Money that was applied out of suspense came in there.
        let came_by_suspense = |same: &SameMoney| same.applied && !same.set_aside;
        if !self.is_paid() || self.same_money.as_ref().is_some_and(came_by_suspense) {
            return Vec::new();
        }
        vec![Fact::PaymentReceived {
            payment: self.id,
            rail: self.rail,
            amount: self.amount,
        }]
    }

    fn found(&self) -> &[Found] {
        &self.found
    }

    fn other_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (counter, (says, sum)) in [("refunded", self.refunded), ("refunding", self.refunding)] {
            if says != sum {
                faults.push(Fault::Counter { counter, says, sum });
            }
        }
        if let Some(same) = &self.same_money
            && !(same.set_aside || same.applied)
        {
            faults.push(Fault::BookedTwice {
                suspense: same.suspense.to_string(),
            });
        }
        faults
    }
}

/// How money left suspense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspenseEnd {
    /// Taken for something after all.
    Applied,
    /// Went back.
    Refunded,
}

/// A row of suspense.
#[derive(Clone, Debug)]
pub struct SuspenseBooks {
    /// Which.
    pub id: SuspenseId,
    /// By which rail.
    pub rail: PaymentMethod,
    /// How much.
    pub amount: Money,
    /// Whether real money moves.
    pub livemode: bool,
    /// The very money that paid its order.
    pub set_aside: bool,
    /// How it ended.
    pub end: Option<SuspenseEnd>,
    /// The sum of its succeeded refunds, in minor units.
    pub refunds: i64,
    /// What is booked.
    pub found: Vec<Found>,
}

impl Booked for SuspenseBooks {
    fn livemode(&self) -> bool {
        self.livemode
    }

    fn facts(&self) -> Vec<Fact> {
        let (suspense, rail, amount) = (self.id, self.rail, self.amount);
        let mut facts = vec![if self.set_aside {
            Fact::SuspenseSetAside { suspense, amount }
        } else {
            Fact::SuspenseReceived {
                suspense,
                rail,
                amount,
            }
        }];
        if self.end == Some(SuspenseEnd::Applied) {
            facts.push(Fact::SuspenseApplied { suspense, amount });
        }
        facts
    }

    fn found(&self) -> &[Found] {
        &self.found
    }

    fn other_faults(&self) -> Vec<Fault> {
        let says = if self.end == Some(SuspenseEnd::Refunded) {
            self.amount.minor()
        } else {
            0
        };
        if says == self.refunds {
            return Vec::new();
        }
        vec![Fault::Counter {
            counter: "what went back by its state",
            says,
            sum: self.refunds,
        }]
    }
}

/// A refund.
#[derive(Clone, Debug)]
pub struct RefundBooks {
    /// Which.
    pub id: RefundId,
    /// By which rail.
    pub rail: PaymentMethod,
    /// How much.
    pub amount: Money,
    /// Whether real money moves.
    pub livemode: bool,
    /// Out of suspense, or else of an order.
    pub of_suspense: bool,
    /// Whether the money went back.
    pub succeeded: bool,
    /// What is booked.
    pub found: Vec<Found>,
}

impl Booked for RefundBooks {
    fn livemode(&self) -> bool {
        self.livemode
    }

    fn facts(&self) -> Vec<Fact> {
        let (refund, rail, amount) = (self.id, self.rail, self.amount);
        match (self.succeeded, self.of_suspense) {
            (false, _) => Vec::new(),
            (true, true) => vec![Fact::SuspenseRefunded {
                refund,
                rail,
                amount,
            }],
            (true, false) => vec![Fact::Refunded {
                refund,
                rail,
                amount,
            }],
        }
    }

    fn found(&self) -> &[Found] {
        &self.found
    }

    fn other_faults(&self) -> Vec<Fault> {
        Vec::new()
    }
}

/// A posting. What it moves is compared with its cause, where the cause has a row of its own.
#[derive(Clone, Debug)]
pub struct PostingBooks {
    /// What it is about.
    pub kind: CauseKind,
    /// Which of them.
    pub cause: String,
    /// Whether that exists.
    pub has_cause: bool,
    /// What it moves.
    pub lines: Vec<FoundLine>,
}

impl PostingBooks {
    /// Everything that is wrong with it.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !self.has_cause {
            faults.push(Fault::Orphan {
                kind: self.kind.as_str(),
                id: self.cause.clone(),
            });
        }
        if self.lines.is_empty() {
            faults.push(Fault::Empty);
        }
        for line in &self.lines {
            if line.livemode.0 != line.livemode.1 {
                faults.push(Fault::BetweenModes {
                    found: line.to_string(),
                });
            }
        }
        faults
    }
}
