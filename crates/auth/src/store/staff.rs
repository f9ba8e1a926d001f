//! `users`, as operators look at them and change them.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::At;
use super::users::UserRow;
use crate::model::user::User;

row!(
    struct SummaryRow {
        id: Uuid,
        email: String,
        username: String,
        is_active: bool,
        is_superuser: bool,
        created_at: At,
        updated_at: At,
        email_verified_at: Option<At>,
        locale: String,
        tokens_after: Option<At>,
        last_login_at: Option<At>,
        last_seen_at: Option<At>,
    }
);

/// Whom an operator looks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search<'a> {
    /// Part of the address or the name, folded; or the whole id.
    pub(crate) text: Option<&'a str>,
    pub(crate) is_active: Option<bool>,
    /// Members of staff, or nobody of them.
    pub(crate) is_staff: Option<bool>,
    pub(crate) before: Option<UserId>,
}

/// A person, without roles, and when they were there.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) user: User,
    pub(crate) last_login_at: Option<Timestamp>,
    pub(crate) last_seen_at: Option<Timestamp>,
}

/// People, newest first.
pub(crate) async fn search(db: &Db, search: &Search<'_>, limit: i64) -> Result<Vec<Found>> {
    // `%` and `_` of the text are letters, not patterns.
    let pattern = search.text.map(|text| {
        let text = text
            .replace('!', "!!")
            .replace('%', "!%")
            .replace('_', "!_");
        format!("%{text}%")
    });
    let before = search.before.map_or(Uuid::max(), Id::uuid);
    let id = search.text.and_then(|text| text.parse::<UserId>().ok());
    let rows: Vec<SummaryRow> = on_read!(db, |e| sqlx::query_as(SEARCH)
        .bind(before)
        .bind(pattern.as_deref().unwrap_or("%"))
        .bind(search.is_active.unwrap_or(true))
        .bind(search.is_active.is_none())
        .bind(limit)
        .bind(id.map_or(Uuid::nil(), Id::uuid))
        .bind(search.is_staff.unwrap_or(true))
        .bind(search.is_staff.is_none())
        .fetch_all(e)
        .await)?;
    rows.into_iter()
        .map(|row| {
            let last_login_at = row.last_login_at.map(Timestamp::from_utc);
            let last_seen_at = row.last_seen_at.map(Timestamp::from_utc);
            let row = UserRow {
                id: row.id,
                email: row.email,
                username: row.username,
                is_active: row.is_active,
                is_superuser: row.is_superuser,
                created_at: row.created_at,
                updated_at: row.updated_at,
                email_verified_at: row.email_verified_at,
                locale: row.locale,
                tokens_after: row.tokens_after,
            };
            Ok(Found {
                user: row.with(Vec::new())?,
                last_login_at,
                last_seen_at,
            })
        })
        .collect()
}

/// Lets a person act, or not. `false`: they are that already, or gone.
pub(crate) async fn set_active(
    tx: &mut Tx,
    id: UserId,
    active: bool,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(SET_ACTIVE)
        .bind(id.uuid())
        .bind(active)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Sets a password whatever the present one is.
pub(crate) async fn force_password(
    tx: &mut Tx,
    id: UserId,
    hashed: &str,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(FORCE_PASSWORD)
        .bind(id.uuid())
        .bind(hashed)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Makes somebody a superuser who may act.
pub(crate) async fn make_superuser(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(MAKE_SUPERUSER)
        .bind(id.uuid())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Notes a sign-in that took no password.
pub(crate) async fn signed_in_by_link(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(SIGNED_IN_BY_LINK)
        .bind(id.uuid())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Makes whoever changes who is admin queue behind this transaction.
pub(crate) async fn lock_admins(tx: &mut Tx) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(LOCK_ADMINS)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// How many people who may act are admin, by role or as superuser; and whether one ever signed in.
pub(crate) async fn admins(tx: &mut Tx) -> Result<(i64, bool)> {
    let row: (i64, Option<At>) = in_tx!(tx, |c| sqlx::query_as(ADMINS).fetch_one(c).await)?;
    Ok((row.0, row.1.is_some()))
}

const SEARCH: &str = "SELECT id, email, username, is_active, is_superuser, created_at, updated_at, email_verified_at,
    locale, tokens_after, last_login_at,
    (SELECT MAX(s.last_seen_at) FROM sessions s WHERE s.user_id = users.id AND s.revoked_at IS NULL) AS last_seen_at
    FROM users
    WHERE id < $1 AND deleted_at IS NULL
      AND (email LIKE $2 ESCAPE '!' OR username_key LIKE $2 ESCAPE '!' OR id = $6)
      AND (is_active = $3 OR $4)
      AND ((is_superuser OR id IN (SELECT user_id FROM user_roles)) = $7 OR $8) ORDER BY id DESC LIMIT $5";
const SET_ACTIVE: &str = "UPDATE users SET is_active = $2, updated_at = $3,
    tokens_after = CASE WHEN $2 THEN tokens_after ELSE $3 END, version = version + 1
    WHERE id = $1 AND is_active <> $2 AND deleted_at IS NULL RETURNING id";
const FORCE_PASSWORD: &str =
    "UPDATE users SET hashed_password = $2, password_changed_at = $3, updated_at = $3,
    version = version + 1 WHERE id = $1 AND deleted_at IS NULL RETURNING id";
const MAKE_SUPERUSER: &str =
    "UPDATE users SET is_superuser = (1 = 1), is_active = (1 = 1), updated_at = $2,
    version = version + 1 WHERE id = $1 AND deleted_at IS NULL";
const SIGNED_IN_BY_LINK: &str = "UPDATE users SET last_login_at = $2 WHERE id = $1 AND is_active";
const LOCK_ADMINS: &str = "UPDATE users SET version = version WHERE is_superuser
    OR id IN (SELECT user_id FROM user_roles WHERE role = 'admin')";
const ADMINS: &str =
    "SELECT COUNT(*), MAX(last_login_at) FROM users WHERE is_active AND deleted_at IS NULL
    AND (is_superuser OR id IN (SELECT user_id FROM user_roles WHERE role = 'admin'))";

pub(crate) const STATEMENTS: &[&str] = &[
    SEARCH,
    SET_ACTIVE,
    FORCE_PASSWORD,
    MAKE_SUPERUSER,
    SIGNED_IN_BY_LINK,
    LOCK_ADMINS,
    ADMINS,
];
