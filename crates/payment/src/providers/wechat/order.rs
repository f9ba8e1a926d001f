//! An order at WeChat: how it stands, closing it, taking it back (payments.md, 3.6).

use reqwest::Method;
use serde_json::json;

use super::Wechat;
use super::call::Tried;
use super::wire::Order;
use crate::model::payment::OrderNo;
use crate::providers::{Cancelled, ProviderError, ProviderVerdict};

impl Wechat {
    fn target(order_no: &OrderNo) -> String {
        format!("/v3/pay/transactions/out-trade-no/{}", order_no.as_str())
    }

    /// `None`: WeChat has never heard of it.
    pub(super) async fn look_up(
        &self,
        order_no: &OrderNo,
    ) -> Result<Option<ProviderVerdict>, ProviderError> {
        let target = format!("{}?mchid={}", Self::target(order_no), self.merchant.mch_id);
        let body = match self.call(Method::GET, &target, None).await? {
            Tried::Done(body) => body,
            Tried::Failed(failure) if failure.is_unknown_order() => return Ok(None),
            Tried::Failed(failure) => return Err(failure.into()),
        };
        let order: Order = serde_json::from_slice(&body).map_err(ProviderError::unknown)?;
        if order.out_trade_no != order_no.as_str() {
            return Err(ProviderError::unknown("the answer speaks of another order"));
        }
        if order.mchid != self.merchant.mch_id || order.appid != self.app_id {
            return Err(ProviderError::unknown(
                "the answer speaks of another merchant or application",
            ));
        }
        let verdict = match order.trade_state.as_str() {
            // `REFUND`: it was paid, and some of it goes back; how much, the refund's query tells.
            "SUCCESS" | "REFUND" => {
                let paid = order.paid();
                let unread = || ProviderError::unknown("a paid order without number or amount");
                ProviderVerdict::Paid(paid.ok_or_else(unread)?)
            }
            "NOTPAY" | "USERPAYING" | "ACCEPT" => ProviderVerdict::Waiting,
            "CLOSED" | "REVOKED" => ProviderVerdict::Closed,
            "PAYERROR" => ProviderVerdict::Declined,
            word => return Err(ProviderError::unknown(format_args!("trade_state {word}"))),
        };
        Ok(Some(verdict))
    }

    async fn try_close(&self, order_no: &OrderNo) -> Result<Tried, ProviderError> {
        let target = format!("{}/close", Self::target(order_no));
        let content = json!({ "mchid": self.merchant.mch_id });
        self.call(Method::POST, &target, Some(&content)).await
    }

    /// Done for every number, also one that WeChat has never seen.
    pub(super) async fn close(&self, order_no: &OrderNo) -> Result<(), ProviderError> {
        match self.try_close(order_no).await? {
            Tried::Done(_) => Ok(()),
            Tried::Failed(failure) if failure.is_unknown_order() => Ok(()),
            Tried::Failed(failure) => Err(failure.into()),
        }
    }

    /// `APIv3` takes nothing back in our scenes: what is unpaid is closed, what is paid has to be
    /// refunded, and that is said. Closing answers alike for numbers WeChat has never seen.
    pub(super) async fn cancel(&self, order_no: &OrderNo) -> Result<Cancelled, ProviderError> {
        match self.try_close(order_no).await? {
            Tried::Done(_) => Ok(Cancelled::Closed),
            Tried::Failed(failure) if failure.is_unknown_order() => Ok(Cancelled::Nothing),
            Tried::Failed(failure) if failure.is_paid() => Err(failure.refused()),
            Tried::Failed(failure) => Err(failure.into()),
        }
    }
}
