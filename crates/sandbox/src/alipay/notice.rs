//! The asynchronous notice: form-encoded, signed without `sign` and `sign_type`.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;

use super::order::Order;
use super::sign::{Parameters, notice_content};
use super::{BUYER_LOGON_ID, BUYER_USER_ID, beijing, digits};
use crate::faults::{FaultKind, Faults};
use crate::store::Trade;
use crate::{Inner, Sandbox, SandboxError};

/// What a notice is sent with.
pub(crate) const HEADERS: &str =
    r#"{"content-type":"application/x-www-form-urlencoded; charset=utf-8"}"#;
/// Nobody's: ours begin alike and go on otherwise.
const OTHER_APP: &str = "2021000000000000";
const OTHER_SELLER: &str = "2088000000000000";

/// Of a trade that waits for its buyer.
pub(crate) fn waiting(
    sandbox: &Sandbox,
    trade: &Trade,
    faults: &Faults,
) -> Result<Vec<u8>, SandboxError> {
    let status = ("trade_status", "WAIT_BUYER_PAY");
    written(sandbox, trade, &[status], faults)
}

/// Of a payment made now: the trade as it is then.
pub(crate) fn paid(
    sandbox: &Sandbox,
    trade: &Trade,
    faults: &Faults,
    now: Timestamp,
) -> Result<Vec<u8>, SandboxError> {
    let moment = beijing::write(now);
    let fields = [
        ("gmt_payment", moment.as_str()),
        ("trade_status", "TRADE_SUCCESS"),
    ];
    written(sandbox, trade, &fields, faults)
}

/// Of money that goes back now: it still says that the trade succeeded, until all of it is back.
pub(crate) fn refunded(
    sandbox: &Sandbox,
    trade: &Trade,
    out_refund_no: &str,
    amount: Money,
    faults: &Faults,
) -> Result<Vec<u8>, SandboxError> {
    let now = sandbox.inner.clock.now();
    let sum = trade.refunded.minor().saturating_add(amount.minor());
    let sum = Money::new(sum, amount.currency());
    let paid = beijing::write(trade.paid_at.unwrap_or(now));
    let (fee, moment) = (sum.to_string(), format!("{}.000", beijing::write(now)));
    let status = if sum == trade.amount {
        "TRADE_CLOSED"
    } else {
        "TRADE_SUCCESS"
    };
    let fields = [
        ("gmt_payment", paid.as_str()),
        ("gmt_refund", &moment),
        ("out_biz_no", out_refund_no),
        ("refund_fee", &fee),
        ("trade_status", status),
    ];
    written(sandbox, trade, &fields, faults)
}

/// Of a trade that was closed unpaid. Only pages of phones and apps are told of that.
pub(crate) fn closed(
    sandbox: &Sandbox,
    trade: &Trade,
    faults: &Faults,
) -> Result<Vec<u8>, SandboxError> {
    let moment = beijing::write(sandbox.inner.clock.now());
    let fields = [
        ("gmt_close", moment.as_str()),
        ("trade_status", "TRADE_CLOSED"),
    ];
    written(sandbox, trade, &fields, faults)
}

/// The same with another trade number, under a signature that no longer fits.
pub(crate) fn forged(told: &[u8]) -> Vec<u8> {
    let fields = form_urlencoded::parse(told).map(|(name, value)| {
        let value = match name.as_ref() {
            "trade_no" => value.chars().rev().collect(),
            _ => value.into_owned(),
        };
        (name, value)
    });
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
        .into_bytes()
}

fn written(
    sandbox: &Sandbox,
    trade: &Trade,
    own: &[(&str, &str)],
    faults: &Faults,
) -> Result<Vec<u8>, SandboxError> {
    let inner = &sandbox.inner;
    let identity = inner.alipay.identity();
    let order = Order::of(trade)?;
    let (total, now) = (trade.amount.to_string(), inner.clock.now());
    let (app, seller) = if faults.has(FaultKind::WrongMerchant) {
        (OTHER_APP, OTHER_SELLER)
    } else {
        (trade.app_id.as_str(), identity.seller_id.as_str())
    };
    let funds = format!(r#"[{{"amount":"{total}","fundChannel":"ALIPAYACCOUNT"}}]"#);
    let mut fields: Parameters = [
        ("app_id", app),
        ("auth_app_id", app),
        ("buyer_id", BUYER_USER_ID),
        ("buyer_logon_id", BUYER_LOGON_ID),
        ("buyer_pay_amount", &total),
        ("charset", "utf-8"),
        ("fund_bill_list", &funds),
        ("gmt_create", &beijing::write(trade.created_at)),
        ("invoice_amount", &total),
        ("notify_id", &notify_id(inner, now)),
        ("notify_time", &beijing::write(now)),
        ("notify_type", "trade_status_sync"),
        ("out_trade_no", &trade.out_trade_no),
        ("point_amount", "0.00"),
        ("receipt_amount", &total),
        ("seller_email", "seller@sandbox.example"),
        ("seller_id", seller),
        ("sign_type", "RSA2"),
        ("subject", &order.subject),
        ("total_amount", &total),
        ("trade_no", &trade.provider_no),
        ("version", "1.0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for (name, value) in own {
        fields.insert((*name).to_owned(), (*value).to_owned());
    }
    // `passback_params` is still URL-encoded inside, as the merchant gave it.
    for (name, value) in [
        ("body", order.body),
        ("passback_params", order.passback_params),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.insert(name.to_owned(), value);
        }
    }
    let sign = identity.signing.sign(notice_content(&fields).as_bytes())?;
    fields.insert("sign".to_owned(), sign);
    Ok(form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&fields)
        .finish()
        .into_bytes())
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
