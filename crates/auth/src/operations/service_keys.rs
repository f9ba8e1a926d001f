//! Keys of host applications: made, listed, renewed, ended by an admin.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::ServiceKeyId;
use tollgate_kernel::networks::Networks;
use tollgate_kernel::scope::Scopes;
use tollgate_storage::Result;
use tollgate_storage::audit::Initiator;

use super::api_keys::{CreateKeyError, ListKeysError, RotateKey, is_expiry, is_overlap, same_life};
use super::records::{Deed, Subject, record};
use crate::AuthService;
use crate::model::api_key::{KeyName, PlainKey};
use crate::model::service_key::ServiceKey;
use crate::store::service_keys;

/// On one page.
const LONGEST_PAGE: u32 = 100;

/// A key to make.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{CreateServiceKey, Credential, Initiator, RotateKey};
/// # use tollgate_kernel::{networks::Networks, origin::Origin, scope::Scopes};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let mut config = AuthConfig::new("https://shop.example");
/// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
/// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
/// # let auth = builder.weak_hashing_for_tests().build().await?;
/// let wish = CreateServiceKey {
///     name: "imaging".parse()?,
///     scopes: Scopes::only(["introspect", "quota"]),
///     addresses: Networks::of(["10.0.0.0/8"])?,
///     expires_at: None,
/// };
/// let origin = Origin::default();
/// let by = Initiator::operator(&origin);
/// let (made, key) = auth.create_service_key(&wish, &by).await?;
/// let found = auth.introspect(&key.text().into()).await?.expect("good");
/// assert!(matches!(found.credential, Credential::Service(id, _) if id == made.id));
/// assert!(found.user.is_none(), "an application is nobody");
///
/// // Both work for a day.
/// let renewal = RotateKey { overlap: std::time::Duration::from_hours(24), expires_at: None };
/// let (renewed, _) = auth.rotate_service_key(made.id, renewal, &by).await?;
/// assert_eq!((renewed.name.as_str(), renewed.rotated_from), ("imaging", Some(made.id)));
/// assert_eq!(auth.list_service_keys(None, 10).await?.keys.len(), 2);
/// assert!(auth.delete_service_key(renewed.id, &by).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CreateServiceKey {
    /// Which application.
    pub name: KeyName,
    /// What it is for; at least one.
    pub scopes: Scopes,
    /// From where it may be used; empty: from anywhere.
    pub addresses: Networks,
    /// `None` = never.
    pub expires_at: Option<Timestamp>,
}

/// A page of service keys.
///
/// ```
/// # use tollgate_auth::{AuthService, ListKeysError};
/// async fn newest(auth: &AuthService) -> Result<Option<String>, ListKeysError> {
///     let page = auth.list_service_keys(None, 1).await?; // 1 to 100 on a page
///     Ok(page.keys.first().map(|key| key.name.clone()))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKeyList {
    /// Newest first.
    pub keys: Vec<ServiceKey>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// What the audit log shows of a key.
fn noted(key: &ServiceKey) -> Value {
    json!({
        "key_prefix": key.key_prefix,
        "name": key.name,
        "scopes": key.scopes.names(),
        "allowed_addresses": key.addresses.texts(),
        "expires_at": key.expires_at,
    })
}

impl AuthService {
    /// Makes a key; its text is given this once.
    ///
    /// # Errors
    /// [`CreateKeyError`], but for `TooMany`.
    pub async fn create_service_key(
        &self,
        wish: &CreateServiceKey,
        by: &Initiator<'_>,
    ) -> Result<(ServiceKey, PlainKey), CreateKeyError> {
        let parts = self.parts();
        let now = parts.clock.now();
        if !is_expiry(wish.expires_at, now) {
            return Err(CreateKeyError::Expiry);
        }
        let livemode = parts.config.livemode;
        let key = PlainKey::random(&parts.config.api_key_prefix, livemode, &parts.entropy);
        let new = service_keys::NewKey {
            id: parts.ids.at(now),
            key: &key,
            name: &wish.name,
            scopes: &wish.scopes,
            addresses: &wish.addresses,
            expires_at: wish.expires_at,
            livemode,
            created_by: by.origin.caller.as_ref().and_then(Caller::user_id),
            rotated_from: None,
        };
        let mut tx = parts.db.begin().await?;
        let made = service_keys::insert(&mut tx, &new, now).await?;
        let deed = Deed {
            actor: by.actor.clone(),
            action: "service_key.created",
            subject: Subject::ServiceKey(made.id),
            before: None,
            after: Some(noted(&made)),
            reason: None,
            origin: by.origin,
        };
        record(parts, &mut tx, deed, now).await?;
        tx.commit().await?;
        Ok((made, key))
    }

