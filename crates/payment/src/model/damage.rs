//! What can be wrong with the books, and how it is said.
//!
//! ```
//! use tollgate_payment::model::damage::{Damage, Fault, shown};
//!
//! let damage = Damage {
//!     table: "ledger_postings",
//!     row: "0197-…".to_owned(),
//!     fault: Fault::Empty,
//! };
//! assert_eq!(damage.to_string(), "ledger_postings 0197-… has no entry");
//! assert_eq!(shown(&[]), "nothing");
//! ```

use std::fmt;

use super::ledger::Line;

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
    /// As it should stand.
    pub fn of(line: &Line, livemode: bool) -> Self {
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

/// Lines, for people.
pub fn shown(lines: &[FoundLine]) -> String {
    if lines.is_empty() {
        return "nothing".to_owned();
    }
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    lines.join("; ")
}
