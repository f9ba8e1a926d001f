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

/// What is to go.
#[derive(Clone, Copy, Debug)]
struct Old {
    /// What lies before it.
    upto: Timestamp,
    /// What was given up before.
    given_up: Timestamp,
    /// Whether some of that is still there.
    is_left: bool,
}

impl PaymentService {
    /// Lets go what is older than the settings keep, as much of it as one run does; gives how many rows went one by
    /// one, which those of a dropped month do not.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn tidy(payment: &PaymentService) -> Result<u64, StorageError> {
    ///     // Goes by `usage_retention`; one of the standing duties does this too.
    ///     payment.drop_usage().await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database; the next run goes on.
    pub async fn drop_usage(&self) -> Result<u64> {
        let parts = &self.0;
        let Some(old) = self.old_usage().await? else {
            return Ok(0);
        };
        let mut given_up = old.given_up;
        if old.upto > given_up {
            let mut tx = parts.db.begin().await?;
            if usage_marks::give_up(&mut tx, old.upto, parts.clock.now()).await? {
                tx.commit().await?;
                given_up = old.upto;
            }
        }
        if !partitions::drop_before(&parts.db, "usage_logs", given_up).await? {
            // Row by row a month would take for ever, and leave its empty partition.
            return Ok(0);
        }
        let mut gone = 0_u64;
        for _ in 0..AT_ONCE {
            let mut tx = parts.db.begin().await?;
            let more = usage::let_go(&mut tx, given_up, BATCH).await?;
            tx.commit().await?;
            gone = gone.saturating_add(more);
            if more < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(gone)
    }

    /// Whether anything is to go.
    pub(crate) async fn is_any_usage_old(&self) -> Result<bool> {
        self.old_usage().await.map(|old| old.is_some())
    }

    async fn old_usage(&self) -> Result<Option<Old>> {
        let parts = &self.0;
        let Some(kept) = parts.config.usage_retention else {
            return Ok(None);
        };
        let folded = usage_marks::folded(&parts.db).await?;
        let mark = usage_marks::find(&parts.db, usage_marks::DROPPED).await?;
        let given_up = mark.map_or(Timestamp::EPOCH, |mark| mark.upto);
        let first = usage::find_first(&parts.db, Timestamp::EPOCH).await?;
        let old = Old {
            upto: self.unit_of(parts.clock.now().before(kept).min(folded)),
            given_up,
            is_left: first.is_some_and(|first| first.made_at() < given_up),
        };
        Ok(Some(old).filter(|old| old.is_left || old.upto > old.given_up))
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