    /// Makes a key in the place of another, which goes on for a while.
    ///
    /// # Errors
    /// [`CreateKeyError`], but for `TooMany`.
    pub async fn rotate_service_key(
        &self,
        id: ServiceKeyId,
        wish: RotateKey,
        by: &Initiator<'_>,
    ) -> Result<(ServiceKey, PlainKey), CreateKeyError> {
        let parts = self.parts();
        let now = parts.clock.now();
        if !is_expiry(wish.expires_at, now) {
            return Err(CreateKeyError::Expiry);
        }
        if !is_overlap(wish.overlap) {
            return Err(CreateKeyError::Overlap);
        }
        let livemode = parts.config.livemode;
        let key = PlainKey::random(&parts.config.api_key_prefix, livemode, &parts.entropy);
        let mut tx = parts.db.begin().await?;
        let old = service_keys::read_live(&mut tx, id, now).await?;
        let old = old.ok_or(CreateKeyError::NotFound)?;
        let same = || same_life(old.created_at, old.expires_at, now);
        let new = service_keys::NewKey {
            id: parts.ids.at(now),
            key: &key,
            name: &KeyName::kept(old.name.clone()),
            scopes: &old.scopes,
            addresses: &old.addresses,
            expires_at: wish.expires_at.or_else(same),
            livemode,
            created_by: by.origin.caller.as_ref().and_then(Caller::user_id),
            rotated_from: Some(id),
        };
        let made = service_keys::insert(&mut tx, &new, now).await?;
        if !end(&mut tx, id, wish.overlap, now).await? {
            return Err(CreateKeyError::NotFound);
        }
        let deed = Deed {
            actor: by.actor.clone(),
            action: "service_key.rotated",
            subject: Subject::ServiceKey(made.id),
            before: Some(json!({ "rotated_from": id, "overlap_seconds": wish.overlap.as_secs() })),
            after: Some(noted(&made)),
            reason: None,
            origin: by.origin,
        };
        record(parts, &mut tx, deed, now).await?;
        tx.commit().await?;
        parts.live_keys.forget_all();
        Ok((made, key))
    }

    /// Keys that were not ended, newest first, after the cursor.
    ///
    /// # Errors
    /// [`ListKeysError`].
    pub async fn list_service_keys(
        &self,
        starting_after: Option<ServiceKeyId>,
        limit: u32,
    ) -> Result<ServiceKeyList, ListKeysError> {
        let db = &self.parts().db;
        if !(1..=LONGEST_PAGE).contains(&limit) {
            return Err(ListKeysError::Limit);
        }
        if let Some(cursor) = starting_after
            && !service_keys::is_known(db, cursor).await?
        {
            return Err(ListKeysError::Cursor);
        }
        // One more than is shown tells whether there are more.
        let reach = i64::from(limit).saturating_add(1);
        let mut keys = service_keys::list(db, starting_after, reach).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = keys.len() > shown;
        keys.truncate(shown);
        Ok(ServiceKeyList { keys, has_more })
    }

    /// Ends a key. `false`: there is no such key.
    ///
    /// # Errors
    /// The database.
    pub async fn delete_service_key(&self, id: ServiceKeyId, by: &Initiator<'_>) -> Result<bool> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let ended = service_keys::revoke(&mut tx, id, now).await?;
        if ended {
            let deed = Deed {
                actor: by.actor.clone(),
                action: "service_key.ended",
                subject: Subject::ServiceKey(id),
                before: None,
                after: None,
                reason: None,
                origin: by.origin,
            };
            record(parts, &mut tx, deed, now).await?;
        }
        tx.commit().await?;
        parts.live_keys.forget_all();
        Ok(ended)
    }
}

/// At once, or when the overlap is over.
async fn end(
    tx: &mut tollgate_storage::db::Tx,
    id: ServiceKeyId,
    overlap: Duration,
    now: Timestamp,
) -> Result<bool> {
    if overlap.is_zero() {
        service_keys::revoke(tx, id, now).await
    } else {
        service_keys::end_at(tx, id, now.after(overlap), now).await
    }
}
