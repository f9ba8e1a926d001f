//! Gives a buyer what verified money, or a free plan, is for.

mod begin;
mod extend;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{SubscriptionId, UserId};
use tollgate_kernel::money::Money;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::left::left;
use super::tell::Why;
use super::{TRIES, agreement, moved_on, roll, tell};
use crate::Parts;
use crate::model::credit::Moments;
use crate::model::foreign_term::Fitted;
use crate::model::payment::{Payment, Purpose};
use crate::model::plan::Plan;
use crate::model::quota::Meter;
use crate::model::subscription::{Purchase, Subscription, SubscriptionEvent, SubscriptionState};
use crate::store::change_quotes::{self, ChangeQuote};
use crate::store::quota_counters::Last;
use crate::store::quota_grants::{self, Grant};
use crate::store::{payments, plans, quota_counters, subscriptions};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// It is theirs.
    Granted(SubscriptionId),
    /// Another paid plan is in force, and this one cannot be put beside or on top of it.
    Conflict,
    /// What the order was placed for has been given already, for other money: the buyer has paid twice for
    /// one wish, by two rails or by an order that was given up.
    Surplus,
}

/// Begins, extends or replaces, inside the transaction that saw the money. What a person has is
/// read and then changed under its version; a rival who was faster is read again.
pub(crate) async fn activate(
    parts: &Parts,
    tx: &mut Tx,
    user: UserId,
    plan: &Plan,
    order: Option<&Payment>,
    now: Timestamp,
) -> Result<Activation> {
    let quote = match order {
        Some(order) if order.purpose == Purpose::Change => {
            change_quotes::read(tx, order.id).await?
        }
        _ => None,
    };
    give(
        parts,
        tx,
        user,
        New::paid(plan, order, quote.as_ref()),
        quote.as_ref(),
        now,
    )
    .await
}

/// Begins what is tried before its first payment, in place of a free plan or of nothing.
pub(super) async fn begin_trial(
    parts: &Parts,
    tx: &mut Tx,
    user: UserId,
    plan: &Plan,
    until: Timestamp,
    now: Timestamp,
) -> Result<Activation> {
    let new = New {
        trial: Some(until),
        ..New::paid(plan, None, None)
    };
    give(parts, tx, user, new, None, now).await
}

/// Begins or extends without money. What is given so is worth nothing to whoever changes to another plan (L8).
pub(super) async fn give_terms(
    parts: &Parts,
    tx: &mut Tx,
    user: UserId,
    plan: &Plan,
    terms: u32,
    now: Timestamp,
) -> Result<Activation> {
    let new = New {
        terms,
        ..New::paid(plan, None, None)
    };
    give(parts, tx, user, new, None, now).await
}

/// Begins what was begun and paid elsewhere, in place of a free plan, of what has lapsed, or of nothing.
pub(super) async fn give_begun(
    parts: &Parts,
    tx: &mut Tx,
    user: UserId,
    plan: &Plan,
    elsewhere: Elsewhere,
    now: Timestamp,
) -> Result<Activation> {
    let held = subscriptions::read_live(tx, user, parts.config.livemode).await?;
    if let Some(held) = held.filter(|held| held.is_entitled(now)) {
        let before = plans::read(tx, held.plan_id).await?;
        let gives_way = before.is_some_and(|before| before.is_free() && before.id != plan.id);
        // Beside anything else that is in force it would be a further term of it.
        if !gives_way || held.next_plan == Some(plan.id) {
            return Ok(Activation::Conflict);
        }
    }
    let new = New {
        elsewhere: Some(elsewhere),
        ..New::paid(plan, None, None)
    };
    give(parts, tx, user, new, None, now).await
}

