//! What a served number is made of, read inside one transaction that sees one moment.

use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{HoldId, Id as _, Ids, PlanId, SubscriptionId, UsageId, UserId};
use tollgate_storage::db::Tx;
use tollgate_storage::rows::{Cell, Kind, OverRows, Sheet};
use tollgate_storage::{Result, in_tx, row};
use uuid::Uuid;

use super::At;
use crate::model::explain::{Aside, Calls, Filled, Given, Past, PlanName};
use crate::model::period::Period;
use crate::model::plan::PlanTexts;
use crate::model::pots::Pot;
use crate::model::quota::Meter;

row!(
    struct NameRow {
        slug: String,
        name: String,
        texts: Json<PlanTexts>,
    }
);

/// What a plan is called: by code, in the language of the house, and in every language.
pub(crate) async fn name(tx: &mut Tx, plan: PlanId) -> Result<Option<PlanName>> {
    let row: Option<NameRow> = in_tx!(tx, |c| sqlx::query_as(NAME)
        .bind(plan.uuid())
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|row| PlanName::new(row.slug, row.name, &row.texts.0)))
}

/// One meter in one period of one subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of<'a> {
    pub(crate) user: UserId,
    pub(crate) subscription: SubscriptionId,
    pub(crate) meter: &'a Meter,
    pub(crate) period_start: Timestamp,
}

row!(
    struct PastRow {
        period_start: At,
        period_end: At,
        quota_limit: Option<i64>,
        used: i64,
        held: i64,
    }
);

/// The counter before this one.
pub(crate) async fn before(tx: &mut Tx, of: Of<'_>) -> Result<Option<Past>> {
    let row: Option<PastRow> = in_tx!(tx, |c| sqlx::query_as(BEFORE)
        .bind(of.subscription.uuid())
        .bind(of.meter.as_str())
        .bind(of.period_start.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|row| Past {
        period: Period {
            start: Timestamp::from_utc(row.period_start),
            // What began anew before its time, as another plan does, ended there.
            end: Timestamp::from_utc(row.period_end).min(of.period_start),
        },
        limit: row.quota_limit,
        used: row.used,
        held: row.held,
    }))
}

row!(
    struct GivenRow {
        slug: String,
        name: String,
        texts: Json<PlanTexts>,
        version: i64,
        quota_limit: Option<i64>,
    }
);

/// What the terms of a subscription that have begun give of a meter, the newest first.
pub(crate) async fn given(
    tx: &mut Tx,
    subscription: SubscriptionId,
    meter: &Meter,
    now: Timestamp,
) -> Result<Vec<Given>> {
    let rows: Vec<GivenRow> = in_tx!(tx, |c| sqlx::query_as(GIVEN)
        .bind(subscription.uuid())
        .bind(meter.as_str())
        .bind(now.utc())
        .fetch_all(c)
        .await)?;
    let given = rows.into_iter().map(|row| Given {
        plan: PlanName::new(row.slug, row.name, &row.texts.0),
        version: row.version,
        limit: row.quota_limit,
        kept: 0,
    });
    Ok(given.collect())
}

row!(
    struct FilledRow {
        grant_id: Uuid,
        poured: i64,
        burned: i64,
        closed_at: Option<At>,
        returned: i64,
        returned_at: Option<At>,
        given: i64,
        spent: i64,
        reason: String,
        created_at: At,
        expires_at: Option<At>,
    }
);

/// The pots of the counter, with their grants.
pub(crate) async fn grants(tx: &mut Tx, of: Of<'_>) -> Result<Vec<Filled>> {
    let rows: Vec<FilledRow> = in_tx!(tx, |c| sqlx::query_as(GRANTS)
        .bind(of.subscription.uuid())
        .bind(of.meter.as_str())
        .bind(of.period_start.utc())
        .fetch_all(c)
        .await)?;
    let grants = rows.into_iter().map(|row| Filled {
        pot: Pot {
            grant: row.grant_id.into(),
            units: row.poured,
            expires_at: row.expires_at.map(Timestamp::from_utc),
        },
        closed: row.closed_at.map(|_| row.burned),
        returned: row.returned,
        returned_at: row.returned_at.map(Timestamp::from_utc),
        given: row.given,
        spent: row.spent,
        reason: row.reason,
        given_at: Timestamp::from_utc(row.created_at),
    });
    Ok(grants.collect())
}

/// Before then the log is not kept.
pub(crate) async fn kept_from(tx: &mut Tx) -> Result<Option<Timestamp>> {
    let row: Option<(At,)> = in_tx!(tx, |c| sqlx::query_as(KEPT_FROM).fetch_optional(c).await)?;
    Ok(row.map(|(upto,)| Timestamp::from_utc(upto)))
}

