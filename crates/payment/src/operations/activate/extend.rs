//! A further term is put behind everything that is paid: of the same plan, of a newer version of it, or of the plan that
//! was wanted next. It begins at its moment, whoever looks.

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::{Grown, New};
use crate::Parts;
use crate::model::period::Anchor;
use crate::model::subscription::{Subscription, SubscriptionEvent};
use crate::model::term::Term;
use crate::operations::tell::{self, Why};
use crate::store::{plans, quota_counters, subscriptions, terms};

/// From the end of what is paid, never from now.
pub(super) async fn extend(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    new: &New<'_>,
    now: Timestamp,
) -> Result<Grown> {
    let Some(end) = held.term_end else {
        return Ok(Grown::Impossible);
    };
    let Ok(state) = held.state.next(SubscriptionEvent::Renewed) else {
        return Ok(Grown::Impossible);
    };
    let paid = terms::list(tx, held.id, held.anchor.zone()).await?;
    let last = paid.last();
    let anchor = match last {
        Some(last) => {
            let (id, version) = last.plan;
            let before = plans::read_as_of(tx, id, version).await?;
            let cycle = new.plan.billing_cycle;
            let is_as_long = before.is_some_and(|before| before.billing_cycle == cycle);
            last.anchor.followed_by(end, is_as_long)
        }
        None => held.anchor,
    };
    let term = behind(held, new, end, anchor);
    let goes_on = last.is_none_or(|last| last.is_like(&term));
    let then = Subscription {
        state,
        term_end: term.ends_at,
        turns_at: held.turns_at.or((!goes_on).then_some(end)),
        next_plan: held.next_plan.filter(|next| *next != new.plan.id),
        ..held.clone()
    };
    grow(parts, tx, (then, &term), new, "subscription.renewed", now).await
}

/// The first paid term follows what was tried without money.
pub(super) async fn convert(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    new: &New<'_>,
    now: Timestamp,
) -> Result<Grown> {
    let Some(end) = held.term_end else {
        return Ok(Grown::Impossible);
    };
    let Ok(state) = held.state.next(SubscriptionEvent::Bought) else {
        return Ok(Grown::Impossible);
    };
    let term = behind(held, new, end, held.anchor.followed_by(end, false));
    let then = Subscription {
        state,
        term_end: term.ends_at,
        turns_at: Some(end),
        ..held.clone()
    };
    grow(parts, tx, (then, &term), new, tell::ACTIVATED, now).await
}

/// What begins when everything before it is over.
fn behind(held: &Subscription, new: &New<'_>, end: Timestamp, anchor: Anchor) -> Term {
    Term {
        subscription: held.id,
        starts_at: end,
        ends_at: anchor.terms_end(end, new.plan.billing_cycle, new.terms),
        plan: (new.plan.id, new.plan.version),
        anchor,
        worth: new.worth(),
        payment: new.order.map(|order| order.id),
    }
}

async fn grow(
    parts: &Parts,
    tx: &mut Tx,
    (then, term): (Subscription, &Term),
    new: &New<'_>,
    event: &'static str,
    now: Timestamp,
) -> Result<Grown> {
    let then = Subscription {
        entitled_until: then.right_until(then.term_end, new.plan.grace()),
        ..then
    };
    // The open counter may have been bounded by the old end, and must be by the turn; in days of grace it is that of the
    // last term, which a paid one follows. Counters before the subscription, as everywhere; were the second statement to
    // find a rival, the next try writes the later end.
    let late = (term.starts_at <= now).then_some(term.starts_at);
    if let Some(bound) = then.turns_at.into_iter().chain(late).min() {
        quota_counters::cut(tx, then.id, bound, now).await?;
    }
    let period = then.quota_period(now);
    quota_counters::reopen(tx, then.id, &period, then.open_until(&period)).await?;
    if !subscriptions::extend(tx, &then, now).await? {
        return Ok(Grown::Moved);
    }
    terms::insert(tx, term, now).await?;
    let why = Why {
        payment: new.order.map(|order| order.id),
        ..Why::default()
    };
    tell::because(parts, tx, event, &then, why, now).await?;
    Ok(Grown::Done)
}
