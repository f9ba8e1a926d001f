//! How often something was tried, per subject: counted in the database, so that it is right across
//! instances and without Redis.
//!
//! ```
//! use std::time::Duration;
//! use tollgate_storage::throttle::{self, Limit};
//! # use tollgate_kernel::clock::Clock;
//! # use tollgate_kernel::entropy::Entropy;
//! # use tollgate_storage::StorageError;
//! # use tollgate_storage::seal::MasterKey;
//! # use tollgate_storage::testing::{Engine, TestDatabase};
//!
//! const LOGINS: Limit = Limit { kind: "login", most: 2, window: Duration::from_mins(1) };
//! # #[tokio::main]
//! # async fn main() -> Result<(), StorageError> {
//! # let database = TestDatabase::new(Engine::Sqlite).await;
//! # let db = database.open(&[]).await;
//! # let (key, now) = (MasterKey::generate(&Entropy::system()), Clock::system().now());
//! let subject = key.keyed_hash("login subject", b"192.0.2.7");
//! let mut tx = db.begin().await?;
//! assert_eq!(throttle::hit(&mut tx, &LOGINS, &subject, now).await?, None);
//! assert_eq!(throttle::waiting(&mut tx, &LOGINS, &subject, now).await?, None);
//! assert_eq!(throttle::hit(&mut tx, &LOGINS, &subject, now).await?, None);
//! assert!(throttle::waiting(&mut tx, &LOGINS, &subject, now).await?.is_some());
//! let later = now.after(Duration::from_secs(20));
//! let wait = throttle::hit(&mut tx, &LOGINS, &subject, later).await?;
//! assert_eq!(wait, Some(Duration::from_secs(40)));
//!
//! throttle::take_back(&mut tx, "login", &subject).await?;
//! throttle::take_back(&mut tx, "login", &subject).await?;
//! assert_eq!(throttle::hit(&mut tx, &LOGINS, &subject, later).await?, None);
//! throttle::forgive(&mut tx, "login", &subject).await?;
//! assert_eq!(throttle::waiting(&mut tx, &LOGINS, &subject, later).await?, None);
//! assert_eq!(throttle::purge(&mut tx, later, 100).await?, 0, "nothing is left");
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;

use crate::Result;
use crate::db::Tx;

/// So many in a window of time that begins with the first.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is counted; a name in the table.
    pub kind: &'static str,
    /// The one after this many is refused.
    pub most: i64,
    /// From the first on.
    pub window: Duration,
}

row!(
    struct HitRow {
        hits: i64,
        window_start: chrono::DateTime<chrono::Utc>,
    }
);

/// Counts one more try of `subject` (a keyed hash: the table holds no address). `Some`: it is one too
/// many, and after this long the next window begins. Counting comes before the work that is bounded,
/// or tries that run at once would all be let in.
///
/// # Errors
/// The database.
pub async fn hit(
    tx: &mut Tx,
    limit: &Limit,
    subject: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Duration>> {
    let row: HitRow = in_tx!(tx, |c| {
        sqlx::query_as(HIT)
            .bind(limit.kind)
            .bind(subject.as_slice())
            .bind(now.utc())
            .bind(now.before(limit.window).utc())
            .bind(now.after(limit.window).utc())
            .fetch_one(c)
            .await
    })?;
    if row.hits <= limit.most {
        return Ok(None);
    }
    Ok(Some(rest(&row, limit, now)))
}

/// How long `subject` has to wait, without counting one more: `Some` when the next would be one too
/// many.
///
/// # Errors
/// The database.
pub async fn waiting(
    tx: &mut Tx,
    limit: &Limit,
    subject: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Duration>> {
    let row: Option<HitRow> = in_tx!(tx, |c| {
        sqlx::query_as(FIND)
            .bind(limit.kind)
            .bind(subject.as_slice())
            .bind(now.before(limit.window).utc())
            .fetch_optional(c)
            .await
    })?;
    Ok(row
        .filter(|row| row.hits >= limit.most)
        .map(|row| rest(&row, limit, now)))
}

fn rest(row: &HitRow, limit: &Limit, now: Timestamp) -> Duration {
    let end = Timestamp::from_utc(row.window_start).after(limit.window);
    end.since(now).max(Duration::from_secs(1))
}

/// Forgets the tries of `subject`: it was right in the end.
///
/// # Errors
/// The database.
pub async fn forgive(tx: &mut Tx, kind: &str, subject: &[u8; 32]) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(FORGIVE)
        .bind(kind)
        .bind(subject.as_slice())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Takes back one try of `subject`, which was not one of those that are bounded.
///
/// # Errors
/// The database.
pub async fn take_back(tx: &mut Tx, kind: &str, subject: &[u8; 32]) -> Result<()> {
    // The last one takes the row along: the next window begins with the next try.
    for statement in [FORGET_LAST, TAKE_BACK] {
        in_tx!(tx, |c| sqlx::query(statement)
            .bind(kind)
            .bind(subject.as_slice())
            .execute(c)
            .await
            .map(|_| ()))?;
    }
    Ok(())
}

/// Forgets at most `most` windows that are over.
///
/// # Errors
/// The database.
pub async fn purge(tx: &mut Tx, now: Timestamp, most: i64) -> Result<u64> {
    let gone = in_tx!(tx, |c| sqlx::query(PURGE)
        .bind(now.utc())
        .bind(most)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(gone)
}

const HIT: &str = "INSERT INTO throttle (kind, subject, hits, window_start, expires_at) VALUES ($1, $2, 1, $3, $5)
    ON CONFLICT (kind, subject) DO UPDATE SET
      hits = CASE WHEN throttle.window_start > $4 THEN throttle.hits + 1 ELSE 1 END,
      expires_at = CASE WHEN throttle.window_start > $4 THEN throttle.expires_at ELSE $5 END,
      window_start = CASE WHEN throttle.window_start > $4 THEN throttle.window_start ELSE $3 END
    RETURNING hits, window_start";
const FIND: &str = "SELECT hits, window_start FROM throttle WHERE kind = $1 AND subject = $2 AND window_start > $3";
const FORGIVE: &str = "DELETE FROM throttle WHERE kind = $1 AND subject = $2";
const FORGET_LAST: &str = "DELETE FROM throttle WHERE kind = $1 AND subject = $2 AND hits = 1";
const TAKE_BACK: &str =
    "UPDATE throttle SET hits = hits - 1 WHERE kind = $1 AND subject = $2 AND hits > 1";
const PURGE: &str = "DELETE FROM throttle WHERE (kind, subject) IN
    (SELECT kind, subject FROM throttle WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

pub(crate) const STATEMENTS: &[&str] = &[HIT, FIND, FORGIVE, FORGET_LAST, TAKE_BACK, PURGE];
