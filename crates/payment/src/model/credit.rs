//! What is left of a plan, in money, when another takes its place: of the running term the smaller of two shares, the
//! time that is left and the units that are left; of a later one, all of it. Always rounded down, so that nobody can
//! gain by going back and forth (invariant L8).
//!
//! ```
//! use tollgate_kernel::clock::Timestamp;
//! use tollgate_kernel::money::Money;
//! use tollgate_payment::model::credit::{MeterLeft, Moments, Share, of_running};
//! use tollgate_payment::model::term::Term;
//!
//! // Ten of thirty days are left of a plan of 99.00: 33.00, in minor units.
//! assert_eq!(Share::new(10, 30).of(9_900), 3_300);
//! // Rounded down, always.
//! assert_eq!(Share::new(1, 3).of(100), 33);
//! assert_eq!(Share::ALL.of(9_900), 9_900);
//!
//! fn left(term: &Term, meters: &[MeterLeft], now: Timestamp) -> Money {
//!     let minor = of_running(term, meters, Moments::at(now));
//!     Money::new(minor, term.worth.currency())
//! }
//! ```

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;

use super::period::Anchor;
use super::plan::Reset;
use super::term::Term;

/// What is paid for ever counts as used up after so many months.
pub const LIFETIME_MONTHS: u32 = 36;

/// Nothing is shorter: moments are whole microseconds.
const INSTANT: Duration = Duration::from_micros(1);
const HOUR_MICROS: i64 = 3_600_000_000;

/// A part of a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// What is left.
    pub left: i64,
    /// Of how much; more than nothing.
    pub whole: i64,
}

impl Share {
    /// All of it.
    pub const ALL: Self = Self { left: 1, whole: 1 };

    /// Of so much, so much is left.
    pub fn new(left: i64, whole: i64) -> Self {
        if whole <= 0 {
            return Self::ALL;
        }
        let left = left.clamp(0, whole);
        Self { left, whole }
    }

    /// The same share of `minor`, rounded down.
    pub fn of(self, minor: i64) -> i64 {
        let part = i128::from(minor.max(0)).saturating_mul(i128::from(self.left));
        let part = part.checked_div(i128::from(self.whole)).unwrap_or(0);
        i64::try_from(part).unwrap_or(i64::MAX)
    }
}

/// How a limited meter stands in the running term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterLeft {
    /// Units of the plan in a period.
    pub limit: i64,
    /// When it begins anew.
    pub reset: Reset,
    /// Units of the plan's own that are left in the open period: bonus units go along, and are not counted.
    pub left: i64,
}

/// The end of a term, for counting: what has none is used up some day.
fn counted_end(term: &Term) -> Timestamp {
    term.ends_at
        .unwrap_or_else(|| term.anchor.months_after(term.starts_at, LIFETIME_MONTHS))
}

/// How much of the term's time is left at `now`, in whole hours: what was quoted a moment ago still holds.
pub fn time(term: &Term, now: Timestamp) -> Share {
    let (start, end) = (term.starts_at.micros(), counted_end(term).micros());
    let hours = |micros: i64| micros.checked_div(HOUR_MICROS).unwrap_or(0);
    let left = hours(end.saturating_sub(now.micros().max(start)));
    Share::new(left, hours(end.saturating_sub(start)).max(1))
}

/// How many of the term's units of a meter are left at `now`.
pub fn units(term: &Term, meter: &MeterLeft, now: Timestamp) -> Share {
    let end = counted_end(term);
    let own = meter.left.clamp(0, meter.limit);
    // A plan that gives nothing of a meter says nothing by it.
    if meter.limit <= 0 {
        return Share::ALL;
    }
    let begun = |from, to| match meter.reset {
        Reset::Calendar => term.anchor.calendar_months_between(from, to),
        _ => term.anchor.months_between(from, to),
    };
    match meter.reset {
        Reset::Month | Reset::Calendar => {}
        Reset::Term | Reset::Never => return Share::new(own, meter.limit),
    }
    // Periods that begin within the term, the one that it begins in among them.
    let last = end.before(INSTANT);
    let whole = i64::from(begun(term.starts_at, last)).saturating_add(1);
    let later = i64::from(begun(now, last));
    let left = own.saturating_add(later.saturating_mul(meter.limit));
    Share::new(left, whole.saturating_mul(meter.limit))
}

/// When what is left is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    /// From when on the time is counted as used: when it was quoted, while the quote holds.
    pub time: Timestamp,
    /// How the meters stand.
    pub units: Timestamp,
}

impl Moments {
    /// Both at once.
    pub fn at(now: Timestamp) -> Self {
        Self {
            time: now,
            units: now,
        }
    }
}

/// What is left of the running term, in minor units.
pub fn of_running(term: &Term, meters: &[MeterLeft], at: Moments) -> i64 {
    let worth = term.worth.minor();
    let by_units = meters.iter().map(|meter| units(term, meter, at.units));
    by_units
        .chain([time(term, at.time)])
        .map(|share| share.of(worth))
        .min()
        .unwrap_or(0)
}

/// What is left of everything that was paid, in minor units.
pub fn of_all(terms: &[Term], meters: &[MeterLeft], at: Moments) -> i64 {
    let each = terms.iter().map(|term| {
        if term.starts_at > at.units {
            term.worth.minor()
        } else if term.contains(at.units) {
            of_running(term, meters, at)
        } else {
            0
        }
    });
    each.fold(0, i64::saturating_add)
}

impl Anchor {
    /// So many months after the month in which `at` lies.
    pub(super) fn months_after(self, at: Timestamp, months: u32) -> Timestamp {
        self.month(self.months_between(self.at(), at).saturating_add(months))
    }
}
