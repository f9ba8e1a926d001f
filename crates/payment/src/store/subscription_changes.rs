//! `subscription_changes`: the life of every subscription, append-only.

use serde_json::Value;
use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ChangeId, Id as _, PaymentId, PlanId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::change::{Change, ChangeKind};

row!(
    struct ChangeRow {
        id: Uuid,
        subscription_id: Uuid,
        kind: String,
        from_plan_id: Option<Uuid>,
        to_plan_id: Option<Uuid>,
        payment_id: Option<Uuid>,
        credit: i64,
        detail: Json<Value>,
        created_at: At,
    }
);

impl TryFrom<ChangeRow> for Change {
    type Error = tollgate_storage::StorageError;

    fn try_from(row: ChangeRow) -> Result<Self> {
        let read = Reader {
            table: "subscription_changes",
            row: row.id,
        };
        let kind: ChangeKind = read.text("kind", &row.kind)?;
        Ok(Self {
            id: row.id.into(),
            subscription_id: row.subscription_id.into(),
            kind,
            from_plan: row.from_plan_id.map(PlanId::from),
            to_plan: row.to_plan_id.map(PlanId::from),
            payment: row.payment_id.map(PaymentId::from),
            credit_minor: row.credit,
            detail: row.detail.0,
            created_at: Timestamp::from_utc(row.created_at),
        })
    }
}

/// Writes a change down, in the transaction that makes it.
pub(crate) async fn append(tx: &mut Tx, change: &Change) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(APPEND)
        .bind(change.id.uuid())
        .bind(change.subscription_id.uuid())
        .bind(change.kind.as_str())
        .bind(change.from_plan.map(PlanId::uuid))
        .bind(change.to_plan.map(PlanId::uuid))
        .bind(change.payment.map(PaymentId::uuid))
        .bind(change.credit_minor)
        .bind(Json(&change.detail))
        .bind(change.created_at.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// One of a person's changes.
pub(crate) async fn find_own(db: &Db, user: UserId, id: ChangeId) -> Result<Option<Change>> {
    let row: Option<ChangeRow> = on_read!(db, |e| sqlx::query_as(FIND_OWN)
        .bind(id.uuid())
        .bind(user.uuid())
        .fetch_optional(e)
        .await)?;
    row.map(Change::try_from).transpose()
}

/// A page of a person's changes, newest first; for a page before another, oldest first.
pub(crate) async fn list(
    db: &Db,
    user: UserId,
    livemode: bool,
    page: Page,
    limit: i64,
) -> Result<Vec<Change>> {
    let (statement, cursor) = match page {
        Page::Newest => (OLDER, Uuid::max()),
        Page::OlderThan(id) => (OLDER, id.uuid()),
        Page::NewerThan(id) => (NEWER, id.uuid()),
    };
    let rows: Vec<ChangeRow> = on_read!(db, |e| sqlx::query_as(statement)
        .bind(user.uuid())
        .bind(livemode)
        .bind(cursor)
        .bind(limit)
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(Change::try_from).collect()
}

/// Where a page begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Page {
    Newest,
    OlderThan(ChangeId),
    NewerThan(ChangeId),
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.subscription_id, c.kind, c.from_plan_id, c.to_plan_id, c.payment_id, c.credit, c.detail,
            c.created_at FROM subscription_changes c JOIN subscriptions s ON s.id = c.subscription_id ",
            $rest
        )
    };
}

const APPEND: &str =
    "INSERT INTO subscription_changes (id, subscription_id, kind, from_plan_id, to_plan_id,
    payment_id, credit, detail, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const FIND_OWN: &str = columns!("WHERE c.id = $1 AND s.user_id = $2");
const OLDER: &str =
    columns!("WHERE s.user_id = $1 AND s.livemode = $2 AND c.id < $3 ORDER BY c.id DESC LIMIT $4");
const NEWER: &str =
    columns!("WHERE s.user_id = $1 AND s.livemode = $2 AND c.id > $3 ORDER BY c.id LIMIT $4");

pub(crate) const STATEMENTS: &[&str] = &[APPEND, FIND_OWN, OLDER, NEWER];
