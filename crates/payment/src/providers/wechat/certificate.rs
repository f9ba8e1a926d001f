//! Certificates of merchants and of the platform: the serial WeChat knows them by, their time, their key.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tollgate_kernel::clock::Timestamp;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::providers::keys::{KeyError, Verifier};

/// A serial has at most 20 bytes (RFC 5280).
const LONGEST_SERIAL_BYTES: usize = 20;

/// Why a certificate is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CertificateError {
    /// No PEM, or one that holds no X.509 certificate.
    #[error("holds no readable certificate: give the path of apiclient_cert.pem or its text")]
    Unreadable,
    /// A file that cannot be read.
    #[error("the file {0} cannot be read")]
    File(String),
    /// None, or one that no authority gives out.
    #[error("the certificate's serial number is none")]
    Serial,
    /// The key in it.
    #[error("the certificate's key: {0}")]
    Key(KeyError),
}

/// One certificate.
#[derive(Debug)]
pub(super) struct Certificate {
    /// In upper-case hexadecimal digits, two for each byte.
    pub(super) serial: String,
    /// From then on it may be used.
    pub(super) not_before: Timestamp,
    /// After that no more.
    pub(super) not_after: Timestamp,
    /// The key in it.
    pub(super) key: Verifier,
}

impl Certificate {
    /// From PEM text, or from the path of a file that holds it. The first one counts.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub(super) fn load(text: &str) -> Result<Self, CertificateError> {
        let text = text.trim();
        if text.contains("-----BEGIN") {
            return Self::read(text.replace("\\n", "\n").as_bytes());
        }
        let file = std::fs::read(text).map_err(|_| CertificateError::File(text.to_owned()))?;
        Self::read(&file)
    }

    /// From PEM.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub(super) fn read(pem: &[u8]) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_| CertificateError::Unreadable)?;
        let (rest, parsed) =
            X509Certificate::from_der(&der).map_err(|_| CertificateError::Unreadable)?;
        if !rest.is_empty() {
            return Err(CertificateError::Unreadable);
        }
        let moment = |seconds| Timestamp::from_seconds(seconds).ok_or(CertificateError::Unreadable);
        Ok(Self {
            serial: serial(parsed.raw_serial())?,
            not_before: moment(parsed.validity().not_before.timestamp())?,
            not_after: moment(parsed.validity().not_after.timestamp())?,
            key: Verifier::from_der(parsed.public_key().raw).map_err(CertificateError::Key)?,
        })
    }

    /// Whether it may be used.
    pub(super) fn is_in_force(&self, now: Timestamp) -> bool {
        self.not_before <= now && now < self.not_after
    }

    /// Whether WeChat means this one: letters of either size, zeros in front or not.
    pub(super) fn is(&self, serial: &str) -> bool {
        let bare = |text: &str| text.trim_start_matches('0').to_ascii_uppercase();
        bare(&self.serial) == bare(serial)
    }
}

/// As WeChat writes it: without the byte that only keeps the number positive.
fn serial(raw: &[u8]) -> Result<String, CertificateError> {
    let start = raw.iter().position(|byte| *byte != 0);
    let bytes = start.and_then(|start| raw.get(start..)).unwrap_or_default();
    if (1..=LONGEST_SERIAL_BYTES).contains(&bytes.len()) {
        Ok(hex::encode_upper(bytes))
    } else {
        Err(CertificateError::Serial)
    }
}

/// Whether a certificate can have this serial.
pub(super) fn is_serial(text: &str) -> bool {
    (1..=2 * LONGEST_SERIAL_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
