//! When usage is counted: in quarters of an hour, of which the hours, days and months of every zone are made.
//!
//! A point of a series is an hour, a day or a month of some zone's calendar, by the moments at which it begins. Where
//! the clock changes, a day has 23 or 25 hours, and so many points: an hour that the clock passes twice is two of them,
//! one that it leaves out is none.
//!
//! ```
//! use serde_json::json;
//! use tollgate_kernel::clock::Timestamp;
//! use tollgate_payment::model::usage::{Interval, Points, SpanError};
//!
//! use tollgate_payment::model::usage::quarter_of;
//! let at = |text: &str| serde_json::from_value::<Timestamp>(json!(text));
//! let (from, to) = (at("2026-05-01T10:20:00Z")?, at("2026-05-01T12:10:00Z")?);
//! assert_eq!(quarter_of(from), at("2026-05-01T10:15:00Z")?);
//!
//! let hours = Points::of(from, to, Interval::Hour, chrono_tz::UTC)?;
//! assert_eq!(hours.starts().len(), 3);
//! assert_eq!(hours.begin(), at("2026-05-01T10:00:00Z")?);
//! assert_eq!(hours.place(to), Some(2));
//!
//! let backwards = Points::of(to, from, Interval::Hour, chrono_tz::UTC);
//! assert_eq!(backwards.err(), Some(SpanError::Backwards));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::time::Duration;

use chrono::{
    DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime, Offset as _, TimeDelta,
    TimeZone as _, Timelike as _, Utc,
};
use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;

use super::words;

/// What the log is folded into.
pub const QUARTER: Duration = Duration::from_mins(15);
/// Points of one series, at most: a year by hour fits.
pub const MOST_POINTS: usize = 10_000;
/// Series in one answer, at most; the rest of them is one more.
pub const MOST_SERIES: usize = 20;

const QUARTER_SECONDS: i64 = 15 * 60;
/// 1 January 9999: what both engines can hold, and ids too.
const FAR_SECONDS: i64 = 253_370_764_800;

words! {
    /// How long a point lasts.
    pub enum Interval {
        /// An hour of the zone's clock.
        Hour = "hour",
        /// A day.
        Day = "day",
        /// A month.
        Month = "month",
    }
}

words! {
    /// What a series is of.
    pub enum GroupBy {
        /// What was called.
        ResourceType = "resource_type",
        /// Which key called it.
        ApiKey = "api_key",
        /// What is counted.
        Meter = "meter",
        /// Who called it.
        User = "user",
    }
}

/// Why there is no such series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It ends before it begins, or with it.
    #[error("the end is not after the beginning")]
    Backwards,
    /// Before 1970, or after 9998.
    #[error("years are 1970 to 9998")]
    OutOfTime,
    /// More than [`MOST_POINTS`].
    #[error("too many points")]
    TooMany,
}

/// The beginning of the quarter of an hour that `at` lies in.
pub fn quarter_of(at: Timestamp) -> Timestamp {
    let seconds = at.seconds();
    let begun = seconds.saturating_sub(seconds.rem_euclid(QUARTER_SECONDS));
    Timestamp::from_seconds(begun).unwrap_or(at)
}

/// The first beginning of a quarter of an hour at `at` or later.
pub fn quarter_from(at: Timestamp) -> Timestamp {
    let begun = quarter_of(at);
    if begun == at {
        at
    } else {
        begun.after(QUARTER)
    }
}

/// Whether a moment can be asked for.
pub fn is_within_time(at: Timestamp) -> bool {
    (0..FAR_SECONDS).contains(&at.seconds())
}

/// The points of a series, one after the other, without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Points {
    starts: Vec<Timestamp>,
    end: Timestamp,
}

impl Points {
    /// The whole hours, days or months that have a moment from `from` to before `to` in them.
    ///
    /// # Errors
    /// [`SpanError`].
    pub fn of(
        from: Timestamp,
        to: Timestamp,
        interval: Interval,
        zone: Tz,
    ) -> Result<Self, SpanError> {
        if !is_within_time(from) || !is_within_time(to) {
            return Err(SpanError::OutOfTime);
        }
        if to <= from {
            return Err(SpanError::Backwards);
        }
        let mut starts = Vec::new();
        let mut next = first(from, interval, zone);
        while next < to {
            if starts.len() >= MOST_POINTS {
                return Err(SpanError::TooMany);
            }
            starts.push(next);
            next = following(next, interval, zone);
        }
        Ok(Self { starts, end: next })
    }

    /// When each begins.
    pub fn starts(&self) -> &[Timestamp] {
        &self.starts
    }

    /// First moment of the first.
    pub fn begin(&self) -> Timestamp {
        self.starts.first().copied().unwrap_or(self.end)
    }

    /// First moment after the last.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// In which point a moment lies.
    pub fn place(&self, at: Timestamp) -> Option<usize> {
        if at >= self.end {
            return None;
        }
        self.starts
            .partition_point(|start| *start <= at)
            .checked_sub(1)
    }

