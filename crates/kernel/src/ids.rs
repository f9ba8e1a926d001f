//! One type per noun over UUID v7 (RFC 9562 §5.7), and [`Ids`], which makes them.
//!
//! An id sorts by the moment it was made, so it serves as a cursor and lets a log be cut by time.
//! An id is never a secret: whatever must not be guessed is random bytes besides.
//!
//! ```
//! use tollgate_kernel::clock::Clock;
//! use tollgate_kernel::entropy::Entropy;
//! use tollgate_kernel::ids::{Ids, InvalidId, PlanId, UserId};
//!
//! let ids = Ids::new(Clock::system(), Entropy::system());
//! let user: UserId = ids.next();
//! let text = user.to_string();
//! assert_eq!(text.len(), 36);
//! assert_eq!(text.parse(), Ok(user));
//! assert_eq!(serde_json::to_value(user)?, text.as_str());
//! // One id has one spelling, and no other noun passes for it.
//! assert_eq!(format!("{{{text}}}").parse::<UserId>(), Err(InvalidId));
//! let plan: PlanId = ids.next();
//! assert_eq!(format!("{plan:?}"), format!("PlanId({plan})"));
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::clock::{Clock, Timestamp};
use crate::entropy::Entropy;

/// What all ids have in common, so that [`Ids::next`] and the path extractor serve each of them.
///
/// ```
/// # use tollgate_kernel::clock::{Clock, Timestamp};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::ids::{Id, Ids, JobId};
/// fn millis<T: Id>(id: T) -> i64 {
///     id.made_at().micros() / 1_000
/// }
/// let ids = Ids::new(Clock::fixed(Timestamp::EPOCH), Entropy::system());
/// let job: JobId = ids.next();
/// assert_eq!((millis(job), JobId::from(job.uuid())), (0, job));
/// ```
pub trait Id: Copy + Ord + From<Uuid> + Send + Sync + 'static {
    /// For binding to a statement.
    fn uuid(self) -> Uuid;

    /// When the id was made, to the millisecond; [`Timestamp::EPOCH`] for one that is not a UUID v7.
    fn made_at(self) -> Timestamp {
        let uuid = self.uuid();
        let Some((seconds, nanos)) = uuid.get_timestamp().map(|at| at.to_unix()) else {
            return Timestamp::EPOCH;
        };
        i64::try_from(seconds)
            .ok()
            .and_then(|seconds| seconds.checked_mul(1_000_000))
            .and_then(|micros| micros.checked_add(i64::from(nanos / 1_000)))
            .and_then(Timestamp::from_micros)
            .unwrap_or(Timestamp::EPOCH)
    }
}

/// Not the text of one of our ids: 36 characters, lower case, with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 36 characters, lower-case hexadecimal with hyphens")]
pub struct InvalidId;

/// The one spelling an id has, so that `A…` and `{a…}` do not name the same thing twice.
fn parse(text: &str) -> Result<Uuid, InvalidId> {
    let uuid = Uuid::try_parse(text).map_err(|_| InvalidId)?;
    let mut buffer = Uuid::encode_buffer();
    if uuid.hyphenated().encode_lower(&mut buffer) == text {
        Ok(uuid)
    } else {
        Err(InvalidId)
    }
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident)*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl Id for $name {
            fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}

ids! {
    /// A person with an account.
    UserId
    /// One sign-in: a family of refresh tokens.
    SessionId
    /// One refresh token of a session.
    RefreshTokenId
    /// One access token (`jti`, RFC 7519 §4.1.7).
    AccessTokenId
    /// A key of a user.
    ApiKeyId
    /// A key of a host application.
    ServiceKeyId
    /// One link or code that works once.
    OneTimeTokenId
    /// A second factor of a person.
    SecondFactorId
    /// One deed in the audit log.
    AuditId
    /// One committed fact that others are told of.
    EventId
    /// What is for sale.
    PlanId
    /// What somebody has.
    SubscriptionId
    /// One change in the life of what somebody has.
    ChangeId
    /// A payment transaction; as 32 hexadecimal digits it is the order number at every provider.
    PaymentId
    /// One outgoing call to a provider.
    AttemptId
    /// One inbound call of a provider.
    CallId
    /// Money that goes back.
    RefundId
    /// Verified money that fits no payable order.
    SuspenseId
    /// One fact in the books.
    PostingId
    /// One account of the books.
    AccountId
    /// One row of the usage log.
    UsageId
    /// Units set aside before the work.
    HoldId
    /// Bonus units.
    GrantId
    /// One piece of work to do later.
    JobId
    /// One exchange over HTTP.
    RequestId
    /// A call that a look-alike gateway owes to a merchant.
    CallbackId
    /// A receiver of events.
    EndpointId
    /// An event on its way to a receiver.
    DeliveryId
}

