//! Jobs as whoever runs the service sees them: never what they carry, which may be sealed or somebody's own.
//!
//! ```
//! use tollgate_storage::job_records::{self, JobFilter, JobState};
//! # use std::time::Duration;
//! # use serde_json::json;
//! # use tollgate_kernel::clock::Clock;
//! # use tollgate_kernel::entropy::Entropy;
//! # use tollgate_kernel::ids::Ids;
//! # use tollgate_storage::jobs::{self, NewJob};
//! # use tollgate_storage::testing::{Engine, TestDatabase};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), tollgate_storage::StorageError> {
//! # let database = TestDatabase::new(Engine::Sqlite).await;
//! # let db = database.open(&[]).await;
//! # let clock = Clock::system();
//! # let now = clock.now();
//! # let ids = Ids::new(clock, Entropy::system());
//! # let mut tx = db.begin().await?;
//! # let (lane, kind, payload) = ("mail", "send_letter", json!({}));
//! # let asked = NewJob { lane, kind, dedupe_key: "7", payload, due_at: now };
//! # jobs::put(&mut tx, &ids, asked, now).await?;
//! # let job = jobs::claim(&mut tx, "mail", Duration::from_secs(30), 1, now).await?.remove(0);
//! # jobs::give_up(&mut tx, &job, now, "550 no such mailbox").await?;
//! # tx.commit().await?;
//! // A letter that nobody would take was given up.
//! let dead = JobFilter { state: Some(JobState::Dead), ..JobFilter::default() };
//! let letter = job_records::list(&db, &dead, 20).await?.remove(0);
//! assert_eq!((letter.lane.as_str(), letter.kind.as_str()), ("mail", "send_letter"));
//! assert_eq!(letter.last_error.as_deref(), Some("550 no such mailbox"));
//! assert!(job_records::lanes(&db).await?.is_empty());
//!
//! let mut tx = db.begin().await?;
//! assert!(job_records::revive(&mut tx, letter.id, now).await?);
//! tx.commit().await?;
//! let letter = job_records::find(&db, letter.id).await?.expect("it is there");
//! assert_eq!((letter.state, letter.attempts), (JobState::Open, 0));
//! let mail = job_records::lanes(&db).await?.remove(0);
//! assert_eq!((mail.name.as_str(), mail.open, mail.first_due), ("mail", 1, now));
//! # Ok(())
//! # }
//! ```

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, JobId};
use uuid::Uuid;

use crate::db::{Db, Tx};
use crate::duties::LANE;
use crate::error::known;
use crate::{Result, StorageError};

/// How a job stands.
///
/// ```
/// # use tollgate_storage::job_records::{JobState, UnknownJobState};
/// assert_eq!("dead".parse(), Ok(JobState::Dead));
/// assert_eq!(JobState::Dead.as_str(), "dead");
/// assert_eq!("asleep".parse::<JobState>(), Err(UnknownJobState));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// To be done.
    Open,
    /// Over.
    Done,
    /// Given up.
    Dead,
}

impl JobState {
    /// As the column holds it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

/// Not a state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job is open, done or dead")]
pub struct UnknownJobState;

impl std::str::FromStr for JobState {
    type Err = UnknownJobState;

    fn from_str(text: &str) -> Result<Self, UnknownJobState> {
        match text {
            "open" => Ok(Self::Open),
            "done" => Ok(Self::Done),
            "dead" => Ok(Self::Dead),
            _ => Err(UnknownJobState),
        }
    }
}

/// A job without its payload.
#[derive(Clone, Debug)]
pub struct JobRecord {
    /// Of the job.
    pub id: JobId,
    /// Who does it.
    pub lane: String,
    /// Which verb.
    pub kind: String,
    /// What it is about, where that is named by an id.
    pub subject: Option<Uuid>,
    /// How it stands.
    pub state: JobState,
    /// When it is done, or the end of a lease.
    pub due_at: Timestamp,
    /// How often it changed hands.
    pub fence: i64,
    /// How often it was begun since it was last asked for.
    pub attempts: i64,
    /// Why it was put off or given up.
    pub last_error: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

row!(
    struct RecordRow {
        id: Uuid,
        lane: String,
        kind: String,
        dedupe_key: Option<String>,
        state: String,
        due_at: chrono::DateTime<chrono::Utc>,
        fence: i64,
        attempts: i64,
        last_error: Option<String>,
        created_at: chrono::DateTime<chrono::Utc>,
        finished_at: Option<chrono::DateTime<chrono::Utc>>,
    }
);

impl TryFrom<RecordRow> for JobRecord {
    type Error = StorageError;

