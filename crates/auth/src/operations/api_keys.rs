//! Keys of a person: made, listed, renewed, ended.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::Actor;
use tollgate_storage::{Result, StorageError};

use super::records::{Deed, Subject, record, tell_key};
use crate::AuthService;
use crate::model::api_key::{ApiKey, KeyName, PlainKey};
use crate::model::key_terms::KeyTerms;
use crate::store::{api_keys, users};

/// The first moment of the year 9999: a date beyond is a typing error.
const LATEST_SECONDS: i64 = 253_370_764_800;

/// On one page.
const LONGEST_PAGE: u32 = 100;
/// Live keys of one person.
pub(super) const MOST: i64 = 100;
/// With those that are on their way out.
const MOST_WITH_OLD: i64 = 200;
/// Within this an old key must be out of use.
const LONGEST_OVERLAP: Duration = Duration::from_hours(30 * 24);

/// A key to make.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{Login, Register, model::user::Locale};
/// # use tollgate_kernel::origin::Origin;
///
/// # use axum::{body::Body, http::Request};
/// use tollgate_auth::{CreateKey, RotateKey, model::key_terms::KeyTerms};
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
/// let wish = CreateKey {
///     name: "nightly report".parse()?,
///     expires_at: None,
///     terms: KeyTerms::unlimited(),
/// };
/// let origin = Origin::default();
/// let (made, key) = auth.create_api_key(user.id, &wish, &origin).await?;
/// let (request, _) = Request::get("/").header("X-API-Key", key.text()).body(Body::empty())?.into_parts();
/// let caller = auth.identify_request(&request).await.ok().flatten().expect("known");
/// assert_eq!(caller.api_key_id(), Some(made.id));
///
/// // The old one ends at once.
/// let renewal = RotateKey { overlap: std::time::Duration::ZERO, expires_at: None };
/// let (renewed, _) = auth.rotate_api_key(user.id, made.id, renewal, &origin).await?;
/// assert_eq!(renewed.rotated_from, Some(made.id));
/// let page = auth.list_api_keys(user.id, None, 10).await?;
/// assert_eq!((page.keys[0].id, page.has_more), (renewed.id, false));
/// assert!(auth.delete_api_key(user.id, renewed.id, &origin).await?);
/// assert!(auth.identify_request(&request).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CreateKey {
    /// What its owner calls it.
    pub name: KeyName,
    /// `None` = never.
    pub expires_at: Option<Timestamp>,
    /// What limits it.
    pub terms: KeyTerms,
}

/// How a key is renewed.
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_auth::RotateKey;
/// let in_a_week = RotateKey {
///     overlap: Duration::from_hours(7 * 24), // both work so long; at most 30 days
///     expires_at: None,
/// };
/// assert!(!in_a_week.overlap.is_zero());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RotateKey {
    /// How long the old one goes on; at most 30 days, zero: it ends at once.
    pub overlap: Duration,
    /// Of the new one; `None`: it lives as long as the old one was given.
    pub expires_at: Option<Timestamp>,
}

/// Why no key was made.
///
/// ```
/// # use tollgate_auth::CreateKeyError;
/// fn status(error: &CreateKeyError) -> u16 {
///     match error {
///         CreateKeyError::Expiry | CreateKeyError::Overlap => 422,
///         CreateKeyError::TooMany => 409,
///         CreateKeyError::NotFound => 404,
///         _ => 503,
///     }
/// }
/// assert_eq!(status(&CreateKeyError::TooMany), 409);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateKeyError {
    /// Not after now, or after the year 9998.
    #[error("expires in the past, or never in our time")]
    Expiry,
    /// More than 30 days.
    #[error("the old key would go on for more than 30 days")]
    Overlap,
    /// The person has a hundred.
    #[error("at most 100 keys")]
    TooMany,
    /// No such key, or it is over.
    #[error("there is no such key")]
    NotFound,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// A page of a person's keys.
