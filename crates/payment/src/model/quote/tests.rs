use proptest::prelude::*;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::Ids;
use tollgate_kernel::money::Currency;

use super::*;
use crate::model::credit::{self, MeterLeft, Moments};
use crate::model::plan::{BillingCycle, Reset};
use crate::model::subscription::tests::{held, plan};
use crate::model::term::Term;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).expect("a moment")
}

fn start() -> Timestamp {
    at(1_767_225_600)
}

fn ids() -> Ids {
    Ids::new(Clock::fixed(start()), Entropy::seeded(7))
}

fn offered(ids: &Ids, price: i64, cycle: BillingCycle, limit: i64) -> Plan {
    Plan {
        billing_cycle: cycle,
        meters: vec![PlanMeter {
            meter: "calls".parse().expect("a meter"),
            limit: Some(Units::new(limit).expect("units")),
            reset: Reset::Month,
        }],
        ..plan(ids, price)
    }
}

#[test]
fn what_is_worth_more_begins_at_once_and_anything_else_with_the_next_term() {
    use BillingCycle::{Lifetime, Monthly, Yearly};
    let ids = ids();
    let pro = offered(&ids, 9_900, Monthly, 1_000);
    let mut mine = held(
        &ids,
        &pro,
        Some(Anchor::new(start(), chrono_tz::UTC).month(1)),
    );
    for (price, cycle, kind) in [
        (29_900, Monthly, QuoteKind::Upgrade),
        (9_901, Monthly, QuoteKind::Upgrade),
        (9_900, Monthly, QuoteKind::Downgrade),
        (4_900, Monthly, QuoteKind::Downgrade),
        (0, Monthly, QuoteKind::Downgrade),
        // Cheaper by the month, for longer and dearer as a whole.
        (99_000, Yearly, QuoteKind::Upgrade),
        (9_900, Yearly, QuoteKind::Downgrade),
        (199_900, Lifetime, QuoteKind::Upgrade),
    ] {
        let other = offered(&ids, price, cycle, 1_000);
        let quoted = QuoteKind::of(&other, Some((&mine, &pro)), start());
        assert_eq!(quoted, kind, "{price} {cycle:?}");
    }
    let mut dollars = offered(&ids, 29_900, Monthly, 1_000);
    dollars.price = Money::new(29_900, Currency::USD);
    let quoted = QuoteKind::of(&dollars, Some((&mine, &pro)), start());
    assert_eq!(quoted, QuoteKind::Downgrade, "two currencies");
    assert_eq!(
        QuoteKind::of(&pro, Some((&mine, &pro)), start()),
        QuoteKind::Renew
    );
    let team = offered(&ids, 29_900, Monthly, 5_000);
    mine.state = SubscriptionState::Trialing;
    assert_eq!(
        QuoteKind::of(&team, Some((&mine, &pro)), start()),
        QuoteKind::Begin
    );
    let free = offered(&ids, 0, Monthly, 10);
    assert_eq!(
        QuoteKind::of(&free, Some((&mine, &pro)), start()),
        QuoteKind::Refused
    );
    mine.state = SubscriptionState::Active;
    mine.term_end = None;
    mine.entitled_until = None;
    assert_eq!(
        QuoteKind::of(&pro, Some((&mine, &pro)), start()),
        QuoteKind::Unchanged
    );
    let less = offered(&ids, 100, Monthly, 1);
    assert_eq!(
        QuoteKind::of(&less, Some((&mine, &pro)), start()),
        QuoteKind::Refused
    );
    assert_eq!(QuoteKind::of(&pro, None, start()), QuoteKind::Begin);
}

