//! What the buyer does on the phone.

use tollgate_kernel::money::Money;

use super::order::{self, CODE_LIFE, Order};
use super::{notice, trade};
use crate::faults::{FaultKind, Faults, Place};
use crate::store::{NewPayment, Rail, Trade, TradeState};
use crate::{Sandbox, SandboxError};

/// The one buyer there is, masked as Alipay shows buyers to merchants.
pub(super) const BUYER_LOGON_ID: &str = "san***@sandbox.example";
pub(super) const BUYER_USER_ID: &str = "2088000000000001";

/// What is paid instead of what was asked for, unless the fault says how much.
const WRONG_MINOR: i64 = 1;

/// A trade after the buyer did something, and why it could not be done.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) trade: Trade,
    pub(crate) refused: Option<Refusal>,
}

/// Why the buyer cannot do that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The code was not scanned while it was good.
    CodeExpired,
    /// Nothing can be paid any more.
    TradeClosed,
    /// Nothing can be undone any more.
    TradePaid,
}

impl Outcome {
    /// In Alipay's words; `None` before the trade exists.
    pub(crate) fn status(&self) -> Option<&'static str> {
        trade::status(self.trade.state)
    }

    /// What the merchant sells.
    pub(crate) fn subject(&self) -> Result<String, SandboxError> {
        Ok(Order::of(&self.trade)?.subject)
    }

    fn of(trade: Trade, wanted: TradeState) -> Self {
        let refused = match trade.state {
            state if state == wanted => None,
            TradeState::Issued => Some(Refusal::CodeExpired),
            TradeState::Paid => Some(Refusal::TradePaid),
            // A wish to pay can find the trade waiting only when its time ran out just now.
            TradeState::Closed | TradeState::Waiting => Some(Refusal::TradeClosed),
        };
        Self { trade, refused }
    }
}

impl Sandbox {
    /// Opens the code: the scan, which brings the trade into being. `None` for an unknown one.
    pub(crate) async fn buyer_scans(&self, code: &str) -> Result<Option<Outcome>, SandboxError> {
        let Some(trade) = self.coded(code).await? else {
            return Ok(None);
        };
        let now = self.inner.clock.now();
        let trade = if trade.state == TradeState::Issued {
            self.inner
                .store
                .scan(&trade, BUYER_USER_ID, now.before(CODE_LIFE), now)
                .await?;
            self.again(trade).await?
        } else {
            self.settled(trade, now).await?
        };
        // Whatever became of a scanned trade can be looked at.
        let wanted = match trade.state {
            TradeState::Issued => TradeState::Waiting,
            state => state,
        };
        Ok(Some(Outcome::of(trade, wanted)))
    }

    /// Scans if need be, and pays. However often and at once: money moves once, one notice goes,
    /// unless somebody has ordered otherwise.
    pub(crate) async fn buyer_pays(&self, code: &str) -> Result<Option<Outcome>, SandboxError> {
        let Some(mut scanned) = self.buyer_scans(code).await? else {
            return Ok(None);
        };
        if scanned.trade.state != TradeState::Paid {
            self.pay(&scanned.trade).await?;
            scanned.trade = self.again(scanned.trade).await?;
        }
        Ok(Some(Outcome::of(scanned.trade, TradeState::Paid)))
    }

    /// An attempt that fails: the bank says no, the trade goes on waiting.
    pub(crate) async fn buyer_fails(&self, code: &str) -> Result<Option<Outcome>, SandboxError> {
        let scanned = self.buyer_scans(code).await?;
        Ok(scanned.map(|scanned| Outcome::of(scanned.trade, TradeState::Waiting)))
    }

    /// The buyer turns the trade down. Face-to-face trades send no notice of that.
    pub(crate) async fn buyer_closes(&self, code: &str) -> Result<Option<Outcome>, SandboxError> {
        let Some(mut scanned) = self.buyer_scans(code).await? else {
            return Ok(None);
        };
        if scanned.trade.state == TradeState::Waiting {
            self.close_trade(&scanned.trade).await?;
            scanned.trade = self.again(scanned.trade).await?;
        }
        Ok(Some(Outcome::of(scanned.trade, TradeState::Closed)))
    }

    async fn pay(&self, trade: &Trade) -> Result<(), SandboxError> {
        let inner = &self.inner;
        let late = trade.state != TradeState::Waiting;
        let faults = self.faults_of_paying(trade, late).await?;
        if late && !faults.has(FaultKind::PayAfterClose) {
            return Ok(());
        }
        if faults.has(FaultKind::KeyChanged) {
            self.change_alipay_key().await?;
        }
        let now = inner.clock.now();
        let second = faults.has(FaultKind::PayTwice);
        let second = second.then(|| order::trade_no(self, now));
        let paid = Trade {
            amount: paid_amount(trade, &faults),
            paid_at: Some(now),
            ..trade.clone()
        };
        let of_notices = notice::faults(self, trade).await?;
        let mut told = notice::of_payment(self, &paid, &of_notices, now)?;
        if let Some(number) = &second {
            let another = Trade {
                provider_no: number.clone(),
                ..paid.clone()
            };
            told.extend(notice::of_payment(self, &another, &of_notices, now)?);
        }
        let payment = NewPayment {
            amount: paid.amount,
            late,
            second: second.as_deref(),
            at: now,
        };
        let notices: Vec<_> = told.iter().map(|owed| owed.callback()).collect();
        if inner.store.pay(trade, &payment, &notices).await? {
            inner.owed.notify_one();
        }
        Ok(())
    }

    /// Paying late takes the fault that allows it; a trade that can be paid leaves that one alone.
    async fn faults_of_paying(&self, trade: &Trade, late: bool) -> Result<Faults, SandboxError> {
        let store = &self.inner.store;
        let order = Some(trade.out_trade_no.as_str());
        let allows = |kind: FaultKind| kind == FaultKind::PayAfterClose;
        let mut faults = Faults::default();
        if late {
            faults = store.take_faults(Rail::Alipay, allows, "", order).await?;
            if faults.0.is_empty() {
                return Ok(faults);
            }
        }
        let others = |kind: FaultKind| kind.place() == Place::Buyer && !allows(kind);
        let others = store.take_faults(Rail::Alipay, others, "", order).await?;
        faults.0.extend(others.0);
        Ok(faults)
    }

    /// By what stands in the code, or by the merchant's own number, in either application.
    pub(crate) async fn coded(&self, code: &str) -> Result<Option<Trade>, SandboxError> {
        let store = &self.inner.store;
        for app_id in self.inner.alipay.identity().apps() {
            if let Some(trade) = store.find_by_number(Rail::Alipay, app_id, code).await? {
                return Ok(Some(trade));
            }
        }
        self.trade_of(code).await
    }

    /// The trade after a move, with its time looked at once more.
    async fn again(&self, trade: Trade) -> Result<Trade, SandboxError> {
        let newer = self.newer(&trade).await?.unwrap_or(trade);
        self.settled(newer, self.inner.clock.now()).await
    }
}

/// What the buyer pays: what was asked for, or what a fault says.
fn paid_amount(trade: &Trade, faults: &Faults) -> Money {
    let Some(fault) = faults.find(FaultKind::WrongAmount) else {
        return trade.amount;
    };
    let wrong = fault.argument.as_deref().and_then(order::amount);
    let wrong = wrong.unwrap_or(Money::new(WRONG_MINOR, trade.amount.currency()));
    if wrong == trade.amount {
        // One more is wrong as well.
        return Money::new(wrong.minor().saturating_add(1), wrong.currency());
    }
    wrong
}
