//! `alipay.trade.refund` and `alipay.trade.fastpay.refund.query`.

use super::answer::{self, Fault, Refusal};
use super::request::Request;
use super::{BUYER_LOGON_ID, BUYER_USER_ID, beijing, order, trade};
use crate::Sandbox;
use crate::refunds::{Wish, send_back};
use crate::store::{MovementCause, RefundState, Refunded, TradeState};
use serde::{Deserialize, Serialize};

/// Longest number of a refund.
const NUMBER: usize = 64;

#[derive(Deserialize)]
struct Wanted {
    out_request_no: Option<String>,
    refund_amount: String,
}

#[derive(Deserialize)]
struct Asked {
    out_request_no: String,
}

#[derive(Serialize)]
struct Done<'a> {
    buyer_logon_id: &'a str,
    buyer_user_id: &'a str,
    fund_change: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gmt_refund_pay: Option<String>,
    out_trade_no: &'a str,
    /// Of the whole trade so far.
    refund_fee: String,
    trade_no: &'a str,
}

#[derive(Default, Serialize)]
struct State<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    out_request_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trade_no: Option<&'a str>,
}

pub(super) async fn refund(sandbox: &Sandbox, request: &Request) -> Result<String, Fault> {
    sandbox.settle_refunds().await?;
    let before = trade::named(sandbox, request).await?;
    let wanted: Wanted = request.content()?;
    if before.state != TradeState::Paid {
        return Err(Refusal::business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法").into());
    }
    let number = wanted.out_request_no.filter(|number| !number.is_empty());
    let number = number.unwrap_or_else(|| before.out_trade_no.clone());
    if number.len() > NUMBER {
        return Err(Refusal::content("out_request_no", "at most 64 characters").into());
    }
    let amount = order::amount(&wanted.refund_amount)
        .ok_or_else(|| Refusal::content("refund_amount", "yuan above zero, at most 2 places"))?;
    let wish = Wish {
        out_refund_no: &number,
        cause: MovementCause::Refund,
        amount,
    };
    let moved = match send_back(sandbox, &before, &wish).await? {
        Refunded::Now => true,
        Refunded::Before | Refunded::Pending => false,
        Refunded::Failed(code) => return Err(Refusal::ordered(Some(code)).into()),
        Refunded::OtherAmount => {
            return Err(Refusal::business("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求").into());
        }
        Refunded::AboveRest | Refunded::Raced => {
            let says = "退款金额超限";
            return Err(Refusal::business("ACQ.REASON_TRADE_REFUND_FEE_ERR", says).into());
        }
    };
    let trade = trade::named(sandbox, request).await?;
    Ok(answer::success(Done {
        buyer_logon_id: BUYER_LOGON_ID,
        buyer_user_id: BUYER_USER_ID,
        fund_change: if moved { "Y" } else { "N" },
        gmt_refund_pay: moved.then(|| beijing::write(sandbox.inner.clock.now())),
        out_trade_no: &trade.out_trade_no,
        refund_fee: trade.refunded.to_string(),
        trade_no: &trade.provider_no,
    }))
}

/// Success says nothing: only `refund_status` does, and it is missing where nothing went back.
pub(super) async fn query(sandbox: &Sandbox, request: &Request) -> Result<String, Fault> {
    sandbox.settle_refunds().await?;
    let trade = trade::named(sandbox, request).await?;
    let asked: Asked = request.content()?;
    let found = sandbox
        .inner
        .store
        .find_refund(&trade, &asked.out_request_no)
        .await?
        .filter(|refund| refund.state == RefundState::Done);
    let Some(refund) = found else {
        return Ok(answer::success(State::default()));
    };
    Ok(answer::success(State {
        out_request_no: Some(&asked.out_request_no),
        out_trade_no: Some(&trade.out_trade_no),
        refund_amount: Some(refund.amount.to_string()),
        refund_status: Some("REFUND_SUCCESS"),
        total_amount: Some(trade.amount.to_string()),
        trade_no: Some(&trade.provider_no),
    }))
}