proptest! {
    /// Not a minor unit is made or lost: what is counted and what is paid are whole terms at their price.
    #[test]
    fn inv_l7_what_is_counted_and_what_is_paid_are_whole_terms(price in 1_i64..1_000_000, counted in 0_i64..10_000_000) {
        let plan = offered(&ids(), price, BillingCycle::Monthly, 1);
        match due(&plan, Money::new(counted, Currency::CNY)) {
            Some(due) => {
                let whole = price * i64::from(due.terms);
                prop_assert_eq!(due.amount.minor() + counted, whole);
                prop_assert!(due.amount.minor() > 0 && due.amount.minor() <= price);
                prop_assert!(due.terms >= 1 && due.terms <= MOST_TERMS);
            }
            None => prop_assert!(counted / price + 1 > i64::from(MOST_TERMS)),
        }
    }

    /// What is taken for a shortfall is never worth less than it.
    #[test]
    fn inv_l8_a_shortfall_is_covered(
        price in 1_i64..1_000_000, limit in 1_i64..100_000, share in 0_i64..=1_000, yearly: bool,
    ) {
        let cycle = if yearly { BillingCycle::Yearly } else { BillingCycle::Monthly };
        let plan = offered(&ids(), price, cycle, limit);
        let short = Shortfall { minor: price * share / 1_000, worth: price, terms: 1 };
        let months = i64::from(cycle.months().expect("months"));
        let covered = short.cover(&plan).map_or(0, |cover| i64::from(cover.months) * limit + cover.units.get());
        prop_assert!(i128::from(covered) * i128::from(price) >= i128::from(short.minor) * i128::from(limit * months));
        // And by no more than a unit.
        prop_assert!(i128::from(covered - 1) * i128::from(price) < i128::from(short.minor) * i128::from(limit * months));
        let endless = Plan { meters: Vec::new(), ..plan };
        let end = Anchor::new(start(), chrono_tz::UTC).terms_end(start(), cycle, 1).expect("ends");
        let (span, earlier) = (end.since(start()).as_micros(), short.earlier(&endless, start()).as_micros());
        let price = u128::from(price.unsigned_abs());
        prop_assert!((earlier + 1) * price >= span * u128::from(short.minor.unsigned_abs()));
    }
}

/// One buyer, on paper: plans with one meter, of which every unit has its price.
struct Buyer {
    plans: Vec<Plan>,
    now: Timestamp,
    held: Option<(usize, Term)>,
    /// In the open month.
    used: i64,
    month: Timestamp,
    paid: i128,
    /// In parts of a minor unit.
    had: i128,
}

/// Every limit times months of a term divides it.
const PARTS: i128 = 5_000 * 36;

impl Buyer {
    fn new() -> Self {
        let ids = ids();
        let plans = [
            (9_900, BillingCycle::Monthly, 1_000),
            (29_900, BillingCycle::Monthly, 5_000),
            (99_000, BillingCycle::Yearly, 1_000),
            (19_900, BillingCycle::Monthly, 500),
            (499_900, BillingCycle::Yearly, 5_000),
            (999_900, BillingCycle::Lifetime, 1_000),
        ];
        Self {
            plans: plans
                .map(|(price, cycle, limit)| offered(&ids, price, cycle, limit))
                .into(),
            now: start(),
            held: None,
            used: 0,
            month: start(),
            paid: 0,
            had: 0,
        }
    }

    fn limit(&self, plan: usize) -> i64 {
        self.plans[plan].meters[0].limit.expect("limited").get()
    }

    fn meter(&self, plan: usize) -> MeterLeft {
        MeterLeft {
            limit: self.limit(plan),
            reset: Reset::Month,
            left: self.limit(plan) - self.used,
        }
    }

    fn consume(&mut self, units: i64) {
        let Some((plan, _)) = self.held else { return };
        let units = units.min(self.limit(plan) - self.used).max(0);
        self.used += units;
        let months = self.plans[plan]
            .billing_cycle
            .months()
            .unwrap_or(credit::LIFETIME_MONTHS);
        let price = i128::from(self.plans[plan].price.minor());
        let whole = i128::from(self.limit(plan)) * i128::from(months);
        self.had += i128::from(units) * price * (PARTS / whole);
    }

