//! What waits, in the tables of this module: counts and ages, by the indexes of what is open.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{DeliveryId, Id as _, Ids};
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

row!(
    struct SeenToRow {
        late_orders: i64,
        refunds_in_doubt: i64,
        failed_deliveries: i64,
    }
);

/// What somebody has to look at, by how much of it there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeenTo {
    /// Orders that nobody has paid or closed since.
    pub(crate) late_orders: i64,
    /// Refunds of which nobody knows whether the provider has them.
    pub(crate) refunds_in_doubt: i64,
    /// Deliveries that were given up.
    pub(crate) failed_deliveries: i64,
}

/// Orders from before `late` that are open; deliveries made at `lately` or later.
pub(crate) async fn seen_to(
    db: &Db,
    livemode: bool,
    late: Timestamp,
    lately: Timestamp,
) -> Result<SeenTo> {
    let row: SeenToRow = on_read!(db, |e| sqlx::query_as(SEEN_TO)
        .bind(livemode)
        .bind(late.utc())
        .bind(Ids::lowest::<DeliveryId>(lately).uuid())
        .fetch_one(e)
        .await)?;
    Ok(SeenTo {
        late_orders: row.late_orders,
        refunds_in_doubt: row.refunds_in_doubt,
        failed_deliveries: row.failed_deliveries,
    })
}

const SEEN_TO: &str = "SELECT
    (SELECT COUNT(*) FROM payment_transactions WHERE state IN ('created', 'pending') AND livemode = $1
     AND created_at < $2) AS late_orders,
    (SELECT COUNT(*) FROM refunds WHERE status = 'pending' AND state = 'unknown') AS refunds_in_doubt,
    (SELECT COUNT(*) FROM webhook_deliveries d JOIN webhook_endpoints w ON w.id = d.endpoint_id
     WHERE d.id >= $3 AND d.state = 'failed' AND w.livemode = $1) AS failed_deliveries";
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

pub(crate) const STATEMENTS: &[&str] = &[WAITING, SEEN_TO];
