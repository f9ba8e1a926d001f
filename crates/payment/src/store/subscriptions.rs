//! `subscriptions`.

use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, PlanId, SubscriptionId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::period::Anchor;
use crate::model::subscription::{Subscription, SubscriptionState};

row!(
    struct SubscriptionRow {
        id: Uuid,
        user_id: Uuid,
        plan_id: Uuid,
        current_period_start: At,
        current_period_end: Option<At>,
        auto_renew: bool,
        created_at: At,
        updated_at: At,
        state: String,
        plan_version: i64,
        anchor_at: At,
        anchor_zone: String,
        entitled_until: Option<At>,
        quota_meter: String,
        version: i64,
        next_plan_id: Option<Uuid>,
        turns_at: Option<At>,
    }
);

impl TryFrom<SubscriptionRow> for Subscription {
    type Error = tollgate_storage::StorageError;

    fn try_from(row: SubscriptionRow) -> Result<Self> {
        let read = Reader {
            table: "subscriptions",
            row: row.id,
        };
        let zone: Tz = read.text("anchor_zone", &row.anchor_zone)?;
        Ok(Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            plan_id: row.plan_id.into(),
            plan_version: row.plan_version,
            state: read.text("state", &row.state)?,
            term_start: Timestamp::from_utc(row.current_period_start),
            term_end: row.current_period_end.map(Timestamp::from_utc),
            entitled_until: row.entitled_until.map(Timestamp::from_utc),
            anchor: Anchor::new(Timestamp::from_utc(row.anchor_at), zone),
            meter: read.text("quota_meter", &row.quota_meter)?,
            auto_renew: row.auto_renew,
            next_plan: row.next_plan_id.map(PlanId::from),
            turns_at: row.turns_at.map(Timestamp::from_utc),
            created_at: Timestamp::from_utc(row.created_at),
            updated_at: Timestamp::from_utc(row.updated_at),
            version: row.version,
        })
    }
}

/// What a person has, ended by nobody yet (its term may be over).
pub(crate) async fn find_live(
    db: &Db,
    user: UserId,
    livemode: bool,
) -> Result<Option<Subscription>> {
    let row: Option<SubscriptionRow> = on_read!(db, |e| sqlx::query_as(FIND_LIVE)
        .bind(user.uuid())
        .bind(livemode)
        .fetch_optional(e)
        .await)?;
    row.map(Subscription::try_from).transpose()
}

/// The same, inside a transaction.
pub(crate) async fn read_live(
    tx: &mut Tx,
    user: UserId,
    livemode: bool,
) -> Result<Option<Subscription>> {
    let row: Option<SubscriptionRow> = in_tx!(tx, |c| sqlx::query_as(FIND_LIVE)
        .bind(user.uuid())
        .bind(livemode)
        .fetch_optional(c)
        .await)?;
    row.map(Subscription::try_from).transpose()
}

/// By its id, ended or not.
pub(crate) async fn read(tx: &mut Tx, id: SubscriptionId) -> Result<Option<Subscription>> {
    let row: Option<SubscriptionRow> = in_tx!(tx, |c| sqlx::query_as(READ)
        .bind(id.uuid())
        .fetch_optional(c)
        .await)?;
    row.map(Subscription::try_from).transpose()
}

/// Begins a subscription. `false`: the person has a live one already.
pub(crate) async fn insert(tx: &mut Tx, new: &Subscription, livemode: bool) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(INSERT)
        .bind(new.id.uuid())
        .bind(new.user_id.uuid())
        .bind(new.plan_id.uuid())
        .bind(new.term_start.utc())
        .bind(new.term_end.map(Timestamp::utc))
        .bind(new.created_at.utc())
        .bind(new.plan_version)
        .bind(livemode)
        .bind(new.anchor.at().utc())
        .bind(new.anchor.zone().name())
        .bind(new.entitled_until.map(Timestamp::utc))
        .bind(new.meter.as_str())
        .bind(new.state.as_str())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Moves the end of the term, and what follows from it: `then` stands as it is to be. `false`: it changed since it was
