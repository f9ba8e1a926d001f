//! Certificates as Alipay hands them out: several in a file, each with the number Alipay knows it by.
//!
//! X.509 itself is read by x509-parser; here is only what Alipay adds.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RsaParameters, UnparsedPublicKey,
};
use md5::{Digest as _, Md5};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tollgate_kernel::clock::Timestamp;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

use crate::providers::keys::{KeyError, Verifier};

/// The longest way from a certificate up to a root.
const LONGEST_CHAIN: usize = 5;
/// More than any file of Alipay's holds; what holds more is refused, not cut.
const MOST_CERTIFICATES: usize = 32;
/// Every signature algorithm with RSA begins so; roots with others (SM2, EC) have no part in the number.
const RSA: &str = "1.2.840.113549.1.1.";

/// Why certificates are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CertificateError {
    /// No PEM, or one that holds no X.509 certificate.
    #[error("holds no readable certificate: give the path of the .crt file or its PEM text")]
    Unreadable,
    /// A file that cannot be read.
    #[error("the file {0} cannot be read")]
    File(String),
    /// No root signs with RSA.
    #[error("holds no certificate that is signed with RSA: give alipayRootCert.crt")]
    NoRsaRoot,
    /// The key in it.
    #[error("the certificate's key: {0}")]
    Key(KeyError),
}

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    der: CertificateDer<'static>,
    /// As Alipay counts certificates.
    pub(super) number: String,
    /// From then on it may be used.
    pub(super) not_before: Timestamp,
    /// After that no more.
    pub(super) not_after: Timestamp,
    /// Whose it is.
    pub(super) organization: Option<String>,
    signed_with_rsa: bool,
}

impl Certificate {
    fn read(der: CertificateDer<'static>) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(&der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let text = format!(
            "{}{}",
            name(parsed.issuer())?,
            parsed.tbs_certificate.serial
        );
        let algorithm = parsed.signature_algorithm.algorithm.to_id_string();
        let validity = parsed.validity();
        let number = hex::encode(Md5::digest(text.as_bytes()));
        let organization = parsed.subject().iter_organization().next();
        let organization = organization.and_then(|one| one.as_str().ok().map(str::to_owned));
        let signed_with_rsa = algorithm.starts_with(RSA);
        let not_before = Timestamp::from_seconds(validity.not_before.timestamp())?;
        let not_after = Timestamp::from_seconds(validity.not_after.timestamp())?;
        Some(Self {
            der,
            number,
            not_before,
            not_after,
            organization,
            signed_with_rsa,
        })
    }

    /// The key in it.
    ///
    /// # Errors
    /// No RSA key, or too short a one.
    pub(super) fn key(&self) -> Result<Verifier, CertificateError> {
        let (_, parsed) =
            X509Certificate::from_der(&self.der).map_err(|_| CertificateError::Unreadable)?;
        Verifier::from_der(parsed.public_key().raw).map_err(CertificateError::Key)
    }

    /// Whether the holder of `issuer` signed this one.
    fn is_signed_by(&self, issuer: &Self) -> bool {
        let (Ok((_, own)), Ok((_, above))) = (
            X509Certificate::from_der(&self.der),
            X509Certificate::from_der(&issuer.der),
        ) else {
            return false;
        };
        let Some(algorithm) = algorithm(&own) else {
            return false;
        };
        // The algorithm is named twice, once outside of what is signed (RFC 5280 §4.1.1.2).
        let once = own.signature_algorithm == own.tbs_certificate.signature
            && own.signature_value.unused_bits == 0;
        once && own.issuer().as_raw() == above.subject().as_raw()
            && UnparsedPublicKey::new(algorithm, &above.public_key().subject_public_key.data)
                .verify(own.tbs_certificate.as_ref(), &own.signature_value.data)
                .is_ok()
    }

    /// Whether it may sign others.
    fn is_authority(&self) -> bool {
        X509Certificate::from_der(&self.der).is_ok_and(|(_, parsed)| parsed.is_ca())
    }
}

