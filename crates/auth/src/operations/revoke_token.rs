//! Ends the sign-in that a token is of (RFC 7009). Whoever holds a token may give it up.

use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::ids::SessionId;
use tollgate_storage::Result;

use crate::AuthService;
use crate::methods::bearer;
use crate::model::token::RefreshToken;
use crate::store::{refresh_tokens, sessions};

impl AuthService {
    /// Ends the sign-in of a refresh token (a used one too: its successor may be lost) or of an access
    /// token that is not over. Anything else does nothing.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::AuthService;
    /// /// As RFC 7009 has it: whatever was sent, it opens nothing afterwards.
    /// async fn revoke(auth: &AuthService, token: &SecretString) -> tollgate_storage::Result<()> {
    ///     auth.revoke_token(token).await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn revoke_token(&self, token: &SecretString) -> Result<()> {
        let parts = self.parts();
        let Some(session) = self.session_of(token.expose_secret()).await? else {
            return Ok(());
        };
        let mut tx = parts.db.begin().await?;
        sessions::revoke(&mut tx, session, "revoked", parts.clock.now()).await?;
        tx.commit().await?;
        self.ended_here().await;
        Ok(())
    }

    async fn session_of(&self, text: &str) -> Result<Option<SessionId>> {
        if let Some(token) = RefreshToken::parse(text) {
            let found = refresh_tokens::find(&self.parts().db, &token.hash()).await?;
            return Ok(found.map(|found| found.session_id));
        }
        let presented = bearer::identify(self, text.as_bytes()).await.ok();
        Ok(presented.and_then(|presented| match presented.caller {
            Caller::User { session_id, .. } => session_id,
            _ => None,
        }))
    }
}
