//! `quota_counters`: the truth about quota.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, SubscriptionId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::rows::{Cell, Kind, OverRows, Sheet};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::period::Period;
use crate::model::quota::{Meter, QuotaState, Units};

row!(
    pub(super) struct CounterRow {
        pub(super) period_start: At,
        pub(super) period_end: At,
        pub(super) quota_limit: Option<i64>,
        pub(super) used: i64,
        pub(super) held: i64,
    }
);

/// A counter, and the period it counts.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    pub(crate) period: Period,
    pub(crate) quota: QuotaState,
}

/// As a row says it.
pub(super) fn counter(id: SubscriptionId, meter: &Meter, row: &CounterRow) -> Result<Counter> {
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
        began_at: period.start,
        resets_at: period.end,
    };
    Ok(Counter { period, quota })
}

/// A counter: of a period, or of the one that is open.
pub(crate) type Of<'a> = (SubscriptionId, &'a Meter, Option<Timestamp>);

/// Counters are ours from now to the end of the transaction, taken in one order whoever asks: transactions that touch
/// several would otherwise wait for each other in a ring. On SQLite, who writes has all of them.
pub(crate) async fn lock_each(tx: &mut Tx, counters: &[Of<'_>], now: Timestamp) -> Result<()> {
    if counters.len() < 2 || matches!(tx, Tx::Sqlite(..)) {
        return Ok(());
    }
    let mut sheet = Sheet::default();
    for (id, meter, period_start) in counters {
        let period = period_start.map_or(Cell::Null, Cell::Time);
        sheet.row([Cell::Id(id.uuid()), Cell::Text(meter.as_str()), period]);
    }
    let (text, sheet) = (LOCK_EACH.text(tx), sheet.text());
    in_tx!(tx, |c| sqlx::query(text)
        .bind(&sheet)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Ends `held` units of a period, open or not, and charges `charged` of them. `None`: there were not so many.
pub(crate) async fn move_held(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
    held: Units,
    charged: Units,
    now: Timestamp,
) -> Result<Option<Counter>> {
    let (id, meter, period_start) = of;
    let row: Option<CounterRow> = in_tx!(tx, |c| sqlx::query_as(MOVE_HELD)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
        .bind(held.get())
        .bind(charged.get())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    row.map(|row| counter(id, meter, &row)).transpose()
}

/// Gives back what a period was charged, open or not. `None`: it was not charged so much.
pub(crate) async fn give_back(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
    units: Units,
    now: Timestamp,
) -> Result<Option<Counter>> {
    let (id, meter, period_start) = of;
    let row: Option<CounterRow> = in_tx!(tx, |c| sqlx::query_as(GIVE_BACK)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
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

/// The counter of a period, open or not.
pub(crate) async fn read_period(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
) -> Result<Option<Counter>> {
    let (id, meter, period_start) = of;
    let row: Option<CounterRow> = in_tx!(tx, |c| sqlx::query_as(READ_PERIOD)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
        .fetch_optional(c)
        .await)?;
    row.map(|row| counter(id, meter, &row)).transpose()
}

row!(
    struct LastRow {
        period_start: At,
        period_end: At,
        open_until: At,
        quota_limit: Option<i64>,
        used: i64,
        held: i64,
    }
);

/// A counter, and up to when it is right by itself.
#[derive(Clone, Debug)]
pub(crate) struct Last {
    pub(crate) counter: Counter,
    pub(crate) open_until: Timestamp,
}

/// The newest counter of a meter, ours from now to the end of the transaction: what was taken of it stays as it is read.
pub(crate) async fn lock_last(
    tx: &mut Tx,
    id: SubscriptionId,
    meter: &Meter,
    now: Timestamp,
) -> Result<Option<Last>> {
    let row: Option<LastRow> = in_tx!(tx, |c| sqlx::query_as(LOCK_LAST)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    let last = row.map(|row| {
        let open_until = Timestamp::from_utc(row.open_until);
        let row = CounterRow {
            period_start: row.period_start,
            period_end: row.period_end,
            quota_limit: row.quota_limit,
            used: row.used,
            held: row.held,
        };
        let counter = counter(id, meter, &row)?;
        Ok(Last {
            counter,
            open_until,
        })
    });
    last.transpose()
}

/// What a period begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) period: &'a Period,
    pub(crate) open_until: Timestamp,
    /// Of the plan and the grants together; `None` = unlimited.
    pub(crate) limit: Option<Units>,
    /// Of the grants.
    pub(crate) granted: i64,
}

/// Opens the counter of a period. `false`: there is one.
pub(crate) async fn open(
    tx: &mut Tx,
    id: SubscriptionId,
    meter: &Meter,
    opening: Opening<'_>,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(OPEN)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(opening.period.start.utc())
        .bind(opening.period.end.utc())
        .bind(opening.open_until.utc())
        .bind(opening.limit.map(Units::get))
        .bind(opening.granted)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Opens a period again that is still running, for as long as it is right by itself now.
pub(crate) async fn open_again(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
    period_end: Timestamp,
    open_until: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let (id, meter, period_start) = of;
    in_tx!(tx, |c| sqlx::query(OPEN_AGAIN)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
        .bind(period_end.utc())
        .bind(open_until.utc())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Closes what is older than a period that begins: no moment belongs to two counters.
pub(crate) async fn close_older(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
    now: Timestamp,
) -> Result<()> {
    let (id, meter, period_start) = of;
    in_tx!(tx, |c| sqlx::query(CLOSE_OLDER)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Pours bonus units into a period, or takes back what expired of them; from now on it is right by itself until
/// `open_until`, if that is earlier. `false`: more is taken than would be left, or it is unlimited.
pub(crate) async fn pour(
    tx: &mut Tx,
    of: (SubscriptionId, &Meter, Timestamp),
    limit: i64,
    granted: i64,
    open_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool> {
    let (id, meter, period_start) = of;
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(POUR)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
        .bind(limit)
        .bind(granted)
        .bind(open_until.map(Timestamp::utc))
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Marks that this much of a counter's limit, in percent, is told. `false`: that much is told already, or more. Units
/// that come back leave the mark, so that it is told once however often it is reached; a limit that rises takes it away.
pub(crate) async fn mark_told(
    tx: &mut Tx,
    id: SubscriptionId,
    quota: &QuotaState,
    percent: u8,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(MARK_TOLD)
        .bind(id.uuid())
        .bind(quota.meter.as_str())
        .bind(quota.began_at.utc())
        .bind(i64::from(percent))
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
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

/// The newest counter of a meter holds what another plan gives, from `limits.0` to `limits.1` of its own; never less than
/// what is taken.
pub(crate) async fn adapt(
    tx: &mut Tx,
    id: SubscriptionId,
    meter: &Meter,
    limits: (Option<Units>, Option<Units>),
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(ADAPT)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(limits.0.map(Units::get))
        .bind(limits.1.map(Units::get))
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

/// A term that grew keeps its counters open for longer. Those that hold bonus units, which may end before, are opened
/// again by the next roll.
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

static LOCK_EACH: OverRows = OverRows::new(
    &[
        ("subscription_id", Kind::Id),
        ("meter", Kind::Text),
        ("period_start", Kind::Time),
    ],
    |wanted| {
        format!(
            "SELECT 1 FROM {wanted} JOIN quota_counters c
    ON c.subscription_id = wanted.subscription_id AND c.meter = wanted.meter
      AND (c.period_start = wanted.period_start
           OR wanted.period_start IS NULL AND c.period_start <= $2 AND c.open_until > $2)
    ORDER BY c.subscription_id, c.meter, c.period_start"
        )
    },
)
.locking(" FOR NO KEY UPDATE OF c");
const MOVE_HELD: &str =
    "UPDATE quota_counters SET held = held - $4, used = used + $5, updated_at = $6
    WHERE subscription_id = $1 AND meter = $2 AND period_start = $3 AND held >= $4
    RETURNING period_start, period_end, quota_limit, used, held";
const GIVE_BACK: &str = "UPDATE quota_counters SET used = used - $4, updated_at = $5
    WHERE subscription_id = $1 AND meter = $2 AND period_start = $3 AND used >= $4
    RETURNING period_start, period_end, quota_limit, used, held";
const FIND: &str = "SELECT period_start, period_end, quota_limit, used, held FROM quota_counters
    WHERE subscription_id = $1 AND meter = $2 AND period_start <= $3 AND open_until > $3";
const READ_PERIOD: &str =
    "SELECT period_start, period_end, quota_limit, used, held FROM quota_counters
    WHERE subscription_id = $1 AND meter = $2 AND period_start = $3";
const LOCK_LAST: &str = "UPDATE quota_counters SET updated_at = $3
    WHERE subscription_id = $1 AND meter = $2 AND period_start =
        (SELECT MAX(period_start) FROM quota_counters WHERE subscription_id = $1 AND meter = $2)
    RETURNING period_start, period_end, open_until, quota_limit, used, held";
// NOT EXISTS, since on PostgreSQL an insert that meets a row which a call is just changing waits for that call, which
// waits for the subscription that the roll holds: a deadlock. Whoever rolls holds the subscription, so nobody inserts
// the same row meanwhile.
const OPEN: &str = "INSERT INTO quota_counters
    (subscription_id, meter, period_start, period_end, open_until, quota_limit, granted, created_at, updated_at)
    SELECT s.id, $2, $3, $4, $5, $6, $7, $8, $8 FROM subscriptions s
    WHERE s.id = $1
      AND NOT EXISTS (SELECT 1 FROM quota_counters c
                      WHERE c.subscription_id = $1 AND c.meter = $2 AND c.period_start = $3)
    ON CONFLICT (subscription_id, meter, period_start) DO NOTHING RETURNING subscription_id";
const OPEN_AGAIN: &str =
    "UPDATE quota_counters SET period_end = $4, open_until = $5, updated_at = $6
    WHERE subscription_id = $1 AND meter = $2 AND period_start = $3";
const CLOSE_OLDER: &str = "UPDATE quota_counters SET open_until = period_start, updated_at = $4
    WHERE subscription_id = $1 AND meter = $2 AND period_start < $3 AND open_until > $3";
const POUR: &str =
    "UPDATE quota_counters SET quota_limit = quota_limit + $4, granted = granted + $5,
    open_until = CASE WHEN open_until > $6 THEN $6 ELSE open_until END,
    notified = CASE WHEN $4 > 0 THEN 0 ELSE notified END, updated_at = $7
    WHERE subscription_id = $1 AND meter = $2 AND period_start = $3 AND quota_limit IS NOT NULL
      AND used + held <= quota_limit + $4 AND granted + $5 >= 0
    RETURNING subscription_id";
const MARK_TOLD: &str = "UPDATE quota_counters SET notified = $4
    WHERE subscription_id = $1 AND meter = $2 AND period_start = $3 AND notified < $4
    RETURNING subscription_id";
const CLOSE: &str = "UPDATE quota_counters SET open_until = period_start, updated_at = $2
    WHERE subscription_id = $1 AND open_until > $2";
const CUT: &str = "UPDATE quota_counters SET open_until = $2, updated_at = $3
    WHERE subscription_id = $1 AND open_until > $2";
const ADAPT: &str = "UPDATE quota_counters SET updated_at = $5,
    notified = CASE WHEN CAST($4 AS BIGINT) IS NULL OR CAST($4 AS BIGINT) > CAST($3 AS BIGINT) THEN 0 ELSE notified END,
    quota_limit = CASE WHEN CAST($4 AS BIGINT) IS NULL THEN NULL
        WHEN COALESCE(quota_limit, 0) + $4 - COALESCE(CAST($3 AS BIGINT), COALESCE(quota_limit, 0)) < used + held
            THEN used + held
        ELSE COALESCE(quota_limit, 0) + $4 - COALESCE(CAST($3 AS BIGINT), COALESCE(quota_limit, 0)) END
    WHERE subscription_id = $1 AND meter = $2 AND period_start =
        (SELECT MAX(period_start) FROM quota_counters WHERE subscription_id = $1 AND meter = $2)";
const REOPEN: &str = "UPDATE quota_counters SET open_until = $3
    WHERE subscription_id = $1 AND period_start = $2 AND open_until < $3 AND granted = 0";

pub(crate) const STATEMENTS: &[&str] = &[
    MOVE_HELD,
    GIVE_BACK,
    FIND,
    READ_PERIOD,
    LOCK_LAST,
    OPEN,
    OPEN_AGAIN,
    CLOSE_OLDER,
    ADAPT,
    POUR,
    MARK_TOLD,
    CLOSE,
    CUT,
    REOPEN,
];
pub(crate) const OVER_ROWS: &[&OverRows] = &[&LOCK_EACH];
