//! The two pools behind one name, and the transaction through which everything is written.
//!
//! What can happen at once. On SQLite there is one writer connection and `BEGIN IMMEDIATE`, so
//! transactions queue and a read inside one is never stale; a transaction that waits for the pool
//! while holding the writer would wait for itself, so nothing inside a `Tx` may ask the `Db`. On
//! PostgreSQL transactions run side by side under READ COMMITTED: a statement that waited for a
//! row looks at that row again before it acts, but not at sub-queries over others, which is why
//! every guard stands in the row it changes.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Executor as _, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use tokio::sync::watch;

use crate::counts::Counts;
use crate::presence::Presence;
use crate::url::{DatabaseUrl, Schema};
use crate::{Result, StorageError, failpoint};

/// How long anything waits for a connection of a database that is there, but busy.
const ACQUIRE: Duration = Duration::from_secs(5);
/// No statement and no idle transaction lives longer, so nothing can commit behind a reader's back
/// for more than this.
const LONGEST_TRANSACTION: &str = "30s";
const SQLITE_READERS: u32 = 4;
/// Of the writer, in KiB below zero. A batch of charges changes some hundred pages; those that do not fit are written in
/// the middle of the transaction, and again at its end.
const SQLITE_WRITER_CACHE: &str = "-16384";
/// Pages in the log before they go into the file, where what was written often is written once: 16 MiB.
const SQLITE_CHECKPOINT_PAGES: &str = "4000";
/// How long the file may be locked by somebody else's transaction before it counts as away: a call that
/// waits for it is answered within two seconds.
const SQLITE_BUSY: Duration = Duration::from_millis(1_500);

/// An open database. Clones share its connections.
///
/// ```
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::db::Db;
/// # use tollgate_storage::migrations::CORE;
/// # use tollgate_storage::settings;
/// # use tollgate_storage::testing::{Engine, TestDatabase};
/// # #[tokio::main]
/// # async fn main() -> Result<(), StorageError> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let (url, now) = (database.url(), Clock::system().now());
/// let db = Db::open(url, 16).await?;
/// assert_eq!(db.engine(), "SQLite");
/// CORE.run(&db).await?;
/// db.ping().await?;
///
/// let mut tx = db.begin().await?;
/// settings::put(&mut tx, "motto", &"Be kind".into(), now).await?;
/// let pools = db.connections();
/// assert_eq!((pools[0].pool, pools[0].used, pools[0].most), ("writer", 1, 1));
/// tx.rollback().await?;
///
/// // One moment, however many statements.
/// let look = db.look().await?;
/// assert!(!settings::is_set(&db, "motto").await?);
/// look.rollback().await?;
/// db.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub enum Db {
    /// WAL with `synchronous=FULL`.
    Sqlite {
        /// The one connection that writes.
        writer: SqlitePool,
        /// Several that only read.
        readers: SqlitePool,
        /// Counts how often the file was found locked: all who queue for the writer are told at once,
        /// or each would wait anew.
        locked: watch::Sender<u64>,
    },
    /// With `fsync` and `synchronous_commit` on, checked at the start.
    Postgres(Server),
}

/// PostgreSQL.
///
/// ```
/// # use tollgate_storage::db::{Db, Server};
/// fn open_connections(db: &Db) -> Option<u32> {
///     match db {
///         Db::Postgres(Server { pool, .. }) => Some(pool.size()),
///         Db::Sqlite { .. } => None,
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    /// Its connections.
    pub pool: PgPool,
    /// Whether it is there.
    pub presence: Presence,
}

/// How a pool of connections is in use.
///
/// ```
/// # use tollgate_storage::db::{Connections, Db};
/// fn is_short_of_connections(db: &Db) -> bool {
///     db.connections().iter().any(|pool| pool.used == pool.most)
/// }
/// let readers = Connections { pool: "readers", used: 1, idle: 2, most: 4 };
/// assert_ne!(readers.used, readers.most);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Which: `writer` and `readers` of SQLite, `all` of PostgreSQL.
    pub pool: &'static str,
    /// Somebody has them.
    pub used: u32,
    /// Open, and free.
    pub idle: u32,
    /// There are never more.
    pub most: u32,
}

impl Connections {
    fn of<D: sqlx::Database>(pool: &'static str, of: &sqlx::Pool<D>) -> Self {
        let idle = u32::try_from(of.num_idle()).unwrap_or(u32::MAX);
        Self {
            pool,
            used: of.size().saturating_sub(idle),
            idle,
            most: of.options().get_max_connections(),
        }
    }
}