async fn give(
    parts: &Parts,
    tx: &mut Tx,
    user: UserId,
    mut new: New<'_>,
    quote: Option<&ChangeQuote>,
    now: Timestamp,
) -> Result<Activation> {
    let (plan, order) = (new.plan, new.order);
    let livemode = parts.config.livemode;
    for _ in 0..TRIES {
        let held = subscriptions::read_live(tx, user, livemode).await?;
        if let Some(quote) = quote
            && is_spent(tx, quote, held.as_ref()).await?
        {
            return Ok(Activation::Surplus);
        }
        let held_is_free = match &held {
            Some(held) => plans::read(tx, held.plan_id)
                .await?
                .is_some_and(|plan| plan.is_free()),
            None => false,
        };
        let known = held.as_ref().map(|held| (held, held_is_free));
        let quoted = quote.map(|quote| quote.subscription);
        match (Purchase::of(plan, known, quoted, now), held) {
            (Purchase::Conflict, _) => return Ok(Activation::Conflict),
            (purchase @ (Purchase::Extend | Purchase::Convert), Some(held)) => {
                if let Some(order) = order
                    && is_surplus(tx, order, &held).await?
                {
                    return Ok(Activation::Surplus);
                }
                let grown = match purchase {
                    Purchase::Convert => extend::convert(parts, tx, &held, &new, now).await?,
                    _ => extend::extend(parts, tx, &held, &new, now).await?,
                };
                match grown {
                    Grown::Done => return Ok(Activation::Granted(held.id)),
                    Grown::Impossible => return Ok(Activation::Conflict),
                    Grown::Moved => {}
                }
            }
            (Purchase::Replace { by }, Some(held)) => {
                new.left = replace(parts, tx, &held, by, (&new, quote), now).await?;
                // Nobody else can begin one before this is committed: the place was ours.
                if new.left.is_some()
                    && let Some(id) = begin::begin(parts, tx, user, &new, now).await?
                {
                    end_lapsed(parts, tx, user, order, now).await?;
                    return Ok(Activation::Granted(id));
                }
            }
            (Purchase::Begin, _) | (_, None) => {
                // What was quoted against has lapsed meanwhile: nothing is left of it.
                new.left = quote.map(|_| Taken::default());
                if let Some(id) = begin::begin(parts, tx, user, &new, now).await? {
                    end_lapsed(parts, tx, user, order, now).await?;
                    return Ok(Activation::Granted(id));
                }
            }
        }
    }
    Err(moved_on(user))
}

/// What is to begin, or to be put behind what there is.
pub(super) struct New<'a> {
    /// Of which plan, as it was on sale.
    pub(super) plan: &'a Plan,
    /// For which money.
    pub(super) order: Option<&'a Payment>,
    /// How many terms at once.
    pub(super) terms: u32,
    /// What was counted for the plan before.
    pub(super) credit: Money,
    /// What is really left of that plan, once it has ended.
    pub(super) left: Option<Taken>,
    /// Without money, up to then.
    pub(super) trial: Option<Timestamp>,
    /// As it was begun elsewhere.
    pub(super) elsewhere: Option<Elsewhere>,
}

/// What another application had begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elsewhere {
    pub(super) term: Fitted,
    /// What was paid there for the term, in minor units of the plan's currency.
    pub(super) paid_minor: i64,
}

impl<'a> New<'a> {
    fn paid(plan: &'a Plan, order: Option<&'a Payment>, quote: Option<&ChangeQuote>) -> Self {
        Self {
            plan,
            order,
            terms: quote.map_or(1, |quote| quote.terms),
            credit: quote.map_or(Money::new(0, plan.price.currency()), |quote| quote.credit),
            left: None,
            trial: None,
            elsewhere: None,
        }
    }

    /// What was paid, and what was counted.
    pub(super) fn worth(&self) -> Money {
        let paid = self
            .order
            .filter(|order| order.amount.currency() == self.credit.currency())
            .map_or(0, |order| order.amount.minor());
        let paid = paid.saturating_add(self.elsewhere.map_or(0, |elsewhere| elsewhere.paid_minor));
        Money::new(
            paid.saturating_add(self.credit.minor()),
            self.plan.price.currency(),
        )
    }
}

/// What there was, and goes along.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// What is left of it, in minor units.
    pub(super) minor: i64,
    /// Bonus units that nobody has used.
    pub(super) grants: Vec<Grant>,
}

/// Whether a longer term was given.
pub(super) enum Grown {
    /// It was.
    Done,
    /// It changed since it was read.
    Moved,
    /// It has no end, or stands so that it cannot.
    Impossible,
}

/// What was quoted against is another by now: it was replaced or refunded, so that what was counted for it is gone. (What
/// has merely lapsed is counted anew.)
async fn is_spent(tx: &mut Tx, quote: &ChangeQuote, held: Option<&Subscription>) -> Result<bool> {
    if held.is_some_and(|held| held.id == quote.subscription) {
        return Ok(false);
    }
    let before = subscriptions::read(tx, quote.subscription).await?;
    let lapsed = before.is_some_and(|before| before.state == SubscriptionState::Expired);
    Ok(held.is_some() || !lapsed)
}

