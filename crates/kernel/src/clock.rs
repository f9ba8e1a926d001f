//! Time, handed in. Nothing else in the workspace may ask the system what time it is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, TimeZone as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC, in whole microseconds: what `PostgreSQL` keeps, so that a moment read back
/// equals the one that was written.
///
/// ```
/// use std::time::Duration;
/// use tollgate_kernel::clock::Timestamp;
///
/// let at: Timestamp = serde_json::from_str("\"2026-01-02T03:04:05.678901+08:00\"")?;
/// assert_eq!(at.to_string(), "2026-01-01T19:04:05.678Z");
/// assert_eq!(Timestamp::from_micros(at.micros()), Some(at));
/// assert_eq!(Timestamp::from_utc(at.utc()), at);
///
/// let whole = at.before(Duration::from_micros(678_901));
/// assert_eq!(Timestamp::from_seconds(at.seconds()), Some(whole));
/// assert_eq!(at.since(whole), Duration::from_micros(678_901));
/// assert_eq!(whole.since(at), Duration::ZERO);
/// assert!(Timestamp::EPOCH.after(Duration::MAX) > at);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The start of Unix time.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// Cuts to whole microseconds.
    pub fn from_utc(at: DateTime<Utc>) -> Self {
        Self::from_micros(at.timestamp_micros()).unwrap_or(Self(at))
    }

    /// `None` outside the years chrono can name (about ±262,000).
    pub fn from_micros(micros: i64) -> Option<Self> {
        Utc.timestamp_micros(micros).single().map(Self)
    }

    /// `None` outside the years chrono can name.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        Utc.timestamp_opt(seconds, 0).single().map(Self)
    }

    /// For binding to a statement and for calendar arithmetic.
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// Whole seconds since 1970, as tokens and gateways count.
    pub fn seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// Later by `duration`; stays at the end of time instead of wrapping.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        TimeDelta::from_std(duration)
            .ok()
            .and_then(|delta| self.0.checked_add_signed(delta))
            .map_or(Self(DateTime::<Utc>::MAX_UTC), Self)
    }

    /// Earlier by `duration`; stays at the start of time instead of wrapping.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        TimeDelta::from_std(duration)
            .ok()
            .and_then(|delta| self.0.checked_sub_signed(delta))
            .map_or(Self(DateTime::<Utc>::MIN_UTC), Self)
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        self.0
            .signed_duration_since(earlier.0)
            .to_std()
            .unwrap_or(Duration::ZERO)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with milliseconds and `Z`, as every answer shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    /// RFC 3339 with any offset.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DateTime::<chrono::FixedOffset>::deserialize(deserializer)
            .map(|at| Self::from_utc(at.to_utc()))
    }
}

/// Where time comes from: the system, a database that several instances share, or a test. Clones share the same hands.
///
/// ```
/// use std::time::Duration;
/// use tollgate_kernel::clock::{Clock, Timestamp};
///
/// let test = Clock::fixed(Timestamp::EPOCH);
/// test.clone().advance(Duration::from_mins(1));
/// assert_eq!(test.now().seconds(), 60);
///
/// let sandbox = Clock::system();
/// sandbox.run_ahead(Duration::from_hours(1));
/// sandbox.run_ahead(Duration::from_mins(1)); // It is further ahead already.
/// assert_eq!(sandbox.ahead(), Duration::from_hours(1));
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The system's clock, until something better is known.
    System(Arc<Hands>),
    /// Stands still until it is advanced.
    Fixed(Arc<AtomicI64>),
}

/// In microseconds.
#[derive(Debug)]
struct Hands {
    /// Counted from here: nobody can set what is counted.
    started: Instant,
    /// What was counted, and this, is the database's time; [`NOT_KEPT`] until it was asked.
    kept: AtomicI64,
    /// How far it runs ahead, in a sandbox and in tests.
    ahead: AtomicI64,
    /// By how much the machine's own clock was set, in tests.
    set_by: AtomicI64,
}

