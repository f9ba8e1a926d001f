//! Notices (payments.md, 3.8): verified over the raw bytes, opened, and only then read.

use serde::Deserialize;

use super::aead::{Api3Key, OpenError, Sealed};
use super::seal::Distrust;
use super::wire::{self, Order};
use crate::providers::{EventContent, VerifiedEvent, WebhookRefusal};

impl From<Distrust> for WebhookRefusal {
    fn from(distrust: Distrust) -> Self {
        match distrust {
            Distrust::Unsigned | Distrust::Serial | Distrust::Forged => Self::Forged,
            Distrust::Probe => Self::Probe,
            Distrust::Clock { .. } => Self::Stale,
            Distrust::NoKey => Self::NotYet("WeChat Pay's certificates could not be fetched"),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Notice {
    id: String,
    event_type: String,
    resource: Option<Sealed>,
}

#[derive(Debug, Deserialize)]
struct Told {
    mchid: String,
    out_trade_no: String,
    out_refund_no: String,
}

/// What a notice says whose signature was checked.
///
/// # Errors
/// Foreign, unreadable, or closed to our key.
pub(super) fn event(
    body: &[u8],
    api_key: &Api3Key,
    mch_id: &str,
    app_id: &str,
) -> Result<VerifiedEvent, WebhookRefusal> {
    let unreadable = WebhookRefusal::Unreadable;
    let notice: Notice = serde_json::from_slice(body).map_err(|_| unreadable)?;
    let key = wire::number(&notice.id).ok_or(unreadable)?.to_owned();
    let open = || {
        let sealed = notice.resource.as_ref().ok_or(WebhookRefusal::Forged)?;
        api_key.open(sealed).map_err(|error| match error {
            OpenError::Algorithm => unreadable,
            OpenError::Closed => {
                tracing::error!(
                    "a well signed notice does not open with WECHAT_API_KEY: is it the APIv3 key of this merchant?"
                );
                WebhookRefusal::Forged
            }
        })
    };
    let content = match notice.event_type.as_str() {
        "TRANSACTION.SUCCESS" => {
            let order: Order = serde_json::from_slice(&open()?).map_err(|_| unreadable)?;
            if order.mchid != mch_id || order.appid != app_id {
                return Err(WebhookRefusal::Foreign);
            }
            match order.trade_state.as_str() {
                "SUCCESS" => EventContent::Paid(order.paid().ok_or(unreadable)?),
                _ => EventContent::Notice("other"),
            }
        }
        "REFUND.SUCCESS" | "REFUND.ABNORMAL" | "REFUND.CLOSED" => {
            let refund: Told = serde_json::from_slice(&open()?).map_err(|_| unreadable)?;
            if refund.mchid != mch_id {
                return Err(WebhookRefusal::Foreign);
            }
            let number = |text: &str| wire::number(text).map(str::to_owned).ok_or(unreadable);
            EventContent::Refunded {
                order_no: number(&refund.out_trade_no)?,
                refund_no: Some(number(&refund.out_refund_no)?),
                transaction_id: None,
                undone: notice.event_type != "REFUND.SUCCESS",
            }
        }
        kind => {
            tracing::info!(?kind, "a notice of WeChat Pay that nothing hangs on");
            EventContent::Notice("other")
        }
    };
    Ok(VerifiedEvent::new(key, content))
}
