//! `users`.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::error::known;
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, roles};
use crate::model::role::Role;
use crate::model::user::{Email, Locale, User, Username};

row!(
    pub(super) struct UserRow {
        pub(super) id: Uuid,
        pub(super) email: String,
        pub(super) username: String,
        pub(super) is_active: bool,
        pub(super) is_superuser: bool,
        pub(super) created_at: At,
        pub(super) updated_at: At,
        pub(super) email_verified_at: Option<At>,
        pub(super) locale: String,
        pub(super) tokens_after: Option<At>,
    }
);

impl UserRow {
    pub(super) fn with(self, roles: Vec<Role>) -> Result<User> {
        let row = self;
        Ok(User {
            id: row.id.into(),
            email: row.email,
            username: row.username,
            is_active: row.is_active,
            is_superuser: row.is_superuser,
            created_at: Timestamp::from_utc(row.created_at),
            updated_at: Timestamp::from_utc(row.updated_at),
            email_verified_at: row.email_verified_at.map(Timestamp::from_utc),
            locale: known(row.locale.parse(), "users", "locale", &row.id)?,
            tokens_after: row.tokens_after.map(Timestamp::from_utc),
            roles,
        })
    }
}

/// The same as [`find`], inside a transaction.
pub(crate) async fn read(tx: &mut Tx, id: UserId) -> Result<Option<User>> {
    let row: Option<UserRow> = in_tx!(tx, |c| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(c)
        .await)?;
    match row {
        Some(row) => row.with(roles::read(tx, id).await?).map(Some),
        None => Ok(None),
    }
}

/// A person by id; somebody deleted is nobody.
pub(crate) async fn find(db: &Db, id: UserId) -> Result<Option<User>> {
    let row: Option<UserRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    match row {
        Some(row) => row.with(roles::find(db, id).await?).map(Some),
        None => Ok(None),
    }
}

row!(
    struct LoginRow {
        id: Uuid,
        hashed_password: Option<String>,
        password_changed_at: Option<At>,
    }
);

/// Whom a login names, and the hash to compare with.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) id: UserId,
    pub(crate) hashed_password: Option<String>,
    /// Which password that is the hash of.
    pub(crate) password_changed_at: Option<Timestamp>,
}

fn login(row: LoginRow) -> Login {
    Login {
        id: row.id.into(),
        hashed_password: row.hashed_password,
        password_changed_at: row.password_changed_at.map(Timestamp::from_utc),
    }
}

/// By normalised address.
pub(crate) async fn find_login_by_email(db: &Db, email: &Email) -> Result<Option<Login>> {
    let row: Option<LoginRow> = on_read!(db, |e| sqlx::query_as(LOGIN_BY_EMAIL)
        .bind(email.as_str())
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

/// Whether an account holds an address, whatever became of it.
pub(crate) async fn is_email_known(db: &Db, email: &Email) -> Result<bool> {
    let row: Option<(Uuid,)> = on_read!(db, |e| sqlx::query_as(IS_EMAIL_KNOWN)
        .bind(email.as_str())
        .fetch_optional(e)
        .await)?;
    Ok(row.is_some())
}

/// The address of a person as all its aliases are folded.
pub(crate) async fn mailbox(db: &Db, id: UserId) -> Result<Option<String>> {
    let row: Option<(String,)> = on_read!(db, |e| sqlx::query_as(MAILBOX)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(folded,)| folded))
}

/// Who holds an address now.
pub(crate) async fn holder(tx: &mut Tx, email: &Email) -> Result<Option<UserId>> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(HOLDER)
        .bind(email.as_str())
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(id,)| id.into()))
}

/// An account to open.
pub(crate) struct NewUser<'a> {
    pub(crate) id: UserId,
    pub(crate) email: &'a Email,
    pub(crate) username: &'a Username,
    /// `None`: nobody can sign in by password yet.
    pub(crate) hashed_password: Option<&'a str>,
    pub(crate) is_superuser: bool,
    pub(crate) locale: Locale,
}