/// Makes ids from the clock and the entropy handed in.
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::ids::{Id as _, Ids, UsageId};
/// let clock = Clock::system();
/// let ids = Ids::new(clock.clone(), Entropy::system());
/// let now = clock.now();
/// let id: UsageId = ids.at(now);
/// assert!(now.since(id.made_at()) < Duration::from_millis(1));
/// // A log is cut by time with two of these.
/// assert!(Ids::lowest::<UsageId>(now) <= id);
/// assert!(id < Ids::lowest(now.after(Duration::from_millis(1))));
/// ```
#[derive(Clone, Debug)]
pub struct Ids {
    clock: Clock,
    entropy: Entropy,
}

impl Ids {
    /// Ids of this clock's time.
    pub fn new(clock: Clock, entropy: Entropy) -> Self {
        Self { clock, entropy }
    }

    /// A new id, made now.
    ///
    /// ```
    /// use tollgate_kernel::{clock::Clock, entropy::Entropy, ids::{Ids, PlanId}};
    /// let ids = Ids::new(Clock::system(), Entropy::system());
    /// assert_ne!(ids.next::<PlanId>(), ids.next::<PlanId>());
    /// ```
    pub fn next<T: Id>(&self) -> T {
        self.at(self.clock.now())
    }

    /// A new id, made from a clock reading taken before, so that a row's id and its `created_at`
    /// are one moment. Microseconds go into `rand_a` (RFC 9562 §6.2, method 3).
    pub fn at<T: Id>(&self, at: Timestamp) -> T {
        let mut tail = self.entropy.bytes::<10>();
        let [first, second, ..] = &mut tail;
        let sub_milli = fraction(at);
        *first = sub_milli.to_be_bytes()[0];
        *second = sub_milli.to_be_bytes()[1];
        uuid::Builder::from_unix_timestamp_millis(millis(at), &tail)
            .into_uuid()
            .into()
    }

    /// The lowest id that can be made at `at` or later: the bound for cutting a log by time.
    pub fn lowest<T: Id>(at: Timestamp) -> T {
        uuid::Builder::from_unix_timestamp_millis(millis(at), &[0; 10])
            .into_uuid()
            .into()
    }
}

/// Milliseconds since 1970; an id made before then counts as made at its start.
fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.micros().div_euclid(1_000)).unwrap_or(0)
}

/// The microseconds within the millisecond, scaled to 12 bits.
fn fraction(at: Timestamp) -> u16 {
    let micros = at.micros().rem_euclid(1_000);
    u16::try_from(micros.saturating_mul(4_096) / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ids(clock: &Clock) -> Ids {
        Ids::new(clock.clone(), Entropy::seeded(1))
    }

    #[test]
    fn ids_sort_by_the_moment_they_were_made() {
        let clock = Clock::fixed(Timestamp::from_micros(1_767_323_045_123_456).expect("a moment"));
        let ids = ids(&clock);
        let mut previous: UserId = ids.next();
        assert!(Ids::lowest::<UserId>(clock.now()) <= previous);
        for _ in 0..2_000 {
            clock.advance(Duration::from_micros(1));
            let next: UserId = ids.next();
            assert!(next > previous, "{next:?} after {previous:?}");
            previous = next;
        }
    }

    #[test]
    fn only_one_spelling_is_an_id() {
        let id: PaymentId = ids(&Clock::system()).next();
        let text = id.to_string();
        assert_eq!(text.parse::<PaymentId>(), Ok(id));
        for other in [
            text.to_uppercase(),
            format!("{{{text}}}"),
            format!(" {text}"),
            text.replace('-', ""),
            format!("urn:uuid:{text}"),
            String::new(),
        ] {
            if other != text {
                assert_eq!(other.parse::<PaymentId>(), Err(InvalidId), "{other:?}");
            }
        }
    }
}
