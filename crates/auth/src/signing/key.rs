//! One key of access tokens: made or given, parsed once.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde_json::{Value, json};
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::signing_keys::StoredKey;
use zeroize::Zeroizing;

use crate::config::JwtAlgorithm;
use crate::model::token::{ACCESS, Claims};
use crate::{AuthConfig, AuthSetupError};

/// What private halves are sealed for.
pub(super) const PURPOSE: &str = "signing key";
/// RFC 9068 §2.1
pub(crate) const TOKEN_TYPE: &str = "at+jwt";
/// What the name of an owner's own key begins with; no name of a made one holds a dot.
const OWN: &str = "own.";

/// What every token must say, whichever key signed it.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) livemode: bool,
}

impl Terms {
    pub(super) fn of(config: &AuthConfig) -> Self {
        Self {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            livemode: config.livemode,
        }
    }
}

/// A private half, with its name: PKCS#8 of a key pair, or the secret itself.
pub(super) struct Material {
    pub(super) kid: String,
    pub(super) algorithm: JwtAlgorithm,
    pub(super) private: Zeroizing<Vec<u8>>,
}

impl Material {
    /// Its owner's.
    pub(super) fn own(master_key: &MasterKey, algorithm: JwtAlgorithm, private: &[u8]) -> Self {
        Self {
            kid: format!("{OWN}{}", kid(master_key, private)),
            algorithm,
            private: Zeroizing::new(private.to_vec()),
        }
    }

    /// A new one. RSA takes a moment, away from the threads that serve.
    pub(super) async fn make(
        master_key: &MasterKey,
        algorithm: JwtAlgorithm,
        entropy: &Entropy,
    ) -> Result<Self, AuthSetupError> {
        let private = if algorithm == JwtAlgorithm::Hs256 {
            Some(Zeroizing::new(entropy.bytes::<48>().to_vec()))
        } else {
            let made = tokio::task::spawn_blocking(move || pair(algorithm));
            made.await.ok().flatten()
        };
        let private = private.ok_or(AuthSetupError::NoKey)?;
        Ok(Self {
            kid: kid(master_key, &private),
            algorithm,
            private,
        })
    }

    /// As it rests.
    pub(super) fn stored(
        &self,
        master_key: &MasterKey,
        entropy: &Entropy,
    ) -> Result<StoredKey, AuthSetupError> {
        let jwk = jwk(&self.kid, self.algorithm, &self.private)?;
        Ok(StoredKey {
            kid: self.kid.clone(),
            algorithm: self.algorithm.as_str().to_owned(),
            public_jwk: jwk.unwrap_or_else(|| json!({})),
            private_sealed: master_key.seal(PURPOSE, &self.private, entropy),
        })
    }
}

/// Whether a key is one that its owner gave.
pub(super) fn is_own(kid: &str) -> bool {
    kid.starts_with(OWN)
}

/// Signs and checks, by one algorithm.
pub(super) struct Key {
    pub(super) kid: String,
    algorithm: Algorithm,
    livemode: bool,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    /// For others; a symmetric key has nothing to show.
    pub(super) public: Option<Value>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?} {})", self.algorithm, self.kid)
    }
}

impl Key {
    /// Parses a key, and tries both of its halves. The public half is made from the private one: who
    /// can write to the database cannot slip another in.
    pub(super) fn open(material: &Material, terms: &Terms) -> Result<Self, AuthSetupError> {
        let algorithm = algorithm(material.algorithm);
        let key = Self {
            kid: material.kid.clone(),
            algorithm,
            livemode: terms.livemode,
            encoding: encoding(material.algorithm, &material.private)?,
            decoding: decoding(material.algorithm, &material.private)?,
            validation: validation(algorithm, terms),
            public: jwk(&material.kid, material.algorithm, &material.private)?,
        };
        let tried = jsonwebtoken::crypto::sign(b"both halves", &key.encoding, algorithm).and_then(
            |signature| {
                jsonwebtoken::crypto::verify(&signature, b"both halves", &key.decoding, algorithm)
            },
        );
        match tried {
            Ok(true) => Ok(key),
            _ => Err(AuthSetupError::NoKey),
        }
    }

    /// A token that says `claims`.
    ///
    /// # Panics
    /// Never: key and algorithm were tried together when they were opened.
    pub(super) fn sign(&self, claims: &impl Serialize) -> String {
        let mut header = Header::new(self.algorithm);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding)
            .expect("the key signs by the algorithm it was opened for")
    }

    /// What a token says, if this key signed it for this service and mode.
    pub(super) fn check(&self, header: &Header, token: &[u8]) -> Option<Claims> {
        // One algorithm per key; addresses of other keys in the header are never followed. What must be
        // understood is not (RFC 7515 §4.1.11): no token of ours has it.
        let ours = header.alg == self.algorithm
            && header.kid.as_deref() == Some(self.kid.as_str())
            && header.typ.as_deref() == Some(TOKEN_TYPE)
            && header.crit.is_none();
        if !ours {
            return None;
        }
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
        (data.claims.kind == ACCESS && data.claims.livemode == self.livemode).then_some(data.claims)
    }
}