    /// Those that have a moment at `from` or later: which, and their part of it.
    pub fn from(
        &self,
        from: Timestamp,
    ) -> impl Iterator<Item = (usize, Timestamp, Timestamp)> + '_ {
        let ends = self.starts.iter().skip(1).chain(std::iter::once(&self.end));
        let parts = self.starts.iter().zip(ends).enumerate();
        parts.filter_map(move |(place, (start, end))| {
            let begin = from.max(*start);
            (begin < *end).then_some((place, begin, *end))
        })
    }
}

/// The beginning of the point that `at` lies in.
fn first(at: Timestamp, interval: Interval, zone: Tz) -> Timestamp {
    let day = date(at, zone);
    match interval {
        Interval::Hour => {
            let mut begun = quarter_of(at);
            let hour = hour_of(begun, zone);
            // The longest that a clock stays within one hour is two of them.
            for _ in 0..8 {
                let before = begun.before(QUARTER);
                if hour_of(before, zone) != hour {
                    break;
                }
                begun = before;
            }
            begun
        }
        Interval::Day => begin_of(day, zone),
        Interval::Month => begin_of(day.with_day(1).unwrap_or(day), zone),
    }
}

/// The beginning of the point behind the one that begins at `start`.
fn following(start: Timestamp, interval: Interval, zone: Tz) -> Timestamp {
    match interval {
        Interval::Hour => {
            let hour = hour_of(start, zone);
            let mut next = start.after(QUARTER);
            for _ in 0..8 {
                if hour_of(next, zone) != hour {
                    break;
                }
                next = next.after(QUARTER);
            }
            next
        }
        Interval::Day => {
            let mut day = date(start, zone);
            // A zone that crosses the date line leaves a day out.
            for _ in 0..3 {
                day = day.checked_add_days(Days::new(1)).unwrap_or(day);
                let next = begin_of(day, zone);
                if next > start {
                    return next;
                }
            }
            start.after(Duration::from_hours(24))
        }
        Interval::Month => {
            let day = date(start, zone);
            let month = day.with_day(1).unwrap_or(day);
            begin_of(
                month.checked_add_months(Months::new(1)).unwrap_or(month),
                zone,
            )
        }
    }
}

/// What is the same throughout one hour, and another in the next: an hour that comes twice comes with two offsets.
fn hour_of(at: Timestamp, zone: Tz) -> (NaiveDate, u32, i32) {
    let local = at.utc().with_timezone(&zone);
    let offset = local.offset().fix().local_minus_utc();
    (local.date_naive(), local.hour(), offset)
}

fn date(at: Timestamp, zone: Tz) -> NaiveDate {
    at.utc().with_timezone(&zone).date_naive()
}

