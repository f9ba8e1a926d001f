//! Money of a payment that went back past us: at the provider's own desk, or through the buyer's bank. It is
//! recorded once, in one transaction with what it takes from its payment.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::refund_source::Source;
use super::settle_refund::gone;
use crate::Parts;
use crate::model::payment::Payment;
use crate::model::refund::{Refund, RefundOrigin, RefundState};
use crate::store::refunds;

/// What went back.
pub(super) struct ForeignRefund<'a> {
    /// As whoever made it has numbered it.
    pub(super) number: &'a str,
    /// How much.
    pub(super) amount: Money,
    /// Who wanted it.
    pub(super) origin: RefundOrigin,
    /// For whoever reads the list.
    pub(super) reason: &'a str,
    /// What was bought ends, though only a part went back.
    pub(super) end_subscription: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It is recorded now.
    Now,
    /// It was before.
    Known,
    /// More than is left of the payment: one of ours is under way, which the provider will refuse; its amount is
    /// free again then.
    AboveTheRest,
}

pub(super) async fn record(
    parts: &Parts,
    tx: &mut Tx,
    source: &Source,
    payment: &Payment,
    foreign: &ForeignRefund<'_>,
    now: Timestamp,
) -> Result<Recorded> {
    let &ForeignRefund { number, amount, .. } = foreign;
    if refunds::is_known(tx, payment.id, number).await? {
        return Ok(Recorded::Known);
    }
    if !refunds::reserve(tx, payment.id, None, amount, source.livemode, now).await? {
        tracing::error!(payment.id = %payment.id, number, amount = %amount, origin = foreign.origin.as_str(),
            "more went back past us than is left of the payment");
        return Ok(Recorded::AboveTheRest);
    }
    let refund = Refund {
        id: parts.ids.at(now),
        payment_id: Some(payment.id),
        suspense_id: None,
        amount,
        state: RefundState::Reserved,
        origin: foreign.origin,
        reason: foreign.reason.to_owned(),
        requested_by: None,
        end_subscription: foreign.end_subscription,
        keep_subscription: false,
        failure_code: None,
        created_at: now,
        settled_at: None,
    };
    refunds::insert(tx, &refund).await?;
    let done = RefundState::Succeeded;
    refunds::settle(tx, refund.id, done, Some(number), None, now).await?;
    gone(parts, tx, source, &refund, now).await?;
    tracing::warn!(refund.id = %refund.id, payment.id = %payment.id, origin = foreign.origin.as_str(),
        "money went back past us");
    Ok(Recorded::Now)
}
