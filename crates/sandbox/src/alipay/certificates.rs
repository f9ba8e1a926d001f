//! Certificate mode: a small chain of the sandbox's own (a root, Alipay's certificate, the
//! application's), the numbers that calls and answers carry, and
//! `alipay.open.app.alipaycert.download`.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SerialNumber, SigningKey, date_time_ymd,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Serialize};
use tollgate_kernel::entropy::Entropy;

use super::answer::{self, Fault, Refusal};
use super::request::Request;
use crate::keys::armoured;
use crate::{Sandbox, SandboxError};

/// As the files are called when they are downloaded from Alipay's console.
pub(crate) const APP_FILE: &str = "appCertPublicKey.crt";
pub(crate) const ALIPAY_FILE: &str = "alipayCertPublicKey_RSA2.crt";
pub(crate) const ROOT_FILE: &str = "alipayRootCert.crt";

const ROOT_NAME: &str = "Tollgate Sandbox Root R1";

/// A certificate and its number at Alipay.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Certificate {
    pem: String,
    /// Lower-case hex of MD5 over the issuer's name and the serial number in decimal digits.
    sn: String,
}

/// Everything of certificate mode, as kept in the file.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Chain {
    /// The application in certificate mode: a real one is in one mode or the other.
    pub(super) app_id: String,
    root_private: String,
    /// The whole root file: an RSA root, and one of another kind that is not counted.
    roots: String,
    root_sn: String,
    app: Certificate,
    /// Newest last. Older ones can still be asked for.
    alipay: Vec<Certificate>,
}

impl Chain {
    /// A new chain over keys that exist: bare base64 of PKCS#8.
    pub(super) fn make(
        app_id: String,
        app_private: &str,
        alipay_private: &str,
        root_private: String,
        entropy: &Entropy,
    ) -> Result<Self, SandboxError> {
        let root_key = key(&root_private)?;
        let serial = serial(entropy);
        let root = root_params(ROOT_NAME, serial).self_signed(&root_key);
        let root = root.map_err(broken)?;
        // The real file also holds roots of other kinds, which must not be counted.
        let other = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(broken)?;
        let other = root_params("Tollgate Sandbox EC Root", self::serial(entropy))
            .self_signed(&other)
            .map_err(broken)?;
        let mut chain = Self {
            app_id,
            root_private,
            roots: format!("{}\n{}", pem(root.der()), pem(other.der())),
            root_sn: number(ROOT_NAME, serial),
            app: Certificate {
                pem: String::new(),
                sn: String::new(),
            },
            alipay: Vec::new(),
        };
        chain.app = chain.issue("sandbox-app", app_private, entropy)?;
        chain.renew(alipay_private, entropy)?;
        Ok(chain)
    }

    /// A new certificate of Alipay's over a new key, under the same root.
    pub(super) fn renew(
        &mut self,
        alipay_private: &str,
        entropy: &Entropy,
    ) -> Result<(), SandboxError> {
        let certificate = self.issue("sandbox-alipay", alipay_private, entropy)?;
        self.alipay.push(certificate);
        Ok(())
    }

    fn issue(
        &self,
        name: &str,
        private: &str,
        entropy: &Entropy,
    ) -> Result<Certificate, SandboxError> {
        let (subject, root_key, serial) =
            (key(private)?, key(&self.root_private)?, serial(entropy));
        let root = root_params(ROOT_NAME, 1);
        let issuer = Issuer::from_params(&root, &root_key);
        let certificate = params(name, "Shop", serial).signed_by(&subject, &issuer);
        Ok(Certificate {
            pem: pem(certificate.map_err(broken)?.der()),
            sn: number(ROOT_NAME, serial),
        })
    }

    /// The certificate that answers are signed under now.
    pub(super) fn alipay(&self) -> &str {
        self.alipay.last().map_or("", |newest| newest.pem.as_str())
    }

    /// Its number, which answers carry.
    pub(super) fn alipay_sn(&self) -> &str {
        self.alipay.last().map_or("", |newest| newest.sn.as_str())
    }

    /// One of the three files a merchant downloads.
    pub(super) fn file(&self, name: &str) -> Option<&str> {
        match name {
            APP_FILE => Some(&self.app.pem),
            ALIPAY_FILE => Some(self.alipay()),
            ROOT_FILE => Some(&self.roots),
            _ => None,
        }
    }

