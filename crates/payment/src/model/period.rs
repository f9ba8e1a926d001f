//! Periods of quota and terms of payment, counted from an anchor.
//!
//! Period *n* begins *n* calendar months after the anchor, at the anchor's local time of day in the
//! anchor's zone, and is always worked out from the anchor, never from period *n − 1*: 31 January
//! gives 28 or 29 February and then 31 March. Where a clock change makes a local time missing, the
//! period begins when the clock has passed it, which is the change itself; where it happens twice, at the first.
//!
//! ```
//! use serde_json::json;
//! use tollgate_kernel::clock::Timestamp;
//! use tollgate_payment::model::period::Anchor;
//! use tollgate_payment::model::plan::BillingCycle;
//!
//! let at = |text: &str| serde_json::from_value::<Timestamp>(json!(text));
//! let anchor = Anchor::new(at("2026-01-31T09:00:00Z")?, chrono_tz::UTC);
//!
//! let march = anchor.quota_period(at("2026-03-10T00:00:00Z")?);
//! assert_eq!(march.start, at("2026-02-28T09:00:00Z")?);
//! assert_eq!(march.end, at("2026-03-31T09:00:00Z")?);
//! // Half open: the end belongs to the next.
//! assert!(march.contains(march.start) && !march.contains(march.end));
//!
//! // A year that is paid on 31 January ends a year later; what is had for ever has no end.
//! let year = anchor.term_end(anchor.at(), BillingCycle::Yearly);
//! assert_eq!(year, Some(at("2027-01-31T09:00:00Z")?));
//! assert_eq!(anchor.term_end(anchor.at(), BillingCycle::Lifetime), None);
//! # Ok::<(), serde_json::Error>(())
//! ```

use chrono::{
    DateTime, Datelike as _, Months, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc,
};
use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;

use super::plan::{BillingCycle, Reset};

/// Where the counting begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    at: Timestamp,
    zone: Tz,
}

/// A half-open stretch of time: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// First moment.
    pub start: Timestamp,
    /// First moment after.
    pub end: Timestamp,
}

impl Period {
    /// Whether `at` lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

impl Anchor {
    /// Counting from `at`, by the calendar of `zone`.
    pub fn new(at: Timestamp, zone: Tz) -> Self {
        Self { at, zone }
    }

    /// Where the counting begins.
    pub fn at(self) -> Timestamp {
        self.at
    }

    /// By whose calendar.
    pub fn zone(self) -> Tz {
        self.zone
    }

    /// The day of the month on which it begins.
    pub fn day(self) -> u32 {
        self.local().day()
    }

    fn local(self) -> NaiveDateTime {
        self.at.utc().with_timezone(&self.zone).naive_local()
    }

    /// Its months.
    pub(super) fn months(self) -> Counting {
        Counting {
            first: self.at,
            local: self.local(),
            zone: self.zone,
        }
    }

    /// The first moment of month `number`; month 0 begins at the anchor itself.
    pub fn month(self, number: u32) -> Timestamp {
        self.months().begins(number)
    }

    /// The month of quota that `now` lies in; the first for a moment before the anchor.
    pub fn quota_period(self, now: Timestamp) -> Period {
        self.months().period(now)
    }

    /// The period of a meter that `now` lies in, as often as it begins anew. `cycle` is how long a term lasts.
    pub fn period(self, reset: Reset, cycle: BillingCycle, now: Timestamp) -> Period {
        match (reset, cycle.months()) {
            (Reset::Month, _) => self.quota_period(now),
            (Reset::Calendar, _) => self.months_of_the_calendar().period(now),
            (Reset::Term, Some(months)) => self.term_of(months, now),
            (Reset::Never, _) | (Reset::Term, None) => Period {
                start: self.at,
                end: far(),
            },
        }
    }

    /// The same, counted from the midnight with which its month begins (where there is one: the months after it
    /// begin at midnight all the same).
    pub(super) fn months_of_the_calendar(self) -> Counting {
        let date = self.local().date();
        let local = date.with_day(1).unwrap_or(date).and_time(NaiveTime::MIN);
        Counting {
            first: first_moment(local, self.zone),
            local,
            zone: self.zone,
        }
    }

    /// The end of a term of `cycle` that follows `paid_until` (the anchor for a first term); `None`
    /// for a term without end.
    pub fn term_end(self, paid_until: Timestamp, cycle: BillingCycle) -> Option<Timestamp> {
        // `paid_until` is the beginning of some month of this anchor.
        self.terms_end(paid_until, cycle, 1)
    }

    /// The end of so many terms of `cycle` one after another.
    pub fn terms_end(
        self,
        paid_until: Timestamp,
        cycle: BillingCycle,
        terms: u32,
    ) -> Option<Timestamp> {
        let months = cycle.months()?.saturating_mul(terms);
        Some(self.months_end(paid_until, months))
    }

    /// Where a term is counted from that follows one of this anchor and begins at `end`. Months are counted on, so that
    /// the 31st comes back; terms of another length are counted from their own beginning, or what begins anew with each
    /// term would have begun before it.
    #[must_use]
    pub fn followed_by(self, end: Timestamp, is_as_long: bool) -> Self {
        if is_as_long {
            self
        } else {
            Self::new(end, self.zone)
        }
    }

    /// When rails that count months in UTC begin the one that begins here at `at`: the 30th of one zone is the 29th of
    /// another, which a short month does not shorten.
    pub fn counted_in_utc(self, at: Timestamp) -> Timestamp {
        Self::new(self.at, Tz::UTC).month(self.month_number(at))
    }