///
/// ```
/// # use tollgate_auth::{AuthService, ListKeysError};
/// # use tollgate_auth::model::api_key::ApiKey;
/// # use tollgate_kernel::ids::UserId;
/// async fn all(auth: &AuthService, user: UserId) -> Result<Vec<ApiKey>, ListKeysError> {
///     let mut all = Vec::new();
///     loop {
///         let after = all.last().map(|key: &ApiKey| key.id);
///         let page = auth.list_api_keys(user, after, 100).await?;
///         all.extend(page.keys);
///         if !page.has_more {
///             return Ok(all);
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyList {
    /// Newest first.
    pub keys: Vec<ApiKey>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// Why there is no page.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::ListKeysError;
/// # use tollgate_kernel::ids::UserId;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let mut config = AuthConfig::new("https://shop.example");
/// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
/// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
/// # let auth = builder.weak_hashing_for_tests().build().await?;
/// let nobody: UserId = "0198f0a0-0000-7000-8000-000000000001".parse()?;
/// let refused = auth.list_api_keys(nobody, None, 101).await;
/// assert!(matches!(refused, Err(ListKeysError::Limit)));
/// assert!(auth.list_api_keys(nobody, None, 100).await?.keys.is_empty());
/// # Ok(())
/// # }
/// ```
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

/// Whether a key may end at this moment.
pub(super) fn is_expiry(end: Option<Timestamp>, now: Timestamp) -> bool {
    end.is_none_or(|end| now < end && end.seconds() < LATEST_SECONDS)
}

/// Whether an old key may go on for this long.
pub(super) fn is_overlap(overlap: Duration) -> bool {
    overlap <= LONGEST_OVERLAP
}

/// When the successor of a key ends that was not told: it lives as long as the old one was given.
pub(super) fn same_life(
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    expires_at.map(|end| now.after(end.since(created_at)))
}

/// What the audit log shows of a key.
fn noted(key: &ApiKey) -> Value {
    json!({
        "key_prefix": key.key_prefix,
        "name": key.name,
        "expires_at": key.expires_at,
        "scopes": key.terms.scopes.names(),
        "allowed_addresses": key.terms.addresses.texts(),
        "rate_limit_per_minute": key.terms.per_minute,
    })
}

impl AuthService {
    /// Makes a key; its text is given this once.
    ///
    /// # Errors
    /// [`CreateKeyError`].
    pub async fn create_api_key(
        &self,
        user_id: UserId,
        wish: &CreateKey,
        origin: &Origin,
    ) -> Result<(ApiKey, PlainKey), CreateKeyError> {
        let parts = self.parts();
        let now = parts.clock.now();
        if !is_expiry(wish.expires_at, now) {
            return Err(CreateKeyError::Expiry);
        }
        let livemode = parts.config.livemode;
        let key = PlainKey::random(&parts.config.api_key_prefix, livemode, &parts.entropy);
        let new = api_keys::NewKey {
            id: parts.ids.at(now),
            user_id,
            shown: &key.shown(),
            hash: key.hash(),
            name: &wish.name,
            expires_at: wish.expires_at,
            livemode,
            terms: &wish.terms,
            rotated_from: None,
        };
        let mut tx = parts.db.begin().await?;
        users::lock(&mut tx, user_id).await?;
        let made = api_keys::insert(&mut tx, &new, MOST, now)
            .await?
            .ok_or(CreateKeyError::TooMany)?;
        let deed = Deed {
            actor: Actor::of(origin),
            action: "api_key.created",
            subject: Subject::ApiKey(made.id),
            before: None,
            after: Some(noted(&made)),
            reason: None,
            origin,
        };
        record(parts, &mut tx, deed, now).await?;
        tell_key(parts, &mut tx, "api_key.created", user_id, &made, now).await?;
        tx.commit().await?;
        Ok((made, key))
    }

    /// Makes a key in the place of another, which goes on for a while. The new one has the name and the
    /// limits of the old one.
    ///
    /// # Errors
    /// [`CreateKeyError`].
    pub async fn rotate_api_key(
        &self,
        user_id: UserId,
        id: ApiKeyId,
        wish: RotateKey,
        origin: &Origin,
    ) -> Result<(ApiKey, PlainKey), CreateKeyError> {
        let parts = self.parts();
        let now = parts.clock.now();
        if !is_expiry(wish.expires_at, now) {
            return Err(CreateKeyError::Expiry);
        }
        if !is_overlap(wish.overlap) {
            return Err(CreateKeyError::Overlap);
        }
        let mut tx = parts.db.begin().await?;
        users::lock(&mut tx, user_id).await?;
        let old = api_keys::read_live(&mut tx, user_id, id, now).await?;
        let old = old.ok_or(CreateKeyError::NotFound)?;
        let expires_at = wish.expires_at;
        let expires_at = expires_at.or_else(|| same_life(old.created_at, old.expires_at, now));
        let key = PlainKey::random(
            &parts.config.api_key_prefix,
            parts.config.livemode,
            &parts.entropy,
        );
        let new = api_keys::NewKey {
            id: parts.ids.at(now),
            user_id,
            shown: &key.shown(),
            hash: key.hash(),
            name: &KeyName::kept(old.name.clone()),
            expires_at,
            livemode: parts.config.livemode,
            terms: &old.terms,
            rotated_from: Some(id),
        };
        let made = api_keys::insert(&mut tx, &new, MOST_WITH_OLD, now)
            .await?
            .ok_or(CreateKeyError::TooMany)?;
        let revoked = if wish.overlap.is_zero() {
            let revoked = api_keys::revoke(&mut tx, user_id, id, now).await?;
            Some(revoked.ok_or(CreateKeyError::NotFound)?)
        } else {
            let end = now.after(wish.overlap);
            if !api_keys::end_at(&mut tx, user_id, id, end, now).await? {
                return Err(CreateKeyError::NotFound);
            }
            None
        };
        let deed = Deed {
            actor: Actor::of(origin),
            action: "api_key.rotated",
            subject: Subject::ApiKey(made.id),
            before: Some(json!({ "rotated_from": id, "overlap_seconds": wish.overlap.as_secs() })),
            after: Some(noted(&made)),
            reason: None,
            origin,
        };
        record(parts, &mut tx, deed, now).await?;
        tell_key(parts, &mut tx, "api_key.created", user_id, &made, now).await?;
        if let Some(revoked) = revoked {
            tell_key(parts, &mut tx, "api_key.revoked", user_id, &revoked, now).await?;
        }
        tx.commit().await?;
        parts.live_keys.forget_all();
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

    /// A key of a person, unless it was ended.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::ids::{ApiKeyId, UserId};
    /// # use tollgate_storage::StorageError;
    /// async fn name(
    ///     auth: &AuthService,
    ///     owner: UserId,
    ///     id: ApiKeyId,
    /// ) -> Result<Option<String>, StorageError> {
    ///     // Nobody reads the name of somebody else's key.
    ///     let key = auth.find_api_key(owner, id).await?;
    ///     Ok(key.map(|key| key.name))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn find_api_key(&self, user_id: UserId, id: ApiKeyId) -> Result<Option<ApiKey>> {
        api_keys::find_own(&self.parts().db, user_id, id).await
    }

    /// What keys may be limited to, here.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// fn is_known(auth: &AuthService, scope: &str) -> bool {
    ///     auth.api_key_scopes().iter().any(|known| known == scope)
    /// }
    /// ```
    pub fn api_key_scopes(&self) -> &[String] {
        &self.parts().config.api_key_scopes
    }

    /// Ends a key. `false`: the person has no such key.
    ///
    /// # Errors
    /// The database.
    pub async fn delete_api_key(
        &self,
        user_id: UserId,
        id: ApiKeyId,
        origin: &Origin,
    ) -> Result<bool> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let ended = api_keys::revoke(&mut tx, user_id, id, now).await?;
        if let Some(key) = &ended {
            let deed = Deed {
                actor: Actor::of(origin),
                action: "api_key.ended",
                subject: Subject::ApiKey(id),
                before: None,
                after: None,
                reason: None,
                origin,
            };
            record(parts, &mut tx, deed, now).await?;
            tell_key(parts, &mut tx, "api_key.revoked", user_id, key, now).await?;
        }
        tx.commit().await?;
        parts.live_keys.forget_all();
        Ok(ended.is_some())
    }
}
