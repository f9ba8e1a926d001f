#![doc = include_str!("../README.md")]

#[macro_use]
mod macros;

pub mod audit;
pub mod counts;
pub mod db;
pub mod duties;
pub mod error;
pub mod failpoint;
pub mod foreign;
pub mod idempotency;
pub mod job_records;
pub mod jobs;
pub mod migrations;
pub mod outbox;
pub mod partitions;
mod presence;
pub mod rows;
pub mod seal;
pub mod settings;
pub mod signing_keys;
#[cfg(feature = "testing")]
pub mod testing;
pub mod throttle;
pub mod time;
pub mod url;
mod words;

pub use error::StorageError;
pub use sqlx;

/// Of every function that reads or writes.
///
/// ```
/// # use tollgate_storage::db::Db;
/// # use tollgate_storage::settings;
/// async fn is_set_up(db: &Db) -> tollgate_storage::Result<bool> {
///     settings::is_set(db, "first_admin").await
/// }
/// ```
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// Every statement of the core tables, for the test that prepares them on both engines.
///
/// ```
/// // None has a word that only one of the engines understands.
/// let all = tollgate_storage::STATEMENTS.iter().flat_map(|of_table| of_table.iter());
/// assert!(all.clone().count() > 20);
/// assert!(all.clone().all(|sql| !sql.contains("now()") && !sql.contains(" FOR UPDATE")));
/// ```
pub const STATEMENTS: &[&[&str]] = &[
    audit::STATEMENTS,
    duties::STATEMENTS,
    idempotency::STATEMENTS,
    job_records::STATEMENTS,
    jobs::STATEMENTS,
    outbox::STATEMENTS,
    settings::STATEMENTS,
    signing_keys::STATEMENTS,
    throttle::STATEMENTS,
];

/// Those over rows that are handed over.
///
/// ```
/// for statement in tollgate_storage::OVER_ROWS {
///     assert!(statement.texts().iter().all(|sql| sql.contains("$1")));
/// }
/// ```
pub const OVER_ROWS: &[&rows::OverRows] = idempotency::OVER_ROWS;
