//! `subscriptions` of everybody, as staff look through them.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id, PlanId, SubscriptionId, UserId};
use tollgate_storage::db::Db;
use tollgate_storage::{Result, StorageError, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::subscription::{ListedSubscription, SubscriptionStatus};

row!(
    struct ListedRow {
        id: Uuid,
        user_id: Uuid,
        plan_id: Uuid,
        state: String,
        current_period_start: At,
        current_period_end: Option<At>,
        entitled_until: Option<At>,
        auto_renew: bool,
        next_plan_id: Option<Uuid>,
        created_at: At,
        ended_at: Option<At>,
        end_reason: Option<String>,
    }
);

impl TryFrom<ListedRow> for ListedSubscription {
    type Error = StorageError;

    fn try_from(row: ListedRow) -> Result<Self> {
        let read = Reader {
            table: "subscriptions",
            row: row.id,
        };
        Ok(Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            plan_id: row.plan_id.into(),
            state: read.text("state", &row.state)?,
            term_start: Timestamp::from_utc(row.current_period_start),
            term_end: row.current_period_end.map(Timestamp::from_utc),
            entitled_until: row.entitled_until.map(Timestamp::from_utc),
            auto_renew: row.auto_renew,
            next_plan: row.next_plan_id.map(PlanId::from),
            created_at: Timestamp::from_utc(row.created_at),
            ended_at: row.ended_at.map(Timestamp::from_utc),
            end_reason: row.end_reason,
        })
    }
}

/// Which subscriptions; every condition that is given must hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) user: Option<UserId>,
    pub(crate) plan: Option<PlanId>,
    pub(crate) status: Option<SubscriptionStatus>,
    pub(crate) before: Option<SubscriptionId>,
}

/// Newest first.
pub(crate) async fn list(
    db: &Db,
    wanted: &Wanted,
    livemode: bool,
    limit: i64,
) -> Result<Vec<ListedSubscription>> {
    let user = wanted.user.map(Id::uuid);
    let plan = wanted.plan.map(Id::uuid);
    let rows: Vec<ListedRow> = on_read!(db, |e| sqlx::query_as(LIST)
        .bind(wanted.before.map_or(Uuid::max(), Id::uuid))
        .bind(user.unwrap_or_default())
        .bind(user.is_none())
        .bind(plan.unwrap_or_default())
        .bind(plan.is_none())
        .bind(wanted.status.map_or("", SubscriptionStatus::as_str))
        .bind(wanted.status.is_none())
        .bind(livemode)
        .bind(limit)
        .fetch_all(e)
        .await)?;
    rows.into_iter().map(ListedSubscription::try_from).collect()
}

/// Whose a subscription is.
pub(crate) async fn find_owner(
    db: &Db,
    id: SubscriptionId,
    livemode: bool,
) -> Result<Option<UserId>> {
    let row: Option<(Uuid,)> = on_read!(db, |e| sqlx::query_as(FIND_OWNER)
        .bind(id.uuid())
        .bind(livemode)
        .fetch_optional(e)
        .await)?;
    Ok(row.map(|(user,)| user.into()))
}

const LIST: &str = "SELECT id, user_id, plan_id, state, current_period_start, current_period_end, entitled_until,
    auto_renew, next_plan_id, created_at, ended_at, end_reason
    FROM subscriptions WHERE id < $1 AND (user_id = $2 OR $3) AND (plan_id = $4 OR $5) AND (status = $6 OR $7)
      AND livemode = $8 ORDER BY id DESC LIMIT $9";
const FIND_OWNER: &str = "SELECT user_id FROM subscriptions WHERE id = $1 AND livemode = $2";

pub(crate) const STATEMENTS: &[&str] = &[LIST, FIND_OWNER];
