//! How a number of units came about: every step from the plan's limit to what is left.
//!
//! The steps are worked out from what was given and what was written down, never from the counter that the number is
//! served from; so the two can be compared, and what the steps do not explain is a step of its own.
//!
//! ```
//! use tollgate_kernel::clock::Timestamp;
//! use tollgate_kernel::text::Language;
//! use tollgate_payment::model::explain::{Facts, explain};
//! use tollgate_payment::model::quota::QuotaState;
//!
//! // Who has read the facts at one moment is told how they lead to what is served.
//! fn lines(facts: &Facts, served: &QuotaState, now: Timestamp) -> Vec<String> {
//!     let explanation = explain(facts, served, now);
//!     let zone = chrono_tz::Asia::Shanghai;
//!     explanation.steps.iter().map(|step| step.text(zone).get(Language::En).to_owned()).collect()
//! }
//! ```

mod chain;
mod said;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{GrantId, HoldId, UsageId};

use super::period::{Anchor, Period};
use super::plan::{BillingCycle, PlanTexts, Reset, plan_name};
use super::pots::Pot;
use super::words;

pub use chain::explain;

/// What had been used elsewhere stands in the log under this name.
pub const OPENING: &str = "opening_balance";
/// Of grants, more than this many are told as one.
const MOST_BONUSES: usize = 100;

words! {
    /// What a step is.
    pub enum StepKind {
        /// The period before ended.
        Reset = "reset",
        /// The plan's units of the period.
        Plan = "plan",
        /// What was used under a plan before, beyond what the plan in force gives.
        Kept = "kept",
        /// Bonus units that came over from earlier periods.
        Carried = "carried",
        /// Bonus units that were given in the period.
        Bonus = "bonus",
        /// Bonus units that ended unused.
        Expired = "expired",
        /// What had been used in another application, before all of it came here.
        Opening = "opening",
        /// Calls.
        Use = "use",
        /// Calls whose units were given back.
        Refund = "refund",
        /// Calls whose rows are not kept any more.
        Earlier = "earlier",
        /// Units set aside, which nobody has settled yet.
        Hold = "hold",
        /// What nothing explains.
        Unexplained = "unexplained",
    }
}

/// By which rules the number is counted.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How often the meter begins anew.
    pub reset: Reset,
    /// How long a term lasts.
    pub cycle: BillingCycle,
    /// Where the counting begins.
    pub anchor: Anchor,
    /// The period that it is in.
    pub period: Period,
    /// The end of what is paid for; `None` = none.
    pub term_end: Option<Timestamp>,
    /// The end of the right; `None` = none.
    pub entitled_until: Option<Timestamp>,
    /// When a term of another plan or version begins; `None` = none is paid.
    pub turns_at: Option<Timestamp>,
}

/// The period before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// From when to when.
    pub period: Period,
    /// Of the plan and the bonus units that were burned; `None` = unlimited.
    pub limit: Option<i64>,
    /// Charged.
    pub used: i64,
    /// Still set aside.
    pub held: i64,
}

impl Past {
    /// The plan's units that nobody used; `None` = unlimited.
    pub fn dropped(&self) -> Option<i64> {
        let taken = self.used.saturating_add(self.held);
        self.limit.map(|limit| limit.saturating_sub(taken).max(0))
    }
}

/// What a plan gives of a meter in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Which plan.
    pub plan: PlanName,
    /// In which version of it.
    pub version: i64,
    /// How many; `None` = unlimited.
    pub limit: Option<i64>,
    /// What stays beyond it, since it was used under a plan before.
    pub kept: i64,
}

/// Bonus units, as they stand in the counter of the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bonus {
    /// Which grant; `None`: several, told as one.
    pub grant: Option<GrantId>,
    /// How many grants.
    pub count: usize,
    /// Units that were given.
    pub given: i64,
    /// Units of them that the counter of the period was filled with.
    pub poured: i64,
    /// Units of them that are used up or set aside, in all periods.
    pub burned: i64,
    /// Units of them that ended unused within the period.
    pub expired: i64,
    /// Units of them that were used and given back, after their end.
    pub returned: i64,
    /// When the last of those were given back.
    pub returned_at: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// When they were given.
    pub given_at: Timestamp,
    /// When what is left of them is gone; `None` = never.
    pub expires_at: Option<Timestamp>,
}

