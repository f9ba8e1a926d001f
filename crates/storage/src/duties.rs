//! What is done again and again without being asked, by one instance at a time: a standing duty. Each is an open job
//! that never ends: under a lease while somebody is at it, and put off to the next time when it is done.
//!
//! What can happen at once: several instances find the same duty due, and one takes it, since taking compares what was
//! read. Whoever is paused past the lease loses the duty to somebody else, and is not heard when he wakes: what he
//! writes about it carries the fence of his turn. What the duty itself writes must stand the same, by a condition in
//! each row it changes.
//!
//! A round costs one read. Nothing is written as long as a duty's own look finds nothing to do, but for a sign of life
//! every few minutes.
//!
//! ```
//! use std::time::Duration;
//! use tollgate_storage::Result;
//! use tollgate_storage::duties::{self, Done, Dutiful, Duty, Instance};
//! # use tollgate_kernel::clock::{Clock, Timestamp};
//! # use tollgate_kernel::entropy::Entropy;
//! # use tollgate_kernel::ids::Ids;
//! # use tollgate_storage::testing::{Engine, TestDatabase};
//!
//! const SWEEP: Duty = Duty {
//!     name: "sweep",
//!     says: "Sweeps what is left over.",
//!     every: Duration::from_mins(1),
//!     lease: Duration::from_secs(30),
//! };
//! struct Sweeper;
//!
//! impl Dutiful for Sweeper {
//!     fn duties(&self) -> &'static [Duty] {
//!         &[SWEEP]
//!     }
//!
//!     async fn is_needed(&self, _: &Duty) -> Result<bool> {
//!         Ok(true)
//!     }
//!
//!     async fn perform(&self, _: &Duty) -> Result<Done> {
//!         let swept = 3;
//!         Ok(Done::after(swept, 100))
//!     }
//! }
//! # #[tokio::main]
//! # async fn main() -> Result<()> {
//! # let database = TestDatabase::new(Engine::Sqlite).await;
//! # let db = database.open(&[]).await;
//! # let now = Timestamp::EPOCH.after(Duration::from_hours(1));
//! # let (clock, entropy) = (Clock::fixed(now), Entropy::system());
//! # let ids = Ids::new(clock.clone(), entropy.clone());
//! let by = Instance::new(&entropy);
//! duties::go_round(&db, &clock, &ids, &by, &Sweeper).await?;
//!
//! let sweep = &duties::list(&db).await?[0];
//! assert_eq!((sweep.name.as_str(), sweep.runs, sweep.failures), ("sweep", 1, 0));
//! assert_eq!(sweep.due_at, clock.now().after(SWEEP.every));
//! assert!(sweep.turn.is_none(), "nobody is at it");
//! let last = sweep.last.as_ref().expect("a run");
//! assert_eq!((last.by.as_str(), last.succeeded), (by.as_str(), true));
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::types::Json;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Id as _, Ids, JobId};

use crate::Result;
use crate::db::{Db, Tx};
use crate::jobs::{self, NewJob};

/// Of every duty.
pub(crate) const LANE: &str = "duty";
/// While it is open, which is for ever, there is no second one of its kind.
const KEY: &str = "standing";
/// A duty without anything to do is written down as done this often.
const SIGN_OF_LIFE: Duration = Duration::from_mins(5);
/// After failures the pause doubles, up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// Instances differ by less. A duty that lies further ahead than it was ever put off was put off by a clock that was
/// ahead: it is due.
const APART: Duration = Duration::from_secs(2);

/// Something that is done again and again.
#[derive(Clone, Copy, Debug)]
pub struct Duty {
    /// The kind of its job.
    pub name: &'static str,
    /// What it does, for who looks.
    pub says: &'static str,
    /// From the end of one run to the beginning of the next.
    pub every: Duration,
    /// Whoever is not done by then has lost it.
    pub lease: Duration,
}

