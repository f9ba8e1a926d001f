//! Lets rows of the log go when they are old enough, folded ones only: the sums made of them and the counters stay, so
//! what was used long ago still adds up.
//!
//! First the mark moves, over nothing that is not folded; the trigger lets go what lies before it, and nothing else. So
//! whoever was paused in between takes away what was given up before, and no more. PostgreSQL drops whole months; what is
//! left, and all of it on SQLite, goes a few thousand rows at a time.

use chrono::{Datelike as _, NaiveTime};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::Id as _;
use tollgate_storage::db::Db;
use tollgate_storage::{Result, partitions};

use crate::PaymentService;
use crate::store::{usage, usage_marks};

/// Rows in one transaction.
const BATCH: i64 = 5_000;
/// Transactions in one run, at most.
const AT_ONCE: usize = 4;

impl PaymentService {
    /// Lets go what is older than the settings keep, as much of it as one run does; gives how many rows went one by
    /// one, which those of a dropped month do not.
    ///
    /// # Errors
    /// The database; the next run goes on.
    pub async fn drop_usage(&self) -> Result<u64> {
        let parts = &self.0;
        let Some(kept) = parts.config.usage_retention else {
            return Ok(0);
        };
        let now = parts.clock.now();
        let folded = usage_marks::folded(&parts.db).await?;
        let upto = self.unit_of(now.before(kept).min(folded));
        let mark = usage_marks::find(&parts.db, usage_marks::DROPPED).await?;
        let mut dropped = mark.map_or(Timestamp::EPOCH, |mark| mark.upto);
        let mut moved = false;
        if upto > dropped {
            let mut tx = parts.db.begin().await?;
            if usage_marks::give_up(&mut tx, upto, now).await? {
                tx.commit().await?;
                (dropped, moved) = (upto, true);
            }
        }
        let first = usage::find_first(&parts.db, Timestamp::EPOCH).await?;
        let nothing_is_left = first.is_none_or(|first| first.made_at() >= dropped);
        if nothing_is_left && !moved {
            return Ok(0);
        }
        if !partitions::drop_before(&parts.db, "usage_logs", dropped).await? {
            // Row by row a month would take for ever, and leave its empty partition.
            return Ok(0);
        }
        let mut gone = 0_u64;
        for _ in 0..AT_ONCE {
            let mut tx = parts.db.begin().await?;
            let more = usage::let_go(&mut tx, dropped, BATCH).await?;
            tx.commit().await?;
            gone = gone.saturating_add(more);
            if more < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(gone)
    }

    /// The beginning of what goes at once: a month on PostgreSQL, a day on SQLite.
    fn unit_of(&self, at: Timestamp) -> Timestamp {
        let day = at.utc().date_naive();
        let day = match &self.0.db {
            Db::Postgres(_) => day.with_day(1).unwrap_or(day),
            Db::Sqlite { .. } => day,
        };
        Timestamp::from_utc(day.and_time(NaiveTime::MIN).and_utc())
    }
}
