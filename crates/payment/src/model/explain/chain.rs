//! From the facts to the steps, and whether they lead to what is served.

use tollgate_kernel::clock::Timestamp;

use super::{Bonus, Calls, Cause, Explanation, Facts, MOST_BONUSES, OPENING, Step, StepKind};
use crate::model::pots::{Pot, burned};
use crate::model::quota::{QuotaState, Units};

/// Explains `served`, as it stands at `now`.
pub fn explain(facts: &Facts, served: &QuotaState, now: Timestamp) -> Explanation {
    let mut steps = beginning(facts);
    steps.extend(bonuses(facts));
    let taken = |cause: Cause, at, units: i64| Step::new(cause, at, Some(units.saturating_neg()));
    if let Some((until, units)) = facts.earlier.filter(|(_, units)| *units != 0) {
        let since = facts.period.start;
        steps.push(taken(Cause::Earlier { since }, until, units));
    }
    for calls in &facts.returned {
        let cause = Cause::Refund(calls.clone());
        steps.push(Step::new(cause, calls.at, Some(calls.units)));
    }
    for calls in &facts.used {
        let cause = if calls.resource_type.as_deref() == Some(OPENING) {
            Cause::Opening(calls.clone())
        } else {
            Cause::Use(calls.clone())
        };
        steps.push(taken(cause, calls.at, calls.units));
    }
    for aside in &facts.held {
        steps.push(taken(Cause::Hold(aside.clone()), aside.at, aside.units));
    }
    steps.sort_by_key(|step| (step.at, step.rank()));
    let missing = unexplained(&steps, served);
    let agrees = missing.is_none();
    if let Some(units) = missing {
        steps.push(Step::new(Cause::Unexplained, now, Some(units)));
    }
    // Without a limit there is nothing that could be left.
    let mut balance = served.limit.map(|_| 0_i64);
    for step in &mut steps {
        balance = balance.map(|left| left.saturating_add(step.units.unwrap_or(0)));
        step.balance = balance;
    }
    Explanation { steps, agrees }
}

impl Step {
    fn new(cause: Cause, at: Timestamp, units: Option<i64>) -> Self {
        Self {
            at,
            units,
            balance: None,
            cause,
        }
    }

    /// Of steps at one moment, what gives stands before what takes.
    fn rank(&self) -> u8 {
        match self.kind() {
            StepKind::Reset => 0,
            StepKind::Plan => 1,
            StepKind::Kept => 2,
            StepKind::Carried => 3,
            StepKind::Bonus => 4,
            StepKind::Refund => 5,
            StepKind::Earlier => 6,
            StepKind::Opening => 7,
            StepKind::Use => 8,
            StepKind::Hold => 9,
            StepKind::Expired => 10,
            StepKind::Unexplained => 11,
        }
    }
}

fn beginning(facts: &Facts) -> Vec<Step> {
    let (plan, start) = (&facts.plan, facts.period.start);
    let reset = facts
        .before
        .map(|past| Step::new(Cause::Reset(past), start, Some(0)));
    let kept = (plan.kept > 0).then(|| Step::new(Cause::Kept, start, Some(plan.kept)));
    let plan = Step::new(Cause::Plan(plan.clone()), start, plan.limit);
    reset.into_iter().chain([plan]).chain(kept).collect()
}

/// Bonus units that came over, those of the period, and what of them ended unused.
fn bonuses(facts: &Facts) -> Vec<Step> {
    let all = standing(facts);
    let (carried, own): (Vec<Bonus>, Vec<Bonus>) = all
        .into_iter()
        .partition(|bonus| bonus.given_at < facts.period.start);
    let those = |are: fn(&Bonus) -> bool| -> Vec<Bonus> {
        let all = carried.iter().chain(&own);
        all.filter(|bonus| are(bonus)).cloned().collect()
    };
    let over = those(|bonus| bonus.expired > 0);
    let late = those(|bonus| bonus.returned > 0);
    let start = facts.period.start;
    let mut steps = Vec::new();
    for bonus in few(carried) {
        let units = bonus.poured;
        steps.push(Step::new(Cause::Carried(bonus), start, Some(units)));
    }
    for bonus in few(own) {
        let (at, units) = (bonus.given_at, bonus.poured);
        steps.push(Step::new(Cause::Bonus(bonus), at, Some(units)));
    }
    for bonus in few(over) {
        let (at, units) = (bonus.expires_at.unwrap_or(start), bonus.expired);
        let taken = Some(units.saturating_neg());
        steps.push(Step::new(Cause::Expired(bonus), at, taken));
    }
    for bonus in few(late) {
        let (at, units) = (bonus.returned_at.unwrap_or(start), bonus.returned);
        // Not before the step that gives them back, which of many is a sum.
        let back = facts.returned.iter().map(|calls| calls.at);
        let at = back.filter(|back| *back >= at).min().unwrap_or(at);
        let taken = Some(units.saturating_neg());
        steps.push(Step::new(Cause::Late(bonus), at, taken));
    }
    steps
}