/// Whether a run did all there was.
///
/// ```
/// # use tollgate_storage::duties::Done;
/// assert_eq!(Done::after(100, 100), Done::More);
/// assert_eq!(Done::after(99, 100), Done::All);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Until the next time.
    All,
    /// There is more, which others are let in between.
    More,
}

impl Done {
    /// After a run that stops at `most` rows.
    pub fn after(rows: usize, most: i64) -> Self {
        if i64::try_from(rows).unwrap_or(i64::MAX) < most {
            Self::All
        } else {
            Self::More
        }
    }
}

/// One process among several.
#[derive(Clone, Debug)]
pub struct Instance(String);

impl Instance {
    /// The process's number and a part of its own, for who looks.
    pub fn new(entropy: &Entropy) -> Self {
        let own = u32::from_le_bytes(entropy.bytes());
        Self(format!("{}-{own:08x}", std::process::id()))
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who does duties.
pub trait Dutiful: Sync {
    /// Which.
    fn duties(&self) -> &'static [Duty];

    /// A cheap look: whether there is anything to do.
    fn is_needed(&self, duty: &Duty) -> impl Future<Output = Result<bool>> + Send;

    /// Does it. Somebody else may be at it too, after a pause of ours: every statement says in its condition what it
    /// rests on.
    fn perform(&self, duty: &Duty) -> impl Future<Output = Result<Done>> + Send;
}

/// A run that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Timestamp,
    /// Whose it was.
    pub by: String,
    /// Whether it succeeded.
    pub succeeded: bool,
}

/// A run that is under way, or was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Whose it is.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
}

/// What is kept in the job's payload.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    says: String,
    every_seconds: u64,
    /// How far `due_at` was put ahead.
    wait_ms: u64,
    failures: u32,
    turn: Option<Turn>,
    last: Option<LastRun>,
}

/// A duty as it stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Of its job.
    pub id: JobId,
    /// Its kind.
    pub name: String,
    /// What it does.
    pub says: String,
    /// Its usual pause.
    pub every: Duration,
    /// When it is done next; while somebody is at it, the end of the lease.
    pub due_at: Timestamp,
    /// How often it changed hands.
    pub fence: i64,
    /// Runs that were begun.
    pub runs: i64,
    /// Who is at it, or was cut off.
    pub turn: Option<Turn>,
    /// The run before.
    pub last: Option<LastRun>,
    /// Runs that failed in a row.
    pub failures: u32,
    /// Why the last one did.
    pub last_error: Option<String>,
    wait: Duration,
}

impl Standing {
    fn is_due(&self, now: Timestamp) -> bool {
        self.due_at <= now || self.due_at > now.after(self.wait.saturating_add(APART))
    }

    fn shows_life(&self, now: Timestamp) -> bool {
        let ran = self.last.as_ref().filter(|last| last.succeeded);
        self.turn.is_none()
            && ran.is_some_and(|ran| {
                let apart = now.since(ran.ended_at).max(ran.ended_at.since(now));
                apart < SIGN_OF_LIFE
            })
    }
}

row!(
    struct DutyRow {
        id: uuid::Uuid,
        kind: String,
        payload: Json<Value>,
        due_at: chrono::DateTime<chrono::Utc>,
        fence: i64,
        attempts: i64,
        last_error: Option<String>,
    }
);

impl From<DutyRow> for Standing {
    fn from(row: DutyRow) -> Self {
        // What cannot be read was written by a later version: it begins anew.
        let kept: Kept = serde_json::from_value(row.payload.0).unwrap_or_default();
        Self {
            id: row.id.into(),
            name: row.kind,
            says: kept.says,
            every: Duration::from_secs(kept.every_seconds),
            due_at: Timestamp::from_utc(row.due_at),
            fence: row.fence,
            runs: row.attempts,
            turn: kept.turn,
            last: kept.last,
            failures: kept.failures,
            last_error: row.last_error,
            wait: Duration::from_millis(kept.wait_ms),
        }
    }
}

