//! A callback is kept as it came, within bounds on what strangers can make us write.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{CallId, PaymentId};
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use crate::model::call::Verdict;
use crate::model::payment::PaymentMethod;
use crate::providers::{RawWebhook, Reply};
use crate::store::calls::{self, Call};
use crate::{Parts, counted};

/// Calls that prove nothing, kept in a minute; more are answered and counted.
const REFUSED_A_MINUTE: u32 = 60;
/// Deliveries after the first, kept in a minute; more are answered without the database.
const REPEATS_A_MINUTE: u32 = 600;
/// Events of which this instance knows that they are in the inbox: twice this at most, 32 bytes each.
const EVENTS_KNOWN: usize = 32_768;
/// Of the headers, what is kept.
const HEADERS_KEPT_BYTES: usize = 16 * 1024;
/// Headers that show who calls us, not what is said.
const CREDENTIALS: [&str; 4] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
];

/// What bounds the writing for callbacks, and spares it. Each instance counts for itself.
#[derive(Debug)]
pub(crate) struct InboundBounds {
    /// No signature, a wrong one, or no text.
    pub(super) forged: Bound,
    /// Signed by the provider, for somebody else: of another count, so that no forger can crowd it out.
    pub(super) foreign: Bound,
    /// Genuine, and here before.
    pub(super) repeats: Bound,
    /// Genuine, and our own rows forbid to apply it.
    pub(super) unapplied: Bound,
    /// In the inbox, and committed.
    pub(super) known: KnownEvents,
}

impl Default for InboundBounds {
    fn default() -> Self {
        Self {
            forged: Bound::new("forged", REFUSED_A_MINUTE),
            foreign: Bound::new("foreign", REFUSED_A_MINUTE),
            repeats: Bound::new("repeated", REPEATS_A_MINUTE),
            unapplied: Bound::new("unapplied", REFUSED_A_MINUTE),
            known: KnownEvents::default(),
        }
    }
}

impl InboundBounds {
    pub(super) fn of(&self, verdict: Verdict) -> &Bound {
        if verdict == Verdict::Foreign {
            &self.foreign
        } else {
            &self.forged
        }
    }
}

/// So many a minute.
#[derive(Debug)]
pub(super) struct Bound {
    kind: &'static str,
    most: u32,
    window: Mutex<Option<(Timestamp, u32)>>,
}

impl Bound {
    fn new(kind: &'static str, most: u32) -> Self {
        Self {
            kind,
            most,
            window: Mutex::new(None),
        }
    }

    /// Whether one more is kept. What was not kept is logged once its minute is over.
    pub(super) fn admits(&self, now: Timestamp) -> bool {
        let mut window = unpoisoned(&self.window);
        let (since, count) = window.unwrap_or((now, 0));
        // A clock that was set back begins a new minute too.
        let over = now < since || now.since(since) >= Duration::from_mins(1);
        let dropped = count.saturating_sub(self.most);
        if over && dropped > 0 {
            tracing::warn!(
                kind = self.kind,
                count = dropped,
                "callbacks were answered and not kept"
            );
        }
        let (since, count) = if over { (now, 0) } else { (since, count) };
        *window = Some((since, count.saturating_add(1)));
        count < self.most
    }
}

/// The events that this instance has seen in the inbox. It may only say that something is there: what it
/// forgot, or never knew, the inbox decides.
#[derive(Debug, Default)]
pub(super) struct KnownEvents(Mutex<[HashSet<[u8; 32]>; 2]>);

impl KnownEvents {
    /// Only of what is committed.
    pub(super) fn learn(&self, provider: PaymentMethod, event_key: &str) {
        let mut sets = unpoisoned(&self.0);
        let [young, old] = &mut *sets;
        if young.len() >= EVENTS_KNOWN {
            *old = std::mem::take(young);
        }
        young.insert(name(provider, event_key));
    }

    pub(super) fn has(&self, provider: PaymentMethod, event_key: &str) -> bool {
        let name = name(provider, event_key);
        unpoisoned(&self.0).iter().any(|set| set.contains(&name))
    }
}

