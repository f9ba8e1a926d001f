//! Opens an account.

use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::ids::UserId;
use tollgate_storage::{Result, StorageError};

use crate::AuthService;
use crate::config::Registration;
use crate::hashing::Busy;
use crate::model::password::{WeakPassword, is_bounded};
use crate::model::user::{Email, Locale, User, Username};
use crate::store::users;

/// An account to open.
#[derive(Clone, Debug)]
pub struct Register {
    /// Where the person is reached.
    pub email: Email,
    /// What the person is called.
    pub username: Username,
    /// What the person knows.
    pub password: SecretString,
    /// In which language the person is written to.
    pub locale: Locale,
}

/// Why no account was opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Nobody may register.
    #[error("registration is closed")]
    Closed,
    /// Not a password to choose.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
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
        match parts.config.registration {
            Registration::Open => {}
            Registration::Closed => return Err(RegisterError::Closed),
        }
        let password = wish.password.expose_secret();
        if !is_bounded(password) {
            return Err(WeakPassword::Length.into());
        }
        let words = vec![
            wish.email.as_str().to_owned(),
            wish.username.as_str().to_owned(),
        ];
        let hashed = parts.hasher.choose(password, words).await??;
        let now = parts.clock.now();
        let id: UserId = parts.ids.at(now);
        let mut tx = parts.db.begin().await?;
        let (email, username) = (&wish.email, &wish.username);
        let opened = users::insert(&mut tx, id, email, username, &hashed, wish.locale, now).await?;
        if let Some(user) = opened {
            tx.commit().await?;
            return Ok(user);
        }
        drop(tx);
        // Both may be taken; the address is told first, since it is what a person has one of.
        Err(if users::is_email_known(&parts.db, email).await? {
            RegisterError::EmailTaken
        } else {
            RegisterError::UsernameTaken
        })
    }

    /// A person, whoever asks.
    ///
    /// # Errors
    /// The database.
    pub async fn find_user(&self, id: UserId) -> Result<Option<User>> {
        users::find(&self.parts().db, id).await
    }
}
