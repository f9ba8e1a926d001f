//! Who did what, to what, why and from where. Append-only by trigger; each row carries a code that only
//! the holder of `MASTER_KEY` can make, and batches of rows are sealed into a chain, so that a row that
//! was changed, added or taken out later is found.
//!
//! ```
//! use std::time::Duration;
//! use tollgate_storage::audit::{self, Actor, Entry, Filter};
//! # use tollgate_kernel::clock::Clock;
//! # use tollgate_kernel::entropy::Entropy;
//! # use tollgate_kernel::ids::Ids;
//! # use tollgate_kernel::origin::Origin;
//! # use tollgate_storage::StorageError;
//! # use tollgate_storage::seal::MasterKey;
//! # use tollgate_storage::testing::{Engine, TestDatabase};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), StorageError> {
//! # let database = TestDatabase::new(Engine::Sqlite).await;
//! # let db = database.open(&[]).await;
//! # let (clock, entropy, origin) = (Clock::system(), Entropy::system(), Origin::default());
//! # let (key, now) = (MasterKey::generate(&entropy), clock.now());
//! # let ids = Ids::new(clock, entropy.clone());
//! let mut tx = db.begin().await?;
//! let entry = Entry {
//!     id: ids.at(now),
//!     actor: Actor::Operator,
//!     action: "user.deactivated",
//!     subject_kind: "user",
//!     subject_id: "019b76da-a800-7000-8000-000000000000".to_owned(),
//!     before: None,
//!     after: None,
//!     reason: Some("asked for it"),
//!     origin: &origin,
//! };
//! audit::append(&mut tx, &key, &entry, now).await?;
//! tx.commit().await?;
//!
//! let newest = audit::list(&db, &Filter::default(), 20).await?;
//! assert_eq!((newest.len(), newest[0].actor_kind.as_str()), (1, "operator"));
//! // Two minutes later nothing can be written in front of it any more.
//! assert!(!audit::seal(&db, &key, now).await?);
//! assert!(audit::seal(&db, &key, now.after(Duration::from_mins(3))).await?);
//! audit::verify(&db, &key).await?;
//! let other = MasterKey::generate(&entropy);
//! let found = audit::verify(&db, &other).await;
//! assert!(matches!(found, Err(StorageError::Inconsistent { table: "audit_log", .. })));
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use serde_json::Value;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{AuditId, Id as _};
use tollgate_kernel::origin::Origin;
use uuid::Uuid;

use crate::db::{Db, Tx};
use crate::seal::MasterKey;
use crate::{Result, StorageError};

const ROW: &str = "audit row";
const SEAL: &str = "audit seal";
/// No transaction lives longer than 30 seconds: behind this nothing arrives any more.
const SETTLED_AFTER: Duration = Duration::from_mins(2);
/// Of one seal.
const BATCH: i64 = 1_000;

/// Who acts.
///
/// ```
/// # use tollgate_kernel::origin::Origin;
/// # use tollgate_storage::audit::Actor;
/// // Nobody called: the house itself.
/// assert_eq!(Actor::of(&Origin::default()), Actor::System);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who called.
    Caller(Caller),
    /// The operator, on the command line.
    Operator,
    /// Nobody asked: a rule of the house.
    System,
}

/// Who does something that is written down, from where.
///
/// ```
/// use tollgate_kernel::origin::Origin;
/// use tollgate_storage::audit::Initiator;
/// let origin = Origin::default();
/// // On the command line nobody calls; in a handler it is whoever the request is from.
/// let _by_operator = Initiator::operator(&origin);
/// let _by_staff = Initiator::caller(&origin);
/// ```
#[derive(Clone, Debug)]
pub struct Initiator<'a> {
    /// Who.
    pub actor: Actor,
    /// From where.
    pub origin: &'a Origin,
}

impl<'a> Initiator<'a> {
    /// Somebody who called.
    pub fn caller(origin: &'a Origin) -> Self {
        Self {
            actor: Actor::of(origin),
            origin,
        }
    }

    /// The operator, on the command line.
    pub fn operator(origin: &'a Origin) -> Self {
        Self {
            actor: Actor::Operator,
            origin,
        }
    }
}

