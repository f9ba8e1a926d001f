//! Renews a sign-in.
//!
//! What can happen at once: two tabs renew with one token, an answer is lost and asked for again, a
//! thief uses a copy. A token is used by one statement; its successor is derived from it, so within a
//! short window every racer is given the same one, though only hashes rest. A use after the window is
//! a copy in two hands: the whole family ends, the newest token included.

use std::time::Duration;

use tollgate_kernel::ids::{RefreshTokenId, SessionId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::session::{Tokens, tokens};
use crate::model::token::RefreshToken;
use crate::store::{refresh_tokens, sessions};
use crate::{AuthService, Parts};

/// How long a lost answer can be asked for again.
const WINDOW: Duration = Duration::from_secs(10);

/// Why a sign-in was not renewed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// Not a refresh token of ours.
    #[error("not a refresh token")]
    Unknown,
    /// Too old, or the sign-in is.
    #[error("the refresh token has expired")]
    Expired,
    /// Used before, or its family was ended.
    #[error("the refresh token has been revoked")]
    Revoked,
    /// The account is deactivated.
    #[error("the account is deactivated")]
    Inactive,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// A new pair for an old refresh token.
    ///
    /// # Errors
    /// [`RefreshError`].
    pub async fn refresh(&self, text: &str) -> Result<Tokens, RefreshError> {
        let parts = self.parts();
        let token = RefreshToken::parse(text).ok_or(RefreshError::Unknown)?;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let (parent, session) = match refresh_tokens::spend(&mut tx, &token.hash(), now).await? {
            Some(used) => used,
            None => used_before(parts, &mut tx, &token).await?,
        };
        let found = sessions::read(&mut tx, session)
            .await?
            .ok_or(RefreshError::Unknown)?;
        if found.is_revoked {
            tx.commit().await?;
            return Err(RefreshError::Revoked);
        }
        if found.expires_at <= now {
            return Err(RefreshError::Expired);
        }
        if !found.is_user_active {
            return Err(RefreshError::Inactive);
        }
        let successor = RefreshToken::derived(
            parts
                .master_key
                .keyed_hash("refresh successor", token.bytes()),
        );
        let expires_at = now
            .after(parts.config.refresh_token_ttl)
            .min(found.expires_at);
        let id = parts.ids.at(now);
        // No row: another racer was first, with the same successor.
        refresh_tokens::insert(
            &mut tx,
            id,
            session,
            Some(parent),
            &successor.hash(),
            now,
            expires_at,
        )
        .await?;
        tx.commit().await?;
        let user = self
            .find_user(found.user_id)
            .await?
            .ok_or(RefreshError::Inactive)?;
        Ok(tokens(parts, user, session, &successor, now)?)
    }
}

/// A token that could not be used: within the window it still leads to its successor, later it
/// ends its family.
async fn used_before(
    parts: &Parts,
    tx: &mut Tx,
    token: &RefreshToken,
) -> Result<(RefreshTokenId, SessionId), RefreshError> {
    let found = refresh_tokens::read(tx, &token.hash())
        .await?
        .ok_or(RefreshError::Unknown)?;
    let Some(used_at) = found.used_at else {
        return Err(RefreshError::Expired);
    };
    let now = parts.clock.now();
    if now.since(used_at) >= WINDOW {
        sessions::revoke(tx, found.session_id, "reuse", now).await?;
        tracing::warn!(session.id = %found.session_id, "a refresh token was used again after its time; its family ends");
    }
    Ok((found.id, found.session_id))
}
