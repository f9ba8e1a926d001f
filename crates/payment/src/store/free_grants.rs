//! `free_grants`.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, UserId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, in_tx};

/// Notes that a person has a free plan by this account. `false`: they have had one by another.
pub(crate) async fn take(
    tx: &mut Tx,
    subject: &[u8; 32],
    user: UserId,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Vec<u8>,)> = in_tx!(tx, |c| sqlx::query_as(TAKE)
        .bind(subject.as_slice())
        .bind(user.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Notes that a person has had something that is had once, by whichever account. `false`: they have had it.
pub(crate) async fn take_once(
    tx: &mut Tx,
    subject: &[u8; 32],
    user: UserId,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Vec<u8>,)> = in_tx!(tx, |c| sqlx::query_as(TAKE_ONCE)
        .bind(subject.as_slice())
        .bind(user.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

const TAKE_ONCE: &str = "INSERT INTO free_grants (subject, user_id, created_at) VALUES ($1, $2, $3)
    ON CONFLICT (subject) DO NOTHING RETURNING subject";
const TAKE: &str = "INSERT INTO free_grants (subject, user_id, created_at) VALUES ($1, $2, $3)
    ON CONFLICT (subject) DO UPDATE SET user_id = free_grants.user_id WHERE free_grants.user_id = $2
    RETURNING subject";

pub(crate) const STATEMENTS: &[&str] = &[TAKE, TAKE_ONCE];
