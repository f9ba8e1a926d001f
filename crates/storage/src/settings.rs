//! What is changed at run time, by name.
//!
//! ```
//! use tollgate_storage::settings;
//! # use serde_json::json;
//! # use tollgate_kernel::clock::Clock;
//! # use tollgate_storage::StorageError;
//! # use tollgate_storage::testing::{Engine, TestDatabase};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), StorageError> {
//! # let database = TestDatabase::new(Engine::Sqlite).await;
//! # let db = database.open(&[]).await;
//! # let now = Clock::system().now();
//! let mut tx = db.begin().await?;
//! assert!(settings::put_once(&mut tx, "first_admin", &json!(true), now).await?);
//! assert!(!settings::put_once(&mut tx, "first_admin", &json!(true), now).await?);
//! settings::put(&mut tx, "motto", &json!("Be kind"), now).await?;
//! settings::put(&mut tx, "motto", &json!("Be quick"), now).await?;
//! tx.commit().await?;
//!
//! assert!(settings::is_set(&db, "first_admin").await?);
//! assert_eq!(settings::get(&db, "motto").await?, Some(json!("Be quick")));
//! assert_eq!(settings::get(&db, "anthem").await?, None);
//! # Ok(())
//! # }
//! ```

use serde_json::Value;
use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;

use crate::Result;
use crate::db::{Db, Tx};

/// Sets a name that nobody has set yet. `true` for exactly one caller, ever: the mark of what is
/// done once.
///
/// # Errors
/// The database.
pub async fn put_once(tx: &mut Tx, name: &str, value: &Value, now: Timestamp) -> Result<bool> {
    let row: Option<(String,)> = in_tx!(tx, |c| {
        sqlx::query_as(PUT_ONCE)
            .bind(name)
            .bind(Json(value))
            .bind(now.utc())
            .fetch_optional(c)
            .await
    })?;
    Ok(row.is_some())
}

/// Writes a value in place of the one before.
///
/// # Errors
/// The database.
pub async fn put(tx: &mut Tx, name: &str, value: &Value, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| {
        sqlx::query(PUT)
            .bind(name)
            .bind(Json(value))
            .bind(now.utc())
            .execute(c)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// What was set under a name.
///
/// # Errors
/// The database.
pub async fn get(db: &Db, name: &str) -> Result<Option<Value>> {
    let row: Option<(Json<Value>,)> = on_read!(db, |e| sqlx::query_as(GET)
        .bind(name)
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(value,)| value.0))
}

/// Whether a name was set.
///
/// # Errors
/// The database.
pub async fn is_set(db: &Db, name: &str) -> Result<bool> {
    let row: Option<(String,)> = on_read!(db, |e| sqlx::query_as(IS_SET)
        .bind(name)
        .fetch_optional(e)
        .await)?;
    Ok(row.is_some())
}

const PUT_ONCE: &str = "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO NOTHING RETURNING name";

const PUT: &str = "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";

const GET: &str = "SELECT value FROM settings WHERE name = $1";

const IS_SET: &str = "SELECT name FROM settings WHERE name = $1";

pub(crate) const STATEMENTS: &[&str] = &[PUT, GET, PUT_ONCE, IS_SET];
