//! Committed facts for those who want to know: the other module, hooks, webhooks. Written in the
//! transaction that makes them true; the id is the event's for ever.

use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{EventId, Id, UserId};
use uuid::Uuid;

use crate::Result;
use crate::db::Tx;

/// Something that has happened.
///
/// ```
/// use tollgate_storage::outbox::{self, Event};
/// # use serde_json::json;
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::ids::{Id as _, Ids, UserId};
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::testing::{Engine, TestDatabase};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), StorageError> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// # let clock = Clock::system();
/// # let now = clock.now();
/// # let ids = Ids::new(clock, Entropy::system());
/// # let (user_id, body): (UserId, _) = (ids.next(), json!({ "username": "ada" }));
/// let event = Event {
///     id: ids.at(now),
///     kind: "user.created",
///     object_kind: "user",
///     object_id: user_id.uuid(),
///     user_id: Some(user_id),
///     livemode: false,
///     body: &body,
/// };
/// let mut tx = db.begin().await?; // The one that makes the account.
/// outbox::append(&mut tx, &event, now).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Of the event, for ever.
    pub id: EventId,
    /// `user.created` …
    pub kind: &'static str,
    /// `user` …
    pub object_kind: &'static str,
    /// Of the object.
    pub object_id: Uuid,
    /// Whose it is.
    pub user_id: Option<UserId>,
    /// Whether real money moves.
    pub livemode: bool,
    /// What is told; kept as bytes, since they are signed.
    pub body: &'a Value,
}

/// Writes it down.
///
/// # Errors
/// The database.
pub async fn append(tx: &mut Tx, event: &Event<'_>, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(APPEND)
        .bind(event.id.uuid())
        .bind(event.kind)
        .bind(event.object_kind)
        .bind(event.object_id)
        .bind(event.user_id.map(Id::uuid))
        .bind(event.livemode)
        .bind(event.body.to_string())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

const APPEND: &str =
    "INSERT INTO outbox (id, kind, object_kind, object_id, user_id, livemode, body, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

pub(crate) const STATEMENTS: &[&str] = &[APPEND];