row!(
    struct EntryRow {
        id: Uuid,
        resource_type: String,
        quota_cost: i64,
        created_at: At,
        refund_of: Option<Uuid>,
    }
);

/// At most `limit` rows of the log from `from` on, the oldest first: what was charged, and what was given back.
pub(crate) async fn entries(
    tx: &mut Tx,
    of: Of<'_>,
    from: Timestamp,
    limit: i64,
) -> Result<(Vec<Calls>, Vec<Calls>)> {
    let rows: Vec<EntryRow> = in_tx!(tx, |c| sqlx::query_as(ENTRIES)
        .bind(of.user.uuid())
        .bind(Ids::lowest::<UsageId>(from).uuid())
        .bind(of.subscription.uuid())
        .bind(of.meter.as_str())
        .bind(of.period_start.utc())
        .bind(limit)
        .fetch_all(c)
        .await)?;
    let calls = rows.into_iter().map(|row| Calls {
        resource_type: Some(row.resource_type),
        count: 1,
        units: row.quota_cost.saturating_abs(),
        since: None,
        at: Timestamp::from_utc(row.created_at),
        usage: Some(row.id.into()),
        refund_of: row.refund_of.map(UsageId::from),
    });
    Ok(calls.partition(|calls| calls.refund_of.is_none()))
}

row!(
    struct SumRow {
        span: i64,
        resource_type: Option<String>,
        used: i64,
        calls: i64,
        returned: i64,
        refunds: i64,
    }
);

/// Sums of the log, span by span: what was charged, and what was given back. The last span goes on, since clocks of
/// instances differ. By resource type, or for all of them together. `None`: they are more than `most`.
pub(crate) async fn sums(
    tx: &mut Tx,
    of: Of<'_>,
    spans: &[Period],
    by_type: bool,
    most: usize,
) -> Result<Option<(Vec<Calls>, Vec<Calls>)>> {
    let mut sheet = Sheet::default();
    for (span, number) in spans.iter().zip(0_i64..) {
        let is_last = spans.last() == Some(span);
        let end = Ids::lowest::<UsageId>(span.end).uuid();
        sheet.row([
            Cell::Number(number),
            Cell::Id(Ids::lowest::<UsageId>(span.start).uuid()),
            Cell::Id(if is_last { Uuid::max() } else { end }),
        ]);
    }
    let statement = if by_type { &SUMS_BY_TYPE } else { &SUMS };
    let (text, sheet) = (statement.text(tx), sheet.text());
    // One more than may be told says whether there are more.
    let reach = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let rows: Vec<SumRow> = in_tx!(tx, |c| sqlx::query_as(text)
        .bind(&sheet)
        .bind(of.user.uuid())
        .bind(of.subscription.uuid())
        .bind(of.meter.as_str())
        .bind(of.period_start.utc())
        .bind(reach)
        .fetch_all(c)
        .await)?;
    if rows.len() > most {
        return Ok(None);
    }
    let (mut used, mut returned) = (Vec::new(), Vec::new());
    for row in rows {
        let span = usize::try_from(row.span)
            .ok()
            .and_then(|span| spans.get(span));
        let Some(span) = span else { continue };
        let calls = |count, units| Calls {
            resource_type: row.resource_type.clone(),
            count,
            units,
            since: Some(span.start),
            at: span.end,
            usage: None,
            refund_of: None,
        };
        if row.calls > 0 {
            used.push(calls(row.calls, row.used));
        }
        if row.refunds > 0 {
            returned.push(calls(row.refunds, row.returned));
        }
    }
    Ok(Some((used, returned)))
}

row!(
    struct HoldRow {
        id: Uuid,
        resource_type: String,
        units: i64,
        created_at: At,
        expires_at: At,
    }
);

/// At most `limit` holds that nobody has settled.
pub(crate) async fn holds(tx: &mut Tx, of: Of<'_>, limit: i64) -> Result<Vec<Aside>> {
    let rows: Vec<HoldRow> = in_tx!(tx, |c| sqlx::query_as(HOLDS)
        .bind(of.subscription.uuid())
        .bind(of.meter.as_str())
        .bind(of.period_start.utc())
        .bind(limit)
        .fetch_all(c)
        .await)?;
    let held = rows.into_iter().map(|row| Aside {
        hold: Some(HoldId::from(row.id)),
        resource_type: Some(row.resource_type),
        count: 1,
        units: row.units,
        at: Timestamp::from_utc(row.created_at),
        expires_at: Timestamp::from_utc(row.expires_at),
    });
    Ok(held.collect())
}

row!(
    struct HeldRow {
        holds: i64,
        units: i64,
        created_at: Option<At>,
        expires_at: Option<At>,
    }
);

