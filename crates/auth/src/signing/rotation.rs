//! How keys come and go.
//!
//! A new key is published as `next` first, and signs only when everybody who checks tokens has had time
//! to see it; the old one stays `retiring` until the last token under it has ended. Settings that ask for
//! another key take the same road, so nobody is signed out by a change. Whoever started last decides:
//! while instances with two different settings are being started, each start puts its own key next.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::seal::MasterKey;
use tollgate_storage::signing_keys::{self, KeyState, RingKey, StoredKey};
use tollgate_storage::{Result, StorageError};

use super::key::{Material, is_own};
use crate::config::{JwtAlgorithm, JwtKey};
use crate::{AuthConfig, AuthSetupError};

/// HS256 with less can be guessed (RFC 7518 §3.2).
const SHORTEST_SECRET_BYTES: usize = 32;
/// How long a key is published before it signs: the 5 minutes for which its public half may be cached
/// (`max-age` of the key set), and one for instances and clocks that lag.
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_auth::PUBLISHED_FOR;
/// assert_eq!(PUBLISHED_FOR, Duration::from_mins(6));
/// ```
pub const PUBLISHED_FOR: Duration = Duration::from_mins(6);
/// An instance may sign by the old key for the seconds until it reads again, with a clock that is a
/// minute ahead.
const LAST_SIGNATURES: Duration = Duration::from_mins(2);

/// The key that the settings ask for.
pub(crate) enum Wanted {
    /// This one.
    Own(Material),
    /// Any that was made for the algorithm.
    Made(JwtAlgorithm),
}

impl Wanted {
    pub(crate) fn of(config: &AuthConfig, master_key: &MasterKey) -> Result<Self, AuthSetupError> {
        Ok(match &config.jwt {
            JwtKey::Generated(algorithm) => Self::Made(*algorithm),
            JwtKey::Hs256(secret) => {
                let secret = secret.expose_secret().as_bytes();
                if secret.len() < SHORTEST_SECRET_BYTES {
                    return Err(AuthSetupError::ShortSecret);
                }
                Self::Own(Material::own(master_key, JwtAlgorithm::Hs256, secret))
            }
            JwtKey::Own(key) => Self::Own(Material::own(master_key, key.algorithm(), key.pkcs8())),
        })
    }

    fn is(&self, key: &StoredKey) -> bool {
        match self {
            Self::Own(own) => own.kid == key.kid,
            Self::Made(algorithm) => algorithm.as_str() == key.algorithm && !is_own(&key.kid),
        }
    }

    async fn stored(
        &self,
        master_key: &MasterKey,
        entropy: &Entropy,
    ) -> Result<StoredKey, AuthSetupError> {
        match self {
            Self::Own(own) => own.stored(master_key, entropy),
            Self::Made(algorithm) => {
                let made = Material::make(master_key, *algorithm, entropy).await?;
                made.stored(master_key, entropy)
            }
        }
    }
}

fn in_state(keys: &[RingKey], state: KeyState) -> Option<&RingKey> {
    keys.iter().find(|key| key.state == state)
}

