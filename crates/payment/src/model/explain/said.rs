//! The steps in words, for whoever wants to know where their units went. Times are those of the subscription's zone.

use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::text::Text;
use tollgate_kernel::words::Said;

use super::{Aside, Bonus, Calls, Cause, Given, Past, PlanName, Rules, Step};
use crate::model::plan::{BillingCycle, Reset};
use crate::words::WORDS;

/// As people write it.
fn local(at: Timestamp, zone: Tz) -> String {
    let local = at.utc().with_timezone(&zone);
    local.format("%Y-%m-%d %H:%M").to_string()
}

impl Step {
    /// In one sentence.
    pub fn text(&self, zone: Tz) -> Text {
        let units = taken(self);
        match &self.cause {
            Cause::Reset(past) => reset(past, zone),
            Cause::Plan(plan) => given(plan),
            Cause::Kept => WORDS.text_with("explained.kept", &[("units", &units.saturating_neg())]),
            Cause::Carried(bonus) => carried(bonus, zone),
            Cause::Bonus(bonus) => bonus_given(bonus, zone),
            Cause::Expired(bonus) => {
                WORDS.text_with("explained.expired", &[("units", &bonus.expired)])
            }
            Cause::Late(bonus) => WORDS.text_with("explained.late", &[("units", &bonus.returned)]),
            Cause::Opening(_) => WORDS.text_with("explained.opening", &[("units", &units)]),
            Cause::Use(calls) => used(calls),
            Cause::Refund(calls) => returned(calls),
            Cause::Earlier { since } => WORDS.text_with(
                "explained.earlier",
                &[
                    ("from", &local(*since, zone)),
                    ("to", &local(self.at, zone)),
                    ("units", &units),
                ],
            ),
            Cause::Hold(aside) => held(aside, zone),
            Cause::Unexplained => {
                WORDS.text_with("explained.unexplained", &[("units", &units.abs())])
            }
        }
    }
}

fn taken(step: &Step) -> i64 {
    step.units.unwrap_or(0).saturating_neg()
}

fn reset(past: &Past, zone: Tz) -> Text {
    let (from, to) = (local(past.period.start, zone), local(past.period.end, zone));
    let used = past.used;
    match past.dropped() {
        Some(dropped) => WORDS.text_with(
            "explained.reset",
            &[
                ("from", &from),
                ("to", &to),
                ("used", &used),
                ("dropped", &dropped),
            ],
        ),
        None => WORDS.text_with(
            "explained.reset_unlimited",
            &[("from", &from), ("to", &to), ("used", &used)],
        ),
    }
}

fn given(given: &Given) -> Text {
    let PlanName { zh, en, .. } = &given.plan;
    let plan = Text::new(zh, en);
    match given.limit {
        Some(limit) => WORDS.text_with("explained.plan", &[("plan", &plan), ("limit", &limit)]),
        None => WORDS.text_with("explained.plan_unlimited", &[("plan", &plan)]),
    }
}

fn carried(bonus: &Bonus, zone: Tz) -> Text {
    let poured = bonus.poured;
    match bonus.grant {
        Some(_) => WORDS.text_with(
            "explained.carried",
            &[
                ("units", &poured),
                ("given", &bonus.given),
                ("day", &local(bonus.given_at, zone)),
                ("reason", &bonus.reason),
                ("ends", &ends(bonus, zone)),
            ],
        ),
        None => WORDS.text_with(
            "explained.carried_more",
            &[("units", &poured), ("count", &bonus.count)],
        ),
    }
}

fn bonus_given(bonus: &Bonus, zone: Tz) -> Text {
    let poured = bonus.poured;
    match bonus.grant {
        Some(_) => WORDS.text_with(
            "explained.bonus",
            &[
                ("units", &poured),
                ("reason", &bonus.reason),
                ("ends", &ends(bonus, zone)),
            ],
        ),
        None => WORDS.text_with(
            "explained.bonus_more",
            &[("units", &poured), ("count", &bonus.count)],
        ),
    }
}

