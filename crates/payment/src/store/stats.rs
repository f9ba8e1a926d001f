//! Sums over people, terms and money, for whoever runs the business. They read, and lock nothing.
//!
//! Whoever pays at a moment has what is in force then, in a term that was paid for. What has been ended since is told
//! apart by when: a right is only ever ended early by an end that is written down, so a row as it stands today says
//! what was in force before.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, Ids, PaymentId};
use tollgate_kernel::money::Money;
use tollgate_storage::db::Db;
use tollgate_storage::{Result, on_read, row};
use uuid::Uuid;

use super::Reader;
use crate::model::payment::PaymentMethod;
use crate::model::plan::BillingCycle;
use crate::model::stats::Turnover;

/// From one moment to before another.
pub(crate) type Span = (Timestamp, Timestamp);

/// Those who pay at one price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paying {
    pub(crate) cycle: BillingCycle,
    pub(crate) subscriptions: i64,
    /// Of their terms, together.
    pub(crate) price: Money,
}

/// Who pays for terms that end, at both ends of a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) currency: String,
    pub(crate) before: i64,
    pub(crate) gone: i64,
    pub(crate) new: i64,
}

/// What became of the orders that were placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcomes {
    pub(crate) method: PaymentMethod,
    pub(crate) currency: String,
    pub(crate) completed: i64,
    pub(crate) failed: i64,
    pub(crate) expired: i64,
    pub(crate) open: i64,
}

/// How many people have something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Having {
    pub(crate) entitled: i64,
    pub(crate) trialing: i64,
}

const fn reader(table: &'static str) -> Reader {
    Reader {
        table,
        row: Uuid::nil(),
    }
}

row!(
    struct PayingRow {
        currency: String,
        billing_cycle: String,
        subscriptions: i64,
        price: i64,
    }
);

/// At a moment, by currency and how long a term lasts.
pub(crate) async fn paying(db: &Db, livemode: bool, at: Timestamp) -> Result<Vec<Paying>> {
    let rows: Vec<PayingRow> = on_read!(db, |e| sqlx::query_as(PAYING)
        .bind(livemode)
        .bind(at.utc())
        .fetch_all(e)
        .await)?;
    let read = reader("plan_versions");
    let all = rows.into_iter().map(|row| {
        Ok(Paying {
            cycle: read.text("billing_cycle", &row.billing_cycle)?,
            subscriptions: row.subscriptions,
            price: read.money(row.price, &row.currency)?,
        })
    });
    all.collect()
}

row!(
    struct MovedRow {
        currency: String,
        before: i64,
        gone: i64,
        new: i64,
    }
);

/// Who paid at the first of two moments and not at the second, and the other way round.
pub(crate) async fn moved(db: &Db, livemode: bool, (from, to): Span) -> Result<Vec<Moved>> {
    let rows: Vec<MovedRow> = on_read!(db, |e| sqlx::query_as(MOVED)
        .bind(livemode)
        .bind(from.utc())
        .bind(to.utc())
        .fetch_all(e)
        .await)?;
    let all = rows.into_iter().map(|row| Moved {
        currency: row.currency,
        before: row.before,
        gone: row.gone,
        new: row.new,
    });
    Ok(all.collect())
}

/// How many have something in force at a moment, and how many of them try it.
pub(crate) async fn having(db: &Db, livemode: bool, at: Timestamp) -> Result<Having> {
    let (entitled, trialing): (i64, i64) = on_read!(db, |e| sqlx::query_as(HAVING)
        .bind(livemode)
        .bind(at.utc())
        .fetch_one(e)
        .await)?;
    Ok(Having { entitled, trialing })
}

/// How many people got their first plan of all within a time, and how many of them have paid since what did not go back.
pub(crate) async fn converted(db: &Db, livemode: bool, (from, to): Span) -> Result<(i64, i64)> {
    Ok(on_read!(db, |e| sqlx::query_as(CONVERTED)
        .bind(livemode)
        .bind(from.utc())
        .bind(to.utc())
        .fetch_one(e)
        .await)?)
}

row!(
    struct OutcomesRow {
        payment_method: String,
        currency: String,
        completed: i64,
        failed: i64,
        expired: i64,
        open: i64,
    }
);

/// Of the orders that were placed within a time.
pub(crate) async fn outcomes(db: &Db, livemode: bool, (from, to): Span) -> Result<Vec<Outcomes>> {
    let rows: Vec<OutcomesRow> = on_read!(db, |e| sqlx::query_as(OUTCOMES)
        .bind(livemode)
        .bind(Ids::lowest::<PaymentId>(from).uuid())
        .bind(Ids::lowest::<PaymentId>(to).uuid())
        .fetch_all(e)
        .await)?;
    let read = reader("payment_transactions");
    let all = rows.into_iter().map(|row| {
        Ok(Outcomes {
            method: read.text("payment_method", &row.payment_method)?,
            currency: row.currency,
            completed: row.completed,
            failed: row.failed,
            expired: row.expired,
            open: row.open,
        })
    });
    all.collect()
}

row!(
    struct TurnoverRow {
        payment_method: String,
        currency: String,
        amount: i64,
        number: i64,
    }
);

