//! What can go wrong with a database, in four words.

use tollgate_kernel::problem::{Code, Problem};

/// A read or write that did not do what it should.
///
/// ```
/// use tollgate_kernel::problem::{Code, Problem};
/// use tollgate_storage::{StorageError, sqlx};
///
/// let away = StorageError::from(sqlx::Error::PoolTimedOut);
/// assert!(matches!(away, StorageError::Unavailable(_)));
/// assert_eq!(Problem::from(away).code(), Code::Unavailable);
/// let ours = StorageError::from(sqlx::Error::RowNotFound);
/// assert_eq!(Problem::from(ours).code(), Code::Internal);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A unique key or a check refused the row.
    #[error("{constraint} refused the row")]
    Conflict {
        /// The constraint's name in the migrations.
        constraint: String,
    },
    /// A row that our own rules say cannot be there.
    #[error("impossible value in {table}.{column} of row {row}")]
    Inconsistent {
        /// Where.
        table: &'static str,
        /// In which column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// The server is set up to lose commits at a power cut.
    #[error("PostgreSQL runs with fsync off: a power cut would lose acknowledged payments")]
    NotDurable,
    /// Sealed bytes that this master key does not open.
    #[error("a sealed value does not open: it was sealed under another MASTER_KEY, or was changed")]
    Sealed,
    /// Away, overloaded, or shutting down: worth another try.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// Anything else the driver says.
    #[error("the database refused a statement")]
    Driver(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the migrations did not run")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// SQLSTATE classes of PostgreSQL (appendix A of its manual) after which a whole transaction may
/// be tried again: connection, resources, operator intervention, the machine, serialization, deadlock.
const TRANSIENT: [&str; 7] = ["08", "53", "57", "58", "40001", "40P01", "55P03"];

/// Primary codes of SQLite ("Result and Error Codes" of its manual) that say nothing against the statement:
/// busy, locked, read-only, a disk that fails, a disk that is full, a file that does not open.
const SQLITE_PASSING: [u32; 6] = [5, 6, 8, 10, 13, 14];

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                if let Some(constraint) = constraint(database.as_ref()) {
                    return Self::Conflict { constraint };
                }
                let code = database.code().unwrap_or_default();
                let passing = database
                    .try_downcast_ref::<sqlx::sqlite::SqliteError>()
                    .is_some()
                    && code
                        .parse::<u32>()
                        .is_ok_and(|code| SQLITE_PASSING.contains(&(code & 0xFF)));
                if passing || TRANSIENT.iter().any(|class| code.starts_with(class)) {
                    return Self::Unavailable(error);
                }
                Self::Driver(error)
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Driver(error),
        }
    }
}

impl From<StorageError> for Problem {
    /// A database that is away is worth another try; anything else is ours to mend. The one place
    /// that knows the cause is the one that logs it.
    fn from(error: StorageError) -> Self {
        let cause = &error as &dyn std::error::Error;
        if let StorageError::Unavailable(_) = error {
            tracing::warn!(error = cause, "the database is not available");
            return Self::new(Code::Unavailable);
        }
        tracing::error!(error = cause, "a statement failed");
        Self::new(Code::Internal)
    }
}

/// The name of the violated constraint as the migrations write it. SQLite tells a check's name, but
/// of a unique key only the columns: `UNIQUE constraint failed: users.email`.
fn constraint(error: &dyn sqlx::error::DatabaseError) -> Option<String> {
    if !error.is_unique_violation()
        && !error.is_check_violation()
        && !error.is_foreign_key_violation()
    {
        return None;
    }
    if let Some(name) = error.constraint() {
        return Some(name.to_owned());
    }
    let told = error.message().rsplit(": ").next()?;
    if error.is_check_violation() {
        return Some(told.to_owned());
    }
    let mut table = "";
    let mut columns = Vec::new();
    for column in told.split(", ") {
        let (owner, column) = column.split_once('.')?;
        table = owner;
        columns.push(column);
    }
    Some(format!("{table}_{}_key", columns.join("_")))
}

/// Reads a column's text as one of a closed set, or names the impossible row.
///
/// ```
/// # use tollgate_storage::error::known;
/// # use tollgate_storage::job_records::JobState;
/// let read = |text: &str| known(text.parse::<JobState>(), "jobs", "state", &7);
/// assert_eq!(read("open").ok(), Some(JobState::Open));
/// let error = read("ajar").expect_err("no state");
/// assert_eq!(error.to_string(), "impossible value in jobs.state of row 7");
/// ```
///
/// # Errors
/// [`StorageError::Inconsistent`].
pub fn known<T, E>(
    read: std::result::Result<T, E>,
    table: &'static str,
    column: &'static str,
    row: &impl ToString,
) -> Result<T, StorageError> {
    read.map_err(|_| StorageError::Inconsistent {
        table,
        column,
        row: row.to_string(),
    })
}
