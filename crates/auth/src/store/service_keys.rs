//! `service_keys`.

use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, ServiceKeyId, UserId};
use tollgate_kernel::networks::Networks;
use tollgate_kernel::scope::Scopes;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, StorageError, in_tx, on_read, row};
use uuid::Uuid;

use super::At;
use super::api_keys::addresses;
use crate::model::api_key::{KeyName, PlainKey};
use crate::model::key_terms::KeyTerms;
use crate::model::live_key::{Holder, LiveKey};
use crate::model::service_key::ServiceKey;

row!(
    struct KeyRow {
        id: Uuid,
        key_prefix: String,
        name: String,
        scopes: Json<Vec<String>>,
        allowed_addresses: Json<Vec<String>>,
        last_used_at: Option<At>,
        is_active: bool,
        created_by: Option<Uuid>,
        created_at: At,
        expires_at: Option<At>,
        rotated_from: Option<Uuid>,
    }
);

impl TryFrom<KeyRow> for ServiceKey {
    type Error = StorageError;

    fn try_from(row: KeyRow) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            key_prefix: row.key_prefix,
            name: row.name,
            scopes: Scopes::only(row.scopes.0),
            addresses: addresses("service_keys", row.id, &row.allowed_addresses.0)?,
            last_used_at: row.last_used_at.map(Timestamp::from_utc),
            is_active: row.is_active,
            created_by: row.created_by.map(UserId::from),
            created_at: Timestamp::from_utc(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_utc),
            rotated_from: row.rotated_from.map(ServiceKeyId::from),
        })
    }
}

/// A new key.
pub(crate) struct NewKey<'a> {
    pub(crate) id: ServiceKeyId,
    pub(crate) key: &'a PlainKey,
    pub(crate) name: &'a KeyName,
    pub(crate) scopes: &'a Scopes,
    pub(crate) addresses: &'a Networks,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) livemode: bool,
    pub(crate) created_by: Option<UserId>,
    pub(crate) rotated_from: Option<ServiceKeyId>,
}

/// Writes a key's hash down.
pub(crate) async fn insert(tx: &mut Tx, new: &NewKey<'_>, now: Timestamp) -> Result<ServiceKey> {
    let row: KeyRow = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(new.id.uuid())
        .bind(new.name.as_str())
        .bind(new.key.shown())
        .bind(new.key.hash().to_vec())
        .bind(new.livemode)
        .bind(Json(new.scopes.names().unwrap_or_default()))
        .bind(Json(new.addresses.texts()))
        .bind(new.created_by.map(Id::uuid))
        .bind(now.utc())
        .bind(new.expires_at.map(Timestamp::utc))
        .bind(new.rotated_from.map(Id::uuid))
        .fetch_one(c)
        .await)?;
    row.try_into()
}

/// All that were not ended, newest first, from below `before` on.
pub(crate) async fn list(
    db: &Db,
    before: Option<ServiceKeyId>,
    limit: i64,
) -> Result<Vec<ServiceKey>> {
    // The highest of all ids, where there is no cursor.
    let before = before.map_or(Uuid::max(), Id::uuid);
    let rows: Vec<KeyRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(before)
        .bind(limit)
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(ServiceKey::try_from).collect()
}

/// Whether a cursor is of the list; a key that was ended meanwhile still marks its place.
pub(crate) async fn is_known(db: &Db, id: ServiceKeyId) -> Result<bool> {
    let row: Option<(Uuid,)> = on_read!(db, |e| sqlx::query_as(IS_KNOWN)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.is_some())
}

