//! A stretch of time, cut at the days of a calendar, or at its months or years when there would be too many.
//!
//! ```
//! use serde_json::json;
//! use tollgate_kernel::clock::Timestamp;
//! use tollgate_payment::model::period::Period;
//!
//! use tollgate_payment::model::spans::spans;
//! let at = |text: &str| serde_json::from_value::<Timestamp>(json!(text));
//! let whole = Period {
//!     start: at("2026-05-01T12:00:00Z")?,
//!     end: at("2026-05-03T06:00:00Z")?,
//! };
//! let days = spans(whole, chrono_tz::UTC);
//! assert_eq!(days.len(), 3);
//! assert_eq!(days[1].start, at("2026-05-02T00:00:00Z")?);
//! # Ok::<(), serde_json::Error>(())
//! ```

use chrono::{Datelike as _, Days, Months, NaiveDate, NaiveTime};
use chrono_tz::Tz;

use super::period::{Period, first_moment};

/// Of days, and of months: with more, the next coarser are taken.
const MOST: usize = 62;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grain {
    Day,
    Month,
    Year,
}

/// Cuts `whole` at the days of `zone`: no gap, no overlap.
pub fn spans(whole: Period, zone: Tz) -> Vec<Period> {
    for grain in [Grain::Day, Grain::Month] {
        let cut = by(grain, whole, zone, MOST);
        if cut.len() <= MOST {
            return cut;
        }
    }
    by(Grain::Year, whole, zone, usize::MAX)
}

/// One more than `most` at the most.
fn by(grain: Grain, whole: Period, zone: Tz, most: usize) -> Vec<Period> {
    let mut day = whole.start.utc().with_timezone(&zone).date_naive();
    let mut start = whole.start;
    let mut cut = Vec::new();
    while start < whole.end && cut.len() <= most {
        let Some(next) = following(grain, day) else {
            break;
        };
        day = next;
        let midnight = first_moment(day.and_time(NaiveTime::MIN), zone);
        let end = midnight.min(whole.end);
        // A day that a zone left out is none.
        if end > start {
            cut.push(Period { start, end });
            start = end;
        }
    }
    cut
}

/// The first day of the next day, month or year.
fn following(grain: Grain, day: NaiveDate) -> Option<NaiveDate> {
    match grain {
        Grain::Day => day.checked_add_days(Days::new(1)),
        Grain::Month => day.with_day(1)?.checked_add_months(Months::new(1)),
        Grain::Year => day
            .with_day(1)?
            .with_month(1)?
            .checked_add_months(Months::new(12)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tollgate_kernel::clock::Timestamp;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a moment"))
    }

    #[test]
    fn a_stretch_is_cut_without_a_gap_into_few_pieces() {
        for zone in [Tz::Asia__Shanghai, Tz::America__New_York, Tz::Pacific__Apia] {
            for (days, pieces) in [
                (0, 0),
                (1, 2),
                (31, 32),
                (61, 62),
                (70, 4),
                (400, 14),
                (4_000, 12),
            ] {
                let start = at("2011-11-20T09:30:00Z");
                let whole = Period {
                    start,
                    end: start.after(Duration::from_hours(24 * days)),
                };
                let cut = spans(whole, zone);
                // Apia had no 30 December that year, and clocks are set twice a year.
                assert!(
                    cut.len().abs_diff(pieces) <= 1,
                    "{zone} {days}: {}",
                    cut.len()
                );
                let ends: Vec<_> = cut.iter().map(|span| span.end).collect();
                let starts: Vec<_> = cut.iter().skip(1).map(|span| span.start).collect();
                assert_eq!(starts, ends[..ends.len().saturating_sub(1)]);
                assert!(cut.iter().all(|span| span.start < span.end));
                if days > 0 {
                    assert_eq!((cut[0].start, ends.last()), (whole.start, Some(&whole.end)));
                }
            }
        }
    }
}
