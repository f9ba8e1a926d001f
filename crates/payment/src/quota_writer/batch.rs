//! One batch in one transaction.
//!
//! In this order: the known keys; the locks; the ends of holds, which only free units; what is taken, counter by counter, the sum
//! of a counter's calls in one statement, and each alone only where the sum does not fit; then what is written down.
//! All calls of a batch are at once: none has been answered, so any order of them is one that could have been.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{HoldId, SubscriptionId, UsageId};
use tollgate_storage::db::Tx;
use tollgate_storage::idempotency::{self, Known, Request};
use tollgate_storage::{StorageError, sqlx};

use super::{End, Fate, Settle, Take, Wish};
use crate::Parts;
use crate::counted::Moved;
use crate::model::hold::{Hold, HoldState};
use crate::model::quota::{Meter, QuotaState, Units};
use crate::model::subscription::Subscription;
use crate::operations::give_back::{self, Back};
use crate::operations::letters::{self, Reached};
use crate::operations::tell;
use crate::shapes::{ConsumeShape, HoldShape, QuotaShape};
use crate::store::charges::{self, Entry};
use crate::store::quota_counters::{self, Counter, Of};
use crate::store::takings::{self, Taking};
use crate::store::{quota_holds, subscriptions, usage_marks};

/// Why a batch was undone, or may have been.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Somebody else answered one of the keys first.
    Rival,
    /// Two transactions waited for each other, and this one gave way.
    LockedOut,
    /// The log is folded beyond the moment of this one: the clock went back, or somebody else's is ahead.
    Late,
    /// A letter cannot be written. What it tells of must not be lost with it.
    Unwritten(StorageError),
    /// The database is not there. Nothing was done.
    Away,
    /// The answer to the commit did not come.
    Unknown,
    /// Something in it.
    Bad(StorageError),
}

impl From<StorageError> for Trouble {
    fn from(error: StorageError) -> Self {
        match &error {
            // SQLSTATE 40001 and 40P01 (appendix A of PostgreSQL's manual): serialization, deadlock.
            StorageError::Unavailable(sqlx::Error::Database(refusal))
                if refusal.code().is_some_and(|code| code.starts_with("40")) =>
            {
                Self::LockedOut
            }
            StorageError::Unavailable(error) => {
                tracing::debug!(error = %error, "the database is away");
                Self::Away
            }
            _ => Self::Bad(error),
        }
    }
}

/// Whether people are written to of what they have used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letters {
    /// Yes.
    Written,
    /// They could not be.
    LeftOut,
}

/// Does all of it, or nothing; a fate for each, in their order.
pub(super) async fn apply<'a>(
    parts: &'a Parts,
    wishes: &'a [Wish],
    letters: Letters,
) -> Result<Vec<Fate>, Trouble> {
    // Behind the wait for the writer: what is written is as old as its transaction, and no older.
    let mut tx = parts.db.begin().await?;
    let now = parts.clock.now();
    let mut batch = Batch {
        parts,
        now,
        logged_at: parts.folded.or_later(now),
        fates: wishes.iter().map(|_| None).collect(),
        answers: Vec::new(),
        holds: Vec::new(),
        charges: Vec::new(),
        reached: Vec::new(),
        letters: BTreeMap::new(),
        moved: Moved::NOTHING,
    };
    batch.know(&mut tx, wishes).await?;
    let counters: BTreeSet<Of<'_>> = wishes.iter().map(Wish::counter).collect();
    let counters: Vec<Of<'_>> = counters.into_iter().collect();
    quota_counters::lock_each(&mut tx, &counters, now).await?;
    for (index, wish) in wishes.iter().enumerate() {
        if let Wish::Settle(settle) = wish {
            let fate = batch.settle(&mut tx, settle).await?;
            batch.fates[index] = Some(fate);
        }
    }
    batch.take(&mut tx, wishes).await?;
    batch.write_down(&mut tx).await?;
    if letters == Letters::Written {
        batch.write_letters(&mut tx).await?;
    }
    let moved = batch.moved;
    let fates = batch
        .fates
        .into_iter()
        .map(|fate| fate.unwrap_or(Fate::Stale));
    let fates = fates.collect();
    tx.commit().await.map_err(|_| Trouble::Unknown)?;
    parts.units.committed(&moved, wishes.len());
    Ok(fates)
}

