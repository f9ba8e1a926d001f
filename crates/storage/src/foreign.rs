//! The database of another application, on either engine: read as it stands at one moment, and never written.
//!
//! Nothing is known of its columns beforehand. A row is what its columns are called and what they hold, as text: whoever
//! reads it knows how the other application wrote things down.
//!
//! ```
//! use tollgate_storage::foreign::{Foreign, Row, Table};
//! use tollgate_storage::foreign_table;
//! # use tollgate_kernel::clock::Clock;
//! # use tollgate_storage::StorageError;
//! # use tollgate_storage::settings;
//! # use tollgate_storage::testing::{Engine, TestDatabase};
//!
//! const SETTINGS: Table = foreign_table!("settings");
//! const ORDERS: Table = foreign_table!("orders");
//! # #[tokio::main]
//! # async fn main() -> Result<(), StorageError> {
//! # let database = TestDatabase::new(Engine::Sqlite).await;
//! # let db = database.open(&[]).await;
//! # let mut tx = db.begin().await?;
//! # settings::put(&mut tx, "motto", &"Be kind".into(), Clock::system().now()).await?;
//! # tx.commit().await?;
//! let mut foreign = Foreign::look(database.url()).await?;
//! let rows: Vec<Row> = foreign.rows(&SETTINGS).await?.expect("it has such a table");
//! assert_eq!((rows[0]["name"].as_str(), rows[0]["version"].as_str()), ("motto", "1"));
//! assert_eq!(rows[0].get("updated_by"), None, "NULL");
//! assert_eq!(foreign.rows(&ORDERS).await?, None);
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use sqlx::{Column as _, Postgres, Row as _, Sqlite, Transaction, TypeInfo as _, ValueRef as _};

use crate::Result;
use crate::url::DatabaseUrl;

/// What its columns hold; NULL is left out. Bytes are hexadecimal digits, moments and numbers as the engine writes them.
pub type Row = BTreeMap<String, String>;

/// A table, and how either engine reads it: made by [`foreign_table!`](crate::foreign_table).
///
/// ```
/// # use tollgate_storage::foreign::Table;
/// # use tollgate_storage::foreign_table;
/// const USERS: Table = foreign_table!("users");
/// assert_eq!((USERS.name, USERS.sqlite), ("users", "SELECT * FROM users"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// What it is called.
    pub name: &'static str,
    /// Every column of it.
    pub sqlite: &'static str,
    /// The same, a row for each column that holds anything: by the row's number.
    pub postgres: &'static str,
}

/// A [`Table`] of this name.
///
/// ```
/// let users = tollgate_storage::foreign_table!("users");
/// assert!(users.postgres.contains("FROM users t"));
/// ```
#[macro_export]
macro_rules! foreign_table {
    ($name:literal) => {
        $crate::foreign::Table {
            name: $name,
            sqlite: concat!("SELECT * FROM ", $name),
            postgres: concat!(
                "SELECT r.position, c.key, c.value FROM (SELECT row_number() OVER () AS position, to_jsonb(t) AS held FROM ",
                $name,
                " t) r CROSS JOIN LATERAL jsonb_each_text(r.held) c WHERE c.value IS NOT NULL ORDER BY r.position"
            ),
        }
    };
}

/// A look at it, of one moment.
#[derive(Debug)]
pub struct Foreign(Look);

#[derive(Debug)]
enum Look {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Foreign {
    /// Looks at a database that must be there.
    ///
    /// # Errors
    /// It is not, or lets nobody read.
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing of ours is written: another application's database is read"
    )]
    pub async fn look(url: &DatabaseUrl) -> Result<Self> {
        match url {
            DatabaseUrl::Sqlite(path) => {
                let file = SqliteConnectOptions::new().filename(path).read_only(true);
                let pool = SqlitePoolOptions::new().max_connections(1);
                let pool = pool.connect_with(file).await?;
                Ok(Self(Look::Sqlite(pool.begin().await?)))
            }
            DatabaseUrl::Postgres(address) => {
                let server: PgConnectOptions = address.expose_secret().parse()?;
                let server = server
                    .application_name("tollgate import")
                    .options([("TimeZone", "UTC")]);
                let pool = PgPoolOptions::new().max_connections(1);
                let pool = pool.connect_with(server).await?;
                let one_moment = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Ok(Self(Look::Postgres(pool.begin_with(one_moment).await?)))
            }
        }
    }

    /// Every row of a table. `None`: there is no such table.
    ///
    /// # Errors
    /// The database.
    pub async fn rows(&mut self, table: &Table) -> Result<Option<Vec<Row>>> {
        match &mut self.0 {
            Look::Sqlite(tx) => {
                let found: Option<(String,)> = sqlx::query_as(HAS_SQLITE)
                    .bind(table.name)
                    .fetch_optional(&mut **tx)
                    .await?;
                if found.is_none() {
                    return Ok(None);
                }
                let rows = sqlx::query(table.sqlite).fetch_all(&mut **tx).await?;
                let rows: sqlx::Result<_> = rows.iter().map(read).collect();
                Ok(Some(rows?))
            }
            Look::Postgres(tx) => {
                let found: (Option<String>,) = sqlx::query_as(HAS_POSTGRES)
                    .bind(table.name)
                    .fetch_one(&mut **tx)
                    .await?;
                if found.0.is_none() {
                    return Ok(None);
                }
                let cells: Vec<(i64, String, String)> =
                    sqlx::query_as(table.postgres).fetch_all(&mut **tx).await?;
                let mut rows: BTreeMap<i64, Row> = BTreeMap::new();
                for (position, column, held) in cells {
                    rows.entry(position).or_default().insert(column, held);
                }
                Ok(Some(rows.into_values().collect()))
            }
        }
    }
}

