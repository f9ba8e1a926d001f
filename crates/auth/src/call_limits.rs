//! Calls a minute: of one key, as its owner allows, and of any caller, as the house does. Each instance counts for
//! itself.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// After this long without a call a count is whole again, and need not be kept.
const WHOLE_AGAIN: Duration = Duration::from_mins(1);
/// Beyond this many, those that are whole again are swept out; and again at twice as many as were left.
const MANY: usize = 10_000;
/// Never more than this: then it begins anew, and whoever called is given a whole minute.
const MOST: usize = 200_000;

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// Counts by who calls. The clock is one that nobody sets, since a count is lost with the process anyway.
pub(crate) struct CallLimits<K>(Mutex<Counts<K>>);

struct Counts<K> {
    by: HashMap<K, Count>,
    sweep_at: usize,
}

struct Count {
    per_minute: u32,
    limiter: Arc<Limiter>,
    used_at: Instant,
}

impl<K> Default for CallLimits<K> {
    fn default() -> Self {
        Self(Mutex::new(Counts {
            by: HashMap::new(),
            sweep_at: MANY,
        }))
    }
}

impl<K> fmt::Debug for CallLimits<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallLimits")
    }
}

impl<K: Copy + Eq + Hash> CallLimits<K> {
    /// Counts a call, and gives how many are left at once. A whole minute's calls may come at once; after that, one
    /// for each part of a minute.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn call(&self, key: K, per_minute: NonZeroU32) -> Result<u32, Duration> {
        match self.limiter(key, per_minute).check() {
            Ok(stands) => Ok(stands.remaining_burst_capacity()),
            Err(until) => Err(until.wait_time_from(DefaultClock::default().now())),
        }
    }

    fn limiter(&self, key: K, calls: NonZeroU32) -> Arc<Limiter> {
        let now = Instant::now();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.by.len() >= counts.sweep_at && !counts.by.contains_key(&key) {
            counts.sweep(now);
        }
        let begin = || Count {
            per_minute: calls.get(),
            limiter: Arc::new(RateLimiter::direct(Quota::per_minute(calls)).with_middleware()),
            used_at: now,
        };
        let count = counts.by.entry(key).or_insert_with(begin);
        if count.per_minute != calls.get() {
            *count = begin();
        }
        count.used_at = now;
        Arc::clone(&count.limiter)
    }
}

impl<K: Eq + Hash> Counts<K> {
    fn sweep(&mut self, now: Instant) {
        self.by
            .retain(|_, count| now.duration_since(count.used_at) < WHOLE_AGAIN);
        if self.by.len() >= MOST {
            self.by.clear();
        }
        // Twice as many: else a crowd that calls all the time is looked through at every newcomer.
        self.sweep_at = self.by.len().saturating_mul(2).clamp(MANY, MOST);
    }
}

/// When all of a minute's calls are there again, given how many are left: rounded up to whole seconds.
pub(crate) fn whole_again_seconds(per_minute: NonZeroU32, left: u32) -> u64 {
    let per_minute = u64::from(per_minute.get());
    let missing = per_minute.saturating_sub(u64::from(left));
    missing.saturating_mul(60).div_ceil(per_minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("some")
    }

    #[test]
    fn each_key_has_its_own_minute() {
        let limits = CallLimits::default();
        let left: Vec<_> = (0..3).map(|_| limits.call(1, calls(3))).collect();
        assert_eq!(left, [Ok(2), Ok(1), Ok(0)]);
        let wait = limits.call(1, calls(3)).expect_err("a fourth");
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(20),
            "{wait:?}"
        );
        assert_eq!(limits.call(2, calls(3)), Ok(2));
        assert_eq!(limits.call(1, calls(4)), Ok(3), "another limit begins anew");
    }

    #[test]
    fn the_counts_are_bounded() {
        let limits = CallLimits::default();
        for number in 0..=MOST {
            limits.call(number, calls(3)).expect("their first");
        }
        let counts = limits.0.lock().expect("whole");
        assert!(counts.by.len() <= MOST, "{}", counts.by.len());
        assert!(counts.by.contains_key(&MOST), "the newest is counted");
    }

    #[test]
    fn what_is_missing_comes_back_evenly() {
        for (per_minute, left, seconds) in [
            (600, 600, 0),
            (600, 598, 1),
            (600, 0, 60),
            (7, 6, 9),
            (1, 0, 60),
        ] {
            assert_eq!(whole_again_seconds(calls(per_minute), left), seconds);
        }
    }
}
