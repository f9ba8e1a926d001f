//! `api_keys`.

use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, Id, UserId};
use tollgate_kernel::networks::Networks;
use tollgate_kernel::scope::Scopes;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, StorageError, in_tx, on_read, row};
use uuid::Uuid;

use super::At;
use crate::model::api_key::{ApiKey, KeyName};
use crate::model::key_terms::KeyTerms;
use crate::model::live_key::{Holder, LiveKey};

row!(
    struct KeyRow {
        id: Uuid,
        key_prefix: String,
        name: String,
        last_used_at: Option<At>,
        is_active: bool,
        created_at: At,
        expires_at: Option<At>,
        scopes: Json<Vec<String>>,
        allowed_addresses: Json<Vec<String>>,
        rate_limit_per_minute: Option<i64>,
        rotated_from: Option<Uuid>,
    }
);

impl TryFrom<KeyRow> for ApiKey {
    type Error = StorageError;

    fn try_from(row: KeyRow) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            key_prefix: row.key_prefix,
            name: row.name,
            last_used_at: row.last_used_at.map(Timestamp::from_utc),
            is_active: row.is_active,
            created_at: Timestamp::from_utc(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_utc),
            terms: KeyTerms {
                scopes: scopes(row.scopes.0),
                addresses: addresses("api_keys", row.id, &row.allowed_addresses.0)?,
                per_minute: row.rate_limit_per_minute.map(calls),
            },
            rotated_from: row.rotated_from.map(ApiKeyId::from),
        })
    }
}

/// None named: whatever its person may do.
fn scopes(names: Vec<String>) -> Scopes {
    if names.is_empty() {
        Scopes::everything()
    } else {
        Scopes::only(names)
    }
}

/// What rests and cannot be read must not pass for "from anywhere".
pub(super) fn addresses(table: &'static str, row: Uuid, texts: &[String]) -> Result<Networks> {
    Networks::of(texts).map_err(|_| StorageError::Inconsistent {
        table,
        column: "allowed_addresses",
        row: row.to_string(),
    })
}

fn calls(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(1)
}

/// A new key.
pub(crate) struct NewKey<'a> {
    pub(crate) id: ApiKeyId,
    pub(crate) user_id: UserId,
    /// `sk_live_abc...`
    pub(crate) shown: &'a str,
    /// SHA-256 of the text.
    pub(crate) hash: [u8; 32],
    pub(crate) name: &'a KeyName,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) livemode: bool,
    pub(crate) terms: &'a KeyTerms,
    pub(crate) rotated_from: Option<ApiKeyId>,
}

/// Writes a key's hash down, unless its owner has `most` that may still open something, or the hash is
/// there already. The owner's row must be locked: a count over other rows is not read again after a
/// wait.
pub(crate) async fn insert(
    tx: &mut Tx,
    new: &NewKey<'_>,
    most: i64,
    now: Timestamp,
) -> Result<Option<ApiKey>> {
    let row: Option<KeyRow> = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(new.id.uuid())
        .bind(new.user_id.uuid())
        .bind(new.shown)
        .bind(new.hash.to_vec())
        .bind(new.name.as_str())
        .bind(now.utc())
        .bind(new.expires_at.map(Timestamp::utc))
        .bind(new.livemode)
        .bind(most)
        .bind(Json(new.terms.scopes.names().unwrap_or_default()))
        .bind(Json(new.terms.addresses.texts()))
        .bind(new.terms.per_minute.map(i64::from))
        .bind(new.rotated_from.map(Id::uuid))
        .fetch_optional(c)
        .await)?;
    row.map(ApiKey::try_from).transpose()
}

