//! A buyer's bank takes money back: by then it is gone, so it is recorded as a refund that the bank made, and what
//! the money had bought ends. Won back, it is booked as a correction and told to the operator; the plan stays ended,
//! since nobody here can know what the two have agreed.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PaymentId;
use tollgate_kernel::money::Money;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::book::book;
use super::foreign_refund::{self, ForeignRefund, Recorded};
use super::refund_source::Source;
use super::told_early::{self, Looked};
use crate::Parts;
use crate::model::ledger::Fact;
use crate::model::payment::{Payment, PaymentMethod};
use crate::model::refund::RefundOrigin;
use crate::providers::agreement::{Dispute, DisputeState};
use crate::store::{payments, refunds};
use crate::words::both;

/// Applies it, inside the caller's transaction. `last`: nobody comes back to it.
pub(super) async fn disputed(
    parts: &Parts,
    tx: &mut Tx,
    method: PaymentMethod,
    dispute: &Dispute,
    last: bool,
    now: Timestamp,
) -> Result<(Option<PaymentId>, Looked)> {
    let livemode = parts.config.livemode;
    let money = &dispute.provider_transaction_id;
    if dispute.state == DisputeState::Won {
        // Before anything is looked for: whoever is just coming back to its beginning is waited for, or writes nothing.
        told_early::forget_dispute(tx, method, &dispute.id, now).await?;
    }
    let Some(payment) = payments::read_by_money(tx, method, livemode, money).await? else {
        if dispute.state == DisputeState::Won {
            return Ok((None, Looked::Done("dispute_won")));
        }
        tracing::error!(
            dispute.id,
            "a bank disputes money that paid none of our orders yet"
        );
        return Ok((None, Looked::NotYet("dispute_of_unknown_order")));
    };
    let id = payment.id;
    if dispute.state == DisputeState::Won {
        let Some(refund) = refunds::read_foreign(tx, id, &dispute.id).await? else {
            return Ok((Some(id), Looked::Done("dispute_won")));
        };
        let fact = Fact::RefundTakenBack {
            refund: refund.id,
            rail: method,
            amount: refund.amount,
        };
        book(parts, tx, livemode, &[fact], now).await?;
        tracing::error!(payment.id = %id, dispute.id, "a dispute was won: the money is back, and what it bought has ended");
        return Ok((Some(id), Looked::Done("dispute_won")));
    }
    let Some(source) = Source::of_payment(payment.clone()) else {
        return Ok((Some(id), Looked::NotYet("dispute_of_unpaid_order")));
    };
    let foreign = ForeignRefund {
        number: &dispute.id,
        amount: if last {
            rest(&payment, dispute)
        } else {
            dispute.amount
        },
        origin: RefundOrigin::Dispute,
        reason: &both("reason.dispute"),
        end_subscription: true,
    };
    let recorded = foreign_refund::record(parts, tx, &source, &payment, &foreign, now).await?;
    Ok((
        Some(id),
        match recorded {
            Recorded::Now => Looked::Done("disputed"),
            Recorded::Known => Looked::Done("dispute_noted"),
            Recorded::AboveTheRest => Looked::NotYet("dispute_above_the_rest"),
        },
    ))
}

/// What is left of the payment, when the bank took more: the books cannot say that more went back than came, the rest
/// is the operator's, and what was bought ends all the same.
fn rest(payment: &Payment, dispute: &Dispute) -> Money {
    let gone = payment
        .refunded_minor
        .saturating_add(payment.refunding_minor);
    let left = payment.amount.minor().saturating_sub(gone);
    if left < 1 || left >= dispute.amount.minor() {
        return dispute.amount;
    }
    tracing::error!(payment.id = %payment.id, dispute.id, amount = %dispute.amount, left,
        "a bank took more than was left of a payment; what was left is booked");
    Money::new(left, payment.amount.currency())
}
