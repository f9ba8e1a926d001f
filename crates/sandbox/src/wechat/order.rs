//! `POST /v3/pay/transactions/…`, the query and the closing (payments.md, 3.5 and 3.6).

use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money};

use super::answer::{Done, Fault, Refusal};
use super::request::Request;
use super::wire;
use crate::alipay::{beijing, digits};
use crate::callbacks::Refused;
use crate::store::{NewTrade, Product, Rail, Trade, TradeState};
use crate::{Sandbox, SandboxError};

/// An order without a deadline of its own ends then, and none ends later.
const LONGEST: Duration = Duration::from_hours(7 * 24);
const SHORTEST: Duration = Duration::from_mins(1);
/// 100,000,000.00 yuan.
const LARGEST_FEN: i64 = 10_000_000_000;
/// What stands before the number that is handed to an app or a page.
const PREPAY: &str = "wx";
/// Under which the merchant's wish for a key is kept.
pub(super) const WANTED: &str = "wechatpay_serial";

/// What the merchant asked for. Members that are not named here are kept and compared, but not read.
#[derive(Debug, Deserialize)]
struct Order {
    appid: String,
    mchid: String,
    description: String,
    out_trade_no: String,
    notify_url: String,
    time_expire: Option<String>,
    #[serde(default)]
    attach: String,
    amount: Amount,
    payer: Option<Payer>,
    scene_info: Option<Scene>,
}

#[derive(Debug, Deserialize)]
struct Amount {
    total: i64,
    currency: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Payer {
    openid: String,
}

#[derive(Debug, Deserialize)]
struct Scene {
    payer_client_ip: String,
    h5_info: Option<Value>,
}

impl Order {
    fn check(&self, app_id: &str, mch_id: &str, product: Product) -> Result<(), Refusal> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-|*@".contains(&byte);
        if self.appid != app_id || self.mchid != mch_id {
            let code = "APPID_MCHID_NOT_MATCH";
            let says = "商户号mchid与appid不匹配";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, code, says));
        }
        if !(1..=127).contains(&self.description.chars().count()) {
            return Err(Refusal::parameter("/body/description", "1-127"));
        }
        let number = &self.out_trade_no;
        if !(6..=32).contains(&number.len()) || !number.bytes().all(word) {
            return Err(Refusal::parameter(
                "/body/out_trade_no",
                "6-32 × [0-9A-Za-z_-|*@]",
            ));
        }
        if self.attach.chars().count() > 128 {
            return Err(Refusal::parameter("/body/attach", "<= 128"));
        }
        if !(1..=LARGEST_FEN).contains(&self.amount.total) {
            return Err(Refusal::parameter("/body/amount/total", ">= 1"));
        }
        if self
            .amount
            .currency
            .as_deref()
            .is_some_and(|code| code != "CNY")
        {
            return Err(Refusal::parameter("/body/amount/currency", "CNY"));
        }
        let openid = self.payer.as_ref().map(|payer| payer.openid.as_str());
        if product == Product::Jsapi && openid.is_none_or(str::is_empty) {
            return Err(Refusal::parameter("/body/payer/openid", "缺失"));
        }
        let scene = self.scene_info.as_ref();
        let of_h5 = |scene: &Scene| {
            scene.h5_info.is_some() && scene.payer_client_ip.parse::<std::net::IpAddr>().is_ok()
        };
        if product == Product::H5 && !scene.is_some_and(of_h5) {
            return Err(Refusal::parameter(
                "/body/scene_info",
                "payer_client_ip, h5_info",
            ));
        }
        Ok(())
    }

    fn deadline(&self, now: Timestamp) -> Result<Timestamp, Refusal> {
        let Some(text) = &self.time_expire else {
            return Ok(now.after(LONGEST));
        };
        wire::moment(text)
            .filter(|end| *end > now.after(SHORTEST))
            .map(|end| end.min(now.after(LONGEST)))
            .ok_or_else(|| Refusal::parameter("/body/time_expire", "RFC 3339, > 1 min"))
    }
}

fn check_notify_url(sandbox: &Sandbox, url: &str) -> Result<(), Refusal> {
    if url.contains('?') {
        return Err(Refusal::parameter("/body/notify_url", "不能携带参数"));
    }
    sandbox
        .inner
        .messenger
        .target(url)
        .map(drop)
        .map_err(|refused| {
            let why = match refused {
                Refused::NoAddress => "an absolute http(s) URL, at most 256 characters",
                Refused::ForeignHost => "this sandbox calls only loopback hosts and its own host",
            };
            Refusal::parameter("/body/notify_url", why)
        })
}

