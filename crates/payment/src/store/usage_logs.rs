//! `usage_logs` as a list. Times are bounds of ids here too: the log has two indexes, its key and the one that has the
//! person before it.

use serde_json::Value;
use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, HoldId, Id, Ids, SubscriptionId, UsageId, UserId};
use tollgate_storage::db::Db;
use tollgate_storage::{Result, on_read, row};
use uuid::Uuid;

use super::At;
use crate::model::quota::{Meter, ResourceId, ResourceType};

/// Resource types in one question, at most.
pub(crate) const MOST_TYPES: usize = 8;

row!(
    struct LogRow {
        id: Uuid,
        user_id: Uuid,
        subscription_id: Uuid,
        resource_type: String,
        resource_id: Option<String>,
        quota_cost: i64,
        created_at: At,
        metadata: Json<Value>,
        meter: String,
        requested_cost: i64,
        key_id: Option<Uuid>,
        hold_id: Option<Uuid>,
        refund_of: Option<Uuid>,
    }
);

/// A row as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) id: UsageId,
    pub(crate) user_id: UserId,
    pub(crate) subscription_id: SubscriptionId,
    pub(crate) resource_type: String,
    pub(crate) resource_id: Option<String>,
    pub(crate) quota_cost: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) metadata: Value,
    pub(crate) meter: String,
    pub(crate) requested_cost: i64,
    pub(crate) key_id: Option<ApiKeyId>,
    pub(crate) hold_id: Option<HoldId>,
    pub(crate) refund_of: Option<UsageId>,
}

impl From<LogRow> for Logged {
    fn from(row: LogRow) -> Self {
        Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            subscription_id: row.subscription_id.into(),
            resource_type: row.resource_type,
            resource_id: row.resource_id,
            quota_cost: row.quota_cost,
            created_at: Timestamp::from_utc(row.created_at),
            metadata: row.metadata.0,
            meter: row.meter,
            requested_cost: row.requested_cost,
            key_id: row.key_id.map(ApiKeyId::from),
            hold_id: row.hold_id.map(HoldId::from),
            refund_of: row.refund_of.map(UsageId::from),
        }
    }
}

/// Which rows; every condition that is given must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Of this person only.
    pub(crate) user: Option<UserId>,
    /// Of one of these; none = of any. Beyond [`MOST_TYPES`] they are not looked for.
    pub(crate) resource_types: Vec<ResourceType>,
    pub(crate) resource_id: Option<ResourceId>,
    pub(crate) key: Option<ApiKeyId>,
    pub(crate) meter: Option<Meter>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// Which part of the list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Page {
    Newest,
    OlderThan(UsageId),
    /// The oldest of those first.
    NewerThan(UsageId),
}

/// Binds what the four statements have in common: `$1` to `$17`.
macro_rules! ask {
    ($db:expr, $text:expr, $wanted:expr, $low:expr, $high:expr, $limit:expr, $fetch:ident) => {{
        let wanted: &Wanted = $wanted;
        let first = wanted
            .resource_types
            .first()
            .map_or("", ResourceType::as_str);
        let rest = std::iter::repeat(first);
        let types = wanted.resource_types.iter().map(ResourceType::as_str);
        let types: Vec<&str> = types.chain(rest).take(MOST_TYPES).collect();
        on_read!($db, |e| {
            let query = sqlx::query_as($text)
                .bind($low)
                .bind($high)
                .bind(wanted.resource_id.as_ref().map_or("", ResourceId::as_str))
                .bind(wanted.resource_id.is_none())
                .bind(wanted.key.map_or(Uuid::nil(), Id::uuid))
                .bind(wanted.key.is_none())
                .bind(wanted.meter.as_ref().map_or("", Meter::as_str))
                .bind(wanted.meter.is_none())
                .bind(wanted.resource_types.is_empty());
            let query = types.iter().fold(query, |query, name| query.bind(*name));
            let query = query.bind($limit);
            match wanted.user {
                Some(user) => query.bind(user.uuid()).$fetch(e).await,
                None => query.$fetch(e).await,
            }
        })
    }};
}

