//! An inbound call of a provider, as it was kept.
//!
//! ```
//! use tollgate_payment::model::call::{KeptCall, Verdict};
//!
//! assert_eq!("forged".parse(), Ok(Verdict::Forged));
//!
//! // What a provider sent, as people read it.
//! fn print(kept: &KeptCall) {
//!     println!("{} at {}: {}", kept.call.provider.as_str(), kept.call.received_at, kept.call.verdict.as_str());
//!     for (name, value) in kept.header_lines() {
//!         println!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
//!     }
//! }
//! ```

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{CallId, PaymentId};

use super::payment::PaymentMethod;
use super::words;

words! {
    /// What was found when its signature was checked.
    pub enum Verdict {
        /// Genuine and meant for us.
        Verified = "verified",
        /// No signature, or a wrong one.
        Forged = "forged",
        /// Genuine once, and said too late.
        Stale = "stale",
        /// Genuine, and meant for another merchant or application.
        Foreign = "foreign",
        /// Cannot be read.
        Unreadable = "unreadable",
        /// The provider tries whether we check signatures.
        Probe = "probe",
    }
}

/// A call without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundCall {
    /// Of the call.
    pub id: CallId,
    /// By which rail.
    pub provider: PaymentMethod,
    /// What was found.
    pub verdict: Verdict,
    /// The same at every delivery of one event.
    pub event_key: Option<String>,
    /// What the event came to, at its first delivery: `paid`, `suspended` …
    pub outcome: Option<String>,
    /// Which order it is about, where that is known.
    pub payment_id: Option<PaymentId>,
    /// What we answered.
    pub reply_status: i64,
    /// From the last byte of it to the answer, in microseconds.
    pub duration_us: i64,
    /// When it came.
    pub received_at: Timestamp,
    /// It is the replay of this call by a member of staff.
    pub replay_of: Option<CallId>,
}

/// A call with its bytes, as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCall {
    /// What is known of it.
    pub call: InboundCall,
    /// One `name: value` a line; credentials are left out.
    pub headers: Vec<u8>,
    /// The bytes that were signed.
    pub body: Vec<u8>,
}

impl KeptCall {
    /// The headers one by one, in the order in which they came.
    pub fn header_lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let lines = self.headers.split(|byte| *byte == b'\n');
        lines.filter_map(|line| {
            let at = line.windows(2).position(|pair| pair == b": ")?;
            let (name, rest) = line.split_at_checked(at)?;
            Some((name, rest.get(2..)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_headers_are_read_to_the_byte_and_nothing_breaks() {
        let id = CallId::from(uuid::Uuid::nil());
        let call = InboundCall {
            id,
            provider: PaymentMethod::Alipay,
            verdict: Verdict::Forged,
            event_key: None,
            outcome: None,
            payment_id: None,
            reply_status: 401,
            duration_us: 1,
            received_at: Timestamp::EPOCH,
            replay_of: None,
        };
        let read = |headers: &[u8]| {
            let kept = KeptCall {
                call: call.clone(),
                headers: headers.to_vec(),
                body: Vec::new(),
            };
            let lines = kept.header_lines();
            lines
                .map(|(name, value)| (name.to_vec(), value.to_vec()))
                .collect::<Vec<_>>()
        };
        let one = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
        assert_eq!(
            read(b"a: 1\nb: x: y\nc: \xFF\nd: \n"),
            [
                one(b"a", b"1"),
                one(b"b", b"x: y"),
                one(b"c", b"\xFF"),
                one(b"d", b"")
            ]
        );
        for broken in [b"".as_slice(), b"\n\n", b"cut", b"cut:", b":"] {
            assert!(read(broken).is_empty(), "{broken:?}");
        }
    }
}
