//! Times as Alipay writes them: `yyyy-MM-dd HH:mm:ss` in Beijing, without a zone.

use chrono::{DateTime, Days, FixedOffset, NaiveDateTime};
use tollgate_kernel::clock::Timestamp;

const FORMAT: &str = "%Y-%m-%d %H:%M:%S";
const HOURS_8: i32 = 8 * 3_600;

fn zone() -> FixedOffset {
    FixedOffset::east_opt(HOURS_8).expect("eight hours are less than a day")
}

fn local(at: Timestamp) -> DateTime<FixedOffset> {
    at.utc().with_timezone(&zone())
}

pub(crate) fn write(at: Timestamp) -> String {
    local(at).format(FORMAT).to_string()
}

/// Digits only, `yyyyMMdd`, as numbers of trades begin.
pub(crate) fn date_digits(at: Timestamp) -> String {
    local(at).format("%Y%m%d").to_string()
}

/// Digits only, `HHmmss`.
pub(crate) fn time_digits(at: Timestamp) -> String {
    local(at).format("%H%M%S").to_string()
}

/// Exactly the one spelling: `2026-1-2 3:4:5` is refused.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    let at = NaiveDateTime::parse_from_str(text, FORMAT)
        .ok()?
        .and_local_timezone(zone())
        .single()?;
    let at = Timestamp::from_utc(at.to_utc());
    (write(at) == text).then_some(at)
}

/// Midnight at the end of the day.
pub(crate) fn end_of_day(at: Timestamp) -> Option<Timestamp> {
    local(at)
        .date_naive()
        .checked_add_days(Days::new(1))?
        .and_hms_opt(0, 0, 0)?
        .and_local_timezone(zone())
        .single()
        .map(|midnight| Timestamp::from_utc(midnight.to_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).expect("a moment")
    }

    #[test]
    fn beijing_is_eight_hours_ahead() {
        let at = moment(1_767_323_045);
        assert_eq!(write(at), "2026-01-02 11:04:05");
        assert_eq!(read("2026-01-02 11:04:05"), Some(at));
        assert_eq!(date_digits(at) + &time_digits(at), "20260102110405");
        // 16:30 UTC is already tomorrow in Beijing.
        let evening = moment(1_767_285_000);
        assert_eq!(write(evening), "2026-01-02 00:30:00");
        assert_eq!(
            end_of_day(evening).map(write).as_deref(),
            Some("2026-01-03 00:00:00")
        );
    }

    #[test]
    fn only_one_spelling_is_a_time() {
        for text in [
            "",
            "2026-1-2 3:4:5",
            "2026-01-02T11:04:05",
            "2026-01-02 11:04:05 ",
            "2026-02-30 11:04:05",
            "2026-01-02 24:00:00",
            "2026-01-02 11:04",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