    /// Both numbers are required of an application in this mode, and must be its own.
    pub(super) fn check(&self, request: &Request) -> Result<(), Refusal> {
        let expect = |name, own: &str, missing, wrong| match request.get(name) {
            None => Err(Refusal::missing(missing, format!("缺少参数: {name}"))),
            Some(given) if given == own => Ok(()),
            Some(_) => Err(Refusal::invalid(wrong, format!("无效的参数: {name}"))),
        };
        expect(
            "app_cert_sn",
            &self.app.sn,
            "isv.missing-app-cert-sn",
            "isv.invalid-app-cert-sn",
        )?;
        expect(
            "alipay_root_cert_sn",
            &self.root_sn,
            "isv.missing-root-cert-sn",
            "isv.invalid-root-cert-sn",
        )
    }
}

#[derive(Deserialize)]
struct Asked {
    alipay_cert_sn: String,
}

#[derive(Serialize)]
struct Content {
    alipay_cert_content: String,
}

/// `alipay.open.app.alipaycert.download`: the text of a certificate file, by its number.
pub(super) fn download(chain: &Chain, request: &Request) -> Result<String, Fault> {
    let asked: Asked = request.content()?;
    let found = chain
        .alipay
        .iter()
        .find(|known| known.sn == asked.alipay_cert_sn);
    let found = found.ok_or_else(|| Refusal::business("CERT_NOT_FOUND", "证书不存在"))?;
    Ok(answer::success(Content {
        alipay_cert_content: BASE64_STANDARD.encode(&found.pem),
    }))
}

/// `GET /sandbox/alipay/certificates/{name}`: public halves only.
pub(crate) async fn serve(State(sandbox): State<Sandbox>, Path(name): Path<String>) -> Response {
    let identity = sandbox.inner.alipay.identity();
    let Some(text) = identity.chain().file(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text.to_owned()).into_response()
}

fn root_params(name: &str, serial: u64) -> CertificateParams {
    let mut root = params(name, "CA", serial);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root
}

fn params(name: &str, unit: &str, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in [
        (DnType::CountryName, "CN"),
        (DnType::OrganizationName, "Tollgate"),
        (DnType::OrganizationalUnitName, unit),
        (DnType::CommonName, name),
    ] {
        params.distinguished_name.push(kind, value);
    }
    params.serial_number = Some(SerialNumber::from(serial));
    // Far apart, so that a handed-in clock may stand anywhere.
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params
}

/// As `params` names an issuer, written as in RFC 2253: the last element first.
fn number(issuer: &str, serial: u64) -> String {
    hex::encode(Md5::digest(format!(
        "CN={issuer},OU=CA,O=Tollgate,C=CN{serial}"
    )))
}

/// Up to 18 digits, never zero.
fn serial(entropy: &Entropy) -> u64 {
    entropy.below(1_000_000_000_000_000_000).max(1)
}

fn key(private: &str) -> Result<impl SigningKey + use<>, SandboxError> {
    let der = BASE64_STANDARD.decode(private).map_err(|_| BROKEN)?;
    KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(der), &PKCS_RSA_SHA256)
        .map_err(broken)
}

const BROKEN: SandboxError = SandboxError::Key("certificates cannot be made");

fn broken(_: rcgen::Error) -> SandboxError {
    BROKEN
}

fn pem(der: &[u8]) -> String {
    armoured("CERTIFICATE", &BASE64_STANDARD.encode(der))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    #[test]
    fn a_number_is_the_hash_of_the_issuer_and_the_serial_in_decimal() {
        // `printf 'CN=Tollgate Sandbox Root R1,OU=CA,O=Tollgate,C=CN12345' | md5sum`
        assert_eq!(
            number(ROOT_NAME, 12_345),
            "974c722d35d38f1140d35c321feac531"
        );
    }

    #[test]
    fn a_new_key_comes_with_a_new_certificate_and_the_old_one_can_still_be_had() {
        let keys: Vec<_> = (0..3)
            .map(|_| keys::generate().expect("a key").private)
            .collect();
        let entropy = Entropy::seeded(1);
        let made = Chain::make(
            "app".to_owned(),
            &keys[0],
            &keys[1],
            keys[2].clone(),
            &entropy,
        );
        let mut chain = made.expect("a chain");
        let (sn, pem) = (chain.alipay_sn().to_owned(), chain.alipay().to_owned());
        chain.renew(&keys[0], &entropy).expect("renewed");
        assert_ne!(chain.alipay_sn(), sn);
        assert_ne!(chain.alipay(), pem);
        assert!(
            chain
                .alipay
                .iter()
                .any(|old| old.sn == sn && old.pem == pem)
        );
        assert_eq!(chain.roots.matches("BEGIN CERTIFICATE").count(), 2);
        for name in [APP_FILE, ALIPAY_FILE, ROOT_FILE] {
            assert!(
                chain
                    .file(name)
                    .is_some_and(|text| text.ends_with("-----END CERTIFICATE-----\n"))
            );
        }
        assert_eq!(chain.file("../sandbox.db"), None);
    }
}
