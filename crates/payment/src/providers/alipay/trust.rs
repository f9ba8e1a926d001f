//! Whose signature is believed, and how Alipay recognises us: by plain keys, or by certificates.

use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;

use super::certificate::Certificates;
use super::{AlipaySettingError, CertificateFiles};
use crate::providers::Warning;
use crate::providers::keys::{KeyError, Signer, Verifier};

/// An answer that names an unknown certificate leads to one question, and for so long to no other.
const ASK_AGAIN: Duration = Duration::from_mins(1);
const OWN_KEY: &str =
    "is the application's own public key; copy Alipay's public key from the open platform instead";

/// Says whether a signature is Alipay's.
pub(super) trait Believe {
    /// `number`: of the certificate the answer names, if it names one.
    fn believes(&self, number: Option<&str>, text: &[u8], signature: &str) -> bool;
}

impl Believe for Verifier {
    fn believes(&self, _: Option<&str>, text: &[u8], signature: &str) -> bool {
        self.verifies(text, signature)
    }
}

/// One of the two modes.
#[derive(Debug)]
pub(super) enum Trust {
    /// Public-key mode.
    Key(Verifier),
    /// Certificate mode.
    Certificates(Box<Chain>),
}

/// Certificate mode.
#[derive(Debug)]
pub(super) struct Chain {
    app_number: String,
    root_number: String,
    app_expires_at: Timestamp,
    alipay: Certificates,
    roots: Certificates,
    /// The file's first, then those that Alipay has changed to; all stay good, since what was
    /// signed before the change arrives after it.
    known: RwLock<Vec<Known>>,
    asked_at: Mutex<Option<Timestamp>>,
}

#[derive(Debug)]
struct Known {
    number: String,
    expires_at: Timestamp,
    key: Verifier,
}

impl Believe for Trust {
    fn believes(&self, number: Option<&str>, text: &[u8], signature: &str) -> bool {
        match self {
            Self::Key(key) => key.verifies(text, signature),
            Self::Certificates(chain) => {
                let known = chain.known.read().unwrap_or_else(PoisonError::into_inner);
                known
                    .iter()
                    .filter(|one| number.is_none_or(|number| one.number == number))
                    .any(|one| one.key.verifies(text, signature))
            }
        }
    }
}

impl Trust {
    /// Public-key mode.
    ///
    /// # Errors
    /// No key, or our own.
    pub(super) fn key(
        text: &str,
        signer: Option<&Signer>,
    ) -> Result<Self, Vec<AlipaySettingError>> {
        let fault = |reason: String| AlipaySettingError::all("ALIPAY_PUBLIC_KEY", reason);
        let key = Verifier::load(text).map_err(|error: KeyError| fault(error.to_string()))?;
        if signer.is_some_and(|signer| signer.is_half_of(&key)) {
            return Err(fault(OWN_KEY.to_owned()));
        }
        Ok(Self::Key(key))
    }

    /// Certificate mode. All faults are told together.
    ///
    /// # Errors
    /// Certificates that cannot be read, are out of their time, or belong to another key.
    pub(super) fn certificates(
        files: &CertificateFiles,
        signer: Option<&Signer>,
        now: Timestamp,
    ) -> Result<Self, Vec<AlipaySettingError>> {
        let mut faults = Vec::new();
        let app = own(APP, &files.app, now, &mut faults);
        let alipay = own(ALIPAY, &files.alipay, now, &mut faults);
        let roots = Certificates::load(&files.root)
            .and_then(|roots| roots.root_number().map(|number| (roots, number)))
            .map_err(|error| faults.extend(AlipaySettingError::all(ROOT, error.to_string())))
            .ok();
        if let (Some(signer), Some((_, key))) = (signer, &app)
            && !signer.is_half_of(key)
        {
            let reason = "does not belong to ALIPAY_PRIVATE_KEY: the key in it is another";
            faults.extend(AlipaySettingError::all(APP, reason.to_owned()));
        }
        if let (Some(signer), Some((_, key))) = (signer, &alipay)
            && signer.is_half_of(key)
        {
            let reason = "is the application's own certificate; give alipayCertPublicKey_RSA2.crt";
            faults.extend(AlipaySettingError::all(ALIPAY, reason.to_owned()));
        }
        match (app, alipay, roots) {
            (Some((app, _)), Some((alipay, key)), Some((roots, root_number)))
                if faults.is_empty() =>
            {
                Ok(Self::Certificates(Box::new(Chain {
                    app_number: app.own().number.clone(),
                    app_expires_at: app.own().not_after,
                    root_number,
                    known: RwLock::new(vec![Known {
                        number: alipay.own().number.clone(),
                        expires_at: alipay.own().not_after,
                        key,
                    }]),
                    alipay,
                    roots,
                    asked_at: Mutex::new(None),
                })))
            }
            _ => Err(faults),
        }
    }

