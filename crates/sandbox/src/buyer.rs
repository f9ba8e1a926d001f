//! What the buyer does on the phone.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;

use crate::alipay::order::CODE_LIFE;
use crate::faults::{FaultKind, Faults, Place};
use crate::store::{NewPayment, Rail, Trade, TradeState};
use crate::{Sandbox, SandboxError, alipay, notices, wechat};

/// The one buyer there is.
const BUYER: &str = "2088000000000001";

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
    /// In the rail's words; `None` before the trade exists.
    pub(crate) fn status(&self) -> Option<&'static str> {
        match self.trade.rail {
            Rail::Alipay => alipay::trade::status(self.trade.state),
            Rail::Wechat => Some(wechat::order::state(&self.trade)),
        }
    }

    /// What the merchant sells.
    pub(crate) fn subject(&self) -> Result<String, SandboxError> {
        match self.trade.rail {
            Rail::Alipay => alipay::order::subject(&self.trade),
            Rail::Wechat => wechat::order::description(&self.trade),
        }
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
                .scan(&trade, BUYER, now.before(CODE_LIFE), now)
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
            match trade.rail {
                Rail::Alipay => self.change_alipay_key().await?,
                Rail::Wechat => self.change_wechat_certificate().await?,
            }
        }
        let now = inner.clock.now();
        let second = faults.has(FaultKind::PayTwice);
        let second = second.then(|| match trade.rail {
            Rail::Alipay => alipay::order::trade_no(self, now),
            Rail::Wechat => wechat::order::transaction_id(self, now),
        });
        let paid = Trade {
            amount: paid_amount(trade, &faults),
            paid_at: Some(now),
            ..trade.clone()
        };
        let of_notices = notices::faults(self, trade).await?;
        let mut told = notices::of_payment(self, &paid, &of_notices, now)?;
        if let Some(number) = &second {
            let another = Trade {
                provider_no: number.clone(),
                ..paid.clone()
            };
            told.extend(notices::of_payment(self, &another, &of_notices, now)?);
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
            faults = store.take_faults(trade.rail, allows, "", order).await?;
            if faults.0.is_empty() {
                return Ok(faults);
            }
        }
        let others = |kind: FaultKind| kind.place() == Place::Buyer && !allows(kind);
        let others = store.take_faults(trade.rail, others, "", order).await?;
        faults.0.extend(others.0);
        Ok(faults)
    }

    /// By what stands in the code, or by the merchant's own number, on any rail and in any application.
    pub(crate) async fn coded(&self, code: &str) -> Result<Option<Trade>, SandboxError> {
        let store = &self.inner.store;
        for (rail, app_id) in self.apps() {
            // What is handed to an app or a page of WeChat's is the same number with something before it.
            let number = match rail {
                Rail::Alipay => code,
                Rail::Wechat => wechat::order::number_of(code),
            };
            if let Some(trade) = store.find_by_number(rail, &app_id, number).await? {
                return Ok(Some(trade));
            }
        }
        self.trade_of(code).await
    }

    /// By the merchant's order number.
    pub(crate) async fn trade_of(&self, order_no: &str) -> Result<Option<Trade>, SandboxError> {
        let store = &self.inner.store;
        for (rail, app_id) in self.apps() {
            let found = store.find_by_merchant(rail, &app_id, order_no).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Every application that there is.
    fn apps(&self) -> Vec<(Rail, String)> {
        let alipay = self.inner.alipay.identity();
        let mut apps: Vec<_> = alipay
            .apps()
            .map(|app_id| (Rail::Alipay, app_id.to_owned()))
            .into();
        let wechat = self.inner.wechat.identity();
        apps.push((Rail::Wechat, wechat.app_id.clone()));
        apps
    }

    /// The trade as it stands now: one whose time is over is closed by whoever looks first.
    pub(crate) async fn settled(
        &self,
        trade: Trade,
        now: Timestamp,
    ) -> Result<Trade, SandboxError> {
        if trade.state == TradeState::Waiting && trade.is_over(now) {
            self.inner.store.close_overdue(&trade, now).await?;
            return Ok(self.newer(&trade).await?.unwrap_or(trade));
        }
        Ok(trade)
    }

    /// The same trade, read again.
    pub(crate) async fn newer(&self, trade: &Trade) -> Result<Option<Trade>, SandboxError> {
        let store = &self.inner.store;
        store
            .find_by_number(trade.rail, &trade.app_id, &trade.provider_no)
            .await
    }

    /// Closes an unpaid trade; `false` when there was none.
    pub(crate) async fn close_trade(&self, trade: &Trade) -> Result<bool, SandboxError> {
        let inner = &self.inner;
        let told = notices::of_closing(self, trade).await?;
        let notices: Vec<_> = told.iter().map(|owed| owed.callback()).collect();
        let closed = inner
            .store
            .close(trade, &notices, inner.clock.now())
            .await?;
        if closed {
            inner.owed.notify_one();
        }
        Ok(closed)
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
    let wrong = fault.argument.as_deref().and_then(alipay::order::amount);
    let wrong = wrong.unwrap_or(Money::new(WRONG_MINOR, trade.amount.currency()));
    if wrong == trade.amount {
        // One more is wrong as well.
        return Money::new(wrong.minor().saturating_add(1), wrong.currency());
    }
    wrong
}
