//! `alipay.trade.page.pay`, `.wap.pay` and `.app.pay`: opened by the buyer's browser or app, never
//! called by the merchant's server. What opens is the phone; what comes back in the end is a signed
//! `return_url`, which proves nothing about money.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::answer::{Fault, Refusal};
use super::beijing;
use super::order;
use super::request::{Method, Request};
use super::sign::{Parameters, notice_content};
use crate::store::{Product, Trade, TradeState};
use crate::{Sandbox, SandboxError};

/// Leads to the phone, or says in plain text why not.
pub(super) async fn open(sandbox: &Sandbox, request: &Request) -> Response {
    let fault = match opened(sandbox, request).await {
        Ok(number) => {
            return Redirect::to(&sandbox.address(&format!("/sandbox/pay/{number}")))
                .into_response();
        }
        Err(fault) => fault,
    };
    let (status, says) = match &fault {
        Fault::Refused(refusal) => (StatusCode::BAD_REQUEST, refusal.to_string()),
        Fault::Failed(error) => {
            tracing::error!(%error, "the cashier failed");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "isp.unknow-error".to_owned(),
            )
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, format!("{says}\n")).into_response()
}

async fn opened(sandbox: &Sandbox, request: &Request) -> Result<String, Fault> {
    let product = match request.require_method()? {
        Method::PagePay => Product::Page,
        Method::WapPay => Product::Wap,
        Method::AppPay => Product::App,
        _ => return Err(Refusal::invalid("isv.invalid-method", "不存在的方法名").into()),
    };
    let identity = sandbox.inner.alipay.identity();
    if !request.is_from(&identity) {
        return Err(request.stranger().into());
    }
    request.verify(&identity, sandbox.inner.clock.now())?;
    Ok(order::place(sandbox, request, product).await?.provider_no)
}

impl Sandbox {
    /// Where the buyer's browser goes after paying, signed like a notice. `None` when the merchant
    /// named no address, or nothing is paid.
    pub(crate) fn way_back(&self, trade: &Trade) -> Result<Option<String>, SandboxError> {
        let method = match trade.product {
            Product::Page => "alipay.trade.page.pay.return",
            Product::Wap => "alipay.trade.wap.pay.return",
            _ => return Ok(None),
        };
        let Some(url) = trade.return_url.as_deref() else {
            return Ok(None);
        };
        let Ok(mut url) = reqwest::Url::parse(url) else {
            return Ok(None);
        };
        if trade.state != TradeState::Paid {
            return Ok(None);
        }
        let identity = self.inner.alipay.identity();
        let (now, total) = (self.inner.clock.now(), trade.amount.to_string());
        let mut fields: Parameters = [
            ("app_id", trade.app_id.as_str()),
            ("auth_app_id", &trade.app_id),
            ("charset", "utf-8"),
            ("method", method),
            ("out_trade_no", &trade.out_trade_no),
            ("seller_id", &identity.seller_id),
            ("sign_type", "RSA2"),
            ("timestamp", &beijing::write(now)),
            ("total_amount", &total),
            ("trade_no", &trade.provider_no),
            ("version", "1.0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let sign = identity.signing.sign(notice_content(&fields).as_bytes())?;
        fields.insert("sign".to_owned(), sign);
        url.query_pairs_mut().extend_pairs(&fields);
        Ok(Some(url.into()))
    }
}
