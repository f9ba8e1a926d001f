//! Refunds (payments.md, 3.7). WeChat's 200 means "taken": only `SUCCESS` means that money went back.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::call::Tried;
use super::{Wechat, wire};
use crate::providers::{NewRefund, ProviderError, RefundKey, RefundVerdict, VerifiedRefund};

const TARGET: &str = "/v3/refund/domestic/refunds";

#[derive(Debug, Deserialize)]
struct Told {
    refund_id: String,
    out_refund_no: String,
    transaction_id: String,
    out_trade_no: String,
    status: String,
    amount: Amount,
}

#[derive(Debug, Deserialize)]
struct Amount {
    refund: i64,
    currency: String,
}

/// What a signed answer says of the refund that is meant.
fn verdict(body: &[u8], key: &RefundKey) -> Result<RefundVerdict, ProviderError> {
    let refund: Told = serde_json::from_slice(body).map_err(ProviderError::unknown)?;
    if refund.out_refund_no != key.refund_no.as_str()
        || refund.transaction_id != key.transaction_id
        || refund.out_trade_no != key.order_no
    {
        return Err(ProviderError::unknown(
            "the answer speaks of another refund",
        ));
    }
    match refund.status.as_str() {
        "SUCCESS" => {
            let amount = wire::money(refund.amount.refund, &refund.amount.currency);
            let amount = amount.ok_or_else(|| ProviderError::unknown("a refund of no amount"))?;
            let id = wire::number(&refund.refund_id).map(str::to_owned);
            Ok(RefundVerdict::Succeeded(VerifiedRefund::new(amount, id)))
        }
        "PROCESSING" => Ok(RefundVerdict::Pending),
        // `ABNORMAL`: the buyer's account takes nothing, and the money is back with the merchant, who sends
        // it from the console. Neither will go on by itself.
        "CLOSED" | "ABNORMAL" => Ok(RefundVerdict::Failed {
            code: refund.status,
        }),
        word => Err(ProviderError::unknown(format_args!("status {word}"))),
    }
}

impl Wechat {
    /// The number is the key: the same one again is the same refund.
    pub(super) async fn refund(&self, refund: &NewRefund) -> Result<RefundVerdict, ProviderError> {
        let mut content = json!({
            "transaction_id": refund.key.transaction_id,
            "out_refund_no": refund.key.refund_no.as_str(),
            "amount": {
                "refund": refund.amount.minor(),
                "total": refund.paid.minor(),
                "currency": refund.amount.currency().code(),
            },
        });
        let reason = wire::reason(&refund.reason);
        if !reason.is_empty() {
            content["reason"] = reason.into();
        }
        if let Some(url) = &self.refund_notify_url {
            content["notify_url"] = url.as_str().into();
        }
        match self.call(Method::POST, TARGET, Some(&content)).await? {
            Tried::Done(body) => verdict(&body, &refund.key),
            // Perhaps only to a repeat: then there is a refund under this number.
            Tried::Failed(failure) if failure.may_contradict() => {
                match self.refund_state(&refund.key).await? {
                    RefundVerdict::Unheard => Err(failure.into()),
                    known => Ok(known),
                }
            }
            // The payment itself is not known there.
            Tried::Failed(failure) if failure.is_unknown_thing() => Err(failure.refused()),
            Tried::Failed(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn refund_state(
        &self,
        key: &RefundKey,
    ) -> Result<RefundVerdict, ProviderError> {
        let number: String =
            form_urlencoded::byte_serialize(key.refund_no.as_str().as_bytes()).collect();
        let target = format!("{TARGET}/{number}");
        match self.call(Method::GET, &target, None).await? {
            Tried::Done(body) => verdict(&body, key),
            Tried::Failed(failure) if failure.is_unknown_thing() => Ok(RefundVerdict::Unheard),
            Tried::Failed(failure) => Err(failure.into()),
        }
    }
}
