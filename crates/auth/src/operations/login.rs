//! Signs somebody in.

use tollgate_storage::{Result, StorageError};

use super::session::{Tokens, begin};
use crate::AuthService;
use crate::hashing::Busy;
use crate::model::user::Email;
use crate::store::users;

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// No such account, or not its password: nobody is told which.
    #[error("wrong account or password")]
    Invalid,
    /// The right password of an account that is deactivated.
    #[error("the account is deactivated")]
    Inactive,
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// Signs in by address or user name. An unknown account costs the same work as a known one.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn login(&self, name: &str, password: &str) -> Result<Tokens, LoginError> {
        let parts = self.parts();
        let found = match name.parse::<Email>() {
            Ok(email) => users::find_login_by_email(&parts.db, email.as_str()).await?,
            Err(_) => users::find_login_by_username(&parts.db, &name.to_lowercase()).await?,
        };
        let hashed = found
            .as_ref()
            .and_then(|login| login.hashed_password.as_deref());
        let right = parts.hasher.verify(password, hashed).await?;
        let (true, Some(login)) = (right, &found) else {
            return Err(LoginError::Invalid);
        };
        let user = self.find_user(login.id).await?.ok_or(LoginError::Invalid)?;
        if !user.is_active {
            return Err(LoginError::Inactive);
        }
        // Only now is the password known, so only now can its hash be made anew.
        let rehashed = match hashed {
            Some(hashed) if parts.hasher.is_outdated(hashed) => {
                Some(parts.hasher.hash(password).await?)
            }
            _ => None,
        };
        let mut tx = parts.db.begin().await?;
        users::signed_in(&mut tx, user.id, rehashed.as_deref(), parts.clock.now()).await?;
        let tokens = begin(parts, &mut tx, user).await?;
        tx.commit().await?;
        Ok(tokens)
    }
}
