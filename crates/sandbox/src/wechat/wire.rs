//! How WeChat writes times: RFC 3339 in Beijing, with whole seconds.

use chrono::{DateTime, FixedOffset, SecondsFormat};
use tollgate_kernel::clock::Timestamp;

const SECONDS_8: i32 = 8 * 3_600;

pub(super) fn time(at: Timestamp) -> String {
    let zone = FixedOffset::east_opt(SECONDS_8).expect("eight hours are less than a day");
    let local = at.utc().with_timezone(&zone);
    local.to_rfc3339_opts(SecondsFormat::Secs, false)
}

pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Timestamp::from_utc(at.to_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beijing_is_eight_hours_ahead() {
        let at = Timestamp::from_seconds(1_767_323_045).expect("a moment");
        assert_eq!(time(at), "2026-01-02T11:04:05+08:00");
        assert_eq!(moment("2026-01-02T11:04:05+08:00"), Some(at));
        assert_eq!(moment("2026-01-02T03:04:05Z"), Some(at));
        assert_eq!(moment("2026-01-02 11:04:05"), None);
    }
}
