//! The signature of a webhook (payments.md, 4.7): HMAC-SHA256 over the time, a full stop and the body to the byte,
//! under the whole text of a secret, its `whsec_` included.

use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::clock::Timestamp;

use crate::providers::WebhookRefusal;

const HEADER: &str = "stripe-signature";
/// A header of Stripe's has two hundred; a longer one is nobody's.
const LONGEST_HEADER: usize = 4 * 1024;
/// How old, or how far ahead, a signature may be.
const WINDOW_SECONDS: u64 = 300;
/// Bytes of a signature.
const MAC: usize = 32;

/// What signs webhooks: while a secret is rolled there are two.
pub(super) struct Secrets(Vec<hmac::Key>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Secrets {
    pub(super) fn new(secrets: &[SecretString]) -> Self {
        let key = |secret: &SecretString| {
            hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes())
        };
        Self(secrets.iter().map(key).collect())
    }

    /// Whether Stripe signed this body just now. The time is looked at last: who cannot sign learns nothing of our
    /// clock.
    ///
    /// # Errors
    /// [`WebhookRefusal::Forged`], [`WebhookRefusal::Stale`].
    pub(super) fn check(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), WebhookRefusal> {
        let seal = Seal::of(headers).ok_or(WebhookRefusal::Forged)?;
        let mut genuine = false;
        for key in &self.0 {
            let mut context = hmac::Context::with_key(key);
            context.update(seal.time.as_bytes());
            context.update(b".");
            context.update(body);
            let tag = context.sign();
            for signature in &seal.signatures {
                genuine |=
                    aws_lc_rs::constant_time::verify_slices_are_equal(tag.as_ref(), signature)
                        .is_ok();
            }
        }
        if !genuine {
            return Err(WebhookRefusal::Forged);
        }
        let apart = now.seconds().saturating_sub(seal.seconds).unsigned_abs();
        if apart > WINDOW_SECONDS {
            tracing::warn!(
                seconds = apart,
                "a webhook of Stripe was signed too long ago or ahead: is the clock right?"
            );
            return Err(WebhookRefusal::Stale);
        }
        Ok(())
    }
}

/// The header, taken apart.
struct Seal<'a> {
    /// As it was signed.
    time: &'a str,
    seconds: i64,
    signatures: Vec<[u8; MAC]>,
}

impl<'a> Seal<'a> {
    /// `None`: missing, there twice, or without a time or a signature that we know.
    fn of(headers: &'a HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(HEADER).iter();
        let (Some(value), None) = (all.next(), all.next()) else {
            return None;
        };
        let text = value.to_str().ok()?;
        if text.len() > LONGEST_HEADER {
            return None;
        }
        let (mut time, mut signatures) = (None, Vec::new());
        for part in text.split(',') {
            match part.trim().split_once('=') {
                Some(("t", _)) if time.is_some() => return None,
                Some(("t", value)) => time = Some(value),
                Some(("v1", value)) => signatures.extend(bytes(value)),
                // `v0` is for tests of Stripe's own, and what is not known proves nothing.
                _ => {}
            }
        }
        let time = time.filter(|time| time.bytes().all(|byte| byte.is_ascii_digit()))?;
        let seconds = time.parse().ok()?;
        (!signatures.is_empty()).then_some(Self {
            time,
            seconds,
            signatures,
        })
    }
}

/// Lower-case digits only, as Stripe writes them.
fn bytes(text: &str) -> Option<[u8; MAC]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; MAC];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests;
