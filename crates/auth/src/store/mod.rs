//! SQL. Rows stay in here; what leaves is the model.

pub(crate) mod api_keys;
pub(crate) mod known_devices;
pub(crate) mod one_time_tokens;
pub(crate) mod refresh_tokens;
pub(crate) mod roles;
pub(crate) mod second_factors;
pub(crate) mod service_keys;
pub(crate) mod sessions;
pub(crate) mod staff;
pub(crate) mod users;

/// A moment as both drivers read it.
type At = chrono::DateTime<chrono::Utc>;

/// Every statement, for the test that prepares them on both engines.
pub(crate) const STATEMENTS: &[&[&str]] = &[
    api_keys::STATEMENTS,
    known_devices::STATEMENTS,
    one_time_tokens::STATEMENTS,
    refresh_tokens::STATEMENTS,
    roles::STATEMENTS,
    second_factors::STATEMENTS,
    service_keys::STATEMENTS,
    sessions::STATEMENTS,
    staff::STATEMENTS,
    users::STATEMENTS,
];
