//! `sessions`.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, SessionId, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::At;
use crate::model::session::{PastSignIn, SignIn};

/// Begins a sign-in.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: SessionId,
    user: UserId,
    origin: &Origin,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(id.uuid())
        .bind(user.uuid())
        .bind(now.utc())
        .bind(expires_at.utc())
        .bind(origin.device.as_deref())
        .bind(origin.address.map(|address| address.to_string()))
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

/// Binds a live sign-in to the cookie of a browser. `false`: it is over, or bound already.
pub(crate) async fn bind(
    tx: &mut Tx,
    id: SessionId,
    cookie_hash: &[u8; 32],
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(BIND)
        .bind(id.uuid())
        .bind(now.utc())
        .bind(&cookie_hash[..])
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

row!(
    struct BoundRow {
        id: Uuid,
        user_id: Uuid,
        last_seen_at: At,
    }
);

/// A live sign-in of a browser.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) last_seen_at: Timestamp,
}

/// The live sign-in that a cookie names, if its browser was there after `seen_after`.
pub(crate) async fn find_bound(
    db: &Db,
    cookie_hash: &[u8; 32],
    seen_after: Timestamp,
    now: Timestamp,
) -> Result<Option<Bound>> {
    let row: Option<BoundRow> = on_read!(db, |e| sqlx::query_as(FIND_BOUND)
        .bind(&cookie_hash[..])
        .bind(now.utc())
        .bind(seen_after.utc())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|row| Bound {
        id: row.id.into(),
        user_id: row.user_id.into(),
        last_seen_at: Timestamp::from_utc(row.last_seen_at),
    }))
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

/// Whether a live sign-in was confirmed after `since`. `None`: there is no such live sign-in.
pub(crate) async fn is_confirmed(
    db: &Db,
    id: SessionId,
    since: Timestamp,
    now: Timestamp,
) -> Result<Option<bool>> {
    let row: Option<(At,)> = on_read!(db, |e| sqlx::query_as(AUTHENTICATED)
        .bind(id.uuid())
        .bind(now.utc())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(at,)| Timestamp::from_utc(at) > since))
}

