//! Brings a refund to its provider, and decides it by what the provider says: intent before, call outside
//! any transaction, result after. Unknown is not failed: the amount stays set aside until somebody knows.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::book::book;
use super::left::as_bought;
use super::refund_source::Source;
use super::{TRIES, agreement, letters, moved_on, tell};
use crate::Parts;
use crate::model::payment::{Payment, Purpose};
use crate::model::refund::{Refund, RefundNo, RefundState};
use crate::model::subscription::{Subscription, SubscriptionState};
use crate::model::suspense::SuspenseState;
use crate::model::term::{Term, running};
use crate::providers::{NewRefund, PaymentProvider, ProviderError, RefundKey, RefundVerdict};
use crate::store::attempts::{self, Operation};
use crate::store::{change_quotes, plans, quota_counters, refunds, subscriptions, suspense, terms};

/// So many changes of plan are followed from money to what is in force.
const LONGEST_CHAIN: usize = 32;

/// How a refund stands after a call.
#[derive(Debug)]
pub(super) enum Decided {
    /// The money has gone back, or has failed to for good.
    Over,
    /// It is to be asked about.
    Open,
    /// The provider refused, and there is no such refund there.
    Refused(ProviderError),
}

/// Tells the provider, under the same number however often.
pub(super) async fn submit(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    source: &Source,
    refund: &Refund,
) -> Result<Decided> {
    let sent = tell(parts, provider, source, refund, Operation::Refund).await?;
    match sent {
        Ok(RefundVerdict::Unheard) => decide(parts, source, refund, &RefundVerdict::Pending).await,
        Ok(verdict) => decide(parts, source, refund, &verdict).await,
        Err(ProviderError::Unknown { .. }) => unknown(parts, refund).await,
        // An earlier call under this number may have done it, whatever is said of this one.
        Err(refused @ ProviderError::Refused { .. }) => {
            let asked = tell(parts, provider, source, refund, Operation::RefundQuery).await?;
            match asked {
                Ok(RefundVerdict::Unheard | RefundVerdict::Failed { .. }) => {
                    let code = match &refused {
                        ProviderError::Refused { code, .. } => code.clone(),
                        ProviderError::Unknown { .. } => String::new(),
                    };
                    let failed = RefundVerdict::Failed { code };
                    decide(parts, source, refund, &failed).await?;
                    Ok(Decided::Refused(refused))
                }
                Ok(verdict) => decide(parts, source, refund, &verdict).await,
                Err(_) => unknown(parts, refund).await,
            }
        }
    }
}

