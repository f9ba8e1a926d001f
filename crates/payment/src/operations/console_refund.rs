//! A refund that was made at the provider's own desk, past us: asked about under the number that was told,
//! and recorded once, in one transaction with what it takes from its payment.

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PaymentId;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;
use tollgate_storage::jobs::{self, NewJob};

use super::book::book;
use super::foreign_refund::{self, ForeignRefund, Recorded};
use super::reconcile::Reconciled;
use super::refund_source::Source;
use super::settle_refund::ask_foreign;
use crate::model::ledger::Fact;
use crate::model::payment::Payment;
use crate::model::refund::{RefundNo, RefundOrigin, RefundState};
use crate::providers::{RefundVerdict, VerifiedRefund};
use crate::store::{payments, refunds};
use crate::words::both;
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
            // Told before its payment was: that comes first, by its own callback or question.
            let waits = payment.is_some_and(|payment| payment.is_open()) && attempts < TRIES;
            return Ok(if waits {
                Reconciled::Open
            } else {
                Reconciled::Settled
            });
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
            Ok(RefundVerdict::Failed { code }) => {
                take_back(parts, &payment, number, &code).await?;
                Ok(Reconciled::Settled)
            }
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

/// A refund that is written down as done did not go through after all: the money is with the merchant, and the buyer
/// has none. The books say so, once; what to do about the buyer is for the operator.
async fn take_back(parts: &Parts, payment: &Payment, number: &str, code: &str) -> Result<()> {
    let now = parts.clock.now();
    let mut tx = parts.db.begin().await?;
    let own = refunds::read_by_number(&mut tx, number).await?;
    let refund = match own {
        Some(own) => Some(own),
        None => refunds::read_foreign(&mut tx, payment.id, number).await?,
    };
    let done = refund.filter(|refund| refund.state == RefundState::Succeeded);
    let Some(refund) = done.filter(|refund| refund.payment_id == Some(payment.id)) else {
        return Ok(());
    };
    let fact = Fact::RefundTakenBack {
        refund: refund.id,
        rail: payment.method,
        amount: refund.amount,
    };
    book(parts, &mut tx, payment.livemode, &[fact], now).await?;
    tx.commit().await?;
    tracing::error!(payment.id = %payment.id, refund.id = %refund.id, code,
        "a refund did not go through after all: the money is back with the merchant, and the buyer has none");
    Ok(())
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
    let foreign = ForeignRefund {
        number,
        amount: proof.amount(),
        origin: RefundOrigin::Console,
        reason: &both("reason.console"),
        end_subscription: false,
    };
    let recorded = foreign_refund::record(parts, &mut tx, source, payment, &foreign, now).await?;
    tx.commit().await?;
    Ok(match recorded {
        Recorded::Now | Recorded::Known => Reconciled::Settled,
        Recorded::AboveTheRest => Reconciled::Open,
    })
}
