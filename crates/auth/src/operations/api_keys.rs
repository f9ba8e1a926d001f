//! Keys of a person: made, listed, ended.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, UserId};
use tollgate_storage::{Result, StorageError};

use crate::AuthService;
use crate::model::api_key::{ApiKey, KeyName, PlainKey};
use crate::store::{api_keys, users};

/// Live keys of one person.
const MOST: i64 = 100;

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateKeyError {
    /// The person has a hundred.
    #[error("at most 100 keys")]
    TooMany,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// Makes a key; its text is given this once.
    ///
    /// # Errors
    /// [`CreateKeyError`].
    pub async fn create_api_key(
        &self,
        user_id: UserId,
        name: &KeyName,
        expires_at: Option<Timestamp>,
    ) -> Result<(ApiKey, PlainKey), CreateKeyError> {
        let parts = self.parts();
        let now = parts.clock.now();
        let livemode = parts.config.livemode;
        let key = PlainKey::random(&parts.config.api_key_prefix, livemode, &parts.entropy);
        let new = api_keys::NewKey {
            id: parts.ids.at(now),
            user_id,
            key: &key,
            name,
            expires_at,
            livemode,
        };
        let mut tx = parts.db.begin().await?;
        users::lock(&mut tx, user_id).await?;
        let made = api_keys::insert(&mut tx, &new, MOST, now)
            .await?
            .ok_or(CreateKeyError::TooMany)?;
        tx.commit().await?;
        Ok((made, key))
    }

    /// A person's keys, newest first, after the cursor.
    ///
    /// # Errors
    /// The database.
    pub async fn list_api_keys(
        &self,
        user_id: UserId,
        starting_after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>> {
        api_keys::list(&self.parts().db, user_id, starting_after, i64::from(limit)).await
    }

    /// Ends a key. `false`: the person has no such key.
    ///
    /// # Errors
    /// The database.
    pub async fn delete_api_key(&self, user_id: UserId, id: ApiKeyId) -> Result<bool> {
        let parts = self.parts();
        let mut tx = parts.db.begin().await?;
        let ended = api_keys::revoke(&mut tx, user_id, id, parts.clock.now()).await?;
        tx.commit().await?;
        Ok(ended)
    }
}