/// One call, with its intent and its result.
pub(super) async fn tell(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    source: &Source,
    refund: &Refund,
    operation: Operation,
) -> Result<Result<RefundVerdict, ProviderError>> {
    let now = parts.clock.now();
    let attempt = parts.ids.at(now);
    let mut tx = parts.db.begin().await?;
    attempts::intend_refund(&mut tx, attempt, refund, operation, now).await?;
    if operation == Operation::Refund
        && !refunds::under_way(&mut tx, refund.id, RefundState::Submitted, now).await?
    {
        // Decided by somebody else: nobody is told again.
        return Ok(Ok(RefundVerdict::Pending));
    }
    tx.commit().await?;
    let key = source.key(RefundNo::of(refund.id));
    let answer = match operation {
        Operation::Refund => {
            let wanted = NewRefund {
                key,
                amount: refund.amount,
                paid: source.amount,
                reason: refund.reason.clone(),
            };
            provider.refund_payment(&wanted).await
        }
        _ => provider.verify_refund(&key).await,
    };
    let mut tx = parts.db.begin().await?;
    attempts::conclude(&mut tx, attempt, answer.as_ref().err(), parts.clock.now()).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Asks about a refund that somebody else has made; with its intent and its result, like every call.
pub(super) async fn ask_foreign(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    payment: &Payment,
    wanted: &RefundKey,
) -> Result<Result<RefundVerdict, ProviderError>> {
    let now = parts.clock.now();
    let attempt = parts.ids.at(now);
    let (number, asked) = (wanted.refund_no.as_str(), Operation::RefundQuery);
    let mut tx = parts.db.begin().await?;
    attempts::intend(&mut tx, attempt, payment.id, number, asked, now).await?;
    tx.commit().await?;
    let answer = provider.verify_refund(wanted).await;
    let mut tx = parts.db.begin().await?;
    attempts::conclude(&mut tx, attempt, answer.as_ref().err(), parts.clock.now()).await?;
    tx.commit().await?;
    Ok(answer)
}

async fn unknown(parts: &Parts, refund: &Refund) -> Result<Decided> {
    let mut tx = parts.db.begin().await?;
    refunds::under_way(&mut tx, refund.id, RefundState::Unknown, parts.clock.now()).await?;
    tx.commit().await?;
    Ok(Decided::Open)
}

/// Does what a verdict says, once.
pub(super) async fn decide(
    parts: &Parts,
    source: &Source,
    refund: &Refund,
    verdict: &RefundVerdict,
) -> Result<Decided> {
    let now = parts.clock.now();
    let mut tx = parts.db.begin().await?;
    match verdict {
        RefundVerdict::Pending | RefundVerdict::Unheard => return Ok(Decided::Open),
        RefundVerdict::Succeeded(proof) if proof.amount() != refund.amount => {
            tracing::error!(
                refund.id = %refund.id, wanted = %refund.amount, told = %proof.amount(),
                "a provider speaks of another amount than was to go back; the refund waits for the operator"
            );
            drop(tx);
            return unknown(parts, refund).await;
        }
        RefundVerdict::Succeeded(proof) => {
            let (done, number) = (RefundState::Succeeded, proof.provider_refund_id());
            if !refunds::settle(&mut tx, refund.id, done, number, None, now).await? {
                return Ok(Decided::Over);
            }
            gone(parts, &mut tx, source, refund, now).await?;
            tracing::info!(refund.id = %refund.id, "money went back");
        }
        RefundVerdict::Failed { code } => {
            let failed = RefundState::Failed;
            if !refunds::settle(&mut tx, refund.id, failed, None, Some(code), now).await? {
                return Ok(Decided::Over);
            }
            stays(&mut tx, source, refund, now).await?;
            let user = source.payment.as_ref().map(|payment| payment.user_id);
            tell::refund(parts, &mut tx, "refund.failed", refund, user, now).await?;
            tracing::warn!(refund.id = %refund.id, code, "a refund failed; its amount is free again");
        }
    }
    tx.commit().await?;
    Ok(Decided::Over)
}

/// The money of a settled refund has gone: from its payment, from suspense, from the books; and what it
/// had bought goes with it.
pub(super) async fn gone(
    parts: &Parts,
    tx: &mut Tx,
    source: &Source,
    refund: &Refund,
    now: Timestamp,
) -> Result<()> {
    if let Some(kept) = source.suspense
        && !suspense::returned(tx, kept, SuspenseState::Refunded, now).await?
    {
        return Err(inconsistent(refund));
    }
    if let Some(payment) = &source.payment {
        let all = refunds::book(tx, payment.id, refund.amount, now).await?;
        let all = all.ok_or_else(|| inconsistent(refund))?;
        if refund.ends_subscription(all) {
            claw_back(parts, tx, payment, now).await?;
        } else {
            terms::lessen(tx, payment.id, refund.amount).await?;
        }
    }
    let fact = source.gone(refund);
    book(parts, tx, source.livemode, &[fact], now).await?;
    let user = source.payment.as_ref().map(|payment| payment.user_id);
    tell::refund(parts, tx, "refund.succeeded", refund, user, now).await?;
    match &source.payment {
        Some(payment) => letters::refunded(parts, tx, payment, refund, now).await,
        None => Ok(()),
    }
}

/// The money stays: its amount is free again, and what lies in suspense waits for somebody.
async fn stays(tx: &mut Tx, source: &Source, refund: &Refund, now: Timestamp) -> Result<()> {
    if let Some(kept) = source.suspense
        && !suspense::returned(tx, kept, SuspenseState::Held, now).await?
    {
        return Err(inconsistent(refund));
    }
    if let Some(payment) = &source.payment
        && !refunds::free(tx, payment.id, refund.amount, now).await?
    {
        return Err(inconsistent(refund));
    }
    Ok(())
}

fn inconsistent(refund: &Refund) -> StorageError {
    StorageError::Inconsistent {
        table: "refunds",
        column: "amount",
        row: refund.id.to_string(),
    }
}

/// What the money had bought goes back too: a renewal takes a term off the end, anything else ends the plan, if it is the
/// one that is still in force, or the one that took its place and was paid with what was left of it.
async fn claw_back(parts: &Parts, tx: &mut Tx, payment: &Payment, now: Timestamp) -> Result<()> {
    for _ in 0..TRIES {
        let held = subscriptions::read_live(tx, payment.user_id, payment.livemode).await?;
        let Some(held) = held else { return Ok(()) };
        let bought = payment.subscription_id == Some(held.id);
        if !bought && !is_successor(tx, payment, &held).await? {
            return Ok(());
        }
        if bought && let Some(then) = shorter(tx, payment, &held, now).await? {
            // Counters before the subscription, as everywhere.
            if let Some(end) = then.entitled_until {
                quota_counters::cut(tx, held.id, end, now).await?;
            }
            if subscriptions::extend(tx, &then, now).await? {
                take_off(tx, payment, &then).await?;
                return told(parts, tx, "subscription.changed", &held, now).await;
            }
            continue;
        }
        // And again, for one rolled in between.
        quota_counters::close(tx, held.id, now).await?;
        let ended =
            subscriptions::end(tx, &held, SubscriptionState::Refunded, "refunded", now).await?;
        quota_counters::close(tx, held.id, now).await?;
        if ended {
            agreement::calls::end_of(parts, tx, held.id, now).await?;
            return told(parts, tx, "subscription.expired", &held, now).await;
        }
    }
    Err(moved_on(payment.user_id))
}

/// Whether what is in force was paid with what was left of what this money had bought.
async fn is_successor(tx: &mut Tx, payment: &Payment, held: &Subscription) -> Result<bool> {
    let mut before = payment.subscription_id;
    for _ in 0..LONGEST_CHAIN {
        let Some(id) = before else { return Ok(false) };
        before = change_quotes::successor(tx, id).await?;
        if before == Some(held.id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Tells of a subscription as it stands now.
async fn told(
    parts: &Parts,
    tx: &mut Tx,
    event: &'static str,
    held: &Subscription,
    now: Timestamp,
) -> Result<()> {
    let stands = subscriptions::read(tx, held.id).await?;
    tell::subscription(parts, tx, event, stands.as_ref().unwrap_or(held), now).await
}

/// How it stands without the last term, when a renewal goes back. `None`: nothing would be left of it.
async fn shorter(
    tx: &mut Tx,
    payment: &Payment,
    held: &Subscription,
    now: Timestamp,
) -> Result<Option<Subscription>> {
    if payment.purpose != Purpose::Renewal {
        return Ok(None);
    }
    let mut paid = terms::list(tx, held.id, held.anchor.zone()).await?;
    let Some(last) = paid.pop() else {
        return Ok(None);
    };
    let ends_at = if merged(&last, &paid) {
        let cycle = as_bought(tx, held).await?.billing_cycle;
        let end = held.term_end;
        end.and_then(|end| last.anchor.term_start(end, cycle))
    } else {
        Some(last.starts_at)
    };
    let Some(ends_at) = ends_at.filter(|end| *end > now) else {
        return Ok(None);
    };
    let turns = running(&paid, now).and_then(|(_, turns)| turns);
    let plan = plans::read(tx, held.plan_id).await?;
    let grace = plan.map_or(Duration::ZERO, |plan| plan.grace());
    Ok(Some(Subscription {
        term_end: Some(ends_at),
        entitled_until: held.right_until(Some(ends_at), grace),
        turns_at: held.turns_at.and(turns),
        ..held.clone()
    }))
}

/// The last term is gone; if this money had paid another, that is held by the money of the last from now on.
async fn take_off(tx: &mut Tx, payment: &Payment, held: &Subscription) -> Result<()> {
    let mut paid = terms::list(tx, held.id, held.anchor.zone()).await?;
    let Some(last) = paid.pop() else {
        return Ok(());
    };
    if merged(&last, &paid) {
        return terms::shorten(tx, &last, held.term_end, payment.amount).await;
    }
    terms::delete(tx, &last).await?;
    match paid.iter().find(|term| term.payment == Some(payment.id)) {
        Some(own) => terms::pay_by(tx, own, &last).await,
        None => Ok(()),
    }
}

/// What was begun before there were terms stands as one.
fn merged(last: &Term, others: &[Term]) -> bool {
    last.payment.is_none() && others.is_empty()
}