/// Puts the first key there, where there is none.
pub(super) async fn begin(
    db: &Db,
    master_key: &MasterKey,
    entropy: &Entropy,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<(), AuthSetupError> {
    if in_state(&signing_keys::find_all(db).await?, KeyState::Active).is_some() {
        return Ok(());
    }
    let first = wanted.stored(master_key, entropy).await?;
    let mut tx = db.begin().await?;
    signing_keys::put_active(&mut tx, &first, now).await?;
    Ok(tx.commit().await?)
}

/// Puts the key next that the settings ask for, unless it signs or is next already.
pub(super) async fn follow(
    db: &Db,
    master_key: &MasterKey,
    entropy: &Entropy,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<(), AuthSetupError> {
    let keys = signing_keys::find_all(db).await?;
    let next = in_state(&keys, KeyState::Next);
    if next.is_some_and(|next| wanted.is(&next.key)) {
        return Ok(());
    }
    let signs = in_state(&keys, KeyState::Active).is_some_and(|active| wanted.is(&active.key));
    if signs && next.is_none() {
        return Ok(());
    }
    let new = if signs {
        None
    } else {
        Some(wanted.stored(master_key, entropy).await?)
    };
    let mut tx = db.begin().await?;
    if let Some(next) = next {
        signing_keys::discard_next(&mut tx, &next.key.kid, now).await?;
    }
    if let Some(new) = &new
        && !put_next(&mut tx, new, now).await?
    {
        return Ok(());
    }
    Ok(tx.commit().await?)
}

/// `false`: somebody else's key is next, and the transaction must not be committed.
async fn put_next(tx: &mut Tx, new: &StoredKey, now: Timestamp) -> Result<bool> {
    if signing_keys::put_next(tx, new, now).await? {
        return Ok(true);
    }
    match signing_keys::put_again(tx, new, now).await {
        Err(StorageError::Conflict { .. }) => Ok(false),
        other => other,
    }
}

/// What became of a wish for a new key.
///
/// ```
/// # use tollgate_auth::{AuthService, RotateError};
/// async fn rotate(auth: &AuthService) -> Result<String, RotateError> {
///     let rotation = auth.rotate_signing_keys().await?;
///     let when = rotation.signs_at.seconds();
///     Ok(match rotation.begun {
///         true => format!("{} signs from {when} on", rotation.kid),
///         false => format!("{} is next already", rotation.kid),
///     })
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Of the key that is next.
    pub kid: String,
    /// From when it signs.
    pub signs_at: Timestamp,
    /// `false`: it was next before, by an earlier wish or by one at the same moment.
    pub begun: bool,
}

/// Why there is no new key.
///
/// ```
/// # use tollgate_auth::RotateError;
/// fn told(error: &RotateError) -> &'static str {
///     match error {
///         RotateError::OwnKey => "set another key of your own, and start again",
///         _ => "try again",
///     }
/// }
/// assert!(told(&RotateError::OwnKey).starts_with("set another"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// The settings name the key that signs.
    #[error(
        "the settings name the key that signs: name another in JWT_PRIVATE_KEY or JWT_SECRET_KEY, and rotate or start again"
    )]
    OwnKey,
    /// It cannot be made.
    #[error("a new key cannot be made")]
    NoKey,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl From<AuthSetupError> for RotateError {
    fn from(error: AuthSetupError) -> Self {
        match error {
            AuthSetupError::Storage(error) => Self::Internal(error),
            _ => Self::NoKey,
        }
    }
}

/// Puts a new key next, unless one is.
pub(crate) async fn rotate(
    db: &Db,
    master_key: &MasterKey,
    entropy: &Entropy,
    config: &AuthConfig,
    now: Timestamp,
) -> Result<Rotation, RotateError> {
    let wanted = Wanted::of(config, master_key)?;
    advance(db, config.access_token_ttl, now).await?;
    let keys = signing_keys::find_all(db).await?;
    if let Some(next) = in_state(&keys, KeyState::Next) {
        return Ok(rotation(next, false));
    }
    let active = in_state(&keys, KeyState::Active);
    if matches!(wanted, Wanted::Own(_)) && active.is_some_and(|active| wanted.is(&active.key)) {
        return Err(RotateError::OwnKey);
    }
    let new = wanted.stored(master_key, entropy).await?;
    let mut tx = db.begin().await?;
    let begun = put_next(&mut tx, &new, now).await?;
    if begun {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    let keys = signing_keys::find_all(db).await?;
    let next = in_state(&keys, KeyState::Next).ok_or(RotateError::NoKey)?;
    Ok(rotation(next, begun && next.key.kid == new.kid))
}

fn rotation(next: &RingKey, begun: bool) -> Rotation {
    Rotation {
        kid: next.key.kid.clone(),
        signs_at: next.created_at.after(PUBLISHED_FOR),
        begun,
    }
}

/// Whether a key may take its next step.
pub(super) fn is_due(keys: &[RingKey], now: Timestamp) -> bool {
    keys.iter().any(|key| match key.state {
        KeyState::Next => key.created_at.after(PUBLISHED_FOR) <= now,
        KeyState::Retiring => key.retire_at.is_some_and(|end| end <= now),
        KeyState::Active | KeyState::Retired => false,
    })
}

/// Lets every key take the step it is due for. Of several instances one does it.
pub(super) async fn advance(db: &Db, longest_token: Duration, now: Timestamp) -> Result<()> {
    let mut tx = db.begin().await?;
    signing_keys::retire(&mut tx, now).await?;
    tx.commit().await?;
    let mut tx = db.begin().await?;
    let retire_at = now.after(longest_token).after(LAST_SIGNATURES);
    if signing_keys::promote(&mut tx, now.before(PUBLISHED_FOR), retire_at).await? {
        tx.commit().await
    } else {
        tx.rollback().await
    }
}
