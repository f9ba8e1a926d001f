//! A second way to the same numbers: units are followed in memory, by what was done and when, and no table is read.

use std::collections::BTreeMap;

use tollgate_kernel::clock::Timestamp;

use crate::model::period::{Anchor, Period};
use crate::model::plan::{BillingCycle, Reset};

/// What a meter of the plan is.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) limit: Option<i64>,
    pub(super) reset: Reset,
    /// Of one call.
    pub(super) price: i64,
}

/// One person's meters.
pub(super) struct Shadow {
    pub(super) anchor: Anchor,
    pub(super) cycle: BillingCycle,
    pub(super) meters: BTreeMap<&'static str, Followed>,
}

pub(super) struct Followed {
    pub(super) terms: Terms,
    periods: Vec<Kept>,
    gifts: Vec<Gift>,
}

struct Gift {
    units: i64,
    spent: i64,
    end: Option<Timestamp>,
}

struct Kept {
    of: Period,
    used: i64,
    held: i64,
    /// What was taken when and has not come back, in its order.
    takes: Vec<(Timestamp, i64)>,
    /// By the number of the gift.
    pots: BTreeMap<usize, Pot>,
}

struct Pot {
    units: i64,
    /// Known once it is over.
    burned: Option<i64>,
}

/// How a meter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) remaining: Option<i64>,
    pub(super) used: i64,
    pub(super) held: i64,
    pub(super) resets_at: Timestamp,
}

fn is_over(end: Option<Timestamp>, at: Timestamp) -> bool {
    end.is_some_and(|end| end <= at)
}

