//! Somebody takes their data along, or leaves.

use secrecy::SecretString;
use serde_json::{Value, json};
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::ADMIN;
use tollgate_storage::audit::Actor;
use tollgate_storage::{Result, StorageError};

use super::current_password::current_password;
use super::guessing::TooMany;
use super::records::{Deed, record, tell, tell_key};
use super::staff::an_admin_is_left;
use crate::AuthService;
use crate::hashing::Busy;
use crate::model::role::held;
use crate::model::user::User;
use crate::store::{
    api_keys, known_devices, one_time_tokens, second_factors, sessions, staff, users,
};

/// Why an account stays.
///
/// ```
/// # use tollgate_auth::CloseAccountError;
/// fn status(error: &CloseAccountError) -> u16 {
///     match error {
///         CloseAccountError::WrongCurrent => 401,
///         CloseAccountError::LastAdmin => 409,
///         CloseAccountError::TooMany(_) => 429,
///         _ => 503,
///     }
/// }
/// assert_eq!(status(&CloseAccountError::LastAdmin), 409);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseAccountError {
    /// Not the present password.
    #[error("not the present password")]
    WrongCurrent,
    /// Too many tries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Somebody must be able to let the others in.
    #[error("the last admin stays")]
    LastAdmin,
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// What is kept about a person here, as JSON: the account, its sign-ins and keys, without secrets.
    ///
    /// ```
    /// # use tollgate_auth::{AuthService, CurrentUser};
    /// async fn download(auth: &AuthService, CurrentUser(user): CurrentUser) -> tollgate_storage::Result<String> {
    ///     let kept = auth.export(&user).await?;
    ///     Ok(format!("{kept:#}"))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn export(&self, user: &User) -> Result<Value> {
        let sessions = self.list_sessions(user.id).await?;
        let keys = api_keys::list(&self.parts().db, user.id, None, 1_000).await?;
        let sessions: Vec<Value> = sessions
            .iter()
            .map(|session| {
                json!({
                    "id": session.id, "device": session.device, "address": session.address,
                    "created_at": session.created_at, "last_seen_at": session.last_seen_at,
                })
            })
            .collect();
        let keys: Vec<Value> = keys
            .iter()
            .map(|key| {
                json!({
                    "id": key.id, "name": key.name, "key_prefix": key.key_prefix,
                    "created_at": key.created_at, "last_used_at": key.last_used_at,
                    "expires_at": key.expires_at,
                })
            })
            .collect();
        Ok(json!({
            "account": {
                "id": user.id, "email": user.email, "username": user.username,
                "created_at": user.created_at, "updated_at": user.updated_at,
                "email_verified_at": user.email_verified_at, "locale": user.locale.as_str(),
            },
            "sessions": sessions,
            "api_keys": keys,
        }))
    }

    /// Closes an account for good: the person's data goes, their keys and sign-ins end, their id stays
    /// in the books. Others learn of it by `user.deleted`. The last admin who may act stays.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::{AuthService, CloseAccountError};
    /// # use tollgate_kernel::{ids::UserId, origin::Origin};
    /// async fn close(auth: &AuthService, user: UserId, password: &SecretString) -> Result<bool, CloseAccountError> {
    ///     match auth.delete_account(user, password, &Origin::default()).await {
    ///         Ok(()) => Ok(true),
    ///         Err(CloseAccountError::WrongCurrent) => Ok(false),
    ///         Err(error) => Err(error),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`CloseAccountError`].
    pub async fn delete_account(
        &self,
        user: UserId,
        current: &SecretString,
        origin: &Origin,
    ) -> Result<(), CloseAccountError> {
        let parts = self.parts();
        current_password(parts, user, current).await?;
        self.erase(user, Actor::of(origin), None, origin)
            .await
            .map(|_| ())
    }

    /// The same, by whoever may. `false`: there is no such person any more.
    pub(crate) async fn erase(
        &self,
        user: UserId,
        actor: Actor,
        reason: Option<&str>,
        origin: &Origin,
    ) -> Result<bool, CloseAccountError> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        // Before the person is read: of two admins who leave at once, the second finds the first gone.
        staff::lock_admins(&mut tx).await?;
        let Some(leaves) = users::read(&mut tx, user).await? else {
            return Ok(false);
        };
        if !users::erase(&mut tx, user, now).await? {
            return Ok(false);
        }
        let was_admin = held(leaves.is_superuser, &leaves.roles).hold(ADMIN);
        if was_admin && !an_admin_is_left(&mut tx).await? {
            return Err(CloseAccountError::LastAdmin);
        }
        sessions::revoke_others(&mut tx, user, None, "account deleted", now).await?;
        sessions::forget_places(&mut tx, user).await?;
        one_time_tokens::erase(&mut tx, user).await?;
        known_devices::forget(&mut tx, user).await?;
        second_factors::remove(&mut tx, user, now).await?;
        for key in api_keys::revoke_all(&mut tx, user, now).await? {
            tell_key(parts, &mut tx, "api_key.revoked", user, &key, now).await?;
        }
        let deed = Deed {
            actor,
            action: "user.deleted",
            subject: user.into(),
            before: None,
            after: None,
            reason,
            origin,
        };
        record(parts, &mut tx, deed, now).await?;
        tell(parts, &mut tx, "user.deleted", user, now).await?;
        tx.commit().await?;
        self.ended_here().await;
        Ok(true)
    }
}
