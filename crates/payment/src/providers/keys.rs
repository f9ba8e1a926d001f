//! RSA keys in every form in which merchants get them: a path, PEM, PEM with `\n` written out, or
//! bare base64; PKCS#8 or PKCS#1 whatever the label says.

use std::fmt;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, PublicEncryptingKey, PublicKey};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

/// Below this RSA is refused: 2048 bits.
const SHORTEST_MODULUS_BYTES: usize = 256;

/// Why a key is not taken.
///
/// ```
/// # use tollgate_payment::providers::KeyError;
/// assert_eq!(KeyError::File("/etc/key.pem".to_owned()).to_string(), "the file /etc/key.pem cannot be read");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A file that cannot be read.
    #[error("the file {0} cannot be read")]
    File(String),
    /// A PEM that asks for a password.
    #[error("the key is encrypted: decrypt it first (openssl pkcs8 -in key.pem -out plain.pem)")]
    Encrypted,
    /// Neither PEM nor base64 of a key.
    #[error("not an RSA key: give a path, PEM text or bare base64")]
    Unreadable,
    /// Below 2048 bits.
    #[error("RSA keys below 2048 bits are refused")]
    TooShort,
}

/// Signs with SHA256withRSA (PKCS#1 v1.5), base64 with padding.
pub(crate) struct Signer(KeyPair);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// # Errors
    /// [`KeyError`].
    pub(crate) fn load(text: &SecretString) -> Result<Self, KeyError> {
        let der = der(text.expose_secret())?;
        let pair = KeyPair::from_pkcs8(&der)
            .or_else(|_| KeyPair::from_der(&der))
            .map_err(|_| KeyError::Unreadable)?;
        if pair.public_modulus_len() < SHORTEST_MODULUS_BYTES {
            return Err(KeyError::TooShort);
        }
        Ok(Self(pair))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "PKCS#1 v1.5 is deterministic: the generator only blinds"
    )]
    pub(crate) fn sign(&self, text: &[u8]) -> String {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text,
                &mut signature,
            )
            .expect("the buffer has the length of the key's modulus");
        BASE64_STANDARD.encode(signature)
    }

    /// Whether `key` is the public half of this one.
    pub(crate) fn is_half_of(&self, key: &Verifier) -> bool {
        self.0.public_key().as_ref() == key.pkcs1
    }
}

/// Checks SHA256withRSA (PKCS#1 v1.5).
pub(crate) struct Verifier {
    pkcs1: Vec<u8>,
    /// Read once: reading it takes longer than a check.
    parsed: ParsedPublicKey,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

impl Verifier {
    /// # Errors
    /// [`KeyError`].
    pub(crate) fn load(text: &str) -> Result<Self, KeyError> {
        Self::from_der(&der(text)?)
    }

    /// From the bytes of a `SubjectPublicKeyInfo` (as a certificate holds it) or PKCS#1.
    ///
    /// # Errors
    /// [`KeyError`].
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = PublicKey::from_der(der).map_err(|_| KeyError::Unreadable)?;
        let spki: PublicKeyX509Der<'_> = key.as_der().map_err(|_| KeyError::Unreadable)?;
        let size = PublicEncryptingKey::from_der(spki.as_ref())
            .map_err(|_| KeyError::Unreadable)?
            .key_size_bytes();
        if size < SHORTEST_MODULUS_BYTES {
            return Err(KeyError::TooShort);
        }
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.as_ref())
            .map_err(|_| KeyError::Unreadable)?;
        Ok(Self {
            pkcs1: key.as_ref().to_vec(),
            parsed,
        })
    }

    /// Whether `signature` (base64, strictly) is over `text`.
    pub(crate) fn verifies(&self, text: &[u8], signature: &str) -> bool {
        let Ok(signature) = BASE64_STANDARD.decode(signature) else {
            return false;
        };
        self.parsed.verify_sig(text, &signature).is_ok()
    }
}

/// The bytes of a key, from whichever of its dresses.
fn der(text: &str) -> Result<Vec<u8>, KeyError> {
    let text = text.trim();
    let file;
    let text = if is_path(text) {
        file = std::fs::read_to_string(text).map_err(|_| KeyError::File(text.to_owned()))?;
        file.trim()
    } else {
        text
    };
    let text = text.replace("\\n", "\n");
    if text.contains("ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    let body: String = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("-----") && !line.contains(':'))
        .collect();
    let body: String = body.chars().filter(|char| !char.is_whitespace()).collect();
    if body.is_empty() {
        return Err(KeyError::Unreadable);
    }
    BASE64_STANDARD
        .decode(body)
        .map_err(|_| KeyError::Unreadable)
}

/// Base64 may hold slashes, so a path is told by its ending, its beginning, or by being there.
fn is_path(text: &str) -> bool {
    if text.contains('\n') || text.contains("-----") || text.len() > 4_096 {
        return false;
    }
    let ending = Path::new(text)
        .extension()
        .and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ["pem", "key", "txt", "crt", "cer", "der"].contains(&ending))
        || text.starts_with("./")
        || text.starts_with("../")
        || (text.len() < 300 && Path::new(text).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/vectors/rsa_key.json")).expect("vectors")
    }

    fn word(name: &str) -> String {
        vectors()[name].as_str().expect("a text").to_owned()
    }

    fn pem(label: &str, base64: &str, newline: &str) -> String {
        let lines: Vec<String> = base64
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        let dashes = "-".repeat(5);
        format!(
            "{dashes}BEGIN {label}{dashes}{newline}{}{newline}{dashes}END {label}{dashes}{newline}",
            lines.join(newline)
        )
    }

    #[test]
    fn a_key_is_taken_in_every_dress() {
        let bare = word("rsa_private_pkcs8_base64");
        let public = word("rsa_public_spki_base64");
        let verifier = Verifier::load(&public).expect("the public half");
        let folder = std::env::temp_dir().join(format!("tollgate-keys-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("private.pem");
        std::fs::write(&file, pem("RSA PRIVATE KEY", &bare, "\r\n")).expect("a file");
        for text in [
            bare.clone(),
            format!("  {bare}\n"),
            pem("PRIVATE KEY", &bare, "\n"),
            pem("PRIVATE KEY", &bare, "\\n"),
            // The wrong label, as people glue it on.
            pem("RSA PRIVATE KEY", &bare, "\n"),
            file.display().to_string(),
        ] {
            let signer = Signer::load(&text.into()).expect("a key");
            assert!(signer.is_half_of(&verifier));
            let signature = signer.sign(b"text");
            assert!(verifier.verifies(b"text", &signature));
            assert!(!verifier.verifies(b"texts", &signature));
            assert!(!verifier.verifies(b"text", ""));
            assert!(!verifier.verifies(b"text", &signature.replace('=', "")));
        }
        std::fs::remove_dir_all(&folder).expect("gone");
    }

    #[test]
    fn what_is_no_key_says_why() {
        for (text, error) in [
            ("", KeyError::Unreadable),
            ("not a key", KeyError::Unreadable),
            ("QUJD", KeyError::Unreadable),
            ("./nowhere.pem", KeyError::File("./nowhere.pem".to_owned())),
        ] {
            assert_eq!(
                Signer::load(&text.to_owned().into()).expect_err("no key"),
                error
            );
        }
        let encrypted = pem("ENCRYPTED PRIVATE KEY", "QUJD", "\n");
        assert_eq!(
            Signer::load(&encrypted.into()).expect_err("encrypted"),
            KeyError::Encrypted
        );
    }
}
