//! A private key that its owner brings along: PEM, its algorithm told from the key itself.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::key::rsa_pkcs8;
use crate::config::JwtAlgorithm;

/// Below this RSA is refused (RFC 7518 §3.3): 2048 bits.
const SHORTEST_MODULUS_BYTES: usize = 256;
/// Above this the checks of others give up: 8192 bits.
const LONGEST_MODULUS_BYTES: usize = 1_024;

/// A private key of one's own. `Debug` shows its algorithm only.
///
/// ```
/// use tollgate_auth::{JwtAlgorithm, OwnKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use base64::Engine as _;
/// # let der = aws_lc_rs::signature::Ed25519KeyPair::generate()?.to_pkcs8v1()?;
/// # let der = base64::prelude::BASE64_STANDARD.encode(der.as_ref());
/// # let dashes = "-".repeat(5);
/// # let kind = ["PRIVATE", "KEY"].join(" ");
/// # let pem = format!("{dashes}BEGIN {kind}{dashes}\n{der}\n{dashes}END {kind}{dashes}\n");
/// // `openssl genpkey -algorithm ed25519`
/// let key = OwnKey::from_pem(&pem)?;
/// assert_eq!(key.algorithm(), JwtAlgorithm::EdDsa);
/// assert_eq!(format!("{key:?}"), "OwnKey(EdDSA)");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct OwnKey {
    algorithm: JwtAlgorithm,
    pkcs8: Arc<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnKey({})", self.algorithm.as_str())
    }
}

/// Why a key is not taken. No variant holds any part of it.
///
/// ```
/// use tollgate_auth::{OwnKey, OwnKeyError};
///
/// assert_eq!(OwnKey::from_pem("no key").unwrap_err(), OwnKeyError::Unreadable);
/// let public = "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n";
/// assert_eq!(OwnKey::from_pem(public).unwrap_err(), OwnKeyError::Public);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnKeyError {
    /// A PEM that asks for a password.
    #[error("is encrypted: decrypt it first (openssl pkey -in key.pem -out plain.pem)")]
    Encrypted,
    /// The half that everybody may have.
    #[error("is a public key or a certificate: the private key is needed")]
    Public,
    /// No PEM, or of no key that signs tokens.
    #[error("is not a private key in PEM: RSA, P-256 or Ed25519")]
    Unreadable,
    /// RSA outside 2048 to 8192 bits.
    #[error("is an RSA key outside 2048 to 8192 bits")]
    Length,
    /// An elliptic curve that is not P-256.
    #[error("is on another curve than P-256, which ES256 asks for")]
    Curve,
}

impl OwnKey {
    /// From PEM: PKCS#8, PKCS#1 (`RSA PRIVATE KEY`) or SEC1 (`EC PRIVATE KEY`).
    ///
    /// # Errors
    /// [`OwnKeyError`].
    pub fn from_pem(pem: &str) -> Result<Self, OwnKeyError> {
        if pem.contains("ENCRYPTED") {
            return Err(OwnKeyError::Encrypted);
        }
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            if pem.contains("PUBLIC KEY") || pem.contains("BEGIN CERTIFICATE") {
                OwnKeyError::Public
            } else {
                OwnKeyError::Unreadable
            }
        })?;
        let (algorithm, pkcs8) = match &der {
            PrivateKeyDer::Pkcs1(der) => {
                let pair = RsaKeyPair::from_der(der.secret_pkcs1_der());
                rsa(&pair.map_err(|_| OwnKeyError::Unreadable)?)?
            }
            PrivateKeyDer::Sec1(der) => curve(|signing| {
                EcdsaKeyPair::from_private_key_der(signing, der.secret_sec1_der()).ok()
            })?,
            PrivateKeyDer::Pkcs8(der) => pkcs8(der.secret_pkcs8_der())?,
            _ => return Err(OwnKeyError::Unreadable),
        };
        Ok(Self {
            algorithm,
            pkcs8: Arc::new(pkcs8),
        })
    }

    /// By which it signs.
    pub fn algorithm(&self) -> JwtAlgorithm {
        self.algorithm
    }

    pub(super) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

type Told = (JwtAlgorithm, Zeroizing<Vec<u8>>);

fn pkcs8(der: &[u8]) -> Result<Told, OwnKeyError> {
    if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
        return rsa(&pair);
    }
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
        let bytes = pair.to_pkcs8v1().map_err(|_| OwnKeyError::Unreadable)?;
        let bytes = Zeroizing::new(bytes.as_ref().to_vec());
        return Ok((JwtAlgorithm::EdDsa, bytes));
    }
    curve(|signing| EcdsaKeyPair::from_pkcs8(signing, der).ok())
}

fn rsa(pair: &RsaKeyPair) -> Result<Told, OwnKeyError> {
    if !(SHORTEST_MODULUS_BYTES..=LONGEST_MODULUS_BYTES).contains(&pair.public_modulus_len()) {
        return Err(OwnKeyError::Length);
    }
    let bytes = rsa_pkcs8(pair).ok_or(OwnKeyError::Unreadable)?;
    Ok((JwtAlgorithm::Rs256, bytes))
}

/// A key on P-256; one on another curve is told apart from what is no key at all.
fn curve(
    open: impl Fn(&'static aws_lc_rs::signature::EcdsaSigningAlgorithm) -> Option<EcdsaKeyPair>,
) -> Result<Told, OwnKeyError> {
    if let Some(pair) = open(&ECDSA_P256_SHA256_FIXED_SIGNING) {
        let bytes = pair.to_pkcs8v1().map_err(|_| OwnKeyError::Unreadable)?;
        let bytes = Zeroizing::new(bytes.as_ref().to_vec());
        return Ok((JwtAlgorithm::Es256, bytes));
    }
    let others = [
        &ECDSA_P384_SHA384_FIXED_SIGNING,
        &ECDSA_P521_SHA512_FIXED_SIGNING,
    ];
    Err(if others.into_iter().any(|other| open(other).is_some()) {
        OwnKeyError::Curve
    } else {
        OwnKeyError::Unreadable
    })
}
