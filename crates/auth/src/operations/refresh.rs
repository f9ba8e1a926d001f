//! Renews a sign-in.
//!
//! What can happen at once: two tabs renew with one token, an answer is lost and asked for again, a
//! thief uses a copy. A token is used by one statement; its successor is derived from it, so within a
//! short window every racer is given the same one, though only hashes rest. A use after the window is
//! a copy in two hands: the whole family ends, the newest token included.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{RefreshTokenId, SessionId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::session::{Held, Tokens, tokens};
use crate::mailer::{Content, Letter, post};
use crate::model::token::RefreshToken;
use crate::store::{refresh_tokens, sessions, users};
use crate::{AuthService, Parts};

/// How long a lost answer can be asked for again.
const WINDOW: Duration = Duration::from_secs(10);

/// Why a sign-in was not renewed.
///
/// ```
/// # use tollgate_auth::RefreshError;
/// fn must_sign_in(error: &RefreshError) -> bool {
///     !matches!(error, RefreshError::Internal(_))
/// }
/// assert!(must_sign_in(&RefreshError::Revoked));
/// ```
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
    /// ```
    /// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
    /// # use tollgate_kernel::entropy::Entropy;
    /// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
    /// # use tollgate_auth::{Login, Register, model::user::Locale};
    /// # use tollgate_kernel::origin::Origin;
    /// # use secrecy::ExposeSecret as _;
    /// # use tollgate_auth::RefreshError;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
    /// # let mut config = AuthConfig::new("https://shop.example");
    /// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
    /// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
    /// # let auth = builder.weak_hashing_for_tests().build().await?;
    /// # let wish = Register {
    /// #     email: "ann@example.com".parse()?,
    /// #     username: "ann".parse()?,
    /// #     password: "plum orchard lantern 7".into(),
    /// #     locale: Locale::En,
    /// #     invite: None,
    /// # };
    /// # let user = auth.register(&wish, &Origin::default()).await?;
    ///
    /// # let login = Login {
    /// #     email: None,
    /// #     username: Some("ann".to_owned()),
    /// #     password: "plum orchard lantern 7".into(),
    /// #     device: None,
    /// # };
    /// let tokens = auth.login(&login, &Origin::default()).await?;
    /// let next = auth.refresh(&tokens.refresh_token).await?;
    /// // An answer that was lost can be asked for again, for ten seconds.
    /// let again = auth.refresh(&tokens.refresh_token).await?;
    /// assert_eq!(next.refresh_token.expose_secret(), again.refresh_token.expose_secret());
    /// let unknown = auth.refresh(&"nonsense".into()).await;
    /// assert!(matches!(unknown, Err(RefreshError::Unknown)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RefreshError`].
    pub async fn refresh(&self, token: &SecretString) -> Result<Tokens, RefreshError> {
        let parts = self.parts();
        let token = RefreshToken::parse(token.expose_secret()).ok_or(RefreshError::Unknown)?;
        let now = parts.clock.now();
        if let Some(blacklist) = &parts.blacklist
            && blacklist.holds(&token.hash(), now).await
        {
            return Err(RefreshError::Revoked);
        }
        let mut tx = parts.db.begin().await?;
        let (parent, session) = match refresh_tokens::spend(&mut tx, &token.hash(), now).await? {
            Some(spent) => spent,
            None => match spent_before(&mut tx, &token, now).await? {
                Spent::Lately(parent, session) => (parent, session),
                Spent::LongAgo(session) => {
                    if sessions::revoke(&mut tx, session, "reuse", now).await? {
                        tell_owner(parts, &mut tx, session, now).await?;
                    }
                    // Kept although the call fails: that the family is over is the answer.
                    tx.commit().await?;
                    self.ended_here().await;
                    tracing::warn!(
                        session.id = %session,
                        "a refresh token was used again after its time; its sign-in is ended"
                    );
                    return Err(RefreshError::Revoked);
                }
            },
        };
        let found = sessions::read(&mut tx, session)
            .await?
            .ok_or(RefreshError::Inactive)?;
        // The row of the sign-in decides, and is held until the commit: who ends it comes before,
        // and is seen here, or after, and then finds the successor in the family that ends.
        if !sessions::touch(&mut tx, session, now).await? {
            return Err(if found.expires_at <= now {
                RefreshError::Expired
            } else {
                RefreshError::Revoked
            });
        }
        let user = users::read(&mut tx, found.user_id).await?;
        let user = user
            .filter(|user| user.is_active)
            .ok_or(RefreshError::Inactive)?;
        let held = Held {
            id: session,
            expires_at: found.expires_at,
        };
        let derived = parts
            .master_key
            .keyed_hash("refresh successor", token.bytes());
        let successor = RefreshToken::derived(derived);
        let end = held.end_of(parts.config.refresh_token_ttl, now);
        let (id, hash) = (parts.ids.at(now), successor.hash());
        // No row: another racer was first, with the same successor.
        refresh_tokens::insert(&mut tx, id, session, Some(parent), &hash, now, end).await?;
        parts.signing.renew_in(&mut tx, now).await?;
        let tokens = tokens(parts, &mut tx, user, held, &successor, now).await?;
        tx.commit().await?;
        Ok(tokens)
    }
}

/// Somebody may hold a copy of what the owner holds: the owner should know.
async fn tell_owner(parts: &Parts, tx: &mut Tx, session: SessionId, now: Timestamp) -> Result<()> {
    let Some(found) = sessions::read(tx, session).await? else {
        return Ok(());
    };
    if let Some(user) = users::read(tx, found.user_id).await? {
        let letter = Letter::to(&user, Content::SessionsEnded { at: now });
        post(parts, tx, &letter, now).await?;
    }
    Ok(())
}

/// A token that was spent by somebody else.
enum Spent {
    /// Within the window: it still leads to its successor.
    Lately(RefreshTokenId, SessionId),
    /// A copy in two hands.
    LongAgo(SessionId),
}

async fn spent_before(
    tx: &mut Tx,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<Spent, RefreshError> {
    let found = refresh_tokens::read(tx, &token.hash())
        .await?
        .ok_or(RefreshError::Unknown)?;
    let used_at = found.used_at.ok_or(RefreshError::Expired)?;
    Ok(if now.since(used_at) < WINDOW {
        Spent::Lately(found.id, found.session_id)
    } else {
        Spent::LongAgo(found.session_id)
    })
}