/// Notes that its person has shown that it is they. `false`: it is over.
pub(crate) async fn confirm(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(CONFIRM)
        .bind(id.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Ends one of a person's sign-ins. `false`: there is no such live one of theirs.
pub(crate) async fn revoke_own(
    tx: &mut Tx,
    user: UserId,
    id: SessionId,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(REVOKE_OWN)
        .bind(id.uuid())
        .bind(now.utc())
        .bind(reason)
        .bind(user.uuid())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Ends all sign-ins of a person but `kept`. Gives how many.
pub(crate) async fn revoke_others(
    tx: &mut Tx,
    user: UserId,
    kept: Option<SessionId>,
    reason: &str,
    now: Timestamp,
) -> Result<usize> {
    let kept = kept.map_or(Uuid::nil(), Id::uuid);
    let rows: Vec<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(REVOKE_OTHERS)
        .bind(user.uuid())
        .bind(now.utc())
        .bind(reason)
        .bind(kept)
        .fetch_all(c)
        .await)?;
    Ok(rows.len())
}

/// Forgets from where and with what a person signed in.
pub(crate) async fn forget_places(tx: &mut Tx, user: UserId) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(FORGET_PLACES)
        .bind(user.uuid())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

row!(
    struct ListedRow {
        id: Uuid,
        device: Option<String>,
        address: Option<String>,
        created_at: At,
        last_seen_at: At,
        expires_at: At,
    }
);

/// The live sign-ins of a person, newest first.
pub(crate) async fn list(db: &Db, user: UserId, now: Timestamp, limit: i64) -> Result<Vec<SignIn>> {
    let rows: Vec<ListedRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(user.uuid())
        .bind(now.utc())
        .bind(limit)
        .fetch_all(e)
        .await)?;
    let listed = rows.into_iter().map(|row| SignIn {
        id: row.id.into(),
        device: row.device,
        address: row.address,
        created_at: Timestamp::from_utc(row.created_at),
        last_seen_at: Timestamp::from_utc(row.last_seen_at),
        expires_at: Timestamp::from_utc(row.expires_at),
    });
    Ok(listed.collect())
}

row!(
    struct PastRow {
        id: Uuid,
        device: Option<String>,
        address: Option<String>,
        created_at: At,
        revoked_at: Option<At>,
    }
);

/// The sign-ins of a person, live or over, newest first, from below `before` on. Those that are over have no index of
/// their own: the newest of all are read until there are enough.
pub(crate) async fn list_all(
    db: &Db,
    user: UserId,
    before: Option<SessionId>,
    limit: i64,
) -> Result<Vec<PastSignIn>> {
    let rows: Vec<PastRow> = on_read!(db, |e| sqlx::query_as(LIST_ALL)
        .bind(user.uuid())
        .bind(before.map_or(Uuid::max(), Id::uuid))
        .bind(limit)
        .fetch_all(e)
        .await)?;
    let listed = rows.into_iter().map(|row| PastSignIn {
        id: row.id.into(),
        device: row.device,
        address: row.address,
        created_at: Timestamp::from_utc(row.created_at),
        ended_at: row.revoked_at.map(Timestamp::from_utc),
    });
    Ok(listed.collect())
}

row!(
    struct EndedRow {
        id: Uuid,
        revoked_at: At,
    }
);

/// Sign-ins that were ended at or after `since`.
pub(crate) async fn ended_since(db: &Db, since: Timestamp) -> Result<Vec<(SessionId, Timestamp)>> {
    let rows: Vec<EndedRow> = on_read!(db, |e| sqlx::query_as(ENDED_SINCE)
        .bind(since.utc())
        .fetch_all(e)
        .await)?;
    let ended = rows
        .into_iter()
        .map(|row| (row.id.into(), Timestamp::from_utc(row.revoked_at)));
    Ok(ended.collect())
}

/// Forgets at most `most` sign-ins that ended before `before`, with their tokens.
pub(crate) async fn purge(tx: &mut Tx, before: Timestamp, most: i64) -> Result<u64> {
    let mut most_gone = 0_u64;
    for statement in [PURGE_TOKENS, PURGE] {
        let gone = in_tx!(tx, |c| sqlx::query(statement)
            .bind(before.utc())
            .bind(most)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        most_gone = most_gone.max(gone);
    }
    Ok(most_gone)
}

const INSERT: &str =
    "INSERT INTO sessions (id, user_id, created_at, authenticated_at, last_seen_at, expires_at, device, address)
    VALUES ($1, $2, $3, $3, $3, $4, $5, $6)";
const FIND: &str = "SELECT s.user_id, s.expires_at, s.revoked_at FROM sessions s WHERE s.id = $1";
const TOUCH: &str = "UPDATE sessions SET last_seen_at = $2
    WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2 RETURNING id";
const BIND: &str = "UPDATE sessions SET cookie_hash = $3
    WHERE id = $1 AND cookie_hash IS NULL AND revoked_at IS NULL AND expires_at > $2 RETURNING id";
const FIND_BOUND: &str = "SELECT id, user_id, last_seen_at FROM sessions
    WHERE cookie_hash = $1 AND revoked_at IS NULL AND expires_at > $2 AND last_seen_at > $3";
const REVOKE: &str = "UPDATE sessions SET revoked_at = $2, revoke_reason = $3 WHERE id = $1 AND revoked_at IS NULL RETURNING id";

const AUTHENTICATED: &str = "SELECT authenticated_at FROM sessions WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2";
const CONFIRM: &str = "UPDATE sessions SET authenticated_at = $2
    WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2 RETURNING id";
const REVOKE_OWN: &str = "UPDATE sessions SET revoked_at = $2, revoke_reason = $3
    WHERE id = $1 AND user_id = $4 AND revoked_at IS NULL AND expires_at > $2 RETURNING id";
const REVOKE_OTHERS: &str = "UPDATE sessions SET revoked_at = $2, revoke_reason = $3
    WHERE user_id = $1 AND id <> $4 AND revoked_at IS NULL RETURNING id";
const FORGET_PLACES: &str = "UPDATE sessions SET device = NULL, address = NULL WHERE user_id = $1";
const LIST: &str = "SELECT id, device, address, created_at, last_seen_at, expires_at FROM sessions
    WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY id DESC LIMIT $3";
const LIST_ALL: &str = "SELECT id, device, address, created_at, revoked_at FROM sessions
    WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const ENDED_SINCE: &str =
    "SELECT id, revoked_at FROM sessions WHERE revoked_at IS NOT NULL AND revoked_at >= $1";
const PURGE_TOKENS: &str = "DELETE FROM refresh_tokens WHERE session_id IN
    (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
const PURGE: &str = "DELETE FROM sessions WHERE id IN
    (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

pub(crate) const STATEMENTS: &[&str] = &[
    INSERT,
    FIND,
    TOUCH,
    BIND,
    FIND_BOUND,
    REVOKE,
    AUTHENTICATED,
    CONFIRM,
    REVOKE_OWN,
    REVOKE_OTHERS,
    FORGET_PLACES,
    LIST,
    LIST_ALL,
    ENDED_SINCE,
    PURGE_TOKENS,
    PURGE,
];