/// What a value is, SQLite says of each: columns have a taste, no type.
fn read(row: &SqliteRow) -> sqlx::Result<Row> {
    let mut read = Row::new();
    for column in row.columns() {
        let at = column.ordinal();
        let (is_null, is_bytes) = {
            let held = row.try_get_raw(at)?;
            (held.is_null(), held.type_info().name() == "BLOB")
        };
        if is_null {
            continue;
        }
        let text = if is_bytes {
            let bytes: Vec<u8> = row.try_get_unchecked(at)?;
            bytes.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
        } else {
            // Numbers too: SQLite writes them down.
            row.try_get_unchecked(at)?
        };
        read.insert(column.name().to_owned(), text);
    }
    Ok(read)
}

const HAS_SQLITE: &str =
    "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name = $1";
const HAS_POSTGRES: &str = "SELECT to_regclass($1)::text";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ENGINES, Engine, TestDatabase};

    const TABLE: Table = foreign_table!("things");

    #[tokio::test]
    async fn a_row_is_read_by_its_names_whatever_holds_it() {
        for engine in ENGINES {
            let database = TestDatabase::new(engine).await;
            let db = database.open(&[]).await;
            let made = match engine {
                Engine::Sqlite => {
                    "CREATE TABLE things (id CHAR(32), raw BLOB, is_active BOOLEAN, price NUMERIC(10, 2), at DATETIME, note TEXT);
                     INSERT INTO things VALUES ('0b', x'00ff', 1, 7, '2026-01-02 03:04:05.600000', NULL), ('1c', NULL, 0, NULL, NULL, '')"
                }
                Engine::Postgres => {
                    "CREATE TYPE mood AS ENUM ('active', 'over');
                     CREATE TABLE things (id UUID, is_active BOOLEAN, price NUMERIC(10, 2), at TIMESTAMP, mood mood, note TEXT);
                     INSERT INTO things VALUES ('00000000-0000-0000-0000-00000000000b', true, 7, '2026-01-02 03:04:05.6', 'over', NULL), (NULL, false, NULL, NULL, NULL, '')"
                }
            };
            let mut tx = db.begin().await.expect("begins");
            in_tx!(&mut tx, |c| sqlx::raw_sql(made)
                .execute(c)
                .await
                .map(|_| ()))
            .expect("made");
            tx.commit().await.expect("commits");
            let mut foreign = Foreign::look(database.url()).await.expect("opens");
            assert!(
                foreign
                    .rows(&foreign_table!("none"))
                    .await
                    .expect("read")
                    .is_none()
            );
            let rows = foreign.rows(&TABLE).await.expect("read").expect("a table");
            let row = |cells: &[(&str, &str)]| -> Row {
                let cells = cells.iter();
                cells
                    .map(|(name, held)| ((*name).to_owned(), (*held).to_owned()))
                    .collect()
            };
            let expected = match engine {
                Engine::Sqlite => [
                    row(&[
                        ("id", "0b"),
                        ("raw", "00ff"),
                        ("is_active", "1"),
                        ("price", "7"),
                        ("at", "2026-01-02 03:04:05.600000"),
                    ]),
                    row(&[("id", "1c"), ("is_active", "0"), ("note", "")]),
                ],
                Engine::Postgres => [
                    row(&[
                        ("id", "00000000-0000-0000-0000-00000000000b"),
                        ("is_active", "true"),
                        ("price", "7.00"),
                        ("at", "2026-01-02T03:04:05.6"),
                        ("mood", "over"),
                    ]),
                    row(&[("is_active", "false"), ("note", "")]),
                ],
            };
            assert_eq!(rows, expected);
            drop(foreign);
            db.close().await;
            database.remove().await;
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_not_made() {
        let database = TestDatabase::new(Engine::Sqlite).await;
        let path = database.folder().join("none.db");
        let url = DatabaseUrl::Sqlite(path.clone());
        assert!(Foreign::look(&url).await.is_err());
        assert!(!path.exists());
    }
}
