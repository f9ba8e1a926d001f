//! Who is to be told that a term ends. What was told stands in the subscription's own row.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, SubscriptionId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read};
use uuid::Uuid;

use crate::model::payment::PaymentMethod;
use crate::model::reminder::{DAYS, days};
use crate::model::subscription::Subscription;

/// Terms, and trials, that end within the longest of the reminders, that do not go on by themselves, and whose reminder for this
/// moment was not given yet; the nearest first.
pub(crate) async fn due(
    db: &Db,
    livemode: bool,
    now: Timestamp,
    most: i64,
) -> Result<Vec<SubscriptionId>> {
    let [first, second, third] = DAYS;
    let mut all = Vec::new();
    for due in [TERMS_DUE, TRIALS_DUE] {
        let rows: Vec<(Uuid,)> = on_read!(db, |e| sqlx::query_as(due)
            .bind(livemode)
            .bind(now.utc())
            .bind(now.after(days(first)).utc())
            .bind(now.after(days(second)).utc())
            .bind(now.after(days(third)).utc())
            .bind(first)
            .bind(second)
            .bind(third)
            .bind(most)
            .fetch_all(e)
            .await)?;
        all.extend(rows.into_iter().map(|(id,)| SubscriptionId::from(id)));
    }
    Ok(all)
}

/// Takes a reminder. `false`: it was given, or a nearer one, or the term is another, or it is not to end any more.
pub(crate) async fn take(
    tx: &mut Tx,
    held: &Subscription,
    term_end: Timestamp,
    days: i64,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(TAKE)
        .bind(held.id.uuid())
        .bind(term_end.utc())
        .bind(days)
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Whose it is.
pub(crate) async fn owner(db: &Db, id: SubscriptionId) -> Result<Option<UserId>> {
    let row: Option<(Uuid,)> = on_read!(db, |e| sqlx::query_as(OWNER)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(user,)| user.into()))
}

/// By which rail it was paid last.
pub(crate) async fn last_rail(db: &Db, id: SubscriptionId) -> Result<Option<PaymentMethod>> {
    let row: Option<(String,)> = on_read!(db, |e| sqlx::query_as(LAST_RAIL)
        .bind(id.uuid())
        .fetch_optional(e)
        .await)?;
    // A rail that this version does not know is no rail to pay by.
    Ok(row.and_then(|(rail,)| rail.parse().ok()))
}

// Each state has its own index of ends.
macro_rules! due {
    ($state:literal) => {
        concat!(
            "SELECT id FROM subscriptions
    WHERE ended_at IS NULL AND NOT auto_renew AND state = ",
            $state,
            " AND livemode = $1
      AND current_period_end > $2 AND current_period_end <= $3
      AND (reminded_term_end IS NULL OR reminded_term_end <> current_period_end
        OR reminded_days > CASE WHEN current_period_end <= $5 THEN CAST($8 AS BIGINT)
                                WHEN current_period_end <= $4 THEN CAST($7 AS BIGINT) ELSE CAST($6 AS BIGINT) END)
    ORDER BY current_period_end LIMIT $9"
        )
    };
}

const TERMS_DUE: &str = due!("'active'");
const TRIALS_DUE: &str = due!("'trialing'");
// The term that is told of is the row's own, and what was told last is further from its end.
const TAKE: &str = "UPDATE subscriptions SET reminded_term_end = $2, reminded_days = $3
    WHERE id = $1 AND ended_at IS NULL AND NOT auto_renew AND state IN ('active', 'trialing') AND current_period_end = $2
      AND (reminded_term_end IS NULL OR reminded_term_end <> $2 OR reminded_days > $3) RETURNING id";
const OWNER: &str = "SELECT user_id FROM subscriptions WHERE id = $1";
const LAST_RAIL: &str = "SELECT payment_method FROM payment_transactions
    WHERE subscription_id = $1 AND paid_at IS NOT NULL ORDER BY id DESC LIMIT 1";

pub(crate) const STATEMENTS: &[&str] = &[TERMS_DUE, TRIALS_DUE, TAKE, OWNER, LAST_RAIL];
