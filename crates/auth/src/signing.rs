//! The key of access tokens: made or given, parsed once.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::signing_keys::{self, StoredKey};
use zeroize::Zeroizing;

use crate::AuthSetupError;
use crate::config::JwtKey;
use crate::model::token::{ACCESS, Claims};

const PURPOSE: &str = "signing key";
/// HS256 with less can be guessed (RFC 7518 §3.2).
const SHORTEST_SECRET_BYTES: usize = 32;
/// Longer is no token of ours, and is not even looked into.
const LONGEST_TOKEN_BYTES: usize = 4_096;
/// RFC 9068 §2.1
const TYPE: &str = "at+jwt";
const RS256: &str = "RS256";
const HS256: &str = "HS256";

/// Signs and checks, by one algorithm.
pub(crate) struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    livemode: bool,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({:?} {})", self.algorithm, self.kid)
    }
}

impl SigningKey {
    /// The key that all instances share, made where there is none yet, or the one that was given.
    pub(crate) async fn open(
        db: &Db,
        master_key: &MasterKey,
        entropy: &Entropy,
        config: &crate::AuthConfig,
        now: Timestamp,
    ) -> Result<Self, AuthSetupError> {
        let wanted = match &config.jwt {
            JwtKey::Hs256(secret) => {
                let secret = secret.expose_secret().as_bytes();
                if secret.len() < SHORTEST_SECRET_BYTES {
                    return Err(AuthSetupError::ShortSecret);
                }
                return Ok(Self::symmetric(kid(master_key, secret), secret, config));
            }
            JwtKey::Generated => Algorithm::RS256,
            JwtKey::GeneratedHs256 => Algorithm::HS256,
        };
        let mut stored = signing_keys::find_active(db).await?;
        if stored.is_none() {
            let new = make(wanted, master_key, entropy).await?;
            let mut tx = db.begin().await?;
            signing_keys::put_active(&mut tx, &new, now).await?;
            tx.commit().await?;
            stored = signing_keys::find_active(db).await?;
        }
        let stored = stored.ok_or(AuthSetupError::NoKey)?;
        let private = master_key.open(PURPOSE, &stored.private_sealed)?;
        match (stored.algorithm.as_str(), wanted) {
            (RS256, Algorithm::RS256) => Self::rsa(stored.kid, &private, config),
            (HS256, Algorithm::HS256) => Ok(Self::symmetric(stored.kid, &private, config)),
            _ => Err(AuthSetupError::OtherAlgorithm {
                stored: stored.algorithm,
                wanted: format!("{wanted:?}"),
            }),
        }
    }

    fn symmetric(kid: String, secret: &[u8], config: &crate::AuthConfig) -> Self {
        Self {
            kid,
            algorithm: Algorithm::HS256,
            livemode: config.livemode,
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation: validation(Algorithm::HS256, config),
        }
    }

    fn rsa(kid: String, pkcs8: &[u8], config: &crate::AuthConfig) -> Result<Self, AuthSetupError> {
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(|_| AuthSetupError::NoKey)?;
        Ok(Self {
            kid,
            algorithm: Algorithm::RS256,
            livemode: config.livemode,
            encoding: encoding(pkcs8)?,
            decoding: DecodingKey::from_rsa_der(pair.public_key().as_ref()),
            validation: validation(Algorithm::RS256, config),
        })
    }

    /// A token that says `claims`.
    ///
    /// # Panics
    /// Never: key and algorithm were tried together when they were opened.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let mut header = Header::new(self.algorithm);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding)
            .expect("the key signs by the algorithm it was opened for")
    }

    /// What a token says, if we signed it for this service and mode. Its times are the caller's to
    /// compare, with the clock handed in.
    pub(crate) fn check(&self, token: &[u8]) -> Option<Claims> {
        if token.len() > LONGEST_TOKEN_BYTES {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        // One algorithm per key; addresses of other keys in the header are never followed.
        let ours = header.alg == self.algorithm
            && header.kid.as_deref() == Some(self.kid.as_str())
            && header.typ.as_deref() == Some(TYPE);
        if !ours {
            return None;
        }
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
        (data.claims.kind == ACCESS && data.claims.livemode == self.livemode).then_some(data.claims)
    }
}

fn validation(algorithm: Algorithm, config: &crate::AuthConfig) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[&config.issuer]);
    validation.set_audience(&[&config.audience]);
    validation.validate_exp = false;
    validation
}

/// A new key, sealed. RSA takes a moment, away from the threads that serve.
async fn make(
    algorithm: Algorithm,
    master_key: &MasterKey,
    entropy: &Entropy,
) -> Result<StoredKey, AuthSetupError> {
    if algorithm == Algorithm::HS256 {
        let secret = Zeroizing::new(entropy.bytes::<48>());
        return Ok(StoredKey {
            kid: kid(master_key, secret.as_slice()),
            algorithm: HS256.to_owned(),
            public_jwk: json!({}),
            private_sealed: master_key.seal(PURPOSE, secret.as_slice(), entropy),
        });
    }
    let made = tokio::task::spawn_blocking(|| {
        let pair = KeyPair::generate(KeySize::Rsa3072).ok()?;
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().ok()?;
        Some(Zeroizing::new(pkcs8.as_ref().to_vec()))
    });
    let pkcs8 = made.await.ok().flatten().ok_or(AuthSetupError::NoKey)?;
    let encoding = encoding(&pkcs8)?;
    let mut jwk =
        Jwk::from_encoding_key(&encoding, Algorithm::RS256).map_err(|_| AuthSetupError::NoKey)?;
    let kid = kid(master_key, &pkcs8);
    jwk.common.key_id = Some(kid.clone());
    Ok(StoredKey {
        kid,
        algorithm: RS256.to_owned(),
        public_jwk: serde_json::to_value(&jwk).map_err(|_| AuthSetupError::NoKey)?,
        private_sealed: master_key.seal(PURPOSE, &pkcs8, entropy),
    })
}

fn encoding(pkcs8: &[u8]) -> Result<EncodingKey, AuthSetupError> {
    let dashes = "-".repeat(5);
    let body = Zeroizing::new(BASE64_STANDARD.encode(pkcs8));
    let pem = Zeroizing::new(format!(
        "{dashes}BEGIN PRIVATE KEY{dashes}\n{body}\n{dashes}END PRIVATE KEY{dashes}\n",
        body = *body
    ));
    EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| AuthSetupError::NoKey)
}

/// A name that tells nothing of the key, not even to who would try secrets against it.
fn kid(master_key: &MasterKey, private: &[u8]) -> String {
    let hash = master_key.keyed_hash("signing key id", private);
    BASE64_URL_SAFE_NO_PAD.encode(hash.get(..12).unwrap_or_default())
}
