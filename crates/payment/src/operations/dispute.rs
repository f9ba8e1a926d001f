//! A buyer's bank takes money back: by then it is gone, so it is recorded as a refund that the bank made, and what
//! the money had bought ends. Won back, it is booked as a correction and told to the operator; the plan stays ended,
//! since nobody here can know what the two have agreed.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PaymentId;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::book::book;
use super::foreign_refund::{self, ForeignRefund, Recorded};
use super::refund_source::Source;
use crate::Parts;
use crate::model::ledger::Fact;
use crate::model::payment::PaymentMethod;
use crate::model::refund::RefundOrigin;
use crate::providers::agreement::{Dispute, DisputeState};
use crate::store::{payments, refunds};

/// Applies it, inside the caller's transaction.
pub(super) async fn disputed(
    parts: &Parts,
    tx: &mut Tx,
    method: PaymentMethod,
    dispute: &Dispute,
    now: Timestamp,
) -> Result<(Option<PaymentId>, &'static str)> {
    let livemode = parts.config.livemode;
    let money = &dispute.provider_transaction_id;
    let Some(payment) = payments::read_by_money(tx, method, livemode, money).await? else {
        tracing::error!(
            dispute.id,
            "a bank disputes money that paid none of our orders"
        );
        return Ok((None, "dispute_of_unknown_order"));
    };
    let id = payment.id;
    if dispute.state == DisputeState::Won {
        let Some(refund) = refunds::read_foreign(tx, id, &dispute.id).await? else {
            return Ok((Some(id), "dispute_won"));
        };
        let fact = Fact::RefundTakenBack {
            refund: refund.id,
            rail: method,
            amount: refund.amount,
        };
        book(parts, tx, livemode, &[fact], now).await?;
        tracing::error!(payment.id = %id, dispute.id, "a dispute was won: the money is back, and what it bought has ended");
        return Ok((Some(id), "dispute_won"));
    }
    let Some(source) = Source::of_payment(payment.clone()) else {
        return Ok((Some(id), "dispute_of_unpaid_order"));
    };
    let foreign = ForeignRefund {
        number: &dispute.id,
        amount: dispute.amount,
        origin: RefundOrigin::Dispute,
        reason: "银行拒付 (disputed at the buyer's bank)",
        end_subscription: true,
    };
    let recorded = foreign_refund::record(parts, tx, &source, &payment, &foreign, now).await?;
    Ok((
        Some(id),
        match recorded {
            Recorded::Now => "disputed",
            Recorded::Known => "dispute_noted",
            Recorded::AboveTheRest => "dispute_above_the_rest",
        },
    ))
}
