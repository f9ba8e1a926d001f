//! What a transaction adds to the figures of who watches the service. A figure tells what is durable: an addition waits
//! for the commit and goes with a transaction that is undone, so that one which is made again is counted once. A commit
//! whose answer did not come is not counted; what came of it, nobody knows yet.

use metrics::{Counter, counter, describe_counter};

const GIVEN_UP: &str = "tollgate_jobs_given_up_total";

/// Says what the figures of the core tables are, to the recorder that is there.
///
/// ```
/// // Once, when a recorder is installed; without one it does nothing.
/// tollgate_storage::counts::describe();
/// ```
pub fn describe() {
    describe_counter!(
        GIVEN_UP,
        "Jobs that nothing will help any more, by kind; see GET /admin/jobs."
    );
}

/// A job that nothing will help.
pub(crate) fn given_up(kind: &str) -> Counter {
    counter!(GIVEN_UP, "kind" => kind.to_owned())
}

/// Additions that wait for their commit. Dropped, they were never made.
///
/// A transaction carries them; [`Tx::count`](crate::db::Tx::count) adds.
///
/// ```
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::counts::Counts;
/// # use tollgate_storage::db::Tx;
/// # use tollgate_storage::testing::{Engine, TestDatabase};
/// # #[tokio::main]
/// # async fn main() -> Result<(), StorageError> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// let mut tx = db.begin().await?;
/// tx.count(metrics::counter!("films_burnt_total", "ward" => "north"), 1);
/// let (Tx::Sqlite(_, waiting) | Tx::Postgres(_, _, waiting)) = &tx;
/// let _: &Counts = waiting;
/// tx.commit().await?; // Here the figure goes up by one.
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Counts(Vec<(Counter, u64)>);

impl Counts {
    pub(crate) fn add(&mut self, counter: Counter, by: u64) {
        self.0.push((counter, by));
    }

    pub(crate) fn release(self) {
        for (counter, by) in self.0 {
            counter.increment(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::testing::each_engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_figure_moves_with_the_commit_and_not_with_what_is_undone() {
        each_engine(&[], async |db| {
            let figure = Arc::new(AtomicU64::new(0));
            let counter = Counter::from_arc(figure.clone());
            let stands = || figure.load(Ordering::Relaxed);
            let mut dropped = db.begin().await.expect("begins");
            dropped.count(counter.clone(), 1);
            drop(dropped);
            let mut undone = db.begin().await.expect("begins");
            undone.count(counter.clone(), 10);
            undone.rollback().await.expect("rolls back");
            assert_eq!(stands(), 0, "nothing has happened");
            let mut made = db.begin().await.expect("begins");
            made.count(counter.clone(), 100);
            made.count(counter, 1_000);
            assert_eq!(stands(), 0, "nothing has happened yet");
            made.commit().await.expect("commits");
            assert_eq!(stands(), 1_100);
        })
        .await;
    }
}
