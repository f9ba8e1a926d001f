//! A sign-in and its tokens.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{SessionId, UserId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use crate::Parts;
use crate::model::token::{Claims, RefreshToken};
use crate::model::user::User;
use crate::store::{refresh_tokens, sessions};

/// However often it is renewed, a sign-in ends after this.
const ABSOLUTE: Duration = Duration::from_hours(90 * 24);

/// What a person who signed in holds.
#[derive(Clone)]
pub struct Tokens {
    /// For calls; short-lived.
    pub access_token: String,
    /// For the next pair; used once.
    pub refresh_token: String,
    /// Of the access token.
    pub expires_in: Duration,
    /// Who.
    pub user: User,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens of {:?}", self.user.id)
    }
}

/// A new sign-in, inside the caller's transaction.
pub(super) async fn begin(parts: &Parts, tx: &mut Tx, user: User) -> Result<Tokens> {
    let now = parts.clock.now();
    let session: SessionId = parts.ids.at(now);
    let token = RefreshToken::random(&parts.entropy);
    sessions::insert(tx, session, user.id, now, now.after(ABSOLUTE)).await?;
    let expires_at = now.after(parts.config.refresh_token_ttl);
    refresh_tokens::insert(
        tx,
        parts.ids.at(now),
        session,
        None,
        &token.hash(),
        now,
        expires_at,
    )
    .await?;
    tokens(parts, user, session, &token, now)
}

/// The pair for a person.
pub(super) fn tokens(
    parts: &Parts,
    user: User,
    session: SessionId,
    refresh: &RefreshToken,
    now: Timestamp,
) -> Result<Tokens> {
    Ok(Tokens {
        access_token: access_token(parts, user.id, session, now)?,
        refresh_token: refresh.text(),
        expires_in: parts.config.access_token_ttl,
        user,
    })
}

fn access_token(parts: &Parts, user: UserId, session: SessionId, now: Timestamp) -> Result<String> {
    let claims = Claims {
        sub: user,
        exp: now.after(parts.config.access_token_ttl).seconds(),
        iat: now.seconds(),
        kind: "access".to_owned(),
        iss: parts.config.issuer.clone(),
        aud: parts.config.audience.clone(),
        sid: session,
        livemode: parts.config.livemode,
    };
    parts.signing.sign(&claims).ok_or(StorageError::Sealed)
}
