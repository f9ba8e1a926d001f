//! `users`.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::At;
use crate::model::user::{Email, User, Username};

row!(
    struct UserRow {
        id: Uuid,
        email: String,
        username: String,
        is_active: bool,
        is_superuser: bool,
        created_at: At,
        updated_at: At,
        email_verified_at: Option<At>,
        locale: String,
    }
);

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id.into(),
            email: row.email,
            username: row.username,
            is_active: row.is_active,
            is_superuser: row.is_superuser,
            created_at: Timestamp::from_utc(row.created_at),
            updated_at: Timestamp::from_utc(row.updated_at),
            email_verified_at: row.email_verified_at.map(Timestamp::from_utc),
            locale: row.locale,
        }
    }
}

/// A person by id; somebody deleted is nobody.
pub(crate) async fn find(db: &Db, id: UserId) -> Result<Option<User>> {
    let row: Option<UserRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(User::from))
}

row!(
    struct LoginRow {
        id: Uuid,
        hashed_password: Option<String>,
    }
);

/// Whom a login names, and the hash to compare with.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) id: UserId,
    pub(crate) hashed_password: Option<String>,
}

fn login(row: LoginRow) -> Login {
    Login {
        id: row.id.into(),
        hashed_password: row.hashed_password,
    }
}

/// By normalised address.
pub(crate) async fn find_login_by_email(db: &Db, email: &str) -> Result<Option<Login>> {
    let row: Option<LoginRow> = on_read!(db, |e| sqlx::query_as(LOGIN_BY_EMAIL)
        .bind(email)
        .fetch_optional(e)
        .await)?;
    Ok(row.map(login))
}

/// By folded user name.
pub(crate) async fn find_login_by_username(db: &Db, key: &str) -> Result<Option<Login>> {
    let row: Option<LoginRow> = on_read!(db, |e| sqlx::query_as(LOGIN_BY_USERNAME)
        .bind(key)
        .fetch_optional(e)
        .await)?;
    Ok(row.map(login))
}

/// Opens an account. `false`: the address or the name is taken.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: UserId,
    email: &Email,
    username: &Username,
    hashed_password: &str,
    locale: &str,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(id.uuid())
        .bind(email.as_str())
        .bind(username.as_str())
        .bind(hashed_password)
        .bind(now.utc())
        .bind(username.key())
        .bind(email.folded())
        .bind(locale)
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Notes a sign-in, and the password's hash made anew where there is one.
pub(crate) async fn signed_in(
    tx: &mut Tx,
    id: UserId,
    rehashed: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(SIGNED_IN)
        .bind(id.uuid())
        .bind(rehashed)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Makes everything about a person queue behind this transaction, on either engine.
pub(crate) async fn lock(tx: &mut Tx, id: UserId) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(LOCK)
        .bind(id.uuid())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

const FIND: &str = "SELECT id, email, username, is_active, is_superuser, created_at, updated_at, email_verified_at,
    locale FROM users WHERE id = $1 AND deleted_at IS NULL";
const LOGIN_BY_EMAIL: &str =
    "SELECT id, hashed_password FROM users WHERE email = $1 AND deleted_at IS NULL";
const LOGIN_BY_USERNAME: &str =
    "SELECT id, hashed_password FROM users WHERE username_key = $1 AND deleted_at IS NULL";
const INSERT: &str =
    "INSERT INTO users (id, email, username, hashed_password, created_at, updated_at, username_key,
    email_folded, locale, password_changed_at) VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $5)
    ON CONFLICT DO NOTHING RETURNING id";
const SIGNED_IN: &str =
    "UPDATE users SET last_login_at = $3, hashed_password = COALESCE($2, hashed_password)
    WHERE id = $1";
const LOCK: &str = "UPDATE users SET version = version WHERE id = $1";

pub(crate) const STATEMENTS: &[&str] = &[
    FIND,
    LOGIN_BY_EMAIL,
    LOGIN_BY_USERNAME,
    INSERT,
    SIGNED_IN,
    LOCK,
];
