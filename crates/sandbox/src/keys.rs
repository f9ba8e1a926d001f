//! RSA keys of both sides, and the armour that files of them wear.
//!
//! Written for the gateways' side alone, on purpose: the merchant's side has its own, and the two check each other.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::SandboxError;

/// A private key, able to sign.
pub(crate) struct SigningKey(RsaKeyPair);

impl SigningKey {
    /// From bare base64 of PKCS#8.
    pub(crate) fn read(text: &str) -> Result<Self, SandboxError> {
        BASE64_STANDARD
            .decode(text)
            .ok()
            .and_then(|der| RsaKeyPair::from_pkcs8(&der).ok())
            .map(Self)
            .ok_or(SandboxError::Key("private key cannot be read"))
    }

    /// The signature as base64.
    pub(crate) fn sign(&self, content: &[u8]) -> Result<String, SandboxError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign_digest(&RSA_PKCS1_SHA256, &digest(&SHA256, content), &mut signature)
            .map_err(|_| SandboxError::Key("private key cannot sign"))?;
        Ok(BASE64_STANDARD.encode(signature))
    }
}

/// A public key, able to verify.
pub(crate) struct VerifyingKey(UnparsedPublicKey<Vec<u8>>);

impl VerifyingKey {
    /// From bare base64 of an SPKI.
    pub(crate) fn read(text: &str) -> Result<Self, SandboxError> {
        BASE64_STANDARD
            .decode(text)
            .map(|der| Self(UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)))
            .map_err(|_| SandboxError::Key("public key cannot be read"))
    }

    pub(crate) fn verifies(&self, content: &[u8], signature: &str) -> bool {
        BASE64_STANDARD
            .decode(signature)
            .is_ok_and(|signature| self.0.verify(content, &signature).is_ok())
    }
}

/// Both halves of one key as bare base64: PKCS#8 and SPKI.
pub(crate) struct NewKey {
    pub(crate) private: String,
    pub(crate) public: String,
}

/// Makes an RSA key of 2048 bits; takes a good part of a second, so never on an async thread.
pub(crate) fn generate() -> Result<NewKey, SandboxError> {
    let failed = |_| SandboxError::Key("keys cannot be made");
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
    Ok(NewKey {
        private: BASE64_STANDARD.encode(private.as_ref()),
        public: BASE64_STANDARD.encode(public.as_ref()),
    })
}

/// The public half of a private key: bare base64 of PKCS#8 and of an SPKI.
pub(crate) fn public_of(private: &str) -> Result<String, SandboxError> {
    let failed = SandboxError::Key("private key cannot be read");
    let der = BASE64_STANDARD.decode(private).map_err(|_| failed)?;
    let failed = |_| SandboxError::Key("private key cannot be read");
    let pair = RsaKeyPair::from_pkcs8(&der).map_err(failed)?;
    let failed = |_| SandboxError::Key("private key cannot be read");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
    Ok(BASE64_STANDARD.encode(public.as_ref()))
}

/// PEM around base64: 64 characters a line.
pub(crate) fn armoured(label: &str, base64: &str) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = base64;
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
