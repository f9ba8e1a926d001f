//! `webhook_deliveries`, and the outbox that they are made of. A try is written with what it changes.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{DeliveryId, EndpointId, EventId, Id, Ids};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::outbound::{Delivery, DeliveryState};

row!(
    struct DeliveryRow {
        id: Uuid,
        endpoint_id: Uuid,
        event_id: Uuid,
        kind: String,
        state: String,
        attempts: i64,
        due_at: At,
        last_status: Option<i64>,
        last_error: Option<String>,
        created_at: At,
        finished_at: Option<At>,
    }
);

impl TryFrom<DeliveryRow> for Delivery {
    type Error = tollgate_storage::StorageError;

    fn try_from(row: DeliveryRow) -> Result<Self> {
        let read = Reader {
            table: "webhook_deliveries",
            row: row.id,
        };
        Ok(Self {
            id: row.id.into(),
            endpoint_id: row.endpoint_id.into(),
            event_id: row.event_id.into(),
            kind: row.kind,
            state: read.text("state", &row.state)?,
            attempts: row.attempts,
            due_at: Timestamp::from_utc(row.due_at),
            last_status: row.last_status,
            last_error: row.last_error,
            created_at: Timestamp::from_utc(row.created_at),
            finished_at: row.finished_at.map(Timestamp::from_utc),
        })
    }
}

row!(
    struct EventRow {
        position: i64,
        id: Uuid,
        kind: String,
        object_id: Uuid,
        livemode: bool,
        created_at: At,
    }
);

/// A committed fact that nobody was told of.
pub(crate) struct Fresh {
    pub(crate) position: i64,
    pub(crate) id: EventId,
    pub(crate) kind: String,
    pub(crate) object_id: Uuid,
    pub(crate) livemode: bool,
    pub(crate) created_at: Timestamp,
}

/// Facts that were not fanned out yet, in their order.
pub(crate) async fn read_fresh(tx: &mut Tx, limit: i64) -> Result<Vec<Fresh>> {
    let rows: Vec<EventRow> = in_tx!(tx, |c| sqlx::query_as(READ_FRESH)
        .bind(limit)
        .fetch_all(c)
        .await)?;
    let fresh = rows.into_iter().map(|row| Fresh {
        position: row.position,
        id: row.id.into(),
        kind: row.kind,
        object_id: row.object_id,
        livemode: row.livemode,
        created_at: Timestamp::from_utc(row.created_at),
    });
    Ok(fresh.collect())
}

row!(
    struct ToldRow {
        position: i64,
        id: Uuid,
        kind: String,
        body: String,
        created_at: At,
    }
);

/// A fact with what it says.
pub(crate) struct Told {
    pub(crate) position: i64,
    pub(crate) id: EventId,
    pub(crate) kind: String,
    pub(crate) data: String,
    pub(crate) at: Timestamp,
}

/// Facts behind a place, in their order.
pub(crate) async fn read_behind(db: &Db, position: i64, limit: i64) -> Result<Vec<Told>> {
    let rows: Vec<ToldRow> = on_read!(db, |e| sqlx::query_as(READ_BEHIND)
        .bind(position)
        .bind(limit)
        .fetch_all(e)
        .await)?;
    let told = rows.into_iter().map(|row| Told {
        position: row.position,
        id: row.id.into(),
        kind: row.kind,
        data: row.body,
        at: Timestamp::from_utc(row.created_at),
    });
    Ok(told.collect())
}

/// The place of the newest fact.
pub(crate) async fn last_position(db: &Db) -> Result<i64> {
    let (position,): (i64,) = on_read!(db, |e| sqlx::query_as(LAST_POSITION).fetch_one(e).await)?;
    Ok(position)
}

/// Takes a fact for fanning out. `false`: somebody else has.
pub(crate) async fn dispatch(tx: &mut Tx, event: EventId, now: Timestamp) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(DISPATCH)
        .bind(event.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// One event for one endpoint; another row for the two is not made.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: DeliveryId,
    endpoint: EndpointId,
    event: &Fresh,
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(id.uuid())
        .bind(endpoint.uuid())
        .bind(event.id.uuid())
        .bind(event.position)
        .bind(event.object_id)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

row!(
    struct DueRow {
        id: Uuid,
        endpoint_id: Uuid,
        url: String,
        event_id: Uuid,
        kind: String,
        body: String,
        event_at: At,
        attempts: i64,
        fence: i64,
    }
);

/// A delivery whose time has come, with what is sent.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) id: DeliveryId,
    pub(crate) endpoint: EndpointId,
    pub(crate) url: String,
    pub(crate) event: EventId,
    pub(crate) kind: String,
    pub(crate) data: String,
    pub(crate) event_at: Timestamp,
    /// Before this one.
    pub(crate) attempts: i64,
    /// Of this claim, once it is taken.
    pub(crate) fence: i64,
}

