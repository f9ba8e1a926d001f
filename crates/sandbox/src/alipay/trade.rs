//! `alipay.trade.query` and `alipay.trade.close`.

use super::answer::{self, Fault, Refusal};
use super::request::Request;
use super::{BUYER_LOGON_ID, BUYER_USER_ID, beijing};
use crate::Sandbox;
use crate::store::{Rail, Trade, TradeState};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Named {
    trade_no: Option<String>,
    out_trade_no: Option<String>,
}

#[derive(Serialize)]
struct Shown<'a> {
    buyer_logon_id: &'a str,
    buyer_user_id: &'a str,
    buyer_pay_amount: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fund_bill_list: Option<[Fund<'a>; 1]>,
    invoice_amount: &'a str,
    out_trade_no: &'a str,
    point_amount: &'a str,
    receipt_amount: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    send_pay_date: Option<String>,
    total_amount: &'a str,
    trade_no: &'a str,
    trade_status: &'a str,
}

#[derive(Serialize)]
struct Fund<'a> {
    amount: &'a str,
    fund_channel: &'a str,
}

#[derive(Serialize)]
struct Closed<'a> {
    out_trade_no: &'a str,
    trade_no: &'a str,
}

/// A trade's state in Alipay's words; a code nobody scanned is no trade.
pub(crate) fn status(state: TradeState) -> Option<&'static str> {
    match state {
        TradeState::Issued => None,
        TradeState::Waiting => Some("WAIT_BUYER_PAY"),
        TradeState::Paid => Some("TRADE_SUCCESS"),
        TradeState::Closed => Some("TRADE_CLOSED"),
    }
}

fn not_exist() -> Refusal {
    Refusal::business("ACQ.TRADE_NOT_EXIST", "交易不存在")
}

/// The same for a whole trade: one whose money went back entirely is closed.
pub(super) fn status_of(trade: &Trade) -> Option<&'static str> {
    if trade.state == TradeState::Paid && trade.refunded == trade.amount {
        return Some("TRADE_CLOSED");
    }
    status(trade.state)
}

pub(super) async fn query(sandbox: &Sandbox, request: &Request) -> Result<String, Fault> {
    let trade = named(sandbox, request).await?;
    let status = status_of(&trade).ok_or_else(not_exist)?;
    let total = trade.amount.to_string();
    let moved = if trade.state == TradeState::Paid {
        total.as_str()
    } else {
        "0.00"
    };
    Ok(answer::success(Shown {
        buyer_logon_id: BUYER_LOGON_ID,
        buyer_user_id: BUYER_USER_ID,
        buyer_pay_amount: moved,
        fund_bill_list: (trade.state == TradeState::Paid).then_some([Fund {
            amount: &total,
            fund_channel: "ALIPAYACCOUNT",
        }]),
        invoice_amount: moved,
        out_trade_no: &trade.out_trade_no,
        point_amount: "0.00",
        receipt_amount: moved,
        send_pay_date: trade.paid_at.map(beijing::write),
        total_amount: &total,
        trade_no: &trade.provider_no,
        trade_status: status,
    }))
}

/// Only an unpaid trade; an unscanned code is none yet, and stays good.
pub(super) async fn close(sandbox: &Sandbox, request: &Request) -> Result<String, Fault> {
    let trade = named(sandbox, request).await?;
    if trade.state == TradeState::Issued {
        return Err(not_exist().into());
    }
    if !sandbox.close_trade(&trade).await? {
        return Err(Refusal::business("ACQ.REASON_TRADE_STATUS_INVALID", "交易状态不合法").into());
    }
    Ok(answer::success(Closed {
        out_trade_no: &trade.out_trade_no,
        trade_no: &trade.provider_no,
    }))
}

/// By either number; `trade_no` wins when both are given.
pub(super) async fn named(sandbox: &Sandbox, request: &Request) -> Result<Trade, Fault> {
    let (_, found) = find(sandbox, request).await?;
    Ok(found.ok_or_else(not_exist)?)
}

/// The same, and the order number that was given.
pub(super) async fn find(
    sandbox: &Sandbox,
    request: &Request,
) -> Result<(String, Option<Trade>), Fault> {
    let Named {
        trade_no,
        out_trade_no,
    } = request.content()?;
    let (store, app_id) = (&sandbox.inner.store, request.app());
    let given = |number: &Option<String>| number.clone().filter(|number| !number.is_empty());
    let trade = match (given(&trade_no), given(&out_trade_no)) {
        (Some(number), _) => store.find_by_number(Rail::Alipay, app_id, &number).await?,
        (None, Some(number)) => {
            store
                .find_by_merchant(Rail::Alipay, app_id, &number)
                .await?
        }
        (None, None) => {
            return Err(Refusal::content("out_trade_no, trade_no", "one is required").into());
        }
    };
    let number = out_trade_no.unwrap_or_default();
    let Some(trade) = trade else {
        return Ok((number, None));
    };
    let trade = sandbox.settled(trade, sandbox.inner.clock.now()).await?;
    Ok((number, Some(trade)))
}
