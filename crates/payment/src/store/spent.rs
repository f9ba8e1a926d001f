//! What people paid, of many at once.

use tollgate_kernel::ids::UserId;
use tollgate_kernel::money::Money;
use tollgate_storage::db::Db;
use tollgate_storage::rows::{Kind, OverRows, Sheet};
use tollgate_storage::{Result, in_tx, row};
use uuid::Uuid;

use super::Reader;

row!(
    struct SpentRow {
        user_id: Uuid,
        currency: String,
        spent: i64,
    }
);

/// What was paid and has not gone back, by person and currency; who paid nothing is left out. Each person is named once.
pub(crate) async fn by_person(
    db: &Db,
    people: impl IntoIterator<Item = UserId>,
    livemode: bool,
) -> Result<Vec<(UserId, Money)>> {
    let sheet = Sheet::of_ids(people);
    if sheet.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = db.look().await?;
    let (statement, sheet) = (BY_PERSON.text(&tx), sheet.text());
    let rows: Vec<SpentRow> = in_tx!(&mut tx, |c| sqlx::query_as(statement)
        .bind(&sheet)
        .bind(livemode)
        .fetch_all(c)
        .await)?;
    tx.rollback().await?;
    let spent = rows.into_iter().map(|row| {
        let read = Reader {
            table: "payment_transactions",
            row: row.user_id,
        };
        Ok((row.user_id.into(), read.money(row.spent, &row.currency)?))
    });
    spent.collect()
}

static BY_PERSON: OverRows = OverRows::new(&[("user_id", Kind::Id)], |wanted| {
    format!(
        "SELECT p.user_id, p.currency, CAST(SUM(p.amount - p.refunded) AS BIGINT) AS spent
    FROM {wanted} JOIN payment_transactions p ON p.user_id = wanted.user_id
    WHERE p.paid_at IS NOT NULL AND p.livemode = $2
    GROUP BY p.user_id, p.currency ORDER BY p.user_id, p.currency"
    )
});

pub(crate) const OVER_ROWS: &[&OverRows] = &[&BY_PERSON];
