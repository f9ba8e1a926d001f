//! What merchants are owed notices of, and what goes wrong with those to order. The words are the rail's own:
//! `alipay/notice.rs`, `wechat/notice.rs`.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::CallbackId;
use tollgate_kernel::money::Money;

use crate::callbacks::sends;
use crate::faults::{FaultKind, Faults, Place};
use crate::store::{CallbackKind, NewCallback, Product, Rail, Trade, TradeState};
use crate::{Sandbox, SandboxError, alipay, wechat};

/// What comes after something else comes this much later.
const NEXT: Duration = Duration::from_secs(1);
const MANY: usize = 50;

/// A notice that is owed.
pub(crate) struct Owed {
    id: CallbackId,
    rail: Rail,
    provider_no: String,
    url: String,
    body: Vec<u8>,
    kind: CallbackKind,
    due_at: Timestamp,
    /// Sends that count as made.
    attempts: i64,
    at: Timestamp,
}

impl Owed {
    pub(crate) fn callback(&self) -> NewCallback<'_> {
        NewCallback {
            id: self.id,
            rail: self.rail,
            provider_no: &self.provider_no,
            kind: self.kind,
            url: &self.url,
            body: &self.body,
            headers: match self.rail {
                Rail::Alipay => alipay::notice::HEADERS,
                // A seal beside it says when it was sent: it is made then.
                Rail::Wechat => wechat::notice::HEADERS,
            },
            due_at: self.due_at,
            attempts: self.attempts,
            at: self.at,
        }
    }
}

/// What goes wrong with the notices that are owed about a trade now.
pub(crate) async fn faults(sandbox: &Sandbox, trade: &Trade) -> Result<Faults, SandboxError> {
    if trade.notify_url.is_none() {
        return Ok(Faults::default());
    }
    let of_notices = |kind: FaultKind| kind.place() == Place::Notice;
    let store = &sandbox.inner.store;
    store
        .take_faults(trade.rail, of_notices, "", Some(&trade.out_trade_no))
        .await
}

/// Of a payment made now: the trade as it is then.
pub(crate) fn of_payment(
    sandbox: &Sandbox,
    trade: &Trade,
    faults: &Faults,
    now: Timestamp,
) -> Result<Vec<Owed>, SandboxError> {
    let (told, before) = match trade.rail {
        Rail::Alipay => (
            alipay::notice::paid(sandbox, trade, faults, now)?,
            Some(alipay::notice::waiting(sandbox, trade, faults)?),
        ),
        // Before a payment WeChat Pay tells nothing.
        Rail::Wechat => (wechat::notice::paid(sandbox, trade, faults, now)?, None),
    };
    Ok(owed(sandbox, trade, &told, before.as_deref(), faults))
}

/// Of a refund that is decided now, and how.
pub(crate) async fn of_refund(
    sandbox: &Sandbox,
    trade: &Trade,
    refund: &Decided<'_>,
    faults: &Faults,
) -> Result<Vec<Owed>, SandboxError> {
    let told = match trade.rail {
        // Nothing is told of one that failed.
        Rail::Alipay if refund.failure.is_some() => return Ok(Vec::new()),
        Rail::Alipay => {
            let (number, amount) = (refund.out_refund_no, refund.amount);
            alipay::notice::refunded(sandbox, trade, number, amount, faults)?
        }
        Rail::Wechat => wechat::notice::refunded(sandbox, trade, refund, faults)?,
    };
    let store = &sandbox.inner.store;
    let first = store.first_callback(trade.rail, &trade.provider_no).await?;
    let before = first.unwrap_or_else(|| told.clone());
    Ok(owed(sandbox, trade, &told, Some(&before), faults))
}

/// A refund whose fate is known.
pub(crate) struct Decided<'a> {
    pub(crate) out_refund_no: &'a str,
    pub(crate) provider_refund_no: &'a str,
    pub(crate) amount: Money,
    /// The code it has failed with.
    pub(crate) failure: Option<&'a str>,
}

/// Of a trade that is closed unpaid. Of our rails, only Alipay's pages of phones and apps tell of that.
pub(crate) async fn of_closing(
    sandbox: &Sandbox,
    trade: &Trade,
) -> Result<Vec<Owed>, SandboxError> {
    let told = matches!(trade.product, Product::Wap | Product::App);
    if trade.rail != Rail::Alipay || !told || trade.state != TradeState::Waiting {
        return Ok(Vec::new());
    }
    let faults = faults(sandbox, trade).await?;
    let told = alipay::notice::closed(sandbox, trade, &faults)?;
    let before = alipay::notice::waiting(sandbox, trade, &faults)?;
    Ok(owed(sandbox, trade, &told, Some(&before), &faults))
}

/// One notice as what is sent of it, by the faults. `before`: what should have come first.
fn owed(
    sandbox: &Sandbox,
    trade: &Trade,
    told: &[u8],
    before: Option<&[u8]>,
    faults: &Faults,
) -> Vec<Owed> {
    let inner = &sandbox.inner;
    let Some(url) = trade.notify_url.as_deref() else {
        return Vec::new();
    };
    let now = inner.clock.now();
    let notice = |body: &[u8], due_at: Timestamp| Owed {
        id: inner.ids.at(now),
        rail: trade.rail,
        provider_no: trade.provider_no.clone(),
        url: url.to_owned(),
        body: body.to_vec(),
        kind: CallbackKind::Genuine,
        due_at,
        attempts: 0,
        at: now,
    };
    if faults.has(FaultKind::CallbackLost) {
        return Vec::new();
    }
    let late = faults
        .find(FaultKind::CallbackLate)
        .and_then(|fault| fault.kind.wait(fault.argument.as_deref()));
    let mut first = now.after(late.unwrap_or_default());
    let mut all = Vec::new();
    for kind in CallbackKind::FALSE {
        if !faults
            .0
            .iter()
            .any(|fault| fault.kind.spoils() == Some(kind))
        {
            continue;
        }
        let body = match (trade.rail, kind) {
            (Rail::Alipay, CallbackKind::Forged) => alipay::notice::forged(told),
            (Rail::Wechat, CallbackKind::WrongSecret) => {
                wechat::notice::closed_to_all(sandbox, told)
            }
            _ => told.to_vec(),
        };
        all.push(Owed {
            kind,
            // Nobody tries it again.
            attempts: sends(trade.rail).saturating_sub(1),
            ..notice(&body, first)
        });
        first = first.after(NEXT);
    }
    let count = match () {
        () if faults.has(FaultKind::CallbackTimes50) => MANY,
        () if faults.has(FaultKind::CallbackTwice) => 2,
        () => 1,
    };
    if faults.has(FaultKind::CallbackReordered)
        && let Some(before) = before
    {
        all.push(notice(before, first.after(NEXT)));
    }
    let genuine = if faults.has(FaultKind::OtherKey) {
        CallbackKind::OtherKey
    } else {
        CallbackKind::Genuine
    };
    all.extend((0..count).map(|_| Owed {
        kind: genuine,
        ..notice(told, first)
    }));
    all
}
