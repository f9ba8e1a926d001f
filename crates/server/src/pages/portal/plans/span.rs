//! Which time somebody asks about, and how finely: by days of the house's calendar.

use chrono::{Days, NaiveDate, NaiveTime, TimeZone as _};
use chrono_tz::Tz;
use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_payment::model::usage::Interval;

/// Days back from today, by the word in the address.
const RANGES: [(&str, u64); 3] = [("7", 7), ("30", 30), ("90", 90)];
/// Where none is asked for.
const USUAL: (&str, u64) = ("30", 30);
/// A wish of one's own reaches no further.
const LONGEST: i64 = 400;
/// More hours than those of so many days are not drawn.
const HOURS: i64 = 31;
/// More days than these are not drawn.
const DAYS: i64 = 100;

/// As the address says it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct SpanParams {
    /// `7`, `30`, `90` or `custom`.
    #[serde(default)]
    pub(super) range: Option<String>,
    /// Of `custom`: the first day.
    #[serde(default)]
    pub(super) from: Option<String>,
    /// Of `custom`: the last day.
    #[serde(default)]
    pub(super) to: Option<String>,
    /// `hour`, `day` or `month`.
    #[serde(default)]
    pub(super) by: Option<String>,
}

/// A time that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The word in the address.
    pub(super) range: &'static str,
    pub(super) first: NaiveDate,
    pub(super) last: NaiveDate,
    pub(super) from: Timestamp,
    /// The first moment after it.
    pub(super) to: Timestamp,
    pub(super) by: Interval,
    /// In the catalogue: why it is not what was asked for.
    pub(super) fault: Option<&'static str>,
}

impl Span {
    pub(super) fn of(asked: &SpanParams, now: Timestamp, zone: Tz) -> Self {
        let today = now.utc().with_timezone(&zone).date_naive();
        let back = |(range, days): (&'static str, u64)| {
            let first = today.checked_sub_days(Days::new(days - 1));
            (range, first.unwrap_or(today), today)
        };
        let mut fault = None;
        let (range, first, last) = match asked.range.as_deref() {
            Some("custom") => own(asked).unwrap_or_else(|| {
                fault = Some("my_usage.bad_days");
                back(USUAL)
            }),
            word => {
                let known = RANGES.iter().find(|(range, _)| Some(*range) == word);
                back(known.copied().unwrap_or(USUAL))
            }
        };
        let days = (last - first).num_days() + 1;
        let by = match asked.by.as_deref().and_then(|word| word.parse().ok()) {
            Some(Interval::Hour) if days > HOURS => {
                fault = fault.or(Some("my_usage.too_fine"));
                Interval::Day
            }
            Some(Interval::Day) if days > DAYS => {
                fault = fault.or(Some("my_usage.too_fine"));
                Interval::Month
            }
            Some(by) => by,
            None if days > DAYS => Interval::Month,
            None if days > 2 => Interval::Day,
            None => Interval::Hour,
        };
        let after = last.checked_add_days(Days::new(1)).unwrap_or(last);
        Self {
            range,
            first,
            last,
            from: midnight(first, zone),
            to: midnight(after, zone),
            by,
            fault,
        }
    }

    /// For links: the same time.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("range", self.range.to_owned())];
        if self.range == "custom" {
            pairs.push(("from", self.first.to_string()));
            pairs.push(("to", self.last.to_string()));
        }
        pairs
    }
}

/// From one day to another, both included.
fn own(asked: &SpanParams) -> Option<(&'static str, NaiveDate, NaiveDate)> {
    let day = |text: &Option<String>| text.as_ref()?.parse::<NaiveDate>().ok();
    let (first, last) = (day(&asked.from)?, day(&asked.to)?);
    let is_in_time = |day: NaiveDate| {
        let years = NaiveDate::from_ymd_opt(1970, 1, 2)..NaiveDate::from_ymd_opt(9998, 12, 1);
        years.contains(&Some(day))
    };
    let days = (last - first).num_days();
    let is_good = (0..LONGEST).contains(&days) && is_in_time(first) && is_in_time(last);
    is_good.then_some(("custom", first, last))
}

/// When a day begins; where the clock skips midnight, an hour later.
fn midnight(day: NaiveDate, zone: Tz) -> Timestamp {
    let local = day.and_time(NaiveTime::MIN);
    let begins = zone.from_local_datetime(&local).earliest();
    let at = begins.map_or_else(|| local.and_utc(), |at| at.to_utc());
    Timestamp::from_utc(at)
}

/// An address with these in its query.
pub(super) fn link(path: &str, pairs: &[(&str, String)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    format!("{path}?{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = Tz::Asia__Shanghai;

    /// Noon in Shanghai on the first of May 2026.
    fn span(range: &str, from: &str, to: &str, by: &str) -> Span {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let asked = SpanParams {
            range: text(range),
            from: text(from),
            to: text(to),
            by: text(by),
        };
        let now = Timestamp::from_seconds(1_777_608_000).expect("a moment");
        Span::of(&asked, now, ZONE)
    }

    fn days(span: &Span) -> (String, String) {
        (span.first.to_string(), span.last.to_string())
    }

    #[test]
    fn days_are_those_of_the_house() {
        let week = span("7", "", "", "");
        assert_eq!(days(&week), ("2026-04-25".into(), "2026-05-01".into()));
        assert_eq!(week.from.to_string(), "2026-04-24T16:00:00.000Z");
        assert_eq!(week.to.to_string(), "2026-05-01T16:00:00.000Z");
        assert_eq!((week.by, week.fault), (Interval::Day, None));
        for unknown in ["", "8", "-1", "<script>"] {
            assert_eq!(span(unknown, "", "", "").range, "30", "{unknown}");
        }
    }

    #[test]
    fn a_time_of_ones_own_has_an_end_after_its_beginning() {
        let own = span("custom", "2026-01-01", "2026-01-01", "");
        assert_eq!((own.range, own.by), ("custom", Interval::Hour));
        for (from, to) in [
            ("", ""),
            ("2026-01-02", "2026-01-01"),
            ("2026-01-32", "2026-02-01"),
            ("2024-01-01", "2026-01-01"),
            ("0001-01-01", "0001-01-02"),
            ("9999-12-30", "9999-12-31"),
            ("+262142-12-31", "+262142-12-31"),
            ("heute", "2026-01-01"),
        ] {
            let bad = span("custom", from, to, "");
            assert_eq!(
                (bad.range, bad.fault),
                ("30", Some("my_usage.bad_days")),
                "{from} {to}"
            );
        }
    }

    #[test]
    fn what_is_too_fine_to_draw_is_drawn_coarser() {
        let hours = span("90", "", "", "hour");
        assert_eq!(
            (hours.by, hours.fault),
            (Interval::Day, Some("my_usage.too_fine"))
        );
        assert_eq!(span("30", "", "", "hour").fault, None);
        let year = span("custom", "2025-01-01", "2025-12-31", "day");
        assert_eq!(
            (year.by, year.fault),
            (Interval::Month, Some("my_usage.too_fine"))
        );
        assert_eq!(span("custom", "2025-01-01", "2025-12-31", "").fault, None);
    }
}
