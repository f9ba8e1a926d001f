//! Money that goes back, on any rail: once per number, and never more than is left.

use tollgate_kernel::money::Money;

use crate::faults::{FaultKind, Place};
use crate::notices::{self, Decided};
use crate::store::{MovementCause, NewRefund, Rail, Refunded, Trade};
use crate::{Sandbox, SandboxError, alipay, wechat};

/// Refunds of one trade at once are told one after another; somebody always gets through.
const TRIES: usize = 50;

/// Money that shall go back.
pub(crate) struct Wish<'a> {
    pub(crate) out_refund_no: &'a str,
    pub(crate) cause: MovementCause,
    pub(crate) amount: Money,
}

/// The code that a refund on its way fails with in the end.
fn failure(rail: Rail, kind: FaultKind) -> Option<&'static str> {
    match (rail, kind) {
        (Rail::Alipay, FaultKind::RefundPendingFailed) => Some("ACQ.SELLER_BALANCE_NOT_ENOUGH"),
        (Rail::Wechat, FaultKind::RefundPendingFailed) => Some(wechat::ABNORMAL),
        (Rail::Wechat, FaultKind::RefundClosed) => Some(wechat::CLOSED),
        _ => None,
    }
}

/// Sends money of a trade back, once per number, and never more than is left.
pub(crate) async fn send_back(
    sandbox: &Sandbox,
    trade: &Trade,
    wish: &Wish<'_>,
) -> Result<Refunded, SandboxError> {
    let inner = &sandbox.inner;
    let mut trade = trade.clone();
    let known = inner.store.find_refund(&trade, wish.out_refund_no).await?;
    // A repeat is no new refund, so no fault of refunds is spent on it.
    let fault = if known.is_none() && wish.cause == MovementCause::Refund {
        let pending = |kind: FaultKind| kind.place() == Place::Refund;
        let method = match trade.rail {
            Rail::Alipay => alipay::REFUND,
            Rail::Wechat => wechat::REFUND,
        };
        let order = Some(trade.out_trade_no.as_str());
        let taken = inner.store.take_faults(trade.rail, pending, method, order);
        taken.await?.0.into_iter().next()
    } else {
        None
    };
    let mut faults = None;
    for _ in 0..TRIES {
        let now = inner.clock.now();
        let pending = fault.as_ref().map(|fault| {
            let wait = fault.kind.wait(fault.argument.as_deref());
            let until = now.after(wait.unwrap_or_default());
            (until, failure(trade.rail, fault.kind))
        });
        let number = match trade.rail {
            Rail::Alipay => alipay::refund_no(&inner.entropy, now),
            Rail::Wechat => wechat::refund_id(&inner.entropy, now),
        };
        let told = if known.is_none() && pending.is_none() {
            if faults.is_none() {
                faults = Some(notices::faults(sandbox, &trade).await?);
            }
            let faults = faults.clone().unwrap_or_default();
            let refund = Decided {
                out_refund_no: wish.out_refund_no,
                provider_refund_no: &number,
                amount: wish.amount,
                failure: None,
            };
            notices::of_refund(sandbox, &trade, &refund, &faults).await?
        } else {
            Vec::new()
        };
        let wanted = NewRefund {
            out_refund_no: wish.out_refund_no,
            provider_refund_no: &number,
            cause: wish.cause,
            amount: wish.amount,
            pending,
            at: now,
        };
        let notices: Vec<_> = told.iter().map(|owed| owed.callback()).collect();
        let refunded = inner.store.refund(&trade, &wanted, &notices).await?;
        if refunded == Refunded::Raced
            && let Some(newer) = sandbox.newer(&trade).await?
        {
            trade = newer;
            continue;
        }
        if refunded == Refunded::Now {
            inner.owed.notify_one();
        }
        return Ok(refunded);
    }
    Ok(Refunded::Raced)
}

impl Sandbox {
    /// Decides the refunds that were on their way and whose time has come.
    pub(crate) async fn settle_refunds(&self) -> Result<(), SandboxError> {
        for rail in Rail::ALL {
            self.settle_refunds_of(rail).await?;
        }
        Ok(())
    }

    async fn settle_refunds_of(&self, rail: Rail) -> Result<(), SandboxError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        for due in inner.store.due_refunds(rail, now).await? {
            let (app, number) = (due.app_id.as_str(), due.provider_no.as_str());
            let trade = inner.store.find_by_number(rail, app, number).await?;
            let Some(trade) = trade else { continue };
            let refund = inner.store.find_refund(&trade, &due.out_refund_no).await?;
            let Some(refund) = refund else { continue };
            let faults = notices::faults(self, &trade).await?;
            let decided = Decided {
                out_refund_no: &refund.out_refund_no,
                provider_refund_no: &refund.provider_refund_no,
                amount: refund.amount,
                failure: refund.failure.as_deref(),
            };
            let told = notices::of_refund(self, &trade, &decided, &faults).await?;
            let notices: Vec<_> = told.iter().map(|owed| owed.callback()).collect();
            if inner
                .store
                .settle_refund(&trade, &refund, &notices, now)
                .await?
            {
                inner.owed.notify_one();
            }
        }
        Ok(())
    }
}