impl Shadow {
    pub(super) fn new(
        anchor: Anchor,
        cycle: BillingCycle,
        terms: &[(&'static str, Terms)],
    ) -> Self {
        let followed = |terms: Terms| Followed {
            terms,
            periods: Vec::new(),
            gifts: Vec::new(),
        };
        let meters = terms.iter().map(|(name, terms)| (*name, followed(*terms)));
        Self {
            anchor,
            cycle,
            meters: meters.collect(),
        }
    }

    /// The meter in its period of `now`, after whatever ended before was settled.
    fn at(&mut self, meter: &str, now: Timestamp) -> &mut Followed {
        let followed = self.meters.get_mut(meter).expect("a meter");
        let period = self.anchor.period(followed.terms.reset, self.cycle, now);
        followed.settle(period, now);
        followed
    }

    pub(super) fn stands(&mut self, meter: &str, now: Timestamp) -> Standing {
        let followed = self.at(meter, now);
        let kept = followed.periods.last().expect("a period");
        let taken = kept.used + kept.held;
        Standing {
            remaining: followed.limit(kept).map(|limit| limit - taken),
            used: kept.used,
            held: kept.held,
            resets_at: kept.of.end,
        }
    }

    /// Takes or sets aside, if so much is left; gives the period it was taken of.
    pub(super) fn take(
        &mut self,
        meter: &str,
        cost: i64,
        aside: bool,
        now: Timestamp,
    ) -> Option<(Timestamp, i64)> {
        let standing = self.stands(meter, now);
        let followed = self.at(meter, now);
        let units = cost * followed.terms.price;
        if standing.remaining.is_some_and(|left| left < units) {
            return None;
        }
        let kept = followed.periods.last_mut().expect("a period");
        if aside {
            kept.held += units;
        } else {
            kept.used += units;
        }
        kept.takes.push((now, units));
        Some((kept.of.start, units))
    }

    pub(super) fn give(&mut self, meter: &str, units: i64, end: Option<Timestamp>, now: Timestamp) {
        let followed = self.at(meter, now);
        let number = followed.gifts.len();
        followed.gifts.push(Gift {
            units,
            spent: 0,
            end,
        });
        let kept = followed.periods.last_mut().expect("a period");
        kept.pots.insert(
            number,
            Pot {
                units,
                burned: None,
            },
        );
    }

    /// A hold ends, and `charged` of its units stay taken; or a charge is given back.
    pub(super) fn end(
        &mut self,
        meter: &str,
        (period_start, taken_at): (Timestamp, Timestamp),
        (held, charged, refunded): (i64, i64, i64),
        now: Timestamp,
    ) {
        let followed = self.meters.get_mut(meter).expect("a meter");
        let place = followed
            .periods
            .iter()
            .position(|kept| kept.of.start == period_start)
            .expect("its period");
        let kept = &mut followed.periods[place];
        kept.held -= held;
        kept.used += charged - refunded;
        let free = held - charged + refunded;
        let take = kept.takes.iter_mut().find(|(at, _)| *at == taken_at);
        take.expect("it was taken").1 -= free;
        let of_early = followed.again(place);
        if followed.periods[place].of.end <= now {
            followed.back(place, free - of_early, now);
        }
    }
}

impl Followed {
    fn limit(&self, kept: &Kept) -> Option<i64> {
        let of_pots = kept.pots.values();
        let of_pots: i64 = of_pots.map(|pot| pot.burned.unwrap_or(pot.units)).sum();
        self.terms.limit.map(|limit| limit + of_pots)
    }

    fn settle(&mut self, period: Period, now: Timestamp) {
        let begins = self
            .periods
            .last()
            .is_none_or(|kept| kept.of.start < period.start);
        self.close(begins, now);
        if !begins {
            return;
        }
        let lasting = self.gifts.iter().enumerate();
        let lasting =
            lasting.filter(|(_, gift)| gift.units > gift.spent && !is_over(gift.end, now));
        let pots = lasting.map(|(number, gift)| {
            let units = gift.units - gift.spent;
            (
                number,
                Pot {
                    units,
                    burned: None,
                },
            )
        });
        let pots = pots.collect();
        self.periods.push(Kept {
            of: period,
            used: 0,
            held: 0,
            takes: Vec::new(),
            pots,
        });
    }

    /// What was burned of the pots that are over, unit by unit: what ends first is burned first, the plan's own end with
    /// the period.
    fn close(&mut self, all: bool, now: Timestamp) {
        let Some(kept) = self.periods.last_mut() else {
            return;
        };
        let far = |end: Option<Timestamp>| end.map_or(i64::MAX, Timestamp::micros);
        let known: i64 = kept.pots.values().filter_map(|pot| pot.burned).sum();
        let mut left = kept.used + kept.held - known;
        let mut order: Vec<(i64, bool, Option<usize>)> = kept
            .pots
            .iter()
            .filter(|(_, pot)| pot.burned.is_none())
            .map(|(number, _)| (far(self.gifts[*number].end), false, Some(*number)))
            .collect();
        order.push((kept.of.end.micros(), true, None));
        order.sort_unstable();
        for (_, _, number) in order {
            let Some(number) = number else {
                left -= left.min(self.terms.limit.unwrap_or(0));
                continue;
            };
            let (gift, pot) = (
                &mut self.gifts[number],
                kept.pots.get_mut(&number).expect("a pot"),
            );
            let burned = left.min(pot.units);
            left -= burned;
            if all || is_over(gift.end, now) {
                pot.burned = Some(burned);
                gift.spent += burned;
            }
        }
    }

    /// What was burned of the pots that ended within a period, as if what came back had never been taken: each has what
    /// was taken before its end, but for what those before it have. Gives how much less that is than it was.
    fn again(&mut self, place: usize) -> i64 {
        let kept = &mut self.periods[place];
        let mut early: Vec<(Timestamp, usize)> = kept
            .pots
            .iter()
            .filter(|(_, pot)| pot.burned.is_some())
            .filter_map(|(number, _)| Some((self.gifts[*number].end?, *number)))
            .filter(|(end, _)| *end <= kept.of.end)
            .collect();
        early.sort_unstable();
        let (mut before, mut less) = (0, 0);
        for (end, number) in early {
            let taken = kept.takes.iter().filter(|(at, _)| *at < end);
            let taken: i64 = taken.map(|(_, units)| units).sum();
            let pot = kept.pots.get_mut(&number).expect("a pot");
            let burned = pot.units.min(taken - before);
            less += pot.burned.expect("closed") - burned;
            self.gifts[number].spent += burned - pot.burned.expect("closed");
            pot.burned = Some(burned);
            before += burned;
        }
        less
    }

    /// Units come back to a period that is over: its bonus units, the last burned first, are had again now.
    fn back(&mut self, place: usize, mut free: i64, now: Timestamp) {
        let ended = self.periods[place].of.end;
        let mut late: Vec<usize> = self.periods[place]
            .pots
            .iter()
            .filter(|(number, pot)| {
                pot.burned.is_some_and(|burned| burned > 0)
                    && !is_over(self.gifts[**number].end, ended)
            })
            .map(|(number, _)| *number)
            .collect();
        let far = |end: Option<Timestamp>| end.map_or(i64::MAX, Timestamp::micros);
        late.sort_by_key(|number| std::cmp::Reverse((far(self.gifts[*number].end), *number)));
        for number in late {
            let pot = self.periods[place].pots.get_mut(&number).expect("a pot");
            let back = free.min(pot.burned.unwrap_or(0));
            free -= back;
            if back == 0 || is_over(self.gifts[number].end, now) {
                continue;
            }
            pot.burned = pot.burned.map(|burned| burned - back);
            self.gifts[number].spent -= back;
            let open = self.periods.last_mut().expect("a period");
            let pot = open.pots.entry(number).or_insert(Pot {
                units: 0,
                burned: None,
            });
            pot.units += back;
        }
    }
}