fn algorithm(certificate: &X509Certificate<'_>) -> Option<&'static RsaParameters> {
    match certificate
        .signature_algorithm
        .algorithm
        .to_id_string()
        .as_str()
    {
        "1.2.840.113549.1.1.11" => Some(&RSA_PKCS1_2048_8192_SHA256),
        "1.2.840.113549.1.1.12" => Some(&RSA_PKCS1_2048_8192_SHA384),
        "1.2.840.113549.1.1.13" => Some(&RSA_PKCS1_2048_8192_SHA512),
        _ => None,
    }
}

/// What a file holds, in its order; never none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificates(Vec<Certificate>);

impl Certificates {
    /// From PEM text, or from the path of a file that holds it.
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
    /// A part that is no certificate: half a file is worse than none.
    pub(super) fn read(pem: &[u8]) -> Result<Self, CertificateError> {
        let certificates = CertificateDer::pem_slice_iter(pem)
            .take(MOST_CERTIFICATES.saturating_add(1))
            .map(|der| der.ok().and_then(Certificate::read))
            .collect::<Option<Vec<_>>>()
            .filter(|all| (1..=MOST_CERTIFICATES).contains(&all.len()));
        certificates.map(Self).ok_or(CertificateError::Unreadable)
    }

    /// The first: whose file it is. The others are those above it.
    pub(super) fn own(&self) -> &Certificate {
        self.0
            .first()
            .expect("made with at least one, and never changed")
    }

    /// `alipay_root_cert_sn`: the numbers of those signed with RSA.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn root_number(&self) -> Result<String, CertificateError> {
        let numbers: Vec<_> = self
            .0
            .iter()
            .filter(|root| root.signed_with_rsa)
            .map(|root| root.number.as_str())
            .collect();
        if numbers.is_empty() {
            return Err(CertificateError::NoRsaRoot);
        }
        Ok(numbers.join("_"))
    }

    /// When the first of them that counts is at its end.
    pub(super) fn expire_at(&self) -> Option<Timestamp> {
        let counted = self.0.iter().filter(|root| root.signed_with_rsa);
        counted.map(|root| root.not_after).min()
    }

    /// With others that may stand between these and a root.
    pub(super) fn beside(mut self, others: &Self) -> Self {
        self.0.extend_from_slice(&others.0);
        self
    }

    /// Whether the first leads up to one of `roots` by signatures of authorities, all of them in
    /// force at `now`.
    pub(super) fn lead_to(&self, roots: &Self, now: Timestamp) -> bool {
        let in_force = |one: &Certificate| one.not_before <= now && now < one.not_after;
        let mut at = self.own();
        for _ in 0..LONGEST_CHAIN {
            if !in_force(at) {
                return false;
            }
            let above = |one: &&Certificate| one.is_authority() && at.is_signed_by(one);
            if let Some(root) = roots.0.iter().find(above) {
                return in_force(root);
            }
            match self.0.iter().filter(|one| *one != at).find(above) {
                Some(next) => at = next,
                None => return false,
            }
        }
        false
    }
}

/// A name as RFC 2253 writes it: the last part first, no blanks between.
fn name(name: &X509Name<'_>) -> Option<String> {
    let parts: Vec<_> = name.iter_rdn().collect();
    let mut text = String::new();
    for part in parts.into_iter().rev() {
        if !text.is_empty() {
            text.push(',');
        }
        for (index, attribute) in part.iter().enumerate() {
            if index > 0 {
                text.push('+');
            }
            let oid = attribute.attr_type().to_id_string();
            if let Some(word) = keyword(&oid) {
                text.push_str(word);
                text.push('=');
                escape(attribute.as_str().ok()?, &mut text);
            } else {
                // Without a keyword: the number, and the value as it is encoded.
                text.push_str(&oid);
                text.push_str("=#");
                text.push_str(&hex::encode(encoded(attribute.attr_value())?));
            }
        }
    }
    Some(text)
}

/// Tag, length and content, as they stand in the certificate.
fn encoded(value: &x509_parser::asn1_rs::Any<'_>) -> Option<Vec<u8>> {
    use x509_parser::asn1_rs::ToDer as _;
    value.to_der_vec().ok()
}

fn keyword(oid: &str) -> Option<&'static str> {
    match oid {
        "2.5.4.3" => Some("CN"),
        "2.5.4.6" => Some("C"),
        "2.5.4.7" => Some("L"),
        "2.5.4.8" => Some("ST"),
        "2.5.4.9" => Some("STREET"),
        "2.5.4.10" => Some("O"),
        "2.5.4.11" => Some("OU"),
        "0.9.2342.19200300.100.1.1" => Some("UID"),
        "0.9.2342.19200300.100.1.25" => Some("DC"),
        _ => None,
    }
}