/// read; read it again.
pub(crate) async fn extend(tx: &mut Tx, then: &Subscription, now: Timestamp) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(EXTEND)
        .bind(then.id.uuid())
        .bind(then.version)
        .bind(then.term_end.map(Timestamp::utc))
        .bind(now.utc())
        .bind(then.state.as_str())
        .bind(then.state.status().as_str())
        .bind(then.entitled_until.map(Timestamp::utc))
        .bind(then.turns_at.map(Timestamp::utc))
        .bind(then.next_plan.map(PlanId::uuid))
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// What it is of from now on, since a later term has begun. `false`: it changed since it was read.
pub(crate) async fn turn(tx: &mut Tx, then: &Subscription, now: Timestamp) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(TURN)
        .bind(then.id.uuid())
        .bind(then.version)
        .bind(now.utc())
        .bind(then.plan_id.uuid())
        .bind(then.plan_version)
        .bind(then.anchor.at().utc())
        .bind(then.meter.as_str())
        .bind(then.turns_at.map(Timestamp::utc))
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Which plan is wanted when the paid term ends, or none any more. `false`: it changed since it was read.
pub(crate) async fn want_next(tx: &mut Tx, then: &Subscription, now: Timestamp) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(WANT_NEXT)
        .bind(then.id.uuid())
        .bind(then.version)
        .bind(now.utc())
        .bind(then.next_plan.map(PlanId::uuid))
        .bind(then.auto_renew)
        .bind(then.entitled_until.map(Timestamp::utc))
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Whose subscriptions have something due by the clock that only a transaction of their own can do.
pub(crate) async fn due(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<UserId>> {
    let mut users: Vec<UserId> = Vec::new();
    for statement in [TURNING, GIVING_WAY] {
        let rows: Vec<(Uuid,)> = on_read!(db, |e| sqlx::query_as(statement)
            .bind(now.utc())
            .bind(limit)
            .fetch_all(e)
            .await)?;
        users.extend(rows.into_iter().map(|(user,)| UserId::from(user)));
    }
    Ok(users)
}

/// Whose paid term is over, and whose days of grace have begun; up to `limit`, each told once.
pub(crate) async fn begin_grace(
    tx: &mut Tx,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<SubscriptionId>> {
    let rows: Vec<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(BEGIN_GRACE)
        .bind(now.utc())
        .bind(limit)
        .fetch_all(c)
        .await)?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// Ends a subscription. `false`: it changed since it was read.
pub(crate) async fn end(
    tx: &mut Tx,
    held: &Subscription,
    as_state: SubscriptionState,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(END)
        .bind(held.id.uuid())
        .bind(now.utc())
        .bind(as_state.as_str())
        .bind(reason)
        .bind(held.version)
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// It ends with its term. `false`: it changed since it was read.
pub(crate) async fn cancel(
    tx: &mut Tx,
    held: &Subscription,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(CANCEL)
        .bind(held.id.uuid())
        .bind(held.version)
        .bind(reason)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// It goes on after all. `false`: it changed since it was read.
pub(crate) async fn resume(
    tx: &mut Tx,
    held: &Subscription,
    auto_renew: bool,
    entitled_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(RESUME)
        .bind(held.id.uuid())
        .bind(held.version)
        .bind(auto_renew)
        .bind(entitled_until.map(Timestamp::utc))
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Ends up to `limit` subscriptions whose right is over; gives which.
pub(crate) async fn end_lapsed(
    tx: &mut Tx,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<SubscriptionId>> {
    let rows: Vec<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(END_LAPSED)
        .bind(now.utc())
        .bind(limit)
        .fetch_all(c)
        .await)?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// Keeps the row from changing under a roll. `false`: it changed since it was read, or is over.
pub(crate) async fn lock_for_roll(
    tx: &mut Tx,
    held: &Subscription,
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(ROLL_LOCK)
        .bind(held.id.uuid())
        .bind(held.version)
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Slug of the plan that is in force at `at`, though nobody may have written its beginning down yet.
pub(crate) async fn read_plan(
    tx: &mut Tx,
    user: UserId,
    livemode: bool,
    at: Timestamp,
) -> Result<Option<String>> {
    let row: Option<(String,)> = in_tx!(tx, |c| sqlx::query_as(READ_PLAN)
        .bind(user.uuid())
        .bind(livemode)
        .bind(at.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(slug,)| slug))
}

const READ_PLAN: &str = "SELECT p.slug FROM subscriptions s
    JOIN subscription_plans p ON p.id = CASE WHEN s.turns_at <= $3 THEN s.next_plan_id ELSE s.plan_id END
    WHERE s.user_id = $1 AND s.livemode = $2 AND s.ended_at IS NULL
      AND (s.entitled_until IS NULL OR s.entitled_until > $3)";
const FIND_LIVE: &str = "SELECT id, user_id, plan_id, current_period_start, current_period_end,
    auto_renew, created_at, updated_at, state, plan_version, anchor_at, anchor_zone, entitled_until,
    quota_meter, version, next_plan_id, turns_at
    FROM subscriptions WHERE user_id = $1 AND livemode = $2 AND ended_at IS NULL";
const READ: &str = "SELECT id, user_id, plan_id, current_period_start, current_period_end,
    auto_renew, created_at, updated_at, state, plan_version, anchor_at, anchor_zone, entitled_until,
    quota_meter, version, next_plan_id, turns_at
    FROM subscriptions WHERE id = $1";
const INSERT: &str =
    "INSERT INTO subscriptions (id, user_id, plan_id, status, state, current_period_start,
    current_period_end, created_at, updated_at, plan_version, livemode, anchor_at, anchor_zone,
    entitled_until, quota_meter)
    VALUES ($1, $2, $3, 'active', $13, $4, $5, $6, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (user_id, livemode) WHERE ended_at IS NULL DO NOTHING RETURNING id";
const EXTEND: &str =
    "UPDATE subscriptions SET current_period_end = $3, entitled_until = $7, state = $5, status = $6,
    turns_at = $8, next_plan_id = $9, updated_at = $4, version = version + 1
    WHERE id = $1 AND version = $2 AND ended_at IS NULL RETURNING version";
const TURN: &str =
    "UPDATE subscriptions SET plan_id = $4, plan_version = $5, anchor_at = $6, quota_meter = $7,
    quota_period_start = NULL, turns_at = $8, updated_at = $3, version = version + 1
    WHERE id = $1 AND version = $2 AND ended_at IS NULL AND turns_at <= $3 RETURNING version";
const WANT_NEXT: &str =
    "UPDATE subscriptions SET next_plan_id = $4, auto_renew = $5, entitled_until = $6,
    updated_at = $3, version = version + 1
    WHERE id = $1 AND version = $2 AND ended_at IS NULL AND current_period_end > $3 RETURNING version";
const TURNING: &str = "SELECT user_id FROM subscriptions
    WHERE turns_at IS NOT NULL AND ended_at IS NULL AND turns_at <= $1 ORDER BY turns_at LIMIT $2";
const GIVING_WAY: &str = "SELECT s.user_id FROM subscriptions s
    JOIN subscription_plans p ON p.id = s.next_plan_id AND p.price = 0
    WHERE s.ended_at IS NULL AND s.entitled_until <= $1 ORDER BY s.entitled_until LIMIT $2";
const BEGIN_GRACE: &str = "UPDATE subscriptions SET state = 'grace', updated_at = $1, version = version + 1
    WHERE state = 'active' AND ended_at IS NULL AND current_period_end <= $1 AND entitled_until > $1 AND NOT auto_renew
      AND id IN (SELECT id FROM subscriptions WHERE state = 'active' AND ended_at IS NULL
        AND current_period_end <= $1 AND entitled_until > $1 AND NOT auto_renew ORDER BY current_period_end LIMIT $2)
    RETURNING id";
const CANCEL: &str =
    "UPDATE subscriptions SET state = 'cancelling', status = 'cancelled', auto_renew = FALSE,
    entitled_until = current_period_end, next_plan_id = NULL, cancelled_at = $4, end_reason = $3, updated_at = $4, version = version + 1
    WHERE id = $1 AND version = $2 AND ended_at IS NULL AND state <> 'cancelling' AND current_period_end > $4
    RETURNING version";
const RESUME: &str =
    "UPDATE subscriptions SET state = 'active', status = 'active', auto_renew = $3, entitled_until = $4,
    cancelled_at = NULL, end_reason = NULL, updated_at = $5, version = version + 1
    WHERE id = $1 AND version = $2 AND ended_at IS NULL AND state = 'cancelling' AND entitled_until > $5
    RETURNING version";
// What had lapsed before somebody wrote it down gave no right in between.
const END: &str =
    "UPDATE subscriptions SET status = 'expired', state = $3, end_reason = $4, ended_at = $2,
    entitled_until = CASE WHEN entitled_until < $2 THEN entitled_until ELSE $2 END, turns_at = NULL, updated_at = $2, version = version + 1
    WHERE id = $1 AND version = $5 AND ended_at IS NULL RETURNING version";
const END_LAPSED: &str = "UPDATE subscriptions SET status = 'expired', state = 'expired',
    end_reason = COALESCE(end_reason, 'term_over'), ended_at = $1, turns_at = NULL, updated_at = $1,
    version = version + 1
    WHERE ended_at IS NULL AND entitled_until <= $1 AND id IN
        (SELECT s.id FROM subscriptions s WHERE s.ended_at IS NULL AND s.entitled_until <= $1
         AND NOT EXISTS (SELECT 1 FROM subscription_plans p WHERE p.id = s.next_plan_id AND p.price = 0)
         ORDER BY s.entitled_until LIMIT $2)
    RETURNING id";
const ROLL_LOCK: &str = "UPDATE subscriptions SET updated_at = $3 WHERE id = $1 AND version = $2
    AND ended_at IS NULL AND (entitled_until IS NULL OR entitled_until > $3) RETURNING id";
pub(crate) const STATEMENTS: &[&str] = &[
    READ_PLAN,
    FIND_LIVE,
    READ,
    INSERT,
    EXTEND,
    TURN,
    WANT_NEXT,
    TURNING,
    GIVING_WAY,
    BEGIN_GRACE,
    CANCEL,
    RESUME,
    END,
    END_LAPSED,
    ROLL_LOCK,
];