/// A grant, and the pot that it filled in the counter of the period.
#[derive(Clone, Debug)]
pub struct Filled {
    /// The pot.
    pub pot: Pot,
    /// Burned of it, once it is closed.
    pub closed: Option<i64>,
    /// Units charged to it and given back after it was closed.
    pub returned: i64,
    /// When the last of those were.
    pub returned_at: Option<Timestamp>,
    /// Units that were given.
    pub given: i64,
    /// Burned of the grant by pots that are closed.
    pub spent: i64,
    /// Why.
    pub reason: String,
    /// When it was given.
    pub given_at: Timestamp,
}

/// Calls, or one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// As what they were counted; `None`: as several things.
    pub resource_type: Option<String>,
    /// How many.
    pub count: i64,
    /// Units.
    pub units: i64,
    /// From when, if it is a sum.
    pub since: Option<Timestamp>,
    /// When; of a sum, its end.
    pub at: Timestamp,
    /// The row in the log, if it is one.
    pub usage: Option<UsageId>,
    /// The row whose units are given back, if it is one.
    pub refund_of: Option<UsageId>,
}

/// Units set aside, by one hold or by all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Which; `None`: all of them, told as one.
    pub hold: Option<HoldId>,
    /// For what; `None`: for several things.
    pub resource_type: Option<String>,
    /// How many holds.
    pub count: i64,
    /// Units.
    pub units: i64,
    /// When; of several, the first.
    pub at: Timestamp,
    /// When they are given back by themselves; of several, the first.
    pub expires_at: Timestamp,
}

/// What made a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The period before ended.
    Reset(Past),
    /// The plan's units.
    Plan(Given),
    /// Units that were used under a plan before.
    Kept,
    /// Bonus units that came over.
    Carried(Bonus),
    /// Bonus units of the period.
    Bonus(Bonus),
    /// What of them ended unused.
    Expired(Bonus),
    /// What of them was given back too late to be used again.
    Late(Bonus),
    /// What had been used elsewhere in the period.
    Opening(Calls),
    /// Calls.
    Use(Calls),
    /// Calls that were given back.
    Refund(Calls),
    /// Calls since then whose rows are not kept.
    Earlier {
        /// From when.
        since: Timestamp,
    },
    /// Units set aside.
    Hold(Aside),
    /// Nothing.
    Unexplained,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When; of a sum, its end.
    pub at: Timestamp,
    /// What it adds to what is left, below nothing for what it takes. `None`: it makes it unlimited.
    pub units: Option<i64>,
    /// What is left after it; `None` = unlimited.
    pub balance: Option<i64>,
    /// What made it.
    pub cause: Cause,
}

impl Step {
    /// What it is.
    pub fn kind(&self) -> StepKind {
        match &self.cause {
            Cause::Reset(_) => StepKind::Reset,
            Cause::Plan(_) => StepKind::Plan,
            Cause::Kept => StepKind::Kept,
            Cause::Carried(_) => StepKind::Carried,
            Cause::Bonus(_) => StepKind::Bonus,
            Cause::Expired(_) | Cause::Late(_) => StepKind::Expired,
            Cause::Opening(_) => StepKind::Opening,
            Cause::Use(_) => StepKind::Use,
            Cause::Refund(_) => StepKind::Refund,
            Cause::Earlier { .. } => StepKind::Earlier,
            Cause::Hold(_) => StepKind::Hold,
            Cause::Unexplained => StepKind::Unexplained,
        }
    }
}

/// What the number is made of.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The period.
    pub period: Period,
    /// The period before, if there was one.
    pub before: Option<Past>,
    /// The plan's units of the period.
    pub plan: Given,
    /// Bonus units in the counter of the period.
    pub grants: Vec<Filled>,
    /// What was charged, by the log, in the order of it.
    pub used: Vec<Calls>,
    /// What was given back, by the log, in the order of it.
    pub returned: Vec<Calls>,
    /// Before then the log is not kept, and this is what the counter was charged.
    pub earlier: Option<(Timestamp, i64)>,
    /// What is set aside.
    pub held: Vec<Aside>,
}

/// The steps, and whether they lead to what is served.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// In their order.
    pub steps: Vec<Step>,
    /// Whether they lead there by themselves.
    pub agrees: bool,
}

/// What a plan is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanName {
    /// By code.
    pub slug: String,
    /// In the language of the house.
    pub name: String,
    zh: String,
    en: String,
}

impl PlanName {
    /// In each language, or `name` where it has none.
    pub fn new(slug: String, name: String, texts: &PlanTexts) -> Self {
        let of = |language: &str| plan_name(texts, language, &name).to_owned();
        let (zh, en) = (of("zh"), of("en"));
        Self { slug, name, zh, en }
    }
}

#[cfg(test)]
mod tests;
