//! What the buyer does on the phone.

use tollgate_kernel::clock::Timestamp;

use super::precreate::{CODE_LIFE, Order};
use super::{notice, trade};
use crate::store::{Rail, Trade, TradeState};
use crate::{Sandbox, SandboxError};

/// The one buyer there is, masked as Alipay shows buyers to merchants.
pub(super) const BUYER_LOGON_ID: &str = "san***@sandbox.example";
pub(super) const BUYER_USER_ID: &str = "2088000000000001";

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

    /// Scans if need be, and pays. However often and at once: money moves once, one notice goes.
    pub(crate) async fn buyer_pays(&self, code: &str) -> Result<Option<Outcome>, SandboxError> {
        let Some(mut scanned) = self.buyer_scans(code).await? else {
            return Ok(None);
        };
        if scanned.trade.state == TradeState::Waiting {
            let now = self.inner.clock.now();
            self.pay(&scanned.trade, now).await?;
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
            let now = self.inner.clock.now();
            self.inner.store.close(&scanned.trade, now).await?;
            scanned.trade = self.again(scanned.trade).await?;
        }
        Ok(Some(Outcome::of(scanned.trade, TradeState::Closed)))
    }

    async fn pay(&self, trade: &Trade, now: Timestamp) -> Result<(), SandboxError> {
        let notice = trade
            .notify_url
            .as_deref()
            .map(|url| notice::paid(&self.inner, trade, now).map(|body| (url, body)))
            .transpose()?;
        let callback = notice
            .as_ref()
            .map(|(url, body)| notice::callback(&self.inner, trade, url, body, now));
        if self.inner.store.pay(trade, callback.as_ref(), now).await? {
            self.inner.owed.notify_one();
        }
        Ok(())
    }

    /// By what stands in the code, or by the merchant's own number.
    async fn coded(&self, code: &str) -> Result<Option<Trade>, SandboxError> {
        let (store, app_id) = (&self.inner.store, self.inner.alipay.app_id.as_str());
        match store.find_by_number(Rail::Alipay, app_id, code).await? {
            Some(trade) => Ok(Some(trade)),
            None => store.find_by_merchant(Rail::Alipay, app_id, code).await,
        }
    }

    /// The trade after a move, with its time looked at once more.
    async fn again(&self, trade: Trade) -> Result<Trade, SandboxError> {
        let newer = self
            .inner
            .store
            .find_by_number(trade.rail, &trade.app_id, &trade.provider_no)
            .await?
            .unwrap_or(trade);
        self.settled(newer, self.inner.clock.now()).await
    }
}