struct Batch<'a> {
    parts: &'a Parts,
    now: Timestamp,
    /// The same, unless that is folded already.
    logged_at: Timestamp,
    fates: Vec<Option<Fate>>,
    answers: Vec<(&'a Request, Vec<u8>)>,
    holds: Vec<Hold>,
    charges: Vec<Entry<'a>>,
    reached: Vec<(&'a Take, u8, QuotaState)>,
    /// One for a counter: of what was reached last, which is the highest.
    letters: BTreeMap<(SubscriptionId, Meter), Reached>,
    moved: Moved,
}

impl<'a> Batch<'a> {
    /// Whose key is known has had its answer.
    async fn know(&mut self, tx: &mut Tx, wishes: &'a [Wish]) -> Result<(), Trouble> {
        let keys: Vec<(usize, &Request)> = wishes
            .iter()
            .enumerate()
            .filter_map(|(index, wish)| match wish {
                Wish::Take(take) => take.key.as_ref().map(|key| (index, key)),
                Wish::Settle(_) => None,
            })
            .collect();
        if keys.is_empty() {
            return Ok(());
        }
        let requests: Vec<&Request> = keys.iter().map(|(_, key)| *key).collect();
        let known = idempotency::find_each(tx, &requests).await?;
        for ((index, _), known) in keys.into_iter().zip(known) {
            self.fates[index] = known.map(|known| match known {
                Known::OtherBody => Fate::OtherBody,
                Known::Running { .. } => Fate::Running,
                Known::Answered { response, .. } => Fate::Answered(response),
            });
        }
        Ok(())
    }

    async fn settle(&mut self, tx: &mut Tx, settle: &Settle) -> Result<Fate, Trouble> {
        let now = self.now;
        let Some(mut hold) = quota_holds::read(tx, settle.hold, &settle.owner).await? else {
            return Ok(Fate::NoHold);
        };
        let charged = match settle.end {
            End::Release => Units::NONE,
            End::Commit(cost) => match hold.units_of(cost) {
                Ok(units) => units,
                Err(_) => return Ok(Fate::AboveHold),
            },
        };
        let usage: UsageId = self.parts.ids.at(self.logged_at);
        let ended = match settle.end {
            End::Release => quota_holds::release(tx, hold.id, now).await?,
            End::Commit(_) => quota_holds::commit(tx, hold.id, charged, usage, now).await?,
        };
        if !ended {
            return self.ended_before(tx, settle, hold, charged).await;
        }
        let of = (hold.subscription_id, &hold.meter, hold.period_start);
        let moved = quota_counters::move_held(tx, of, hold.units, charged, now).await?;
        let mut counter = moved.ok_or_else(|| inconsistent("held", hold.id))?;
        let back = Back {
            units: hold.units.less(charged),
            taken_at: hold.created_at,
            charged: false,
        };
        give_back::to_grants(tx, of, &mut counter, back, now).await?;
        self.moved.charged = self.moved.charged.plus(charged);
        self.moved.released = self.moved.released.plus(back.units);
        if charged > Units::NONE {
            let entry = Entry {
                id: usage,
                user_id: hold.user_id,
                subscription_id: hold.subscription_id,
                resource_type: &hold.resource_type,
                resource_id: hold.resource_id.as_ref(),
                quota_cost: charged.get(),
                cost: hold.cost,
                metadata: &hold.metadata,
                meter: &hold.meter,
                period_start: hold.period_start,
                key_id: settle.key_id,
                hold_id: Some(hold.id),
                refund_of: None,
                at: self.logged_at,
            };
            self.append(tx, &[entry]).await?;
            self.tell_of(tx, &hold, &counter.quota, charged).await?;
            hold.usage_id = Some(usage);
        }
        hold.charged = Some(charged);
        hold.state = match settle.end {
            End::Release => HoldState::Released,
            End::Commit(_) => HoldState::Committed,
        };
        Ok(Fate::Settled {
            hold: Box::new(hold),
            quota: counter.quota,
        })
    }

    /// Asked for again, a hold that ended so has the first answer; one that ended otherwise has none.
    async fn ended_before(
        &self,
        tx: &mut Tx,
        settle: &Settle,
        hold: Hold,
        charged: Units,
    ) -> Result<Fate, Trouble> {
        // Read again: the first look was before the rival's end.
        let hold = quota_holds::read(tx, hold.id, &settle.owner)
            .await?
            .ok_or_else(|| inconsistent("state", hold.id))?;
        let as_asked = match (settle.end, hold.state) {
            (End::Release, HoldState::Released | HoldState::Expired) => true,
            (End::Commit(_), HoldState::Committed) => hold.charged == Some(charged),
            _ => false,
        };
        if !as_asked {
            return Ok(Fate::Over);
        }
        let of = (hold.subscription_id, &hold.meter, hold.period_start);
        let counter = quota_counters::read_period(tx, of).await?;
        let counter = counter.ok_or_else(|| inconsistent("period_start", hold.id))?;
        Ok(Fate::Settled {
            hold: Box::new(hold),
            quota: counter.quota,
        })
    }

    async fn tell_of(
        &mut self,
        tx: &mut Tx,
        hold: &Hold,
        quota: &QuotaState,
        charged: Units,
    ) -> Result<(), Trouble> {
        let mut reached = quota.reached(charged).peekable();
        if reached.peek().is_none() {
            return Ok(());
        }
        if let Some(held) = subscriptions::read(tx, hold.subscription_id).await? {
            let shape = QuotaShape::from(quota);
            for percent in reached {
                if quota_counters::mark_told(tx, held.id, quota, percent).await? {
                    tell::quota(self.parts, tx, &held, percent, &shape, self.now).await?;
                    self.owe_letter(&held, percent, quota);
                }
            }
        }
        Ok(())
    }

    fn owe_letter(&mut self, held: &Subscription, percent: u8, quota: &QuotaState) {
        // A hold may be charged to a period that is over: nobody can do anything about that one.
        if quota.resets_at > self.now {
            let letter = Reached {
                user_id: held.user_id,
                plan: (held.plan_id, held.plan_version),
                percent,
                quota: quota.clone(),
            };
            self.letters.insert((held.id, quota.meter.clone()), letter);
        }
    }

    /// Counter by counter, in the order of their subscriptions, which is the order of locks.
    async fn take(&mut self, tx: &mut Tx, wishes: &'a [Wish]) -> Result<(), Trouble> {
        let mut counters: BTreeMap<(SubscriptionId, Meter), Vec<(usize, &'a Take)>> =
            BTreeMap::new();
        for (index, wish) in wishes.iter().enumerate() {
            if let Wish::Take(take) = wish
                && self.fates[index].is_none()
            {
                let counter = (take.holding.subscription.id, take.meter.clone());
                counters.entry(counter).or_default().push((index, take));
            }
        }
        // Of one counter, all must have read the same subscription; the others read it again.
        for takes in counters.values_mut() {
            let newest = takes.iter().map(|(_, take)| version(take)).max();
            takes.retain(|(_, take)| Some(version(take)) == newest);
        }
        let takings: Vec<Taking<'_>> = counters.values().map(|takes| together(takes)).collect();
        let taken = takings::take_each(tx, &takings, self.now).await?;
        for (id, counter) in taken {
            if let Some(takes) = counters.remove(&(id, counter.quota.meter.clone())) {
                self.count(&takes, counter);
            }
        }
        for takes in counters.values() {
            self.take_what_fits(tx, takes).await?;
        }
        Ok(())
    }

    /// The sum did not fit, or the counter is not open: those that fit, in their order; then each alone.
    async fn take_what_fits(
        &mut self,
        tx: &mut Tx,
        takes: &[(usize, &'a Take)],
    ) -> Result<(), Trouble> {
        let Some((_, first)) = takes.first() else {
            return Ok(());
        };
        let (id, meter) = (first.holding.subscription.id, &first.meter);
        let Some(open) = quota_counters::read(tx, id, meter, self.now).await? else {
            return Ok(());
        };
        let mut left = open.quota.clone();
        let mut fitting = Vec::new();
        let mut short = Vec::new();
        for (index, take) in takes {
            if left.fits(take.units) {
                left.held = left.held.plus(take.units);
                fitting.push((*index, *take));
            } else {
                short.push((*index, *take));
            }
        }
        let mut stands = open.quota;
        if !fitting.is_empty() {
            let given = takings::take_each(tx, &[together(&fitting)], self.now).await?;
            if let Some((_, counter)) = given.into_iter().next() {
                stands = counter.quota.clone();
                self.count(&fitting, counter);
            } else {
                // A rival took of it meanwhile, or the right is over: the statement says for each.
                return self.take_alone(tx, takes).await;
            }
        }
        for (index, take) in short {
            self.refuse(index, take, stands.clone());
        }
        Ok(())
    }

    async fn take_alone(
        &mut self,
        tx: &mut Tx,
        takes: &[(usize, &'a Take)],
    ) -> Result<(), Trouble> {
        for one in takes {
            let given = takings::take_each(tx, &[together(&[*one])], self.now).await?;
            let (index, take) = *one;
            if let Some((_, counter)) = given.into_iter().next() {
                self.count(&[*one], counter);
                continue;
            }
            let id = take.holding.subscription.id;
            let open = quota_counters::read(tx, id, &take.meter, self.now).await?;
            if let Some(counter) = open.filter(|counter| !counter.quota.fits(take.units)) {
                self.refuse(index, take, counter.quota);
            }
        }
        Ok(())
    }

    fn refuse(&mut self, index: usize, take: &Take, stands: QuotaState) {
        self.moved.refused = self.moved.refused.plus(take.units);
        self.fates[index] = Some(Fate::Short(stands));
    }

    /// What each of them has, counted forward from what stood before all of them.
    fn count(&mut self, takes: &[(usize, &'a Take)], counter: Counter) {
        let sum = together(takes);
        let mut quota = counter.quota;
        let of = |units: i64| Units::new(units).unwrap_or(Units::NONE);
        quota.used = quota.used.less(of(sum.units));
        quota.held = quota.held.less(of(sum.held));
        for (index, take) in takes {
            let fate = if let Some((owner, time)) = take.aside {
                quota.held = quota.held.plus(take.units);
                self.moved.reserved = self.moved.reserved.plus(take.units);
                let hold = Hold {
                    id: self.parts.ids.at(self.now),
                    subscription_id: take.holding.subscription.id,
                    meter: take.meter.clone(),
                    period_start: counter.period.start,
                    user_id: take.call.user_id,
                    owner,
                    resource_type: take.call.resource_type.clone(),
                    resource_id: take.call.resource_id.clone(),
                    cost: take.call.cost,
                    units: take.units,
                    charged: None,
                    state: HoldState::Held,
                    metadata: take.call.metadata.clone(),
                    usage_id: None,
                    created_at: self.now,
                    expires_at: self.now.after(time.get()),
                };
                self.holds.push(hold.clone());
                Fate::Held {
                    hold: Box::new(hold),
                    quota: quota.clone(),
                }
            } else {
                quota.used = quota.used.plus(take.units);
                self.moved.charged = self.moved.charged.plus(take.units);
                let usage = self.charge(take, counter.period.start);
                for percent in quota.reached(take.units) {
                    self.reached.push((take, percent, quota.clone()));
                }
                Fate::Charged {
                    usage,
                    quota: quota.clone(),
                }
            };
            if let Some(key) = &take.key {
                self.answers.push((key, answer(&fate)));
            }
            self.fates[*index] = Some(fate);
        }
    }

    fn charge(&mut self, take: &'a Take, period_start: Timestamp) -> UsageId {
        let id = self.parts.ids.at(self.logged_at);
        self.charges.push(Entry {
            id,
            user_id: take.call.user_id,
            subscription_id: take.holding.subscription.id,
            resource_type: &take.call.resource_type,
            resource_id: take.call.resource_id.as_ref(),
            quota_cost: take.units.get(),
            cost: take.call.cost,
            metadata: &take.call.metadata,
            meter: &take.meter,
            period_start,
            key_id: take.call.api_key_id,
            hold_id: None,
            refund_of: None,
            at: self.logged_at,
        });
        id
    }

    async fn append(&self, tx: &mut Tx, charges: &[Entry<'_>]) -> Result<(), Trouble> {
        if charges::append_each(tx, charges).await? {
            return Ok(());
        }
        self.parts.folded.note(usage_marks::read_folded(tx).await?);
        Err(Trouble::Late)
    }

    async fn write_down(&mut self, tx: &mut Tx) -> Result<(), Trouble> {
        if !idempotency::put_each(tx, &self.answers, self.now).await? {
            return Err(Trouble::Rival);
        }
        quota_holds::put_each(tx, &self.holds).await?;
        self.append(tx, &self.charges).await?;
        for (take, percent, quota) in std::mem::take(&mut self.reached) {
            let (held, shape) = (&take.holding.subscription, QuotaShape::from(&quota));
            if quota_counters::mark_told(tx, held.id, &quota, percent).await? {
                tell::quota(self.parts, tx, held, percent, &shape, self.now).await?;
                self.owe_letter(held, percent, &quota);
            }
        }
        Ok(())
    }

    async fn write_letters(&self, tx: &mut Tx) -> Result<(), Trouble> {
        for owed in self.letters.values() {
            let written = letters::quota_reached(self.parts, tx, owed, self.now).await;
            written.map_err(|error| match Trouble::from(error) {
                Trouble::Bad(error) => Trouble::Unwritten(error),
                passing => passing,
            })?;
        }
        Ok(())
    }
}

fn version(take: &Take) -> i64 {
    take.holding.subscription.version
}

/// The sum of what calls take of one counter.
fn together<'t>(takes: &[(usize, &'t Take)]) -> Taking<'t> {
    let (_, first) = takes.first().expect("a counter of the batch has a call");
    let sum = |aside: bool| {
        let of = takes
            .iter()
            .filter(|(_, take)| take.aside.is_some() == aside);
        of.map(|(_, take)| take.units.get()).sum()
    };
    Taking {
        subscription: first.holding.subscription.id,
        version: version(first),
        meter: &first.meter,
        units: sum(false),
        held: sum(true),
    }
}

/// As it is kept under the key.
fn answer(fate: &Fate) -> Vec<u8> {
    let answer = match fate {
        Fate::Charged { usage, quota } => serde_json::to_vec(&ConsumeShape {
            usage_id: *usage,
            quota: QuotaShape::from(quota),
        }),
        Fate::Held { hold, quota } => serde_json::to_vec(&HoldShape::new(hold, quota)),
        _ => Ok(Vec::new()),
    };
    answer.expect("a shape of texts and numbers is JSON")
}

fn inconsistent(column: &'static str, hold: HoldId) -> StorageError {
    StorageError::Inconsistent {
        table: "quota_holds",
        column,
        row: hold.to_string(),
    }
}
