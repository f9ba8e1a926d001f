//! `quota_grants` and `quota_pots`: bonus units, and into which counters they were poured.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{GrantId, Id, PaymentId, SubscriptionId, UserId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use super::{At, Reader};
use crate::model::pots::Pot;
use crate::model::quota::Meter;

/// Bonus units.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) id: GrantId,
    pub(crate) subscription: SubscriptionId,
    pub(crate) meter: String,
    pub(crate) units: i64,
    pub(crate) spent: i64,
    pub(crate) reason: String,
    pub(crate) granted_by: Option<UserId>,
    pub(crate) payment: Option<PaymentId>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Grant {
    /// What is left of it, as a pot to pour.
    pub(crate) fn rest(&self) -> Pot {
        Pot {
            grant: self.id,
            units: self.units.saturating_sub(self.spent),
            expires_at: self.expires_at,
        }
    }
}

row!(
    struct GrantRow {
        id: Uuid,
        subscription_id: Uuid,
        meter: String,
        units: i64,
        spent: i64,
        reason: String,
        granted_by: Option<Uuid>,
        payment_id: Option<Uuid>,
        created_at: At,
        expires_at: Option<At>,
    }
);

impl From<GrantRow> for Grant {
    fn from(row: GrantRow) -> Self {
        Self {
            id: row.id.into(),
            subscription: row.subscription_id.into(),
            meter: row.meter,
            units: row.units,
            spent: row.spent,
            reason: row.reason,
            granted_by: row.granted_by.map(UserId::from),
            payment: row.payment_id.map(PaymentId::from),
            created_at: Timestamp::from_utc(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_utc),
        }
    }
}

/// Writes a grant down; nothing of it is poured yet.
pub(crate) async fn insert(tx: &mut Tx, grant: &Grant) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(INSERT)
        .bind(grant.id.uuid())
        .bind(grant.subscription.uuid())
        .bind(&grant.meter)
        .bind(grant.units)
        .bind(&grant.reason)
        .bind(grant.granted_by.map(Id::uuid))
        .bind(grant.payment.map(Id::uuid))
        .bind(grant.created_at.utc())
        .bind(grant.expires_at.map(Timestamp::utc))
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// What is not used up and not over, of one meter.
pub(crate) async fn read_open(
    tx: &mut Tx,
    subscription: SubscriptionId,
    meter: &Meter,
) -> Result<Vec<Grant>> {
    let rows: Vec<GrantRow> = in_tx!(tx, |c| sqlx::query_as(OPEN)
        .bind(subscription.uuid())
        .bind(meter.as_str())
        .fetch_all(c)
        .await)?;
    Ok(rows.into_iter().map(Grant::from).collect())
}

/// The meters of which there are bonus units that are not used up, in the order of their names.
pub(crate) async fn meters(tx: &mut Tx, subscription: SubscriptionId) -> Result<Vec<Meter>> {
    let rows: Vec<(String,)> = in_tx!(tx, |c| sqlx::query_as(METERS)
        .bind(subscription.uuid())
        .fetch_all(c)
        .await)?;
    let read = Reader {
        table: "quota_grants",
        row: subscription.uuid(),
    };
    let meter = |(meter,): (String,)| read.text("meter", &meter);
    rows.into_iter().map(meter).collect()
}

/// What one person was given, newest first, from below `before` on.
pub(crate) async fn list_of_person(
    db: &Db,
    user: UserId,
    before: Option<GrantId>,
    livemode: bool,
    limit: i64,
) -> Result<Vec<Grant>> {
    let rows: Vec<GrantRow> = on_read!(db, |e| sqlx::query_as(LIST_OF_PERSON)
        .bind(before.map_or(Uuid::max(), Id::uuid))
        .bind(user.uuid())
        .bind(livemode)
        .bind(limit)
        .fetch_all(e)
        .await)?;
    Ok(rows.into_iter().map(Grant::from).collect())
}

/// So much of it is burned now (less, when some was given back), and whether it is over: used up, or past its time.
/// `false`: it was not so.
pub(crate) async fn spend(
    tx: &mut Tx,
    grant: GrantId,
    more: i64,
    closed_at: Option<Timestamp>,
) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(SPEND)
        .bind(grant.uuid())
        .bind(more)
        .bind(closed_at.map(Timestamp::utc))
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Of a counter: which, and in which period.
pub(crate) type Of<'a> = (SubscriptionId, &'a Meter, Timestamp);