/// All of them, of every module, by name.
///
/// # Errors
/// The database.
pub async fn list(db: &Db) -> Result<Vec<Standing>> {
    let rows: Vec<DutyRow> = on_read!(db, |e| sqlx::query_as(LIST).bind(LANE).fetch_all(e).await)?;
    Ok(rows.into_iter().map(Standing::from).collect())
}

/// Does what is due. What fails is noted, tried again after a pause, and keeps nothing else from being done; the first
/// failure is told.
///
/// # Errors
/// The database.
pub async fn go_round(
    db: &Db,
    clock: &Clock,
    ids: &Ids,
    by: &Instance,
    who: &impl Dutiful,
) -> Result<()> {
    let mut standing = list(db).await?;
    let is_missing = |duty: &&Duty| !standing.iter().any(|known| known.name == duty.name);
    let missing: Vec<_> = who.duties().iter().filter(is_missing).collect();
    if !missing.is_empty() {
        set_out(db, ids, &missing, clock.now()).await?;
        standing = list(db).await?;
    }
    let mut outcome = Ok(());
    for duty in who.duties() {
        let known = standing.iter().find(|known| known.name == duty.name);
        let Some(known) = known.filter(|known| known.is_due(clock.now())) else {
            continue;
        };
        let done = run(db, clock, by, who, (duty, known)).await;
        outcome = outcome.and(done);
    }
    outcome
}

async fn run(
    db: &Db,
    clock: &Clock,
    by: &Instance,
    who: &impl Dutiful,
    (duty, known): (&Duty, &Standing),
) -> Result<()> {
    if known.shows_life(clock.now()) && !who.is_needed(duty).await? {
        return Ok(());
    }
    let Some(turn) = take(db, duty, known, by, clock.now()).await? else {
        return Ok(());
    };
    let done = who.perform(duty).await;
    if !rest(db, &turn, &done, clock.now()).await? {
        tracing::warn!(
            duty = duty.name,
            "the lease was over before the duty was done"
        );
    }
    done.map(drop)
}

async fn set_out(db: &Db, ids: &Ids, duties: &[&Duty], now: Timestamp) -> Result<()> {
    let mut tx = db.begin().await?;
    for duty in duties {
        let job = NewJob {
            lane: LANE,
            kind: duty.name,
            dedupe_key: KEY,
            payload: kept(&Kept {
                says: duty.says.to_owned(),
                every_seconds: duty.every.as_secs(),
                ..Kept::default()
            }),
            due_at: now,
        };
        jobs::put(&mut tx, ids, job, now).await?;
    }
    tx.commit().await
}

