//! Certificates of both sides, and `GET /v3/certificates`. Self-signed ones: whoever reads them checks no chain, since
//! the `APIv3` key vouches for what it has encrypted.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256, SerialNumber,
    date_time_ymd,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tollgate_kernel::entropy::Entropy;

use super::aead;
use super::answer::{Done, Fault};
use crate::keys::{self, armoured};
use crate::{Sandbox, SandboxError};

const SERIAL_BYTES: usize = 20;
/// As the certificates themselves say it.
const FROM: &str = "2020-01-01T08:00:00+08:00";
const UNTIL: &str = "2049-12-31T08:00:00+08:00";

/// A key under a certificate.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Certified {
    /// Bare base64 of PKCS#8.
    pub(super) private: String,
    pub(super) pem: String,
    /// 40 upper-case hex digits.
    pub(super) serial: String,
}

impl Certified {
    /// Takes a good part of a second, so never on an async thread.
    pub(super) fn make(name: &str, entropy: &Entropy) -> Result<Self, SandboxError> {
        let broken = |_| SandboxError::Key("certificates cannot be made");
        let private = keys::generate()?.private;
        let der = BASE64_STANDARD
            .decode(&private)
            .map_err(|_| SandboxError::Key("certificates cannot be made"))?;
        let der = PrivatePkcs8KeyDer::from(der);
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_RSA_SHA256).map_err(broken)?;
        let mut serial = entropy.bytes::<SERIAL_BYTES>();
        // Above zero, and with all its digits.
        serial[0] = serial[0] % 0x70 + 0x10;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        // Far apart, so that a handed-in clock may stand anywhere.
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2049, 12, 31);
        let made = params.self_signed(&key).map_err(broken)?;
        Ok(Self {
            private,
            pem: armoured("CERTIFICATE", &BASE64_STANDARD.encode(made.der())),
            serial: hex::encode_upper(serial),
        })
    }
}

/// Every one of the platform's, the old beside the new.
pub(super) fn list(sandbox: &Sandbox) -> Result<Done, Fault> {
    let inner = &sandbox.inner;
    let identity = inner.wechat.identity();
    let sealed = |certificate: &Certified| {
        let pem = certificate.pem.as_bytes();
        let sealed = aead::seal(identity.api_key(), "certificate", pem, &inner.entropy)?;
        Ok(json!({
            "serial_no": certificate.serial,
            "effective_time": FROM,
            "expire_time": UNTIL,
            "encrypt_certificate": sealed,
        }))
    };
    let data: Result<Vec<Value>, SandboxError> = identity.platform().map(sealed).collect();
    Ok(Done::ok(&json!({ "data": data? })))
}
