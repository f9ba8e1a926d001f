//! Another password, by somebody who knows the present one.

use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::ids::{SessionId, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::StorageError;
use tollgate_storage::audit::Actor;

use super::current_password::current_password;
use super::guessing::TooMany;
use super::records::{Deed, record, tell};
use crate::AuthService;
use crate::hashing::Busy;
use crate::mailer::{Content, Letter, post};
use crate::model::password::{WeakPassword, is_bounded};
use crate::store::{one_time_tokens, sessions, users};

/// Why a password is the same as before.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{Login, Register, model::user::Locale};
/// # use tollgate_kernel::origin::Origin;
/// # use tollgate_auth::ChangePasswordError;
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
/// let (current, new) = ("plum orchard lantern 7".into(), "copper violet harbour 3".into());
/// let origin = Origin::default();
/// auth.change_password(user.id, None, &current, &new, &origin).await?;
/// let again = auth.change_password(user.id, None, &current, &new, &origin).await;
/// assert!(matches!(again, Err(ChangePasswordError::WrongCurrent)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangePasswordError {
    /// Not the present password, or it was changed meanwhile.
    #[error("not the present password")]
    WrongCurrent,
    /// Too many tries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Not a password to choose, or the present one.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// Sets a new password. All sign-ins but `kept` end, and so do links that are on their way.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::{AuthService, ChangePasswordError};
    /// # use tollgate_kernel::{caller::Caller, origin::Origin};
    /// async fn change(
    ///     auth: &AuthService,
    ///     caller: &Caller,
    ///     (current, new): (&SecretString, &SecretString),
    ///     origin: &Origin,
    /// ) -> Result<(), ChangePasswordError> {
    ///     let user = caller.user_id().ok_or(ChangePasswordError::WrongCurrent)?;
    ///     // The device that asks stays signed in.
    ///     auth.change_password(user, caller.session_id(), current, new, origin).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ChangePasswordError`].
    pub async fn change_password(
        &self,
        user_id: UserId,
        kept: Option<SessionId>,
        current: &SecretString,
        new: &SecretString,
        origin: &Origin,
    ) -> Result<(), ChangePasswordError> {
        let parts = self.parts();
        let login = current_password(parts, user_id, current).await?;
        let new = new.expose_secret();
        if !is_bounded(new) {
            return Err(WeakPassword::Length.into());
        }
        if new == current.expose_secret() {
            return Err(WeakPassword::Guessable.into());
        }
        let user = self
            .find_user(user_id)
            .await?
            .ok_or(ChangePasswordError::WrongCurrent)?;
        let words = vec![user.email.clone(), user.username.clone()];
        let hashed = parts.hasher.choose(new, words).await??;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        if !users::set_password(&mut tx, &login, &hashed, now).await? {
            return Err(ChangePasswordError::WrongCurrent);
        }
        sessions::revoke_others(&mut tx, user_id, kept, "password changed", now).await?;
        one_time_tokens::revoke_all(&mut tx, user_id, now).await?;
        let deed = Deed {
            actor: Actor::of(origin),
            action: "user.password_changed",
            subject: user_id.into(),
            before: None,
            after: None,
            reason: None,
            origin,
        };
        record(parts, &mut tx, deed, now).await?;
        tell(parts, &mut tx, "user.updated", user_id, now).await?;
        let content = Content::PasswordChanged {
            at: now,
            address: origin.address.map(|address| address.to_string()),
        };
        post(parts, &mut tx, &Letter::to(&user, content), now).await?;
        tx.commit().await?;
        self.ended_here().await;
        Ok(())
    }
}
