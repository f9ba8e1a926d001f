//! Whose time it is. Instances that share a PostgreSQL share its clock: each asks it now and then, and counts by itself
//! in between, so that a machine whose own clock is wrong, or is set, decides like all others. A SQLite file belongs to
//! one process, whose machine says what time it is.

use chrono::{DateTime, Utc};
use tollgate_kernel::clock::{Clock, Timestamp};

use crate::Result;
use crate::db::Db;

/// An answer that took longer says too little, in microseconds.
const SLOW: i64 = 500_000;
/// So often it is asked in one go.
const TRIES: u32 = 3;

/// Lets `clock` keep to the database's, as it is now. Call it at the start, and every few seconds from then on. On SQLite
/// there is nothing to do.
///
/// ```
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_storage::testing::{Engine, TestDatabase};
/// # use tollgate_storage::{Result, time};
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// let clock = Clock::system();
/// time::keep(&db, &clock).await?; // And again every few seconds, by a task.
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The database; the clock goes on as it went.
pub async fn keep(db: &Db, clock: &Clock) -> Result<()> {
    let Db::Postgres(_) = db else { return Ok(()) };
    for _ in 0..TRIES {
        let asked = clock.counted();
        let (at,): (DateTime<Utc>,) = on_read!(db, |e| sqlx::query_as(ASK).fetch_one(e).await)?;
        let took = clock.counted().saturating_sub(asked);
        if took <= SLOW {
            // It looked somewhere between the question and the answer.
            let looked = asked.saturating_add(took / 2);
            clock.keep(Timestamp::from_utc(at), looked, took);
            return Ok(());
        }
    }
    tracing::warn!("the database answers too slowly to tell the time by it");
    Ok(())
}

/// Only PostgreSQL is asked.
const ASK: &str = "SELECT clock_timestamp()";
