//! A sign-in that lives in a browser: the cookie's secret names it, and nothing has to be renewed.

use std::time::Duration;

use tollgate_kernel::caller::Caller;
use tollgate_storage::Result;

use super::session::Tokens;
use crate::AuthService;
use crate::model::page_key::PageKey;
use crate::store::sessions;

/// "Last seen" is true to this much: pages are read, not written.
const NOTED_EVERY: Duration = Duration::from_hours(1);

impl AuthService {
    /// Binds a new sign-in to a browser. A sign-in has one secret for ever: another one is never put in its place.
    ///
    /// # Errors
    /// The database. `None`: the sign-in is over, or bound already.
    pub async fn bind_page(&self, tokens: &Tokens) -> Result<Option<PageKey>> {
        let parts = self.parts();
        let key = PageKey::random(&parts.entropy);
        let mut tx = parts.db.begin().await?;
        let now = parts.clock.now();
        let bound = sessions::bind(&mut tx, tokens.session_id, &key.hash(), now).await?;
        tx.commit().await?;
        Ok(bound.then_some(key))
    }

    /// Who a browser's secret names, if the sign-in stands: not ended, within its days, and the browser was here within
    /// the time a refresh token lasts. That the account is active is asked where the person is read.
    ///
    /// # Errors
    /// The database.
    pub async fn page_caller(&self, key: &PageKey) -> Result<Option<Caller>> {
        let parts = self.parts();
        let now = parts.clock.now();
        let seen_after = now.before(parts.config.refresh_token_ttl);
        let found = sessions::find_bound(&parts.db, &key.hash(), seen_after, now).await?;
        let Some(bound) = found else {
            return Ok(None);
        };
        if bound.last_seen_at < now.before(NOTED_EVERY) {
            let mut tx = parts.db.begin().await?;
            sessions::touch(&mut tx, bound.id, now).await?;
            tx.commit().await?;
        }
        Ok(Some(Caller::User {
            user_id: bound.user_id,
            session_id: Some(bound.id),
        }))
    }
}
