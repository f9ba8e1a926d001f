//! One body, two drivers: the types are inferred in each arm.

/// Runs a statement inside a [`Tx`](crate::db::Tx), on whichever engine it is open.
///
/// ```
/// use tollgate_storage::{in_tx, sqlx};
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::testing::{Engine, TestDatabase};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), StorageError> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// const COUNT: &str = "SELECT COUNT(*) FROM settings WHERE name = $1";
///
/// let mut tx = db.begin().await?;
/// let (count,): (i64,) = in_tx!(&mut tx, |c| sqlx::query_as(COUNT)
///     .bind("motto")
///     .fetch_one(c)
///     .await)?;
/// assert_eq!(count, 0);
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! in_tx {
    ($tx:expr, |$connection:ident| $body:expr) => {
        match $crate::failpoint::reach(concat!(file!(), ":", line!())) {
            Err(cut) => Err(cut),
            Ok(()) => match $tx {
                $crate::db::Tx::Sqlite(tx, _) => {
                    let $connection = &mut **tx;
                    $body
                }
                $crate::db::Tx::Postgres(tx, presence, _) => {
                    let $connection = &mut **tx;
                    presence.attend(async { $body }).await
                }
            },
        }
    };
}

/// Runs a finder on a [`Db`](crate::db::Db), outside any transaction.
///
/// ```
/// use tollgate_storage::{on_read, sqlx};
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::testing::{Engine, TestDatabase};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), StorageError> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// const NAMES: &str = "SELECT name FROM settings ORDER BY name";
///
/// let names: Vec<(String,)> = on_read!(&db, |e| sqlx::query_as(NAMES).fetch_all(e).await)?;
/// assert!(names.is_empty());
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! on_read {
    ($db:expr, |$executor:ident| $body:expr) => {
        match $db {
            $crate::db::Db::Sqlite { readers, .. } => {
                let $executor = readers;
                $body
            }
            $crate::db::Db::Postgres(server) => {
                let $executor = &server.pool;
                server.presence.attend(async { $body }).await
            }
        }
    };
}

/// A row that both drivers can read: the fields are found by name.
///
/// ```
/// use tollgate_storage::{on_read, row, sqlx};
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::testing::{Engine, TestDatabase};
///
/// row!(
///     /// What a lane has before it.
///     struct LaneRow {
///         lane: String,
///         open: i64,
///     }
/// );
/// const LANES: &str = "SELECT lane, COUNT(*) AS open FROM jobs GROUP BY lane ORDER BY lane";
/// # #[tokio::main]
/// # async fn main() -> Result<(), StorageError> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// let lanes: Vec<LaneRow> = on_read!(&db, |e| sqlx::query_as(LANES).fetch_all(e).await)?;
/// let line = |row: &LaneRow| format!("{}: {}", row.lane, row.open);
/// assert!(lanes.iter().map(line).next().is_none());
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($fvis:vis $field:ident : $type:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($fvis $field: $type),* }

        impl<'r, R: $crate::sqlx::Row> $crate::sqlx::FromRow<'r, R> for $name
        where
            &'static str: $crate::sqlx::ColumnIndex<R>,
            $($type: $crate::sqlx::Decode<'r, R::Database> + $crate::sqlx::Type<R::Database>),*
        {
            fn from_row(row: &'r R) -> $crate::sqlx::Result<Self> {
                Ok(Self { $($field: row.try_get(stringify!($field))?),* })
            }
        }
    };
}
