//! When somebody whose term does not renew itself is told that it ends.
//!
//! ```
//! use std::time::Duration;
//! use tollgate_kernel::clock::Timestamp;
//!
//! use tollgate_payment::model::reminder::{days, days_left, due, fits};
//! let begin = Timestamp::EPOCH;
//! let end = begin.after(days(30));
//! let hour = Duration::from_secs(3_600);
//!
//! assert_eq!(due(end, end.before(days(10))), None);
//! assert_eq!(due(end, end.before(days(7))), Some(7));
//! assert_eq!(days_left(end, end.before(days(2) + hour)), 3);
//! // Nobody is told a week ahead of a term of three days.
//! assert!(!fits(begin, begin.after(days(3)), 7));
//! ```

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;

/// So many days before the end, each once.
pub const DAYS: [i64; 3] = [7, 3, 1];
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// How long `days` are here: the end is a moment, and so is what lies before it.
pub fn days(days: i64) -> Duration {
    let seconds = days.saturating_mul(DAY_SECONDS);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// The reminder whose time has come at `now`: of several that were missed the nearest to the end, and no other. `None`:
/// it is too early, or the term is over.
pub fn due(term_end: Timestamp, now: Timestamp) -> Option<i64> {
    if now >= term_end {
        return None;
    }
    let left = term_end.since(now);
    DAYS.into_iter().rfind(|before| left <= days(*before))
}

/// Whether a term was longer than this to begin with: nobody is told a week ahead who bought for three days.
pub fn fits(term_start: Timestamp, term_end: Timestamp, before: i64) -> bool {
    term_end.since(term_start) > days(before)
}

/// Days that are left, a part of one counted whole.
pub fn days_left(term_end: Timestamp, now: Timestamp) -> u64 {
    let left = term_end.since(now).as_secs();
    left.div_ceil(u64::try_from(DAY_SECONDS).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_that_were_missed_the_nearest_is_told() {
        let end = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        let hour = Duration::from_hours(1);
        for (before, told) in [
            (days(8), None),
            (days(7) + hour, None),
            (days(7), Some(7)),
            (days(5), Some(7)),
            (days(3) + hour, Some(7)),
            (days(3), Some(3)),
            (days(2), Some(3)),
            (days(1), Some(1)),
            (hour, Some(1)),
            (Duration::ZERO, None),
        ] {
            assert_eq!(due(end, end.before(before)), told, "{before:?}");
        }
        assert_eq!(due(end, end.after(hour)), None);
        assert_eq!(days_left(end, end.before(days(7))), 7);
        assert_eq!(days_left(end, end.before(days(5) + hour)), 6);
        assert_eq!(days_left(end, end.before(hour)), 1);
    }

    #[test]
    fn a_short_term_is_not_reminded_of_at_its_beginning() {
        let start = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        let end = start.after(days(5));
        assert_eq!(due(end, start), Some(7));
        assert!(!fits(start, end, 7));
        assert!(fits(start, end, 3));
        assert!(fits(start, start.after(days(31)), 7));
    }
}
