//! Twin migrations with a ledger per module, so that a host's own are left alone.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::Result;
use crate::db::Db;

/// The migrations of one module.
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
