//! Months of a log on PostgreSQL, made ahead. The one thing that exists on one engine only.
//!
//! A log is partitioned by the range of its ids: ids of version 7 begin with their millisecond, so an
//! id is a time, the key stays the id alone, and cursors prune. The default partition catches what no
//! month covers.

use chrono::{Datelike as _, Months, NaiveDate, NaiveTime, TimeZone as _, Utc};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Ids, UsageId};

use crate::db::{Db, Tx};
use crate::{Result, StorageError};

/// The running month and three more.
const AHEAD: u32 = 3;
/// Serialises those who make partitions: an arbitrary number that nobody else uses.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7240115901)";

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
            "CREATE TABLE IF NOT EXISTS {table}_y{:04}m{:02} PARTITION OF {table} FOR VALUES FROM ('{}') TO ('{}')",
            from.year(),
            from.month(),
            bound(from),
            bound(to),
        );
        let mut tx = db.begin().await?;
        if let Tx::Postgres(tx, _) = &mut tx {
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

/// The lowest id that can be made at the first moment of a day.
fn bound(day: NaiveDate) -> UsageId {
    Ids::lowest(Timestamp::from_utc(
        Utc.from_utc_datetime(&day.and_time(NaiveTime::MIN)),
    ))
}
