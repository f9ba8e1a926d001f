//! Work to do later, written in the transaction that causes it. `due_at` is both the time to run
//! and the end of a lease: nobody touches a row before it.
//!
//! ```
//! use std::time::Duration;
//! use tollgate_storage::jobs::{self, NewJob};
//! # use serde_json::json;
//! # use tollgate_kernel::clock::Clock;
//! # use tollgate_kernel::entropy::Entropy;
//! # use tollgate_kernel::ids::Ids;
//! # use tollgate_storage::testing::{Engine, TestDatabase};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), tollgate_storage::StorageError> {
//! # let database = TestDatabase::new(Engine::Sqlite).await;
//! # let db = database.open(&[]).await;
//! # let clock = Clock::system();
//! # let now = clock.now();
//! # let ids = Ids::new(clock, Entropy::system());
//! let mut tx = db.begin().await?;
//! for _ in 0..2 {
//!     let letter = NewJob {
//!         lane: "mail",
//!         kind: "send_letter",
//!         dedupe_key: "welcome 7",
//!         payload: json!({ "to": "ada@shop.example" }),
//!         due_at: now,
//!     };
//!     jobs::put(&mut tx, &ids, letter, now).await?;
//! }
//! let lease = Duration::from_secs(30);
//! let claimed = jobs::claim(&mut tx, "mail", lease, 10, now).await?;
//! assert_eq!(claimed.len(), 1, "one key, one open job");
//! let letter = &claimed[0];
//! assert_eq!((letter.kind.as_str(), letter.attempts), ("send_letter", 1));
//! assert_eq!(letter.payload["to"], "ada@shop.example");
//!
//! // The lease ends, somebody else claims it, and only they may finish it.
//! let later = now.after(lease);
//! let theirs = jobs::claim(&mut tx, "mail", lease, 10, later).await?.remove(0);
//! assert!(!jobs::finish(&mut tx, letter, later).await?);
//! assert!(jobs::finish(&mut tx, &theirs, later).await?);
//! tx.commit().await?;
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use serde_json::Value;
use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, Ids, JobId};

use crate::db::Tx;
use crate::{Result, counts};

/// A job that was claimed: ours until the lease ends.
#[derive(Clone, Debug)]
pub struct Job {
    /// Of the job.
    pub id: JobId,
    /// Which verb.
    pub kind: String,
    /// For the verb.
    pub payload: Value,
    /// Shows that the lease is still ours when the job is finished.
    pub fence: i64,
    /// How often it was claimed, this time included.
    pub attempts: i64,
}

row!(
    struct JobRow {
        id: uuid::Uuid,
        kind: String,
        payload: Json<Value>,
        fence: i64,
        attempts: i64,
    }
);

/// What to do, when, and under which name it is asked for only once at a time.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// A slow rail has a lane of its own.
    pub lane: &'static str,
    /// Which verb.
    pub kind: &'static str,
    /// While a job of this kind and key is open, another is not made.
    pub dedupe_key: &'a str,
    /// For the verb.
    pub payload: Value,
    /// Not before.
    pub due_at: Timestamp,
}

