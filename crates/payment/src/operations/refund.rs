//! Sends money back.
//!
//! What can happen at once: two refunds that together exceed what was paid; the same click twice; an answer
//! that is lost after the money moved. The amount is set aside on the payment's own row before anybody
//! outside hears of it (P10); the number exists before the call and is the same at every repeat; what is
//! not known is asked about by the job that was written down with it.

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PaymentId, RefundId, UserId};
use tollgate_kernel::money::{AmountText, Money};
use tollgate_kernel::origin::Origin;
use tollgate_storage::StorageError;
use tollgate_storage::audit::{self, Actor, Entry};
use tollgate_storage::db::Tx;
use tollgate_storage::idempotency::{self, Known, Request};
use tollgate_storage::jobs::{self, NewJob};

use super::Answered;
use super::refund_source::Source;
use super::settle_refund::{Decided, submit};
use crate::model::payment::{Payment, PaymentMethod};
use crate::model::refund::{Refund, RefundOrigin, RefundState};
use crate::providers::ProviderError;
use crate::shapes::RefundShape;
use crate::store::{payments, refunds};
use crate::{Parts, PaymentService};

/// Which job asks about a refund.
pub(crate) const REFUND: &str = "refund";
/// When a refund is asked about first.
const FIRST_QUESTION: Duration = Duration::from_secs(12);

/// A refund that staff want.
///
/// ```
/// # use tollgate_kernel::ids::PaymentId;
/// # use tollgate_payment::WantRefund;
/// // All that is left, and the plan ends with it.
/// fn all_of_it(payment_id: PaymentId) -> WantRefund {
///     WantRefund {
///         payment_id,
///         amount: None,
///         amount_minor: None,
///         reason: "Within fourteen days".to_owned(),
///         end_subscription: None,
///         requested_by: None,
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct WantRefund {
    /// Of which payment.
    pub payment_id: PaymentId,
    /// Decimal text; with neither this nor the next, all that is left.
    pub amount: Option<AmountText>,
    /// Minor units.
    pub amount_minor: Option<i64>,
    /// Why; the buyer may read it.
    pub reason: String,
    /// `Some(true)`: what was bought ends, though a part goes back; `Some(false)`: it stays, though all does.
    pub end_subscription: Option<bool>,
    /// Who wants it.
    pub requested_by: Option<UserId>,
}