/// Whether a cursor is of a person's own list; a key that was ended meanwhile still marks its place.
pub(crate) async fn is_own(db: &Db, user: UserId, id: ApiKeyId) -> Result<bool> {
    let row: Option<(Uuid,)> = on_read!(db, |e| sqlx::query_as(IS_OWN)
        .bind(id.uuid())
        .bind(user.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.is_some())
}

/// A person's keys, newest first, from below `before` on.
pub(crate) async fn list(
    db: &Db,
    user: UserId,
    before: Option<ApiKeyId>,
    limit: i64,
) -> Result<Vec<ApiKey>> {
    // The highest of all ids, where there is no cursor.
    let before = before.map_or(Uuid::max(), Id::uuid);
    let rows: Vec<KeyRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(user.uuid())
        .bind(before)
        .bind(limit)
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(ApiKey::try_from).collect()
}

/// Ends one of a person's keys. `false`: there is no such live key of theirs.
pub(crate) async fn revoke(
    tx: &mut Tx,
    user: UserId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<Option<ApiKey>> {
    let row: Option<KeyRow> = in_tx!(tx, |c| sqlx::query_as(REVOKE)
        .bind(id.uuid())
        .bind(user.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    row.map(ApiKey::try_from).transpose()
}

/// One of a person's keys that still opens something.
pub(crate) async fn read_live(
    tx: &mut Tx,
    user: UserId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<Option<ApiKey>> {
    let row: Option<KeyRow> = in_tx!(tx, |c| sqlx::query_as(READ_LIVE)
        .bind(id.uuid())
        .bind(user.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    row.map(ApiKey::try_from).transpose()
}

/// One of a person's keys that was not ended.
pub(crate) async fn find_own(db: &Db, user: UserId, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let row: Option<KeyRow> = on_read!(db, |e| sqlx::query_as(FIND_OWN)
        .bind(id.uuid())
        .bind(user.uuid())
        .fetch_optional(e)
        .await)?;
    row.map(ApiKey::try_from).transpose()
}

/// Lets one of a person's keys that still opens something end at `end`, or when it was to end anyway.
/// `false`: there is no such key of theirs.
pub(crate) async fn end_at(
    tx: &mut Tx,
    user: UserId,
    id: ApiKeyId,
    end: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(END_AT)
        .bind(id.uuid())
        .bind(user.uuid())
        .bind(end.utc())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Ends every key of a person; gives those.
pub(crate) async fn revoke_all(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<Vec<ApiKey>> {
    let rows: Vec<KeyRow> = in_tx!(tx, |c| sqlx::query_as(REVOKE_ALL)
        .bind(user.uuid())
        .bind(now.utc())
        .fetch_all(c)
        .await)?;
    rows.into_iter().map(ApiKey::try_from).collect()
}

row!(
    struct LiveRow {
        id: Uuid,
        user_id: Uuid,
        expires_at: Option<At>,
        last_used_at: Option<At>,
        scopes: Json<Vec<String>>,
        allowed_addresses: Json<Vec<String>>,
        rate_limit_per_minute: Option<i64>,
    }
);

/// By the hash of what was sent: unrevoked, of this mode, of somebody active.
pub(crate) async fn find_live(db: &Db, hash: &[u8; 32], livemode: bool) -> Result<Option<LiveKey>> {
    let row: Option<LiveRow> = on_read!(db, |e| sqlx::query_as(FIND_LIVE)
        .bind(hash.as_slice())
        .bind(livemode)
        .fetch_optional(e)
        .await)?;
    let live = |row: LiveRow| {
        Ok(LiveKey {
            holder: Holder::Person(row.user_id.into(), row.id.into()),
            terms: KeyTerms {
                scopes: scopes(row.scopes.0),
                addresses: addresses("api_keys", row.id, &row.allowed_addresses.0)?,
                per_minute: row.rate_limit_per_minute.map(calls),
            },
            expires_at: row.expires_at.map(Timestamp::from_utc),
            last_used_at: row.last_used_at.map(Timestamp::from_utc),
        })
    };
    row.map(live).transpose()
}

/// Whose a hash is, ended or not.
pub(crate) async fn owner(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<UserId>> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(OWNER)
        .bind(hash.as_slice())
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(user,)| user.into()))
}

/// Notes a use, at most once a minute.
pub(crate) async fn used(
    tx: &mut Tx,
    id: ApiKeyId,
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

const INSERT: &str = "INSERT INTO api_keys (id, user_id, key_prefix, key_hash, name, created_at, expires_at, livemode,
        scopes, allowed_addresses, rate_limit_per_minute, rotated_from)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $10, $11, $12, $13
    WHERE (SELECT COUNT(*) FROM api_keys WHERE user_id = $2 AND revoked_at IS NULL
           AND (expires_at IS NULL OR expires_at > $6)) < $9
    ON CONFLICT (key_hash) DO NOTHING
    RETURNING id, key_prefix, name, last_used_at, is_active, created_at, expires_at,
        scopes, allowed_addresses, rate_limit_per_minute, rotated_from";
const IS_OWN: &str = "SELECT id FROM api_keys WHERE id = $1 AND user_id = $2";
const LIST: &str = "SELECT id, key_prefix, name, last_used_at, is_active, created_at, expires_at,
        scopes, allowed_addresses, rate_limit_per_minute, rotated_from FROM api_keys
    WHERE user_id = $1 AND id < $2 AND revoked_at IS NULL ORDER BY id DESC LIMIT $3";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = $3, is_active = (1 = 0)
    WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL
    RETURNING id, key_prefix, name, last_used_at, is_active, created_at, expires_at,
        scopes, allowed_addresses, rate_limit_per_minute, rotated_from";
const FIND_OWN: &str =
    "SELECT id, key_prefix, name, last_used_at, is_active, created_at, expires_at,
        scopes, allowed_addresses, rate_limit_per_minute, rotated_from FROM api_keys
    WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL";
const READ_LIVE: &str = "SELECT id, key_prefix, name, last_used_at, is_active, created_at, expires_at,
        scopes, allowed_addresses, rate_limit_per_minute, rotated_from FROM api_keys
    WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND is_active AND (expires_at IS NULL OR expires_at > $3)";
const END_AT: &str = "UPDATE api_keys SET expires_at = CASE WHEN expires_at < $3 THEN expires_at ELSE $3 END
    WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND is_active AND (expires_at IS NULL OR expires_at > $4)
    RETURNING id";
const REVOKE_ALL: &str = "UPDATE api_keys SET revoked_at = $2, is_active = (1 = 0)
    WHERE user_id = $1 AND revoked_at IS NULL
    RETURNING id, key_prefix, name, last_used_at, is_active, created_at, expires_at,
        scopes, allowed_addresses, rate_limit_per_minute, rotated_from";
const FIND_LIVE: &str = "SELECT k.id, k.user_id, k.expires_at, k.last_used_at, k.scopes, k.allowed_addresses, k.rate_limit_per_minute
    FROM api_keys k JOIN users u ON u.id = k.user_id
    WHERE k.key_hash = $1 AND k.livemode = $2 AND k.revoked_at IS NULL AND k.is_active
      AND u.is_active AND u.deleted_at IS NULL";
const OWNER: &str = "SELECT user_id FROM api_keys WHERE key_hash = $1";
const USED: &str = "UPDATE api_keys SET last_used_at = $2
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";

pub(crate) const STATEMENTS: &[&str] = &[
    INSERT, IS_OWN, LIST, REVOKE, FIND_OWN, READ_LIVE, END_AT, REVOKE_ALL, FIND_LIVE, OWNER, USED,
];
