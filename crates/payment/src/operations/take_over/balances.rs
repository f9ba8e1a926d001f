//! Takes over how people stood elsewhere: what they had used in the running period, and bonus units.
//!
//! Bonus units come first, whatever the order of the entries, so that what was used of them has room. What was used is a
//! charge in the log, by the name [`OPENING`](crate::model::explain::OPENING): log and counter say the same, and the
//! buyer is told where it comes from.

use std::collections::BTreeSet;

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::Result;
use tollgate_storage::audit::Actor;
use tollgate_storage::db::Tx;

use super::{Outcome, TakeOverFault, TakenOver, Thing, record};
use crate::model::explain::OPENING;
use crate::model::quota::{Cost, Meter, Units};
use crate::model::subscription::Subscription;
use crate::operations::grant_units::{self, GrantError, GrantUnits, good_reason};
use crate::operations::note_use::note_use;
use crate::operations::{moved_on, roll};
use crate::store::taken_over::TakenKind;
use crate::store::{prices, quota_counters, subscriptions, usage_marks};
use crate::{Parts, PaymentService};

/// How a person stood in another application.
///
/// ```
/// # use tollgate_kernel::ids::UserId;
/// # use tollgate_payment::BroughtBalance;
/// # use tollgate_payment::model::quota::{InvalidCost, Meter, Units};
/// fn used(user_id: UserId, meter: Meter) -> Result<BroughtBalance, InvalidCost> {
///     Ok(BroughtBalance {
///         user_id,
///         meter,
///         used: Some(Units::new(340)?),
///         bonus: None,
///     })
/// }
/// ```
#[derive(Clone, Debug)]
pub struct BroughtBalance {
    /// Whose.
    pub user_id: UserId,
    /// Of which meter.
    pub meter: Meter,
    /// What they had used of it in the running period.
    pub used: Option<Units>,
    /// What they had beyond the plan.
    pub bonus: Option<BroughtBonus>,
}

/// Units beyond the plan.
///
/// ```
/// # use tollgate_payment::BroughtBonus;
/// # use tollgate_payment::model::quota::Cost;
/// let bonus = BroughtBonus {
///     units: Cost::new(50)?,
///     reason: "Left from the old shop".to_owned(),
///     expires_at: None,
/// };
/// assert_eq!(bonus.units.get(), 50);
/// # Ok::<(), tollgate_payment::model::quota::InvalidCost>(())
/// ```
#[derive(Clone, Debug)]
pub struct BroughtBonus {
    /// How many.
    pub units: Cost,
    /// For whoever reads it later, the person too: 1 to 500 characters.
    pub reason: String,
    /// When what is left of them is gone; `None` = never.
    pub expires_at: Option<Timestamp>,
}

/// What became of balances.
///
/// ```
/// # use tollgate_payment::TakenBalances;
/// let taken = TakenBalances::default();
/// assert!(taken.used.faults.is_empty() && taken.bonus.faults.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenBalances {
    /// Of what was used.
    pub used: TakenOver,
    /// Of bonus units.
    pub bonus: TakenOver,
}

impl PaymentService {
    /// Takes balances over, each once. Whoever finds a fault in the answer rolls back.
    ///
    /// ```
    /// # use tollgate_payment::{BroughtBalance, PaymentService, TakenBalances};
    /// # use tollgate_storage::StorageError;
    /// # use tollgate_storage::db::Db;
    /// async fn import(
    ///     payment: &PaymentService,
    ///     db: &Db,
    ///     brought: &[BroughtBalance],
    /// ) -> Result<TakenBalances, StorageError> {
    ///     let mut tx = db.begin().await?;
    ///     let taken = payment.take_over_balances(&mut tx, brought).await?;
    ///     if taken.used.faults.is_empty() && taken.bonus.faults.is_empty() {
    ///         tx.commit().await?;
    ///     }
    ///     Ok(taken)
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn take_over_balances(
        &self,
        tx: &mut Tx,
        brought: &[BroughtBalance],
    ) -> Result<TakenBalances> {
        let parts = &self.0;
        let now = parts.clock.now();
        // Nothing is logged before the mark, which only moves forward.
        parts.folded.note(usage_marks::read_folded(tx).await?);
        let mut taken = TakenBalances::default();
        let mut seen = BTreeSet::new();
        for (position, entry) in brought.iter().enumerate() {
            if let Some(bonus) = &entry.bonus {
                let end = bonus.expires_at.map_or(0, Timestamp::micros);
                let reference = format!("{} {end} {}", entry.meter, bonus.reason);
                let outcome = if seen.insert((entry.user_id, reference.clone())) {
                    pour(parts, tx, (entry, bonus), &reference, now).await?
                } else {
                    Err(TakeOverFault::Twice)
                };
                let sum = (entry.meter.as_str(), bonus.units.get());
                taken.bonus.note(position, outcome, sum);
            }
        }
        for (position, entry) in brought.iter().enumerate() {
            if let Some(used) = entry.used {
                let outcome = if seen.insert((entry.user_id, entry.meter.to_string())) {
                    charge(parts, tx, entry, used, now).await?
                } else {
                    Err(TakeOverFault::Twice)
                };
                taken
                    .used
                    .note(position, outcome, (entry.meter.as_str(), used.get()));
            }
        }
        Ok(taken)
    }
}

