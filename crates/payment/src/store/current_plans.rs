//! Which plans people have, of many at once.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::db::Db;
use tollgate_storage::rows::{Kind, OverRows, Sheet};
use tollgate_storage::{Result, in_tx};
use uuid::Uuid;

/// The slug of what each of them has in force; `None`: another plan follows by the clock, and nobody has written that
/// down yet. Who has nothing is left out. Each person is named once.
pub(crate) async fn by_person(
    db: &Db,
    people: impl IntoIterator<Item = UserId>,
    livemode: bool,
    now: Timestamp,
) -> Result<Vec<(UserId, Option<String>)>> {
    let sheet = Sheet::of_ids(people);
    if sheet.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = db.look().await?;
    let (statement, sheet) = (BY_PERSON.text(&tx), sheet.text());
    let rows: Vec<(Uuid, Option<String>)> = in_tx!(&mut tx, |c| sqlx::query_as(statement)
        .bind(&sheet)
        .bind(livemode)
        .bind(now.utc())
        .fetch_all(c)
        .await)?;
    tx.rollback().await?;
    let plans = rows.into_iter().map(|(person, plan)| (person.into(), plan));
    Ok(plans.collect())
}

static BY_PERSON: OverRows = OverRows::new(&[("user_id", Kind::Id)], |wanted| {
    format!(
        "SELECT s.user_id, CASE WHEN s.turns_at <= $3 OR s.entitled_until <= $3 THEN NULL ELSE p.slug END AS plan
    FROM {wanted} JOIN subscriptions s ON s.user_id = wanted.user_id
    JOIN subscription_plans p ON p.id = s.plan_id
    WHERE s.livemode = $2 AND s.ended_at IS NULL
      AND (s.entitled_until IS NULL OR s.entitled_until > $3 OR s.turns_at <= $3 OR s.next_plan_id IS NOT NULL)"
    )
});

pub(crate) const OVER_ROWS: &[&OverRows] = &[&BY_PERSON];
