//! Whether the books say what happened: each row about money beside what is booked for it.

use std::fmt;

use tollgate_kernel::ids::{PaymentId, RefundId, SuspenseId};
use tollgate_kernel::money::Money;

use super::ledger::{CauseKind, Fact, Line};
use super::payment::{PaymentMethod, PaymentState};

/// A line as it stands in the books, believed in nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLine {
    /// Code of the account it goes to.
    pub debit: String,
    /// Code of the account it comes from.
    pub credit: String,
    /// Of the amount.
    pub currency: String,
    /// In minor units.
    pub minor: i64,
    /// Whether the accounts (debit, credit) are those of real money.
    pub livemode: (bool, bool),
}

impl FoundLine {
    fn of(line: &Line, livemode: bool) -> Self {
        Self {
            debit: line.debit.as_str().to_owned(),
            credit: line.credit.as_str().to_owned(),
            currency: line.amount.currency().code().to_owned(),
            minor: line.amount.minor(),
            livemode: (livemode, livemode),
        }
    }
}

impl fmt::Display for FoundLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.livemode {
            (true, true) => "live",
            (false, false) => "sandbox",
            _ => "both modes",
        };
        write!(
            f,
            "{} {} from {} to {} ({mode})",
            self.minor, self.currency, self.credit, self.debit
        )
    }
}

/// A posting as it stands in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which step of its cause.
    pub step: String,
    /// What it moves.
    pub lines: Vec<FoundLine>,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// A fact without its posting.
    #[error("has no posting \"{step}\": {expected}")]
    NotBooked {
        /// Which.
        step: String,
        /// What it would move.
        expected: String,
    },
    /// A posting that moves something else.
    #[error("its posting \"{step}\" moves {found}, and should move {expected}")]
    BookedOtherwise {
        /// Which.
        step: String,
        /// What it moves.
        found: String,
        /// What it should.
        expected: String,
    },
    /// A posting of a fact that is none.
    #[error("has a posting \"{step}\" for something that did not happen: {found}")]
    BookedWithoutFact {
        /// Which.
        step: String,
        /// What it moves.
        found: String,
    },
    /// One money that paid an order and lies in suspense too.
    #[error("its money is also in suspense {suspense}")]
    BookedTwice {
        /// Where.
        suspense: String,
    },
    /// A counter that is not the sum of its rows.
    #[error("{counter} is {says}, and its refunds make {sum}")]
    Counter {
        /// Its column.
        counter: &'static str,
        /// In minor units.
        says: i64,
        /// In minor units.
        sum: i64,
    },
    /// A posting about nothing.
    #[error("is about a {kind} {id} that does not exist")]
    Orphan {
        /// What it would be.
        kind: &'static str,
        /// Which.
        id: String,
    },
    /// A posting that moves nothing.
    #[error("has no entry")]
    Empty,
    /// A line between live and sandbox books.
    #[error("moves money between the modes: {found}")]
    BetweenModes {
        /// The line.
        found: String,
    },
    /// An account that is not in the chart, or is something else there.
    #[error("is not an account of the chart: {kind}")]
    NotInChart {
        /// What the row says it is.
        kind: String,
    },
    /// Books that do not balance.
    #[error("sums to {sum} minor units instead of 0")]
    Unbalanced {
        /// How much too much on the debit side.
        sum: i128,
    },
    /// A value that no rule of ours writes.
    #[error("holds an impossible value in {column}")]
    Unreadable {
        /// In which column.
        column: &'static str,
    },
}

/// A damaged row, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{table} {row} {fault}")]
pub struct Damage {
    /// In which table.
    pub table: &'static str,
    /// Its key.
    pub row: String,
    /// What is wrong.
    pub fault: Fault,
}

fn shown(lines: &[FoundLine]) -> String {
    if lines.is_empty() {
        return "nothing".to_owned();
    }
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

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
