//! Asks the provider about an open order, by our own number, when no callback has said anything:
//! a callback may be lost, and a crash may have cut us off from an answer.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PaymentId;
use tollgate_storage::Result;

use super::apply_event::{Applied, apply};
use super::{letters, tell};
use crate::model::payment::{Payment, PaymentEvent};
use crate::providers::{PaymentProvider, ProviderError, ProviderVerdict};
use crate::store::attempts::{self, Operation};
use crate::store::payments;
use crate::{Parts, PaymentService, counted};

/// After the n-th question the next comes this much later; the last is repeated to the end, so
/// that nobody who has paid waits longer than a minute.
const SCHEDULE_SECONDS: [u64; 4] = [5, 15, 30, 45];

/// Whether an order needs to be asked about again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// It is decided.
    Settled,
    /// Ask again.
    Open,
}

/// When to ask for the next time.
pub(crate) fn next_question(attempts: i64, now: Timestamp) -> Timestamp {
    let index = usize::try_from(attempts)
        .unwrap_or(0)
        .min(SCHEDULE_SECONDS.len().saturating_sub(1));
    now.after(Duration::from_secs(
        SCHEDULE_SECONDS.get(index).copied().unwrap_or(45),
    ))
}

impl PaymentService {
    /// Asks, and does what the answer says. An order past its time is asked about first, closed at
    /// the provider second and given up last.
    ///
    /// ```
    /// # use tollgate_kernel::ids::PaymentId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn ask_now(payment: &PaymentService, id: PaymentId) -> Result<(), StorageError> {
    ///     payment.reconcile(id).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn reconcile(&self, id: PaymentId) -> Result<Reconciled> {
        let parts = &self.0;
        let Some(order) = payments::find_any(&parts.db, id).await? else {
            return Ok(Reconciled::Settled);
        };
        if !order.is_open() || order.livemode != parts.config.livemode {
            return Ok(Reconciled::Settled);
        }
        let Some(provider) = parts.providers.get(order.method) else {
            return Ok(Reconciled::Open);
        };
        let verdict = ask(parts, provider.as_ref(), &order).await?;
        match verdict {
            Ok(ProviderVerdict::Paid(money)) => {
                let mut tx = parts.db.begin().await?;
                let applied = apply(parts, &mut tx, &money, parts.clock.now()).await?;
                if let Applied::Paid(_) = applied {
                    tx.count(counted::reconciled(), 1);
                }
                tx.commit().await?;
                Ok(Reconciled::Settled)
            }
            Ok(ProviderVerdict::Closed) => give_up(parts, &order, GivenUp::Closed).await,
            Ok(ProviderVerdict::Declined) => give_up(parts, &order, GivenUp::Refused).await,
            Ok(ProviderVerdict::Waiting) if order.expires_at <= parts.clock.now() => {
                match close(parts, provider.as_ref(), &order).await? {
                    Ok(()) => give_up(parts, &order, GivenUp::Expired).await,
                    // Unknown, or it may just have been paid: ask again.
                    Err(_) => Ok(Reconciled::Open),
                }
            }
            Ok(ProviderVerdict::Waiting) => Ok(Reconciled::Open),
            Err(error) => {
                tracing::warn!(payment.id = %order.id, error = %error, "a provider gave no answer about an order");
                Ok(Reconciled::Open)
            }
        }
    }
}

async fn ask(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    order: &Payment,
) -> Result<Result<ProviderVerdict, ProviderError>> {
    let attempt = intend(parts, order, Operation::Query).await?;
    let verdict = provider.verify_payment(&order.key()).await;
    conclude(parts, attempt, verdict.as_ref().err()).await?;
    Ok(verdict)
}

async fn close(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    order: &Payment,
) -> Result<Result<(), ProviderError>> {
    let attempt = intend(parts, order, Operation::Close).await?;
    let closed = provider.close_payment(&order.key()).await;
    conclude(parts, attempt, closed.as_ref().err()).await?;
    Ok(closed)
}

/// Why no money is waited for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GivenUp {
    /// The provider waits for none.
    Closed,
    /// The buyer paid, and it was refused.
    Refused,
    /// Its time is over.
    Expired,
}

async fn give_up(parts: &Parts, order: &Payment, why: GivenUp) -> Result<Reconciled> {
    let event = match why {
        GivenUp::Closed | GivenUp::Refused => PaymentEvent::Declined,
        GivenUp::Expired => PaymentEvent::Expired,
    };
    let now = parts.clock.now();
    let mut tx = parts.db.begin().await?;
    // Guarded by the state that was read: money that arrived meanwhile wins.
    let gone = payments::fail(&mut tx, order, event.as_str(), now).await?;
    if gone {
        tell::payment_of(parts, &mut tx, "payment.failed", order.id, now).await?;
        // Who has done nothing knows it; who has paid waits.
        if why == GivenUp::Refused {
            letters::refused(parts, &mut tx, order, now).await?;
        }
    }
    tx.commit().await?;
    Ok(if gone {
        Reconciled::Settled
    } else {
        Reconciled::Open
    })
}

async fn intend(
    parts: &Parts,
    order: &Payment,
    operation: Operation,
) -> Result<tollgate_kernel::ids::AttemptId> {
    let now = parts.clock.now();
    let attempt = parts.ids.at(now);
    let mut tx = parts.db.begin().await?;
    let number = order.order_no();
    attempts::intend(&mut tx, attempt, order.id, number.as_str(), operation, now).await?;
    tx.commit().await?;
    Ok(attempt)
}

async fn conclude(
    parts: &Parts,
    attempt: tollgate_kernel::ids::AttemptId,
    error: Option<&ProviderError>,
) -> Result<()> {
    let mut tx = parts.db.begin().await?;
    attempts::conclude(&mut tx, attempt, error, parts.clock.now()).await?;
    tx.commit().await
}
