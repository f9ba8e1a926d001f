//! The keys of access tokens as this instance knows them.
//!
//! All instances share what lies in `signing_keys`. Each keeps what it read, and reads again when that is
//! older than 5 seconds and somebody asks, or when a token names a key it does not know: then once in 5
//! seconds, so that made-up names cost nothing. A database that is away leaves what was read last in force.

mod key;
mod own_key;
mod rotation;

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::StorageError;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::error::known;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::signing_keys::{self, KeyState, RingKey};

pub(crate) use self::key::TOKEN_TYPE;
use self::key::{Key, Material, PURPOSE, Terms};
pub use self::own_key::{OwnKey, OwnKeyError};
pub(crate) use self::rotation::rotate;
pub use self::rotation::{PUBLISHED_FOR, RotateError, Rotation};
use crate::model::token::{Claims, sha256};
use crate::remembered::Remembered;
use crate::{AuthConfig, AuthSetupError};

/// Between two reads.
const READ_EVERY: Duration = Duration::from_secs(5);
/// A call does not wait longer for a read; it goes on with what was read before.
const LONGEST_READ: Duration = Duration::from_secs(2);
/// Longer is no token of ours, and is not even looked into.
pub(crate) const LONGEST_TOKEN_BYTES: usize = 4_096;
/// For how long others may keep the public keys.
pub(crate) const JWKS_MAX_AGE: Duration = Duration::from_mins(5);
/// Long before any reading of the clock.
const NEVER: i64 = i64::MIN;

/// Public keys, ready to be answered.
#[derive(Debug)]
pub(crate) struct Published {
    /// RFC 7517 §5
    pub(crate) body: String,
    /// Of the body, in quotes.
    pub(crate) etag: String,
}

/// The keys of one reading.
struct Ring {
    /// Signs.
    active: Arc<Key>,
    /// What checks, and until when.
    checking: Vec<(Arc<Key>, Option<Timestamp>)>,
    published: Arc<Published>,
}

/// Signs by the key that is active, and checks by those that are not retired.
pub(crate) struct KeyRing {
    db: Db,
    master_key: MasterKey,
    terms: Terms,
    longest_token: Duration,
    ring: RwLock<Arc<Ring>>,
    /// In microseconds: when it was last read because it was old.
    read_at: AtomicI64,
    /// The same, because a token named an unknown key.
    looked_at: AtomicI64,
    reading: tokio::sync::Mutex<()>,
    /// Tokens whose signature was right, and under which key.
    verified: Remembered<(Arc<str>, Arc<Claims>)>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.current();
        f.debug_list()
            .entries(ring.checking.iter().map(|(key, _)| key))
            .finish()
    }
}

impl KeyRing {
    /// The keys that all instances share; the first is made where there is none yet, and one that the
    /// settings ask for is put next.
    pub(crate) async fn open(
        db: &Db,
        master_key: &MasterKey,
        entropy: &Entropy,
        config: &AuthConfig,
        now: Timestamp,
    ) -> Result<Self, AuthSetupError> {
        let wanted = rotation::Wanted::of(config, master_key)?;
        rotation::begin(db, master_key, entropy, &wanted, now).await?;
        let terms = Terms::of(config);
        // Read before anything is changed: under another master key nothing is.
        ring(&signing_keys::find_all(db).await?, None, master_key, &terms)?;
        rotation::advance(db, config.access_token_ttl, now).await?;
        rotation::follow(db, master_key, entropy, &wanted, now).await?;
        let keys = signing_keys::find_all(db).await?;
        Ok(Self {
            ring: RwLock::new(Arc::new(ring(&keys, None, master_key, &terms)?)),
            db: db.clone(),
            master_key: master_key.clone(),
            terms,
            longest_token: config.access_token_ttl,
            read_at: AtomicI64::new(now.micros()),
            looked_at: AtomicI64::new(NEVER),
            reading: tokio::sync::Mutex::new(()),
            verified: Remembered::default(),
        })
    }

