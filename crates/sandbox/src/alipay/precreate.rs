//! `alipay.trade.precreate`: a code for the buyer to scan.

use serde::Serialize;

use super::answer::{self, Fault};
use super::order;
use super::request::Request;
use crate::Sandbox;
use crate::store::Product;

#[derive(Serialize)]
struct Code {
    out_trade_no: String,
    qr_code: String,
}

pub(super) async fn precreate(sandbox: &Sandbox, request: &Request) -> Result<String, Fault> {
    let placed = order::place(sandbox, request, Product::Precreate).await?;
    Ok(answer::success(Code {
        out_trade_no: placed.out_trade_no,
        qr_code: sandbox.address(&format!("/sandbox/pay/{}", placed.provider_no)),
    }))
}
