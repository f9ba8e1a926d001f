//! `POST` and `GET /v3/refund/domestic/refunds` (payments.md, 3.7). An accepted refund is done at once, as from a
//! balance, unless a fault says otherwise.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_kernel::money::{Currency, Money};

use super::answer::{Done, Fault, Refusal};
use super::order;
use super::request::Request;
use super::{CLOSED, wire};
use crate::Sandbox;
use crate::refunds::{Wish, send_back};
use crate::store::{MovementCause, Rail, Refund, RefundState, Refunded, Trade, TradeState};

#[derive(Deserialize)]
struct Wanted {
    transaction_id: Option<String>,
    out_trade_no: Option<String>,
    out_refund_no: String,
    #[serde(default)]
    reason: String,
    amount: Amount,
}

#[derive(Deserialize)]
struct Amount {
    refund: i64,
    total: i64,
    currency: String,
}

pub(super) async fn refund(sandbox: &Sandbox, request: &Request<'_>) -> Result<Done, Fault> {
    sandbox.settle_refunds().await?;
    let wanted: Wanted = request.content()?;
    let number = wanted.out_refund_no.as_str();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-|*@".contains(&byte);
    if !(1..=64).contains(&number.len()) || !number.bytes().all(word) {
        return Err(Refusal::parameter("/body/out_refund_no", "1-64 × [0-9A-Za-z_-|*@]").into());
    }
    if wanted.reason.len() > 80 {
        return Err(Refusal::parameter("/body/reason", "<= 80 bytes").into());
    }
    if wanted.amount.currency != "CNY" || wanted.amount.refund < 1 {
        return Err(Refusal::parameter("/body/amount", "CNY, >= 1").into());
    }
    let trade = paid(sandbox, &wanted).await?;
    if wanted.amount.total != trade.amount.minor() {
        return Err(Refusal::request("订单金额或退款金额与之前请求不一致，请核实后再试").into());
    }
    // One number is one refund of the merchant's, whatever the order.
    let inner = &sandbox.inner;
    let known = inner
        .store
        .trade_of_refund(Rail::Wechat, &trade.app_id, number)
        .await?;
    if known.is_some_and(|known| known != trade.provider_no) {
        return Err(Refusal::request("商户退款单号重复").into());
    }
    let wish = Wish {
        out_refund_no: number,
        cause: MovementCause::Refund,
        amount: Money::new(wanted.amount.refund, Currency::CNY),
    };
    match send_back(sandbox, &trade, &wish).await? {
        Refunded::Now | Refunded::Before | Refunded::Pending | Refunded::Failed(_) => {}
        Refunded::OtherAmount => {
            return Err(
                Refusal::request("订单金额或退款金额与之前请求不一致，请核实后再试").into(),
            );
        }
        Refunded::AboveRest | Refunded::Raced => {
            return Err(Refusal::request("申请退款金额超过订单可退金额").into());
        }
    }
    let refund = inner.store.find_refund(&trade, number).await?;
    let refund = refund.ok_or_else(Refusal::system_error)?;
    Ok(Done::ok(&told(&trade, &refund)))
}

/// The paid order that is meant, by either number.
async fn paid(sandbox: &Sandbox, wanted: &Wanted) -> Result<Trade, Fault> {
    let inner = &sandbox.inner;
    let identity = inner.wechat.identity();
    let found = match (&wanted.transaction_id, &wanted.out_trade_no) {
        (Some(number), _) => {
            let store = &inner.store;
            store
                .find_by_number(Rail::Wechat, &identity.app_id, number)
                .await?
        }
        (None, Some(number)) => order::find(sandbox, number).await?,
        (None, None) => {
            return Err(Refusal::parameter("/body/transaction_id, out_trade_no", "缺失").into());
        }
    };
    let trade = found.ok_or_else(|| Refusal::unknown_thing("订单不存在"))?;
    if trade.state != TradeState::Paid {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", "订单未支付").into());
    }
    Ok(trade)
}

/// `GET …/{out_refund_no}`
pub(super) async fn query(sandbox: &Sandbox, number: &str) -> Result<Done, Fault> {
    sandbox.settle_refunds().await?;
    let inner = &sandbox.inner;
    let identity = inner.wechat.identity();
    let unknown = || Refusal::unknown_thing("退款单不存在");
    let found = inner
        .store
        .trade_of_refund(Rail::Wechat, &identity.app_id, number)
        .await?;
    let found = found.ok_or_else(unknown)?;
    let trade = inner
        .store
        .find_by_number(Rail::Wechat, &identity.app_id, &found)
        .await?;
    let trade = trade.ok_or_else(unknown)?;
    let refund = inner.store.find_refund(&trade, number).await?;
    Ok(Done::ok(&told(&trade, &refund.ok_or_else(unknown)?)))
}

fn status(refund: &Refund) -> &str {
    match refund.state {
        RefundState::Done => "SUCCESS",
        RefundState::Pending => "PROCESSING",
        RefundState::Failed => refund.failure.as_deref().unwrap_or(CLOSED),
    }
}

fn told(trade: &Trade, refund: &Refund) -> Value {
    let (total, back) = (trade.amount.minor(), refund.amount.minor());
    let mut told = json!({
        "refund_id": refund.provider_refund_no,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": trade.provider_no,
        "out_trade_no": trade.out_trade_no,
        "channel": "BALANCE",
        "user_received_account": "支付用户零钱",
        "create_time": wire::time(refund.created_at),
        "status": status(refund),
        "funds_account": "AVAILABLE",
        "amount": {
            "total": total, "refund": back, "payer_total": total, "payer_refund": back,
            "settlement_total": total, "settlement_refund": back, "discount_refund": 0,
            "currency": "CNY",
        },
    });
    if let (RefundState::Done, Some(at)) = (refund.state, refund.settled_at) {
        told["success_time"] = wire::time(at).into();
    }
    told
}
