//! `known_devices`: from where a person has signed in before.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read};
use uuid::Uuid;

/// Whether a person has signed in with it.
pub(crate) async fn is_known(db: &Db, user: UserId, device: &[u8; 32]) -> Result<bool> {
    let row: Option<(Uuid,)> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(user.uuid())
        .bind(device.as_slice())
        .fetch_optional(e)
        .await)?;
    Ok(row.is_some())
}

/// Notes a sign-in with it. `true`: the first.
pub(crate) async fn seen(
    tx: &mut Tx,
    user: UserId,
    device: &[u8; 32],
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(SEEN_AGAIN)
        .bind(user.uuid())
        .bind(device.as_slice())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    if row.is_some() {
        return Ok(false);
    }
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(user.uuid())
        .bind(device.as_slice())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Forgets all of a person's.
pub(crate) async fn forget(tx: &mut Tx, user: UserId) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(FORGET)
        .bind(user.uuid())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

const FIND: &str = "SELECT user_id FROM known_devices WHERE user_id = $1 AND device_hash = $2";
const SEEN_AGAIN: &str = "UPDATE known_devices SET last_seen_at = $3
    WHERE user_id = $1 AND device_hash = $2 RETURNING user_id";
const INSERT: &str = "INSERT INTO known_devices (user_id, device_hash, first_seen_at, last_seen_at)
    VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING RETURNING user_id";
const FORGET: &str = "DELETE FROM known_devices WHERE user_id = $1";

pub(crate) const STATEMENTS: &[&str] = &[FIND, SEEN_AGAIN, INSERT, FORGET];