    fn current(&self) -> Arc<Ring> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&ring)
    }

    /// A token that says `claims`. Whoever signs makes sure first, by [`KeyRing::renew_in`], that what
    /// is known here is not old.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        self.current().active.sign(claims)
    }

    /// A token of another kind: its `type` is not `access`, so it opens nothing here.
    pub(crate) async fn sign_statement(&self, claims: &impl Serialize, now: Timestamp) -> String {
        self.renew(now).await;
        self.current().active.sign(claims)
    }

    /// What a token says, if one of our keys signed it for this service and mode. Its times are the
    /// caller's to compare, with the clock handed in.
    pub(crate) async fn check(&self, token: &[u8], now: Timestamp) -> Option<Arc<Claims>> {
        if token.len() > LONGEST_TOKEN_BYTES {
            return None;
        }
        self.renew(now).await;
        // A signature that was right stays right, as long as its key is one of ours.
        let hash = sha256(token);
        if let Some((kid, claims)) = self.verified.get(&hash) {
            return self.find(&kid, now).map(|_| claims);
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let kid = header.kid.as_deref()?;
        let key = match self.find(kid, now) {
            Some(key) => key,
            None => self.look_for(kid, now).await?,
        };
        let claims = Arc::new(key.check(&header, token)?);
        let verified = (Arc::from(kid), Arc::clone(&claims));
        self.verified.put(self.verified.asked(), hash, verified);
        Some(claims)
    }

    fn find(&self, kid: &str, now: Timestamp) -> Option<Arc<Key>> {
        let ring = self.current();
        let (key, until) = ring.checking.iter().find(|(key, _)| key.kid == kid)?;
        // Retired by its time, whether or not that was written down yet.
        until
            .is_none_or(|until| now < until)
            .then(|| Arc::clone(key))
    }

    /// The public halves of the keys that are not retired.
    pub(crate) async fn published(&self, now: Timestamp) -> Arc<Published> {
        self.renew(now).await;
        Arc::clone(&self.current().published)
    }

    /// Reads again what is old. One call does; the others go on with what there is.
    async fn renew(&self, now: Timestamp) {
        if !is_old(&self.read_at, now) {
            return;
        }
        let Ok(_reading) = self.reading.try_lock() else {
            return;
        };
        if is_old(&self.read_at, now) {
            // First, so that a database that is away is not asked at every call.
            self.read_at.store(now.micros(), Ordering::SeqCst);
            self.read(now).await;
        }
    }

    /// Reads again for a key that is not known, unless that was done a moment ago.
    async fn look_for(&self, kid: &str, now: Timestamp) -> Option<Arc<Key>> {
        if is_old(&self.looked_at, now) {
            let _reading = self.reading.lock().await;
            if is_old(&self.looked_at, now) {
                self.looked_at.store(now.micros(), Ordering::SeqCst);
                self.read(now).await;
            }
        }
        self.find(kid, now)
    }

    /// Reads again what is old, through a transaction that is open anyway: a second connection beside
    /// it could wait for ever.
    ///
    /// # Errors
    /// The database; then nothing can be signed in this transaction.
    pub(crate) async fn renew_in(&self, tx: &mut Tx, now: Timestamp) -> Result<(), StorageError> {
        if is_old(&self.read_at, now) {
            let keys = signing_keys::read_all(tx).await?;
            // What is due is left to a call that checks a token: it may begin a transaction.
            if !rotation::is_due(&keys, now) {
                self.read_at.store(now.micros(), Ordering::SeqCst);
            }
            self.put(&keys);
        }
        Ok(())
    }

    /// Reads again what was just changed here.
    pub(crate) async fn read_changed(&self, now: Timestamp) {
        let _reading = self.reading.lock().await;
        self.read(now).await;
    }

    async fn read(&self, now: Timestamp) {
        let read = async {
            let mut keys = signing_keys::find_all(&self.db).await?;
            if rotation::is_due(&keys, now) {
                rotation::advance(&self.db, self.longest_token, now).await?;
                keys = signing_keys::find_all(&self.db).await?;
            }
            Ok::<_, StorageError>(keys)
        };
        match tokio::time::timeout(LONGEST_READ, read).await {
            Ok(Ok(keys)) => self.put(&keys),
            Ok(Err(error)) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the signing keys were not read again; those of the last reading stay in force"
            ),
            Err(_) => tracing::warn!(
                "reading the signing keys again takes too long; those of the last reading stay in force"
            ),
        }
    }

    fn put(&self, keys: &[RingKey]) {
        let before = self.current();
        match ring(keys, Some(&before), &self.master_key, &self.terms) {
            Ok(ring) => {
                *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the signing keys in the database cannot be used; those of the last reading stay in force"
            ),
        }
    }
}

/// A clock that was set back makes a reading old too.
fn is_old(at: &AtomicI64, now: Timestamp) -> bool {
    let age = now.micros().abs_diff(at.load(Ordering::SeqCst));
    u128::from(age) >= READ_EVERY.as_micros()
}

/// Opens what was read; keys that were open before are not opened again.
fn ring(
    keys: &[RingKey],
    before: Option<&Ring>,
    master_key: &MasterKey,
    terms: &Terms,
) -> Result<Ring, AuthSetupError> {
    let mut active = None;
    let mut checking = Vec::new();
    for ring_key in keys {
        let kid = &ring_key.key.kid;
        if ring_key.state == KeyState::Retired {
            continue;
        }
        let held = before.and_then(|before| {
            let mut held = before.checking.iter().map(|(key, _)| key);
            held.find(|key| key.kid == *kid)
        });
        let key = match held {
            Some(key) => Arc::clone(key),
            None => Arc::new(open(ring_key, master_key, terms)?),
        };
        if ring_key.state == KeyState::Active {
            active = Some(Arc::clone(&key));
        }
        checking.push((key, ring_key.retire_at));
    }
    let keys: Vec<&Value> = checking
        .iter()
        .filter_map(|(key, _)| key.public.as_ref())
        .collect();
    let body = json!({ "keys": keys }).to_string();
    let hash = BASE64_URL_SAFE_NO_PAD.encode(sha256(body.as_bytes()));
    let etag = format!("\"{hash}\"");
    Ok(Ring {
        active: active.ok_or(AuthSetupError::NoKey)?,
        checking,
        published: Arc::new(Published { body, etag }),
    })
}

fn open(ring_key: &RingKey, master_key: &MasterKey, terms: &Terms) -> Result<Key, AuthSetupError> {
    let stored = &ring_key.key;
    let read = stored.algorithm.parse();
    let material = Material {
        kid: stored.kid.clone(),
        algorithm: known(read, "signing_keys", "algorithm", &stored.kid)?,
        private: master_key.open(PURPOSE, &stored.private_sealed)?,
    };
    Key::open(&material, terms)
}
