//! `webhook_endpoints`.

use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{EndpointId, Id, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::At;
use crate::model::outbound::Endpoint;

row!(
    struct EndpointRow {
        id: Uuid,
        url: String,
        description: String,
        kinds: Json<Vec<String>>,
        failing_since: Option<At>,
        disabled_at: Option<At>,
        disabled_reason: Option<String>,
        created_by: Option<Uuid>,
        created_at: At,
        version: i64,
    }
);

impl From<EndpointRow> for Endpoint {
    fn from(row: EndpointRow) -> Self {
        Self {
            id: row.id.into(),
            url: row.url,
            description: row.description,
            kinds: row.kinds.0,
            failing_since: row.failing_since.map(Timestamp::from_utc),
            disabled_at: row.disabled_at.map(Timestamp::from_utc),
            disabled_reason: row.disabled_reason,
            created_by: row.created_by.map(UserId::from),
            created_at: Timestamp::from_utc(row.created_at),
            version: row.version,
        }
    }
}

/// All of a mode, oldest first: there are few.
pub(crate) async fn list(db: &Db, livemode: bool) -> Result<Vec<Endpoint>> {
    let rows: Vec<EndpointRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(livemode)
        .fetch_all(e)
        .await)?;
    Ok(rows.into_iter().map(Endpoint::from).collect())
}

/// One of them.
pub(crate) async fn find(db: &Db, id: EndpointId, livemode: bool) -> Result<Option<Endpoint>> {
    let row: Option<EndpointRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .bind(livemode)
        .fetch_optional(e)
        .await)?;
    Ok(row.map(Endpoint::from))
}

/// Those that are told now.
pub(crate) async fn read_enabled(tx: &mut Tx, livemode: bool) -> Result<Vec<Endpoint>> {
    let rows: Vec<EndpointRow> = in_tx!(tx, |c| sqlx::query_as(READ_ENABLED)
        .bind(livemode)
        .fetch_all(c)
        .await)?;
    Ok(rows.into_iter().map(Endpoint::from).collect())
}

/// The sealed secrets: the one in force, and the one before while it still counts.
pub(crate) async fn find_secrets(
    db: &Db,
    id: EndpointId,
    now: Timestamp,
) -> Result<Option<(Vec<u8>, Option<Vec<u8>>)>> {
    let row: Option<(Vec<u8>, Option<Vec<u8>>)> = on_read!(db, |e| sqlx::query_as(FIND_SECRETS)
        .bind(id.uuid())
        .bind(now.utc())
        .fetch_optional(e)
        .await)?;
    Ok(row)
}

/// A new one.
pub(crate) async fn insert(
    tx: &mut Tx,
    new: &Endpoint,
    secret_sealed: &[u8],
    livemode: bool,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(new.id.uuid())
        .bind(&new.url)
        .bind(&new.description)
        .bind(Json(&new.kinds))
        .bind(livemode)
        .bind(secret_sealed)
        .bind(new.created_by.map(Id::uuid))
        .bind(new.created_at.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Other words, another address, on or off. `false`: it is gone, or was changed since it was read.
pub(crate) async fn change(
    tx: &mut Tx,
    changed: &Endpoint,
    livemode: bool,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(CHANGE)
        .bind(changed.id.uuid())
        .bind(&changed.url)
        .bind(&changed.description)
        .bind(Json(&changed.kinds))
        .bind(changed.disabled_at.map(Timestamp::utc))
        .bind(&changed.disabled_reason)
        .bind(now.utc())
        .bind(livemode)
        .bind(changed.disabled_at.is_none())
        .bind(changed.version)
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Another secret; the one before counts until `until`. `false`: it is gone.
pub(crate) async fn rotate(
    tx: &mut Tx,
    id: EndpointId,
    secret_sealed: &[u8],
    until: Timestamp,
    livemode: bool,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(ROTATE)
        .bind(id.uuid())
        .bind(secret_sealed)
        .bind(until.utc())
        .bind(now.utc())
        .bind(livemode)
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Takes one away, with what was on its way to it. `false`: it is gone.
pub(crate) async fn delete(tx: &mut Tx, id: EndpointId, livemode: bool) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(DELETE)
        .bind(id.uuid())
        .bind(livemode)
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// It took something.
pub(crate) async fn works(tx: &mut Tx, id: EndpointId) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(WORKS)
        .bind(id.uuid())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// It took nothing; gives since when that is so.
pub(crate) async fn fails(
    tx: &mut Tx,
    id: EndpointId,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let row: Option<(At,)> = in_tx!(tx, |c| sqlx::query_as(FAILS)
        .bind(id.uuid())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(since,)| Timestamp::from_utc(since)))
}

/// Switches it off. `false`: it was before.
pub(crate) async fn disable(
    tx: &mut Tx,
    id: EndpointId,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(DISABLE)
        .bind(id.uuid())
        .bind(reason)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, url, description, kinds, failing_since, disabled_at, disabled_reason, created_by, created_at,
             version
             FROM webhook_endpoints ",
            $rest
        )
    };
}

const LIST: &str = columns!("WHERE livemode = $1 ORDER BY id");
const FIND: &str = columns!("WHERE id = $1 AND livemode = $2");
const READ_ENABLED: &str = columns!("WHERE livemode = $1 AND disabled_at IS NULL ORDER BY id");
const FIND_SECRETS: &str =
    "SELECT secret_sealed, CASE WHEN previous_until > $2 THEN previous_secret_sealed END
    FROM webhook_endpoints WHERE id = $1";
const INSERT: &str = "INSERT INTO webhook_endpoints (id, url, description, kinds, livemode, secret_sealed, created_by,
    created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
const CHANGE: &str = "UPDATE webhook_endpoints SET url = $2, description = $3, kinds = $4, disabled_at = $5,
    disabled_reason = $6, failing_since = CASE WHEN $9 AND disabled_at IS NOT NULL THEN NULL ELSE failing_since END,
    updated_at = $7, version = version + 1 WHERE id = $1 AND livemode = $8
    AND version = $10 RETURNING version";
const ROTATE: &str = "UPDATE webhook_endpoints SET previous_secret_sealed = secret_sealed, previous_until = $3,
    secret_sealed = $2, updated_at = $4, version = version + 1 WHERE id = $1 AND livemode = $5 RETURNING version";
const DELETE: &str = "DELETE FROM webhook_endpoints WHERE id = $1 AND livemode = $2 RETURNING id";
const WORKS: &str =
    "UPDATE webhook_endpoints SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL";
const FAILS: &str =
    "UPDATE webhook_endpoints SET failing_since = COALESCE(failing_since, $2) WHERE id = $1
    RETURNING failing_since";
const DISABLE: &str =
    "UPDATE webhook_endpoints SET disabled_at = $3, disabled_reason = $2, updated_at = $3,
    version = version + 1 WHERE id = $1 AND disabled_at IS NULL RETURNING version";

pub(crate) const STATEMENTS: &[&str] = &[
    LIST,
    FIND,
    READ_ENABLED,
    FIND_SECRETS,
    INSERT,
    CHANGE,
    ROTATE,
    DELETE,
    WORKS,
    FAILS,
    DISABLE,
];