fn name(provider: PaymentMethod, event_key: &str) -> [u8; 32] {
    let text = format!("{} {event_key}", provider.as_str());
    let mut name = [0; 32];
    name.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    name
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is kept beside the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finding<'a> {
    pub(super) provider: PaymentMethod,
    pub(super) verdict: Verdict,
    pub(super) event_key: Option<&'a str>,
    pub(super) payment_id: Option<PaymentId>,
    pub(super) replay_of: Option<CallId>,
}

/// Keeps a call in the transaction of what it came to. `started`: when its last byte was here.
pub(super) async fn keep(
    parts: &Parts,
    tx: &mut Tx,
    raw: &RawWebhook,
    finding: Finding<'_>,
    reply: &Reply,
    started: Instant,
    now: Timestamp,
) -> Result<CallId> {
    let call = Call {
        id: parts.ids.at(now),
        provider: finding.provider,
        livemode: parts.config.livemode,
        verdict: finding.verdict,
        event_key: finding.event_key,
        payment_id: finding.payment_id,
        headers: &header_lines(raw),
        body: &raw.body,
        reply_status: reply.status,
        duration_us: i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX),
        received_at: now,
        replay_of: finding.replay_of,
    };
    calls::insert(tx, &call).await?;
    // The replay of a call is none of the provider's.
    if finding.replay_of.is_none() {
        tx.count(counted::callback(finding.provider, finding.verdict), 1);
    }
    Ok(call.id)
}

/// One line each, to the byte; never a credential, never half a line.
fn header_lines(raw: &RawWebhook) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in &raw.headers {
        if CREDENTIALS.contains(&name.as_str()) {
            continue;
        }
        let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat();
        if bytes.len().saturating_add(line.len()) <= HEADERS_KEPT_BYTES {
            bytes.extend(line);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn a_bound_holds_for_a_minute_and_a_clock_set_back_does_not_close_it() {
        let bound = Bound::new("test", 2);
        let at = |seconds| Timestamp::EPOCH.after(Duration::from_secs(seconds));
        assert_eq!(
            [100, 101, 102, 159].map(|t| bound.admits(at(t))),
            [true, true, false, false]
        );
        assert_eq!(
            [160, 161, 162].map(|t| bound.admits(at(t))),
            [true, true, false]
        );
        assert!(bound.admits(at(7)));
    }

    #[test]
    fn events_are_known_by_rail_and_the_memory_is_bounded() {
        let known = KnownEvents::default();
        known.learn(PaymentMethod::Alipay, "one");
        assert!(known.has(PaymentMethod::Alipay, "one"));
        assert!(!known.has(PaymentMethod::Stripe, "one"));
        assert!(!known.has(PaymentMethod::Alipay, "on"));
        for number in 0..3 * EVENTS_KNOWN {
            known.learn(PaymentMethod::Alipay, &number.to_string());
        }
        let sizes: usize = unpoisoned(&known.0).iter().map(HashSet::len).sum();
        assert!(sizes <= 2 * EVENTS_KNOWN, "{sizes}");
        assert!(!known.has(PaymentMethod::Alipay, "one"));
    }

    #[test]
    fn headers_are_kept_to_the_byte_without_credentials_and_without_half_lines() {
        let mut headers = HeaderMap::new();
        headers.insert("x-raw", HeaderValue::from_bytes(b"\xFFa").expect("a value"));
        headers.insert("cookie", HeaderValue::from_static("secret"));
        headers.insert("x-api-key", HeaderValue::from_static("secret"));
        let long = "l".repeat(HEADERS_KEPT_BYTES);
        headers.insert("x-long", HeaderValue::from_str(&long).expect("a value"));
        headers.insert("x-last", HeaderValue::from_static("b"));
        let raw = RawWebhook {
            headers,
            body: axum::body::Bytes::new(),
        };
        assert_eq!(header_lines(&raw), b"x-raw: \xFFa\nx-last: b\n");
    }
}
