//! Makes sums of the log, a closed quarter of an hour at a time, so that nobody reads months of it to draw a line. A
//! quarter in which much was used is summed in parts, since charges wait for whoever writes on SQLite; each has sums of its own,
//! under the moment at which it begins, so that what was summed never changes.
//!
//! What can happen at once: several instances that fold, one that was paused within it, charges that go on. The mark
//! says up to where the log is folded; it is moved by the version it was read at, first in the transaction that folds,
//! so one instance folds a quarter and every other finds the mark elsewhere. A quarter is closed when it ended two
//! minutes ago: no transaction lives so long, and what is written reads its clock inside of one. A clock that lies
//! is not believed: the statement that writes the log refuses what is older than the mark, and whoever is refused writes it
//! at the mark.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::Id as _;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use crate::model::usage::{QUARTER, quarter_of};
use crate::quota_writer::away;
use crate::store::charges::{self, Entry};
use crate::store::usage_marks::{self, Mark};
use crate::store::{usage, usage_rollups};
use crate::{Parts, PaymentService};

/// What ended so long ago gets no more rows.
const CLOSED_FOR: Duration = Duration::from_mins(2);
/// Rows in one part: some tens of milliseconds.
const PART: i64 = 20_000;
/// Parts in one run, at most.
const AT_ONCE: usize = 64;
/// The rest of the upkeep waits no longer than about this.
const LONGEST_RUN: Duration = Duration::from_secs(1);
/// As exact as an id is.
const MILLISECOND: Duration = Duration::from_millis(1);

/// What is summed in one transaction.
struct Part {
    /// The start of its quarter, or its own within it.
    name: Timestamp,
    end: Timestamp,
}

/// Up to when the log is folded, as far as this instance has heard: it writes nothing before it.
#[derive(Debug, Default)]
pub(crate) struct FoldedUpTo(AtomicI64);

impl FoldedUpTo {
    pub(crate) fn note(&self, upto: Timestamp) {
        self.0.fetch_max(upto.micros(), Ordering::SeqCst);
    }

    /// This moment, unless it is folded: then the first that is not.
    pub(crate) fn or_later(&self, at: Timestamp) -> Timestamp {
        let upto = Timestamp::from_micros(self.0.load(Ordering::SeqCst));
        upto.map_or(at, |upto| at.max(upto))
    }
}

/// Writes charges down for those who do not share a commit with others. An error is worth another try: the log is
/// folded beyond their moment, which is known by then.
pub(crate) async fn append(parts: &Parts, tx: &mut Tx, entries: &[Entry<'_>]) -> Result<()> {
    if charges::append_each(tx, entries).await? {
        return Ok(());
    }
    parts.folded.note(usage_marks::read_folded(tx).await?);
    Err(away())
}

impl PaymentService {
    /// Folds what is closed, as much of it as one run does; gives how many parts had anything in them.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn folded(payment: &PaymentService) -> Result<usize, StorageError> {
    ///     payment.fold_usage().await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database; nothing is lost, the next run goes on.
    pub async fn fold_usage(&self) -> Result<usize> {
        let parts = &self.0;
        let now = parts.clock.now();
        let closed = quarter_of(now.before(CLOSED_FOR));
        let mut folded = 0;
        for _ in 0..AT_ONCE {
            let mark = self.folded_mark(now).await?;
            parts.folded.note(mark.upto);
            if mark.upto >= closed {
                break;
            }
            let part = self.next_part(mark.upto, closed).await?;
            let upto = part.as_ref().map_or(closed, |part| part.end);
            let mut tx = parts.db.begin().await?;
            if !usage_marks::advance(&mut tx, mark, upto, now).await? {
                // Another instance is at it.
                tx.rollback().await?;
                break;
            }
            if let Some(part) = part {
                usage_rollups::fold(&mut tx, mark.upto, part.end, part.name).await?;
                folded += 1;
            }
            tx.commit().await?;
            if parts.clock.now().since(now) >= LONGEST_RUN {
                break;
            }
        }
        Ok(folded)
    }

    /// What is summed next: a quarter of an hour or, of a busy one, so many rows. `None`: nothing was used up to `closed`.
    async fn next_part(&self, from: Timestamp, closed: Timestamp) -> Result<Option<Part>> {
        let db = &self.0.db;
        // Nobody reads through hours in which nothing was used.
        let Some(first) = usage::find_first(db, from).await? else {
            return Ok(None);
        };
        let quarter = quarter_of(first.made_at());
        if quarter >= closed {
            return Ok(None);
        }
        let end = quarter.after(QUARTER);
        let beyond = usage::find_after(db, from, PART).await?;
        // All rows of its millisecond follow in the next part; of a part that is one millisecond, in this one.
        let cut = beyond.map(|id| id.made_at().max(first.made_at().after(MILLISECOND)));
        Ok(Some(Part {
            name: quarter.max(from),
            end: cut.map_or(end, |cut| cut.min(end)),
        }))
    }

    /// Whether a quarter of an hour was closed since the log was last folded.
    pub(crate) async fn is_fold_due(&self) -> Result<bool> {
        let closed = quarter_of(self.0.clock.now().before(CLOSED_FOR));
        let mark = usage_marks::find(&self.0.db, usage_marks::FOLDED).await?;
        Ok(mark.is_none_or(|mark| mark.upto < closed))
    }

    async fn folded_mark(&self, now: Timestamp) -> Result<Mark> {
        let db = &self.0.db;
        loop {
            if let Some(mark) = usage_marks::find(db, usage_marks::FOLDED).await? {
                return Ok(mark);
            }
            let mut tx = db.begin().await?;
            usage_marks::begin(&mut tx, now).await?;
            tx.commit().await?;
        }
    }
}
