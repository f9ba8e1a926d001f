//! `subscription_terms`: what was paid or given, one behind the other.

use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, PaymentId, SubscriptionId};
use tollgate_kernel::money::Money;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::period::Anchor;
use crate::model::term::Term;

row!(
    struct TermRow {
        subscription_id: Uuid,
        starts_at: At,
        ends_at: Option<At>,
        plan_id: Uuid,
        plan_version: i64,
        anchor_at: At,
        worth: i64,
        currency: String,
        payment_id: Option<Uuid>,
    }
);

/// Writes a term down.
pub(crate) async fn insert(tx: &mut Tx, term: &Term, now: Timestamp) -> Result<()> {
    let (plan, version) = term.plan;
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(term.subscription.uuid())
        .bind(term.starts_at.utc())
        .bind(term.ends_at.map(Timestamp::utc))
        .bind(plan.uuid())
        .bind(version)
        .bind(term.anchor.at().utc())
        .bind(term.worth.minor())
        .bind(term.worth.currency().code())
        .bind(term.payment.map(PaymentId::uuid))
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// All terms of a subscription, in the order of their time. `zone`: by whose calendar they are counted.
pub(crate) async fn list(tx: &mut Tx, id: SubscriptionId, zone: Tz) -> Result<Vec<Term>> {
    let rows: Vec<TermRow> = in_tx!(tx, |c| sqlx::query_as(LIST)
        .bind(id.uuid())
        .fetch_all(c)
        .await)?;
    let read = Reader {
        table: "subscription_terms",
        row: id.uuid(),
    };
    let term = |row: TermRow| {
        Ok(Term {
            subscription: row.subscription_id.into(),
            starts_at: Timestamp::from_utc(row.starts_at),
            ends_at: row.ends_at.map(Timestamp::from_utc),
            plan: (row.plan_id.into(), row.plan_version),
            anchor: Anchor::new(Timestamp::from_utc(row.anchor_at), zone),
            worth: read.money(row.worth, &row.currency)?,
            payment: row.payment_id.map(PaymentId::from),
        })
    };
    rows.into_iter().map(term).collect()
}

/// What a payment holds: the first moment and the end (`None` = no end) of each of its terms, in the order of their time. A
/// subscription that ended took the rest of them along.
pub(crate) async fn of_payment(
    db: &Db,
    payment: PaymentId,
) -> Result<Vec<(Timestamp, Option<Timestamp>)>> {
    let rows: Vec<(At, Option<At>, Option<At>)> = on_read!(db, |e| sqlx::query_as(OF_PAYMENT)
        .bind(payment.uuid())
        .fetch_all(e)
        .await)?;
    let term = |(from, to, ended): (At, Option<At>, Option<At>)| {
        let (to, ended) = (to.map(Timestamp::from_utc), ended.map(Timestamp::from_utc));
        let end = [to, ended].into_iter().flatten().min();
        (Timestamp::from_utc(from), end)
    };
    let begun = |(from, to): &(Timestamp, Option<Timestamp>)| to.is_none_or(|to| *from < to);
    Ok(rows.into_iter().map(term).filter(begun).collect())
}

/// A term is taken off.
pub(crate) async fn delete(tx: &mut Tx, term: &Term) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(DELETE)
        .bind(term.subscription.uuid())
        .bind(term.starts_at.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// A term ends earlier, and is worth less by as much, down to nothing.
pub(crate) async fn shorten(
    tx: &mut Tx,
    term: &Term,
    ends_at: Option<Timestamp>,
    by: Money,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(SHORTEN)
        .bind(term.subscription.uuid())
        .bind(term.starts_at.utc())
        .bind(ends_at.map(Timestamp::utc))
        .bind(by.minor())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// A term is held by other money.
pub(crate) async fn pay_by(tx: &mut Tx, term: &Term, other: &Term) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(PAY_BY)
        .bind(term.subscription.uuid())
        .bind(term.starts_at.utc())
        .bind(other.worth.minor())
        .bind(other.payment.map(PaymentId::uuid))
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Money of the payment went back: what it had bought is worth less by as much, down to nothing.
pub(crate) async fn lessen(tx: &mut Tx, payment: PaymentId, by: Money) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(LESSEN)
        .bind(payment.uuid())
        .bind(by.minor())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

const INSERT: &str = "INSERT INTO subscription_terms (subscription_id, starts_at, ends_at, plan_id, plan_version, anchor_at,
    worth, currency, payment_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const LIST: &str =
    "SELECT subscription_id, starts_at, ends_at, plan_id, plan_version, anchor_at, worth, currency,
    payment_id FROM subscription_terms WHERE subscription_id = $1 ORDER BY starts_at";
const DELETE: &str = "DELETE FROM subscription_terms WHERE subscription_id = $1 AND starts_at = $2";
const SHORTEN: &str = "UPDATE subscription_terms SET ends_at = $3,
    worth = CASE WHEN worth > $4 THEN worth - $4 ELSE 0 END
    WHERE subscription_id = $1 AND starts_at = $2";
const PAY_BY: &str = "UPDATE subscription_terms SET worth = $3, payment_id = $4
    WHERE subscription_id = $1 AND starts_at = $2";
const LESSEN: &str =
    "UPDATE subscription_terms SET worth = CASE WHEN worth > $2 THEN worth - $2 ELSE 0 END
    WHERE payment_id = $1";
const OF_PAYMENT: &str = "SELECT t.starts_at, t.ends_at, s.ended_at FROM subscription_terms t
    JOIN subscriptions s ON s.id = t.subscription_id WHERE t.payment_id = $1 ORDER BY t.starts_at";

pub(crate) const STATEMENTS: &[&str] = &[INSERT, LIST, DELETE, SHORTEN, PAY_BY, LESSEN, OF_PAYMENT];
