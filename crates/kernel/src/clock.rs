//! Time, handed in. Nothing else in the workspace may ask the system what time it is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, TimeZone as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC, in whole microseconds: what `PostgreSQL` keeps, so that a moment read back
/// equals the one that was written.
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

/// Where time comes from: the system, or a test. Clones share the same hands.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The system's clock, corrected by this many microseconds (the database's measured lead, and
    /// the sandbox's own offset).
    System(Arc<AtomicI64>),
    /// Stands still until it is advanced.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock without correction.
    pub fn system() -> Self {
        Self(Source::System(Arc::default()))
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
            Source::System(offset) => Utc::now()
                .timestamp_micros()
                .saturating_add(offset.load(Ordering::Relaxed)),
            Source::Fixed(at) => at.load(Ordering::SeqCst),
        };
        Timestamp::from_micros(micros).unwrap_or(Timestamp::EPOCH)
    }

    /// Moves the hands forward: a fixed clock stands later, a system clock runs ahead.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        match &self.0 {
            Source::System(hands) | Source::Fixed(hands) => {
                hands.fetch_add(micros, Ordering::SeqCst);
            }
        }
    }

    /// Sets the correction of a system clock, in microseconds; a fixed clock has none and ignores it.
    pub fn correct(&self, offset_micros: i64) {
        if let Source::System(offset) = &self.0 {
            offset.store(offset_micros, Ordering::SeqCst);
        }
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
}