impl Actor {
    /// Who called, or the house itself.
    pub fn of(origin: &Origin) -> Self {
        origin.caller.clone().map_or(Self::System, Self::Caller)
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Caller(Caller::User { .. }) => "user",
            Self::Caller(Caller::ApiKey { .. }) => "api_key",
            Self::Caller(Caller::Service { .. }) => "service",
            Self::Caller(_) | Self::System => "system",
            Self::Operator => "operator",
        }
    }

    fn id(&self) -> Option<Uuid> {
        match self {
            Self::Caller(Caller::User { user_id, .. }) => Some(user_id.uuid()),
            Self::Caller(Caller::ApiKey { api_key_id, .. }) => Some(api_key_id.uuid()),
            Self::Caller(Caller::Service { service_key_id, .. }) => Some(service_key_id.uuid()),
            Self::Caller(_) | Self::Operator | Self::System => None,
        }
    }
}

/// A deed. `before` and `after` hold no secret.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Of the entry.
    pub id: AuditId,
    /// Who.
    pub actor: Actor,
    /// What: `user.deactivated` …
    pub action: &'a str,
    /// To which kind of thing.
    pub subject_kind: &'a str,
    /// To which.
    pub subject_id: String,
    /// As it was.
    pub before: Option<Value>,
    /// As it is now.
    pub after: Option<Value>,
    /// Why, in the actor's words.
    pub reason: Option<&'a str>,
    /// From where.
    pub origin: &'a Origin,
}

row!(
    struct AuditRow {
        position: i64,
        id: Uuid,
        at: chrono::DateTime<chrono::Utc>,
        actor_kind: String,
        actor_id: Option<Uuid>,
        action: String,
        subject_kind: String,
        subject_id: String,
        before: Option<String>,
        after: Option<String>,
        reason: Option<String>,
        request_id: Option<String>,
        address: Option<String>,
        row_mac: Vec<u8>,
    }
);

/// An entry as it rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// In the order of the log.
    pub position: i64,
    /// Of the entry.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// `user`, `api_key`, `service`, `operator` or `system`.
    pub actor_kind: String,
    /// Who.
    pub actor_id: Option<Uuid>,
    /// What.
    pub action: String,
    /// To which kind of thing.
    pub subject_kind: String,
    /// To which.
    pub subject_id: String,
    /// As it was; JSON.
    pub before: Option<String>,
    /// As it is now; JSON.
    pub after: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// In which exchange.
    pub request_id: Option<String>,
    /// From where.
    pub address: Option<String>,
}

impl From<AuditRow> for Recorded {
    fn from(row: AuditRow) -> Self {
        Self {
            position: row.position,
            id: row.id.into(),
            at: Timestamp::from_utc(row.at),
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            action: row.action,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            before: row.before,
            after: row.after,
            reason: row.reason,
            request_id: row.request_id,
            address: row.address,
        }
    }
}

/// Every value with its length in front: no two different rows give the same bytes.
fn mac(key: &MasterKey, row: &Recorded) -> [u8; 32] {
    let id = row.id.uuid().to_string();
    let at = row.at.utc().to_rfc3339();
    let actor_id = row.actor_id.map(|id| id.to_string());
    let mut bytes = Vec::new();
    for value in [
        Some(id.as_str()),
        Some(at.as_str()),
        Some(row.actor_kind.as_str()),
        actor_id.as_deref(),
        Some(row.action.as_str()),
        Some(row.subject_kind.as_str()),
        Some(row.subject_id.as_str()),
        row.before.as_deref(),
        row.after.as_deref(),
        row.reason.as_deref(),
        row.request_id.as_deref(),
        row.address.as_deref(),
    ] {
        let length = value.map_or(u64::MAX, |text| text.len() as u64);
        bytes.extend(length.to_be_bytes());
        bytes.extend(value.unwrap_or_default().as_bytes());
    }
    key.keyed_hash(ROW, &bytes)
}

