//! Keys of a person: made, listed, ended.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, UserId};
use tollgate_storage::{Result, StorageError};

use crate::AuthService;
use crate::model::api_key::{ApiKey, KeyName, PlainKey};
use crate::store::{api_keys, users};

/// The first moment of the year 9999: a date beyond is a typing error.
const LATEST_SECONDS: i64 = 253_370_764_800;

/// On one page.
const LONGEST_PAGE: u32 = 100;
/// Live keys of one person.
const MOST: i64 = 100;

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateKeyError {
    /// Not after now, or after the year 9998.
    #[error("expires in the past, or never in our time")]
    Expiry,
    /// The person has a hundred.
    #[error("at most 100 keys")]
    TooMany,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// A page of a person's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyList {
    /// Newest first.
    pub keys: Vec<ApiKey>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListKeysError {
    /// Not 1 to 100 on a page.
    #[error("1 to 100 on a page")]
    Limit,
    /// Not an id of this list.
    #[error("the cursor is of another list")]
    Cursor,
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
        if expires_at.is_some_and(|end| end <= now || end.seconds() >= LATEST_SECONDS) {
            return Err(CreateKeyError::Expiry);
        }
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
    /// [`ListKeysError`].
    pub async fn list_api_keys(
        &self,
        user_id: UserId,
        starting_after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<ApiKeyList, ListKeysError> {
        let db = &self.parts().db;
        if !(1..=LONGEST_PAGE).contains(&limit) {
            return Err(ListKeysError::Limit);
        }
        if let Some(cursor) = starting_after
            && !api_keys::is_own(db, user_id, cursor).await?
        {
            return Err(ListKeysError::Cursor);
        }
        // One more than is shown tells whether there are more.
        let reach = i64::from(limit).saturating_add(1);
        let mut keys = api_keys::list(db, user_id, starting_after, reach).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = keys.len() > shown;
        keys.truncate(shown);
        Ok(ApiKeyList { keys, has_more })
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
        parts.live_keys.forget_all();
        Ok(ended)
    }
}