/// Pours units into a counter; more of the same grant go into the same pot.
pub(crate) async fn pour(tx: &mut Tx, of: Of<'_>, grant: GrantId, units: i64) -> Result<()> {
    let (id, meter, period_start) = of;
    in_tx!(tx, |c| sqlx::query(POUR)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
        .bind(grant.uuid())
        .bind(units)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

row!(
    struct PotRow {
        grant_id: Uuid,
        units: i64,
        burned: i64,
        beyond: i64,
        expires_at: Option<At>,
        closed_at: Option<At>,
    }
);

/// A pot of a counter, as it was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Poured {
    pub(crate) pot: Pot,
    /// Known once it is closed.
    pub(crate) burned: i64,
    /// Taken beyond what it was burned for, when it was closed.
    pub(crate) beyond: i64,
    pub(crate) is_closed: bool,
}

impl From<PotRow> for Poured {
    fn from(row: PotRow) -> Self {
        Self {
            pot: Pot {
                grant: row.grant_id.into(),
                units: row.units,
                expires_at: row.expires_at.map(Timestamp::from_utc),
            },
            burned: row.burned,
            beyond: row.beyond,
            is_closed: row.closed_at.is_some(),
        }
    }
}

/// Every pot of a counter.
pub(crate) async fn pots(tx: &mut Tx, of: Of<'_>) -> Result<Vec<Poured>> {
    let (id, meter, period_start) = of;
    let rows: Vec<PotRow> = in_tx!(tx, |c| sqlx::query_as(POTS)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
        .fetch_all(c)
        .await)?;
    Ok(rows.into_iter().map(Poured::from).collect())
}

/// How a pot is closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    pub(crate) burned: i64,
    /// Taken beyond that.
    pub(crate) beyond: i64,
    /// So many more of the units charged to it were given back, when it was too late to burn them again.
    pub(crate) returned: i64,
}

/// What was burned of a pot is known.
pub(crate) async fn close_pot(
    tx: &mut Tx,
    of: Of<'_>,
    grant: GrantId,
    closing: Closing,
    now: Timestamp,
) -> Result<()> {
    let (id, meter, period_start) = of;
    in_tx!(tx, |c| sqlx::query(CLOSE_POT)
        .bind(id.uuid())
        .bind(meter.as_str())
        .bind(period_start.utc())
        .bind(grant.uuid())
        .bind(closing.burned)
        .bind(closing.beyond)
        .bind(closing.returned)
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

const INSERT: &str =
    "INSERT INTO quota_grants (id, subscription_id, meter, units, reason, granted_by, payment_id,
    created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const OPEN: &str = "SELECT id, subscription_id, meter, units, spent, reason, granted_by, payment_id, created_at,
    expires_at FROM quota_grants WHERE subscription_id = $1 AND meter = $2 AND closed_at IS NULL ORDER BY id";
const LIST_OF_PERSON: &str = "SELECT g.id, g.subscription_id, g.meter, g.units, g.spent, g.reason, g.granted_by, g.payment_id,
    g.created_at, g.expires_at FROM quota_grants g JOIN subscriptions s ON s.id = g.subscription_id
    WHERE g.id < $1 AND s.user_id = $2 AND s.livemode = $3 ORDER BY g.id DESC LIMIT $4";
const METERS: &str = "SELECT DISTINCT meter FROM quota_grants
    WHERE subscription_id = $1 AND closed_at IS NULL ORDER BY meter";
const SPEND: &str = "UPDATE quota_grants SET spent = spent + $2, closed_at = $3
    WHERE id = $1 AND spent + $2 BETWEEN 0 AND units RETURNING id";
const POUR: &str = "INSERT INTO quota_pots (subscription_id, meter, period_start, grant_id, units)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (subscription_id, meter, period_start, grant_id)
    DO UPDATE SET units = quota_pots.units + excluded.units";
const POTS: &str = "SELECT p.grant_id, p.units, p.burned, p.beyond, g.expires_at, p.closed_at
    FROM quota_pots p JOIN quota_grants g ON g.id = p.grant_id
    WHERE p.subscription_id = $1 AND p.meter = $2 AND p.period_start = $3 ORDER BY p.grant_id";
const CLOSE_POT: &str =
    "UPDATE quota_pots SET burned = $5, beyond = $6, returned = returned + $7, closed_at = $8,
    returned_at = CASE WHEN $7 > 0 THEN $8 ELSE returned_at END
    WHERE subscription_id = $1 AND meter = $2 AND period_start = $3 AND grant_id = $4";

pub(crate) const STATEMENTS: &[&str] = &[
    INSERT,
    OPEN,
    LIST_OF_PERSON,
    METERS,
    SPEND,
    POUR,
    POTS,
    CLOSE_POT,
];
