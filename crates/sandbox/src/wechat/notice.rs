//! Notices (payments.md, 3.8): encrypted when they are owed, sealed when they are sent, since the seal has the time of
//! the sending.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;

use super::order::{self, WANTED};
use super::{aead, wire};
use crate::faults::{FaultKind, Faults};
use crate::notices::Decided;
use crate::store::{CallbackKind, DueCallback, Trade, TradeState};
use crate::{Sandbox, SandboxError};

/// What a notice is sent with, beside its seal.
pub(crate) const HEADERS: &str = r#"{"content-type":"application/json"}"#;
/// Nobody's: ours begin otherwise.
const OTHER_MERCHANT: &str = "1800000000";
const OTHER_APP: &str = "wx0000000000000000";
/// Beyond every window.
const LONG_AGO: Duration = Duration::from_mins(10);
/// With which the real one tries whether anybody checks.
pub(super) const PROBE: &str = "WECHATPAY/SIGNTEST/";
/// A key that nobody has.
const NOBODYS_KEY: &str = "................................";

/// Of a payment made now: the trade as it is then.
pub(crate) fn paid(
    sandbox: &Sandbox,
    trade: &Trade,
    faults: &Faults,
    now: Timestamp,
) -> Result<Vec<u8>, SandboxError> {
    let trade = Trade {
        state: TradeState::Paid,
        paid_at: trade.paid_at.or(Some(now)),
        ..trade.clone()
    };
    let mut told = order::told(&trade, "SUCCESS")?;
    if faults.has(FaultKind::WrongMerchant) {
        told["appid"] = OTHER_APP.into();
        told["mchid"] = OTHER_MERCHANT.into();
    }
    enclosed(
        sandbox,
        "TRANSACTION.SUCCESS",
        "支付成功",
        "transaction",
        &told,
    )
}

/// Of a refund that is decided now.
pub(crate) fn refunded(
    sandbox: &Sandbox,
    trade: &Trade,
    refund: &Decided<'_>,
    faults: &Faults,
) -> Result<Vec<u8>, SandboxError> {
    let identity = sandbox.inner.wechat.identity();
    let mch_id = if faults.has(FaultKind::WrongMerchant) {
        OTHER_MERCHANT
    } else {
        &identity.mch_id
    };
    let status = refund.failure.unwrap_or("SUCCESS");
    let (total, back) = (trade.amount.minor(), refund.amount.minor());
    let mut told = json!({
        "mchid": mch_id,
        "out_trade_no": trade.out_trade_no,
        "transaction_id": trade.provider_no,
        "out_refund_no": refund.out_refund_no,
        "refund_id": refund.provider_refund_no,
        "refund_status": status,
        "user_received_account": "支付用户零钱",
        "amount": { "total": total, "refund": back, "payer_total": total, "payer_refund": back },
    });
    if refund.failure.is_none() {
        told["success_time"] = wire::time(sandbox.inner.clock.now()).into();
    }
    let kind = format!("REFUND.{status}");
    enclosed(sandbox, &kind, "退款通知", "refund", &told)
}

fn enclosed(
    sandbox: &Sandbox,
    kind: &str,
    summary: &str,
    original: &str,
    told: &Value,
) -> Result<Vec<u8>, SandboxError> {
    let inner = &sandbox.inner;
    let identity = inner.wechat.identity();
    let plain = told.to_string();
    let mut sealed = aead::seal(
        identity.api_key(),
        original,
        plain.as_bytes(),
        &inner.entropy,
    )?;
    sealed["original_type"] = original.into();
    let notice = json!({
        "id": uuid::Uuid::from_bytes(inner.entropy.bytes()).to_string(),
        "create_time": wire::time(inner.clock.now()),
        "resource_type": "encrypt-resource",
        "event_type": kind,
        "summary": summary,
        "resource": sealed,
    });
    Ok(notice.to_string().into_bytes())
}

/// The same, and no key of the merchant's opens it.
pub(crate) fn closed_to_all(sandbox: &Sandbox, told: &[u8]) -> Vec<u8> {
    let mut notice: Value = serde_json::from_slice(told).unwrap_or_default();
    if let Ok(sealed) = aead::seal(NOBODYS_KEY, "transaction", b"{}", &sandbox.inner.entropy) {
        for member in ["nonce", "ciphertext"] {
            notice["resource"][member] = sealed[member].clone();
        }
    }
    notice.to_string().into_bytes()
}

/// The headers of this very send. The key is the one that the merchant wanted when it ordered.
pub(crate) async fn seal(
    sandbox: &Sandbox,
    callback: &DueCallback,
) -> Result<BTreeMap<String, String>, SandboxError> {
    let inner = &sandbox.inner;
    let identity = inner.wechat.identity();
    let (kind, body) = (callback.kind, callback.body.as_slice());
    let trade = inner
        .store
        .find_by_number(callback.rail, &identity.app_id, &callback.provider_no)
        .await?;
    let request = trade.map(|trade| serde_json::from_str::<Value>(&trade.request));
    let request = request.and_then(Result::ok).unwrap_or_default();
    let mut half = identity.half_for(request[WANTED].as_str());
    if kind == CallbackKind::OtherKey {
        half = half.other();
    }
    let mut at = inner.clock.now();
    if kind == CallbackKind::Stale {
        at = at.before(LONG_AGO);
    }
    let mut seal = identity.seal(half, body, at, &inner.entropy)?;
    let mut set = |name: &str, value: String| seal.insert(name.to_owned(), value);
    match kind {
        CallbackKind::Forged => {
            let other = identity.seal(half, b"{}", at, &inner.entropy)?;
            let signature = other.get("wechatpay-signature").cloned();
            set("wechatpay-signature", signature.unwrap_or_default());
        }
        CallbackKind::Probe => {
            let noise = hex::encode(inner.entropy.bytes::<32>());
            set("wechatpay-signature", format!("{PROBE}{noise}"));
        }
        CallbackKind::UnknownKey => {
            let serial = hex::encode_upper(inner.entropy.bytes::<20>());
            set("wechatpay-serial", serial);
        }
        CallbackKind::Genuine
        | CallbackKind::OtherKey
        | CallbackKind::Stale
        | CallbackKind::WrongSecret => {}
    }
    Ok(seal)
}