fn ends(bonus: &Bonus, zone: Tz) -> Text {
    match bonus.expires_at {
        Some(end) => WORDS.text_with("explained.ends", &[("end", &local(end, zone))]),
        None => WORDS.text("explained.endless"),
    }
}

fn used(calls: &Calls) -> Text {
    let (count, units) = (calls.count, calls.units);
    match (&calls.resource_type, calls.usage) {
        (Some(kind), Some(_)) => {
            WORDS.text_with("explained.call", &[("kind", kind), ("units", &units)])
        }
        (Some(kind), None) => WORDS.text_with(
            "explained.calls",
            &[("kind", kind), ("count", &count), ("units", &units)],
        ),
        (None, _) => WORDS.text_with(
            "explained.calls_of_all",
            &[("count", &count), ("units", &units)],
        ),
    }
}

fn returned(calls: &Calls) -> Text {
    let (count, units) = (calls.count, calls.units);
    match &calls.resource_type {
        Some(kind) => WORDS.text_with(
            "explained.returned",
            &[("kind", kind), ("count", &count), ("units", &units)],
        ),
        None => WORDS.text_with(
            "explained.returned_of_all",
            &[("count", &count), ("units", &units)],
        ),
    }
}

fn held(aside: &Aside, zone: Tz) -> Text {
    let units = aside.units;
    match (&aside.resource_type, aside.hold) {
        (Some(kind), Some(_)) => WORDS.text_with(
            "explained.hold",
            &[
                ("kind", kind),
                ("units", &units),
                ("end", &local(aside.expires_at, zone)),
            ],
        ),
        _ => WORDS.text_with(
            "explained.holds",
            &[("count", &aside.count), ("units", &units)],
        ),
    }
}

impl Rules {
    /// Why it is this period, in one or two sentences.
    pub fn text(&self) -> Text {
        let zone = self.anchor.zone();
        let mut said = self.turns(&local(self.anchor.at(), zone));
        let over = self.term_end.filter(|end| *end < self.period.end);
        match (over, self.entitled_until) {
            (Some(end), Some(until)) if until > end => {
                let (end, until) = (local(end, zone), local(until, zone));
                let more =
                    WORDS.text_with("period.paid_until", &[("end", &end), ("until", &until)]);
                said = beside(&said, &more);
            }
            (_, Some(until)) if until < self.period.end => {
                let until = local(until, zone);
                let more = WORDS.text_with("period.ends_before", &[("until", &until)]);
                said = beside(&said, &more);
            }
            _ => {}
        }
        if let Some(turns_at) = self.turns_at.filter(|at| *at < self.period.end) {
            let at = local(turns_at, zone);
            said = beside(&said, &WORDS.text_with("period.turns", &[("at", &at)]));
        }
        said
    }

    fn turns(&self, first: &str) -> Text {
        let (first, zone) = (("first", &first as &dyn Said), self.anchor.zone().name());
        let zone = ("zone", &zone as &dyn Said);
        match (self.reset, self.cycle) {
            (Reset::Month, _) => {
                let day = self.anchor.day();
                WORDS.text_with("period.month", &[first, zone, ("day", &day)])
            }
            (Reset::Calendar, _) => WORDS.text_with("period.calendar", &[zone]),
            (Reset::Term, BillingCycle::Monthly) => {
                WORDS.text_with("period.paid_month", &[first, zone])
            }
            (Reset::Term, BillingCycle::Yearly) => {
                WORDS.text_with("period.paid_year", &[first, zone])
            }
            (Reset::Term, BillingCycle::Lifetime) | (Reset::Never, _) => {
                WORDS.text_with("period.never", &[first, zone])
            }
        }
    }
}

/// Two sentences, one after the other.
fn beside(first: &Text, second: &Text) -> Text {
    WORDS.text_with("period.beside", &[("first", first), ("second", second)])
}