/// A transaction. Dropped without [`Tx::commit`], it never happened.
///
/// ```
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::settings;
/// # use tollgate_storage::testing::{Engine, TestDatabase};
/// # #[tokio::main]
/// # async fn main() -> Result<(), StorageError> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// # let now = Clock::system().now();
/// let mut tx = db.begin().await?;
/// settings::put(&mut tx, "kept", &true.into(), now).await?;
/// tx.commit().await?;
///
/// let mut tx = db.begin().await?;
/// settings::put(&mut tx, "dropped", &true.into(), now).await?;
/// drop(tx);
///
/// assert!(settings::is_set(&db, "kept").await?);
/// assert!(!settings::is_set(&db, "dropped").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum Tx {
    /// Holds the one writer, or, of [`Db::look`], a reader.
    Sqlite(Transaction<'static, Sqlite>, Counts),
    /// READ COMMITTED, or, of [`Db::look`], REPEATABLE READ; and whom to ask when no answer comes.
    Postgres(Transaction<'static, Postgres>, Presence, Counts),
}

impl Db {
    /// Connects, and makes sure that what is committed survives a power cut.
    ///
    /// # Errors
    /// The database is not there, or is set up to lose commits.
    pub async fn open(url: &DatabaseUrl, max_connections: u32) -> Result<Self> {
        match url {
            DatabaseUrl::Sqlite(path) => {
                let file = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .pragma("wal_autocheckpoint", SQLITE_CHECKPOINT_PAGES)
                    .busy_timeout(SQLITE_BUSY);
                let writer = SqlitePoolOptions::new()
                    .max_connections(1)
                    .min_connections(1)
                    .max_lifetime(None)
                    .idle_timeout(None)
                    .acquire_timeout(ACQUIRE)
                    // A commit that fails (a disk that is full) ends SQLite's transaction, while the driver
                    // counts it as open for ever: such a connection could never begin again.
                    .before_acquire(|writer, _| {
                        let idle = !writer.is_in_transaction();
                        Box::pin(async move { Ok(idle) })
                    })
                    .connect_with(file.clone().pragma("cache_size", SQLITE_WRITER_CACHE))
                    .await?;
                let readers = SqlitePoolOptions::new()
                    .max_connections(SQLITE_READERS)
                    .acquire_timeout(ACQUIRE)
                    .connect_with(file.read_only(true))
                    .await?;
                let (locked, _) = watch::channel(0);
                Ok(Self::Sqlite {
                    writer,
                    readers,
                    locked,
                })
            }
            DatabaseUrl::Postgres(address) => {
                let server: PgConnectOptions = address.expose_secret().parse()?;
                let server = server.application_name("tollgate").options([
                    ("statement_timeout", LONGEST_TRANSACTION),
                    ("idle_in_transaction_session_timeout", LONGEST_TRANSACTION),
                    ("synchronous_commit", "on"),
                    ("TimeZone", "UTC"),
                ]);
                let pool = PgPoolOptions::new()
                    .max_connections(max_connections)
                    .acquire_timeout(ACQUIRE)
                    .connect_with(server.clone())
                    .await?;
                let (fsync,): (String,) = sqlx::query_as("SHOW fsync").fetch_one(&pool).await?;
                if fsync != "on" {
                    return Err(StorageError::NotDurable);
                }
                make_schema(&pool).await?;
                let presence = Presence::of(server);
                Ok(Self::Postgres(Server { pool, presence }))
            }
        }
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// No connection in time.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that begins to write"
    )]
    pub async fn begin(&self) -> Result<Tx> {
        match self {
            Self::Sqlite { writer, locked, .. } => {
                let mut told = locked.subscribe();
                tokio::select! {
                    biased;
                    // Only who still queues is told: a writer that has begun is not cancelled by it.
                    _ = told.changed() => Err(sqlx::Error::PoolTimedOut.into()),
                    begun = writer.begin_with("BEGIN IMMEDIATE") => {
                        let begun = begun.map_err(StorageError::from);
                        if let Err(StorageError::Unavailable(sqlx::Error::Database(_))) = &begun {
                            locked.send_modify(|times| *times = times.wrapping_add(1));
                        }
                        Ok(Tx::Sqlite(begun?, Counts::default()))
                    }
                }
            }
            Self::Postgres(Server { pool, presence }) => {
                // A caller that is cancelled between sending BEGIN and reading its answer would
                // leave the pooled session inside a transaction (sqlx issue 4393, fixed after
                // 0.9.0); a task of its own is not cancelled with its caller.
                let pool = pool.clone();
                let begun = tokio::spawn(async move { pool.begin().await });
                let begun = async { begun.await.map_err(|_| sqlx::Error::WorkerCrashed)? };
                let begun = presence.attend(begun).await?;
                Ok(Tx::Postgres(begun, presence.clone(), Counts::default()))
            }
        }
    }

    /// Begins a transaction that only reads, and whose statements all see the same moment. Nobody waits for it, and it
    /// for nobody.
    ///
    /// # Errors
    /// No connection in time.
    #[expect(
        clippy::disallowed_methods,
        reason = "the other place that begins, for who does not write"
    )]
    pub async fn look(&self) -> Result<Tx> {
        match self {
            Self::Sqlite { readers, .. } => {
                Ok(Tx::Sqlite(readers.begin().await?, Counts::default()))
            }
            Self::Postgres(Server { pool, presence }) => {
                // In a task of its own, as above.
                let pool = pool.clone();
                let one_moment = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                let begun = tokio::spawn(async move { pool.begin_with(one_moment).await });
                let begun = async { begun.await.map_err(|_| sqlx::Error::WorkerCrashed)? };
                let begun = presence.attend(begun).await?;
                Ok(Tx::Postgres(begun, presence.clone(), Counts::default()))
            }
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<()> {
        on_read!(self, |e| e.execute("SELECT 1").await.map(|_| ()))?;
        Ok(())
    }

    /// How its connections are in use.
    pub fn connections(&self) -> Vec<Connections> {
        match self {
            Self::Sqlite {
                writer, readers, ..
            } => vec![
                Connections::of("writer", writer),
                Connections::of("readers", readers),
            ],
            Self::Postgres(server) => vec![Connections::of("all", &server.pool)],
        }
    }

    /// The engine's name, for people.
    pub fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Closes every connection, after what runs on it has ended.
    pub async fn close(&self) {
        match self {
            Self::Sqlite {
                writer, readers, ..
            } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(server) => server.pool.close().await,
        }
    }
}

/// Makes the schema of the address, where it names one that is not there.
async fn make_schema(pool: &PgPool) -> Result<()> {
    let (is_missing, name): (bool, String) = sqlx::query_as(SCHEMA).fetch_one(pool).await?;
    let Ok(schema) = name.parse::<Schema>() else {
        return Ok(());
    };
    if !is_missing {
        return Ok(());
    }
    // A schema is a plain name.
    let statement = format!("CREATE SCHEMA IF NOT EXISTS \"{}\"", schema.as_str());
    let made = sqlx::query(sqlx::AssertSqlSafe(statement))
        .execute(pool)
        .await;
    if let Err(error) = made {
        // Another instance may have been faster.
        let (is_missing, _): (bool, String) = sqlx::query_as(SCHEMA).fetch_one(pool).await?;
        if is_missing {
            return Err(error.into());
        }
    }
    Ok(())
}

const SCHEMA: &str = "SELECT current_schema() IS NULL, current_setting('search_path')";

impl Tx {
    /// Adds `by` to a figure, once this is committed; one that is undone, and made again, adds once.
    pub fn count(&mut self, counter: metrics::Counter, by: u64) {
        match self {
            Self::Sqlite(_, counts) | Self::Postgres(_, _, counts) => counts.add(counter, by),
        }
    }

    /// Makes it so.
    ///
    /// # Errors
    /// The answer of the database did not come: it may or may not have happened.
    pub async fn commit(self) -> Result<()> {
        failpoint::reach("before a commit")?;
        let counts = match self {
            Self::Sqlite(tx, counts) => {
                tx.commit().await?;
                counts
            }
            Self::Postgres(tx, presence, counts) => {
                presence.attend(tx.commit()).await?;
                counts
            }
        };
        counts.release();
        // What was committed, and nobody was told of.
        failpoint::reach("after a commit")?;
        Ok(())
    }

    /// As if it had never begun. Dropping does the same, a little later.
    ///
    /// # Errors
    /// The connection is gone, and the transaction with it.
    pub async fn rollback(self) -> Result<()> {
        match self {
            Self::Sqlite(tx, _) => tx.rollback().await?,
            Self::Postgres(tx, presence, _) => presence.attend(tx.rollback()).await?,
        }
        Ok(())
    }
}