/// Asked again with the same content, it gets the same order, however many ask at once.
pub(super) async fn place(
    sandbox: &Sandbox,
    request: &Request<'_>,
    product: Product,
) -> Result<Done, Fault> {
    let inner = &sandbox.inner;
    let now = inner.clock.now();
    let identity = inner.wechat.identity();
    let order: Order = request.content()?;
    order.check(&identity.app_id, &identity.mch_id, product)?;
    check_notify_url(sandbox, &order.notify_url)?;
    let mut content: Value = request.content()?;
    content[WANTED] = request.wanted_serial().into();
    let find = || {
        let store = &inner.store;
        store.find_by_merchant(Rail::Wechat, &identity.app_id, &order.out_trade_no)
    };
    if let Some(trade) = find().await? {
        check_repeat(sandbox, &trade, product, &content).await?;
        return Ok(shown(sandbox, &trade));
    }
    let wanted = NewTrade {
        rail: Rail::Wechat,
        app_id: &identity.app_id,
        out_trade_no: &order.out_trade_no,
        provider_no: &transaction_id(sandbox, now),
        product,
        amount: Money::new(order.amount.total, Currency::CNY),
        // Without a scan it is an order, and can be asked about and closed.
        state: TradeState::Waiting,
        request: &content.to_string(),
        notify_url: Some(&order.notify_url),
        return_url: None,
        created_at: now,
        expires_at: order.deadline(now)?,
    };
    let first = inner.store.issue(&wanted).await?;
    let trade = find().await?.ok_or_else(Refusal::system_error)?;
    if !first {
        // Whoever came first at the same moment may have asked for something else.
        check_repeat(sandbox, &trade, product, &content).await?;
    }
    Ok(shown(sandbox, &trade))
}

async fn check_repeat(
    sandbox: &Sandbox,
    trade: &Trade,
    product: Product,
    content: &Value,
) -> Result<(), Fault> {
    let trade = sandbox
        .settled(trade.clone(), sandbox.inner.clock.now())
        .await?;
    let refused = |code: &str, says: &str| Refusal::new(StatusCode::BAD_REQUEST, code, says);
    match trade.state {
        TradeState::Paid => return Err(refused("ORDERPAID", "该订单已支付").into()),
        TradeState::Closed => return Err(refused("ORDER_CLOSED", "该订单已关闭").into()),
        TradeState::Issued | TradeState::Waiting => {}
    }
    let mut kept: Value = serde_json::from_str(&trade.request).unwrap_or_default();
    let mut asked = content.clone();
    // With which key an answer is wanted is no matter of the order's.
    for content in [&mut kept, &mut asked] {
        content[WANTED] = Value::Null;
    }
    if trade.product != product || kept != asked {
        return Err(Refusal::request("201 商户订单号重复").into());
    }
    Ok(())
}

/// What each way is given.
fn shown(sandbox: &Sandbox, trade: &Trade) -> Done {
    let number = &trade.provider_no;
    let page = sandbox.address(&format!("/sandbox/pay/{number}"));
    let prepay = format!("{PREPAY}{number}");
    Done::ok(&match trade.product {
        Product::Native => json!({ "code_url": page }),
        Product::H5 => json!({ "h5_url": format!("{page}?prepay_id={prepay}&package=sandbox") }),
        _ => json!({ "prepay_id": prepay }),
    })
}

/// By what an app or a page was handed, or by the number itself.
pub(crate) fn number_of(code: &str) -> &str {
    code.strip_prefix(PREPAY).unwrap_or(code)
}

/// 28 digits, as the real one's.
pub(crate) fn transaction_id(sandbox: &Sandbox, now: Timestamp) -> String {
    let day = beijing::date_digits(now);
    format!("4200002{day}{}", digits(&sandbox.inner.entropy, 13))
}

/// An order's state in WeChat's words. `REFUND`: paid, and some of it went back.
pub(crate) fn state(trade: &Trade) -> &'static str {
    match trade.state {
        TradeState::Issued | TradeState::Waiting => "NOTPAY",
        TradeState::Paid if trade.refunded.minor() > 0 => "REFUND",
        TradeState::Paid => "SUCCESS",
        TradeState::Closed => "CLOSED",
    }
}

/// What the merchant sells.
pub(crate) fn description(trade: &Trade) -> Result<String, SandboxError> {
    Ok(order_of(trade)?.description)
}

