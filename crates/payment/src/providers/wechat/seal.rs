//! The four headers under which WeChat sends answers and notices.

use axum::http::HeaderMap;
use tollgate_kernel::clock::Timestamp;

use super::sign;

/// So far may the two clocks be apart, in both directions.
const WINDOW_SECONDS: u64 = 300;
/// With this WeChat tries whether we check. It may not even be base64.
const PROBE: &str = "WECHATPAY/SIGNTEST/";
/// Longer ones are none of WeChat's.
const LONGEST: usize = 1_024;

/// Why an answer or a notice is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Distrust {
    /// A header is missing, or stands there twice.
    #[error("the answer is not signed")]
    Unsigned,
    /// WeChat tries whether we check.
    #[error("WeChat tried whether signatures are checked (SIGNTEST)")]
    Probe,
    /// Signed too long ago, or too far ahead.
    #[error(
        "Wechatpay-Timestamp is {seconds} s away from our clock: set the clock if this goes on"
    )]
    Clock {
        /// How far.
        seconds: u64,
    },
    /// Signed with a key that is not known.
    #[error("signed with a key that is not known here")]
    Serial,
    /// The key could not be fetched just now.
    #[error("signed with a key that could not be fetched")]
    NoKey,
    /// The signature is another's.
    #[error("the signature does not verify")]
    Forged,
}

/// The headers, read. Nothing is believed of them yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seal<'a> {
    /// Of the certificate, or the id of the public key.
    pub(super) serial: &'a str,
    timestamp: &'a str,
    nonce: &'a str,
    /// In base64.
    pub(super) signature: &'a str,
}

impl<'a> Seal<'a> {
    /// All four, once each, signed just now.
    ///
    /// # Errors
    /// Unsigned, a probe, or out of the window.
    pub(super) fn read(headers: &'a HeaderMap, now: Timestamp) -> Result<Self, Distrust> {
        let once = |name: &str| {
            let mut all = headers.get_all(name).iter();
            let value = all.next().and_then(|value| value.to_str().ok());
            let value = value.filter(|text| (1..=LONGEST).contains(&text.len()));
            value
                .filter(|_| all.next().is_none())
                .ok_or(Distrust::Unsigned)
        };
        let seal = Self {
            serial: once("wechatpay-serial")?,
            timestamp: once("wechatpay-timestamp")?,
            nonce: once("wechatpay-nonce")?,
            signature: once("wechatpay-signature")?,
        };
        if seal.signature.starts_with(PROBE) {
            return Err(Distrust::Probe);
        }
        let digits = seal.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let at: i64 = seal.timestamp.parse().map_err(|_| Distrust::Unsigned)?;
        let seconds = now.seconds().saturating_sub(at).unsigned_abs();
        match (digits, seconds <= WINDOW_SECONDS) {
            (false, _) => Err(Distrust::Unsigned),
            (true, false) => Err(Distrust::Clock { seconds }),
            (true, true) => Ok(seal),
        }
    }

    /// What was signed, if `body` is.
    pub(super) fn text(&self, body: &[u8]) -> Vec<u8> {
        sign::answer_text(self.timestamp, self.nonce, body)
    }
}
