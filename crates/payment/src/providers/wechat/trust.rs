//! Whose signature is believed: WeChat's public key from the settings, platform certificates that were
//! downloaded, or both at once. `Wechatpay-Serial` says which; never is one tried after the other.

use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;

use super::certificate::Certificate;
use super::seal::{Distrust, Seal};
use crate::providers::Warning;
use crate::providers::keys::Verifier;

/// A serial that is not known leads to one download, and for so long to no other, whoever sends
/// however many.
const ASK_AGAIN: Duration = Duration::from_mins(10);
/// As long as there is no key at all nothing can be believed, so a failed download is repeated sooner.
const ASK_FIRST: Duration = Duration::from_secs(30);
/// Certificates older than this are asked for again, known serials or not.
const OLD: Duration = Duration::from_hours(12);
/// In warnings: no setting holds these.
const PLATFORM: &str = "WeChat Pay's platform certificate";

/// WeChat's public key.
#[derive(Debug)]
pub(super) struct PublicKey {
    /// `PUB_KEY_ID_…`
    pub(super) id: String,
    /// The key.
    pub(super) key: Verifier,
}

/// Both modes.
#[derive(Debug)]
pub(super) struct Trust {
    public_key: Option<PublicKey>,
    /// Those that have not ended: what was signed before a change arrives after it.
    certificates: RwLock<Vec<Certificate>>,
    asked_at: Mutex<Option<Timestamp>>,
    learned_at: Mutex<Option<Timestamp>>,
}

impl Trust {
    /// With nothing downloaded yet.
    pub(super) fn new(public_key: Option<PublicKey>) -> Self {
        Self {
            public_key,
            certificates: RwLock::default(),
            asked_at: Mutex::default(),
            learned_at: Mutex::default(),
        }
    }

    /// What answers are to be signed with; `None`: WeChat chooses.
    pub(super) fn wanted(&self) -> Option<&str> {
        self.public_key.as_ref().map(|key| key.id.as_str())
    }

    fn with<T>(&self, look: impl FnOnce(&[Certificate]) -> T) -> T {
        let known = self.certificates.read();
        look(&known.unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is a key for this serial.
    pub(super) fn knows(&self, serial: &str, now: Timestamp) -> bool {
        self.wanted() == Some(serial)
            || self.with(|known| {
                let mut all = known.iter();
                all.any(|one| one.is(serial) && one.is_in_force(now))
            })
    }

    /// Checks with the key that the seal names, and with no other.
    ///
    /// # Errors
    /// Not known, or forged.
    pub(super) fn check(
        &self,
        seal: &Seal<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Distrust> {
        let genuine = |key: &Verifier| {
            let genuine = key.verifies(&seal.text(body), seal.signature);
            genuine.then_some(()).ok_or(Distrust::Forged)
        };
        match &self.public_key {
            Some(own) if own.id == seal.serial => genuine(&own.key),
            _ => self.with(|known| {
                let mut all = known.iter();
                let named = all.find(|one| one.is(seal.serial) && one.is_in_force(now));
                named.map_or(Err(Distrust::Serial), |one| genuine(&one.key))
            }),
        }
    }

    /// Whether it is time to look for newer certificates. Never, as long as there is none: a merchant
    /// with a public key may have none at all.
    pub(super) fn is_old(&self, now: Timestamp) -> bool {
        let learned_at = *self
            .learned_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        learned_at.is_some_and(|at| now.since(at) >= OLD)
    }

    /// Whether certificates were ever fetched, or are not needed to begin with.
    pub(super) fn has_learned(&self) -> bool {
        self.public_key.is_some() || !self.with(<[_]>::is_empty)
    }

    /// Takes the right to download now, if nobody took it a short while ago.
    pub(super) fn claim(&self, now: Timestamp) -> bool {
        let pause = if self.has_learned() {
            ASK_AGAIN
        } else {
            ASK_FIRST
        };
        let mut asked_at = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if asked_at.is_some_and(|at| now.since(at) < pause) {
            return false;
        }
        *asked_at = Some(now);
        true
    }

    /// Keeps what was downloaded beside what is known, and drops what has ended.
    pub(super) fn learn(&self, offered: Vec<Certificate>, now: Timestamp) {
        let known = self.certificates.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        known.retain(|one| {
            now < one.not_after && !offered.iter().any(|other| other.is(&one.serial))
        });
        known.extend(offered.into_iter().filter(|one| now < one.not_after));
        *self
            .learned_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Of the certificate that ends last: one that ends while a later one is known hurts nobody.
    pub(super) fn warning(&self, now: Timestamp) -> Option<Warning> {
        let last = self.with(|known| known.iter().map(|one| one.not_after).max())?;
        Warning::of_expiry(PLATFORM, last, now)
    }
}
