//! The public keys of the other house, and access tokens checked by them.
//!
//! They are read when the first token comes, again when they are older than five minutes, and at once, but no more than
//! once in five seconds, for a token that names an unknown key. A house that is away leaves what was read last in force.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::{JwkSet, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::Problem;

use super::Parts;
use super::house::{House, away};
use crate::config::AUDIENCE;
use crate::methods::Presented;
use crate::methods::bearer::{presented, refused};
use crate::model::token::{ACCESS, Claims, sha256};
use crate::remembered::Remembered;
use crate::signing::{JWKS_MAX_AGE, LONGEST_TOKEN_BYTES, TOKEN_TYPE};

/// Between two looks for a key that is not known.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One public key.
struct Known {
    kid: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// What was read last.
struct Ring {
    issuer: String,
    keys: Vec<Known>,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
}

/// The keys as they are known here.
pub(super) struct KeySet {
    secret: Option<DecodingKey>,
    livemode: bool,
    ring: RwLock<Option<Arc<Ring>>>,
    /// In microseconds.
    read_at: AtomicI64,
    /// The same, because a token named an unknown key.
    looked_at: AtomicI64,
    reading: tokio::sync::Mutex<()>,
    /// Tokens whose signature was right, and in which ring.
    verified: Remembered<(Arc<Ring>, Arc<Claims>)>,
}

/// Who shows `token`.
pub(super) async fn identify(parts: &Parts, token: &[u8]) -> Result<Presented, Problem> {
    let now = parts.clock.now();
    let claims = parts.keys.check(&parts.house, token, now).await?;
    let claims = claims.ok_or_else(refused)?;
    presented(&claims, now)
}

impl KeySet {
    pub(super) fn new(secret: Option<&SecretString>, livemode: bool) -> Self {
        let secret =
            secret.map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes()));
        Self {
            secret,
            livemode,
            ring: RwLock::new(None),
            read_at: AtomicI64::new(i64::MIN),
            looked_at: AtomicI64::new(i64::MIN),
            reading: tokio::sync::Mutex::new(()),
            verified: Remembered::default(),
        }
    }

    /// What a token says, if the house signed it for this mode. Its times are the caller's to compare.
    ///
    /// # Errors
    /// Nothing was ever read, and the house does not answer.
    async fn check(
        &self,
        house: &House,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Option<Arc<Claims>>, Problem> {
        if token.len() > LONGEST_TOKEN_BYTES {
            return Ok(None);
        }
        let Ok(header) = jsonwebtoken::decode_header(token) else {
            return Ok(None);
        };
        // As with our own: what must be understood is not (RFC 7515 §4.1.11), and addresses of keys are never followed.
        if header.typ.as_deref() != Some(TOKEN_TYPE) || header.crit.is_some() {
            return Ok(None);
        }
        let ring = self.fresh(house, now).await?;
        let hash = sha256(token);
        if let Some((known_in, claims)) = self.verified.get(&hash)
            && Arc::ptr_eq(&known_in, &ring)
        {
            return Ok(Some(claims));
        }
        let kid = header.kid.as_deref().unwrap_or_default();
        let mut ring = ring;
        if self.secret.is_none() && !ring.keys.iter().any(|key| key.kid == kid) {
            ring = self.look(house, now).await?;
        }
        let own = self
            .secret
            .as_ref()
            .map(|secret| (Algorithm::HS256, secret));
        let key = own.or_else(|| {
            let known = ring.keys.iter().find(|key| key.kid == kid)?;
            Some((known.algorithm, &known.key))
        });
        let Some((algorithm, key)) = key.filter(|(algorithm, _)| *algorithm == header.alg) else {
            return Ok(None);
        };
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&ring.issuer]);
        validation.set_audience(&[AUDIENCE]);
        // Times are compared with the clock handed in.
        validation.validate_exp = false;
        let Ok(data) = jsonwebtoken::decode::<Claims>(token, key, &validation) else {
            return Ok(None);
        };
        let claims = Arc::new(data.claims);
        if claims.kind != ACCESS || claims.livemode != self.livemode {
            return Ok(None);
        }
        let asked = self.verified.asked();
        self.verified.put(asked, hash, (ring, Arc::clone(&claims)));
        Ok(Some(claims))
    }

    fn known(&self) -> Option<Arc<Ring>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.clone()
    }

    /// What is known, read again if it is old. One call reads; where something is known the others go on with it.
    async fn fresh(&self, house: &House, now: Timestamp) -> Result<Arc<Ring>, Problem> {
        let known = self.known();
        if let Some(ring) = &known
            && !is_old(&self.read_at, JWKS_MAX_AGE, now)
        {
            return Ok(Arc::clone(ring));
        }
        let _reading = match &known {
            Some(ring) => match self.reading.try_lock() {
                Ok(reading) => reading,
                Err(_) => return Ok(Arc::clone(ring)),
            },
            None => self.reading.lock().await,
        };
        if known.is_none() || is_old(&self.read_at, JWKS_MAX_AGE, now) {
            self.read(house, now).await;
        }
        self.known().ok_or_else(away)
    }

    /// Reads again for a key that is not known, unless that was done a moment ago.
    async fn look(&self, house: &House, now: Timestamp) -> Result<Arc<Ring>, Problem> {
        let _reading = self.reading.lock().await;
        if is_old(&self.looked_at, LOOK_EVERY, now) {
            self.looked_at.store(now.micros(), Ordering::SeqCst);
            self.read(house, now).await;
        }
        self.known().ok_or_else(away)
    }

    async fn read(&self, house: &House, now: Timestamp) {
        let read = async {
            let metadata: Metadata = house
                .read("/.well-known/oauth-authorization-server")
                .await?;
            let set: JwkSet = house.read("/auth/.well-known/jwks.json").await?;
            Ok::<_, Problem>(Ring {
                issuer: metadata.issuer,
                keys: set.keys.iter().filter_map(public).collect(),
            })
        };
        // What is away was told to the log.
        if let Ok(ring) = read.await {
            *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(ring));
            self.read_at.store(now.micros(), Ordering::SeqCst);
        }
    }
}

/// A key of the three algorithms of the house; others are not asked for.
fn public(jwk: &jsonwebtoken::jwk::Jwk) -> Option<Known> {
    let algorithm = match jwk.common.key_algorithm? {
        KeyAlgorithm::RS256 => Algorithm::RS256,
        KeyAlgorithm::ES256 => Algorithm::ES256,
        KeyAlgorithm::EdDSA => Algorithm::EdDSA,
        _ => return None,
    };
    Some(Known {
        kid: jwk.common.key_id.clone()?,
        algorithm,
        key: DecodingKey::from_jwk(jwk).ok()?,
    })
}

/// A clock that was set back makes a reading old too.
fn is_old(at: &AtomicI64, after: Duration, now: Timestamp) -> bool {
    let age = now.micros().abs_diff(at.load(Ordering::SeqCst));
    u128::from(age) >= after.as_micros()
}
