//! Calls a minute by one key: what its owner allows. Each instance counts for itself.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tollgate_kernel::ids::ApiKeyId;

/// After this long without a call a count is whole again, and need not be kept.
const WHOLE_AGAIN: Duration = Duration::from_mins(1);
/// Beyond this many, those that are whole again are swept out.
const MANY: usize = 10_000;

/// Counts by key. The clock is one that nobody sets, since a count is lost with the process anyway.
#[derive(Default)]
pub(crate) struct KeyLimits(Mutex<HashMap<ApiKeyId, Count>>);

struct Count {
    per_minute: u32,
    limiter: Arc<DefaultDirectRateLimiter>,
    used_at: Instant,
}

impl fmt::Debug for KeyLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLimits")
    }
}

impl KeyLimits {
    /// Counts a call. A whole minute's calls may come at once; after that, one for each part of a
    /// minute.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn call(&self, key: ApiKeyId, per_minute: u32) -> Result<(), Duration> {
        let Some(calls) = NonZeroU32::new(per_minute) else {
            return Ok(());
        };
        let checked = self.limiter(key, calls).check();
        checked.map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }

    fn limiter(&self, key: ApiKeyId, calls: NonZeroU32) -> Arc<DefaultDirectRateLimiter> {
        let now = Instant::now();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MANY && !counts.contains_key(&key) {
            counts.retain(|_, count| now.duration_since(count.used_at) < WHOLE_AGAIN);
        }
        let begin = || Count {
            per_minute: calls.get(),
            limiter: Arc::new(RateLimiter::direct(Quota::per_minute(calls))),
            used_at: now,
        };
        let count = counts.entry(key).or_insert_with(begin);
        if count.per_minute != calls.get() {
            *count = begin();
        }
        count.used_at = now;
        Arc::clone(&count.limiter)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_key_has_its_own_minute() {
        let limits = KeyLimits::default();
        let key = |number| ApiKeyId::from(Uuid::from_u128(number));
        assert!((0..3).all(|_| limits.call(key(1), 3).is_ok()));
        let wait = limits.call(key(1), 3).expect_err("a fourth");
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(20),
            "{wait:?}"
        );
        assert_eq!(limits.call(key(2), 3), Ok(()));
        assert_eq!(limits.call(key(1), 4), Ok(()), "another limit begins anew");
    }
}