/// What was paid within a time, and what went back in it, by rail and currency.
pub(crate) async fn turnover(
    db: &Db,
    livemode: bool,
    (from, to): Span,
) -> Result<Vec<(PaymentMethod, Turnover)>> {
    let mut all = Vec::new();
    let paid: fn(Money, i64) -> Turnover = Turnover::paid;
    for (statement, sum) in [(PAID, paid), (WENT_BACK, Turnover::gone_back)] {
        let rows: Vec<TurnoverRow> = on_read!(db, |e| sqlx::query_as(statement)
            .bind(livemode)
            .bind(from.utc())
            .bind(to.utc())
            .fetch_all(e)
            .await)?;
        let read = reader("payment_transactions");
        for row in rows {
            let method = read.text("payment_method", &row.payment_method)?;
            let amount = read.money(row.amount, &row.currency)?;
            all.push((method, sum(amount, row.number)));
        }
    }
    Ok(all)
}

/// In force at a moment, in a term that was paid for.
macro_rules! paying_at {
    ($what:literal, $at:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM subscriptions s
            JOIN subscription_terms t ON t.subscription_id = s.id AND (t.payment_id IS NOT NULL OR t.worth > 0)
            JOIN plan_versions v ON v.plan_id = t.plan_id AND v.version = t.plan_version
            WHERE s.livemode = $1 AND t.starts_at <= ",
            $at,
            " AND (s.ended_at IS NULL OR s.ended_at > ",
            $at,
            ") AND (s.entitled_until IS NULL OR s.entitled_until > ",
            $at,
            ") AND NOT EXISTS (SELECT 1 FROM subscription_terms l
                WHERE l.subscription_id = s.id AND l.starts_at > t.starts_at AND l.starts_at <= ",
            $at,
            ")",
            $rest
        )
    };
}

const PAYING: &str = paying_at!(
    "v.currency, v.billing_cycle, COUNT(*) AS subscriptions, CAST(SUM(v.price) AS BIGINT) AS price",
    "$2",
    " GROUP BY v.currency, v.billing_cycle ORDER BY v.currency, v.billing_cycle"
);
const MOVED: &str = concat!(
    "SELECT currency, CAST(SUM(was) AS BIGINT) AS before,
        CAST(SUM(CASE WHEN was = 1 AND stays = 0 THEN 1 ELSE 0 END) AS BIGINT) AS gone,
        CAST(SUM(CASE WHEN was = 0 AND stays = 1 THEN 1 ELSE 0 END) AS BIGINT) AS new
    FROM (SELECT currency, user_id, MAX(was) AS was, MAX(stays) AS stays FROM (",
    paying_at!(
        "v.currency, s.user_id, 1 AS was, 0 AS stays",
        "$2",
        " AND v.billing_cycle <> 'lifetime'"
    ),
    " UNION ALL ",
    paying_at!(
        "v.currency, s.user_id, 0 AS was, 1 AS stays",
        "$3",
        " AND v.billing_cycle <> 'lifetime'"
    ),
    ") AS looks GROUP BY currency, user_id) AS people GROUP BY currency ORDER BY currency"
);
const HAVING: &str =
    "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN state = 'trialing' THEN 1 ELSE 0 END), 0) AS BIGINT)
    FROM subscriptions WHERE livemode = $1 AND created_at <= $2 AND (ended_at IS NULL OR ended_at > $2)
      AND (entitled_until IS NULL OR entitled_until > $2)";
const CONVERTED: &str =
    "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN EXISTS (SELECT 1 FROM subscriptions s
            JOIN subscription_terms t ON t.subscription_id = s.id AND (t.payment_id IS NOT NULL OR t.worth > 0)
            WHERE s.user_id = f.user_id AND s.livemode = $1 AND s.state <> 'refunded') THEN 1 ELSE 0 END), 0) AS BIGINT)
    FROM (SELECT user_id, MIN(created_at) AS first_at FROM subscriptions WHERE livemode = $1 GROUP BY user_id) AS f
    WHERE f.first_at >= $2 AND f.first_at < $3";
const OUTCOMES: &str = "SELECT payment_method, currency,
        CAST(SUM(CASE WHEN paid_at IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT) AS completed,
        CAST(SUM(CASE WHEN state = 'failed' AND failure_code <> 'expired' THEN 1 ELSE 0 END) AS BIGINT) AS failed,
        CAST(SUM(CASE WHEN state = 'failed' AND failure_code = 'expired' THEN 1 ELSE 0 END) AS BIGINT) AS expired,
        CAST(SUM(CASE WHEN state IN ('created', 'pending') THEN 1 ELSE 0 END) AS BIGINT) AS open
    FROM payment_transactions WHERE livemode = $1 AND id >= $2 AND id < $3
    GROUP BY payment_method, currency ORDER BY payment_method, currency";
const PAID: &str =
    "SELECT payment_method, currency, CAST(SUM(amount) AS BIGINT) AS amount, COUNT(*) AS number
    FROM payment_transactions WHERE livemode = $1 AND paid_at >= $2 AND paid_at < $3
    GROUP BY payment_method, currency ORDER BY payment_method, currency";
// What goes back of money that no order took was never counted.
const WENT_BACK: &str =
    "SELECT p.payment_method, r.currency, CAST(SUM(r.amount) AS BIGINT) AS amount, COUNT(*) AS number
    FROM refunds r JOIN payment_transactions p ON p.id = r.payment_id
    WHERE p.livemode = $1 AND r.state = 'succeeded' AND r.suspense_id IS NULL
      AND r.settled_at >= $2 AND r.settled_at < $3
    GROUP BY p.payment_method, r.currency ORDER BY p.payment_method, r.currency";

pub(crate) const STATEMENTS: &[&str] =
    &[CONVERTED, HAVING, MOVED, OUTCOMES, PAID, PAYING, WENT_BACK];
