//! Objects, by their number, their kind and what they belong to.

use serde_json::Value;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::StripeTx;
use crate::SandboxError;
use crate::store::Store;

/// Which objects, newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed<'a> {
    pub(crate) kind: &'a str,
    pub(crate) parent: Option<&'a str>,
    pub(crate) peer: Option<&'a str>,
    /// Unix seconds, both included.
    pub(crate) created: (Option<i64>, Option<i64>),
    /// Only those older than this one, or newer.
    pub(crate) before: Option<i64>,
    pub(crate) after: Option<i64>,
    pub(crate) limit: i64,
}

/// What an object belongs to, and what else it is looked for by.
fn links(object: &Value) -> (&Value, &Value) {
    match object["object"].as_str().unwrap_or_default() {
        "checkout.session" => (&object["payment_intent"], &object["subscription"]),
        "charge" => (&object["payment_intent"], &object["customer"]),
        "refund" | "dispute" => (&object["payment_intent"], &object["charge"]),
        "invoice" => (
            &object["parent"]["subscription_details"]["subscription"],
            &object["customer"],
        ),
        "invoice_payment" => (&object["invoice"], &object["payment"]["payment_intent"]),
        "subscription" | "payment_intent" | "payment_method" => (&object["customer"], &Value::Null),
        _ => (&Value::Null, &Value::Null),
    }
}

/// The merchant's order number, where an object tells it.
fn order_no(object: &Value) -> Option<&str> {
    let details = &object["parent"]["subscription_details"]["metadata"];
    [
        &object["client_reference_id"],
        &object["metadata"]["order_no"],
        &details["order_no"],
    ]
    .into_iter()
    .find_map(Value::as_str)
}

impl Store {
    /// Whether something happens by itself by now.
    pub(crate) async fn stripe_is_due(&self, now: i64) -> Result<bool, SandboxError> {
        let query = sqlx::query_scalar(IS_DUE).bind(now);
        Ok(query.fetch_one(&self.readers).await?)
    }
}

impl StripeTx {
    /// Of whatever kind.
    pub(crate) async fn find(&mut self, id: &str) -> Result<Option<Value>, SandboxError> {
        let query = sqlx::query(FIND).bind(id);
        let row = query.fetch_optional(&mut *self.tx).await?;
        row.as_ref().map(|row| read(row, "body")).transpose()
    }

    pub(crate) async fn get(
        &mut self,
        kind: &str,
        id: &str,
    ) -> Result<Option<Value>, SandboxError> {
        let found = self.find(id).await?;
        Ok(found.filter(|object| object["object"] == kind))
    }

    /// The newest object of a kind that belongs to an order.
    pub(crate) async fn of_order(
        &mut self,
        kind: &str,
        order_no: &str,
    ) -> Result<Option<Value>, SandboxError> {
        let query = sqlx::query(OF_ORDER).bind(order_no).bind(kind);
        let row = query.fetch_optional(&mut *self.tx).await?;
        row.as_ref().map(|row| read(row, "body")).transpose()
    }

