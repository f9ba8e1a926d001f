//! `webhook_calls`: every inbound call as it came. What it came to stands in `webhook_inbox`, for ever; a call
//! is kept for a while.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{CallId, Id, Ids, PaymentId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::call::{InboundCall, KeptCall, Verdict};
use crate::model::payment::PaymentMethod;

/// One inbound call, to be kept.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) id: CallId,
    pub(crate) provider: PaymentMethod,
    pub(crate) livemode: bool,
    pub(crate) verdict: Verdict,
    pub(crate) event_key: Option<&'a str>,
    pub(crate) payment_id: Option<PaymentId>,
    pub(crate) headers: &'a [u8],
    pub(crate) body: &'a [u8],
    pub(crate) reply_status: u16,
    pub(crate) duration_us: i64,
    pub(crate) received_at: Timestamp,
    pub(crate) replay_of: Option<CallId>,
}

/// Keeps it.
pub(crate) async fn insert(tx: &mut Tx, call: &Call<'_>) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(call.id.uuid())
        .bind(call.provider.as_str())
        .bind(call.livemode)
        .bind(call.verdict.as_str())
        .bind(call.event_key)
        .bind(call.payment_id.map(Id::uuid))
        .bind(call.headers)
        .bind(call.body)
        .bind(i64::from(call.reply_status))
        .bind(call.duration_us)
        .bind(call.received_at.utc())
        .bind(call.replay_of.map(Id::uuid))
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

row!(
    struct CallRow {
        id: Uuid,
        provider: String,
        verdict: String,
        event_key: Option<String>,
        outcome: Option<String>,
        payment_id: Option<Uuid>,
        reply_status: i64,
        duration_us: i64,
        received_at: At,
        replay_of: Option<Uuid>,
    }
);

row!(
    struct BytesRow {
        headers: Vec<u8>,
        body: Vec<u8>,
    }
);

impl TryFrom<CallRow> for InboundCall {
    type Error = tollgate_storage::StorageError;

    fn try_from(row: CallRow) -> Result<Self> {
        let reader = Reader {
            table: "webhook_calls",
            row: row.id,
        };
        Ok(Self {
            id: row.id.into(),
            provider: reader.text("provider", &row.provider)?,
            verdict: reader.text("verdict", &row.verdict)?,
            event_key: row.event_key,
            outcome: row.outcome,
            payment_id: row.payment_id.map(Into::into),
            reply_status: row.reply_status,
            duration_us: row.duration_us,
            received_at: Timestamp::from_utc(row.received_at),
            replay_of: row.replay_of.map(Into::into),
        })
    }
}

/// Which calls; every condition that is given must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) provider: Option<PaymentMethod>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) before: Option<CallId>,
}

/// Calls, newest first.
pub(crate) async fn list(
    db: &Db,
    wanted: &Wanted,
    livemode: bool,
    limit: i64,
) -> Result<Vec<InboundCall>> {
    // An id begins with the moment of its call, so the key itself cuts by time.
    let cut = |at: Timestamp| Ids::lowest::<CallId>(at).uuid();
    let highest = wanted.to.map_or(Uuid::max(), cut);
    let before = wanted.before.map_or(Uuid::max(), Id::uuid).min(highest);
    let rows: Vec<CallRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(before)
        .bind(wanted.from.map_or(Uuid::nil(), cut))
        .bind(wanted.provider.map_or("", PaymentMethod::as_str))
        .bind(wanted.provider.is_none())
        .bind(wanted.verdict.map_or("", Verdict::as_str))
        .bind(wanted.verdict.is_none())
        .bind(livemode)
        .bind(limit)
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(InboundCall::try_from).collect()
}

/// One call, without its bytes.
pub(crate) async fn find(db: &Db, id: CallId, livemode: bool) -> Result<Option<InboundCall>> {
    let row: Option<CallRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .bind(livemode)
        .fetch_optional(e)
        .await)?;
    row.map(InboundCall::try_from).transpose()
}

/// One call, with its bytes.
pub(crate) async fn find_kept(db: &Db, id: CallId, livemode: bool) -> Result<Option<KeptCall>> {
    let Some(call) = find(db, id, livemode).await? else {
        return Ok(None);
    };
    let row: Option<BytesRow> = on_read!(db, |e| sqlx::query_as(FIND_BYTES)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|row| KeptCall {
        call,
        headers: row.headers,
        body: row.body,
    }))
}

/// Forgets at most `most` calls that came before `before`.
pub(crate) async fn purge(tx: &mut Tx, before: Timestamp, most: i64) -> Result<u64> {
    let gone = in_tx!(tx, |c| sqlx::query(PURGE)
        .bind(Ids::lowest::<CallId>(before).uuid())
        .bind(most)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(gone)
}

macro_rules! calls {
    ($condition:literal) => {
        concat!(
            "SELECT c.id, c.provider, c.verdict, c.event_key, i.outcome, c.payment_id, c.reply_status,
             c.duration_us, c.received_at, c.replay_of FROM webhook_calls c LEFT JOIN webhook_inbox i
             ON i.provider = c.provider AND i.livemode = c.livemode AND i.event_key = c.event_key ",
            $condition
        )
    };
}

const INSERT: &str = "INSERT INTO webhook_calls (id, provider, livemode, verdict, event_key, payment_id, headers,
    body, reply_status, duration_us, received_at, replay_of) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const LIST: &str = calls!(
    "WHERE c.id < $1 AND c.id >= $2 AND (c.provider = $3 OR $4) AND (c.verdict = $5 OR $6) AND c.livemode = $7
     ORDER BY c.id DESC LIMIT $8"
);
const FIND: &str = calls!("WHERE c.id = $1 AND c.livemode = $2");
const FIND_BYTES: &str = "SELECT headers, body FROM webhook_calls WHERE id = $1";
const PURGE: &str = "DELETE FROM webhook_calls WHERE id IN
    (SELECT id FROM webhook_calls WHERE id < $1 ORDER BY id LIMIT $2)";

pub(crate) const STATEMENTS: &[&str] = &[INSERT, LIST, FIND, FIND_BYTES, PURGE];