fn escape(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, char) in value.chars().enumerate() {
        let at_an_end =
            (char == ' ' && (index == 0 || index == last)) || (char == '#' && index == 0);
        if at_an_end || matches!(char, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            text.push('\\');
        }
        text.push(char);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn vector(name: &str) -> String {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/alipay.json"))
                .expect("vectors");
        let text = vectors["alipay_cert_sn"][name].as_str();
        text.expect("a text").to_owned()
    }

    fn pem(name: &str) -> Certificates {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/certificates.json"))
                .expect("vectors");
        Certificates::load(vectors[name].as_str().expect("a text")).expect("certificates")
    }

    fn signed_part(certificate: &Certificate) -> Vec<u8> {
        let (_, parsed) = X509Certificate::from_der(&certificate.der).expect("read before");
        parsed.tbs_certificate.as_ref().to_vec()
    }

    fn moment(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).expect("a moment")
    }

    #[test]
    fn numbers_are_those_of_the_official_kits() {
        let app = Certificates::load(&vector("app_cert_pem")).expect("a certificate");
        assert_eq!(app.own().number, vector("app_cert_sn"));
        // A root with another algorithm stands in the file and not in the number.
        let roots = Certificates::load(&vector("root_pem")).expect("certificates");
        assert_eq!(roots.0.len(), 2);
        assert_eq!(roots.root_number(), Ok(vector("alipay_root_cert_sn")));
        let hashed = vector("hashed_text");
        assert_eq!(
            app.own().number,
            hex::encode(Md5::digest(hashed.as_bytes()))
        );
    }

    #[test]
    fn files_may_have_other_ends_of_lines_and_blank_lines() {
        let app = vector("app_cert_pem");
        let number = vector("app_cert_sn");
        let root = vector("root_pem");
        for text in [
            app.replace('\n', "\r\n"),
            format!("\n\n{app}\n\n\n{root}"),
            app.replace('\n', "\\n"),
            format!("  {app}"),
        ] {
            let read = Certificates::load(&text).expect("a certificate");
            assert_eq!(read.own().number, number, "{text:?}");
        }
        for text in [
            "",
            "-----BEGIN CERTIFICATE-----",
            &app[..200],
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        ] {
            assert!(Certificates::load(text).is_err(), "{text:?}");
        }
        let half = app.replace("MIICUDCC", "MIICUDCD");
        assert!(Certificates::load(&format!("{app}{half}")).is_err());
    }

    #[test]
    fn a_certificate_is_believed_up_to_the_root_only() {
        let (roots, now) = (pem("root_pem"), moment(1_800_000_000));
        assert!(pem("alipay_pem").lead_to(&roots, now));
        assert!(pem("alipay_next_pem").lead_to(&roots, now));
        // Another root of the same name, a certificate signed by one that is no authority, and
        // the way up left out.
        assert!(!pem("forged_pem").lead_to(&roots, now));
        assert!(!pem("below_a_leaf_pem").lead_to(&roots, now));
        let alone = Certificates(vec![pem("alipay_pem").own().clone()]);
        assert!(!alone.lead_to(&roots, now));
        // Out of its time.
        assert!(!pem("alipay_pem").lead_to(&roots, moment(1_600_000_000)));
        assert!(!pem("alipay_pem").lead_to(&roots, moment(3_600_000_000)));
    }

    #[test]
    fn a_name_is_written_as_rfc_2253_wants_it() {
        let mut text = String::new();
        escape(" #a,b+c\"d\\e<f>g;h#i ", &mut text);
        assert_eq!(text, "\\ #a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h#i\\ ");
        text.clear();
        escape("#专业", &mut text);
        assert_eq!(text, "\\#专业");
    }

    proptest! {
        #[test]
        fn inv_s1_any_bytes_are_no_certificate_and_nothing_breaks(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(Certificate::read(CertificateDer::from(bytes.clone())).is_none());
            prop_assert!(Certificates::read(&bytes).is_err());
        }

        /// One wrong byte: nothing breaks, and it leads to no root, unless it stands around what is signed
        /// and not in it (the parser takes some other tags there).
        #[test]
        fn inv_s1_a_damaged_certificate_leads_nowhere(at in 0_usize..2_000, value in any::<u8>()) {
            let genuine = pem("alipay_pem");
            let mut der = genuine.own().der.to_vec();
            let at = at % der.len();
            prop_assume!(der[at] != value);
            der[at] = value;
            if let Some(damaged) = Certificate::read(CertificateDer::from(der)) {
                let same = signed_part(&damaged) == signed_part(genuine.own());
                let mut all = genuine.0;
                all[0] = damaged;
                let leads = Certificates(all).lead_to(&pem("root_pem"), moment(1_800_000_000));
                prop_assert!(same || !leads);
            }
        }
    }
}
