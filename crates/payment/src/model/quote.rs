//! What it takes to have another plan: whether it begins at once or with the next term, and what is to be paid.
//!
//! ```
//! use tollgate_kernel::money::Money;
//! use tollgate_payment::model::plan::Plan;
//! use tollgate_payment::model::quote::{QuoteKind, due};
//!
//! assert_eq!("upgrade".parse(), Ok(QuoteKind::Upgrade));
//!
//! // What is to be paid for a dearer plan, when `credit` of the one before is counted.
//! fn to_pay(dearer: &Plan, credit: Money) -> Option<Money> {
//!     due(dearer, credit).map(|due| due.amount)
//! }
//! ```

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;

use super::credit::LIFETIME_MONTHS;
use super::period::Anchor;
use super::plan::{Plan, PlanMeter};
use super::quota::Units;
use super::subscription::{Subscription, SubscriptionState};
use super::words;

/// More terms than this are not bought at once.
pub const MOST_TERMS: u32 = 60;

words! {
    /// What having a plan is, for somebody who has what they have.
    pub enum QuoteKind {
        /// A first term, at once; a free plan gives way to it.
        Begin = "begin",
        /// A further term, behind what is paid.
        Renew = "renew",
        /// Another plan at once; what is left of the one before is counted.
        Upgrade = "upgrade",
        /// Another plan when the paid term ends.
        Downgrade = "downgrade",
        /// There is nothing to do: one has it, without an end.
        Unchanged = "unchanged",
        /// It cannot be had beside what one has.
        Refused = "refused",
    }
}

impl QuoteKind {
    /// What having `plan` is at `now`, beside `held`, which is of `of` (as it was bought).
    pub fn of(plan: &Plan, held: Option<(&Subscription, &Plan)>, now: Timestamp) -> Self {
        let Some((held, of)) = held.filter(|(held, _)| held.is_entitled(now)) else {
            return Self::Begin;
        };
        if held.plan_id == plan.id {
            return match held.term_end {
                Some(_) => Self::Renew,
                None => Self::Unchanged,
            };
        }
        // Nothing was paid for these, so nothing is lost by beginning anew.
        if of.is_free() || held.state == SubscriptionState::Trialing {
            return if plan.is_free() {
                Self::Refused
            } else {
                Self::Begin
            };
        }
        if plan.is_free() || !is_more(plan, of) {
            // What never ends has no next term.
            return if held.term_end.is_some() {
                Self::Downgrade
            } else {
                Self::Refused
            };
        }
        Self::Upgrade
    }
}

/// Whether `plan` is worth more than `than`: dearer by the month, or for longer and dearer as a whole. Prices of two
/// currencies cannot be compared, so that neither counts for the other.
fn is_more(plan: &Plan, than: &Plan) -> bool {
    if plan.price.currency() != than.price.currency() {
        return false;
    }
    let months = |plan: &Plan| i128::from(plan.billing_cycle.months().unwrap_or(LIFETIME_MONTHS));
    let price = |plan: &Plan| i128::from(plan.price.minor());
    let monthly = |one: &Plan, other: &Plan| price(one).saturating_mul(months(other));
    let dearer = monthly(plan, than) > monthly(than, plan);
    dearer || (months(plan) > months(than) && price(plan) > price(than))
}

/// What an upgrade takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whole terms of the new plan: so many that they are worth more than what is counted.
    pub terms: u32,
    /// What is counted for the plan before.
    pub credit: Money,
    /// What is to be paid; more than nothing.
    pub amount: Money,
}

/// So many terms of `plan` that what is counted is used up, and the rest in money. `None`: more than one can buy at once.
pub fn due(plan: &Plan, credit: Money) -> Option<Due> {
    let (price, minor) = (plan.price.minor(), credit.minor().max(0));
    let terms = u32::try_from(minor.checked_div(price)?.checked_add(1)?).ok()?;
    let single = plan.billing_cycle.months().is_none();
    if terms > MOST_TERMS || (single && terms > 1) {
        return None;
    }
    let whole = price.checked_mul(i64::from(terms))?;
    Some(Due {
        terms,
        credit,
        amount: Money::new(whole.checked_sub(minor)?, plan.price.currency()),
    })
}

/// What was counted for the plan before and is not there any more: it was used while the buyer was paying. It is taken
/// out of what begins, so that nothing is had twice (L8): whole months of it and units of the first one, by the first
/// meter that is limited; where none is, time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// How much, in minor units.
    pub minor: i64,
    /// What was paid and counted for what begins.
    pub worth: i64,
    /// For so many terms.
    pub terms: u32,
}

/// What of a plan's units covers a shortfall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover<'a> {
    /// Of which meter.
    pub meter: &'a PlanMeter,
    /// Units of its first period.
    pub units: Units,
    /// The term is shorter by so many months. What has no end gives its first period at most.
    pub months: u32,
}

impl Shortfall {
    /// Units that are worth as much, rounded up. `None`: there is nothing to cover, or no meter that is limited.
    pub fn cover(self, plan: &Plan) -> Option<Cover<'_>> {
        if self.minor <= 0 {
            return None;
        }
        let limited = |meter: &&PlanMeter| meter.limit.is_some_and(|limit| limit.get() > 0);
        let meter = plan.meters.iter().find(limited)?;
        let limit = i128::from(meter.limit?.get());
        let periods = i128::from(meter.periods(plan.billing_cycle, self.terms));
        let worth = i128::from(self.worth.max(1));
        let units = i128::from(self.minor)
            .checked_mul(limit)?
            .checked_mul(periods)?
            .checked_add(worth.checked_sub(1)?)?
            .checked_div(worth)?;
        let (months, units) = match plan.billing_cycle.months() {
            Some(_) => (units.checked_div(limit)?, units.checked_rem(limit)?),
            None => (0, units.min(limit)),
        };
        Some(Cover {
            meter,
            units: Units::new(i64::try_from(units).ok()?).ok()?,
            months: u32::try_from(months).ok()?,
        })
    }

    /// Where no units can cover it, the term is counted from earlier.
    pub fn earlier(self, plan: &Plan, now: Timestamp) -> Duration {
        if self.minor <= 0 || self.cover(plan).is_some() {
            return Duration::ZERO;
        }
        let anchor = Anchor::new(now, chrono_tz::UTC);
        let end = anchor.terms_end(now, plan.billing_cycle, self.terms);
        let span = end.unwrap_or_else(|| anchor.lifetime_end()).since(now);
        let part = span
            .as_micros()
            .saturating_mul(u128::from(self.minor.unsigned_abs()));
        let worth = u128::from(self.worth.max(1).unsigned_abs());
        let part = part.checked_div(worth).unwrap_or(0);
        Duration::from_micros(u64::try_from(part).unwrap_or(0)).min(span)
    }
}

#[cfg(test)]
mod tests;
