//! `user_roles`: who has which role.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::error::known;
use tollgate_storage::{Result, in_tx, on_read};

use crate::model::role::Role;

/// The roles of a person.
pub(crate) async fn find(db: &Db, user: UserId) -> Result<Vec<Role>> {
    let rows: Vec<(String,)> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(user.uuid())
        .fetch_all(e)
        .await)?;
    roles(user, rows)
}

/// The same, inside a transaction.
pub(crate) async fn read(tx: &mut Tx, user: UserId) -> Result<Vec<Role>> {
    let rows: Vec<(String,)> = in_tx!(tx, |c| sqlx::query_as(FIND)
        .bind(user.uuid())
        .fetch_all(c)
        .await)?;
    roles(user, rows)
}

fn roles(user: UserId, rows: Vec<(String,)>) -> Result<Vec<Role>> {
    rows.into_iter()
        .map(|(role,)| known(role.parse(), "user_roles", "role", &user))
        .collect()
}

/// Gives a role; having it already is fine.
pub(crate) async fn give(
    tx: &mut Tx,
    user: UserId,
    role: Role,
    granted_by: Option<UserId>,
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(GIVE)
        .bind(user.uuid())
        .bind(role.as_str())
        .bind(granted_by.map(Id::uuid))
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Takes a role away; not having it is fine.
pub(crate) async fn take(tx: &mut Tx, user: UserId, role: Role) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(TAKE)
        .bind(user.uuid())
        .bind(role.as_str())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

const GIVE: &str =
    "INSERT INTO user_roles (user_id, role, granted_by, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING";
const TAKE: &str = "DELETE FROM user_roles WHERE user_id = $1 AND role = $2";
const FIND: &str = "SELECT role FROM user_roles WHERE user_id = $1 ORDER BY role";

pub(crate) const STATEMENTS: &[&str] = &[GIVE, TAKE, FIND];
