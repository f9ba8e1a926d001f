//! Twin migrations with a ledger per module, so that a host's own are left alone.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::Result;
use crate::db::Db;

/// The migrations of one module.
///
/// ```
/// use tollgate_storage::migrations::{Migrations, Step};
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::testing::{Engine, TestDatabase};
///
/// const FILMS: Migrations = Migrations {
///     ledger: "films_migrations",
///     steps: &[Step {
///         number: 1,
///         name: "0001_films",
///         postgres: "CREATE TABLE films (id UUID PRIMARY KEY, title TEXT NOT NULL)",
///         sqlite: "CREATE TABLE films (id BLOB PRIMARY KEY, title TEXT NOT NULL) STRICT",
///     }],
/// };
/// # #[tokio::main]
/// # async fn main() -> Result<(), StorageError> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// FILMS.run(&db).await?;
/// FILMS.run(&db).await?; // Nothing is left to do.
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// The table that says which have run.
    pub ledger: &'static str,
    /// In order.
    pub steps: &'static [Step],
}

/// One step, in the words of both engines.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its number within the module.
    pub number: i64,
    /// The file's name.
    pub name: &'static str,
    /// For PostgreSQL.
    pub postgres: &'static str,
    /// For SQLite.
    pub sqlite: &'static str,
}

/// The files `migrations/{postgres,sqlite}/<name>.sql` of the calling crate.
///
/// ```
/// use tollgate_storage::migrations;
/// use tollgate_storage::migrations::Migrations;
///
/// const MINE: Migrations = migrations!("my_migrations": 1 "0001_core", 2 "0002_records");
/// assert_eq!((MINE.ledger, MINE.steps.len()), ("my_migrations", 2));
/// assert!(MINE.steps[0].sqlite.contains("CREATE TABLE jobs"));
/// ```
#[macro_export]
macro_rules! migrations {
    ($ledger:literal: $($number:literal $name:literal),+ $(,)?) => {
        $crate::migrations::Migrations {
            ledger: $ledger,
            steps: &[$($crate::migrations::Step {
                number: $number,
                name: $name,
                postgres: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres/", $name, ".sql")),
                sqlite: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/", $name, ".sql")),
            }),+],
        }
    };
}

/// The core tables.
///
/// ```
/// # use tollgate_storage::Result;
/// # use tollgate_storage::db::Db;
/// # use tollgate_storage::migrations::CORE;
/// // Before any module's own: those refer to these.
/// async fn prepare(db: &Db) -> Result<()> {
///     CORE.run(db).await
/// }
/// assert_eq!(CORE.ledger, "core_migrations");
/// ```
pub const CORE: Migrations =
    migrations!("core_migrations": 1 "0001_core", 2 "0002_records", 3 "0003_signing_keys");

impl Migrations {
    /// Brings the schema up to date. Only one process migrates at a time; the others wait.
    ///
    /// # Errors
    /// A step failed, or a step that has run is not the one written here.
    pub async fn run(&self, db: &Db) -> Result<()> {
        let steps = self.steps.iter().map(|step| {
            let sql = match db {
                Db::Sqlite { .. } => step.sqlite,
                Db::Postgres(_) => step.postgres,
            };
            Migration::new(
                step.number,
                step.name.into(),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        });
        let mut migrator = Migrator::with_migrations(steps.collect());
        migrator.dangerous_set_table_name(self.ledger);
        match db {
            Db::Sqlite { writer, .. } => migrator.run(writer).await?,
            Db::Postgres(server) => migrator.run(&server.pool).await?,
        }
        Ok(())
    }
}
