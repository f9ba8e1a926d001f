//! When a term ends.

use chrono::{DateTime, Months, TimeDelta, Utc};
use serde_json::Value;

use super::wire::number;

/// When a term ends. Each is counted from the anchor, so that the 31st comes back after a short month.
pub(super) fn end_of(anchor: i64, recurring: &Value, turn: u32) -> i64 {
    let count = u32::try_from(number(&recurring["interval_count"])).unwrap_or(1);
    let whole = turn.saturating_mul(count);
    let start = DateTime::<Utc>::from_timestamp(anchor, 0).unwrap_or_default();
    let end = match recurring["interval"].as_str() {
        Some("day") => start.checked_add_signed(TimeDelta::days(whole.into())),
        Some("week") => start.checked_add_signed(TimeDelta::weeks(whole.into())),
        Some("year") => start.checked_add_months(Months::new(whole.saturating_mul(12))),
        _ => start.checked_add_months(Months::new(whole)),
    };
    end.map_or(i64::MAX, |end| end.timestamp())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_term_is_counted_from_the_anchor() {
        let monthly = json!({ "interval": "month", "interval_count": 1 });
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a moment").timestamp();
        let anchor = at("2026-01-31T08:00:00Z");
        for (turn, end) in [
            (1, "2026-02-28T08:00:00Z"),
            (2, "2026-03-31T08:00:00Z"),
            (3, "2026-04-30T08:00:00Z"),
            (25, "2028-02-29T08:00:00Z"),
        ] {
            assert_eq!(end_of(anchor, &monthly, turn), at(end), "{turn}");
        }
        let yearly = json!({ "interval": "year", "interval_count": 1 });
        assert_eq!(
            end_of(at("2028-02-29T00:00:00Z"), &yearly, 1),
            at("2029-02-28T00:00:00Z")
        );
        let weekly = json!({ "interval": "week", "interval_count": 2 });
        assert_eq!(end_of(anchor, &weekly, 3), anchor + 42 * 86_400);
        assert_eq!(end_of(anchor, &monthly, u32::MAX), i64::MAX);
    }
}