/// Opens an account. `None`: the address or the name is taken.
pub(crate) async fn insert(tx: &mut Tx, new: &NewUser<'_>, now: Timestamp) -> Result<Option<User>> {
    let row: Option<UserRow> = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(new.id.uuid())
        .bind(new.email.as_str())
        .bind(new.username.as_str())
        .bind(new.hashed_password)
        .bind(now.utc())
        .bind(new.username.key())
        .bind(new.email.folded())
        .bind(new.locale.as_str())
        .bind(new.is_superuser)
        .fetch_optional(c)
        .await)?;
    row.map(|row| row.with(Vec::new())).transpose()
}

/// Notes a sign-in. `false`: since the password was compared, it was changed or the person
/// deactivated.
pub(crate) async fn signed_in(tx: &mut Tx, login: &Login, now: Timestamp) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(SIGNED_IN)
        .bind(login.id.uuid())
        .bind(login.password_changed_at.map(Timestamp::utc))
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Sets a new password, unless it was changed since `login` was read, or the person may not act.
pub(crate) async fn set_password(
    tx: &mut Tx,
    login: &Login,
    hashed: &str,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(SET_PASSWORD)
        .bind(login.id.uuid())
        .bind(login.password_changed_at.map(Timestamp::utc))
        .bind(hashed)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Notes that an address is its owner's. `false`: the account has another one by now.
pub(crate) async fn verify_email(
    tx: &mut Tx,
    id: UserId,
    email: &str,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(VERIFY_EMAIL)
        .bind(id.uuid())
        .bind(email)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Shuts an account.
pub(crate) async fn deactivate(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(DEACTIVATE)
        .bind(id.uuid())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Gives the account another address, confirmed. `false`: somebody has it, or the person is gone.
pub(crate) async fn change_email(
    tx: &mut Tx,
    id: UserId,
    email: &Email,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(CHANGE_EMAIL)
        .bind(id.uuid())
        .bind(email.as_str())
        .bind(email.folded())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Changes name and language. `false`: the name is taken, or the person is gone.
pub(crate) async fn change_profile(
    tx: &mut Tx,
    id: UserId,
    username: Option<&Username>,
    locale: Option<Locale>,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(CHANGE_PROFILE)
        .bind(id.uuid())
        .bind(username.map(Username::as_str))
        .bind(username.map(Username::key))
        .bind(locale.map(Locale::as_str))
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// The hash and its date, by id.
pub(crate) async fn find_login(db: &Db, id: UserId) -> Result<Option<Login>> {
    let row: Option<LoginRow> = on_read!(db, |e| sqlx::query_as(LOGIN_BY_ID)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(login))
}

/// Empties an account: what is left is its id, for the books.
pub(crate) async fn erase(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<bool> {
    let gone = format!("deleted-{}", id.uuid().simple());
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(ERASE)
        .bind(id.uuid())
        .bind(&gone)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Whether a person has signed in before.
pub(crate) async fn has_signed_in(tx: &mut Tx, id: UserId) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(HAS_SIGNED_IN)
        .bind(id.uuid())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Puts a dearer hash of the same password in the place of `old`.
pub(crate) async fn rehash(tx: &mut Tx, id: UserId, old: &str, new: &str) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(REHASH)
        .bind(id.uuid())
        .bind(old)
        .bind(new)
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

/// Those who may do everything, up to `most`, the longest-standing first.
pub(crate) async fn read_admins(tx: &mut Tx, most: i64) -> Result<Vec<UserId>> {
    let rows: Vec<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(ADMINS).bind(most).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

const ADMINS: &str = "SELECT u.id FROM user_roles r JOIN users u ON u.id = r.user_id
    WHERE r.role = 'admin' AND u.is_active AND u.deleted_at IS NULL ORDER BY u.id LIMIT $1";
const FIND: &str = "SELECT id, email, username, is_active, is_superuser, created_at, updated_at, email_verified_at,
    locale, tokens_after FROM users WHERE id = $1 AND deleted_at IS NULL";
const LOGIN_BY_EMAIL: &str = "SELECT id, hashed_password, password_changed_at FROM users WHERE email = $1 AND deleted_at IS NULL";
const LOGIN_BY_USERNAME: &str = "SELECT id, hashed_password, password_changed_at FROM users WHERE username_key = $1 AND deleted_at IS NULL";
const MAILBOX: &str = "SELECT email_folded FROM users WHERE id = $1 AND deleted_at IS NULL";
const HOLDER: &str = "SELECT id FROM users WHERE email = $1 AND deleted_at IS NULL";
const IS_EMAIL_KNOWN: &str = "SELECT id FROM users WHERE email = $1";
const INSERT: &str = "INSERT INTO users (id, email, username, hashed_password, created_at, updated_at, username_key,
    email_folded, locale, password_changed_at, is_superuser) VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $5, $9)
    ON CONFLICT DO NOTHING
    RETURNING id, email, username, is_active, is_superuser, created_at, updated_at, email_verified_at,
    locale, tokens_after";
const SIGNED_IN: &str = "UPDATE users SET last_login_at = $3
    WHERE id = $1 AND is_active AND deleted_at IS NULL
      AND (password_changed_at = $2 OR ($2 IS NULL AND password_changed_at IS NULL))
    RETURNING id";
const REHASH: &str = "UPDATE users SET hashed_password = $3 WHERE id = $1 AND hashed_password = $2";
const HAS_SIGNED_IN: &str = "SELECT user_id FROM sessions WHERE user_id = $1 LIMIT 1";
const LOGIN_BY_ID: &str = "SELECT id, hashed_password, password_changed_at FROM users WHERE id = $1 AND deleted_at IS NULL";
const SET_PASSWORD: &str =
    "UPDATE users SET hashed_password = $3, password_changed_at = $4, updated_at = $4,
    version = version + 1
    WHERE id = $1 AND is_active AND deleted_at IS NULL
      AND (password_changed_at = $2 OR ($2 IS NULL AND password_changed_at IS NULL))
    RETURNING id";
const VERIFY_EMAIL: &str = "UPDATE users SET email_verified_at = COALESCE(email_verified_at, $3), updated_at = $3,
    version = version + 1 WHERE id = $1 AND email = $2 AND is_active AND deleted_at IS NULL RETURNING id";
const DEACTIVATE: &str =
    "UPDATE users SET is_active = (1 = 0), updated_at = $2, version = version + 1
    WHERE id = $1 AND is_active AND deleted_at IS NULL";
// NOT EXISTS before the unique key: a taken address is an answer, not an error.
const CHANGE_EMAIL: &str =
    "UPDATE users SET email = $2, email_folded = $3, email_verified_at = $4, updated_at = $4,
    version = version + 1
    WHERE id = $1 AND is_active AND deleted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM users o WHERE o.email = $2 AND o.id <> $1) RETURNING id";
const CHANGE_PROFILE: &str =
    "UPDATE users SET username = COALESCE($2, username), username_key = COALESCE($3, username_key),
    locale = COALESCE($4, locale), updated_at = $5, version = version + 1
    WHERE id = $1 AND deleted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM users o WHERE o.username_key = $3 AND o.id <> $1) RETURNING id";
const ERASE: &str = "UPDATE users SET email = $2, username = $2, username_key = $2, email_folded = $2, hashed_password = NULL,
    is_active = (1 = 0), is_superuser = (1 = 0), email_verified_at = NULL, last_login_at = NULL,
    deleted_at = $3, updated_at = $3, tokens_after = $3, version = version + 1
    WHERE id = $1 AND deleted_at IS NULL RETURNING id";
const LOCK: &str = "UPDATE users SET version = version WHERE id = $1";

pub(crate) const STATEMENTS: &[&str] = &[
    ADMINS,
    MAILBOX,
    HOLDER,
    FIND,
    LOGIN_BY_EMAIL,
    LOGIN_BY_USERNAME,
    IS_EMAIL_KNOWN,
    INSERT,
    SIGNED_IN,
    REHASH,
    HAS_SIGNED_IN,
    LOGIN_BY_ID,
    SET_PASSWORD,
    VERIFY_EMAIL,
    DEACTIVATE,
    CHANGE_EMAIL,
    CHANGE_PROFILE,
    ERASE,
    LOCK,
];
