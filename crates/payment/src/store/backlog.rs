//! What waits, in the tables of this module: counts and ages, by the indexes of what is open.

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::db::Db;
use tollgate_storage::{Result, on_read, row};

use super::At;

row!(
    struct WaitingRow {
        suspense: i64,
        order_ends: Option<At>,
        refund: Option<At>,
        fact: Option<At>,
        deliveries: i64,
        delivery: Option<At>,
    }
);

/// The oldest of each kind, and how many there are where they are few.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// Money that nobody has decided about.
    pub(crate) suspense: i64,
    /// The first end of an open order's time.
    pub(crate) order_ends: Option<Timestamp>,
    /// The oldest refund without an end.
    pub(crate) refund: Option<Timestamp>,
    /// The oldest fact that was not made into deliveries.
    pub(crate) fact: Option<Timestamp>,
    /// To endpoints that are on.
    pub(crate) deliveries: i64,
    /// The oldest of them.
    pub(crate) delivery: Option<Timestamp>,
}

/// All of it, in one read.
pub(crate) async fn waiting(db: &Db, livemode: bool) -> Result<Waiting> {
    let row: WaitingRow = on_read!(db, |e| sqlx::query_as(WAITING)
        .bind(livemode)
        .fetch_one(e)
        .await)?;
    let at = |at: Option<At>| at.map(Timestamp::from_utc);
    Ok(Waiting {
        suspense: row.suspense,
        order_ends: at(row.order_ends),
        refund: at(row.refund),
        fact: at(row.fact),
        deliveries: row.deliveries,
        delivery: at(row.delivery),
    })
}

// Where one row is looked for, the order names the index of what is open: by another one, every old row would be passed.
const WAITING: &str = "SELECT
    (SELECT COUNT(*) FROM suspense WHERE state = 'open' AND livemode = $1) AS suspense,
    (SELECT expires_at FROM payment_transactions WHERE state IN ('created', 'pending') AND livemode = $1
     ORDER BY expires_at LIMIT 1) AS order_ends,
    (SELECT MIN(created_at) FROM refunds WHERE status = 'pending') AS refund,
    (SELECT created_at FROM outbox WHERE dispatched_at IS NULL ORDER BY position LIMIT 1) AS fact,
    COUNT(d.id) AS deliveries, MIN(d.created_at) AS delivery
    FROM webhook_endpoints w JOIN webhook_deliveries d ON d.endpoint_id = w.id
    WHERE w.disabled_at IS NULL AND w.livemode = $1 AND d.state = 'open'";

pub(crate) const STATEMENTS: &[&str] = &[WAITING];
