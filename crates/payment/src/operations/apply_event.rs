//! Verified money reaches its order, or is kept for the operator.
//!
//! What can happen at once: the same money by callback and by query, on several instances; two
//! monies for one order; money for an order that expires at this moment. One statement
//! (`payments::settle`) lets exactly one of them through, on the row it changes; whoever comes
//! second reads what the first has made of it, and is either a repeat (the same money) or surplus
//! (other money).

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PaymentId, SubscriptionId, SuspenseId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::TRIES;
use super::agreement;
use super::book::book;
use super::deliver::{Delivery, deliver};
use super::resolve_suspense::by_rule;
use super::{letters, tell};
use crate::Parts;
use crate::model::ledger::Fact;
use crate::model::payment::{OrderNo, Payment, PaymentEvent, PaymentState, SuspenseCause as Cause};
use crate::model::suspense::{Kept, Resolution, SuspenseState};
use crate::providers::VerifiedPayment;
use crate::store::{payments, suspense};

/// What verified money came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Its order is paid now.
    Paid(PaymentId),
    /// Its order was paid by this very money before.
    Repeated(PaymentId),
    /// Kept for the operator.
    Suspended(Option<PaymentId>, Cause),
}

impl Applied {
    /// As the inbox notes it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Paid(_) => "paid",
            Self::Repeated(_) => "repeated",
            Self::Suspended(..) => "suspended",
        }
    }

    /// Which order.
    pub(crate) fn payment(self) -> Option<PaymentId> {
        match self {
            Self::Paid(id) | Self::Repeated(id) => Some(id),
            Self::Suspended(id, _) => id,
        }
    }
}

/// Applies it once, inside the caller's transaction.
pub(crate) async fn apply(
    parts: &Parts,
    tx: &mut Tx,
    money: &VerifiedPayment,
    now: Timestamp,
) -> Result<Applied> {
    let Some(order_no) = OrderNo::sent(money.order_no()) else {
        return suspend(parts, tx, money, None, Cause::UnknownOrder, now).await;
    };
    for _ in 0..TRIES {
        let Some(order) = payments::read_by_order_no(tx, &order_no).await? else {
            return suspend(parts, tx, money, None, Cause::UnknownOrder, now).await;
        };
        if matches!(
            order.state,
            PaymentState::Completed | PaymentState::Refunded
        ) {
            let same =
                order.provider_transaction_id.as_deref() == Some(money.provider_transaction_id());
            if same && order.method == money.method() {
                return Ok(Applied::Repeated(order.id));
            }
            return suspend(parts, tx, money, Some(order.id), Cause::Surplus, now).await;
        }
        // The table lets verified money in from every other state; were that to change, this says so.
        if order.state.next(PaymentEvent::Succeeded) != Ok(PaymentState::Completed) {
            return suspend(parts, tx, money, Some(order.id), Cause::EndedOrder, now).await;
        }
        if payments::settle(tx, &order, money, parts.config.livemode, now).await? {
            return grant(parts, tx, &order, money, now).await;
        }
        if let Some(cause) = misfit(parts, &order, money) {
            return suspend(parts, tx, money, Some(order.id), cause, now).await;
        }
        // All five match, and still no row: this money paid another order, where it is booked, or somebody
        // was faster. It is never set aside as well: it came once, and would go back from under that order.
        let (rail, livemode) = (money.method(), parts.config.livemode);
        let number = money.provider_transaction_id();
        if let Some(other) = payments::read_by_money(tx, rail, livemode, number).await?
            && other.id != order.id
        {
            tracing::error!(payment.id = %order.id, other.id = %other.id,
                "a provider tells of one money for two orders; it is booked for the other");
            return Ok(Applied::Repeated(other.id));
        }
    }
    Err(StorageError::Inconsistent {
        table: "payment_transactions",
        column: "state",
        row: money.order_no().to_owned(),
    })
}