/// One that still opens something.
pub(crate) async fn read_live(
    tx: &mut Tx,
    id: ServiceKeyId,
    now: Timestamp,
) -> Result<Option<ServiceKey>> {
    let row: Option<KeyRow> = in_tx!(tx, |c| sqlx::query_as(READ_LIVE)
        .bind(id.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    row.map(ServiceKey::try_from).transpose()
}

/// Lets one that still opens something end at `end`, or when it was to end anyway. `false`: there is
/// no such key.
pub(crate) async fn end_at(
    tx: &mut Tx,
    id: ServiceKeyId,
    end: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(END_AT)
        .bind(id.uuid())
        .bind(end.utc())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Ends a key. `false`: there is no such live key.
pub(crate) async fn revoke(tx: &mut Tx, id: ServiceKeyId, now: Timestamp) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(REVOKE)
        .bind(id.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

row!(
    struct LiveRow {
        id: Uuid,
        expires_at: Option<At>,
        last_used_at: Option<At>,
        scopes: Json<Vec<String>>,
        allowed_addresses: Json<Vec<String>>,
    }
);

/// By the hash of what was sent: unrevoked, of this mode.
pub(crate) async fn find_live(db: &Db, hash: &[u8; 32], livemode: bool) -> Result<Option<LiveKey>> {
    let row: Option<LiveRow> = on_read!(db, |e| sqlx::query_as(FIND_LIVE)
        .bind(hash.as_slice())
        .bind(livemode)
        .fetch_optional(e)
        .await)?;
    let live = |row: LiveRow| {
        Ok(LiveKey {
            holder: Holder::Service(row.id.into()),
            terms: KeyTerms {
                scopes: Scopes::only(row.scopes.0),
                addresses: addresses("service_keys", row.id, &row.allowed_addresses.0)?,
                per_minute: None,
            },
            expires_at: row.expires_at.map(Timestamp::from_utc),
            last_used_at: row.last_used_at.map(Timestamp::from_utc),
        })
    };
    row.map(live).transpose()
}

/// Notes a use, at most once a minute.
pub(crate) async fn used(
    tx: &mut Tx,
    id: ServiceKeyId,
    now: Timestamp,
    minute_ago: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(USED)
        .bind(id.uuid())
        .bind(now.utc())
        .bind(minute_ago.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

const INSERT: &str = "INSERT INTO service_keys (id, name, key_prefix, key_hash, livemode, scopes, allowed_addresses,
        created_by, created_at, expires_at, rotated_from)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    RETURNING id, key_prefix, name, scopes, allowed_addresses, last_used_at, is_active, created_by, created_at,
        expires_at, rotated_from";
const LIST: &str =
    "SELECT id, key_prefix, name, scopes, allowed_addresses, last_used_at, is_active, created_by,
        created_at, expires_at, rotated_from FROM service_keys
    WHERE id < $1 AND revoked_at IS NULL ORDER BY id DESC LIMIT $2";
const IS_KNOWN: &str = "SELECT id FROM service_keys WHERE id = $1";
const READ_LIVE: &str =
    "SELECT id, key_prefix, name, scopes, allowed_addresses, last_used_at, is_active, created_by,
        created_at, expires_at, rotated_from FROM service_keys
    WHERE id = $1 AND revoked_at IS NULL AND is_active AND (expires_at IS NULL OR expires_at > $2)";
const END_AT: &str = "UPDATE service_keys SET expires_at = CASE WHEN expires_at < $2 THEN expires_at ELSE $2 END
    WHERE id = $1 AND revoked_at IS NULL AND is_active AND (expires_at IS NULL OR expires_at > $3) RETURNING id";
const REVOKE: &str = "UPDATE service_keys SET revoked_at = $2, is_active = (1 = 0)
    WHERE id = $1 AND revoked_at IS NULL RETURNING id";
const FIND_LIVE: &str =
    "SELECT id, expires_at, last_used_at, scopes, allowed_addresses FROM service_keys
    WHERE key_hash = $1 AND livemode = $2 AND revoked_at IS NULL AND is_active";
const USED: &str = "UPDATE service_keys SET last_used_at = $2
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";

pub(crate) const STATEMENTS: &[&str] = &[
    INSERT, LIST, IS_KNOWN, READ_LIVE, END_AT, REVOKE, FIND_LIVE, USED,
];