async fn pour(
    parts: &Parts,
    tx: &mut Tx,
    (entry, bonus): (&BroughtBalance, &BroughtBonus),
    reference: &str,
    now: Timestamp,
) -> Result<std::result::Result<Outcome, TakeOverFault>> {
    let user = entry.user_id;
    let said = json!({ "units": bonus.units.get() });
    let thing = Thing::new(parts, (user, TakenKind::Bonus, reference), &said);
    if let Some(known) = thing.known(tx).await? {
        return Ok(Ok(known));
    }
    if good_reason(&bonus.reason).is_err() {
        return Ok(Err(TakeOverFault::Reason));
    }
    if bonus.expires_at.is_some_and(|end| end <= now) {
        return Ok(Err(TakeOverFault::Past));
    }
    let held = match open(parts, tx, entry, now).await? {
        Ok(held) => held,
        Err(fault) => return Ok(Err(fault)),
    };
    let wish = GrantUnits {
        user_id: user,
        meter: Some(entry.meter.clone()),
        units: bonus.units,
        reason: bonus.reason.clone(),
        expires_at: bonus.expires_at,
    };
    let by = (Actor::Operator, &Origin::default());
    match grant_units::give(parts, tx, (&wish, &held, &entry.meter), by, now).await {
        Ok(Some(_)) => {}
        Err(GrantError::Unlimited) => return Ok(Err(TakeOverFault::Unlimited)),
        Err(GrantError::Internal(error)) => return Err(error),
        Ok(None) | Err(_) => return Err(moved_on(user)),
    }
    thing.put(tx, held.id, now).await?;
    Ok(Ok(Outcome::Made))
}

async fn charge(
    parts: &Parts,
    tx: &mut Tx,
    entry: &BroughtBalance,
    units: Units,
    now: Timestamp,
) -> Result<std::result::Result<Outcome, TakeOverFault>> {
    let user = entry.user_id;
    let said = json!({ "used": units.get() });
    let thing = Thing::new(parts, (user, TakenKind::Used, entry.meter.as_str()), &said);
    if let Some(known) = thing.known(tx).await? {
        return Ok(Ok(known));
    }
    let held = match open(parts, tx, entry, now).await? {
        Ok(held) => held,
        Err(fault) => return Ok(Err(fault)),
    };
    // Ours since it was opened: what is read here stays until the commit.
    let counter = quota_counters::read(tx, held.id, &entry.meter, now).await?;
    let counter = counter.ok_or_else(|| moved_on(user))?;
    if let Some(left) = counter.quota.remaining()
        && units > left
    {
        return Ok(Err(TakeOverFault::MoreThanThereIs {
            used: units.get(),
            left: left.get(),
        }));
    }
    if units != Units::NONE {
        note_use(parts, tx, &held, (&entry.meter, units), OPENING, now).await?;
    }
    thing.put(tx, held.id, now).await?;
    let after = json!({
        "subscription_id": held.id,
        "quota_type": entry.meter.as_str(),
        "period_start": counter.period.start,
        "used": units.get(),
    });
    record(parts, tx, (user, "user.usage_imported", after), now).await?;
    Ok(Ok(Outcome::Made))
}

/// What is in force, with the counter of the meter open and ours.
async fn open(
    parts: &Parts,
    tx: &mut Tx,
    entry: &BroughtBalance,
    now: Timestamp,
) -> Result<std::result::Result<Subscription, TakeOverFault>> {
    let held = subscriptions::read_live(tx, entry.user_id, parts.config.livemode).await?;
    let Some(held) = held.filter(|held| held.is_entitled(now) || held.is_due(now)) else {
        return Ok(Err(TakeOverFault::NoSubscription));
    };
    // Whoever looks next turns it, in a transaction of their own.
    if held.is_due(now) {
        return Ok(Err(TakeOverFault::Turning));
    }
    let terms = prices::read_terms(tx, held.plan_id, held.plan_version, &entry.meter).await?;
    if terms.is_none() {
        return Ok(Err(TakeOverFault::NoMeter(entry.meter.to_string())));
    }
    if !roll::roll(tx, &held, &entry.meter, now).await? {
        return Err(moved_on(entry.user_id));
    }
    Ok(Ok(held))
}