    fn wait(&mut self, hours: u64) {
        self.now = self.now.after(Duration::from_hours(hours));
        let Some((_, term)) = &self.held else { return };
        if !term.contains(self.now) {
            self.held = None;
            return;
        }
        let month = term.anchor.quota_period(self.now).start;
        if month != self.month {
            (self.month, self.used) = (month, 0);
        }
    }

    /// Quotes it, uses some more while the order is open, and pays.
    fn take(&mut self, plan: usize, meanwhile: i64, minutes: u64) {
        let quoted_at = self.now;
        let (terms, credit, amount) = match &self.held {
            None => (1, 0, self.plans[plan].price.minor()),
            Some((of, term)) => {
                let mine = held(&ids(), &self.plans[*of], term.ends_at);
                let kind =
                    QuoteKind::of(&self.plans[plan], Some((&mine, &self.plans[*of])), self.now);
                if kind != QuoteKind::Upgrade {
                    return;
                }
                let left = credit::of_running(term, &[self.meter(*of)], Moments::at(self.now));
                let Some(due) = due(&self.plans[plan], Money::new(left, Currency::CNY)) else {
                    return;
                };
                (due.terms, left, due.amount.minor())
            }
        };
        self.consume(meanwhile);
        self.now = self.now.after(Duration::from_mins(minutes));
        let left = match &self.held {
            Some((of, term)) if term.contains(self.now) => {
                let moments = Moments {
                    time: quoted_at,
                    units: self.now,
                };
                credit::of_running(term, &[self.meter(*of)], moments)
            }
            _ => 0,
        };
        let worth = amount + credit;
        let short = Shortfall {
            minor: (credit - left).max(0),
            worth,
            terms,
        };
        let offer = &self.plans[plan];
        let anchor = Anchor::new(self.now, chrono_tz::UTC);
        let cover = short.cover(offer);
        let less = cover.map_or(0, |cover| cover.months);
        let months = offer
            .billing_cycle
            .months()
            .map(|months| months * terms - less);
        self.used = cover.map_or(0, |cover| cover.units.get());
        self.month = self.now;
        if months.is_none() {
            // Declared: what has no end covers a shortfall by its first month at most.
            let month = worth / i64::from(credit::LIFETIME_MONTHS);
            self.paid += i128::from((short.minor - month).max(0));
        }
        let term = Term {
            subscription: ids().next(),
            starts_at: self.now,
            ends_at: months.map(|months| anchor.months_end(self.now, months)),
            plan: (offer.id, 1),
            anchor,
            worth: Money::new(worth - short.minor, Currency::CNY),
            payment: None,
        };
        self.paid += i128::from(amount);
        self.held = Some((plan, term));
        self.wait(0);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Use(i64),
    Wait(u64),
    Take(usize, i64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_i64..6_000).prop_map(Step::Use),
        (0_u64..1_200).prop_map(Step::Wait),
        (0_usize..6, 0_i64..6_000, 0_u64..30)
            .prop_map(|(plan, more, wait)| Step::Take(plan, more, wait)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        // A hundred thousand and more by PROPTEST_CASES.
        cases: ProptestConfig::default().cases.max(10_000),
        ..ProptestConfig::default()
    })]

    /// However somebody buys, uses and changes plans, what they have had is worth no more than what they have paid.
    #[test]
    fn inv_l8_nobody_gains_by_changing_plans(steps in prop::collection::vec(step(), 1..24)) {
        let mut buyer = Buyer::new();
        for step in steps {
            match step {
                Step::Use(units) => buyer.consume(units),
                Step::Wait(hours) => buyer.wait(hours),
                Step::Take(plan, more, minutes) => buyer.take(plan, more, minutes),
            }
            prop_assert!(buyer.had <= buyer.paid * PARTS, "had {} of {}", buyer.had / PARTS, buyer.paid);
        }
    }
}