fn kept(kept: &Kept) -> Value {
    serde_json::to_value(kept).expect("texts and numbers are JSON")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A duty that is ours until the lease ends.
#[derive(Debug)]
pub struct Taken {
    id: JobId,
    fence: i64,
    duty: Duty,
    turn: Turn,
    failures: u32,
}

/// Takes a duty as it was read. `None`: somebody was faster.
///
/// ```
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_storage::Result;
/// # use tollgate_storage::db::Db;
/// # use tollgate_storage::duties::{self, Done, Duty, Instance, Standing};
/// // What `go_round` does with one that is due.
/// async fn do_it(db: &Db, clock: &Clock, duty: &Duty, known: &Standing, by: &Instance) -> Result<bool> {
///     let Some(taken) = duties::take(db, duty, known, by, clock.now()).await? else {
///         return Ok(false);
///     };
///     let done = Ok(Done::All);
///     duties::rest(db, &taken, &done, clock.now()).await
/// }
/// ```
///
/// # Errors
/// The database.
pub async fn take(
    db: &Db,
    duty: &Duty,
    known: &Standing,
    by: &Instance,
    now: Timestamp,
) -> Result<Option<Taken>> {
    let turn = Turn {
        by: by.as_str().to_owned(),
        since: now,
    };
    let payload = kept(&Kept {
        says: duty.says.to_owned(),
        every_seconds: duty.every.as_secs(),
        wait_ms: millis(duty.lease),
        failures: known.failures,
        turn: Some(turn.clone()),
        last: known.last.clone(),
    });
    let mut tx = db.begin().await?;
    let row: Option<(i64,)> = in_tx!(&mut tx, |c| sqlx::query_as(TAKE)
        .bind(known.id.uuid())
        .bind(known.fence)
        .bind(known.due_at.utc())
        .bind(now.after(duty.lease).utc())
        .bind(Json(&payload))
        .fetch_optional(c)
        .await)?;
    let Some((fence,)) = row else {
        tx.rollback().await?;
        return Ok(None);
    };
    tx.commit().await?;
    Ok(Some(Taken {
        id: known.id,
        fence,
        duty: *duty,
        turn,
        failures: known.failures,
    }))
}

/// Writes down what came of a turn. `false`: the lease was lost, and nothing is written.
///
/// # Errors
/// The database.
pub async fn rest(db: &Db, taken: &Taken, done: &Result<Done>, now: Timestamp) -> Result<bool> {
    let failures = match done {
        Ok(_) => 0,
        Err(_) => taken.failures.saturating_add(1),
    };
    let wait = match done {
        Ok(Done::All) => taken.duty.every,
        Ok(Done::More) => Duration::ZERO,
        Err(_) => pause(&taken.duty, failures),
    };
    let payload = kept(&Kept {
        says: taken.duty.says.to_owned(),
        every_seconds: taken.duty.every.as_secs(),
        wait_ms: millis(wait),
        failures,
        turn: None,
        last: Some(LastRun {
            started_at: taken.turn.since,
            ended_at: now,
            by: taken.turn.by.clone(),
            succeeded: done.is_ok(),
        }),
    });
    let error = done.as_ref().err().map(ToString::to_string);
    let mut tx: Tx = db.begin().await?;
    let row: Option<(uuid::Uuid,)> = in_tx!(&mut tx, |c| sqlx::query_as(REST)
        .bind(taken.id.uuid())
        .bind(taken.fence)
        .bind(now.after(wait).utc())
        .bind(Json(&payload))
        .bind(error)
        .fetch_optional(c)
        .await)?;
    tx.commit().await?;
    Ok(row.is_some())
}

/// Twice as long after each failure in a row; a duty that comes seldom waits its own time.
fn pause(duty: &Duty, failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.min(16).saturating_sub(1));
    let first = duty.every.clamp(Duration::from_secs(1), LONGEST_PAUSE);
    first.saturating_mul(doubled).min(LONGEST_PAUSE)
}

const LIST: &str = "SELECT id, kind, payload, due_at, fence, attempts, last_error
    FROM jobs WHERE lane = $1 AND state = 'open' ORDER BY kind";
// As it was read, or not at all.
const TAKE: &str =
    "UPDATE jobs SET due_at = $4, payload = $5, fence = fence + 1, attempts = attempts + 1
    WHERE id = $1 AND fence = $2 AND due_at = $3 AND state = 'open' RETURNING fence";
const REST: &str = "UPDATE jobs SET due_at = $3, payload = $4, last_error = $5
    WHERE id = $1 AND fence = $2 AND state = 'open' RETURNING id";

pub(crate) const STATEMENTS: &[&str] = &[LIST, TAKE, REST];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duty_that_fails_waits_longer_each_time_and_never_for_ever() {
        let duty = |every| Duty {
            name: "x",
            says: "",
            every: Duration::from_secs(every),
            lease: Duration::from_mins(1),
        };
        let pauses = |every| [1, 2, 3, 40].map(|failures| pause(&duty(every), failures).as_secs());
        assert_eq!(pauses(0), [1, 2, 4, 300]);
        assert_eq!(pauses(60), [60, 120, 240, 300]);
        assert_eq!(pauses(86_400), [300, 300, 300, 300]);
    }
}