/// The order is paid: what it was for.
async fn grant(
    parts: &Parts,
    tx: &mut Tx,
    order: &Payment,
    money: &VerifiedPayment,
    now: Timestamp,
) -> Result<Applied> {
    let received = Fact::PaymentReceived {
        payment: order.id,
        rail: money.method(),
        amount: money.amount(),
    };
    match deliver(parts, tx, order, now).await? {
        Delivery::Given(subscription_id) => {
            if let Some(agreement) = money.agreement() {
                agreement::begin(parts, tx, order, agreement, now).await?;
            }
            book(parts, tx, order.livemode, &[received], now).await?;
            let paid = paid(order, money, subscription_id, now);
            tell::payment(parts, tx, "payment.completed", &paid, now).await?;
            letters::paid(parts, tx, order.id, now).await?;
            Ok(Applied::Paid(order.id))
        }
        refused @ (Delivery::Conflict | Delivery::Surplus) => {
            let cause = Cause::EndedOrder;
            // What the buyer has already needs nobody's decision: it goes back.
            let rule = match refused {
                Delivery::Surplus => Some(Resolution::Refund),
                _ => cause.rule(),
            };
            let amount = money.amount();
            let kept = keep(parts, tx, money, Some(order.id), (cause, rule), now).await?;
            // It came in once, for the order; until somebody has decided it is not earned.
            let aside = kept.map(|suspense| Fact::SuspenseSetAside { suspense, amount });
            let facts: Vec<_> = [received].into_iter().chain(aside).collect();
            book(parts, tx, order.livemode, &facts, now).await?;
            tell::payment_of(parts, tx, "payment.completed", order.id, now).await?;
            Ok(Applied::Suspended(Some(order.id), cause))
        }
    }
}

/// The order as the statements above have left it.
fn paid(
    order: &Payment,
    money: &VerifiedPayment,
    subscription_id: Option<SubscriptionId>,
    now: Timestamp,
) -> Payment {
    Payment {
        state: PaymentState::Completed,
        provider_transaction_id: Some(money.provider_transaction_id().to_owned()),
        paid_at: Some(money.paid_at().unwrap_or(now)),
        failure_code: None,
        subscription_id,
        ..order.clone()
    }
}

/// Which of the five facts does not match (P2); the mode comes first, since nothing of the other
/// mode is to be believed.
fn misfit(parts: &Parts, order: &Payment, money: &VerifiedPayment) -> Option<Cause> {
    if order.livemode != parts.config.livemode {
        Some(Cause::Environment)
    } else if order.method != money.method() || order.account != *money.account() {
        Some(Cause::Rail)
    } else if order.amount.currency() != money.amount().currency() {
        Some(Cause::Currency)
    } else if order.amount != money.amount() {
        Some(Cause::Amount)
    } else {
        None
    }
}

/// Keeps money that fits no payable order, and books it.
async fn suspend(
    parts: &Parts,
    tx: &mut Tx,
    money: &VerifiedPayment,
    payment: Option<PaymentId>,
    cause: Cause,
    now: Timestamp,
) -> Result<Applied> {
    let (rail, livemode) = (money.method(), parts.config.livemode);
    let number = money.provider_transaction_id();
    if let Some(other) = payments::read_by_money(tx, rail, livemode, number).await? {
        tracing::error!(other.id = %other.id, "a provider tells of money again that has paid an order");
        return Ok(Applied::Repeated(other.id));
    }
    if let Some(suspense) = keep(parts, tx, money, payment, (cause, cause.rule()), now).await? {
        let received = Fact::SuspenseReceived {
            suspense,
            rail: money.method(),
            amount: money.amount(),
        };
        book(parts, tx, parts.config.livemode, &[received], now).await?;
    }
    Ok(Applied::Suspended(payment, cause))
}

/// Keeps it, and does what the rule says. `None`: this money is kept already.
async fn keep(
    parts: &Parts,
    tx: &mut Tx,
    money: &VerifiedPayment,
    payment: Option<PaymentId>,
    (cause, rule): (Cause, Option<Resolution>),
    now: Timestamp,
) -> Result<Option<SuspenseId>> {
    let id = parts.ids.at(now);
    let livemode = parts.config.livemode;
    if !suspense::insert(tx, id, money, livemode, payment, cause, now).await? {
        return Ok(None);
    }
    tracing::error!(
        provider = money.method().as_str(),
        payment.id = payment.map(tracing::field::display),
        cause = cause.as_str(),
        "verified money fits no payable order and is kept in suspense"
    );
    let kept = Kept {
        id,
        rail: money.method(),
        livemode,
        transaction_id: money.provider_transaction_id().to_owned(),
        order_no: money.order_no().to_owned(),
        payment_id: payment,
        amount: money.amount(),
        cause,
        state: SuspenseState::Open,
        note: None,
        resolved_by: None,
        resolved_at: None,
        created_at: now,
    };
    // Whatever becomes of this money, no more is to follow it.
    if let Some(agreement) = money.agreement() {
        agreement::calls::end(parts, tx, money.method(), &agreement.id, now).await?;
    }
    by_rule(parts, tx, &kept, rule, now).await?;
    Ok(Some(id))
}
