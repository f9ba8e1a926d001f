//! The cheap looks of standing duties: whether there is anything to do. They decide nothing, so what they miss for a
//! moment is found at the next.

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::db::Db;
use tollgate_storage::{Result, on_read};
use uuid::Uuid;

/// A hold whose time is over.
pub(crate) async fn is_any_hold_over(db: &Db, now: Timestamp) -> Result<bool> {
    is_any(db, HOLD_OVER, now).await
}

/// A right that is over, a paid term that is, or a later plan that has begun.
pub(crate) async fn is_any_term_over(db: &Db, now: Timestamp) -> Result<bool> {
    for look in [RIGHT_OVER, TERM_OVER, TURNING] {
        if is_any(db, look, now).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A call to a provider that was begun before this moment and has no result.
pub(crate) async fn is_any_call_cut_off(db: &Db, begun_before: Timestamp) -> Result<bool> {
    is_any(db, CALL_CUT_OFF, begun_before).await
}

async fn is_any(db: &Db, look: &'static str, now: Timestamp) -> Result<bool> {
    let row: Option<(Uuid,)> = on_read!(db, |e| sqlx::query_as(look)
        .bind(now.utc())
        .fetch_optional(e)
        .await)?;
    Ok(row.is_some())
}

const HOLD_OVER: &str =
    "SELECT id FROM quota_holds WHERE state = 'held' AND expires_at <= $1 LIMIT 1";
const RIGHT_OVER: &str =
    "SELECT id FROM subscriptions WHERE ended_at IS NULL AND entitled_until <= $1 LIMIT 1";
const TERM_OVER: &str = "SELECT id FROM subscriptions
    WHERE ended_at IS NULL AND NOT auto_renew AND current_period_end <= $1 AND state = 'active' LIMIT 1";

const TURNING: &str = "SELECT id FROM subscriptions
    WHERE turns_at IS NOT NULL AND ended_at IS NULL AND turns_at <= $1 LIMIT 1";
const CALL_CUT_OFF: &str =
    "SELECT id FROM payment_attempts WHERE state = 'intent' AND started_at < $1 LIMIT 1";

pub(crate) const STATEMENTS: &[&str] = &[CALL_CUT_OFF, HOLD_OVER, RIGHT_OVER, TERM_OVER, TURNING];
