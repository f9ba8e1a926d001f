//! A refund made by hand in a gateway's own console: no number of the merchant's, only a notice.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tollgate_kernel::money::Money;

use crate::alipay::{beijing, digits, order};
use crate::refunds::{Wish, send_back};
use crate::store::{MovementCause, Rail, Refunded, Trade};
use crate::{Sandbox, SandboxError};

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

/// `POST /sandbox/{rail}/console-refund`
pub(crate) async fn refund(
    State(sandbox): State<Sandbox>,
    Path(rail): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Response {
    let Some(rail) = Rail::read(&rail) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let refused = |says: &str| {
        let says = format!("{says}\n");
        (StatusCode::UNPROCESSABLE_ENTITY, says).into_response()
    };
    let Some(amount) = order::amount(&wanted.amount) else {
        return refused("amount: yuan above zero, at most 2 places");
    };
    match made(&sandbox, rail, &wanted.out_trade_no, amount).await {
        Ok(Some(made)) => (StatusCode::CREATED, Json(made)).into_response(),
        Ok(None) => refused("there is no such trade, or not so much of it is left"),
        Err(error) => {
            tracing::error!(%error, "a refund by hand failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn made(
    sandbox: &Sandbox,
    rail: Rail,
    order_no: &str,
    amount: Money,
) -> Result<Option<Made>, SandboxError> {
    let inner = &sandbox.inner;
    let found = async || {
        let trade = sandbox.trade_of(order_no).await?;
        Ok::<Option<Trade>, SandboxError>(trade.filter(|trade| trade.rail == rail))
    };
    let Some(trade) = found().await? else {
        return Ok(None);
    };
    let day = beijing::date_digits(inner.clock.now());
    let number = format!("CONSOLE{day}{}", digits(&inner.entropy, 12));
    let wish = Wish {
        out_refund_no: &number,
        cause: MovementCause::Console,
        amount,
    };
    if send_back(sandbox, &trade, &wish).await? != Refunded::Now {
        return Ok(None);
    }
    Ok(found().await?.map(|after| Made {
        out_trade_no: after.out_trade_no,
        trade_no: after.provider_no,
        out_biz_no: number,
        amount: amount.to_string(),
        refund_fee: after.refunded.to_string(),
    }))
}
