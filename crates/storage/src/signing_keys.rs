//! Keys of access tokens, shared by all instances; the private halves rest sealed.
//!
//! A key is `next` (published, signs nothing yet), `active` (the one that signs), `retiring` (signs no
//! more, its tokens are still good) and `retired` (its private half gone). What can happen at once: two
//! rotations, two instances that promote, both. There is one `active` and one `next` by unique indexes,
//! and each step is a statement that names the state it leaves, so of rivals one acts and the others
//! find nothing to do.
//!
//! ```
//! use std::time::Duration;
//! use tollgate_storage::signing_keys::{self, KeyState, StoredKey};
//! # use serde_json::json;
//! # use tollgate_kernel::clock::Clock;
//! # use tollgate_storage::StorageError;
//! # use tollgate_storage::testing::{Engine, TestDatabase};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), StorageError> {
//! # let database = TestDatabase::new(Engine::Sqlite).await;
//! # let db = database.open(&[]).await;
//! # let now = Clock::system().now();
//! let key = |kid: &str| StoredKey {
//!     kid: kid.to_owned(),
//!     algorithm: "RS256".to_owned(),
//!     public_jwk: json!({ "kty": "RSA" }),
//!     private_sealed: vec![7; 3], // Of `MasterKey::seal`.
//! };
//! let mut tx = db.begin().await?;
//! signing_keys::put_active(&mut tx, &key("spring"), now).await?;
//! assert!(signing_keys::put_next(&mut tx, &key("summer"), now).await?);
//! assert!(!signing_keys::put_next(&mut tx, &key("autumn"), now).await?, "there is one");
//!
//! // The next one was seen by everybody; tokens of the one before are good for another hour.
//! let hour = Duration::from_hours(1);
//! let (later, end) = (now.after(hour), now.after(hour * 2));
//! assert!(signing_keys::promote(&mut tx, later, end).await?);
//! let mut keys = signing_keys::read_all(&mut tx).await?;
//! keys.sort_by_key(|key| key.key.kid.clone());
//! assert_eq!((keys[0].state, keys[0].retire_at), (KeyState::Retiring, Some(end)));
//! assert_eq!(keys[1].state, KeyState::Active);
//!
//! signing_keys::retire(&mut tx, end).await?;
//! tx.commit().await?;
//! let keys = signing_keys::find_all(&db).await?;
//! let gone = keys.iter().find(|key| key.state == KeyState::Retired).expect("spring");
//! assert!(gone.key.private_sealed.is_empty());
//! # Ok(())
//! # }
//! ```

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;

use crate::Result;
use crate::db::{Db, Tx};
use crate::error::known;

/// A signing key as it rests.
///
/// ```
/// # use tollgate_storage::signing_keys::StoredKey;
/// let key = StoredKey {
///     kid: "spring".to_owned(),
///     algorithm: "HS256".to_owned(),
///     public_jwk: serde_json::json!({}),
///     private_sealed: vec![7; 3],
/// };
/// assert_eq!(format!("{key:?}"), "StoredKey(HS256 spring)", "a log shows nothing of it");
/// ```
#[derive(Clone)]
pub struct StoredKey {
    /// Names the key in a token's header.
    pub kid: String,
    /// As in a token's header: `RS256`, `HS256` …
    pub algorithm: String,
    /// For others (RFC 7517); `{}` for a symmetric key.
    pub public_jwk: Value,
    /// Under [`MasterKey`](crate::seal::MasterKey); empty once retired.
    pub private_sealed: Vec<u8>,
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredKey({} {})", self.algorithm, self.kid)
    }
}

/// What a key is good for.
///
/// ```
/// # use tollgate_storage::signing_keys::{KeyState, UnknownState};
/// assert_eq!("retiring".parse(), Ok(KeyState::Retiring));
/// assert_eq!(KeyState::Retiring.as_str(), "retiring");
/// assert_eq!("lost".parse::<KeyState>(), Err(UnknownState));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published; signs soon.
    Next,
    /// Signs.
    Active,
    /// Signs no more; its tokens are good until it retires.
    Retiring,
    /// Good for nothing; its private half is gone.
    Retired,
}

/// Not a state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a state of a signing key")]
pub struct UnknownState;