/// Deliveries of an endpoint whose time has come, without those of an object of which an older one is open.
pub(crate) async fn find_due(
    db: &Db,
    endpoint: EndpointId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Due>> {
    let rows: Vec<DueRow> = on_read!(db, |e| sqlx::query_as(FIND_DUE)
        .bind(endpoint.uuid())
        .bind(now.utc())
        .bind(limit)
        .fetch_all(e)
        .await)?;
    let due = rows.into_iter().map(|row| Due {
        id: row.id.into(),
        endpoint: row.endpoint_id.into(),
        url: row.url,
        event: row.event_id.into(),
        kind: row.kind,
        data: row.body,
        event_at: Timestamp::from_utc(row.event_at),
        attempts: row.attempts,
        fence: row.fence,
    });
    Ok(due.collect())
}

/// Takes it until `until`. `false`: somebody else has.
pub(crate) async fn claim(tx: &mut Tx, due: &mut Due, until: Timestamp) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(CLAIM)
        .bind(due.id.uuid())
        .bind(due.fence)
        .bind(until.utc())
        .fetch_optional(c)
        .await)?;
    if let Some((fence,)) = row {
        due.fence = fence;
    }
    Ok(row.is_some())
}

/// What came of a try.
#[derive(Clone, Debug)]
pub(crate) struct Outcome<'a> {
    pub(crate) state: DeliveryState,
    pub(crate) status: Option<i64>,
    pub(crate) error: Option<&'a str>,
    pub(crate) duration_us: i64,
    pub(crate) due_at: Timestamp,
}

/// Writes it down. `false`: the claim was lost meanwhile, and somebody else decides.
pub(crate) async fn conclude(
    tx: &mut Tx,
    due: &Due,
    outcome: &Outcome<'_>,
    now: Timestamp,
) -> Result<bool> {
    let finished = outcome.state != DeliveryState::Open;
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(CONCLUDE)
        .bind(due.id.uuid())
        .bind(due.fence)
        .bind(outcome.state.as_str())
        .bind(outcome.due_at.utc())
        .bind(outcome.status)
        .bind(outcome.error)
        .bind(finished.then(|| now.utc()))
        .fetch_optional(c)
        .await)?;
    if row.is_none() {
        return Ok(false);
    }
    in_tx!(tx, |c| sqlx::query(TRIED)
        .bind(due.id.uuid())
        .bind(now.utc())
        .bind(outcome.status)
        .bind(outcome.duration_us)
        .bind(outcome.error)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(true)
}

/// Sends it again, from the start of the schedule; gives to whom. `None`: there is none, or it is open.
pub(crate) async fn reopen(
    tx: &mut Tx,
    id: DeliveryId,
    livemode: bool,
    now: Timestamp,
) -> Result<Option<EndpointId>> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(REOPEN)
        .bind(id.uuid())
        .bind(now.utc())
        .bind(livemode)
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(endpoint,)| endpoint.into()))
}

/// Forgets at most `limit` deliveries that were over before `before`, with their tries, and as many facts as old that
/// nobody is to be told of any more.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    let gone = in_tx!(tx, |c| sqlx::query(FORGET)
        .bind(Ids::lowest::<DeliveryId>(before).uuid())
        .bind(before.utc())
        .bind(limit)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    let facts = in_tx!(tx, |c| sqlx::query(FORGET_FACTS)
        .bind(before.utc())
        .bind(limit)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(gone.max(facts))
}

/// One of them.
pub(crate) async fn find(db: &Db, id: DeliveryId, livemode: bool) -> Result<Option<Delivery>> {
    let row: Option<DeliveryRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .bind(livemode)
        .fetch_optional(e)
        .await)?;
    row.map(Delivery::try_from).transpose()
}

/// Deliveries, newest first.
pub(crate) async fn list(
    db: &Db,
    endpoint: Option<EndpointId>,
    state: Option<DeliveryState>,
    before: Option<DeliveryId>,
    livemode: bool,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let rows: Vec<DeliveryRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(before.map_or(Uuid::max(), Id::uuid))
        .bind(endpoint.map_or(Uuid::nil(), Id::uuid))
        .bind(endpoint.is_none())
        .bind(state.map_or("", DeliveryState::as_str))
        .bind(state.is_none())
        .bind(livemode)
        .bind(limit)
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(Delivery::try_from).collect()
}

