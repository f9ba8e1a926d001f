//! Decides about money in suspense, by rule or by the operator: it pays an order after all, goes back,
//! or stays for now.
//!
//! What can happen at once: two operators, or an operator and the rule; an order that is paid by other
//! money while it is to be paid by this. One statement (`suspense::decide`) lets exactly one of them
//! through, and everything else of a decision is in the same transaction.

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PaymentId, SuspenseId, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::{self, Actor, Entry};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result as Stored, StorageError};

use super::book::book;
use super::deliver::{Delivery, deliver};
use super::refund::begin;
use super::{letters, tell};
use crate::model::ledger::Fact;
use crate::model::payment::{Payment, PaymentState};
use crate::model::refund::{Refund, RefundOrigin, RefundState};
use crate::model::suspense::{Kept, Resolution, SuspenseEvent};
use crate::store::suspense::{self, Decision};
use crate::store::{payments, refunds};
use crate::words::both;
use crate::{Parts, PaymentService};

/// What an operator decides.
///
/// ```
/// # use tollgate_kernel::ids::{PaymentId, SuspenseId, UserId};
/// # use tollgate_payment::Resolve;
/// # use tollgate_payment::model::suspense::Resolution;
/// // It pays an order after all, by another number than the buyer gave.
/// fn apply(id: SuspenseId, order: PaymentId, by: UserId) -> Resolve {
///     Resolve {
///         id,
///         resolution: Resolution::Apply,
///         payment_id: Some(order),
///         reason: "The buyer named the wrong order".to_owned(),
///         by: Some(by),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Resolve {
    /// About which money.
    pub id: SuspenseId,
    /// What.
    pub resolution: Resolution,
    /// Which order it pays; without one, the order it came for.
    pub payment_id: Option<PaymentId>,
    /// Why. Who gets money back may read it.
    pub reason: String,
    /// Who.
    pub by: Option<UserId>,
}

/// Why nothing was decided.
///
/// ```
/// # use tollgate_payment::ResolveError;
/// fn too_late(error: &ResolveError) -> bool {
///     matches!(error, ResolveError::Decided)
/// }
/// assert!(too_late(&ResolveError::Decided));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// No such money.
    #[error("there is no such money in suspense")]
    NotFound,
    /// Somebody has decided before.
    #[error("it is decided already")]
    Decided,
    /// No such order.
    #[error("there is no such order")]
    NoOrder,
    /// The order wants other money, or none any more.
    #[error("the order cannot be paid with this money")]
    NotFitting,
    /// What the order is for cannot be given while another plan is in force.
    #[error("another plan is in force")]
    AnotherPlan,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// Decides, once. Money that goes back is on its way when this returns.
    ///
    /// ```
    /// # use tollgate_kernel::ids::SuspenseId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{PaymentService, Resolve, ResolveError};
    /// # use tollgate_payment::model::suspense::{Resolution, SuspenseState};
    /// async fn send_back(payment: &PaymentService, id: SuspenseId, origin: &Origin) -> Result<SuspenseState, ResolveError> {
    ///     let wish = Resolve {
    ///         id,
    ///         resolution: Resolution::Refund,
    ///         payment_id: None,
    ///         reason: "Paid twice".to_owned(),
    ///         by: None,
    ///     };
    ///     let kept = payment.resolve_suspense(&wish, origin).await?;
    ///     Ok(kept.state)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ResolveError`]; nothing has changed.
    pub async fn resolve_suspense(
        &self,
        wish: &Resolve,
        origin: &Origin,
    ) -> Result<Kept, ResolveError> {
        let parts = &self.0;
        let kept = suspense::find(&parts.db, wish.id).await?;
        let kept = kept.filter(|kept| kept.livemode == parts.config.livemode);
        let kept = kept.ok_or(ResolveError::NotFound)?;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        turn(&mut tx, &kept, wish, now).await?;
        match wish.resolution {
            Resolution::Hold => {}
            Resolution::Refund => {
                let origin = RefundOrigin::Admin;
                send_back(parts, &mut tx, &kept, origin, &wish.reason, wish.by, now).await?;
            }
            Resolution::Apply => pay(parts, &mut tx, &kept, wish, now).await?,
        }
        record(parts, &mut tx, &kept, wish, origin, now).await?;
        tx.commit().await?;
        let decided = suspense::find(&parts.db, wish.id).await?;
        decided.ok_or(ResolveError::NotFound)
    }
}

/// The guard: it waits, and does not wait any more.
async fn turn(
    tx: &mut Tx,
    kept: &Kept,
    wish: &Resolve,
    now: Timestamp,
) -> Result<(), ResolveError> {
    let event = SuspenseEvent::Resolved(wish.resolution);
    let to = kept.state.next(event).ok_or(ResolveError::Decided)?;
    let decision = Decision {
        by: wish.by,
        note: &wish.reason,
    };
    if suspense::decide(tx, kept.id, to, decision, now).await? {
        Ok(())
    } else {
        Err(ResolveError::Decided)
    }
}

