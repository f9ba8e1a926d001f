//! `usage_marks`: up to when the log is folded, and up to when it is dropped. A mark only moves forward.

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};

use super::At;

/// What lies before it is in the roll-ups, whole.
pub(crate) const FOLDED: &str = "folded";
/// What lies before it may leave the log: the trigger lets go nothing else.
pub(crate) const DROPPED: &str = "dropped";

row!(
    struct MarkRow {
        upto: At,
        version: i64,
    }
);

/// How far, and how often it moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) upto: Timestamp,
    pub(crate) version: i64,
}

impl From<MarkRow> for Mark {
    fn from(row: MarkRow) -> Self {
        Self {
            upto: Timestamp::from_utc(row.upto),
            version: row.version,
        }
    }
}

/// Where a mark stands.
pub(crate) async fn find(db: &Db, name: &'static str) -> Result<Option<Mark>> {
    let row: Option<MarkRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(name)
        .fetch_optional(e)
        .await)?;
    Ok(row.map(Mark::from))
}

/// Up to when the log is folded: what a sum takes from the roll-ups, and where it goes on in the log. Whoever reads it
/// first may read both afterwards: what lies before it does not change any more.
pub(crate) async fn folded(db: &Db) -> Result<Timestamp> {
    let mark = find(db, FOLDED).await?;
    Ok(mark.map_or(Timestamp::EPOCH, |mark| mark.upto))
}

/// The same, inside a transaction.
pub(crate) async fn read_folded(tx: &mut Tx) -> Result<Timestamp> {
    let row: Option<MarkRow> = in_tx!(tx, |c| sqlx::query_as(FIND)
        .bind(FOLDED)
        .fetch_optional(c)
        .await)?;
    Ok(row.map_or(Timestamp::EPOCH, |row| Timestamp::from_utc(row.upto)))
}

/// Nothing is folded yet.
pub(crate) async fn begin(tx: &mut Tx, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(BEGIN)
        .bind(FOLDED)
        .bind(Timestamp::EPOCH.utc())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Moves `folded` on; it is ours from now to the end of the transaction. `false`: somebody else has moved it since it
/// was read.
pub(crate) async fn advance(
    tx: &mut Tx,
    from: Mark,
    upto: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(ADVANCE)
        .bind(FOLDED)
        .bind(from.version)
        .bind(upto.utc())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Moves `dropped` on, over nothing that is not folded. `false`: it stands there or farther, or the folding does not.
pub(crate) async fn give_up(tx: &mut Tx, upto: Timestamp, now: Timestamp) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(GIVE_UP)
        .bind(DROPPED)
        .bind(upto.utc())
        .bind(now.utc())
        .bind(FOLDED)
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

const FIND: &str = "SELECT upto, version FROM usage_marks WHERE name = $1";
const BEGIN: &str =
    "INSERT INTO usage_marks (name, upto, version, updated_at) VALUES ($1, $2, 1, $3)
    ON CONFLICT (name) DO NOTHING";
// Who waits for a rival finds another version when the rival has committed.
const ADVANCE: &str = "UPDATE usage_marks SET upto = $3, version = version + 1, updated_at = $4
    WHERE name = $1 AND version = $2 AND upto < $3 RETURNING version";
// `folded` only grows: an old reading of it gives up less.
const GIVE_UP: &str = "INSERT INTO usage_marks (name, upto, version, updated_at)
    SELECT $1, $2, 1, $3 FROM usage_marks f WHERE f.name = $4 AND f.upto >= $2
    ON CONFLICT (name) DO UPDATE SET upto = excluded.upto, version = usage_marks.version + 1, updated_at = excluded.updated_at
    WHERE usage_marks.upto < excluded.upto RETURNING version";

pub(crate) const STATEMENTS: &[&str] = &[FIND, BEGIN, ADVANCE, GIVE_UP];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tollgate_storage::testing::each_engine;

    use super::*;
    use crate::MIGRATIONS;

    async fn moves(db: &Db, from: Mark, upto: Timestamp) -> bool {
        let mut tx = db.begin().await.expect("begins");
        let moved = advance(&mut tx, from, upto, upto).await.expect("asked");
        tx.commit().await.expect("commits");
        moved
    }

    async fn gives_up(db: &Db, upto: Timestamp) -> bool {
        let mut tx = db.begin().await.expect("begins");
        let moved = give_up(&mut tx, upto, upto).await.expect("asked");
        tx.commit().await.expect("commits");
        moved
    }

    #[tokio::test]
    async fn inv_q2_f25_who_was_paused_moves_no_mark() {
        each_engine(&[MIGRATIONS], async |db| {
            let hour = |hours| Timestamp::EPOCH.after(Duration::from_hours(hours));
            assert!(!gives_up(&db, hour(1)).await, "nothing is folded");
            let mut tx = db.begin().await.expect("begins");
            begin(&mut tx, hour(0)).await.expect("begun");
            begin(&mut tx, hour(0)).await.expect("begun once");
            tx.commit().await.expect("commits");
            let paused = find(&db, FOLDED).await.expect("read").expect("a mark");
            assert_eq!(paused.upto, Timestamp::EPOCH);
            assert!(moves(&db, paused, hour(2)).await);
            // Ten minutes later it goes on with what it read.
            for upto in [hour(1), hour(2), hour(3)] {
                assert!(!moves(&db, paused, upto).await, "{upto}");
            }
            let mark = find(&db, FOLDED).await.expect("read").expect("a mark");
            assert_eq!(mark.upto, hour(2));
            assert!(
                !moves(&db, mark, hour(1)).await,
                "a mark goes on, never back"
            );
            assert!(moves(&db, mark, hour(4)).await);
            // What is given up is folded, and stays given up.
            for (upto, is_given_up) in [(5, false), (3, true), (2, false), (3, false), (4, true)] {
                assert_eq!(gives_up(&db, hour(upto)).await, is_given_up, "{upto}");
            }
            assert_eq!(folded(&db).await.expect("read"), hour(4));
        })
        .await;
    }
}