    /// Keeps an object, or what has become of it. `due`: when something happens to it by itself.
    pub(crate) async fn put(
        &mut self,
        object: &Value,
        due: Option<i64>,
    ) -> Result<(), SandboxError> {
        let (parent, peer) = links(object);
        sqlx::query(PUT)
            .bind(object["id"].as_str())
            .bind(object["object"].as_str())
            .bind(object["created"].as_i64().unwrap_or_default())
            .bind(parent.as_str())
            .bind(peer.as_str())
            .bind(order_no(object))
            .bind(due)
            .bind(object.to_string())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// When something happens to it by itself.
    pub(crate) async fn due_of(&mut self, id: &str) -> Result<Option<i64>, SandboxError> {
        let query = sqlx::query_scalar(DUE_OF).bind(id);
        let due: Option<Option<i64>> = query.fetch_optional(&mut *self.tx).await?;
        Ok(due.flatten())
    }

    /// What the API does not show of an object.
    pub(crate) async fn notes(&mut self, id: &str) -> Result<Value, SandboxError> {
        let query = sqlx::query(NOTES).bind(id);
        let row = query.fetch_optional(&mut *self.tx).await?;
        let notes = row.as_ref().map(|row| read(row, "notes")).transpose()?;
        Ok(notes.unwrap_or_default())
    }

    pub(crate) async fn note(&mut self, id: &str, notes: &Value) -> Result<(), SandboxError> {
        let query = sqlx::query(NOTE).bind(id).bind(notes.to_string());
        query.execute(&mut *self.tx).await?;
        Ok(())
    }

    /// Each with its place in the order in which they were made.
    pub(crate) async fn list(
        &mut self,
        listed: &Listed<'_>,
    ) -> Result<Vec<(i64, Value)>, SandboxError> {
        let statement = if listed.after.is_some() {
            LIST_UP
        } else {
            LIST_DOWN
        };
        let rows = sqlx::query(statement)
            .bind(listed.kind)
            .bind(listed.parent)
            .bind(listed.peer)
            .bind(listed.created.0.unwrap_or(i64::MIN))
            .bind(listed.created.1.unwrap_or(i64::MAX))
            .bind(listed.after.or(listed.before).unwrap_or(i64::MAX))
            .bind(listed.limit)
            .fetch_all(&mut *self.tx)
            .await?;
        let place = |row: &SqliteRow| Ok((row.try_get("seq")?, read(row, "body")?));
        rows.iter().map(place).collect()
    }

    /// The place of an object among those of its kind.
    pub(crate) async fn place(
        &mut self,
        kind: &str,
        id: &str,
    ) -> Result<Option<i64>, SandboxError> {
        let query = sqlx::query_scalar(PLACE).bind(kind).bind(id);
        Ok(query.fetch_optional(&mut *self.tx).await?)
    }

    /// What happens next by itself, of what has to have happened by now; and when.
    pub(crate) async fn next_due(
        &mut self,
        now: i64,
    ) -> Result<Option<(i64, Value)>, SandboxError> {
        let query = sqlx::query(NEXT_DUE).bind(now);
        let row = query.fetch_optional(&mut *self.tx).await?;
        let due = |row: SqliteRow| Ok((row.try_get("due")?, read(&row, "body")?));
        row.map(due).transpose()
    }
}

fn read(row: &SqliteRow, column: &'static str) -> Result<Value, SandboxError> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|_| SandboxError::Inconsistent {
        column,
        found: text,
    })
}

const IS_DUE: &str = "SELECT EXISTS (SELECT 1 FROM stripe_objects WHERE due <= $1)";

const FIND: &str = "SELECT body FROM stripe_objects WHERE id = $1";

const OF_ORDER: &str = "SELECT body FROM stripe_objects
    WHERE order_no = $1 AND kind = $2 AND json_extract(notes, '$.foreign') IS NULL ORDER BY seq DESC LIMIT 1";

const PUT: &str =
    "INSERT INTO stripe_objects (id, kind, created, parent, peer, order_no, due, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (id) DO UPDATE SET parent = excluded.parent, peer = excluded.peer,
        order_no = excluded.order_no, due = excluded.due, body = excluded.body";

const DUE_OF: &str = "SELECT due FROM stripe_objects WHERE id = $1";

const NOTES: &str = "SELECT notes FROM stripe_objects WHERE id = $1";

const NOTE: &str = "UPDATE stripe_objects SET notes = $2 WHERE id = $1";

const LIST_DOWN: &str = "SELECT seq, body FROM stripe_objects
    WHERE kind = $1 AND ($2 IS NULL OR parent = $2) AND ($3 IS NULL OR peer = $3)
        AND created >= $4 AND created <= $5 AND seq < $6 ORDER BY seq DESC LIMIT $7";

const LIST_UP: &str = "SELECT seq, body FROM stripe_objects
    WHERE kind = $1 AND ($2 IS NULL OR parent = $2) AND ($3 IS NULL OR peer = $3)
        AND created >= $4 AND created <= $5 AND seq > $6 ORDER BY seq LIMIT $7";

const PLACE: &str = "SELECT seq FROM stripe_objects WHERE kind = $1 AND id = $2";

const NEXT_DUE: &str = "SELECT due, body FROM stripe_objects
    WHERE due <= $1 ORDER BY due, seq LIMIT 1";