    /// What every request says of us beside its signature.
    pub(super) fn parameters(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Key(_) => Vec::new(),
            Self::Certificates(chain) => vec![
                ("app_cert_sn", &chain.app_number),
                ("alipay_root_cert_sn", &chain.root_number),
            ],
        }
    }

    /// Whether Alipay should be asked for the certificate of this number now: it is unknown, and
    /// nobody has asked within the last minute.
    pub(super) fn should_ask(&self, number: &str, now: Timestamp) -> bool {
        let Self::Certificates(chain) = self else {
            return false;
        };
        if chain.knows(number) {
            return false;
        }
        let mut asked_at = chain
            .asked_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if asked_at.is_some_and(|at| now.since(at) < ASK_AGAIN) {
            return false;
        }
        *asked_at = Some(now);
        true
    }

    /// Takes a certificate that Alipay has changed to: the one of this number, if it leads up to
    /// our own root file, belongs to whom the file's belongs to (every merchant's own leads up to
    /// the same root), and what it came in is `signed` with its key or with one known before.
    pub(super) fn learn(
        &self,
        number: &str,
        pem: &[u8],
        signed: impl FnOnce(&Verifier) -> bool,
        now: Timestamp,
    ) -> bool {
        let (Self::Certificates(chain), Ok(offered)) = (self, Certificates::read(pem)) else {
            return false;
        };
        let Ok(key) = offered.own().key() else {
            return false;
        };
        let expires_at = offered.own().not_after;
        let owner = &chain.alipay.own().organization;
        let good = offered.own().number == number
            && owner.is_some()
            && offered.own().organization == *owner
            && offered.beside(&chain.alipay).lead_to(&chain.roots, now)
            && signed(&key);
        if good && !chain.knows(number) {
            let mut known = chain.known.write().unwrap_or_else(PoisonError::into_inner);
            known.push(Known {
                number: number.to_owned(),
                expires_at,
                key,
            });
        }
        good
    }

    /// What the operator should do before it hurts.
    pub(super) fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        let Self::Certificates(chain) = self else {
            return Vec::new();
        };
        let known = chain.known.read().unwrap_or_else(PoisonError::into_inner);
        let newest = known.last();
        let mut warnings: Vec<Warning> = [
            (APP, Some(chain.app_expires_at)),
            (ALIPAY, newest.map(|newest| newest.expires_at)),
            (ROOT, chain.roots.expire_at()),
        ]
        .into_iter()
        .filter_map(|(variable, at)| Warning::of_expiry(variable, at?, now))
        .collect();
        if !chain.alipay.lead_to(&chain.roots, now) {
            warnings.push(Warning::Unrooted { variable: ALIPAY });
        }
        if let Some(newest) = newest.filter(|_| known.len() > 1) {
            warnings.push(Warning::Replaced {
                variable: ALIPAY,
                number: newest.number.clone(),
            });
        }
        warnings
    }
}

impl Chain {
    fn knows(&self, number: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|one| one.number == number)
    }
}

const APP: &str = "ALIPAY_APP_CERT_PATH";
const ALIPAY: &str = "ALIPAY_ALIPAY_CERT_PATH";
const ROOT: &str = "ALIPAY_ROOT_CERT_PATH";

/// A file whose first certificate is used for its key.
fn own(
    variable: &'static str,
    text: &str,
    now: Timestamp,
    faults: &mut Vec<AlipaySettingError>,
) -> Option<(Certificates, Verifier)> {
    let read = Certificates::load(text).and_then(|all| all.own().key().map(|key| (all, key)));
    let mut fault = |reason: String| faults.extend(AlipaySettingError::all(variable, reason));
    match read {
        Ok((all, _)) if all.own().not_after <= now => {
            fault(format!("has expired at {}", all.own().not_after));
            None
        }
        Ok((all, _)) if all.own().not_before > now => {
            fault(format!(
                "begins only at {}: is the clock right?",
                all.own().not_before
            ));
            None
        }
        Ok(read) => Some(read),
        Err(error) => {
            fault(error.to_string());
            None
        }
    }
}
