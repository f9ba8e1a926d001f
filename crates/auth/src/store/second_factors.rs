//! `second_factors` and `recovery_codes`: a step and a code are each used once.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, SecondFactorId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

row!(
    struct FactorRow {
        id: Uuid,
        secret_sealed: Option<Vec<u8>>,
    }
);

/// A factor as it rests.
#[derive(Clone)]
pub(crate) struct Factor {
    pub(crate) id: SecondFactorId,
    pub(crate) secret_sealed: Vec<u8>,
}

impl From<FactorRow> for Factor {
    fn from(row: FactorRow) -> Self {
        Self {
            id: row.id.into(),
            secret_sealed: row.secret_sealed.unwrap_or_default(),
        }
    }
}

/// The one that a sign-in takes.
pub(crate) async fn find_confirmed(db: &Db, user: UserId) -> Result<Option<Factor>> {
    let row: Option<FactorRow> = on_read!(db, |e| sqlx::query_as(FIND_CONFIRMED)
        .bind(user.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(Factor::from))
}

/// The same, inside a transaction.
pub(crate) async fn read_confirmed(tx: &mut Tx, user: UserId) -> Result<Option<Factor>> {
    let row: Option<FactorRow> = in_tx!(tx, |c| sqlx::query_as(FIND_CONFIRMED)
        .bind(user.uuid())
        .fetch_optional(c)
        .await)?;
    Ok(row.map(Factor::from))
}

/// The one that waits for its first code.
pub(crate) async fn find_new(db: &Db, user: UserId) -> Result<Option<Factor>> {
    let row: Option<FactorRow> = on_read!(db, |e| sqlx::query_as(FIND_NEW)
        .bind(user.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(Factor::from))
}

/// Writes a new one down in place of others that wait. `false`: there is a confirmed one. The
/// person's row must be locked.
pub(crate) async fn put_new(
    tx: &mut Tx,
    id: SecondFactorId,
    user: UserId,
    sealed: &[u8],
    now: Timestamp,
) -> Result<bool> {
    in_tx!(tx, |c| sqlx::query(REVOKE_NEW)
        .bind(user.uuid())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(id.uuid())
        .bind(user.uuid())
        .bind(sealed)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Confirms it by the step of its first code. `false`: it is not new any more.
pub(crate) async fn confirm(
    tx: &mut Tx,
    id: SecondFactorId,
    step: i64,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(CONFIRM)
        .bind(id.uuid())
        .bind(step)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Uses a step, once, and every older one with it. `false`: it was used, or the factor is none.
pub(crate) async fn use_step(
    tx: &mut Tx,
    id: SecondFactorId,
    step: i64,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(USE_STEP)
        .bind(id.uuid())
        .bind(step)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Takes all factors and codes of a person away. Gives how many factors.
pub(crate) async fn remove(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<usize> {
    let rows: Vec<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(REVOKE_ALL)
        .bind(user.uuid())
        .bind(now.utc())
        .fetch_all(c)
        .await)?;
    in_tx!(tx, |c| sqlx::query(FORGET_CODES)
        .bind(user.uuid())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(rows.len())
}

/// Writes a recovery code's hash down.
pub(crate) async fn put_code(
    tx: &mut Tx,
    user: UserId,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(PUT_CODE)
        .bind(user.uuid())
        .bind(hash.as_slice())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Uses a recovery code, once. `false`: it is none, or was used.
pub(crate) async fn use_code(
    tx: &mut Tx,
    user: UserId,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(USE_CODE)
        .bind(user.uuid())
        .bind(hash.as_slice())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

const FIND_CONFIRMED: &str = "SELECT id, secret_sealed FROM second_factors
    WHERE user_id = $1 AND kind = 'totp' AND revoked_at IS NULL AND confirmed_at IS NOT NULL";
const FIND_NEW: &str = "SELECT id, secret_sealed FROM second_factors
    WHERE user_id = $1 AND kind = 'totp' AND revoked_at IS NULL AND confirmed_at IS NULL ORDER BY id DESC LIMIT 1";
const REVOKE_NEW: &str = "UPDATE second_factors SET revoked_at = $2
    WHERE user_id = $1 AND revoked_at IS NULL AND confirmed_at IS NULL";
const INSERT: &str = "INSERT INTO second_factors (id, user_id, kind, label, secret_sealed, created_at)
    SELECT $1, $2, 'totp', 'totp', $3, $4
    WHERE NOT EXISTS (SELECT 1 FROM second_factors WHERE user_id = $2 AND revoked_at IS NULL AND confirmed_at IS NOT NULL)
    RETURNING id";
const CONFIRM: &str =
    "UPDATE second_factors SET confirmed_at = $3, last_step = $2, last_used_at = $3
    WHERE id = $1 AND confirmed_at IS NULL AND revoked_at IS NULL RETURNING id";
const USE_STEP: &str = "UPDATE second_factors SET last_step = $2, last_used_at = $3
    WHERE id = $1 AND last_step < $2 AND confirmed_at IS NOT NULL AND revoked_at IS NULL RETURNING id";
const REVOKE_ALL: &str = "UPDATE second_factors SET revoked_at = $2, secret_sealed = NULL
    WHERE user_id = $1 AND revoked_at IS NULL RETURNING id";
const FORGET_CODES: &str = "DELETE FROM recovery_codes WHERE user_id = $1";
const PUT_CODE: &str =
    "INSERT INTO recovery_codes (user_id, code_hash, created_at) VALUES ($1, $2, $3)";
const USE_CODE: &str = "UPDATE recovery_codes SET used_at = $3
    WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL RETURNING user_id";

pub(crate) const STATEMENTS: &[&str] = &[
    FIND_CONFIRMED,
    FIND_NEW,
    REVOKE_NEW,
    INSERT,
    CONFIRM,
    USE_STEP,
    REVOKE_ALL,
    FORGET_CODES,
    PUT_CODE,
    USE_CODE,
];