/// What lapsed may still be debited for: not beside what took its place. A debit itself goes on.
async fn end_lapsed(
    parts: &Parts,
    tx: &mut Tx,
    user: UserId,
    order: Option<&Payment>,
    now: Timestamp,
) -> Result<()> {
    if order.is_some_and(is_debit) {
        return Ok(());
    }
    agreement::calls::end_lapsed(parts, tx, user, now)
        .await
        .map(drop)
}

/// It was placed by nobody, but by an agreement.
fn is_debit(order: &Payment) -> bool {
    order.purpose == Purpose::Renewal && order.superseded_at == Some(order.created_at)
}

/// A first term that began after this one was ordered, or a further one that was ordered before and paid after
/// it: the same wish. Read after every wait for a rival, so that of two monies one comes second.
async fn is_surplus(tx: &mut Tx, order: &Payment, held: &Subscription) -> Result<bool> {
    match order.purpose {
        Purpose::Subscription | Purpose::Change => Ok(held.created_at >= order.created_at),
        // A debit is no second wish.
        Purpose::Renewal if is_debit(order) => Ok(false),
        Purpose::Renewal => payments::is_renewed_meanwhile(tx, order).await,
        Purpose::OneOff => Ok(false),
    }
}

/// Ends what there is, and gives what of it goes along. `None`: it changed since it was read.
async fn replace(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    by: SubscriptionEvent,
    (new, quote): (&New<'_>, Option<&ChangeQuote>),
    now: Timestamp,
) -> Result<Option<Taken>> {
    let Ok(ends_as) = held.state.next(by) else {
        return Ok(None);
    };
    // Counters before the subscription, as everywhere; and again, for one rolled in between. From here on nobody takes
    // any more of it, so that what is left can be counted.
    quota_counters::close(tx, held.id, now).await?;
    let bonus = lock_bonus(tx, held, now).await?;
    let minor = match quote {
        Some(_) => {
            let at = Moments {
                time: new.order.map_or(now, |order| order.counted_at(now)),
                units: now,
            };
            left(tx, held, at).await?.credit.minor()
        }
        None => 0,
    };
    let ended = subscriptions::end(tx, held, ends_as, "bought_another", now).await?;
    quota_counters::close(tx, held.id, now).await?;
    if !ended {
        return Ok(None);
    }
    let grants = take_along(tx, held, bonus, now).await?;
    agreement::calls::end_of(parts, tx, held.id, now).await?;
    // Changed, not expired: its owner has another one now, and keeps what that gives.
    let replaced = Subscription {
        state: ends_as,
        entitled_until: Some(now),
        updated_at: now,
        ..held.clone()
    };
    let why = Why {
        payment: new.order.map(|order| order.id),
        from: Some(held.plan_id),
        to: Some(new.plan.id),
        credit_minor: new.credit.minor(),
    };
    tell::because(parts, tx, "subscription.changed", &replaced, why, now).await?;
    Ok(Some(Taken { minor, grants }))
}

/// Keeps the counters as they are that bonus units were poured into.
async fn lock_bonus(
    tx: &mut Tx,
    held: &Subscription,
    now: Timestamp,
) -> Result<Vec<(Meter, Option<Last>)>> {
    let mut locked = Vec::new();
    for meter in quota_grants::meters(tx, held.id).await? {
        let last = quota_counters::lock_last(tx, held.id, &meter, now).await?;
        locked.push((meter, last));
    }
    Ok(locked)
}

/// Bonus units that nobody has used leave what has ended.
async fn take_along(
    tx: &mut Tx,
    held: &Subscription,
    bonus: Vec<(Meter, Option<Last>)>,
    now: Timestamp,
) -> Result<Vec<Grant>> {
    let mut along = Vec::new();
    for (meter, last) in bonus {
        if let Some(last) = last {
            let of = (held.id, &meter, last.counter.period.start);
            roll::share_out(tx, of, &last.counter, None, now).await?;
        }
        for grant in quota_grants::read_open(tx, held.id, &meter).await? {
            let rest = grant.rest();
            quota_grants::spend(tx, grant.id, 0, Some(now)).await?;
            if rest.units > 0 && !rest.ends_by(now) {
                along.push(grant);
            }
        }
    }
    Ok(along)
}

#[cfg(test)]
mod tests;
