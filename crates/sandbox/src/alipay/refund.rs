//! `alipay.trade.refund` and `alipay.trade.fastpay.refund.query`.

use serde::{Deserialize, Serialize};
use tollgate_kernel::money::Money;

use super::answer::{self, Fault, Refusal};
use super::buyer::{BUYER_LOGON_ID, BUYER_USER_ID};
use super::notice::{self, Owed};
use super::request::Request;
use super::{beijing, digits, order, trade};
use crate::faults::{FaultKind, Place};
use crate::store::{MovementCause, NewRefund, Rail, RefundState, Refunded, Trade, TradeState};
use crate::{Sandbox, SandboxError};

/// Longest number of a refund.
const NUMBER: usize = 64;
/// Refunds of one trade at once are told one after another; somebody always gets through.
const TRIES: usize = 50;
/// What a refund that fails later fails with.
const FAILURE: &str = "ACQ.SELLER_BALANCE_NOT_ENOUGH";

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

/// Money that shall go back.
pub(super) struct Wish<'a> {
    pub(super) out_refund_no: &'a str,
    pub(super) cause: MovementCause,
    pub(super) amount: Money,
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

/// Sends money of a trade back, once per number, and never more than is left.
pub(super) async fn send_back(
    sandbox: &Sandbox,
    trade: &Trade,
    wish: &Wish<'_>,
) -> Result<Refunded, SandboxError> {
    let inner = &sandbox.inner;
    let mut trade = trade.clone();
    let known = inner.store.find_refund(&trade, wish.out_refund_no).await?;
    // A repeat is no new refund, so no fault of refunds is spent on it.
    let fault = if known.is_none() && wish.cause == MovementCause::Refund {
        let pending = |kind: FaultKind| kind.place() == Place::Refund;
        let (method, order) = ("alipay.trade.refund", Some(trade.out_trade_no.as_str()));
        let taken = inner
            .store
            .take_faults(Rail::Alipay, pending, method, order);
        taken.await?.0.into_iter().next()
    } else {
        None
    };
    let mut faults = None;
    for _ in 0..TRIES {
        let now = inner.clock.now();
        let pending = fault.as_ref().map(|fault| {
            let wait = fault.kind.wait(fault.argument.as_deref());
            let fails = fault.kind == FaultKind::RefundPendingFailed;
            (
                now.after(wait.unwrap_or_default()),
                fails.then_some(FAILURE),
            )
        });
        let told = if known.is_none() && pending.is_none() {
            if faults.is_none() {
                faults = Some(notice::faults(sandbox, &trade).await?);
            }
            let faults = faults.clone().unwrap_or_default();
            notice::of_refund(sandbox, &trade, wish.out_refund_no, wish.amount, &faults).await?
        } else {
            Vec::new()
        };
        let provider_no = digits(&inner.entropy, 18);
        let wanted = NewRefund {
            out_refund_no: wish.out_refund_no,
            provider_refund_no: &format!("{}{provider_no}", beijing::date_digits(now)),
            cause: wish.cause,
            amount: wish.amount,
            pending,
            at: now,
        };
        let notices: Vec<_> = told.iter().map(|owed| owed.callback()).collect();
        let refunded = inner.store.refund(&trade, &wanted, &notices).await?;
        if refunded == Refunded::Raced
            && let Some(newer) = sandbox.newer(&trade).await?
        {
            trade = newer;
            continue;
        }
        if refunded == Refunded::Now {
            inner.owed.notify_one();
        }
        return Ok(refunded);
    }
    Ok(Refunded::Raced)
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

impl Sandbox {
    /// Decides the refunds that were on their way and whose time has come.
    pub(crate) async fn settle_refunds(&self) -> Result<(), SandboxError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        for due in inner.store.due_refunds(Rail::Alipay, now).await? {
            let (app, number) = (due.app_id.as_str(), due.provider_no.as_str());
            let trade = inner
                .store
                .find_by_number(Rail::Alipay, app, number)
                .await?;
            let Some(trade) = trade else { continue };
            let refund = inner.store.find_refund(&trade, &due.out_refund_no).await?;
            let Some(refund) = refund else { continue };
            let faults = notice::faults(self, &trade).await?;
            let number = &refund.out_refund_no;
            let told: Vec<Owed> =
                notice::of_refund(self, &trade, number, refund.amount, &faults).await?;
            let notices: Vec<_> = told.iter().map(|owed| owed.callback()).collect();
            if inner
                .store
                .settle_refund(&trade, &refund, &notices, now)
                .await?
            {
                inner.owed.notify_one();
            }
        }
        Ok(())
    }
}