fn order_of(trade: &Trade) -> Result<Order, SandboxError> {
    serde_json::from_str(&trade.request).map_err(|_| SandboxError::Inconsistent {
        column: "request",
        found: trade.request.clone(),
    })
}

/// The order as queries and notices tell it.
pub(super) fn told(trade: &Trade, state: &str) -> Result<Value, SandboxError> {
    let order = order_of(trade)?;
    let mut told = json!({
        "appid": order.appid,
        "mchid": order.mchid,
        "out_trade_no": trade.out_trade_no,
        "trade_state": state,
        "trade_state_desc": match state {
            "SUCCESS" => "支付成功",
            "REFUND" => "订单发生过退款，退款详情请查询退款单",
            "CLOSED" => "订单已关闭",
            _ => "订单未支付",
        },
        "attach": order.attach,
    });
    let Some(paid_at) = trade.paid_at.filter(|_| trade.state == TradeState::Paid) else {
        return Ok(told);
    };
    let openid = order.payer.map(|payer| payer.openid);
    let total = trade.amount.minor();
    let more = json!({
        "transaction_id": trade.provider_no,
        "trade_type": match trade.product {
            Product::Jsapi => "JSAPI",
            Product::H5 => "MWEB",
            Product::App => "APP",
            _ => "NATIVE",
        },
        "bank_type": "OTHERS",
        "success_time": wire::time(paid_at),
        "payer": { "openid": openid.unwrap_or_else(|| "oSandboxBuyer".to_owned()) },
        "amount": { "total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY" },
    });
    if let (Some(told), Some(more)) = (told.as_object_mut(), more.as_object()) {
        told.extend(more.clone());
    }
    Ok(told)
}

/// `GET …/out-trade-no/{out_trade_no}`
pub(super) async fn query(
    sandbox: &Sandbox,
    request: &Request<'_>,
    number: &str,
) -> Result<Done, Fault> {
    check_merchant(sandbox, request.query("mchid").as_deref())?;
    let trade = find(sandbox, number).await?;
    let trade = trade.ok_or_else(Refusal::unknown_order)?;
    Ok(Done::ok(&told(&trade, state(&trade))?))
}

/// `GET …/id/{transaction_id}`: only after payment.
pub(super) async fn query_paid(
    sandbox: &Sandbox,
    request: &Request<'_>,
    number: &str,
) -> Result<Done, Fault> {
    check_merchant(sandbox, request.query("mchid").as_deref())?;
    let inner = &sandbox.inner;
    let identity = inner.wechat.identity();
    let found = inner
        .store
        .find_by_number(Rail::Wechat, &identity.app_id, number)
        .await?;
    let trade = found.filter(|trade| trade.state == TradeState::Paid);
    let trade = trade.ok_or_else(Refusal::unknown_order)?;
    Ok(Done::ok(&told(&trade, state(&trade))?))
}

#[derive(Deserialize)]
struct Closing {
    mchid: String,
}

/// Done for every number, also one that nobody has seen.
pub(super) async fn close(
    sandbox: &Sandbox,
    request: &Request<'_>,
    number: &str,
) -> Result<Done, Fault> {
    let closing: Closing = request.content()?;
    check_merchant(sandbox, Some(&closing.mchid))?;
    if let Some(trade) = find(sandbox, number).await? {
        sandbox.close_trade(&trade).await?;
        let after = find(sandbox, number).await?;
        if after.is_some_and(|after| after.state == TradeState::Paid) {
            let status = StatusCode::BAD_REQUEST;
            return Err(Refusal::new(status, "ORDERPAID", "该订单已支付").into());
        }
    }
    Ok(Done::empty())
}

pub(super) async fn find(sandbox: &Sandbox, number: &str) -> Result<Option<Trade>, SandboxError> {
    let inner = &sandbox.inner;
    let identity = inner.wechat.identity();
    let found = inner
        .store
        .find_by_merchant(Rail::Wechat, &identity.app_id, number)
        .await?;
    match found {
        Some(trade) => Ok(Some(sandbox.settled(trade, inner.clock.now()).await?)),
        None => Ok(None),
    }
}

fn check_merchant(sandbox: &Sandbox, mch_id: Option<&str>) -> Result<(), Refusal> {
    let identity = sandbox.inner.wechat.identity();
    if mch_id == Some(identity.mch_id.as_str()) {
        Ok(())
    } else {
        Err(Refusal::parameter("mchid", "缺失或不符"))
    }
}
