//! What it takes to have another plan: whether it begins at once or with the next term, and what is to be paid.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;

use super::credit::LIFETIME_MONTHS;
use super::plan::Plan;
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
