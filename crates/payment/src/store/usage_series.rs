//! Units and calls over time: quarters of an hour from the roll-ups, and parts of the log by the ids that bound them. Of
//! one person by meter, resource type and key; of everybody by meter and resource type, or by those who used most.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, Ids, UsageId, UserId};
use tollgate_storage::db::Db;
use tollgate_storage::{Result, on_read, row};
use uuid::Uuid;

use super::At;
use crate::model::quota::{Meter, ResourceType};
use crate::model::usage::MOST_SERIES;

/// Which usage; `None` = any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) meter: Option<Meter>,
    pub(crate) resource_type: Option<ResourceType>,
}

impl Wanted {
    fn meter(&self) -> (&str, bool) {
        let name = self.meter.as_ref().map_or("", Meter::as_str);
        (name, self.meter.is_none())
    }

    fn resource_type(&self) -> (&str, bool) {
        let name = self.resource_type.as_ref().map_or("", ResourceType::as_str);
        (name, self.resource_type.is_none())
    }
}

/// From one moment to before another.
pub(crate) type Span = (Timestamp, Timestamp);

/// From the roll-ups, or from the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// Quarter by quarter.
    Rolled(Span),
    /// In one.
    Logged(Span),
}

/// What was used of one thing by one key: the nil id is none.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    /// Of the quarter; of a part of the log, its beginning.
    pub(crate) at: Timestamp,
    pub(crate) meter: String,
    pub(crate) resource_type: String,
    pub(crate) id: Uuid,
    pub(crate) units: i64,
    pub(crate) calls: i64,
}

row!(
    struct KeyRow {
        at: At,
        meter: String,
        resource_type: String,
        key_id: Uuid,
        quota_cost: i64,
        calls: i64,
    }
);

/// Of one person.
pub(crate) async fn of_user(
    db: &Db,
    user: UserId,
    wanted: &Wanted,
    source: Source,
) -> Result<Vec<Used>> {
    let (meter, resource_type) = (wanted.meter(), wanted.resource_type());
    let rows: Vec<KeyRow> = match source {
        Source::Rolled((from, to)) => on_read!(db, |e| sqlx::query_as(ROLLED_OF_USER)
            .bind(from.utc())
            .bind(to.utc())
            .bind(meter.0)
            .bind(meter.1)
            .bind(resource_type.0)
            .bind(resource_type.1)
            .bind(user.uuid())
            .fetch_all(e)
            .await)?,
        Source::Logged((from, to)) => on_read!(db, |e| sqlx::query_as(LOGGED_OF_USER)
            .bind(Ids::lowest::<UsageId>(from).uuid())
            .bind(Ids::lowest::<UsageId>(to).uuid())
            .bind(meter.0)
            .bind(meter.1)
            .bind(resource_type.0)
            .bind(resource_type.1)
            .bind(user.uuid())
            .bind(Uuid::nil())
            .fetch_all(e)
            .await)?,
    };
    let all = rows.into_iter().map(|row| Used {
        at: at(source, row.at),
        meter: row.meter,
        resource_type: row.resource_type,
        id: row.key_id,
        units: row.quota_cost,
        calls: row.calls,
    });
    Ok(all.collect())
}

row!(
    struct NamedRow {
        at: At,
        meter: String,
        resource_type: String,
        quota_cost: i64,
        calls: i64,
    }
);

/// Of everybody, told apart by nobody.
pub(crate) async fn of_all(db: &Db, wanted: &Wanted, source: Source) -> Result<Vec<Used>> {
    let (meter, resource_type) = (wanted.meter(), wanted.resource_type());
    let rows: Vec<NamedRow> = match source {
        Source::Rolled((from, to)) => on_read!(db, |e| sqlx::query_as(ROLLED_OF_ALL)
            .bind(from.utc())
            .bind(to.utc())
            .bind(meter.0)
            .bind(meter.1)
            .bind(resource_type.0)
            .bind(resource_type.1)
            .fetch_all(e)
            .await)?,
        Source::Logged((from, to)) => on_read!(db, |e| sqlx::query_as(LOGGED_OF_ALL)
            .bind(Ids::lowest::<UsageId>(from).uuid())
            .bind(Ids::lowest::<UsageId>(to).uuid())
            .bind(meter.0)
            .bind(meter.1)
            .bind(resource_type.0)
            .bind(resource_type.1)
            .fetch_all(e)
            .await)?,
    };
    let all = rows.into_iter().map(|row| Used {
        at: at(source, row.at),
        meter: row.meter,
        resource_type: row.resource_type,
        id: Uuid::nil(),
        units: row.quota_cost,
        calls: row.calls,
    });
    Ok(all.collect())
}

row!(
    struct UserRow {
        at: At,
        id: Uuid,
        quota_cost: i64,
        calls: i64,
    }
);

