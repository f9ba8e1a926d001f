//! `quota_counters`: the truth about quota.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, SubscriptionId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};

use super::{At, Reader};
use crate::model::period::Period;
use crate::model::quota::{Meter, QuotaState, Units};

row!(
    struct CounterRow {
        period_start: At,
        period_end: At,
        quota_limit: Option<i64>,
        used: i64,
        held: i64,
    }
);

/// A counter, and the period it counts.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    pub(crate) period: Period,
    pub(crate) quota: QuotaState,
}

fn counter(id: SubscriptionId, meter: &Meter, row: &CounterRow) -> Result<Counter> {
    let read = Reader {
        table: "quota_counters",
        row: id.uuid(),
    };
    let period = Period {
        start: Timestamp::from_utc(row.period_start),
        end: Timestamp::from_utc(row.period_end),
    };
    let quota = QuotaState {
        meter: meter.clone(),
        limit: read.limit("quota_limit", row.quota_limit)?,
        used: read.units("used", row.used)?,
        held: read.units("held", row.held)?,
        resets_at: period.end,
    };
    Ok(Counter { period, quota })
}

/// Takes `units` from the open period, or takes nothing. `None`: too few are left, the period is
/// not rolled yet, or the right is over; only then is anything read to say which.
pub(crate) async fn spend(
    tx: &mut Tx,
    id: SubscriptionId,
    meter: &Meter,
    units: Units,
    now: Timestamp,
) -> Result<Option<Counter>> {
    let row: Option<CounterRow> = in_tx!(tx, |c| sqlx::query_as(SPEND)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(units.get())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    row.map(|row| counter(id, meter, &row)).transpose()
}

/// The counter of the period that `now` lies in.
pub(crate) async fn find(
    db: &Db,
    id: SubscriptionId,
    meter: &Meter,
    now: Timestamp,
) -> Result<Option<Counter>> {
    let row: Option<CounterRow> = on_read!(db, |e| sqlx::query_as(FIND)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(now.utc())
        .fetch_optional(e)
        .await)?;
    row.map(|row| counter(id, meter, &row)).transpose()
}

/// The same, inside a transaction.
pub(crate) async fn read(
    tx: &mut Tx,
    id: SubscriptionId,
    meter: &Meter,
    now: Timestamp,
) -> Result<Option<Counter>> {
    let row: Option<CounterRow> = in_tx!(tx, |c| sqlx::query_as(FIND)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    row.map(|row| counter(id, meter, &row)).transpose()
}

row!(
    struct RolledRow {
        quota_limit: Option<i64>,
    }
);

/// Opens the counter of a period with the limit of the plan's version. `None`: it is open already.
pub(crate) async fn roll(
    tx: &mut Tx,
    id: SubscriptionId,
    meter: &Meter,
    period: &Period,
    open_until: Timestamp,
    now: Timestamp,
) -> Result<Option<Option<Units>>> {
    let row: Option<RolledRow> = in_tx!(tx, |c| sqlx::query_as(ROLL_INSERT)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(period.start.utc())
        .bind(period.end.utc())
        .bind(open_until.utc())
        .bind(0_i64)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    row.map(|row| {
        Reader {
            table: "quota_counters",
            row: id.uuid(),
        }
        .limit("quota_limit", row.quota_limit)
    })
    .transpose()
}

/// Closes every open counter of a subscription, to its period's start: a spend that read its clock
/// before a close "to now" would still pass.
pub(crate) async fn close(tx: &mut Tx, id: SubscriptionId, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(CLOSE)
        .bind(id.uuid())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// A term that became shorter closes its counters earlier.
pub(crate) async fn cut(
    tx: &mut Tx,
    id: SubscriptionId,
    open_until: Timestamp,
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(CUT)
        .bind(id.uuid())
        .bind(open_until.utc())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// A term that grew keeps its counters open for longer.
pub(crate) async fn reopen(
    tx: &mut Tx,
    id: SubscriptionId,
    period: &Period,
    open_until: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(REOPEN)
        .bind(id.uuid())
        .bind(period.start.utc())
        .bind(open_until.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

// The EXISTS is a second lock on the door (a row changed by hand, a forgotten close); the first is
// open_until, in the row itself, which PostgreSQL reads again after waiting for it.
const SPEND: &str = "UPDATE quota_counters SET used = used + $3, updated_at = $4
    WHERE subscription_id = $1 AND meter = $2 AND period_start <= $4 AND open_until > $4
      AND (quota_limit IS NULL OR used + held + $3 <= quota_limit)
      AND EXISTS (SELECT 1 FROM user_subscriptions s WHERE s.id = $1 AND s.ended_at IS NULL
                  AND (s.entitled_until IS NULL OR s.entitled_until > $4))
    RETURNING period_start, period_end, quota_limit, used, held";
const FIND: &str = "SELECT period_start, period_end, quota_limit, used, held FROM quota_counters
    WHERE subscription_id = $1 AND meter = $2 AND period_start <= $3 AND open_until > $3";
// NOT EXISTS, since on PostgreSQL an insert that meets a row which a spend is just changing waits for
// that spend, which waits for the subscription that the roll holds: a deadlock. Whoever rolls holds
// the subscription, so nobody inserts the same row meanwhile.
const ROLL_INSERT: &str = "INSERT INTO quota_counters
    (subscription_id, meter, period_start, period_end, open_until, quota_limit, granted, created_at, updated_at)
    SELECT s.id, m.meter, $3, $4, $5, m.quota_limit + $6, $6, $7, $7
    FROM user_subscriptions s JOIN plan_meters m ON m.plan_id = s.plan_id AND m.version = s.plan_version
    WHERE s.id = $1 AND m.meter = $2
      AND NOT EXISTS (SELECT 1 FROM quota_counters c
                      WHERE c.subscription_id = $1 AND c.meter = $2 AND c.period_start = $3)
    ON CONFLICT (subscription_id, meter, period_start) DO NOTHING RETURNING quota_limit";
const CLOSE: &str = "UPDATE quota_counters SET open_until = period_start, updated_at = $2
    WHERE subscription_id = $1 AND open_until > $2";
const CUT: &str = "UPDATE quota_counters SET open_until = $2, updated_at = $3
    WHERE subscription_id = $1 AND open_until > $2";
const REOPEN: &str = "UPDATE quota_counters SET open_until = $3
    WHERE subscription_id = $1 AND period_start = $2 AND open_until < $3";

pub(crate) const STATEMENTS: &[&str] = &[SPEND, FIND, ROLL_INSERT, CLOSE, CUT, REOPEN];
