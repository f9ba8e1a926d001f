//! The asynchronous notice: form-encoded, signed without `sign` and `sign_type`.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;

use super::buyer::{BUYER_LOGON_ID, BUYER_USER_ID};
use super::precreate::Order;
use super::sign::{Parameters, notice_content};
use super::{beijing, digits};
use crate::store::{NewCallback, Rail, Trade};
use crate::{Inner, SandboxError};

const HEADERS: &str = r#"{"content-type":"application/x-www-form-urlencoded; charset=utf-8"}"#;

/// The bytes that tell the merchant of a payment made at `paid_at`; every send is the same bytes.
pub(super) fn paid(
    inner: &Inner,
    trade: &Trade,
    paid_at: Timestamp,
) -> Result<Vec<u8>, SandboxError> {
    written(
        inner,
        trade,
        paid_at,
        paid_at,
        &[("trade_status", "TRADE_SUCCESS")],
    )
}

/// The same of money that went back: it still says that the trade succeeded, until all of it is back.
pub(super) fn refunded(
    inner: &Inner,
    trade: &Trade,
    out_refund_no: &str,
    refunded: Money,
    at: Timestamp,
) -> Result<Vec<u8>, SandboxError> {
    let (sum, moment) = (refunded.to_string(), format!("{}.000", beijing::write(at)));
    let all = refunded == trade.amount;
    let fields = [
        ("gmt_refund", moment.as_str()),
        ("out_biz_no", out_refund_no),
        ("refund_fee", &sum),
        (
            "trade_status",
            if all { "TRADE_CLOSED" } else { "TRADE_SUCCESS" },
        ),
    ];
    written(inner, trade, trade.paid_at.unwrap_or(at), at, &fields)
}

fn written(
    inner: &Inner,
    trade: &Trade,
    paid_at: Timestamp,
    at: Timestamp,
    own: &[(&str, &str)],
) -> Result<Vec<u8>, SandboxError> {
    let order = Order::of(trade)?;
    let total = trade.amount.to_string();
    let (paid, told) = (beijing::write(paid_at), beijing::write(at));
    let mut fields = Parameters::new();
    let mut field = |name: &str, value: &str| fields.insert(name.to_owned(), value.to_owned());
    field("app_id", &inner.alipay.app_id);
    field("auth_app_id", &inner.alipay.app_id);
    field("buyer_id", BUYER_USER_ID);
    field("buyer_logon_id", BUYER_LOGON_ID);
    field("buyer_pay_amount", &total);
    field("charset", "utf-8");
    field(
        "fund_bill_list",
        &format!(r#"[{{"amount":"{total}","fundChannel":"ALIPAYACCOUNT"}}]"#),
    );
    field("gmt_create", &beijing::write(trade.created_at));
    field("gmt_payment", &paid);
    field("invoice_amount", &total);
    field("notify_id", &notify_id(inner, at));
    field("notify_time", &told);
    field("notify_type", "trade_status_sync");
    field("out_trade_no", &trade.out_trade_no);
    field("point_amount", "0.00");
    field("receipt_amount", &total);
    field("seller_email", "seller@sandbox.example");
    field("seller_id", &inner.alipay.seller_id);
    field("sign_type", "RSA2");
    field("subject", &order.subject);
    field("total_amount", &total);
    field("trade_no", &trade.provider_no);
    field("version", "1.0");
    for (name, value) in own {
        field(name, value);
    }
    if let Some(body) = order.body.filter(|body| !body.is_empty()) {
        field("body", &body);
    }
    // Still URL-encoded inside, as the merchant gave it.
    if let Some(passback) = order.passback_params.filter(|text| !text.is_empty()) {
        field("passback_params", &passback);
    }
    let sign = inner
        .alipay
        .signing
        .sign(notice_content(&fields).as_bytes())?;
    fields.insert("sign".to_owned(), sign);
    Ok(form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&fields)
        .finish()
        .into_bytes())
}

/// The notice as a call that is owed from `at` on.
pub(super) fn callback<'a>(
    inner: &Inner,
    trade: &'a Trade,
    url: &'a str,
    body: &'a [u8],
    at: Timestamp,
) -> NewCallback<'a> {
    NewCallback {
        id: inner.ids.at(at),
        rail: Rail::Alipay,
        provider_no: &trade.provider_no,
        kind: "trade_status_sync",
        url,
        body,
        headers: HEADERS,
        at,
    }
}

/// 34 digits, beginning with the day.
fn notify_id(inner: &Inner, at: Timestamp) -> String {
    format!(
        "{}00222{}{}",
        beijing::date_digits(at),
        beijing::time_digits(at),
        digits(&inner.entropy, 15)
    )
}
