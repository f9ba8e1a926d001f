//! `user_roles`: who has which role.

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

const FIND: &str = "SELECT role FROM user_roles WHERE user_id = $1 ORDER BY role";

pub(crate) const STATEMENTS: &[&str] = &[FIND];