/// The first moment of a day; of the next, where the zone left that day out.
fn begin_of(day: NaiveDate, zone: Tz) -> Timestamp {
    let mut local = day.and_time(NaiveTime::MIN);
    // The longest gap of a clock change is a day.
    for _ in 0..=96 {
        if let Some(at) = zone.from_local_datetime(&local).earliest() {
            return Timestamp::from_utc(at.to_utc());
        }
        local = local
            .checked_add_signed(TimeDelta::minutes(15))
            .unwrap_or(local);
    }
    Timestamp::from_utc(DateTime::from_naive_utc_and_offset(local, Utc))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse::<DateTime<Utc>>().expect("a moment"))
    }

    fn points(from: &str, to: &str, interval: Interval, zone: &str) -> Points {
        let zone = zone.parse().expect("a zone");
        Points::of(at(from), at(to), interval, zone).expect("points")
    }

    #[test]
    fn line_55_a_day_has_as_many_points_as_hours() {
        for (zone, from, to, hours) in [
            (
                "America/New_York",
                "2026-03-08T05:00:00Z",
                "2026-03-09T04:00:00Z",
                23,
            ),
            (
                "America/New_York",
                "2026-11-01T04:00:00Z",
                "2026-11-02T05:00:00Z",
                25,
            ),
            (
                "Europe/Berlin",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
                23,
            ),
            (
                "Europe/Berlin",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
                25,
            ),
            (
                "Asia/Shanghai",
                "2026-10-24T16:00:00Z",
                "2026-10-25T16:00:00Z",
                24,
            ),
            (
                "Asia/Kathmandu",
                "2026-10-24T18:15:00Z",
                "2026-10-25T18:15:00Z",
                24,
            ),
            // Half an hour: its hour is short, or is there twice, the second time short.
            (
                "Australia/Lord_Howe",
                "2026-10-03T13:30:00Z",
                "2026-10-04T13:00:00Z",
                24,
            ),
            (
                "Australia/Lord_Howe",
                "2026-04-04T13:00:00Z",
                "2026-04-05T13:30:00Z",
                25,
            ),
        ] {
            let by_hour = points(from, to, Interval::Hour, zone);
            assert_eq!(by_hour.starts().len(), hours, "{zone} {from}");
            assert_eq!(
                (by_hour.begin(), by_hour.end()),
                (at(from), at(to)),
                "{zone}"
            );
            let by_day = points(from, to, Interval::Day, zone);
            assert_eq!(by_day.starts(), [at(from)], "{zone}");
            assert_eq!(by_day.end(), at(to), "{zone}");
        }
    }

    #[test]
    fn a_point_is_whole_and_a_day_that_was_left_out_is_none() {
        let month = points(
            "2026-02-10T00:00:00Z",
            "2026-03-01T00:00:00Z",
            Interval::Month,
            "Asia/Shanghai",
        );
        assert_eq!(
            month.starts(),
            [at("2026-01-31T16:00:00Z"), at("2026-02-28T16:00:00Z")]
        );
        let apia = points(
            "2011-12-29T12:00:00Z",
            "2011-12-31T12:00:00Z",
            Interval::Day,
            "Pacific/Apia",
        );
        assert_eq!(
            apia.starts(),
            [
                at("2011-12-29T10:00:00Z"),
                at("2011-12-30T10:00:00Z"),
                at("2011-12-31T10:00:00Z")
            ]
        );
        assert_eq!(apia.place(at("2011-12-30T09:59:59Z")), Some(0));
        assert_eq!(apia.place(at("2011-12-30T10:00:00Z")), Some(1));
        assert_eq!(apia.place(at("2011-12-29T09:59:59Z")), None);
        assert_eq!(apia.place(apia.end()), None);
        let rest: Vec<_> = apia.from(at("2011-12-30T11:00:00Z")).collect();
        assert_eq!(
            rest[0],
            (1, at("2011-12-30T11:00:00Z"), at("2011-12-31T10:00:00Z"))
        );
        assert_eq!((rest.len(), rest[1].0), (2, 2));
    }

    #[test]
    fn line_55_what_no_series_is_made_of() {
        let of = |from, to, interval| {
            Points::of(at(from), at(to), interval, Tz::UTC).map(|points| points.starts().len())
        };
        let day = "2026-01-01T00:00:00Z";
        assert_eq!(
            of(day, "2025-01-01T00:00:00Z", Interval::Day),
            Err(SpanError::Backwards)
        );
        assert_eq!(of(day, day, Interval::Day), Err(SpanError::Backwards));
        assert_eq!(
            of(day, "2036-01-01T00:00:00Z", Interval::Hour),
            Err(SpanError::TooMany)
        );
        assert_eq!(of(day, "2036-01-01T00:00:00Z", Interval::Day), Ok(3_652));
        assert_eq!(
            of("1969-12-31T23:59:59Z", day, Interval::Day),
            Err(SpanError::OutOfTime)
        );
        assert_eq!(
            of(day, "9999-01-01T00:00:00Z", Interval::Month),
            Err(SpanError::OutOfTime)
        );
        assert_eq!(
            of(
                "1970-01-01T00:00:00Z",
                "9998-12-31T23:59:59Z",
                Interval::Month
            ),
            Err(SpanError::TooMany)
        );
    }

    proptest! {
        // The other way to say it: every quarter of an hour by the name that its hour, day or month has on the clock.
        #[test]
        fn points_are_what_the_clock_calls_by_one_name(
            seconds in 1_700_000_000_i64..2_000_000_000,
            hours in 1_i64..2_000,
            zone in prop::sample::select(vec!["Asia/Shanghai", "UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe",
                "Asia/Kathmandu", "America/Havana", "Africa/Cairo", "America/St_Johns", "Pacific/Chatham"]),
            (interval, name) in prop::sample::select(vec![(Interval::Hour, "%F %H %z"), (Interval::Day, "%F"), (Interval::Month, "%Y-%m")]),
        ) {
            let zone: Tz = zone.parse().expect("a zone");
            let (from, to) = (Timestamp::from_seconds(seconds).expect("a moment"), Timestamp::from_seconds(seconds + hours * 3_600).expect("a moment"));
            let points = Points::of(from, to, interval, zone).expect("points");
            let called = |at: Timestamp| at.utc().with_timezone(&zone).format(name).to_string();
            let mut named: Vec<(String, Timestamp)> = Vec::new();
            let mut quarter = points.begin();
            while quarter < points.end() {
                if named.last().is_none_or(|(last, _)| *last != called(quarter)) {
                    named.push((called(quarter), quarter));
                }
                quarter = quarter.after(QUARTER);
            }
            let starts: Vec<Timestamp> = named.iter().map(|(_, start)| *start).collect();
            prop_assert_eq!(points.starts(), starts.as_slice());
            // Whole at both ends, and no more than asked for.
            prop_assert_ne!(called(points.begin().before(QUARTER)), called(points.begin()));
            prop_assert_ne!(called(points.end().before(QUARTER)), called(points.end()));
            prop_assert_eq!(called(points.begin()), called(from));
            prop_assert_eq!(points.place(from), Some(0));
            prop_assert_eq!(points.place(to.before(Duration::from_micros(1))), Some(starts.len() - 1));
        }
    }
}
