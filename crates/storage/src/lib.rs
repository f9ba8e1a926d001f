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
pub mod presence;
pub mod rows;
pub mod seal;
pub mod settings;
pub mod signing_keys;
#[cfg(feature = "testing")]
pub mod testing;
pub mod throttle;
pub mod time;
pub mod url;

pub use error::StorageError;
pub use sqlx;

/// Of every function that reads or writes.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// Every statement of the core tables, for the test that prepares them on both engines.
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
pub const OVER_ROWS: &[&rows::OverRows] = idempotency::OVER_ROWS;
