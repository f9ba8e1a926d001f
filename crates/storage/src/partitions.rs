//! Months of a log on PostgreSQL, made ahead and dropped when they are old. The one thing that exists on one engine
//! only.
//!
//! A log is partitioned by the range of its ids: ids of version 7 begin with their millisecond, so an
//! id is a time, the key stays the id alone, and cursors prune. The default partition catches what no
//! month covers.
//!
//! ```
//! use std::time::Duration;
//! use tollgate_kernel::clock::Timestamp;
//! use tollgate_storage::{Result, partitions};
//! # use tollgate_kernel::clock::Clock;
//! # use tollgate_storage::db::Db;
//! # use tollgate_storage::testing::{Engine, TestDatabase};
//!
//! const KEPT: Duration = Duration::from_hours(24 * 400);
//!
//! // `false`: somebody reads an old month just now.
//! async fn keep_house(db: &Db, now: Timestamp) -> Result<bool> {
//!     partitions::make_ahead(db, "usage_logs", now).await?;
//!     partitions::drop_before(db, "usage_logs", now.before(KEPT)).await
//! }
//! # #[tokio::main]
//! # async fn main() -> Result<()> {
//! # let database = TestDatabase::new(Engine::Sqlite).await;
//! # let db = database.open(&[]).await;
//! assert!(keep_house(&db, Clock::system().now()).await?);
//! # Ok(())
//! # }
//! ```

use chrono::{Datelike as _, Months, NaiveDate, NaiveTime, TimeZone as _, Utc};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Ids, UsageId};

use crate::db::{Db, Tx};
use crate::{Result, StorageError};

/// The running month and three more.
const AHEAD: u32 = 3;
/// Serialises those who make partitions: an arbitrary number that nobody else uses.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7240115901)";

/// Whoever writes waits behind a month that is taken off: not for longer than this.
const IMPATIENT: &str = "SET LOCAL lock_timeout = '300ms'";
const MONTHS: &str =
    "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = CAST(CAST($1 AS text) AS regclass) ORDER BY c.relname";

/// Makes the months of `table` from `now` on, where they are not there yet. On SQLite there is
/// nothing to do.
///
/// # Errors
/// The database; months that could not be made leave their rows to the default partition.
pub async fn make_ahead(db: &Db, table: &'static str, now: Timestamp) -> Result<()> {
    let Db::Postgres(_) = db else { return Ok(()) };
    let today = now.utc().date_naive();
    let Some(first) = NaiveDate::from_ymd_opt(today.year(), today.month(), 1) else {
        return Ok(());
    };
    for month in 0..=AHEAD {
        let (Some(from), Some(to)) = (
            first.checked_add_months(Months::new(month)),
            first.checked_add_months(Months::new(month + 1)),
        ) else {
            return Ok(());
        };
        let statement = format!(
            "CREATE TABLE IF NOT EXISTS {} PARTITION OF {table} FOR VALUES FROM ('{}') TO ('{}')",
            name_of(table, from),
            bound(from),
            bound(to),
        );
        let mut tx = db.begin().await?;
        if let Tx::Postgres(tx, ..) = &mut tx {
            sqlx::query(LOCK).execute(&mut **tx).await?;
            // Table and month are our own words: nothing of it comes from outside.
            let made = sqlx::query(sqlx::AssertSqlSafe(statement))
                .execute(&mut **tx)
                .await;
            match made.map_err(StorageError::from) {
                // Rows of that month rest in the default partition already: they stay there.
                Err(StorageError::Conflict { .. }) => {
                    tracing::warn!(table, month = %from, "the month is in the default partition");
                    continue;
                }
                made => made?,
            };
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Drops the months of `table` that ended at `before` or earlier, one transaction each. `false`: others are reading one
/// of them, and it is left for another time. On SQLite there is nothing to do.
///
/// # Errors
/// The database; the months that are left go another time.
pub async fn drop_before(db: &Db, table: &'static str, before: Timestamp) -> Result<bool> {
    let Db::Postgres(_) = db else {
        return Ok(true);
    };
    let before = before.utc().date_naive();
    let names: Vec<(String,)> = on_read!(db, |e| sqlx::query_as(MONTHS)
        .bind(table)
        .fetch_all(e)
        .await)?;
    let mut all = true;
    for (name,) in names {
        // The default partition, and what is not ours, have no month for a name.
        let Some(month) = month_of(table, &name) else {
            continue;
        };
        let end = month.checked_add_months(Months::new(1));
        if end.is_none_or(|end| end > before) {
            continue;
        }
        if take_off(db, table, month).await? {
            tracing::info!(table, month = %month, "a month is dropped");
        } else {
            all = false;
        }
    }
    Ok(all)
}

/// `false`: others are reading, and would keep whoever writes waiting.
async fn take_off(db: &Db, table: &'static str, month: NaiveDate) -> Result<bool> {
    let name = name_of(table, month);
    let statements = [
        LOCK.to_owned(),
        IMPATIENT.to_owned(),
        format!("ALTER TABLE {table} DETACH PARTITION {name}"),
        format!("DROP TABLE {name}"),
    ];
    let mut tx = db.begin().await?;
    for statement in statements {
        // Table and month are our own words: nothing of it comes from outside.
        let done = in_tx!(&mut tx, |c| {
            let statement = sqlx::query(sqlx::AssertSqlSafe(statement));
            statement.execute(c).await.map(|_| ())
        });
        match done.map_err(StorageError::from) {
            Err(StorageError::Unavailable(error)) if is_busy(&error) => return Ok(false),
            done => done?,
        }
    }
    tx.commit().await?;
    Ok(true)
}

/// `lock_not_available` (appendix A of PostgreSQL's manual).
fn is_busy(error: &sqlx::Error) -> bool {
    let refusal = error.as_database_error();
    refusal.is_some_and(|refusal| refusal.code().as_deref() == Some("55P03"))
}

fn name_of(table: &str, month: NaiveDate) -> String {
    format!("{table}_y{:04}m{:02}", month.year(), month.month())
}

fn month_of(table: &str, name: &str) -> Option<NaiveDate> {
    let (year, month) = name
        .strip_prefix(table)?
        .strip_prefix("_y")?
        .split_once('m')?;
    let first = NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)?;
    (name_of(table, first) == name).then_some(first)
}

/// The lowest id that can be made at the first moment of a day.
fn bound(day: NaiveDate) -> UsageId {
    Ids::lowest(Timestamp::from_utc(
        Utc.from_utc_datetime(&day.and_time(NaiveTime::MIN)),
    ))
}
