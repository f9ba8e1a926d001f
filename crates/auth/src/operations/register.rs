//! Opens an account.

use tollgate_kernel::ids::UserId;
use tollgate_storage::{Result, StorageError};

use crate::AuthService;
use crate::config::Registration;
use crate::hashing::Busy;
use crate::model::password::NewPassword;
use crate::model::user::{Email, User, Username};
use crate::store::users;

/// An account to open.
#[derive(Clone, Debug)]
pub struct Register {
    /// Where the person is reached.
    pub email: Email,
    /// What the person is called.
    pub username: Username,
    /// What the person knows.
    pub password: NewPassword,
    /// `zh` or `en`.
    pub locale: &'static str,
}

/// Why no account was opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Nobody may register.
    #[error("registration is closed")]
    Closed,
    /// Somebody has the address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Somebody has the name.
    #[error("the user name is taken")]
    UsernameTaken,
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// Opens an account; of many who ask for one address at once, one gets it.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub async fn register(&self, wish: &Register) -> Result<User, RegisterError> {
        let parts = self.parts();
        if parts.config.registration == Registration::Closed {
            return Err(RegisterError::Closed);
        }
        // Refused before the dear part, and decided by the insert after it.
        if users::find_login_by_email(&parts.db, wish.email.as_str())
            .await?
            .is_some()
        {
            return Err(RegisterError::EmailTaken);
        }
        let hashed = parts.hasher.hash(wish.password.expose()).await?;
        let now = parts.clock.now();
        let id: UserId = parts.ids.at(now);
        let mut tx = parts.db.begin().await?;
        let new = users::insert(
            &mut tx,
            id,
            &wish.email,
            &wish.username,
            &hashed,
            wish.locale,
            now,
        )
        .await?;
        tx.commit().await?;
        if !new {
            let email = users::find_login_by_email(&parts.db, wish.email.as_str()).await?;
            return Err(if email.is_some() {
                RegisterError::EmailTaken
            } else {
                RegisterError::UsernameTaken
            });
        }
        self.find_user(id).await?.ok_or(RegisterError::EmailTaken)
    }

    /// A person.
    ///
    /// # Errors
    /// The database.
    pub async fn find_user(&self, id: UserId) -> Result<Option<User>> {
        users::find(&self.parts().db, id).await
    }
}