/// Writes a deed down, in the transaction that does it.
///
/// # Errors
/// The database.
pub async fn append(tx: &mut Tx, key: &MasterKey, entry: &Entry<'_>, now: Timestamp) -> Result<()> {
    let recorded = Recorded {
        position: 0,
        id: entry.id,
        at: now,
        actor_kind: entry.actor.kind().to_owned(),
        actor_id: entry.actor.id(),
        action: entry.action.to_owned(),
        subject_kind: entry.subject_kind.to_owned(),
        subject_id: entry.subject_id.clone(),
        before: entry.before.as_ref().map(Value::to_string),
        after: entry.after.as_ref().map(Value::to_string),
        reason: entry.reason.map(str::to_owned),
        request_id: entry.origin.request_id.as_deref().map(str::to_owned),
        address: entry.origin.address.map(|address| address.to_string()),
    };
    let mac = mac(key, &recorded);
    in_tx!(tx, |c| sqlx::query(APPEND)
        .bind(recorded.id.uuid())
        .bind(recorded.at.utc())
        .bind(&recorded.actor_kind)
        .bind(recorded.actor_id)
        .bind(&recorded.action)
        .bind(&recorded.subject_kind)
        .bind(&recorded.subject_id)
        .bind(recorded.before.as_deref())
        .bind(recorded.after.as_deref())
        .bind(recorded.reason.as_deref())
        .bind(recorded.request_id.as_deref())
        .bind(recorded.address.as_deref())
        .bind(mac.as_slice())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Which entries; every condition that is set must hold.
///
/// ```
/// # use tollgate_storage::audit::Filter;
/// // What was done to plans, before the entry at position 700.
/// let older = Filter {
///     subject_kind: Some("plan".to_owned()),
///     before: Some(700),
///     ..Filter::default()
/// };
/// assert_eq!((older.subject_id, older.actor_id), (None, None));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// To which kind of thing.
    pub subject_kind: Option<String>,
    /// To which; only with its kind.
    pub subject_id: Option<String>,
    /// By whom.
    pub actor_id: Option<Uuid>,
    /// Older than this position.
    pub before: Option<i64>,
}

/// At most `limit` entries, newest first.
///
/// # Errors
/// The database.
pub async fn list(db: &Db, filter: &Filter, limit: i64) -> Result<Vec<Recorded>> {
    let before = filter.before.unwrap_or(i64::MAX);
    let rows: Vec<AuditRow> = match (&filter.subject_kind, filter.actor_id) {
        (Some(kind), actor) => on_read!(db, |e| sqlx::query_as(LIST_OF_SUBJECT)
            .bind(kind)
            .bind(filter.subject_id.as_deref())
            .bind(actor)
            .bind(before)
            .bind(limit)
            .fetch_all(e)
            .await)?,
        (None, Some(actor)) => on_read!(db, |e| sqlx::query_as(LIST_OF_ACTOR)
            .bind(actor)
            .bind(before)
            .bind(limit)
            .fetch_all(e)
            .await)?,
        (None, None) => on_read!(db, |e| sqlx::query_as(LIST)
            .bind(before)
            .bind(limit)
            .fetch_all(e)
            .await)?,
    };
    Ok(rows.into_iter().map(Recorded::from).collect())
}

row!(
    struct SealRow {
        seal_no: i64,
        from_position: i64,
        to_position: i64,
        row_count: i64,
        previous_seal: Vec<u8>,
        seal: Vec<u8>,
    }
);

/// Seals the next batch of rows that nobody can add to any more. `false`: there was none, or another
/// instance was faster.
///
/// # Errors
/// The database.
pub async fn seal(db: &Db, key: &MasterKey, now: Timestamp) -> Result<bool> {
    let mut tx = db.begin().await?;
    let last: Option<SealRow> = in_tx!(&mut tx, |c| sqlx::query_as(LAST_SEAL)
        .fetch_optional(c)
        .await)?;
    let (number, from, previous) = match &last {
        None => (1, 1, vec![0; 32]),
        Some(last) => (last.seal_no + 1, last.to_position + 1, last.seal.clone()),
    };
    let rows: Vec<AuditRow> = in_tx!(&mut tx, |c| sqlx::query_as(SETTLED)
        .bind(from)
        .bind(now.before(SETTLED_AFTER).utc())
        .bind(BATCH)
        .fetch_all(c)
        .await)?;
    let Some(to) = rows.last().map(|row| row.position) else {
        return Ok(false);
    };
    let seal = link(
        key,
        &previous,
        rows.iter().map(|row| row.row_mac.as_slice()),
    );
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let new: Option<(i64,)> = in_tx!(&mut tx, |c| sqlx::query_as(PUT_SEAL)
        .bind(number)
        .bind(from)
        .bind(to)
        .bind(count)
        .bind(previous.as_slice())
        .bind(seal.as_slice())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    tx.commit().await?;
    Ok(new.is_some())
}

fn link<'a>(key: &MasterKey, previous: &[u8], macs: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut bytes = previous.to_vec();
    macs.for_each(|mac| bytes.extend_from_slice(mac));
    key.keyed_hash(SEAL, &bytes)
}

/// Reads the whole log against its codes and its chain.
///
/// # Errors
/// [`StorageError::Inconsistent`] with the first row or seal that is not as it was written; the
/// database.
pub async fn verify(db: &Db, key: &MasterKey) -> Result<()> {
    let wrong = |table, column, row: i64| StorageError::Inconsistent {
        table,
        column,
        row: row.to_string(),
    };
    let seals: Vec<SealRow> = on_read!(db, |e| sqlx::query_as(SEALS).fetch_all(e).await)?;
    let (mut previous, mut next, mut number) = (vec![0; 32], 1, 1);
    for seal in seals {
        let chained =
            seal.seal_no == number && seal.from_position == next && seal.previous_seal == previous;
        let macs = checked(db, key, seal.from_position, seal.to_position).await?;
        let whole = i64::try_from(macs.len()).is_ok_and(|count| count == seal.row_count);
        let made = link(key, &previous, macs.iter().map(Vec::as_slice));
        if !chained || !whole || made.as_slice() != seal.seal {
            return Err(wrong("audit_seals", "seal", seal.seal_no));
        }
        (previous, next, number) = (seal.seal, seal.to_position + 1, number + 1);
    }
    checked(db, key, next, i64::MAX).await.map(|_| ())
}

async fn checked(db: &Db, key: &MasterKey, from: i64, to: i64) -> Result<Vec<Vec<u8>>> {
    let rows: Vec<AuditRow> = on_read!(db, |e| sqlx::query_as(RANGE)
        .bind(from)
        .bind(to)
        .fetch_all(e)
        .await)?;
    let mut macs = Vec::with_capacity(rows.len());
    for row in rows {
        let (position, stored) = (row.position, row.row_mac.clone());
        if mac(key, &row.into()).as_slice() != stored {
            return Err(StorageError::Inconsistent {
                table: "audit_log",
                column: "row_mac",
                row: position.to_string(),
            });
        }
        macs.push(stored);
    }
    Ok(macs)
}

const APPEND: &str = "INSERT INTO audit_log (id, at, actor_kind, actor_id, action, subject_kind, subject_id, before, after,
    reason, request_id, address, row_mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
const LIST: &str = "SELECT position, id, at, actor_kind, actor_id, action, subject_kind, subject_id, before, after, reason,
    request_id, address, row_mac FROM audit_log WHERE position < $1 ORDER BY position DESC LIMIT $2";
const LIST_OF_ACTOR: &str = "SELECT position, id, at, actor_kind, actor_id, action, subject_kind, subject_id, before, after, reason,
    request_id, address, row_mac FROM audit_log WHERE actor_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3";
const LIST_OF_SUBJECT: &str = "SELECT position, id, at, actor_kind, actor_id, action, subject_kind, subject_id, before, after, reason,
    request_id, address, row_mac FROM audit_log WHERE subject_kind = $1 AND (subject_id = $2 OR $2 IS NULL)
      AND (actor_id = $3 OR $3 IS NULL) AND position < $4 ORDER BY position DESC LIMIT $5";
const LAST_SEAL: &str =
    "SELECT seal_no, from_position, to_position, row_count, previous_seal, seal FROM audit_seals
    ORDER BY seal_no DESC LIMIT 1";
// Up to the first row that is not settled yet: a seal has no gap that could still be filled.
const SETTLED: &str = "SELECT position, id, at, actor_kind, actor_id, action, subject_kind, subject_id, before, after, reason,
    request_id, address, row_mac FROM audit_log WHERE position >= $1
      AND position < COALESCE((SELECT MIN(position) FROM audit_log WHERE position >= $1 AND at > $2), 9223372036854775807)
    ORDER BY position LIMIT $3";
const PUT_SEAL: &str =
    "INSERT INTO audit_seals (seal_no, from_position, to_position, row_count, previous_seal, seal, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING seal_no";
const SEALS: &str = "SELECT seal_no, from_position, to_position, row_count, previous_seal, seal FROM audit_seals ORDER BY seal_no";
const RANGE: &str = "SELECT position, id, at, actor_kind, actor_id, action, subject_kind, subject_id, before, after, reason,
    request_id, address, row_mac FROM audit_log WHERE position BETWEEN $1 AND $2 ORDER BY position";

pub(crate) const STATEMENTS: &[&str] = &[
    APPEND,
    LIST,
    LIST_OF_ACTOR,
    LIST_OF_SUBJECT,
    LAST_SEAL,
    SETTLED,
    PUT_SEAL,
    SEALS,
    RANGE,
];
