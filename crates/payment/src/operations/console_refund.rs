//! A refund that was made at the provider's own desk, past us: asked about under the number that was told,
//! and recorded once, in one transaction with what it takes from its payment.

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PaymentId;
use tollgate_kernel::money::Money;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;
use tollgate_storage::jobs::{self, NewJob};

use super::reconcile::Reconciled;
use super::refund_source::Source;
use super::settle_refund::{ask_foreign, gone};
use crate::model::payment::Payment;
use crate::model::refund::{Refund, RefundNo, RefundOrigin, RefundState};
use crate::providers::{RefundVerdict, VerifiedRefund};
use crate::store::{payments, refunds};
use crate::{Parts, PaymentService};

/// Which job asks about one.
pub(crate) const CONSOLE_REFUND: &str = "console_refund";
/// So often nobody has heard of it, and nobody will.
const TRIES: i64 = 20;

/// A callback told of a refund that is none of ours: it is to be asked about now.
pub(super) async fn ask_soon(
    parts: &Parts,
    tx: &mut Tx,
    payment: &Payment,
    number: &str,
    now: Timestamp,
) -> Result<()> {
    let job = NewJob {
        lane: payment.method.as_str(),
        kind: CONSOLE_REFUND,
        dedupe_key: &format!("{}:{number}", payment.id),
        payload: json!({ "payment_id": payment.id, "number": number }),
        due_at: now,
    };
    jobs::put(tx, &parts.ids, job, now).await
}

impl PaymentService {
    /// Asks, and records it when the provider confirms it.
    pub(crate) async fn reconcile_console_refund(
        &self,
        id: PaymentId,
        number: &str,
        attempts: i64,
    ) -> Result<Reconciled> {
        let parts = &self.0;
        let payment = payments::find_any(&parts.db, id).await?;
        let payment = payment.filter(|payment| payment.livemode == parts.config.livemode);
        let Some(source) = payment.clone().and_then(Source::of_payment) else {
            return Ok(Reconciled::Settled);
        };
        let (Some(payment), Some(provider)) = (payment, parts.providers.get(source.rail).cloned())
        else {
            return Ok(Reconciled::Open);
        };
        let wanted = source.key(RefundNo::foreign(number));
        match ask_foreign(parts, provider.as_ref(), &payment, &wanted).await? {
            Ok(RefundVerdict::Succeeded(proof)) => {
                record(parts, &source, &payment, number, &proof).await
            }
            Ok(RefundVerdict::Failed { .. }) => Ok(Reconciled::Settled),
            Ok(RefundVerdict::Pending | RefundVerdict::Unheard) | Err(_) => {
                if attempts >= TRIES {
                    tracing::error!(payment.id = %id, number, "a provider told of a refund, and knows nothing of it");
                    return Ok(Reconciled::Settled);
                }
                Ok(Reconciled::Open)
            }
        }
    }
}

async fn record(
    parts: &Parts,
    source: &Source,
    payment: &Payment,
    number: &str,
    proof: &VerifiedRefund,
) -> Result<Reconciled> {
    let now = parts.clock.now();
    let mut tx = parts.db.begin().await?;
    if refunds::is_known(&mut tx, payment.id, number).await? {
        return Ok(Reconciled::Settled);
    }
    let amount: Money = proof.amount();
    if !refunds::reserve(&mut tx, payment.id, None, amount, source.livemode, now).await? {
        // One of ours is under way, which the provider will refuse; its amount is free again then.
        tracing::error!(payment.id = %payment.id, number, amount = %amount,
            "more was refunded at the provider's desk than is left of the payment");
        return Ok(Reconciled::Open);
    }
    let refund = Refund {
        id: parts.ids.at(now),
        payment_id: Some(payment.id),
        suspense_id: None,
        amount,
        state: RefundState::Reserved,
        origin: RefundOrigin::Console,
        reason: "在支付平台退款 (refunded at the provider's own desk)".to_owned(),
        requested_by: None,
        end_subscription: false,
        keep_subscription: false,
        failure_code: None,
        created_at: now,
        settled_at: None,
    };
    refunds::insert(&mut tx, &refund).await?;
    let done = RefundState::Succeeded;
    refunds::settle(&mut tx, refund.id, done, Some(number), None, now).await?;
    gone(parts, &mut tx, source, &refund, now).await?;
    tx.commit().await?;
    tracing::warn!(refund.id = %refund.id, payment.id = %payment.id, "money was refunded at the provider's own desk");
    Ok(Reconciled::Settled)
}
