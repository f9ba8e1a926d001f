//! `api_keys`.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, Id, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::At;
use crate::model::api_key::{ApiKey, KeyName, PlainKey};

row!(
    struct KeyRow {
        id: Uuid,
        key_prefix: String,
        name: String,
        last_used_at: Option<At>,
        is_active: bool,
        created_at: At,
        expires_at: Option<At>,
    }
);

impl From<KeyRow> for ApiKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id.into(),
            key_prefix: row.key_prefix,
            name: row.name,
            last_used_at: row.last_used_at.map(Timestamp::from_utc),
            is_active: row.is_active,
            created_at: Timestamp::from_utc(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_utc),
        }
    }
}

/// A new key.
pub(crate) struct NewKey<'a> {
    pub(crate) id: ApiKeyId,
    pub(crate) user_id: UserId,
    pub(crate) key: &'a PlainKey,
    pub(crate) name: &'a KeyName,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) livemode: bool,
}

/// Writes a key's hash down, unless its owner has `most` live ones. The owner's row must be locked:
/// a count over other rows is not read again after a wait.
pub(crate) async fn insert(
    tx: &mut Tx,
    new: &NewKey<'_>,
    most: i64,
    now: Timestamp,
) -> Result<Option<ApiKey>> {
    let row: Option<KeyRow> = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(new.id.uuid())
        .bind(new.user_id.uuid())
        .bind(new.key.shown())
        .bind(new.key.hash().to_vec())
        .bind(new.name.as_str())
        .bind(now.utc())
        .bind(new.expires_at.map(Timestamp::utc))
        .bind(new.livemode)
        .bind(most)
        .fetch_optional(c)
        .await)?;
    Ok(row.map(ApiKey::from))
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
    Ok(rows.into_iter().map(ApiKey::from).collect())
}

/// Ends one of a person's keys. `false`: there is no such live key of theirs.
pub(crate) async fn revoke(
    tx: &mut Tx,
    user: UserId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(REVOKE)
        .bind(id.uuid())
        .bind(user.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Ends every key of a person.
pub(crate) async fn revoke_all(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(REVOKE_ALL)
        .bind(user.uuid())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

row!(
    struct LiveRow {
        id: Uuid,
        user_id: Uuid,
        expires_at: Option<At>,
        last_used_at: Option<At>,
    }
);

/// A key that opens something, or did until it expired.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveKey {
    pub(crate) id: ApiKeyId,
    pub(crate) user_id: UserId,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// By the hash of what was sent: unrevoked, of this mode, of somebody active.
pub(crate) async fn find_live(db: &Db, hash: &[u8; 32], livemode: bool) -> Result<Option<LiveKey>> {
    let row: Option<LiveRow> = on_read!(db, |e| sqlx::query_as(FIND_LIVE)
        .bind(hash.as_slice())
        .bind(livemode)
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|row| LiveKey {
        id: row.id.into(),
        user_id: row.user_id.into(),
        expires_at: row.expires_at.map(Timestamp::from_utc),
        last_used_at: row.last_used_at.map(Timestamp::from_utc),
    }))
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

const INSERT: &str = "INSERT INTO api_keys (id, user_id, key_prefix, key_hash, name, created_at, expires_at, livemode)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8
    WHERE (SELECT COUNT(*) FROM api_keys WHERE user_id = $2 AND revoked_at IS NULL) < $9
    RETURNING id, key_prefix, name, last_used_at, is_active, created_at, expires_at";
const IS_OWN: &str = "SELECT id FROM api_keys WHERE id = $1 AND user_id = $2";
const LIST: &str =
    "SELECT id, key_prefix, name, last_used_at, is_active, created_at, expires_at FROM api_keys
    WHERE user_id = $1 AND id < $2 AND revoked_at IS NULL ORDER BY id DESC LIMIT $3";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = $3, is_active = (1 = 0)
    WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL RETURNING id";
const REVOKE_ALL: &str = "UPDATE api_keys SET revoked_at = $2, is_active = (1 = 0)
    WHERE user_id = $1 AND revoked_at IS NULL";
const FIND_LIVE: &str = "SELECT k.id, k.user_id, k.expires_at, k.last_used_at FROM api_keys k JOIN users u ON u.id = k.user_id
    WHERE k.key_hash = $1 AND k.livemode = $2 AND k.revoked_at IS NULL AND k.is_active
      AND u.is_active AND u.deleted_at IS NULL";
const USED: &str = "UPDATE api_keys SET last_used_at = $2
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";

pub(crate) const STATEMENTS: &[&str] = &[INSERT, IS_OWN, LIST, REVOKE, REVOKE_ALL, FIND_LIVE, USED];
