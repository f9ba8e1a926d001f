//! `refresh_tokens`: each is used once, and has one successor.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, RefreshTokenId, SessionId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::At;

/// Writes a token's hash down. `false`: its parent has a successor already.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: RefreshTokenId,
    session: SessionId,
    parent: Option<RefreshTokenId>,
    hash: &[u8; 32],
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(id.uuid())
        .bind(session.uuid())
        .bind(parent.map(Id::uuid))
        .bind(hash.as_slice())
        .bind(now.utc())
        .bind(expires_at.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

row!(
    struct UsedRow {
        id: Uuid,
        session_id: Uuid,
    }
);

/// Uses a token, once. `None`: unknown, used before, or too old; [`read`] says which.
pub(crate) async fn spend(
    tx: &mut Tx,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<(RefreshTokenId, SessionId)>> {
    let row: Option<UsedRow> = in_tx!(tx, |c| sqlx::query_as(SPEND)
        .bind(hash.as_slice())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|row| (row.id.into(), row.session_id.into())))
}

row!(
    struct TokenRow {
        id: Uuid,
        session_id: Uuid,
        created_at: At,
        expires_at: At,
        used_at: Option<At>,
    }
);

/// A token as it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) id: RefreshTokenId,
    pub(crate) session_id: SessionId,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// `None`: never; if it could not be used, it was only too old.
    pub(crate) used_at: Option<Timestamp>,
}

fn token(row: &TokenRow) -> Token {
    Token {
        id: row.id.into(),
        session_id: row.session_id.into(),
        created_at: Timestamp::from_utc(row.created_at),
        expires_at: Timestamp::from_utc(row.expires_at),
        used_at: row.used_at.map(Timestamp::from_utc),
    }
}

/// By hash.
pub(crate) async fn find(db: &Db, hash: &[u8; 32]) -> Result<Option<Token>> {
    let row: Option<TokenRow> = on_read!(db, |e| sqlx::query_as(READ)
        .bind(hash.as_slice())
        .fetch_optional(e)
        .await)?;
    Ok(row.as_ref().map(token))
}

/// The same, inside a transaction.
pub(crate) async fn read(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<Token>> {
    let row: Option<TokenRow> = in_tx!(tx, |c| sqlx::query_as(READ)
        .bind(hash.as_slice())
        .fetch_optional(c)
        .await)?;
    Ok(row.as_ref().map(token))
}

row!(
    struct EndedRow {
        session_id: Uuid,
        token_hash: Vec<u8>,
        expires_at: At,
    }
);

/// A token that could have been used, had its sign-in not ended.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "redis"),
    expect(dead_code, reason = "read by what tells other instances")
)]
pub(crate) struct EndedToken {
    pub(crate) session_id: SessionId,
    pub(crate) hash: [u8; 32],
    pub(crate) expires_at: Timestamp,
}

/// Those of sign-ins that were ended at or after `since`.
pub(crate) async fn ended_since(
    db: &Db,
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<EndedToken>> {
    let rows: Vec<EndedRow> = on_read!(db, |e| sqlx::query_as(ENDED_SINCE)
        .bind(since.utc())
        .bind(now.utc())
        .fetch_all(e)
        .await)?;
    // A hash has 32 bytes: the table checks it.
    let tokens = rows.into_iter().filter_map(|row| {
        Some(EndedToken {
            session_id: row.session_id.into(),
            hash: row.token_hash.try_into().ok()?,
            expires_at: Timestamp::from_utc(row.expires_at),
        })
    });
    Ok(tokens.collect())
}

const INSERT: &str =
    "INSERT INTO refresh_tokens (id, session_id, parent_id, token_hash, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id";
const SPEND: &str = "UPDATE refresh_tokens SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2
    RETURNING id, session_id";
const READ: &str = "SELECT id, session_id, created_at, expires_at, used_at FROM refresh_tokens WHERE token_hash = $1";
const ENDED_SINCE: &str = "SELECT t.session_id, t.token_hash, t.expires_at FROM refresh_tokens t
    JOIN sessions s ON s.id = t.session_id
    WHERE s.revoked_at IS NOT NULL AND s.revoked_at >= $1 AND t.used_at IS NULL AND t.expires_at > $2";

pub(crate) const STATEMENTS: &[&str] = &[INSERT, SPEND, READ, ENDED_SINCE];