/// Why no money goes back.
///
/// ```
/// # use tollgate_kernel::money::{Currency, Money};
/// # use tollgate_payment::RefundError;
/// let error = RefundError::AboveRest(Money::new(4_000, Currency::CNY));
/// if let RefundError::AboveRest(left) = error {
///     assert_eq!(left.minor(), 4_000);
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefundError {
    /// No such payment.
    #[error("there is no such payment")]
    NotFound,
    /// Nobody has paid, or all of it went back.
    #[error("nothing was paid, or nothing is left")]
    NothingLeft,
    /// More than is left.
    #[error("more than is left of the payment")]
    AboveRest(Money),
    /// Another refund is under way; if it fails, so much is left.
    #[error("another refund of the payment is under way")]
    AnotherUnderWay,
    /// What it paid for could not be given: its money is kept in suspense, and goes back from there.
    #[error("the money is kept in suspense")]
    InSuspense,
    /// Not an amount in the payment's currency above zero.
    #[error("not an amount to refund")]
    Amount,
    /// The rail is not configured any more.
    #[error("the payment method is not configured")]
    MethodUnavailable,
    /// The provider refused, for good; the amount is free again.
    #[error(transparent)]
    Provider(ProviderErrorOf),
    /// The key was used for another body.
    #[error("the Idempotency-Key belongs to another request")]
    KeyReused,
    /// The first call is still running.
    #[error("the first call is still running")]
    InProgress,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// What a provider of a rail said.
#[derive(Debug, thiserror::Error)]
#[error("{1}")]
pub struct ProviderErrorOf(pub PaymentMethod, pub ProviderError);

impl PaymentService {
    /// Sends money of a payment back: a part or all that is left, as often as something is left. Pending
    /// means that it is on its way; it is decided by itself.
    ///
    /// ```
    /// # use tollgate_kernel::ids::PaymentId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{PaymentService, RefundError, WantRefund};
    /// # use tollgate_payment::model::refund::RefundStatus;
    /// async fn five_back(payment: &PaymentService, payment_id: PaymentId, origin: &Origin) -> Result<RefundStatus, RefundError> {
    ///     let wish = WantRefund {
    ///         payment_id,
    ///         amount: None,
    ///         amount_minor: Some(500), // 5.00; with neither, all that is left
    ///         reason: "Delivered late".to_owned(),
    ///         end_subscription: None,
    ///         requested_by: None,
    ///     };
    ///     let made = payment.refund(&wish, origin, None).await?;
    ///     // Pending: on its way, and decided by itself.
    ///     Ok(made.value.status)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`RefundError`]; no money moved.
    pub async fn refund(
        &self,
        wish: &WantRefund,
        origin: &Origin,
        key: Option<&Request>,
    ) -> Result<Answered<RefundShape>, RefundError> {
        // In a task of its own: a client that hangs up must not stop it between two steps.
        let (service, wish) = (self.clone(), wish.clone());
        let (origin, key) = (origin.clone(), key.cloned());
        let task =
            tokio::spawn(
                async move { refund_whole(&service.0, &wish, &origin, key.as_ref()).await },
            );
        task.await
            .map_err(|_| StorageError::Unavailable(tollgate_storage::sqlx::Error::WorkerCrashed))?
    }
}

async fn refund_whole(
    parts: &Parts,
    wish: &WantRefund,
    origin: &Origin,
    key: Option<&Request>,
) -> Result<Answered<RefundShape>, RefundError> {
    if let Some(first) = answered(parts, key).await? {
        return Ok(Answered::again(first));
    }
    let payment = payments::find_any(&parts.db, wish.payment_id).await?;
    let payment = payment.filter(|payment| payment.livemode == parts.config.livemode);
    let payment = payment.ok_or(RefundError::NotFound)?;
    let provider = parts.providers.get(payment.method);
    let provider = provider.ok_or(RefundError::MethodUnavailable)?.clone();
    let source = Source::of_payment(payment.clone()).ok_or(RefundError::NothingLeft)?;
    let Some(refund) = write_down(parts, &payment, wish, origin, key).await? else {
        let first = answered(parts, key).await?.ok_or(RefundError::InProgress)?;
        return Ok(Answered::again(first));
    };
    let decided = submit(parts, provider.as_ref(), &source, &refund).await?;
    let refund = refunds::find(&parts.db, refund.id)
        .await?
        .ok_or(RefundError::NotFound)?;
    if let Decided::Refused(error) = decided {
        return Err(RefundError::Provider(ProviderErrorOf(
            payment.method,
            error,
        )));
    }
    Ok(Answered::first(RefundShape::from(&refund)))
}

/// First transaction: the amount is set aside, the refund written down under the key, and who will ask about
/// it. A repeat of the key finds the refund, however it stands by then; it never makes another. `None`:
/// somebody with the same key was faster.
async fn write_down(
    parts: &Parts,
    payment: &Payment,
    wish: &WantRefund,
    origin: &Origin,
    key: Option<&Request>,
) -> Result<Option<Refund>, RefundError> {
    let now = parts.clock.now();
    let amount = amount(payment, wish)?;
    let mut tx = parts.db.begin().await?;
    let livemode = parts.config.livemode;
    if !refunds::reserve(&mut tx, payment.id, None, amount, livemode, now).await? {
        // Only now is anything read, to say why.
        let now_left = payments::read(&mut tx, payment.id).await?;
        let left = now_left.as_ref().map_or(0, left_minor);
        let under_way = now_left.map_or(0, |payment| payment.refunding_minor);
        return Err(if amount.minor() <= left {
            RefundError::InSuspense
        } else if amount.minor() <= left.saturating_add(under_way) {
            RefundError::AnotherUnderWay
        } else if left == 0 {
            RefundError::NothingLeft
        } else {
            RefundError::AboveRest(Money::new(left, payment.amount.currency()))
        });
    }
    let refund = Refund {
        id: parts.ids.at(now),
        payment_id: Some(payment.id),
        suspense_id: None,
        amount,
        state: RefundState::Reserved,
        origin: RefundOrigin::Admin,
        reason: wish.reason.clone(),
        requested_by: wish.requested_by,
        end_subscription: wish.end_subscription == Some(true),
        keep_subscription: wish.end_subscription == Some(false),
        failure_code: None,
        created_at: now,
        settled_at: None,
    };
    begin(
        parts,
        &mut tx,
        payment.method,
        &refund,
        now.after(FIRST_QUESTION),
    )
    .await?;
    record(parts, &mut tx, payment.id, &refund, origin, now).await?;
    if let Some(key) = key {
        let made = refund.id.to_string();
        if !idempotency::put(&mut tx, key, 201, made.as_bytes(), now).await? {
            return Ok(None);
        }
    }
    tx.commit().await?;
    Ok(Some(refund))
}

/// Writes down a refund whose money is set aside, and who will ask about it from `due` on.
pub(super) async fn begin(
    parts: &Parts,
    tx: &mut Tx,
    rail: PaymentMethod,
    refund: &Refund,
    due: Timestamp,
) -> Result<(), StorageError> {
    refunds::insert(tx, refund).await?;
    let job = NewJob {
        lane: rail.as_str(),
        kind: REFUND,
        dedupe_key: &refund.id.to_string(),
        payload: json!({ "refund_id": refund.id }),
        due_at: due,
    };
    jobs::put(tx, &parts.ids, job, refund.created_at).await
}

async fn record(
    parts: &Parts,
    tx: &mut Tx,
    payment: PaymentId,
    refund: &Refund,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), StorageError> {
    let entry = Entry {
        id: parts.ids.at(now),
        actor: Actor::of(origin),
        action: "payment.refund_requested",
        subject_kind: "payment",
        subject_id: payment.to_string(),
        before: None,
        after: Some(json!({
            "refund_id": refund.id,
            "amount": refund.amount.to_string(),
            "currency": refund.amount.currency().code(),
            "end_subscription": refund.end_subscription,
            "keep_subscription": refund.keep_subscription,
        })),
        reason: Some(&refund.reason),
        origin,
    };
    audit::append(tx, &parts.master_key, &entry, now).await
}

/// What is neither back nor on its way, of money that arrived.
fn left_minor(payment: &Payment) -> i64 {
    let gone = payment
        .refunded_minor
        .saturating_add(payment.refunding_minor);
    if payment.paid_at.is_some() {
        payment.amount.minor().saturating_sub(gone)
    } else {
        0
    }
}

/// As asked for, or all that is left. Two names for one amount must say the same.
fn amount(payment: &Payment, wish: &WantRefund) -> Result<Money, RefundError> {
    let currency = payment.amount.currency();
    let by_text = wish
        .amount
        .as_ref()
        .map(|text| text.money(currency).map_err(|_| RefundError::Amount))
        .transpose()?;
    let by_minor = wish.amount_minor.map(|minor| Money::new(minor, currency));
    let amount = match (by_text, by_minor) {
        (Some(text), Some(minor)) if text != minor => return Err(RefundError::Amount),
        (Some(amount), _) | (None, Some(amount)) => amount,
        (None, None) => Money::new(left_minor(payment), currency),
    };
    match amount.minor() {
        1.. => Ok(amount),
        0 if by_text.is_none() && by_minor.is_none() => Err(RefundError::NothingLeft),
        _ => Err(RefundError::Amount),
    }
}

/// The refund that was made under the key, as it stands now.
async fn answered(
    parts: &Parts,
    key: Option<&Request>,
) -> Result<Option<RefundShape>, RefundError> {
    let Some(key) = key else { return Ok(None) };
    let mut tx = parts.db.begin().await?;
    let known = idempotency::find(&mut tx, key).await?;
    tx.rollback().await?;
    let response = match known {
        None => return Ok(None),
        Some(Known::OtherBody) => return Err(RefundError::KeyReused),
        Some(Known::Running { .. }) => return Err(RefundError::InProgress),
        Some(Known::Answered { response, .. }) => response,
    };
    let id = String::from_utf8(response).ok();
    let id = id.and_then(|text| text.parse::<RefundId>().ok());
    let id = id.ok_or_else(|| StorageError::Inconsistent {
        table: "idempotency_keys",
        column: "response",
        row: key.caller.clone(),
    })?;
    let refund = refunds::find(&parts.db, id).await?;
    Ok(refund.as_ref().map(RefundShape::from))
}
