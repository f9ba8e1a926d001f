//! `alipay.trade.refund` and `alipay.trade.fastpay.refund.query` (payments.md, 2.6).

use serde::Deserialize;
use serde_json::json;

use super::Alipay;
use super::wire::{self, Tried};
use crate::providers::{NewRefund, ProviderError, RefundKey, RefundVerdict, VerifiedRefund};

/// Longest `refund_reason`, in characters.
const REASON: usize = 256;

#[derive(Debug, Deserialize)]
struct Refunded {
    out_trade_no: String,
    trade_no: String,
    /// `Y`: money moved by this very call.
    #[serde(default)]
    fund_change: String,
}

#[derive(Debug, Deserialize)]
struct RefundState {
    #[serde(default)]
    out_trade_no: String,
    #[serde(default)]
    trade_no: String,
    #[serde(default)]
    out_request_no: String,
    #[serde(default)]
    refund_status: String,
    #[serde(default, deserialize_with = "wire::text_or_number")]
    refund_amount: String,
}

impl Alipay {
    /// Success alone does not mean that money moved: only `fund_change` says so, and only for the call
    /// that moved it. What a repeat has found done before, the query tells.
    pub(super) async fn refund(&self, refund: &NewRefund) -> Result<RefundVerdict, ProviderError> {
        let reason: String = wire::subject(&refund.reason).chars().take(REASON).collect();
        let content = json!({
            "trade_no": refund.key.transaction_id,
            "out_request_no": refund.key.refund_no.as_str(),
            "refund_amount": refund.amount.to_string(),
            "refund_reason": reason,
        });
        let answer = self.call("alipay.trade.refund", None, &content).await?;
        let refunded: Refunded = answer.succeeded()?;
        if refunded.out_trade_no != refund.key.order_no
            || refunded.trade_no != refund.key.transaction_id
        {
            return Err(ProviderError::unknown("the answer speaks of another order"));
        }
        Ok(if refunded.fund_change == "Y" {
            // `refund_fee` is the sum of all refunds of the trade; this call moved what it asked for.
            RefundVerdict::Succeeded(VerifiedRefund::new(refund.amount, None))
        } else {
            RefundVerdict::Pending
        })
    }

    pub(super) async fn refund_state(
        &self,
        refund: &RefundKey,
    ) -> Result<RefundVerdict, ProviderError> {
        let content = json!({
            "trade_no": refund.transaction_id,
            "out_request_no": refund.refund_no.as_str(),
        });
        let method = "alipay.trade.fastpay.refund.query";
        let answer = self.call(method, None, &content).await?;
        let state: RefundState = match answer.tried()? {
            Tried::Done(state) => state,
            Tried::Failed(failure) if failure.is("ACQ.TRADE_NOT_EXIST") => {
                return Ok(RefundVerdict::Unheard);
            }
            Tried::Failed(failure) => return Err(failure.into()),
        };
        if state.refund_status != "REFUND_SUCCESS" {
            return Ok(RefundVerdict::Unheard);
        }
        if state.trade_no != refund.transaction_id
            || state.out_trade_no != refund.order_no
            || state.out_request_no != refund.refund_no.as_str()
        {
            return Err(ProviderError::unknown(
                "the answer speaks of another refund",
            ));
        }
        let amount = wire::yuan(&state.refund_amount)
            .map_err(|error| ProviderError::unknown(format_args!("refund_amount: {error}")))?;
        Ok(RefundVerdict::Succeeded(VerifiedRefund::new(amount, None)))
    }
}
