//! Sign-ins of a person: listed, ended.

use tollgate_kernel::caller::Caller;
use tollgate_kernel::ids::{SessionId, UserId};
use tollgate_storage::Result;

use crate::AuthService;
use crate::model::session::{PastSignIn, SignIn};
use crate::model::token::RefreshToken;
use crate::store::{refresh_tokens, sessions};

/// More live sign-ins than anybody looks through.
const SHOWN: i64 = 100;

impl AuthService {
    /// A person's live sign-ins, newest first.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::ids::UserId;
    /// async fn devices(auth: &AuthService, user: UserId) -> tollgate_storage::Result<Vec<String>> {
    ///     let sign_ins = auth.list_sessions(user).await?;
    ///     Ok(sign_ins.into_iter().filter_map(|sign_in| sign_in.device).collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn list_sessions(&self, user: UserId) -> Result<Vec<SignIn>> {
        let parts = self.parts();
        sessions::list(&parts.db, user, parts.clock.now(), SHOWN).await
    }

    /// At most `limit` of a person's sign-ins, live or over, newest first, from below `before` on: for staff. Those that are
    /// over are forgotten some time after their end.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_storage::StorageError;
    /// async fn last_address(auth: &AuthService, user: UserId) -> Result<Option<String>, StorageError> {
    ///     let newest = auth.past_sessions(user, None, 1).await?;
    ///     Ok(newest.into_iter().next().and_then(|sign_in| sign_in.address))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn past_sessions(
        &self,
        user: UserId,
        before: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<PastSignIn>> {
        sessions::list_all(&self.parts().db, user, before, i64::from(limit)).await
    }

    /// Ends one of them. `false`: the person has no such live sign-in.
    ///
    /// # Errors
    /// The database.
    pub async fn end_session(&self, user: UserId, id: SessionId) -> Result<bool> {
        let parts = self.parts();
        let mut tx = parts.db.begin().await?;
        let ended = sessions::revoke_own(&mut tx, user, id, "ended", parts.clock.now()).await?;
        tx.commit().await?;
        self.ended_here().await;
        Ok(ended)
    }

    /// Ends all but the caller's own. Gives how many.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::caller::Caller;
    /// async fn only_here(auth: &AuthService, caller: &Caller) -> tollgate_storage::Result<usize> {
    ///     match caller.user_id() {
    ///         Some(user) => auth.end_other_sessions(user, caller.session_id()).await,
    ///         None => Ok(0),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn end_other_sessions(&self, user: UserId, kept: Option<SessionId>) -> Result<usize> {
        let parts = self.parts();
        let mut tx = parts.db.begin().await?;
        let ended =
            sessions::revoke_others(&mut tx, user, kept, "ended", parts.clock.now()).await?;
        tx.commit().await?;
        self.ended_here().await;
        Ok(ended)
    }

    /// Signs a caller out: the sign-in of the access token, and that of the refresh token, if it is the
    /// same person's. Ending what is over is fine.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::caller::Caller;
    /// async fn leave(auth: &AuthService, caller: &Caller, cookie: Option<&str>) -> tollgate_storage::Result<()> {
    ///     auth.logout(caller, cookie).await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn logout(&self, caller: &Caller, refresh_token: Option<&str>) -> Result<()> {
        let parts = self.parts();
        let Some(user) = caller.user_id() else {
            return Ok(());
        };
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        if let Caller::User {
            session_id: Some(session),
            ..
        } = caller
        {
            sessions::revoke_own(&mut tx, user, *session, "logout", now).await?;
        }
        if let Some(token) = refresh_token.and_then(RefreshToken::parse)
            && let Some(found) = refresh_tokens::read(&mut tx, &token.hash()).await?
        {
            sessions::revoke_own(&mut tx, user, found.session_id, "logout", now).await?;
        }
        tx.commit().await?;
        self.ended_here().await;
        Ok(())
    }
}
