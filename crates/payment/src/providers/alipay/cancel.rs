//! `alipay.trade.cancel`: takes back a payment whose outcome is unknown.

use serde_json::json;

use super::{Alipay, wire};
use crate::model::payment::OrderNo;
use crate::providers::{Cancelled, ProviderError};

impl Alipay {
    /// One try: an answer that wants another one is "unknown", and the same call may be made again.
    pub(super) async fn cancel(&self, order_no: &OrderNo) -> Result<Cancelled, ProviderError> {
        let content = json!({ "out_trade_no": order_no.as_str() });
        let answer = self.call("alipay.trade.cancel", None, &content).await?;
        let cancelled: wire::Cancelled = answer.succeeded()?;
        if cancelled.out_trade_no != order_no.as_str() {
            return Err(ProviderError::unknown("the answer speaks of another order"));
        }
        if cancelled.retry_flag == "Y" {
            return Err(ProviderError::unknown("retry_flag Y: call again"));
        }
        match cancelled.action.as_deref().unwrap_or_default() {
            "" => Ok(Cancelled::Nothing),
            "close" => Ok(Cancelled::Closed),
            "refund" => Ok(Cancelled::Refunded),
            word => Err(ProviderError::unknown(format_args!("action {word}"))),
        }
    }
}