fn algorithm(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::Rs256 => Algorithm::RS256,
        JwtAlgorithm::Es256 => Algorithm::ES256,
        JwtAlgorithm::EdDsa => Algorithm::EdDSA,
        JwtAlgorithm::Hs256 => Algorithm::HS256,
    }
}

fn validation(algorithm: Algorithm, terms: &Terms) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[&terms.issuer]);
    validation.set_audience(&[&terms.audience]);
    // Times are compared with the clock handed in.
    validation.validate_exp = false;
    validation
}

/// A new key pair as PKCS#8.
fn pair(algorithm: JwtAlgorithm) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = match algorithm {
        JwtAlgorithm::Rs256 => rsa_pkcs8(&RsaKeyPair::generate(KeySize::Rsa3072).ok()?)?,
        JwtAlgorithm::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
            Zeroizing::new(pair.to_pkcs8v1().ok()?.as_ref().to_vec())
        }
        JwtAlgorithm::EdDsa => {
            let pair = Ed25519KeyPair::generate().ok()?;
            Zeroizing::new(pair.to_pkcs8v1().ok()?.as_ref().to_vec())
        }
        JwtAlgorithm::Hs256 => return None,
    };
    Some(bytes)
}

pub(super) fn rsa_pkcs8(pair: &RsaKeyPair) -> Option<Zeroizing<Vec<u8>>> {
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    Some(Zeroizing::new(pkcs8.as_ref().to_vec()))
}

fn encoding(algorithm: JwtAlgorithm, private: &[u8]) -> Result<EncodingKey, AuthSetupError> {
    match algorithm {
        JwtAlgorithm::Hs256 => Ok(EncodingKey::from_secret(private)),
        JwtAlgorithm::Es256 => Ok(EncodingKey::from_ec_der(private)),
        JwtAlgorithm::EdDsa => Ok(EncodingKey::from_ed_der(private)),
        // The library takes PKCS#8 of an RSA key as PEM only.
        JwtAlgorithm::Rs256 => {
            let dashes = "-".repeat(5);
            let body = Zeroizing::new(BASE64_STANDARD.encode(private));
            let pem = Zeroizing::new(format!(
                "{dashes}BEGIN PRIVATE KEY{dashes}\n{body}\n{dashes}END PRIVATE KEY{dashes}\n",
                body = *body
            ));
            EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| AuthSetupError::NoKey)
        }
    }
}

fn decoding(algorithm: JwtAlgorithm, private: &[u8]) -> Result<DecodingKey, AuthSetupError> {
    let key = match algorithm {
        JwtAlgorithm::Hs256 => Some(DecodingKey::from_secret(private)),
        JwtAlgorithm::Rs256 => RsaKeyPair::from_pkcs8(private)
            .ok()
            .map(|pair| DecodingKey::from_rsa_der(pair.public_key().as_ref())),
        JwtAlgorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private)
            .ok()
            .map(|pair| DecodingKey::from_ec_der(pair.public_key().as_ref())),
        JwtAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8(private)
            .ok()
            .map(|pair| DecodingKey::from_ed_der(pair.public_key().as_ref())),
    };
    key.ok_or(AuthSetupError::NoKey)
}

/// The public half (RFC 7517). A secret has none: the library would write the secret itself.
fn jwk(kid: &str, of: JwtAlgorithm, private: &[u8]) -> Result<Option<Value>, AuthSetupError> {
    if of == JwtAlgorithm::Hs256 {
        return Ok(None);
    }
    let jwk = Jwk::from_encoding_key(&encoding(of, private)?, algorithm(of));
    let mut jwk = jwk.map_err(|_| AuthSetupError::NoKey)?;
    jwk.common.key_id = Some(kid.to_owned());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    let jwk = serde_json::to_value(&jwk).map_err(|_| AuthSetupError::NoKey)?;
    Ok(Some(jwk))
}

/// A name that tells nothing of the key, not even to who would try secrets against it.
fn kid(master_key: &MasterKey, private: &[u8]) -> String {
    let hash = master_key.keyed_hash("signing key id", private);
    BASE64_URL_SAFE_NO_PAD.encode(hash.get(..12).unwrap_or_default())
}
