//! A refund made by hand in Alipay's own console: no number of the merchant's, only a notice.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::answer::{Fault, Refusal};
use super::refund::{self, Wish};
use super::{beijing, digits, order};
use crate::Sandbox;
use crate::store::{MovementCause, Refunded};

/// What is to go back.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// The merchant's order number.
    out_trade_no: String,
    /// Yuan as text.
    amount: String,
}

#[derive(Serialize)]
struct Made {
    out_trade_no: String,
    trade_no: String,
    /// The console's own number, as the notice has it.
    out_biz_no: String,
    amount: String,
    /// Of the whole trade so far.
    refund_fee: String,
}

/// `POST /sandbox/alipay/console-refund`
pub(crate) async fn refund(State(sandbox): State<Sandbox>, Json(wanted): Json<Wanted>) -> Response {
    match made(&sandbox, &wanted).await {
        Ok(made) => (StatusCode::CREATED, Json(made)).into_response(),
        Err(Fault::Refused(refusal)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, format!("{refusal}\n")).into_response()
        }
        Err(Fault::Failed(error)) => {
            tracing::error!(%error, "a refund by hand failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn made(sandbox: &Sandbox, wanted: &Wanted) -> Result<Made, Fault> {
    let inner = &sandbox.inner;
    let not_exist = || Refusal::business("ACQ.TRADE_NOT_EXIST", "交易不存在");
    let trade = sandbox.trade_of(&wanted.out_trade_no).await?;
    let trade = trade.ok_or_else(not_exist)?;
    let amount = order::amount(&wanted.amount)
        .ok_or_else(|| Refusal::content("amount", "yuan above zero, at most 2 places"))?;
    let day = beijing::date_digits(inner.clock.now());
    let number = format!("CONSOLE{day}{}", digits(&inner.entropy, 12));
    let wish = Wish {
        out_refund_no: &number,
        cause: MovementCause::Console,
        amount,
    };
    if refund::send_back(sandbox, &trade, &wish).await? != Refunded::Now {
        let says = "退款金额超限";
        return Err(Refusal::business("ACQ.REASON_TRADE_REFUND_FEE_ERR", says).into());
    }
    let after = sandbox.trade_of(&wanted.out_trade_no).await?;
    let after = after.ok_or_else(not_exist)?;
    Ok(Made {
        out_trade_no: after.out_trade_no,
        trade_no: after.provider_no,
        out_biz_no: number,
        amount: amount.to_string(),
        refund_fee: after.refunded.to_string(),
    })
}