const READ_FRESH: &str =
    "SELECT position, id, kind, object_id, livemode, created_at FROM outbox WHERE dispatched_at IS NULL
    ORDER BY position LIMIT $1";
const READ_BEHIND: &str = "SELECT position, id, kind, body, created_at FROM outbox WHERE position > $1 ORDER BY position LIMIT $2";
const LAST_POSITION: &str = "SELECT COALESCE(MAX(position), 0) FROM outbox";
const DISPATCH: &str =
    "UPDATE outbox SET dispatched_at = $2 WHERE id = $1 AND dispatched_at IS NULL RETURNING id";
const INSERT: &str =
    "INSERT INTO webhook_deliveries (id, endpoint_id, event_id, event_position, object_id, due_at,
    created_at) VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (endpoint_id, event_id) DO NOTHING";
const FIND_DUE: &str = "SELECT d.id, d.endpoint_id, w.url, d.event_id, o.kind, o.body, o.created_at AS event_at,
    d.attempts, d.fence
    FROM webhook_deliveries d JOIN webhook_endpoints w ON w.id = d.endpoint_id JOIN outbox o ON o.id = d.event_id
    WHERE d.endpoint_id = $1 AND d.state = 'open' AND d.due_at <= $2 AND w.disabled_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM webhook_deliveries e WHERE e.endpoint_id = d.endpoint_id
                      AND e.object_id = d.object_id AND e.state = 'open' AND e.event_position < d.event_position)
    ORDER BY d.due_at, d.id LIMIT $3";
const CLAIM: &str = "UPDATE webhook_deliveries SET fence = fence + 1, due_at = $3
    WHERE id = $1 AND fence = $2 AND state = 'open' RETURNING fence";
const CONCLUDE: &str = "UPDATE webhook_deliveries SET state = $3, due_at = $4, attempts = attempts + 1, last_status = $5,
    last_error = $6, finished_at = $7 WHERE id = $1 AND fence = $2 AND state = 'open' RETURNING attempts";
const TRIED: &str = "INSERT INTO webhook_tries (delivery_id, attempt, at, status, duration_us, error)
    SELECT $1, COALESCE(MAX(attempt), 0) + 1, $2, $3, $4, $5 FROM webhook_tries WHERE delivery_id = $1";
const REOPEN: &str =
    "UPDATE webhook_deliveries SET state = 'open', attempts = 0, due_at = $2, finished_at = NULL,
    fence = fence + 1 WHERE id = $1 AND state <> 'open'
    AND endpoint_id IN (SELECT id FROM webhook_endpoints WHERE livemode = $3) RETURNING endpoint_id";
// The conditions stand outside too: one that is sent again meanwhile stays.
const FORGET: &str = "DELETE FROM webhook_deliveries WHERE state <> 'open' AND finished_at < $2 AND id IN
    (SELECT id FROM webhook_deliveries WHERE id < $1 AND state <> 'open' AND finished_at < $2 ORDER BY id LIMIT $3)";
const FORGET_FACTS: &str = "DELETE FROM outbox WHERE position IN
    (SELECT position FROM outbox o WHERE created_at < $1 AND dispatched_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.event_id = o.id)
     ORDER BY created_at LIMIT $2)";
macro_rules! deliveries {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.endpoint_id, d.event_id, o.kind, d.state, d.attempts, d.due_at, d.last_status,
             d.last_error, d.created_at, d.finished_at FROM webhook_deliveries d
             JOIN outbox o ON o.id = d.event_id JOIN webhook_endpoints w ON w.id = d.endpoint_id ",
            $rest
        )
    };
}

const FIND: &str = deliveries!("WHERE d.id = $1 AND w.livemode = $2");
const LIST: &str = deliveries!(
    "WHERE d.id < $1 AND (d.endpoint_id = $2 OR $3) AND (d.state = $4 OR $5) AND w.livemode = $6
    ORDER BY d.id DESC LIMIT $7"
);
pub(crate) const STATEMENTS: &[&str] = &[
    READ_FRESH,
    READ_BEHIND,
    LAST_POSITION,
    DISPATCH,
    INSERT,
    FIND_DUE,
    CLAIM,
    CONCLUDE,
    TRIED,
    REOPEN,
    FORGET,
    FORGET_FACTS,
    FIND,
    LIST,
];