/// What is done about new money without being asked (P6): the rule of its cause, mostly. Call it before the books.
pub(super) async fn by_rule(
    parts: &Parts,
    tx: &mut Tx,
    kept: &Kept,
    rule: Option<Resolution>,
    now: Timestamp,
) -> Stored<()> {
    let Some(rule) = rule else {
        return Ok(());
    };
    let Some(to) = kept.state.next(SuspenseEvent::Resolved(rule)) else {
        return Ok(());
    };
    let why = both("reason.paid_twice");
    let decision = Decision {
        by: None,
        note: &why,
    };
    if rule == Resolution::Refund && suspense::decide(tx, kept.id, to, decision, now).await? {
        send_back(parts, tx, kept, RefundOrigin::Surplus, &why, None, now).await?;
    }
    Ok(())
}

/// Writes down that it goes back; the worker brings it to the provider at once. Money that has also paid an
/// order is set aside there too, so that it cannot go back twice.
async fn send_back(
    parts: &Parts,
    tx: &mut Tx,
    kept: &Kept,
    origin: RefundOrigin,
    reason: &str,
    by: Option<UserId>,
    now: Timestamp,
) -> Stored<()> {
    let paid = same_money(tx, kept).await?;
    if let Some(order) = &paid
        && !refunds::reserve(tx, order.id, Some(kept.id), kept.amount, kept.livemode, now).await?
    {
        return Err(StorageError::Inconsistent {
            table: "payment_transactions",
            column: "refunding",
            row: order.id.to_string(),
        });
    }
    let refund = Refund {
        id: parts.ids.at(now),
        payment_id: paid.map(|order| order.id),
        suspense_id: Some(kept.id),
        amount: kept.amount,
        state: RefundState::Reserved,
        origin,
        reason: reason.to_owned(),
        requested_by: by,
        end_subscription: false,
        keep_subscription: false,
        failure_code: None,
        created_at: now,
        settled_at: None,
    };
    begin(parts, tx, kept.rail, &refund, now).await
}

/// The order that was paid with this very money, whose goods could not be given.
async fn same_money(tx: &mut Tx, kept: &Kept) -> Stored<Option<Payment>> {
    let Some(id) = kept.payment_id else {
        return Ok(None);
    };
    let order = payments::read(tx, id).await?;
    Ok(order.filter(|order| {
        order.method == kept.rail
            && order.provider_transaction_id.as_deref() == Some(kept.transaction_id.as_str())
    }))
}

/// It pays an order after all: the one that it had paid before, or another that nobody has paid.
async fn pay(
    parts: &Parts,
    tx: &mut Tx,
    kept: &Kept,
    wish: &Resolve,
    now: Timestamp,
) -> Result<(), ResolveError> {
    let wanted = wish.payment_id.or(kept.payment_id);
    let id = wanted.ok_or(ResolveError::NoOrder)?;
    let order = payments::read(tx, id).await?;
    let order = order.filter(|order| order.livemode == kept.livemode);
    let order = order.ok_or(ResolveError::NoOrder)?;
    match same_money(tx, kept).await? {
        Some(paid) if paid.id == order.id && order.state == PaymentState::Completed => {}
        // It has paid one order already, and cannot pay another.
        Some(_) => return Err(ResolveError::NotFitting),
        None => {
            if !payments::settle_kept(tx, &order, kept, now).await? {
                return Err(ResolveError::NotFitting);
            }
        }
    }
    let Delivery::Given(_) = deliver(parts, tx, &order, now).await? else {
        return Err(ResolveError::AnotherPlan);
    };
    let applied = Fact::SuspenseApplied {
        suspense: kept.id,
        amount: kept.amount,
    };
    book(parts, tx, kept.livemode, &[applied], now).await?;
    tell::payment_of(parts, tx, "payment.completed", order.id, now).await?;
    letters::paid(parts, tx, order.id, now).await?;
    Ok(())
}

async fn record(
    parts: &Parts,
    tx: &mut Tx,
    kept: &Kept,
    wish: &Resolve,
    origin: &Origin,
    now: Timestamp,
) -> Stored<()> {
    let entry = Entry {
        id: parts.ids.at(now),
        actor: Actor::of(origin),
        action: "payment.suspense_resolved",
        subject_kind: "suspense",
        subject_id: kept.id.to_string(),
        before: Some(json!({ "state": kept.state.as_str() })),
        after: Some(json!({
            "resolution": wish.resolution.as_str(),
            "transaction_id": wish.payment_id.or(kept.payment_id),
            "amount": kept.amount.to_string(),
            "currency": kept.amount.currency().code(),
        })),
        reason: Some(&wish.reason),
        origin,
    };
    audit::append(tx, &parts.master_key, &entry, now).await
}