/// All of them together.
pub(crate) async fn held(tx: &mut Tx, of: Of<'_>) -> Result<Option<Aside>> {
    let row: HeldRow = in_tx!(tx, |c| sqlx::query_as(HELD)
        .bind(of.subscription.uuid())
        .bind(of.meter.as_str())
        .bind(of.period_start.utc())
        .fetch_one(c)
        .await)?;
    let times = row.created_at.zip(row.expires_at);
    Ok(times.map(|(created_at, expires_at)| Aside {
        hold: None,
        resource_type: None,
        count: row.holds,
        units: row.units,
        at: Timestamp::from_utc(created_at),
        expires_at: Timestamp::from_utc(expires_at),
    }))
}

const NAME: &str = "SELECT slug, name, texts FROM subscription_plans WHERE id = $1";
const BEFORE: &str = "SELECT period_start, period_end, quota_limit, used, held FROM quota_counters
    WHERE subscription_id = $1 AND meter = $2 AND period_start < $3 ORDER BY period_start DESC LIMIT 1";
const GIVEN: &str = "SELECT p.slug, p.name, p.texts, m.version, m.quota_limit FROM subscription_terms t
    JOIN plan_meters m ON m.plan_id = t.plan_id AND m.version = t.plan_version
    JOIN subscription_plans p ON p.id = t.plan_id
    WHERE t.subscription_id = $1 AND m.meter = $2 AND t.starts_at <= $3 ORDER BY t.starts_at DESC LIMIT 100";
const GRANTS: &str =
    "SELECT p.grant_id, p.units AS poured, p.burned, p.closed_at, p.returned, p.returned_at,
    g.units AS given, g.spent, g.reason,
    g.created_at, g.expires_at
    FROM quota_pots p JOIN quota_grants g ON g.id = p.grant_id
    WHERE p.subscription_id = $1 AND p.meter = $2 AND p.period_start = $3 ORDER BY p.grant_id";
const KEPT_FROM: &str = "SELECT upto FROM usage_marks WHERE name = 'dropped'";
const ENTRIES: &str = "SELECT id, resource_type, quota_cost, created_at, refund_of FROM usage_logs
    WHERE user_id = $1 AND id >= $2 AND subscription_id = $3 AND meter = $4 AND period_start = $5
    ORDER BY id LIMIT $6";
const HOLDS: &str = "SELECT id, resource_type, units, created_at, expires_at FROM quota_holds
    WHERE subscription_id = $1 AND meter = $2 AND period_start = $3 AND state = 'held' ORDER BY id LIMIT $4";
const HELD: &str = "SELECT COUNT(*) AS holds, CAST(COALESCE(SUM(units), 0) AS BIGINT) AS units,
    MIN(created_at) AS created_at, MIN(expires_at) AS expires_at FROM quota_holds
    WHERE subscription_id = $1 AND meter = $2 AND period_start = $3 AND state = 'held'";
const SPANS: &[(&str, Kind)] = &[
    ("span", Kind::Number),
    ("lowest", Kind::Id),
    ("beyond", Kind::Id),
];
// SUM(bigint) is NUMERIC on PostgreSQL. A refund is a row of its own and no call.
macro_rules! sums {
    ($kind:literal, $group:literal) => {
        |wanted| {
            format!(
                "SELECT wanted.span, {} AS resource_type,
    CAST(SUM(CASE WHEN l.refund_of IS NULL THEN l.quota_cost ELSE 0 END) AS BIGINT) AS used,
    CAST(SUM(CASE WHEN l.refund_of IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS calls,
    CAST(SUM(CASE WHEN l.refund_of IS NULL THEN 0 ELSE -l.quota_cost END) AS BIGINT) AS returned,
    CAST(SUM(CASE WHEN l.refund_of IS NULL THEN 0 ELSE 1 END) AS BIGINT) AS refunds
    FROM {wanted} JOIN usage_logs l ON l.user_id = $2 AND l.id >= wanted.lowest AND l.id < wanted.beyond
    WHERE l.subscription_id = $3 AND l.meter = $4 AND l.period_start = $5
    GROUP BY {} ORDER BY {} LIMIT $6",
                $kind, $group, $group
            )
        }
    };
}
static SUMS_BY_TYPE: OverRows = OverRows::new(
    SPANS,
    sums!("l.resource_type", "wanted.span, l.resource_type"),
);
static SUMS: OverRows = OverRows::new(SPANS, sums!("CAST(NULL AS TEXT)", "wanted.span"));

pub(crate) const STATEMENTS: &[&str] =
    &[NAME, BEFORE, GIVEN, GRANTS, KEPT_FROM, ENTRIES, HOLDS, HELD];
pub(crate) const OVER_ROWS: &[&OverRows] = &[&SUMS_BY_TYPE, &SUMS];