    fn try_from(row: RecordRow) -> Result<Self> {
        Ok(Self {
            state: known(row.state.parse(), "jobs", "state", &row.id)?,
            id: row.id.into(),
            lane: row.lane,
            kind: row.kind,
            subject: row.dedupe_key.and_then(|key| key.parse().ok()),
            due_at: Timestamp::from_utc(row.due_at),
            fence: row.fence,
            attempts: row.attempts,
            last_error: row.last_error,
            created_at: Timestamp::from_utc(row.created_at),
            finished_at: row.finished_at.map(Timestamp::from_utc),
        })
    }
}

/// Which jobs.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Of this state; else whatever is not done.
    pub state: Option<JobState>,
    /// Of this lane.
    pub lane: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Asked for before this one.
    pub starting_after: Option<JobId>,
}

/// The newest first, standing duties left out.
///
/// # Errors
/// The database.
pub async fn list(db: &Db, filter: &JobFilter, limit: i64) -> Result<Vec<JobRecord>> {
    let before = filter.starting_after.map_or(Uuid::max(), Id::uuid);
    let rows: Vec<RecordRow> = on_read!(db, |e| sqlx::query_as(RECORDS)
        .bind(before)
        .bind(filter.state.map_or("", JobState::as_str))
        .bind(filter.lane.as_deref().unwrap_or(""))
        .bind(filter.kind.as_deref().unwrap_or(""))
        .bind(LANE)
        .bind(limit)
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(JobRecord::try_from).collect()
}

/// One of them, a standing duty too.
///
/// # Errors
/// The database.
pub async fn find(db: &Db, id: JobId) -> Result<Option<JobRecord>> {
    let row: Option<RecordRow> = on_read!(db, |e| sqlx::query_as(RECORD)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    row.map(JobRecord::try_from).transpose()
}

row!(
    struct LaneRow {
        lane: String,
        open: i64,
        first_due: chrono::DateTime<chrono::Utc>,
    }
);

/// The open jobs of a lane.
#[derive(Clone, Debug)]
pub struct LaneStand {
    /// Whose work it is.
    pub name: String,
    /// How many, standing duties too.
    pub open: i64,
    /// When the first of them is due.
    pub first_due: Timestamp,
}

/// Every lane with open jobs, by name.
///
/// # Errors
/// The database.
pub async fn lanes(db: &Db) -> Result<Vec<LaneStand>> {
    let rows: Vec<LaneRow> = on_read!(db, |e| sqlx::query_as(LANES).fetch_all(e).await)?;
    let lanes = rows.into_iter().map(|row| LaneStand {
        name: row.lane,
        open: row.open,
        first_due: Timestamp::from_utc(row.first_due),
    });
    Ok(lanes.collect())
}

/// Lets a job that was given up be done after all, as if it had just been asked for. `false`: it was not given up, or
/// the same is asked for anew.
///
/// # Errors
/// The database.
pub async fn revive(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(REVIVE)
        .bind(id.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

const RECORDS: &str = "SELECT id, lane, kind, dedupe_key, state, due_at, fence, attempts, last_error, created_at,
    finished_at FROM jobs WHERE id < $1 AND (state = $2 OR ($2 = '' AND state <> 'done'))
      AND (lane = $3 OR $3 = '') AND (kind = $4 OR $4 = '') AND lane <> $5 ORDER BY id DESC LIMIT $6";
const RECORD: &str =
    "SELECT id, lane, kind, dedupe_key, state, due_at, fence, attempts, last_error, created_at,
    finished_at FROM jobs WHERE id = $1";
const LANES: &str =
    "SELECT lane, COUNT(*) AS open, MIN(due_at) AS first_due FROM jobs WHERE state = 'open'
    GROUP BY lane ORDER BY lane";
const REVIVE: &str = "UPDATE jobs SET state = 'open', due_at = $2, attempts = 0, fence = fence + 1, finished_at = NULL
    WHERE id = $1 AND state = 'dead' AND NOT EXISTS
        (SELECT 1 FROM jobs o WHERE o.kind = jobs.kind AND o.dedupe_key = jobs.dedupe_key AND o.state = 'open')
    RETURNING id";

pub(crate) const STATEMENTS: &[&str] = &[RECORDS, RECORD, LANES, REVIVE];
