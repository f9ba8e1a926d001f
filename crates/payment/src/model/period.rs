//! Periods of quota and terms of payment, counted from an anchor.
//!
//! Period *n* begins *n* calendar months after the anchor, at the anchor's local time of day in the
//! anchor's zone, and is always worked out from the anchor, never from period *n − 1*: 31 January
//! gives 28 or 29 February and then 31 March. Where a clock change makes a local time missing, the
//! period begins when the clock has passed it; where it happens twice, at the first.

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

    /// The first moment of month `number`; month 0 begins at the anchor itself.
    pub fn month(self, number: u32) -> Timestamp {
        if number == 0 {
            return self.at;
        }
        let local = self.at.utc().with_timezone(&self.zone).naive_local();
        local
            .checked_add_months(Months::new(number))
            .map_or(Timestamp::from_utc(DateTime::<Utc>::MAX_UTC), |local| {
                self.resolve(local)
            })
    }

    /// The month of quota that `now` lies in; the first for a moment before the anchor.
    pub fn quota_period(self, now: Timestamp) -> Period {
        let number = self.month_number(now);
        Period {
            start: self.month(number),
            end: self.month(number.saturating_add(1)),
        }
    }

    /// The period of a meter that `now` lies in, as often as it begins anew. `cycle` is how long a term lasts.
    pub fn period(self, reset: Reset, cycle: BillingCycle, now: Timestamp) -> Period {
        match (reset, cycle.months()) {
            (Reset::Month, _) => self.quota_period(now),
            (Reset::Calendar, _) => self.of_the_calendar().quota_period(now),
            (Reset::Term, Some(months)) => {
                let number = self.month_number(now);
                let begins = number.saturating_sub(number.checked_rem(months).unwrap_or(0));
                Period {
                    start: self.month(begins),
                    end: self.month(begins.saturating_add(months)),
                }
            }
            (Reset::Never, _) | (Reset::Term, None) => Period {
                start: self.at,
                end: far(),
            },
        }
    }

    /// The same, counted from the first moment of its month.
    pub(super) fn of_the_calendar(self) -> Self {
        let local = self.at.utc().with_timezone(&self.zone).date_naive();
        let first = local.with_day(1).unwrap_or(local).and_time(NaiveTime::MIN);
        Self {
            at: self.resolve(first),
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

    /// So many months after `from`, which is the beginning of one.
    pub fn months_end(self, from: Timestamp, months: u32) -> Timestamp {
        self.month(self.month_number(from).saturating_add(months))
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
        self.month_number(to)
            .saturating_sub(self.month_number(from))
    }

    /// The number of the month in which `at` lies.
    fn month_number(self, at: Timestamp) -> u32 {
        let from = self.at.utc().with_timezone(&self.zone);
        let to = at.utc().with_timezone(&self.zone);
        let months = |date: i32, month: u32| {
            i64::from(date)
                .saturating_mul(12)
                .saturating_add(i64::from(month))
        };
        let apart = months(to.year(), to.month()).saturating_sub(months(from.year(), from.month()));
        // The calendar says which months are near; the moments say which of them it is.
        let near = u32::try_from(apart.max(0)).unwrap_or(u32::MAX);
        let latest = near.saturating_add(1);
        let earliest = near.saturating_sub(1);
        (earliest..=latest)
            .rev()
            .find(|number| self.month(*number) <= at)
            .unwrap_or(earliest)
    }

    fn resolve(self, local: NaiveDateTime) -> Timestamp {
        let mut probe = local;
        // The longest gap of a clock change is a day (a zone crossing the date line).
        for _ in 0..=48 {
            if let Some(at) = self.zone.from_local_datetime(&probe).earliest() {
                return Timestamp::from_utc(at.to_utc());
            }
            probe = probe
                .checked_add_signed(TimeDelta::minutes(30))
                .unwrap_or(probe);
        }
        Timestamp::from_utc(Utc.from_utc_datetime(&local))
    }
}

/// Later than any right; a moment that both engines can hold.
fn far() -> Timestamp {
    Utc.with_ymd_and_hms(9999, 1, 1, 0, 0, 0)
        .earliest()
        .map_or(Timestamp::EPOCH, Timestamp::from_utc)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse::<DateTime<Utc>>().expect("a moment"))
    }

    fn anchor(text: &str, zone: &str) -> Anchor {
        Anchor::new(at(text), zone.parse().expect("a zone"))
    }

    #[test]
    fn inv_l5_the_31st_comes_back() {
        let anchor = anchor("2026-01-31T02:00:00Z", "Asia/Shanghai");
        let starts: Vec<String> = (0..5).map(|n| anchor.month(n).to_string()).collect();
        assert_eq!(
            starts,
            [
                "2026-01-31T02:00:00.000Z",
                "2026-02-28T02:00:00.000Z",
                "2026-03-31T02:00:00.000Z",
                "2026-04-30T02:00:00.000Z",
                "2026-05-31T02:00:00.000Z",
            ]
        );
        assert_eq!(anchor.month(25).to_string(), "2028-02-29T02:00:00.000Z");
    }

    #[test]
    fn inv_l5_a_year_from_the_29th_of_february() {
        let anchor = anchor("2028-02-29T00:00:00Z", "UTC");
        let end = anchor
            .term_end(anchor.at(), BillingCycle::Yearly)
            .expect("ends");
        assert_eq!(end.to_string(), "2029-02-28T00:00:00.000Z");
        let next = anchor.term_end(end, BillingCycle::Yearly).expect("ends");
        let third = anchor.term_end(next, BillingCycle::Yearly).expect("ends");
        let fourth = anchor.term_end(third, BillingCycle::Yearly).expect("ends");
        assert_eq!(fourth.to_string(), "2032-02-29T00:00:00.000Z");
        assert_eq!(anchor.term_end(anchor.at(), BillingCycle::Lifetime), None);
    }

    #[test]
    fn inv_l5_a_missing_and_a_doubled_hour() {
        let spring = anchor("2026-02-28T07:30:00Z", "America/New_York"); // 02:30 local
        assert_eq!(spring.month(0).to_string(), "2026-02-28T07:30:00.000Z");
        let gap = anchor("2026-02-08T07:30:00Z", "America/New_York"); // 8 March has no 02:30
        assert_eq!(gap.month(1).to_string(), "2026-03-08T07:00:00.000Z");
        let twice = anchor("2026-10-01T05:30:00Z", "America/New_York"); // 01:30 local
        assert_eq!(twice.month(1).to_string(), "2026-11-01T05:30:00.000Z");
    }

    proptest! {
        #[test]
        fn inv_l5_periods_leave_no_gap_and_no_overlap(
            seconds in 1_700_000_000_i64..2_000_000_000,
            zone in prop::sample::select(vec!["Asia/Shanghai", "UTC", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu"]),
            later in 0_i64..1_000_000_000,
        ) {
            let zone: Tz = zone.parse().expect("a zone");
            let anchor = Anchor::new(Timestamp::from_seconds(seconds).expect("a moment"), zone);
            let now = Timestamp::from_seconds(seconds + later).expect("a moment");
            let period = anchor.quota_period(now);
            prop_assert!(period.contains(now), "{period:?} {now:?}");
            prop_assert_eq!(anchor.quota_period(period.start), period);
            let next = anchor.quota_period(period.end);
            prop_assert_eq!(next.start, period.end);
            prop_assert!(next.end > next.start);
        }
    }
}
