//! Whose first meter begins a period that nobody has used yet.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, SubscriptionId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::At;

row!(
    struct DueRow {
        id: Uuid,
        user_id: Uuid,
        quota_resets_at: At,
    }
);

/// A subscription whose open period is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) id: SubscriptionId,
    pub(crate) user: UserId,
    pub(crate) since: Timestamp,
}

/// Those whose period has been over for longest.
pub(crate) async fn due(db: &Db, livemode: bool, now: Timestamp, most: i64) -> Result<Vec<Over>> {
    let rows: Vec<DueRow> = on_read!(db, |e| sqlx::query_as(DUE)
        .bind(livemode)
        .bind(now.utc())
        .bind(most)
        .fetch_all(e)
        .await)?;
    let due = rows.into_iter().map(|row| Over {
        id: row.id.into(),
        user: row.user_id.into(),
        since: Timestamp::from_utc(row.quota_resets_at),
    });
    Ok(due.collect())
}

/// Looks at one again later, since nothing came of it; it keeps no other from its turn. Changed meanwhile, it stays.
pub(crate) async fn put_off(tx: &mut Tx, over: &Over, until: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(PUT_OFF)
        .bind(over.id.uuid())
        .bind(over.since.utc())
        .bind(until.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

// After a term nothing begins anew until it is paid on.
const DUE: &str = "SELECT id, user_id, quota_resets_at FROM subscriptions
    WHERE ended_at IS NULL AND quota_resets_at <= $2 AND livemode = $1
      AND (entitled_until IS NULL OR entitled_until > $2)
      AND (current_period_end IS NULL OR current_period_end > $2) ORDER BY quota_resets_at LIMIT $3";
const PUT_OFF: &str =
    "UPDATE subscriptions SET quota_resets_at = $3 WHERE id = $1 AND quota_resets_at = $2";

pub(crate) const STATEMENTS: &[&str] = &[DUE, PUT_OFF];
