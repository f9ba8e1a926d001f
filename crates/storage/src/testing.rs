//! One test body, run on SQLite and on PostgreSQL, each time on a database of its own.

pub mod postgres;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tempfile::TempDir;
use tollgate_kernel::entropy::Entropy;

use crate::db::Db;
use crate::migrations::{CORE, Migrations};
use crate::url::DatabaseUrl;

/// Names the PostgreSQL server of the tests: an address whose user may create databases.
const SERVER: &str = "TOLLGATE_TEST_POSTGRES";

/// Of the two.
///
/// ```
/// # use tollgate_storage::testing::{ENGINES, Engine};
/// assert_eq!(ENGINES, [Engine::Sqlite, Engine::Postgres]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file in a temporary folder.
    Sqlite,
    /// A database on the server of the tests.
    Postgres,
}

/// Both engines, in the order in which tests meet them.
///
/// ```
/// # use tollgate_storage::testing::{ENGINES, TestDatabase};
/// async fn on_both() {
///     for engine in ENGINES {
///         let database = TestDatabase::new(engine).await;
///         let db = database.open(&[]).await;
///         db.ping().await.expect("it answers");
///         database.remove().await;
///     }
/// }
/// ```
pub const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// An empty database, gone when [`TestDatabase::remove`] is called (or with the server).
///
/// ```
/// use tollgate_storage::testing::{Engine, TestDatabase};
///
/// # #[tokio::main]
/// # async fn main() {
/// let database = TestDatabase::new(Engine::Sqlite).await;
/// let db = database.open(&[]).await;
/// assert_eq!(db.engine(), "SQLite");
/// assert!(database.folder().join("test.db").exists());
/// assert!(database.variable().starts_with("sqlite:////"));
/// assert_eq!(database.url().shown(), format!("SQLite {}/test.db", database.folder().display()));
/// database.remove().await;
/// # }
/// ```
#[derive(Debug)]
pub struct TestDatabase {
    url: DatabaseUrl,
    folder: TempDir,
    name: Option<String>,
}

impl TestDatabase {
    /// Of this engine.
    ///
    /// # Panics
    /// When there is no PostgreSQL to test on: a missing engine is a failure, never a skip.
    pub async fn new(engine: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        match engine {
            Engine::Sqlite => {
                let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
                Self {
                    url,
                    folder,
                    name: None,
                }
            }
            Engine::Postgres => {
                let name = format!("test_{:016x}", Entropy::system().below(u64::MAX));
                execute_on_server(&format!("CREATE DATABASE {name}")).await;
                let url = DatabaseUrl::Postgres(at(&server(), &name));
                Self {
                    url,
                    folder,
                    name: Some(name),
                }
            }
        }
    }

    /// Where it is.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// As `DATABASE_URL` for a process.
    ///
    /// # Panics
    /// Never: temporary folders have absolute paths of plain text.
    pub fn variable(&self) -> String {
        match &self.url {
            DatabaseUrl::Sqlite(path) => format!("sqlite:///{}", path.display()),
            DatabaseUrl::Postgres(url) => url.expose_secret().to_owned(),
        }
    }

    /// A folder that lives as long as the database.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Opens it, with the core tables and those of `modules`.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn open(&self, modules: &[Migrations]) -> Db {
        let db = Db::open(&self.url, 16).await.expect("the database opens");
        for migrations in [CORE].iter().chain(modules) {
            migrations.run(&db).await.expect("the migrations run");
        }
        db
    }

    /// Takes it off the server.
    pub async fn remove(self) {
        if let Some(name) = &self.name {
            execute_on_server(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

/// Runs `body` on both engines, one after the other, each on a new database with the core tables
/// and those of `modules`.
///
/// ```
/// # use tollgate_kernel::clock::Timestamp;
/// # use tollgate_storage::testing::each_engine;
/// # use tollgate_storage::settings;
/// // A test of a module; its own migrations stand in the list.
/// async fn what_is_put_is_set() {
///     each_engine(&[], async |db| {
///         let mut tx = db.begin().await.expect("begins");
///         let put = settings::put(&mut tx, "motto", &"Be kind".into(), Timestamp::EPOCH).await;
///         put.expect("put");
///         tx.commit().await.expect("commits");
///         assert!(settings::is_set(&db, "motto").await.expect("read"));
///     })
///     .await;
/// }
/// ```
pub async fn each_engine(modules: &[Migrations], body: impl AsyncFn(Db)) {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let db = database.open(modules).await;
        body(db.clone()).await;
        db.close().await;
        database.remove().await;
    }
}

fn server() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| {
        panic!("{SERVER} is not set: run ./scripts/test, which starts a private PostgreSQL for the tests")
    })
}

/// The address of another database on the same server.
fn at(server: &str, name: &str) -> SecretString {
    let (base, options) = server
        .split_once('?')
        .map_or((server, None), |(base, options)| (base, Some(options)));
    let base = base.trim_end_matches('/');
    let base = base
        .rfind('/')
        .filter(|slash| *slash > "postgresql://".len())
        .map_or(base, |slash| &base[..slash]);
    match options {
        Some(options) => format!("{base}/{name}?{options}").into(),
        None => format!("{base}/{name}").into(),
    }
}

/// `CREATE DATABASE` takes no parameters; the name is our own.
async fn execute_on_server(statement: &str) {
    let mut connection = PgConnection::connect(&server())
        .await
        .expect("the test server answers");
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("the test user may create databases");
    connection.close().await.expect("the connection closes");
}

/// Prepares statements on a migrated database, so that a typing error is found without running
/// each of them.
///
/// ```
/// # use tollgate_storage::STATEMENTS;
/// # use tollgate_storage::testing::{Engine, TestDatabase, prepare};
/// # #[tokio::main]
/// # async fn main() {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// for of_a_table in STATEMENTS {
///     prepare(&db, of_a_table).await;
/// }
/// # }
/// ```
///
/// # Panics
/// At the first that the engine does not understand.
pub async fn prepare(db: &Db, statements: &[&'static str]) {
    use sqlx::{Executor as _, SqlSafeStr as _, Statement as _};
    for statement in statements {
        let parameters = on_read!(db, |e| e.prepare(statement.into_sql_str()).await.map(
            |prepared| format!(
                "{:?}",
                prepared.parameters().map(|either| match either {
                    sqlx::Either::Left(types) => types.len(),
                    sqlx::Either::Right(count) => count,
                })
            )
        ));
        if let Err(error) = parameters {
            panic!("{} does not understand\n{statement}\n{error}", db.engine());
        }
    }
}
