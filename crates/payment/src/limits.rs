//! How a meter stands, in the headers of an answer: `X-Quota-*` in plain integers, and the same as `RateLimit`.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::limits::Limit;

use crate::shapes::QuotaShape;

const QUOTA_LIMIT: HeaderName = HeaderName::from_static("x-quota-limit");
const QUOTA_USED: HeaderName = HeaderName::from_static("x-quota-used");
const QUOTA_REMAINING: HeaderName = HeaderName::from_static("x-quota-remaining");
const QUOTA_RESET: HeaderName = HeaderName::from_static("x-quota-reset");
/// Of a whole answer, about.
const ANSWER_HEADERS: usize = 16;
/// What begins anew no sooner than this never does: a meter for life has an end, in the year 9999.
const NEVER: Duration = Duration::from_hours(24 * 365 * 100);
/// The longest that a client is told to wait.
const MOST_WAIT_SECONDS: u64 = 365 * 86_400;

/// Tells how the meter stands at `now`. Of what is unlimited nothing is told.
pub(crate) fn announce(headers: &mut HeaderMap, quota: &QuotaShape, now: Timestamp) {
    let Some((limit, remaining)) = quota.limit.zip(quota.remaining) else {
        return;
    };
    // At once: a map that grows is hashed anew each time.
    headers.reserve(ANSWER_HEADERS);
    headers.insert(QUOTA_LIMIT, HeaderValue::from(limit));
    headers.insert(QUOTA_USED, HeaderValue::from(quota.used));
    headers.insert(QUOTA_REMAINING, HeaderValue::from(remaining));
    let reset_seconds = reset_seconds(quota, now);
    if let Some(seconds) = reset_seconds {
        headers.insert(QUOTA_RESET, HeaderValue::from(seconds));
    }
    let period = quota.period_start.map(|start| quota.resets_at.since(start));
    let limit = Limit {
        name: &quota.quota_type,
        quota: u64::try_from(limit).unwrap_or(0),
        window_seconds: period.filter(|period| *period < NEVER).map(whole_seconds),
        remaining: u64::try_from(remaining).unwrap_or(0),
        reset_seconds,
    };
    limit.announce(headers);
}

/// For `Retry-After`: when there are units again.
pub(crate) fn wait_seconds(quota: &QuotaShape, now: Timestamp) -> u64 {
    let seconds = reset_seconds(quota, now).unwrap_or(MOST_WAIT_SECONDS);
    seconds.clamp(1, MOST_WAIT_SECONDS)
}

/// `None`: it never begins anew.
fn reset_seconds(quota: &QuotaShape, now: Timestamp) -> Option<u64> {
    let left = quota.resets_at.since(now);
    (left < NEVER).then(|| whole_seconds(left))
}

/// Rounded up: whoever comes back then is not too early.
fn whole_seconds(span: Duration) -> u64 {
    span.as_secs()
        .saturating_add(u64::from(span.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(limit: Option<i64>) -> QuotaShape {
        let start = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        QuotaShape {
            quota_type: "processing_count".to_owned(),
            limit,
            used: 580,
            reserved: 8,
            remaining: limit.map(|limit| limit - 588),
            period_start: Some(start),
            resets_at: start.after(Duration::from_hours(24 * 30)),
        }
    }

    fn headers(quota: &QuotaShape, now: Timestamp) -> Vec<String> {
        let mut headers = HeaderMap::new();
        announce(&mut headers, quota, now);
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().expect("text"))
        };
        headers.iter().map(line).collect()
    }

    #[test]
    fn a_meter_is_told_in_whole_numbers() {
        let thousand = quota(Some(1_000));
        let now = thousand
            .resets_at
            .before(Duration::from_millis(1_036_799_001));
        let told = [
            "x-quota-limit: 1000",
            "x-quota-used: 580",
            "x-quota-remaining: 412",
            "x-quota-reset: 1036800",
            "ratelimit-policy: \"processing_count\";q=1000;w=2592000",
            "ratelimit: \"processing_count\";r=412;t=1036800",
        ];
        assert_eq!(headers(&thousand, now), told);
        assert_eq!(wait_seconds(&thousand, now), 1_036_800);
        assert_eq!(headers(&quota(None), now), [""; 0], "unlimited");
        // Over, and not rolled yet: at once, but never in a busy loop.
        assert_eq!(wait_seconds(&thousand, thousand.resets_at), 1);
    }

    #[test]
    fn what_never_begins_anew_has_no_reset() {
        let now = quota(None).resets_at;
        let endless = QuotaShape {
            resets_at: now.after(Duration::from_hours(24 * 365 * 7_000)),
            ..quota(Some(1_000))
        };
        let told = [
            "x-quota-limit: 1000",
            "x-quota-used: 580",
            "x-quota-remaining: 412",
            "ratelimit-policy: \"processing_count\";q=1000",
            "ratelimit: \"processing_count\";r=412",
        ];
        assert_eq!(headers(&endless, now), told);
        assert_eq!(wait_seconds(&endless, now), MOST_WAIT_SECONDS);
    }
}