impl KeyState {
    /// As it rests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }
}

impl FromStr for KeyState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let states = [Self::Next, Self::Active, Self::Retiring, Self::Retired];
        let found = states.into_iter().find(|state| state.as_str() == text);
        found.ok_or(UnknownState)
    }
}

/// A key and where it stands.
#[derive(Clone, Debug)]
pub struct RingKey {
    /// Of the key.
    pub key: StoredKey,
    /// What it is good for.
    pub state: KeyState,
    /// Since when it is published.
    pub created_at: Timestamp,
    /// When the last token under it has ended; of a key that signs no more.
    pub retire_at: Option<Timestamp>,
}

row!(
    struct KeyRow {
        kid: String,
        algorithm: String,
        state: String,
        public_jwk: Json<Value>,
        private_sealed: Vec<u8>,
        created_at: DateTime<Utc>,
        retire_at: Option<DateTime<Utc>>,
    }
);

impl TryFrom<KeyRow> for RingKey {
    type Error = crate::StorageError;

    fn try_from(row: KeyRow) -> Result<Self> {
        let state = known(row.state.parse(), "signing_keys", "state", &row.kid)?;
        Ok(Self {
            key: StoredKey {
                kid: row.kid,
                algorithm: row.algorithm,
                public_jwk: row.public_jwk.0,
                private_sealed: row.private_sealed,
            },
            state,
            created_at: Timestamp::from_utc(row.created_at),
            retire_at: row.retire_at.map(Timestamp::from_utc),
        })
    }
}

/// Every key, newest first.
///
/// # Errors
/// The database.
pub async fn find_all(db: &Db) -> Result<Vec<RingKey>> {
    let rows: Vec<KeyRow> = on_read!(db, |e| sqlx::query_as(ALL).fetch_all(e).await)?;
    rows.into_iter().map(RingKey::try_from).collect()
}

/// The same, inside a transaction.
///
/// # Errors
/// The database.
pub async fn read_all(tx: &mut Tx) -> Result<Vec<RingKey>> {
    let rows: Vec<KeyRow> = in_tx!(tx, |c| sqlx::query_as(ALL).fetch_all(c).await)?;
    rows.into_iter().map(RingKey::try_from).collect()
}

/// Makes `key` the one that signs, unless there is one: of several instances that start at once,
/// one wins and the others read its key.
///
/// # Errors
/// The database.
pub async fn put_active(tx: &mut Tx, key: &StoredKey, now: Timestamp) -> Result<()> {
    put(tx, key, KeyState::Active, now).await.map(|_| ())
}

/// Makes `key` the one that signs next. `false`: there is such a one, or this very key is known.
///
/// # Errors
/// The database.
pub async fn put_next(tx: &mut Tx, key: &StoredKey, now: Timestamp) -> Result<bool> {
    put(tx, key, KeyState::Next, now).await
}

async fn put(tx: &mut Tx, key: &StoredKey, state: KeyState, now: Timestamp) -> Result<bool> {
    let row: Option<(String,)> = in_tx!(tx, |c| {
        sqlx::query_as(PUT)
            .bind(&key.kid)
            .bind(&key.algorithm)
            .bind(state.as_str())
            .bind(Json(&key.public_jwk))
            .bind(&key.private_sealed)
            .bind(now.utc())
            .fetch_optional(c)
            .await
    })?;
    Ok(row.is_some())
}

/// Takes up a key again that was on its way out: for one that its owner names in the settings once
/// more. `false`: it is not known, not on its way out, or another is next.
///
/// ```
/// # use serde_json::json;
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::signing_keys::{self, StoredKey};
/// # use tollgate_storage::testing::{Engine, TestDatabase};
/// # #[tokio::main]
/// # async fn main() -> Result<(), StorageError> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// # let now = Clock::system().now();
/// # let key = StoredKey {
/// #     kid: "summer".to_owned(),
/// #     algorithm: "HS256".to_owned(),
/// #     public_jwk: json!({}),
/// #     private_sealed: vec![7; 3],
/// # };
/// let mut tx = db.begin().await?;
/// signing_keys::put_next(&mut tx, &key, now).await?;
/// assert!(signing_keys::discard_next(&mut tx, "summer", now).await?);
/// assert!(!signing_keys::discard_next(&mut tx, "summer", now).await?);
/// assert!(!signing_keys::put_next(&mut tx, &key, now).await?, "it is known");
/// assert!(signing_keys::put_again(&mut tx, &key, now).await?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The database; `Conflict` when another became next at the same moment.
pub async fn put_again(tx: &mut Tx, key: &StoredKey, now: Timestamp) -> Result<bool> {
    let row: Option<(String,)> = in_tx!(tx, |c| {
        sqlx::query_as(PUT_AGAIN)
            .bind(&key.kid)
            .bind(&key.private_sealed)
            .bind(now.utc())
            .fetch_optional(c)
            .await
    })?;
    Ok(row.is_some())
}

