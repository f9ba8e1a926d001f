//! `alipay.trade.cancel`: closes what is unpaid and gives back what is paid, without asking.

use serde::Serialize;

use super::answer::{self, Fault, Refusal};
use super::request::Request;
use super::trade;
use crate::Sandbox;
use crate::refunds::{Wish, send_back};
use crate::store::{MovementCause, Refunded, TradeState};

#[derive(Serialize)]
struct Cancelled<'a> {
    /// Missing when nothing was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    out_trade_no: String,
    retry_flag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trade_no: Option<String>,
}

pub(super) async fn cancel(sandbox: &Sandbox, request: &Request) -> Result<String, Fault> {
    let (number, found) = trade::find(sandbox, request).await?;
    let exists = found.filter(|trade| trade::status_of(trade).is_some());
    let Some(trade) = exists else {
        // An unknown number is a success as well.
        return Ok(answer::success(Cancelled {
            action: None,
            out_trade_no: number,
            retry_flag: "N",
            trade_no: None,
        }));
    };
    let action = match trade.state {
        TradeState::Waiting => {
            sandbox.close_trade(&trade).await?;
            "close"
        }
        TradeState::Paid => {
            give_back(sandbox, &trade).await?;
            "refund"
        }
        TradeState::Issued | TradeState::Closed => "close",
    };
    Ok(answer::success(Cancelled {
        action: Some(action),
        out_trade_no: trade.out_trade_no,
        retry_flag: "N",
        trade_no: Some(trade.provider_no),
    }))
}

/// All that is left, under the order's own number, as a refund without a number has it.
async fn give_back(sandbox: &Sandbox, trade: &crate::store::Trade) -> Result<(), Fault> {
    let rest = trade.amount.minor().saturating_sub(trade.refunded.minor());
    if rest == 0 {
        return Ok(());
    }
    let wish = Wish {
        out_refund_no: &trade.out_trade_no,
        cause: MovementCause::Cancel,
        amount: tollgate_kernel::money::Money::new(rest, trade.amount.currency()),
    };
    match send_back(sandbox, trade, &wish).await? {
        Refunded::Now | Refunded::Before | Refunded::Pending => Ok(()),
        _ => Err(Refusal::business("ACQ.CANCEL_NOT_ALLOWED", "不允许撤销").into()),
    }
}