/// Asks for work.
///
/// # Errors
/// The database.
pub async fn put(tx: &mut Tx, ids: &Ids, job: NewJob<'_>, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| {
        sqlx::query(PUT)
            .bind(ids.at::<JobId>(now).uuid())
            .bind(job.lane)
            .bind(job.kind)
            .bind(job.dedupe_key)
            .bind(Json(&job.payload))
            .bind(job.due_at.utc())
            .bind(now.utc())
            .execute(c)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// Takes up to `count` due jobs of a lane under a lease. Fewer than asked is normal.
///
/// # Errors
/// The database.
pub async fn claim(
    tx: &mut Tx,
    lane: &str,
    lease: Duration,
    count: i64,
    now: Timestamp,
) -> Result<Vec<Job>> {
    let rows: Vec<JobRow> = in_tx!(tx, |c| {
        sqlx::query_as(CLAIM)
            .bind(now.utc())
            .bind(now.after(lease).utc())
            .bind(count)
            .bind(lane)
            .fetch_all(c)
            .await
    })?;
    let jobs = rows.into_iter().map(|row| Job {
        id: row.id.into(),
        kind: row.kind,
        payload: row.payload.0,
        fence: row.fence,
        attempts: row.attempts,
    });
    Ok(jobs.collect())
}

/// Ends a job, in the transaction of its effect. `false`: the lease was lost and somebody else
/// owns the job; roll back.
///
/// # Errors
/// The database.
pub async fn finish(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<bool> {
    let row: Option<(uuid::Uuid,)> = in_tx!(tx, |c| {
        sqlx::query_as(FINISH)
            .bind(job.id.uuid())
            .bind(job.fence)
            .bind(now.utc())
            .fetch_optional(c)
            .await
    })?;
    Ok(row.is_some())
}

/// Puts a job off. `false` as in [`finish`].
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_kernel::clock::Timestamp;
/// # use tollgate_storage::Result;
/// # use tollgate_storage::db::Tx;
/// # use tollgate_storage::jobs::{self, Job};
/// // Eight tries, each twice as far from the last as that one was.
/// async fn failed(tx: &mut Tx, job: &Job, now: Timestamp, why: &str) -> Result<bool> {
///     match u32::try_from(job.attempts) {
///         Ok(tries) if tries < 8 => {
///             let wait = Duration::from_secs(10) * 2_u32.pow(tries);
///             jobs::put_off(tx, job, now.after(wait), why).await
///         }
///         _ => jobs::give_up(tx, job, now, why).await,
///     }
/// }
/// ```
///
/// # Errors
/// The database.
pub async fn put_off(tx: &mut Tx, job: &Job, due_at: Timestamp, why: &str) -> Result<bool> {
    let row: Option<(uuid::Uuid,)> = in_tx!(tx, |c| {
        sqlx::query_as(PUT_OFF)
            .bind(job.id.uuid())
            .bind(job.fence)
            .bind(due_at.utc())
            .bind(why)
            .fetch_optional(c)
            .await
    })?;
    Ok(row.is_some())
}

/// Ends a job that nothing will help, and keeps the reason for whoever looks. `false` as in [`finish`].
///
/// # Errors
/// The database.
pub async fn give_up(tx: &mut Tx, job: &Job, now: Timestamp, why: &str) -> Result<bool> {
    let row: Option<(uuid::Uuid,)> = in_tx!(tx, |c| {
        sqlx::query_as(GIVE_UP)
            .bind(job.id.uuid())
            .bind(job.fence)
            .bind(now.utc())
            .bind(why)
            .fetch_optional(c)
            .await
    })?;
    if row.is_some() {
        tx.count(counts::given_up(&job.kind), 1);
    }
    Ok(row.is_some())
}

/// Lets an open job be due at once. Whoever works on it at this moment loses it, and writes nothing. The row stays
/// ours until the caller's end: nobody finishes the job before what the caller writes can be seen.
///
/// # Errors
/// The database.
pub async fn hasten(tx: &mut Tx, kind: &str, dedupe_key: &str, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(HASTEN)
        .bind(kind)
        .bind(dedupe_key)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Ends an open job that is not needed any more. Whoever works on it at this moment is waited for, or loses it and
/// writes nothing.
///
/// # Errors
/// The database.
pub async fn cancel(tx: &mut Tx, kind: &str, dedupe_key: &str, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(CANCEL)
        .bind(kind)
        .bind(dedupe_key)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Whether a job of this kind and key is open, or was after `since`.
///
/// ```
/// # use std::time::Duration;
/// # use serde_json::json;
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::ids::Ids;
/// # use tollgate_storage::jobs::{self, NewJob};
/// # use tollgate_storage::testing::{Engine, TestDatabase};
/// # #[tokio::main]
/// # async fn main() -> Result<(), tollgate_storage::StorageError> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// # let clock = Clock::system();
/// # let now = clock.now();
/// # let ids = Ids::new(clock, Entropy::system());
/// # let mut tx = db.begin().await?;
/// let (hour, lease) = (Duration::from_hours(1), Duration::from_secs(30));
/// let reminder = NewJob {
///     lane: "mail",
///     kind: "remind",
///     dedupe_key: "7",
///     payload: json!({}),
///     due_at: now.after(hour),
/// };
/// jobs::put(&mut tx, &ids, reminder, now).await?;
/// assert!(jobs::claim(&mut tx, "mail", lease, 10, now).await?.is_empty());
/// jobs::hasten(&mut tx, "remind", "7", now).await?;
/// assert_eq!(jobs::claim(&mut tx, "mail", lease, 10, now).await?.len(), 1);
///
/// jobs::cancel(&mut tx, "remind", "7", now).await?;
/// assert!(jobs::is_open_since(&mut tx, "remind", "7", now.before(hour)).await?);
/// assert!(!jobs::is_open_since(&mut tx, "remind", "7", now).await?);
/// // A day later nobody asks for it any more.
/// assert_eq!(jobs::purge(&mut tx, now.after(hour * 24), 100).await?, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The database.
pub async fn is_open_since(
    tx: &mut Tx,
    kind: &str,
    dedupe_key: &str,
    since: Timestamp,
) -> Result<bool> {
    let rows: Vec<(uuid::Uuid,)> = in_tx!(tx, |c| {
        sqlx::query_as(IS_OPEN_SINCE)
            .bind(kind)
            .bind(dedupe_key)
            .bind(since.utc())
            .fetch_all(c)
            .await
    })?;
    Ok(!rows.is_empty())
}

/// Forgets at most `most` jobs that were asked for before `before` and are over, whatever became of them.
///
/// # Errors
/// The database.
pub async fn purge(tx: &mut Tx, before: Timestamp, most: i64) -> Result<u64> {
    // Ids sort by the moment they were made: the key's own index finds the old ones.
    let millis = u64::try_from(before.micros() / 1_000).unwrap_or(0);
    let oldest = uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid();
    let gone = in_tx!(tx, |c| sqlx::query(PURGE)
        .bind(oldest)
        .bind(most)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(gone)
}

const PUT: &str = "INSERT INTO jobs (id, lane, kind, dedupe_key, payload, due_at, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (kind, dedupe_key) WHERE state = 'open' DO NOTHING";
// The conditions stand outside too, since a rival may have been faster.
const CLAIM: &str = "UPDATE jobs SET due_at = $2, fence = fence + 1, attempts = attempts + 1
    WHERE state = 'open' AND due_at <= $1 AND id IN
        (SELECT id FROM jobs WHERE state = 'open' AND lane = $4 AND due_at <= $1 ORDER BY due_at, id LIMIT $3)
    RETURNING id, kind, payload, fence, attempts";
const FINISH: &str = "UPDATE jobs SET state = 'done', finished_at = $3
    WHERE id = $1 AND fence = $2 AND state = 'open' RETURNING id";
const PUT_OFF: &str = "UPDATE jobs SET due_at = $3, last_error = $4
    WHERE id = $1 AND fence = $2 AND state = 'open' RETURNING id";

const GIVE_UP: &str = "UPDATE jobs SET state = 'dead', finished_at = $3, last_error = $4
    WHERE id = $1 AND fence = $2 AND state = 'open' RETURNING id";

const HASTEN: &str = "UPDATE jobs SET due_at = CASE WHEN due_at > $3 THEN $3 ELSE due_at END
    WHERE kind = $1 AND dedupe_key = $2 AND state = 'open'";
const CANCEL: &str = "UPDATE jobs SET state = 'done', finished_at = $3
    WHERE kind = $1 AND dedupe_key = $2 AND state = 'open'";
const IS_OPEN_SINCE: &str = "SELECT id FROM jobs WHERE kind = $1 AND dedupe_key = $2 AND state = 'open'
    UNION ALL SELECT id FROM jobs WHERE kind = $1 AND dedupe_key = $2 AND state <> 'open' AND finished_at > $3";
const PURGE: &str = "DELETE FROM jobs WHERE id IN
    (SELECT id FROM jobs WHERE id < $1 AND state <> 'open' ORDER BY id LIMIT $2)";

pub(crate) const STATEMENTS: &[&str] = &[
    PUT,
    CLAIM,
    FINISH,
    PUT_OFF,
    GIVE_UP,
    HASTEN,
    CANCEL,
    IS_OPEN_SINCE,
    PURGE,
];