    /// So many months after `from`, which is the beginning of one.
    pub fn months_end(self, from: Timestamp, months: u32) -> Timestamp {
        self.month(self.month_number(from).saturating_add(months))
    }

    /// So many months before `end`, as its calendar has them.
    pub(super) fn ahead_of(end: Timestamp, months: u32, zone: Tz) -> Option<Self> {
        let local = Self::new(end, zone).local();
        let before = local.checked_sub_months(Months::new(months))?;
        Some(Self::new(first_moment(before, zone), zone))
    }

    /// Whether terms of so many months, counted from here, end at `end`.
    pub(super) fn leads_to(self, end: Timestamp, months: u32) -> bool {
        let number = self.month_number(end);
        let whole = number.checked_rem(months) == Some(0);
        whole && number > 0 && self.month(number) == end
    }

    /// The term of so many months in which `at` lies.
    pub(super) fn term_of(self, months: u32, at: Timestamp) -> Period {
        let number = self.month_number(at);
        let begins = number.saturating_sub(number.checked_rem(months).unwrap_or(0));
        Period {
            start: self.month(begins),
            end: self.month(begins.saturating_add(months)),
        }
    }

    /// When what was paid for ever counts as used up.
    pub fn lifetime_end(self) -> Timestamp {
        self.month(super::credit::LIFETIME_MONTHS)
    }

    /// The beginning of a term of `cycle` that ends at `paid_until`; `None` for a term without end.
    pub fn term_start(self, paid_until: Timestamp, cycle: BillingCycle) -> Option<Timestamp> {
        let months = cycle.months()?;
        Some(self.month(self.month_number(paid_until).saturating_sub(months)))
    }

    /// How many months begin after `from` and no later than `to`; none before the anchor.
    pub(super) fn months_between(self, from: Timestamp, to: Timestamp) -> u32 {
        self.months().months_between(from, to)
    }

    /// The same of the calendar's months.
    pub(super) fn calendar_months_between(self, from: Timestamp, to: Timestamp) -> u32 {
        self.months_of_the_calendar().months_between(from, to)
    }

    /// The number of the month in which `at` lies.
    fn month_number(self, at: Timestamp) -> u32 {
        self.months().number(at)
    }
}

/// Months of one calendar, counted from a local time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counting {
    /// When month 0 begins.
    first: Timestamp,
    /// The local time that the others begin at.
    local: NaiveDateTime,
    zone: Tz,
}

impl Counting {
    fn begins(self, number: u32) -> Timestamp {
        if number == 0 {
            return self.first;
        }
        self.local
            .checked_add_months(Months::new(number))
            .map_or(Timestamp::from_utc(DateTime::<Utc>::MAX_UTC), |local| {
                first_moment(local, self.zone)
            })
    }

    /// How many of them begin after `from` and no later than `to`; none before the first.
    pub(super) fn months_between(self, from: Timestamp, to: Timestamp) -> u32 {
        self.number(to).saturating_sub(self.number(from))
    }

    fn period(self, now: Timestamp) -> Period {
        let number = self.number(now);
        Period {
            start: self.begins(number),
            end: self.begins(number.saturating_add(1)),
        }
    }

    fn number(self, at: Timestamp) -> u32 {
        let to = at.utc().with_timezone(&self.zone);
        let months = |date: i32, month: u32| {
            i64::from(date)
                .saturating_mul(12)
                .saturating_add(i64::from(month))
        };
        let from = months(self.local.year(), self.local.month());
        let apart = months(to.year(), to.month()).saturating_sub(from);
        // The calendar says which months are near; the moments say which of them it is.
        let near = u32::try_from(apart.max(0)).unwrap_or(u32::MAX);
        let latest = near.saturating_add(1);
        let earliest = near.saturating_sub(1);
        (earliest..=latest)
            .rev()
            .find(|number| self.begins(*number) <= at)
            .unwrap_or(earliest)
    }
}

/// The first moment at which the clocks of `zone` have reached `local`: where they leap over it, that is the leap.
pub(super) fn first_moment(local: NaiveDateTime, zone: Tz) -> Timestamp {
    if let Some(at) = zone.from_local_datetime(&local).earliest() {
        return Timestamp::from_utc(at.to_utc());
    }
    // No clock is further from UTC than a day, and no leap is longer (a zone that crosses the date line).
    let around = |days: i64| {
        let moment = Utc.from_utc_datetime(&local);
        moment
            .checked_add_signed(TimeDelta::days(days))
            .unwrap_or(moment)
            .timestamp()
    };
    let (mut before, mut after) = (around(-2), around(2));
    while after.saturating_sub(before) > 1 {
        let middle = before.midpoint(after);
        let reached = Utc
            .timestamp_opt(middle, 0)
            .single()
            .is_none_or(|at| at.with_timezone(&zone).naive_local() >= local);
        if reached {
            after = middle;
        } else {
            before = middle;
        }
    }
    Timestamp::from_seconds(after).unwrap_or(Timestamp::from_utc(Utc.from_utc_datetime(&local)))
}

/// Later than any right; a moment that both engines can hold.
fn far() -> Timestamp {
    Utc.with_ymd_and_hms(9999, 1, 1, 0, 0, 0)
        .earliest()
        .map_or(Timestamp::EPOCH, Timestamp::from_utc)
}

#[cfg(test)]
mod tests;
