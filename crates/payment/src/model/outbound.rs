//! Events for host applications, as Standard Webhooks 1.0 writes them.
//!
//! ```
//! use std::time::Duration;
//! use tollgate_kernel::clock::Timestamp;
//! use tollgate_kernel::entropy::Entropy;
//! use tollgate_payment::model::outbound::{EVENT_TYPES, Secret, asked_pause, pause_after};
//!
//! assert!(EVENT_TYPES.contains(&"payment.completed"));
//!
//! // A secret signs as Standard Webhooks say: `v1,` and a keyed hash of id, time and body.
//! let secret = Secret::random(&Entropy::seeded(1));
//! assert!(secret.shown().starts_with("whsec_"));
//! assert!(secret.sign("evt_1", 1_767_225_600, "{}").starts_with("v1,"));
//!
//! // `Retry-After` of a receiver, and the pause by our own schedule.
//! let now = Timestamp::EPOCH;
//! assert_eq!(asked_pause("120", now), Some(Duration::from_secs(120)));
//! assert_eq!(asked_pause("soon", now), None);
//! assert_eq!(pause_after(1_000, &Entropy::seeded(1)), None);
//! ```

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{DeliveryId, EndpointId, EventId, UserId};
use zeroize::Zeroizing;

use super::words;

words! {
    /// How a delivery stands.
    pub enum DeliveryState {
        /// To be sent, or sent again.
        Open = "open",
        /// Taken by its receiver.
        Succeeded = "succeeded",
        /// Given up.
        Failed = "failed",
    }
}

/// What is told. Another word in an endpoint's list is refused: it would never come.
pub const EVENT_TYPES: [&str; 19] = [
    "payment.completed",
    "payment.failed",
    "refund.succeeded",
    "refund.failed",
    "subscription.activated",
    "subscription.renewed",
    "subscription.changed",
    "subscription.cancelled",
    "subscription.resumed",
    "subscription.expired",
    "subscription.expiring",
    "user.created",
    "user.updated",
    "user.deactivated",
    "user.deleted",
    "api_key.created",
    "api_key.revoked",
    "quota.threshold_reached",
    "quota.reset",
];
/// The event that shows whether a receiver works.
pub const TEST_EVENT: &str = "endpoint.test";

/// After the first try: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
const SCHEDULE_SECONDS: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// An endpoint that takes nothing for so long is switched off.
pub const GIVEN_UP_AFTER: Duration = Duration::from_hours(5 * 24);

/// How long to wait after the try of this number (from 1); `None`: that was the last. Up to a tenth more or
/// less, so that a receiver that comes back is not met by everybody at once.
pub fn pause_after(attempt: i64, entropy: &Entropy) -> Option<Duration> {
    let at = usize::try_from(attempt).ok()?.checked_sub(1)?;
    let millis = SCHEDULE_SECONDS.get(at)?.saturating_mul(1_000);
    let spread = millis / 5;
    let millis = (millis - millis / 10).saturating_add(entropy.below(spread.saturating_add(1)));
    Some(Duration::from_millis(millis))
}

/// What a receiver may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// The pause that `Retry-After` asks for, at most a day: seconds, or a date (RFC 9110, 10.2.3), which is zero when it
/// has passed. `None`: it is neither.
pub fn asked_pause(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let pause = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = chrono::DateTime::parse_from_rfc2822(text).ok()?;
        Timestamp::from_utc(until.to_utc()).since(now)
    };
    Some(pause.min(LONGEST_PAUSE))
}

/// A receiver.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Of the endpoint.
    pub id: EndpointId,
    /// Where to.
    pub url: String,
    /// For whoever reads the list.
    pub description: String,
    /// Which types; empty: all.
    pub kinds: Vec<String>,
    /// Since when nothing was taken.
    pub failing_since: Option<Timestamp>,
    /// Switched off.
    pub disabled_at: Option<Timestamp>,
    /// Why.
    pub disabled_reason: Option<String>,
    /// By whom it was made.
    pub created_by: Option<UserId>,
    /// Of the endpoint.
    pub created_at: Timestamp,
    /// Counts its changes.
    pub version: i64,
}

/// An event on its way to a receiver.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Of the delivery.
    pub id: DeliveryId,
    /// To whom.
    pub endpoint_id: EndpointId,
    /// Which event: the `webhook-id` of every try.
    pub event_id: EventId,
    /// Its type.
    pub kind: String,
    /// How it stands.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: i64,
    /// When the next one is.
    pub due_at: Timestamp,
    /// What the receiver answered last.
    pub last_status: Option<i64>,
    /// Why there was no answer.
    pub last_error: Option<String>,
    /// Of the delivery.
    pub created_at: Timestamp,
    /// When it was decided.
    pub finished_at: Option<Timestamp>,
}

/// One attempt to bring it there.
#[derive(Clone, Debug)]
pub struct Try {
    /// From 1, over every resending.
    pub attempt: i64,
    /// When it was over.
    pub at: Timestamp,
    /// What the receiver answered.
    pub status: Option<i64>,
    /// How long it took, in microseconds.
    pub duration_us: i64,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// What sender and receiver share. Shown once, as `whsec_` and base64.
pub struct Secret(Zeroizing<Vec<u8>>);

const PREFIX: &str = "whsec_";
const SECRET_BYTES: usize = 32;

impl Secret {
    /// A new one.
    pub fn random(entropy: &Entropy) -> Self {
        Self(Zeroizing::new(entropy.bytes::<SECRET_BYTES>().to_vec()))
    }

    /// As it was kept.
    pub fn of(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// For keeping.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As receivers want it.
    pub fn shown(&self) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(&*self.0))
    }

    /// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let text = format!("{id}.{timestamp}.{body}");
        format!(
            "v1,{}",
            BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification (Standard Webhooks 1.0.0, "Signature scheme"), worked out by its own libraries.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let key = BASE64_STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .expect("base64");
        let secret = Secret::of(Zeroizing::new(key));
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(
            secret.shown(),
            format!("{PREFIX}MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        );
    }

    #[test]
    fn a_receiver_asks_for_a_pause_in_seconds_or_by_a_date() {
        let now = Timestamp::from_seconds(784_111_777).expect("a moment");
        for (text, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 120 ", Some(120)),
            ("999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sat, 05 Nov 1994 08:49:37 GMT", Some(0)),
            ("Fri, 06 Nov 2093 08:49:37 GMT", Some(86_400)),
            ("-1", None),
            ("1.5", None),
            ("99999999999999999999999", None),
            ("soon", None),
            ("", None),
        ] {
            let pause = asked_pause(text, now).map(|pause| pause.as_secs());
            assert_eq!(pause, seconds, "{text}");
        }
    }

    #[test]
    fn tries_are_spread_around_their_times_and_end() {
        let entropy = Entropy::seeded(3);
        for (at, seconds) in SCHEDULE_SECONDS.into_iter().enumerate() {
            let attempt = i64::try_from(at).expect("few") + 1;
            for _ in 0..50 {
                let pause = pause_after(attempt, &entropy).expect("another try");
                let within = seconds * 900..=seconds * 1_100;
                assert!(within.contains(&u64::try_from(pause.as_millis()).expect("fits")));
            }
        }
        assert_eq!(pause_after(10, &entropy), None);
        assert_eq!(pause_after(0, &entropy), None);
    }
}
