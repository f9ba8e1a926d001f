//! `one_time_tokens`: of one purpose and address only the newest works, and works once.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, OneTimeTokenId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use crate::model::one_time::{OneTimeToken, Purpose};

/// A token to write down.
pub(crate) struct NewToken<'a> {
    pub(crate) id: OneTimeTokenId,
    pub(crate) purpose: Purpose,
    pub(crate) user: Option<UserId>,
    pub(crate) email: &'a str,
    pub(crate) token: &'a OneTimeToken,
    pub(crate) expires_at: Timestamp,
}

/// Ends the older ones and writes the new one down. `false`: another was written at this moment, and
/// is the newest.
pub(crate) async fn put(tx: &mut Tx, new: &NewToken<'_>, now: Timestamp) -> Result<bool> {
    in_tx!(tx, |c| sqlx::query(REVOKE_OLDER)
        .bind(new.purpose.as_str())
        .bind(new.email)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(new.id.uuid())
        .bind(new.purpose.as_str())
        .bind(new.user.map(Id::uuid))
        .bind(new.email)
        .bind(new.token.hash(new.purpose).to_vec())
        .bind(now.utc())
        .bind(new.expires_at.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

row!(
    struct SpentRow {
        user_id: Option<Uuid>,
        email: String,
    }
);

/// Whose token it was, and for which address.
#[derive(Clone, Debug)]
pub(crate) struct Spent {
    pub(crate) user: Option<UserId>,
    pub(crate) email: String,
}

impl From<SpentRow> for Spent {
    fn from(row: SpentRow) -> Self {
        Self {
            user: row.user_id.map(UserId::from),
            email: row.email,
        }
    }
}

/// Uses a token, once. `None`: unknown, used, ended, replaced or too old: nobody is told which.
pub(crate) async fn spend(
    tx: &mut Tx,
    token: &OneTimeToken,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<Spent>> {
    let row: Option<SpentRow> = in_tx!(tx, |c| sqlx::query_as(SPEND)
        .bind(token.hash(purpose).to_vec())
        .bind(purpose.as_str())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.map(Spent::from))
}

/// Looks at a token without using it.
pub(crate) async fn find_open(
    db: &Db,
    token: &OneTimeToken,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<Spent>> {
    let row: Option<SpentRow> = on_read!(db, |e| sqlx::query_as(FIND_OPEN)
        .bind(token.hash(purpose).to_vec())
        .bind(purpose.as_str())
        .bind(now.utc())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(Spent::from))
}

/// Ends every open token of a person.
pub(crate) async fn revoke_all(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(REVOKE_ALL)
        .bind(user.uuid())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Forgets every token of a person, and the addresses they went to.
pub(crate) async fn erase(tx: &mut Tx, user: UserId) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(ERASE)
        .bind(user.uuid())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Forgets at most `most` that are over.
pub(crate) async fn purge(tx: &mut Tx, before: Timestamp, most: i64) -> Result<u64> {
    let gone = in_tx!(tx, |c| sqlx::query(PURGE)
        .bind(before.utc())
        .bind(most)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(gone)
}

const REVOKE_OLDER: &str = "UPDATE one_time_tokens SET revoked_at = $3
    WHERE purpose = $1 AND email = $2 AND used_at IS NULL AND revoked_at IS NULL";
const INSERT: &str =
    "INSERT INTO one_time_tokens (id, purpose, user_id, email, token_hash, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id";
const SPEND: &str = "UPDATE one_time_tokens SET used_at = $3
    WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $3
    RETURNING user_id, email";
const FIND_OPEN: &str = "SELECT user_id, email FROM one_time_tokens
    WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $3";
const REVOKE_ALL: &str = "UPDATE one_time_tokens SET revoked_at = $2
    WHERE user_id = $1 AND used_at IS NULL AND revoked_at IS NULL";
const ERASE: &str = "DELETE FROM one_time_tokens WHERE user_id = $1";
const PURGE: &str = "DELETE FROM one_time_tokens WHERE id IN
    (SELECT id FROM one_time_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

pub(crate) const STATEMENTS: &[&str] = &[
    REVOKE_OLDER,
    INSERT,
    SPEND,
    FIND_OPEN,
    REVOKE_ALL,
    ERASE,
    PURGE,
];