/// Of everybody, `users` told apart; all others are the nil id. Of more users than there are series, the first.
pub(crate) async fn by_user(
    db: &Db,
    users: &[UserId],
    wanted: &Wanted,
    source: Source,
) -> Result<Vec<Used>> {
    let (meter, resource_type) = (wanted.meter(), wanted.resource_type());
    // As many as the statement has places for; nobody is the nil id.
    let users = users
        .iter()
        .map(|user| user.uuid())
        .chain(std::iter::repeat(Uuid::nil()));
    let users: Vec<Uuid> = users.take(MOST_SERIES).collect();
    let rows: Vec<UserRow> = match source {
        Source::Rolled((from, to)) => on_read!(db, |e| {
            let query = sqlx::query_as(ROLLED_BY_USER)
                .bind(from.utc())
                .bind(to.utc())
                .bind(meter.0)
                .bind(meter.1)
                .bind(resource_type.0)
                .bind(resource_type.1)
                .bind(Uuid::nil());
            let query = users.iter().fold(query, |query, user| query.bind(*user));
            query.fetch_all(e).await
        })?,
        Source::Logged((from, to)) => on_read!(db, |e| {
            let query = sqlx::query_as(LOGGED_BY_USER)
                .bind(Ids::lowest::<UsageId>(from).uuid())
                .bind(Ids::lowest::<UsageId>(to).uuid())
                .bind(meter.0)
                .bind(meter.1)
                .bind(resource_type.0)
                .bind(resource_type.1)
                .bind(Uuid::nil());
            let query = users.iter().fold(query, |query, user| query.bind(*user));
            query.fetch_all(e).await
        })?,
    };
    let all = rows.into_iter().map(|row| Used {
        at: at(source, row.at),
        meter: String::new(),
        resource_type: String::new(),
        id: row.id,
        units: row.quota_cost,
        calls: row.calls,
    });
    Ok(all.collect())
}

/// Who used most: in the roll-ups of one span, and in the log of the one behind it.
pub(crate) async fn top_users(
    db: &Db,
    wanted: &Wanted,
    rolled: Span,
    logged: Span,
) -> Result<Vec<UserId>> {
    let (meter, resource_type) = (wanted.meter(), wanted.resource_type());
    let rows: Vec<(Uuid, i64)> = on_read!(db, |e| sqlx::query_as(TOP_USERS)
        .bind(rolled.0.utc())
        .bind(rolled.1.utc())
        .bind(meter.0)
        .bind(meter.1)
        .bind(resource_type.0)
        .bind(resource_type.1)
        .bind(Ids::lowest::<UsageId>(logged.0).uuid())
        .bind(Ids::lowest::<UsageId>(logged.1).uuid())
        .bind(i64::try_from(MOST_SERIES).unwrap_or(i64::MAX))
        .fetch_all(e)
        .await)?;
    Ok(rows.into_iter().map(|(id, _)| id.into()).collect())
}

/// A part of the log is one whatever the moments of its rows.
fn at(source: Source, read: At) -> Timestamp {
    match source {
        Source::Rolled(_) => Timestamp::from_utc(read),
        Source::Logged((from, _)) => from,
    }
}

macro_rules! rolled {
    ($keys:literal, $where:literal, $by:literal) => {
        concat!(
            "SELECT bucket_start AS at, ",
            $keys,
            ", CAST(SUM(quota_cost) AS BIGINT) AS quota_cost, CAST(SUM(calls) AS BIGINT) AS calls
    FROM usage_rollups WHERE bucket_start >= $1 AND bucket_start < $2 AND (meter = $3 OR $4) AND (resource_type = $5 OR $6)",
            $where,
            " GROUP BY bucket_start, ",
            $by
        )
    };
}

// A refund is a row of its own and no call.
macro_rules! logged {
    ($keys:literal, $where:literal, $by:literal) => {
        concat!(
            "SELECT MIN(created_at) AS at, ",
            $keys,
            ", CAST(SUM(quota_cost) AS BIGINT) AS quota_cost,
    CAST(SUM(CASE WHEN refund_of IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS calls
    FROM usage_logs WHERE id >= $1 AND id < $2 AND (meter = $3 OR $4) AND (resource_type = $5 OR $6)",
            $where,
            " GROUP BY ",
            $by
        )
    };
}

const ROLLED_OF_USER: &str = rolled!(
    "meter, resource_type, key_id",
    " AND user_id = $7",
    "meter, resource_type, key_id"
);
const LOGGED_OF_USER: &str = logged!(
    "meter, resource_type, COALESCE(key_id, $8) AS key_id",
    " AND user_id = $7",
    "meter, resource_type, COALESCE(key_id, $8)"
);
const ROLLED_OF_ALL: &str = rolled!("meter, resource_type", "", "meter, resource_type");
const LOGGED_OF_ALL: &str = logged!("meter, resource_type", "", "meter, resource_type");
const ROLLED_BY_USER: &str = rolled!(
    "CASE WHEN user_id IN ($8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)
        THEN user_id ELSE $7 END AS id",
    "",
    "2"
);
const LOGGED_BY_USER: &str = logged!(
    "CASE WHEN user_id IN ($8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)
        THEN user_id ELSE $7 END AS id",
    "",
    "2"
);
const TOP_USERS: &str = "SELECT user_id, CAST(SUM(quota_cost) AS BIGINT) AS quota_cost FROM (
        SELECT user_id, quota_cost FROM usage_rollups
        WHERE bucket_start >= $1 AND bucket_start < $2 AND (meter = $3 OR $4) AND (resource_type = $5 OR $6)
        UNION ALL SELECT user_id, quota_cost FROM usage_logs
        WHERE id >= $7 AND id < $8 AND (meter = $3 OR $4) AND (resource_type = $5 OR $6)) used
    GROUP BY user_id ORDER BY 2 DESC, user_id LIMIT $9";

pub(crate) const STATEMENTS: &[&str] = &[
    ROLLED_OF_USER,
    LOGGED_OF_USER,
    ROLLED_OF_ALL,
    LOGGED_OF_ALL,
    ROLLED_BY_USER,
    LOGGED_BY_USER,
    TOP_USERS,
];
