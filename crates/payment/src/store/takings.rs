//! What calls take of `quota_counters`: of many at once, each all of its own or nothing.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, SubscriptionId};
use tollgate_storage::db::Tx;
use tollgate_storage::rows::{Cell, Columns, Kind, OverRows, Sheet};
use tollgate_storage::{Result, StorageError, in_tx, row};
use uuid::Uuid;

use super::quota_counters::{Counter, CounterRow, counter};
use super::{At, Reader};
use crate::model::quota::Meter;

/// What one counter is to give: at once or set aside, all of it or nothing.
#[derive(Clone, Debug)]
pub(crate) struct Taking<'a> {
    pub(crate) subscription: SubscriptionId,
    /// Of the subscription, as its prices were read: it must still stand so.
    pub(crate) version: i64,
    pub(crate) meter: &'a Meter,
    pub(crate) units: i64,
    pub(crate) held: i64,
}

row!(
    struct TakenRow {
        subscription_id: Uuid,
        meter: String,
        period_start: At,
        period_end: At,
        quota_limit: Option<i64>,
        used: i64,
        held: i64,
    }
);

/// From so many counters on, one text for all of them costs SQLite less than a row for each.
const MANY: usize = 64;

/// Takes from the open periods of many counters, no counter twice. Those that gave nothing are missing: too few are
/// left, the period is not rolled yet, the right is over, or the subscription changed; only then is anything read to
/// say which.
pub(crate) async fn take_each(
    tx: &mut Tx,
    takings: &[Taking<'_>],
    now: Timestamp,
) -> Result<Vec<(SubscriptionId, Counter)>> {
    let mut sheet = Sheet::default();
    for (taking, place) in takings.iter().zip(0_i64..) {
        sheet.row([
            Cell::Id(taking.subscription.uuid()),
            Cell::Text(taking.meter.as_str()),
            Cell::Number(taking.version),
            Cell::Number(taking.units),
            Cell::Number(taking.held),
            Cell::Number(place),
        ]);
    }
    if sheet.is_empty() {
        return Ok(Vec::new());
    }
    let sheet = sheet.text();
    if takings.len() >= MANY && matches!(tx, Tx::Sqlite(..)) {
        return take_those_that_fit(tx, takings, &sheet, now).await;
    }
    let text = TAKE_EACH.text(tx);
    let rows: Vec<TakenRow> = in_tx!(tx, |c| sqlx::query_as(text)
        .bind(&sheet)
        .bind(now.utc())
        .fetch_all(c)
        .await)?;
    let taken = rows.into_iter().map(|row| {
        let id = SubscriptionId::from(row.subscription_id);
        let read = Reader {
            table: "quota_counters",
            row: row.subscription_id,
        };
        let meter: Meter = read.text("meter", &row.meter)?;
        let row = CounterRow {
            period_start: row.period_start,
            period_end: row.period_end,
            quota_limit: row.quota_limit,
            used: row.used,
            held: row.held,
        };
        Ok((id, counter(id, &meter, &row)?))
    });
    taken.collect()
}

/// SQLite's driver hands over row by row from a thread of its own, and each wakes us. So what `RETURNING` would say is
/// asked for as one text before. Between the two nothing changes, since a transaction that writes has the database for
/// itself; the statement that takes has the conditions all the same.
async fn take_those_that_fit(
    tx: &mut Tx,
    takings: &[Taking<'_>],
    sheet: &str,
    now: Timestamp,
) -> Result<Vec<(SubscriptionId, Counter)>> {
    let (fitting, take) = (FITTING.text(tx), TAKE_FITTING.text(tx));
    let (text,): (Option<String>,) = in_tx!(tx, |c| sqlx::query_as(fitting)
        .bind(sheet)
        .bind(now.utc())
        .fetch_one(c)
        .await)?;
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    let taken = in_tx!(tx, |c| sqlx::query(take)
        .bind(sheet)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    let all: Option<Vec<_>> = text.split(';').map(|one| written(one, takings)).collect();
    let all = all.filter(|all| u64::try_from(all.len()) == Ok(taken));
    let all = all.ok_or_else(|| StorageError::Inconsistent {
        table: "quota_counters",
        column: "used",
        row: format!("{taken} of {text}"),
    })?;
    let all = all.into_iter().map(|(taking, row)| {
        let counter = counter(taking.subscription, taking.meter, &row)?;
        Ok((taking.subscription, counter))
    });
    all.collect()
}

/// As `FITTING` writes one: whose it is by its place, then its columns in their order; `-` for what is null.
fn written<'t, 'a>(text: &str, takings: &'t [Taking<'a>]) -> Option<(&'t Taking<'a>, CounterRow)> {
    let mut cells = text.split('|');
    let taking = takings.get(cells.next()?.parse::<usize>().ok()?)?;
    let row = CounterRow {
        period_start: cells.next()?.parse().ok()?,
        period_end: cells.next()?.parse().ok()?,
        quota_limit: match cells.next()? {
            "-" => None,
            limit => Some(limit.parse().ok()?),
        },
        used: cells.next()?.parse().ok()?,
        held: cells.next()?.parse().ok()?,
    };
    Some((taking, row))
}

static TAKE_EACH: OverRows = OverRows::new(TAKINGS, |wanted| {
    format!(
        "{} RETURNING quota_counters.subscription_id, quota_counters.meter, period_start, period_end, quota_limit, used, held",
        take(wanted)
    )
});
static TAKE_FITTING: OverRows = OverRows::new(TAKINGS, take);
fn take(wanted: &str) -> String {
    format!(
        "UPDATE quota_counters SET used = used + wanted.units, held = held + wanted.holding, updated_at = $2
    FROM {wanted} WHERE {FITS}"
    )
}
// Asked on SQLite only.
static FITTING: OverRows = OverRows::new(TAKINGS, |wanted| {
    format!(
        "SELECT string_agg(CAST(wanted.place AS TEXT) || '|' || CAST(period_start AS TEXT) || '|' || CAST(period_end AS TEXT)
        || '|' || COALESCE(CAST(quota_limit AS TEXT), '-') || '|' || CAST(used + wanted.units AS TEXT)
        || '|' || CAST(held + wanted.holding AS TEXT), ';')
    FROM {wanted} CROSS JOIN quota_counters WHERE {FITS}"
    )
});
const TAKINGS: Columns = &[
    ("subscription_id", Kind::Id),
    ("meter", Kind::Text),
    ("version", Kind::Number),
    ("units", Kind::Number),
    ("holding", Kind::Number),
    ("place", Kind::Number),
];
// The EXISTS is a second lock on the door (a row changed by hand, a forgotten close), and holds the prices to what stands;
// the first is open_until, in the row itself, which PostgreSQL reads again after waiting for it.
const FITS: &str = "quota_counters.subscription_id = wanted.subscription_id AND quota_counters.meter = wanted.meter
      AND period_start <= $2 AND open_until > $2
      AND (quota_limit IS NULL OR used + held + wanted.units + wanted.holding <= quota_limit)
      AND EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = wanted.subscription_id AND s.ended_at IS NULL
                  AND s.version = wanted.version AND (s.entitled_until IS NULL OR s.entitled_until > $2))";

pub(crate) const OVER_ROWS: &[&OverRows] = &[&TAKE_EACH, &TAKE_FITTING, &FITTING];
