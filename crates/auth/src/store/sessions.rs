//! `sessions`.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, SessionId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::At;

/// Begins a sign-in.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: SessionId,
    user: UserId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(id.uuid())
        .bind(user.uuid())
        .bind(now.utc())
        .bind(expires_at.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

row!(
    struct SessionRow {
        user_id: Uuid,
        expires_at: At,
        revoked_at: Option<At>,
    }
);

/// A sign-in as it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) user_id: UserId,
    pub(crate) expires_at: Timestamp,
    pub(crate) is_revoked: bool,
}

fn session(row: &SessionRow) -> Session {
    Session {
        user_id: row.user_id.into(),
        expires_at: Timestamp::from_utc(row.expires_at),
        is_revoked: row.revoked_at.is_some(),
    }
}

/// A sign-in.
pub(crate) async fn find(db: &Db, id: SessionId) -> Result<Option<Session>> {
    let row: Option<SessionRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.as_ref().map(session))
}

/// The same, inside a transaction.
pub(crate) async fn read(tx: &mut Tx, id: SessionId) -> Result<Option<Session>> {
    let row: Option<SessionRow> = in_tx!(tx, |c| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(c)
        .await)?;
    Ok(row.as_ref().map(session))
}

/// Notes that a sign-in was renewed. `false`: it is over.
pub(crate) async fn touch(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(TOUCH)
        .bind(id.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Ends a sign-in, with every token of it. `false`: it was over already.
pub(crate) async fn revoke(
    tx: &mut Tx,
    id: SessionId,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(REVOKE)
        .bind(id.uuid())
        .bind(now.utc())
        .bind(reason)
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

const INSERT: &str =
    "INSERT INTO sessions (id, user_id, created_at, authenticated_at, last_seen_at, expires_at)
    VALUES ($1, $2, $3, $3, $3, $4)";
const FIND: &str = "SELECT s.user_id, s.expires_at, s.revoked_at FROM sessions s WHERE s.id = $1";
const TOUCH: &str = "UPDATE sessions SET last_seen_at = $2
    WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2 RETURNING id";
const REVOKE: &str = "UPDATE sessions SET revoked_at = $2, revoke_reason = $3 WHERE id = $1 AND revoked_at IS NULL RETURNING id";

pub(crate) const STATEMENTS: &[&str] = &[INSERT, FIND, TOUCH, REVOKE];