/// Gives up the next key, which has signed nothing. `false`: this one is not next.
///
/// # Errors
/// The database.
pub async fn discard_next(tx: &mut Tx, kid: &str, now: Timestamp) -> Result<bool> {
    let row: Option<(String,)> = in_tx!(tx, |c| {
        sqlx::query_as(DISCARD_NEXT)
            .bind(kid)
            .bind(GONE)
            .bind(now.utc())
            .fetch_optional(c)
            .await
    })?;
    Ok(row.is_some())
}

/// Lets the next key sign if it was published by `published_by`; the one that signed until now retires
/// at `retire_at`. `false`: nothing is due, or the next key was given up meanwhile; then this
/// transaction must not be committed, or nothing would sign.
///
/// # Errors
/// The database.
pub async fn promote(tx: &mut Tx, published_by: Timestamp, retire_at: Timestamp) -> Result<bool> {
    let left: Option<(String,)> = in_tx!(tx, |c| {
        sqlx::query_as(STEP_DOWN)
            .bind(published_by.utc())
            .bind(retire_at.utc())
            .fetch_optional(c)
            .await
    })?;
    if left.is_none() {
        return Ok(false);
    }
    let row: Option<(String,)> = in_tx!(tx, |c| {
        sqlx::query_as(STEP_UP)
            .bind(published_by.utc())
            .fetch_optional(c)
            .await
    })?;
    Ok(row.is_some())
}

/// Destroys the private halves of keys whose last token has ended.
///
/// # Errors
/// The database.
pub async fn retire(tx: &mut Tx, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| {
        sqlx::query(RETIRE)
            .bind(now.utc())
            .bind(GONE)
            .execute(c)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// What is left of a private half.
const GONE: &[u8] = &[];

const ALL: &str =
    "SELECT kid, algorithm, state, public_jwk, private_sealed, created_at, retire_at FROM signing_keys
    ORDER BY created_at DESC, kid";
const PUT: &str =
    "INSERT INTO signing_keys (kid, algorithm, state, public_jwk, private_sealed, created_at)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING kid";
const PUT_AGAIN: &str =
    "UPDATE signing_keys SET state = 'next', private_sealed = $2, created_at = $3, retire_at = NULL
    WHERE kid = $1 AND state IN ('retiring', 'retired')
      AND NOT EXISTS (SELECT 1 FROM signing_keys n WHERE n.state = 'next') RETURNING kid";
const DISCARD_NEXT: &str =
    "UPDATE signing_keys SET state = 'retired', private_sealed = $2, retire_at = $3
    WHERE kid = $1 AND state = 'next' RETURNING kid";
const STEP_DOWN: &str = "UPDATE signing_keys SET state = 'retiring', retire_at = $2 WHERE state = 'active'
      AND EXISTS (SELECT 1 FROM signing_keys n WHERE n.state = 'next' AND n.created_at <= $1) RETURNING kid";
const STEP_UP: &str = "UPDATE signing_keys SET state = 'active' WHERE state = 'next' AND created_at <= $1 RETURNING kid";
const RETIRE: &str = "UPDATE signing_keys SET state = 'retired', private_sealed = $2
    WHERE state = 'retiring' AND retire_at <= $1";

pub(crate) const STATEMENTS: &[&str] = &[
    ALL,
    PUT,
    PUT_AGAIN,
    DISCARD_NEXT,
    STEP_DOWN,
    STEP_UP,
    RETIRE,
];