/// At most `limit` rows. Newest first, but for those that are newer than a row.
pub(crate) async fn list(db: &Db, wanted: &Wanted, page: Page, limit: i64) -> Result<Vec<Logged>> {
    let (mut low, mut high) = bounds(wanted);
    match page {
        Page::Newest => {}
        Page::OlderThan(id) => high = high.min(id.uuid()),
        // The next id that there can be.
        Page::NewerThan(id) => {
            low = low.max(Uuid::from_u128(id.uuid().as_u128().saturating_add(1)));
        }
    }
    let text = match (page, wanted.user) {
        (Page::NewerThan(_), Some(_)) => OLDEST_OF_USER,
        (Page::NewerThan(_), None) => OLDEST,
        (_, Some(_)) => NEWEST_OF_USER,
        (_, None) => NEWEST,
    };
    let rows: Vec<LogRow> = ask!(db, text, wanted, low, high, limit, fetch_all)?;
    Ok(rows.into_iter().map(Logged::from).collect())
}

/// How many there are; beyond `most` nobody goes on counting.
pub(crate) async fn count(db: &Db, wanted: &Wanted, most: i64) -> Result<i64> {
    let (low, high) = bounds(wanted);
    let text = if wanted.user.is_some() {
        COUNT_OF_USER
    } else {
        COUNT
    };
    let (count,): (i64,) = ask!(db, text, wanted, low, high, most, fetch_one)?;
    Ok(count)
}

/// Whose a row is.
pub(crate) async fn find_owner(db: &Db, id: UsageId) -> Result<Option<UserId>> {
    let row: Option<(Uuid,)> = on_read!(db, |e| sqlx::query_as(OWNER)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(user,)| user.into()))
}

/// From the lowest id to before the highest.
fn bounds(wanted: &Wanted) -> (Uuid, Uuid) {
    let bound = |at: Timestamp| Ids::lowest::<UsageId>(at).uuid();
    (
        wanted.from.map_or(Uuid::nil(), bound),
        wanted.to.map_or(Uuid::max(), bound),
    )
}

macro_rules! logs {
    ($head:literal, $where:literal, $tail:literal) => {
        concat!(
            $head,
            " FROM usage_logs WHERE id >= $1 AND id < $2 AND (resource_id = $3 OR $4) AND (key_id = $5 OR $6)
        AND (meter = $7 OR $8) AND ($9 OR resource_type IN ($10, $11, $12, $13, $14, $15, $16, $17))",
            $where,
            $tail
        )
    };
}
macro_rules! rows {
    ($where:literal, $tail:literal) => {
        logs!(
            "SELECT id, user_id, subscription_id, resource_type, resource_id, quota_cost, created_at, metadata, meter,
        requested_cost, key_id, hold_id, refund_of",
            $where,
            $tail
        )
    };
}

const NEWEST: &str = rows!("", " ORDER BY id DESC LIMIT $18");
const OLDEST: &str = rows!("", " ORDER BY id LIMIT $18");
const NEWEST_OF_USER: &str = rows!(
    " AND user_id = $19",
    " ORDER BY user_id DESC, id DESC LIMIT $18"
);
const OLDEST_OF_USER: &str = rows!(" AND user_id = $19", " ORDER BY user_id, id LIMIT $18");
const COUNT: &str = logs!("SELECT COUNT(*) FROM (SELECT 1", "", " LIMIT $18) found");
const COUNT_OF_USER: &str = logs!(
    "SELECT COUNT(*) FROM (SELECT 1",
    " AND user_id = $19",
    " LIMIT $18) found"
);
const OWNER: &str = "SELECT user_id FROM usage_logs WHERE id = $1";

pub(crate) const STATEMENTS: &[&str] = &[
    NEWEST,
    OLDEST,
    NEWEST_OF_USER,
    OLDEST_OF_USER,
    COUNT,
    COUNT_OF_USER,
    OWNER,
];
