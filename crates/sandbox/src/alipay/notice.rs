//! The asynchronous notice: form-encoded, signed without `sign` and `sign_type`; and what goes wrong
//! with it to order.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::CallbackId;
use tollgate_kernel::money::Money;

use super::buyer::{BUYER_LOGON_ID, BUYER_USER_ID};
use super::order::Order;
use super::sign::{Parameters, notice_content};
use super::{beijing, digits};
use crate::callbacks::SENDS;
use crate::faults::{FaultKind, Faults, Place};
use crate::store::{NewCallback, Rail, Trade};
use crate::{Inner, Sandbox, SandboxError};

const HEADERS: &str = r#"{"content-type":"application/x-www-form-urlencoded; charset=utf-8"}"#;
/// What comes after something else comes this much later.
const NEXT: Duration = Duration::from_secs(1);
const MANY: usize = 50;
/// Nobody's: ours begin alike and go on otherwise.
const OTHER_APP: &str = "2021000000000000";
const OTHER_SELLER: &str = "2088000000000000";

/// A notice that is owed.
pub(super) struct Owed {
    id: CallbackId,
    provider_no: String,
    url: String,
    body: Vec<u8>,
    kind: &'static str,
    due_at: Timestamp,
    /// Sends that count as made.
    attempts: i64,
    at: Timestamp,
}

impl Owed {
    pub(super) fn callback(&self) -> NewCallback<'_> {
        NewCallback {
            id: self.id,
            rail: Rail::Alipay,
            provider_no: &self.provider_no,
            kind: self.kind,
            url: &self.url,
            body: &self.body,
            headers: HEADERS,
            due_at: self.due_at,
            attempts: self.attempts,
            at: self.at,
        }
    }
}

/// What goes wrong with the notices that are owed about a trade now.
pub(super) async fn faults(sandbox: &Sandbox, trade: &Trade) -> Result<Faults, SandboxError> {
    if trade.notify_url.is_none() {
        return Ok(Faults::default());
    }
    let of_notices = |kind: FaultKind| kind.place() == Place::Notice;
    let store = &sandbox.inner.store;
    store
        .take_faults(Rail::Alipay, of_notices, "", Some(&trade.out_trade_no))
        .await
}

/// Of a payment made now: the trade as it is then.
pub(super) fn of_payment(
    sandbox: &Sandbox,
    trade: &Trade,
    faults: &Faults,
    now: Timestamp,
) -> Result<Vec<Owed>, SandboxError> {
    let moment = beijing::write(now);
    let fields = |status| [("gmt_payment", moment.as_str()), ("trade_status", status)];
    let before = || {
        written(
            sandbox,
            trade,
            &[("trade_status", "WAIT_BUYER_PAY")],
            faults,
        )
    };
    let told = written(sandbox, trade, &fields("TRADE_SUCCESS"), faults)?;
    owed(sandbox, trade, &told, before, faults)
}

/// Of money that goes back now: it still says that the trade succeeded, until all of it is back.
pub(super) async fn of_refund(
    sandbox: &Sandbox,
    trade: &Trade,
    out_refund_no: &str,
    amount: Money,
    faults: &Faults,
) -> Result<Vec<Owed>, SandboxError> {
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
    let told = written(sandbox, trade, &fields, faults)?;
    let store = &sandbox.inner.store;
    let first = store.first_callback(trade.rail, &trade.provider_no).await?;
    let before = || Ok(first.clone().unwrap_or_else(|| told.clone()));
    owed(sandbox, trade, &told, before, faults)
}

/// Of a trade that was closed unpaid. Only pages of phones and apps are told of that.
pub(super) fn of_closing(
    sandbox: &Sandbox,
    trade: &Trade,
    faults: &Faults,
) -> Result<Vec<Owed>, SandboxError> {
    let moment = beijing::write(sandbox.inner.clock.now());
    let fields = [
        ("gmt_close", moment.as_str()),
        ("trade_status", "TRADE_CLOSED"),
    ];
    let told = written(sandbox, trade, &fields, faults)?;
    let before = || {
        written(
            sandbox,
            trade,
            &[("trade_status", "WAIT_BUYER_PAY")],
            faults,
        )
    };
    owed(sandbox, trade, &told, before, faults)
}

/// One notice as what is sent of it, by the faults. `before` makes what should have come first.
fn owed(
    sandbox: &Sandbox,
    trade: &Trade,
    told: &[u8],
    before: impl Fn() -> Result<Vec<u8>, SandboxError>,
    faults: &Faults,
) -> Result<Vec<Owed>, SandboxError> {
    let inner = &sandbox.inner;
    let Some(url) = trade.notify_url.as_deref() else {
        return Ok(Vec::new());
    };
    let now = inner.clock.now();
    let notice = |body: &[u8], due_at: Timestamp| Owed {
        id: inner.ids.at(now),
        provider_no: trade.provider_no.clone(),
        url: url.to_owned(),
        body: body.to_vec(),
        kind: "trade_status_sync",
        due_at,
        attempts: 0,
        at: now,
    };
    if faults.has(FaultKind::CallbackLost) {
        return Ok(Vec::new());
    }
    let late = faults
        .find(FaultKind::CallbackLate)
        .and_then(|fault| fault.kind.wait(fault.argument.as_deref()));
    let mut first = now.after(late.unwrap_or_default());
    let mut all = Vec::new();
    if faults.has(FaultKind::CallbackForged) {
        all.push(Owed {
            kind: "forged",
            attempts: SENDS - 1,
            ..notice(&forged(told), first)
        });
        first = first.after(NEXT);
    }
    let count = match () {
        () if faults.has(FaultKind::CallbackTimes50) => MANY,
        () if faults.has(FaultKind::CallbackTwice) => 2,
        () => 1,
    };
    if faults.has(FaultKind::CallbackReordered) {
        all.push(notice(&before()?, first.after(NEXT)));
    }
    all.extend((0..count).map(|_| notice(told, first)));
    Ok(all)
}

/// The same with another trade number, under a signature that no longer fits.
fn forged(told: &[u8]) -> Vec<u8> {
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
