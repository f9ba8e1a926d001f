//! What the link of a start is good for, as long as no admin has signed in: a sign-in, or a password.

use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::origin::Origin;
use tollgate_storage::db::Tx;

use super::first_admin::{AdminError, operator};
use super::records::record;
use super::session::{Tokens, begin};
use crate::AuthService;
use crate::model::one_time::{OneTimeToken, Purpose};
use crate::model::password::{WeakPassword, is_bounded};
use crate::model::user::User;
use crate::store::{one_time_tokens, sessions, staff, users};

impl AuthService {
    /// Signs the first admin in.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::{AdminError, AuthService, Tokens};
    /// # use tollgate_kernel::origin::Origin;
    /// /// `token` is what follows `?token=` in [`FirstAdmin::link`](tollgate_auth::FirstAdmin::link).
    /// async fn open(auth: &AuthService, token: &SecretString, origin: &Origin) -> Result<Tokens, AdminError> {
    ///     auth.set_up(token, origin).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn set_up(
        &self,
        token: &SecretString,
        origin: &Origin,
    ) -> Result<Tokens, AdminError> {
        let parts = self.parts();
        let token = OneTimeToken::parse(token.expose_secret()).ok_or(AdminError::Token)?;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let user = spend(&mut tx, &token, now).await?;
        staff::signed_in_by_link(&mut tx, user.id, now).await?;
        let deed = operator("admin.set_up", user.id, origin);
        record(parts, &mut tx, deed, now).await?;
        let tokens = begin(parts, &mut tx, user, origin, now).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Lets the first admin choose a password. A start makes no other one after that: as with
    /// `ADMIN_PASSWORD`, whoever chose it keeps it.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::{AdminError, AuthService};
    /// # use tollgate_kernel::origin::Origin;
    /// async fn choose(
    ///     auth: &AuthService,
    ///     token: &SecretString,
    ///     new: &SecretString,
    /// ) -> Result<bool, AdminError> {
    ///     match auth.set_up_password(token, new, &Origin::default()).await {
    ///         Ok(()) => Ok(true),
    ///         Err(AdminError::Weak(_) | AdminError::Token) => Ok(false),
    ///         Err(error) => Err(error),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn set_up_password(
        &self,
        token: &SecretString,
        new: &SecretString,
        origin: &Origin,
    ) -> Result<(), AdminError> {
        let parts = self.parts();
        let token = OneTimeToken::parse(token.expose_secret()).ok_or(AdminError::Token)?;
        let now = parts.clock.now();
        let open = one_time_tokens::find_open(&parts.db, &token, Purpose::Setup, now).await?;
        let id = open.and_then(|open| open.user).ok_or(AdminError::Token)?;
        let user = self.find_user(id).await?.ok_or(AdminError::Token)?;
        let new = new.expose_secret();
        if !is_bounded(new) {
            return Err(WeakPassword::Length.into());
        }
        // Only a link that works is worth a hash.
        let words = vec![user.email.clone(), user.username.clone()];
        let hashed = parts.hasher.choose(new, words).await??;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let user = spend(&mut tx, &token, now).await?;
        staff::force_password(&mut tx, user.id, &hashed, now).await?;
        // Counts as the first time in: the next start must not set another.
        staff::signed_in_by_link(&mut tx, user.id, now).await?;
        sessions::revoke_others(&mut tx, user.id, None, "password reset", now).await?;
        let deed = operator("admin.set_up", user.id, origin);
        record(parts, &mut tx, deed, now).await?;
        tx.commit().await?;
        self.ended_here().await;
        Ok(())
    }
}

/// The admin of an open link, which is used up.
async fn spend(tx: &mut Tx, token: &OneTimeToken, now: Timestamp) -> Result<User, AdminError> {
    let spent = one_time_tokens::spend(tx, token, Purpose::Setup, now).await?;
    let id = spent
        .and_then(|spent| spent.user)
        .ok_or(AdminError::Token)?;
    let (_, signed_in) = staff::admins(tx).await?;
    let user = users::read(tx, id).await?.ok_or(AdminError::Token)?;
    if signed_in || !user.is_active {
        return Err(AdminError::Token);
    }
    Ok(user)
}
