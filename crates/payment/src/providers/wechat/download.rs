//! `GET /v3/certificates` (payments.md, 3.9): at the first serial that is not known, and every twelve hours.
//!
//! They are kept in memory: after a restart the first answer names a serial that is not known, and so
//! brings them back.

use reqwest::Method;
use tokio::sync::OwnedMutexGuard;

use super::Wechat;
use super::certificate::{Certificate, is_serial};
use super::failure::Failure;
use super::seal::Seal;
use super::wire::CertificateList;

const TARGET: &str = "/v3/certificates";

impl Wechat {
    /// Looks for the certificate with this serial, unless somebody has looked a short while ago. `false`:
    /// it could not be fetched just now, or not yet again.
    pub(super) async fn learn(&self, serial: &str) -> bool {
        // The id of another public key, or nothing of WeChat's: no download brings it.
        if !is_serial(serial) {
            return true;
        }
        // One at a time: whoever waited finds what the first has brought.
        let gate = self.gate.clone().lock_owned().await;
        let now = self.clock.now();
        if self.trust.knows(serial, now) {
            return true;
        }
        if !self.trust.claim(now) {
            return self.trust.has_learned();
        }
        self.fetch(gate).await
    }

    /// Fetches newer certificates when those that are known are old. Never in the way of a call that
    /// finds somebody else at it.
    pub(super) async fn keep_fresh(&self) {
        let now = self.clock.now();
        if !self.trust.is_old(now) {
            return;
        }
        let Ok(gate) = self.gate.clone().try_lock_owned() else {
            return;
        };
        if self.trust.is_old(now) && self.trust.claim(now) {
            self.fetch(gate).await;
        }
    }

    /// Goes on though whoever sent the serial hangs up: the next try is ten minutes away.
    async fn fetch(&self, gate: OwnedMutexGuard<()>) -> bool {
        let rail = self.clone();
        let fetched = tokio::spawn(async move {
            let _gate = gate;
            rail.download_and_keep().await
        });
        fetched.await.unwrap_or(false)
    }

    async fn download_and_keep(&self) -> bool {
        match self.download().await {
            Ok(None) => {
                tracing::info!("WeChat Pay has no platform certificates for this merchant");
                true
            }
            Ok(Some(offered)) => {
                let serials: Vec<_> = offered.iter().map(|one| one.serial.as_str()).collect();
                tracing::info!(
                    ?serials,
                    "WeChat Pay's platform certificates were downloaded"
                );
                self.trust.learn(offered, self.clock.now());
                true
            }
            Err(reason) => {
                tracing::error!(%reason, "WeChat Pay's platform certificates could not be downloaded");
                false
            }
        }
    }

    /// `None`: there are none, as for every merchant who began with a public key.
    ///
    /// Opens first and verifies then: at the first download the key that verifies is in the answer. That
    /// it opens shows that it comes from somebody who has the `APIv3` key.
    async fn download(&self) -> Result<Option<Vec<Certificate>>, String> {
        let heard = self.send(Method::GET, TARGET, None).await;
        let heard = heard.map_err(|error| error.to_string())?;
        // Signed or not: only how the next notice is refused hangs on it.
        if self.trust.wanted().is_some()
            && Failure::read(heard.status, &heard.body).is_unknown_thing()
        {
            return Ok(None);
        }
        if !heard.is_success() {
            return Err(format!("HTTP {}", heard.status));
        }
        let list: CertificateList =
            serde_json::from_slice(&heard.body).map_err(|error| error.to_string())?;
        let mut offered = Vec::new();
        for listed in &list.data {
            let pem = self.api_key.open(&listed.encrypt_certificate);
            let pem = pem.map_err(|error| format!("the answer {error}"))?;
            match Certificate::read(&pem) {
                Ok(one) if one.is(&listed.serial_no) => offered.push(one),
                // Of another algorithm, perhaps; those beside it are good all the same.
                Ok(_) => {
                    tracing::warn!(serial = %listed.serial_no, "a certificate has another serial");
                }
                Err(error) => {
                    tracing::warn!(serial = %listed.serial_no, %error, "a certificate is left out");
                }
            }
        }
        let now = self.clock.now();
        let seal = Seal::read(&heard.headers, now).map_err(|distrust| distrust.to_string())?;
        let genuine = if self.trust.knows(seal.serial, now) {
            self.trust.check(&seal, &heard.body, now).is_ok()
        } else {
            let named = offered
                .iter()
                .find(|one| one.is(seal.serial) && one.is_in_force(now));
            named.is_some_and(|one| one.key.verifies(&seal.text(&heard.body), seal.signature))
        };
        if genuine {
            Ok(Some(offered))
        } else {
            Err("the answer's signature does not verify".to_owned())
        }
    }
}