const NOT_KEPT: i64 = i64::MIN;

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System(Arc::new(Hands {
            started: Instant::now(),
            kept: AtomicI64::new(NOT_KEPT),
            ahead: AtomicI64::new(0),
            set_by: AtomicI64::new(0),
        })))
    }

    /// Stands at `at` until [`Clock::advance`].
    pub fn fixed(at: Timestamp) -> Self {
        Self(Source::Fixed(Arc::new(AtomicI64::new(at.micros()))))
    }

    /// The moment, in whole microseconds.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system"
    )]
    pub fn now(&self) -> Timestamp {
        let micros = match &self.0 {
            Source::System(hands) => {
                let base = match hands.kept.load(Ordering::SeqCst) {
                    NOT_KEPT => Utc::now()
                        .timestamp_micros()
                        .saturating_add(hands.set_by.load(Ordering::SeqCst)),
                    kept => kept.saturating_add(hands.counted()),
                };
                base.saturating_add(hands.ahead.load(Ordering::SeqCst))
            }
            Source::Fixed(at) => at.load(Ordering::SeqCst),
        };
        Timestamp::from_micros(micros).unwrap_or(Timestamp::EPOCH)
    }

    /// Moves the hands forward: a fixed clock stands later, a system clock runs ahead.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        match &self.0 {
            Source::System(hands) => hands.ahead.fetch_add(micros, Ordering::SeqCst),
            Source::Fixed(at) => at.fetch_add(micros, Ordering::SeqCst),
        };
    }

    /// Runs ahead at least by this much, as the other instances of a sandbox do; a fixed clock ignores it.
    pub fn run_ahead(&self, by: Duration) {
        if let Source::System(hands) = &self.0 {
            let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            hands.ahead.fetch_max(micros, Ordering::SeqCst);
        }
    }

    /// How far it runs ahead; a fixed clock does not.
    pub fn ahead(&self) -> Duration {
        match &self.0 {
            Source::System(hands) => {
                let micros = hands.ahead.load(Ordering::SeqCst);
                Duration::from_micros(u64::try_from(micros).unwrap_or(0))
            }
            Source::Fixed(_) => Duration::ZERO,
        }
    }

    /// As when somebody sets the clock of the machine, for tests. A clock that is kept to a database's does not follow.
    pub fn set_by(&self, micros: i64) {
        match &self.0 {
            Source::System(hands) => hands.set_by.fetch_add(micros, Ordering::SeqCst),
            Source::Fixed(at) => at.fetch_add(micros, Ordering::SeqCst),
        };
    }

    /// What was counted since the clock was made, in microseconds, whatever the system says meanwhile.
    pub fn counted(&self) -> i64 {
        match &self.0 {
            Source::System(hands) => hands.counted(),
            Source::Fixed(_) => 0,
        }
    }

    /// Keeps to another clock, which said `at` when `counted` was counted, give or take `within` microseconds: from now
    /// on the system is not asked any more. A difference that small moves nothing; a fixed clock ignores it.
    ///
    /// ```
    /// # use tollgate_kernel::clock::{Clock, Timestamp};
    /// let clock = Clock::system();
    /// clock.keep(Timestamp::EPOCH, clock.counted(), 1_000); // Where the database is, it is 1970.
    /// clock.set_by(3_600_000_000);
    /// assert!(clock.now().seconds() < 3_600);
    /// ```
    pub fn keep(&self, at: Timestamp, counted: i64, within: i64) {
        let Source::System(hands) = &self.0 else {
            return;
        };
        let new = at.micros().saturating_sub(counted);
        let old = hands.kept.load(Ordering::SeqCst);
        if old == NOT_KEPT || new.saturating_sub(old).saturating_abs() > within {
            hands.kept.store(new, Ordering::SeqCst);
        }
    }
}

impl Hands {
    fn counted(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_its_text() {
        let at = Timestamp::from_micros(1_767_323_045_123_000).expect("a plain moment");
        let text = serde_json::to_string(&at).expect("a string");
        assert_eq!(text, "\"2026-01-02T03:04:05.123Z\"");
        assert_eq!(
            serde_json::from_str::<Timestamp>("\"2026-01-02T11:04:05.123+08:00\"").expect("a time"),
            at
        );
    }

    #[test]
    fn a_fixed_clock_moves_only_when_told() {
        let clock = Clock::fixed(Timestamp::EPOCH);
        let shared = clock.clone();
        assert_eq!(clock.now(), clock.now());
        shared.advance(Duration::from_secs(5));
        assert_eq!(clock.now().seconds(), 5);
    }

    #[test]
    fn inv_l6_a_clock_that_is_kept_does_not_follow_the_machine() {
        let clock = Clock::system();
        let hour = Duration::from_hours(1);
        let micros = i64::try_from(hour.as_micros()).expect("an hour");
        let before = clock.now();
        clock.set_by(micros);
        assert!(clock.now().since(before) >= hour, "nobody else is known");
        let at = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        clock.keep(at, clock.counted(), 1_000);
        for jump in [micros, -2 * micros] {
            clock.set_by(jump);
            let now = clock.now();
            assert!(now >= at && now.since(at) < Duration::from_mins(1), "{now}");
        }
        // What is as small as the measure is no difference.
        clock.keep(at.after(hour), clock.counted(), 2 * micros);
        assert!(clock.now().since(at) < hour);
        clock.keep(at.after(hour), clock.counted(), 1_000);
        assert!(clock.now().since(at) >= hour);
        // A sandbox's lead stays on top, and is never less than it was.
        clock.run_ahead(2 * hour);
        clock.run_ahead(hour);
        assert!(clock.now().since(at) >= 3 * hour);
        clock.advance(hour);
        assert!(clock.now().since(at) >= 4 * hour);
    }
}
