//! Brings a refund to its provider, and decides it by what the provider says: intent before, call outside
//! any transaction, result after. Unknown is not failed: the amount stays set aside until somebody knows.

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::TRIES;
use super::book::book;
use crate::Parts;
use crate::model::ledger::Fact;
use crate::model::payment::{Payment, Purpose};
use crate::model::refund::{Refund, RefundNo, RefundState};
use crate::model::subscription::{Subscription, SubscriptionState};
use crate::providers::{NewRefund, PaymentProvider, ProviderError, RefundVerdict};
use crate::store::attempts::{self, Operation};
use crate::store::{plans, quota_counters, refunds, subscriptions};

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
    payment: &Payment,
    refund: &Refund,
) -> Result<Decided> {
    let sent = tell(parts, provider, payment, refund, Operation::Refund).await?;
    match sent {
        Ok(RefundVerdict::Unheard) => decide(parts, payment, refund, &RefundVerdict::Pending).await,
        Ok(verdict) => decide(parts, payment, refund, &verdict).await,
        Err(ProviderError::Unknown { .. }) => unknown(parts, refund).await,
        // An earlier call under this number may have done it, whatever is said of this one.
        Err(refused @ ProviderError::Refused { .. }) => {
            let asked = tell(parts, provider, payment, refund, Operation::RefundQuery).await?;
            match asked {
                Ok(RefundVerdict::Unheard | RefundVerdict::Failed { .. }) => {
                    let code = match &refused {
                        ProviderError::Refused { code, .. } => code.clone(),
                        ProviderError::Unknown { .. } => String::new(),
                    };
                    let failed = RefundVerdict::Failed { code };
                    decide(parts, payment, refund, &failed).await?;
                    Ok(Decided::Refused(refused))
                }
                Ok(verdict) => decide(parts, payment, refund, &verdict).await,
                Err(_) => unknown(parts, refund).await,
            }
        }
    }
}

/// One call, with its intent and its result.
pub(super) async fn tell(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    payment: &Payment,
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
    let wanted = NewRefund {
        order_no: payment.order_no(),
        refund_no: RefundNo::of(refund.id),
        amount: refund.amount,
        reason: refund.reason.clone(),
    };
    let answer = match operation {
        Operation::Refund => provider.refund_payment(&wanted).await,
        _ => provider.verify_refund(&wanted).await,
    };
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
    payment: &Payment,
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
            let all = refunds::book(&mut tx, refund.payment_id, refund.amount, now).await?;
            let all = all.ok_or_else(|| inconsistent(refund))?;
            if refund.ends_subscription(all) {
                claw_back(&mut tx, payment, now).await?;
            }
            let gone = Fact::Refunded {
                refund: refund.id,
                rail: payment.method,
                amount: refund.amount,
            };
            book(parts, &mut tx, payment.livemode, &[gone], now).await?;
            tracing::info!(refund.id = %refund.id, payment.id = %payment.id, "money went back");
        }
        RefundVerdict::Failed { code } => {
            let failed = RefundState::Failed;
            if !refunds::settle(&mut tx, refund.id, failed, None, Some(code), now).await? {
                return Ok(Decided::Over);
            }
            if !refunds::free(&mut tx, refund.payment_id, refund.amount, now).await? {
                return Err(inconsistent(refund));
            }
            tracing::warn!(refund.id = %refund.id, code, "a refund failed; its amount is free again");
        }
    }
    tx.commit().await?;
    Ok(Decided::Over)
}

fn inconsistent(refund: &Refund) -> StorageError {
    StorageError::Inconsistent {
        table: "payment_transactions",
        column: "refunding",
        row: refund.payment_id.to_string(),
    }
}

/// What the money had bought goes back too: a renewal takes its own term off the end, anything else ends
/// the plan, if it is the one that is still in force.
async fn claw_back(tx: &mut Tx, payment: &Payment, now: Timestamp) -> Result<()> {
    for _ in 0..TRIES {
        let held = subscriptions::read_live(tx, payment.user_id, payment.livemode).await?;
        let bought = |held: &Subscription| Some(held.id) == payment.subscription_id;
        let Some(held) = held.filter(bought) else {
            return Ok(());
        };
        if let Some(end) = shorter(tx, payment, &held).await?.filter(|end| *end > now) {
            // Counters before the subscription, as everywhere.
            quota_counters::cut(tx, held.id, end, now).await?;
            if subscriptions::extend(tx, &held, Some(end), now).await? {
                return Ok(());
            }
            continue;
        }
        // And again, for one rolled in between.
        quota_counters::close(tx, held.id, now).await?;
        let ended =
            subscriptions::end(tx, &held, SubscriptionState::Refunded, "refunded", now).await?;
        quota_counters::close(tx, held.id, now).await?;
        if ended {
            return Ok(());
        }
    }
    Err(StorageError::Inconsistent {
        table: "user_subscriptions",
        column: "version",
        row: payment.user_id.to_string(),
    })
}

/// Where the term ends without the part that a renewal had bought.
async fn shorter(tx: &mut Tx, payment: &Payment, held: &Subscription) -> Result<Option<Timestamp>> {
    let (Purpose::Renewal, Some(end), Some((plan, _))) =
        (payment.purpose, held.term_end, payment.plan)
    else {
        return Ok(None);
    };
    let plan = plans::read(tx, plan).await?;
    Ok(plan.and_then(|plan| held.anchor.term_start(end, plan.billing_cycle)))
}