/// How much of each grant is burned, by the calls and holds that are known.
fn standing(facts: &Facts) -> Vec<Bonus> {
    let sum = |calls: &[Calls]| -> i64 { calls.iter().map(|calls| calls.units).sum() };
    let earlier = facts.earlier.map_or(0, |(_, units)| units);
    let held: i64 = facts.held.iter().map(|aside| aside.units).sum();
    let taken = sum(&facts.used)
        .saturating_sub(sum(&facts.returned))
        .saturating_add(earlier)
        .saturating_add(held);
    let known: i64 = facts.grants.iter().filter_map(|grant| grant.closed).sum();
    let open: Vec<Pot> = facts
        .grants
        .iter()
        .filter(|grant| grant.closed.is_none())
        .map(|grant| grant.pot)
        .collect();
    let plan = facts
        .plan
        .limit
        .unwrap_or(0)
        .saturating_add(facts.plan.kept);
    let shares = burned(taken.saturating_sub(known), plan, &open, facts.period.end);
    let share = |pot: &Pot| {
        let of = shares.iter().find(|(other, _)| other.grant == pot.grant);
        of.map_or(0, |(_, units)| *units)
    };
    let grants = facts.grants.iter().map(|grant| Bonus {
        grant: Some(grant.pot.grant),
        count: 1,
        given: grant.given,
        poured: grant.pot.units,
        burned: match grant.closed {
            Some(_) => grant.spent,
            None => grant.spent.saturating_add(share(&grant.pot)),
        },
        expired: grant.closed.map_or(0, |burned| {
            let unburned = grant.pot.units.saturating_sub(burned);
            unburned.saturating_sub(grant.returned)
        }),
        returned: grant.returned,
        returned_at: grant.returned_at,
        reason: grant.reason.clone(),
        given_at: grant.given_at,
        expires_at: grant.pot.expires_at,
    });
    grants.collect()
}

/// The answer stays bounded: those beyond the first hundred are told as one, which stands where the first of them would.
fn few(mut bonuses: Vec<Bonus>) -> Vec<Bonus> {
    bonuses.sort_by_key(|bonus| (bonus.given_at, bonus.grant));
    let rest = bonuses.split_off(bonuses.len().min(MOST_BONUSES));
    let sum = rest.into_iter().reduce(|sum, bonus| Bonus {
        grant: None,
        count: sum.count.saturating_add(bonus.count),
        given: sum.given.saturating_add(bonus.given),
        poured: sum.poured.saturating_add(bonus.poured),
        burned: sum.burned.saturating_add(bonus.burned),
        expired: sum.expired.saturating_add(bonus.expired),
        returned: sum.returned.saturating_add(bonus.returned),
        returned_at: sum.returned_at.max(bonus.returned_at),
        reason: String::new(),
        given_at: sum.given_at.min(bonus.given_at),
        expires_at: sum.expires_at.max(bonus.expires_at),
    });
    bonuses.extend(sum);
    bonuses
}

/// What is served and the steps do not lead to. `None`: they agree in all of it, not only in what is left.
fn unexplained(steps: &[Step], served: &QuotaState) -> Option<i64> {
    let (mut given, mut used, mut held) = (0_i64, 0_i64, 0_i64);
    let mut unlimited = false;
    for step in steps {
        let units = step.units.unwrap_or(0);
        let side = match step.kind() {
            StepKind::Reset | StepKind::Unexplained => continue,
            StepKind::Plan
            | StepKind::Kept
            | StepKind::Carried
            | StepKind::Bonus
            | StepKind::Expired => {
                unlimited |= step.units.is_none();
                &mut given
            }
            StepKind::Opening | StepKind::Use | StepKind::Refund | StepKind::Earlier => &mut used,
            StepKind::Hold => &mut held,
        };
        *side = side.saturating_add(units);
    }
    let taken = served.used.get().saturating_add(served.held.get());
    let taking = used.saturating_add(held);
    let is_right = used.saturating_neg() == served.used.get()
        && held.saturating_neg() == served.held.get()
        && served
            .limit
            .map_or(unlimited, |limit| !unlimited && given == limit.get());
    if is_right {
        return None;
    }
    let sum = taking.saturating_add(served.limit.map_or(0, |_| given));
    let left = served.limit.map_or(0, Units::get);
    Some(left.saturating_sub(taken).saturating_sub(sum))
}
