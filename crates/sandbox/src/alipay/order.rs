//! What a merchant asks for when it lets a buyer pay, whatever the product.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money};

use super::answer::{Fault, Refusal};
use super::request::Request;
use super::{beijing, digits};
use crate::callbacks::Refused;
use crate::store::{NewTrade, Product, Rail, Trade, TradeState};
use crate::{Sandbox, SandboxError};

/// How long a code can be scanned.
pub(crate) const CODE_LIFE: Duration = Duration::from_hours(2);
/// A trade without a deadline of its own ends then.
const LONGEST: Duration = Duration::from_hours(15 * 24);
/// 100,000,000.00 yuan.
const LARGEST_MINOR: i64 = 10_000_000_000;

/// What the merchant asked for, as kept with the trade. Members that are not named here are kept
/// and compared, but not read.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Order {
    #[serde(default)]
    out_trade_no: String,
    #[serde(default)]
    total_amount: String,
    #[serde(default)]
    pub(super) subject: String,
    pub(super) body: Option<String>,
    pub(super) passback_params: Option<String>,
    product_code: Option<String>,
    seller_id: Option<String>,
    time_expire: Option<String>,
    timeout_express: Option<String>,
}

impl Order {
    /// Of a trade that was issued.
    pub(super) fn of(trade: &Trade) -> Result<Self, SandboxError> {
        serde_json::from_str(&trade.request).map_err(|_| SandboxError::Inconsistent {
            column: "request",
            found: trade.request.clone(),
        })
    }

    fn check(&self, seller_id: &str, product: Product) -> Result<(), Refusal> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let number = &self.out_trade_no;
        if !(1..=64).contains(&number.len()) || !number.bytes().all(word) {
            return Err(Refusal::content("out_trade_no", "1-64 × [0-9A-Za-z_]"));
        }
        let subject = self.subject.as_str();
        if !(1..=256).contains(&subject.chars().count()) || subject.contains(['/', '=', '&']) {
            return Err(Refusal::content("subject", "1-256, no / = &"));
        }
        let within = |text: &Option<String>, limit| {
            text.as_ref()
                .is_none_or(|text| text.chars().count() <= limit)
        };
        if !within(&self.body, 128) {
            return Err(Refusal::content("body", "at most 128 characters"));
        }
        if !within(&self.passback_params, 512) {
            return Err(Refusal::content(
                "passback_params",
                "at most 512 characters",
            ));
        }
        let (codes, required): (&[&str], _) = match product {
            Product::Precreate => (&["FACE_TO_FACE_PAYMENT", "QR_CODE_OFFLINE"], false),
            Product::Page => (&["FAST_INSTANT_TRADE_PAY"], true),
            Product::Wap => (&["QUICK_WAP_WAY"], true),
            Product::App => (&["QUICK_MSECURITY_PAY"], false),
            Product::Native | Product::Jsapi | Product::H5 => (&[], true),
        };
        let given = self.product_code.as_deref();
        if !given.map_or(!required, |code| codes.contains(&code)) {
            return Err(Refusal::content("product_code", &codes.join(", ")));
        }
        if self.seller_id.as_deref().is_some_and(|id| id != seller_id) {
            return Err(Refusal::content("seller_id", "another merchant's"));
        }
        Ok(())
    }

    /// Until when the buyer can pay. `time_expire` beats `timeout_express`.
    fn deadline(&self, now: Timestamp) -> Result<Timestamp, Refusal> {
        if let Some(text) = &self.time_expire {
            return beijing::read(text)
                .filter(|end| *end > now)
                .map(|end| end.min(now.after(LONGEST)))
                .ok_or_else(|| {
                    Refusal::content("time_expire", "yyyy-MM-dd HH:mm:ss in the future, UTC+8")
                });
        }
        let Some(text) = &self.timeout_express else {
            return Ok(now.after(LONGEST));
        };
        timeout(text, now).ok_or_else(|| Refusal::content("timeout_express", "1m-15d, 1c"))
    }
}

/// `90m`, `2h`, `15d`, or `1c`: until the end of today.
fn timeout(text: &str, now: Timestamp) -> Option<Timestamp> {
    if text == "1c" {
        return beijing::end_of_day(now);
    }
    let unit = text.chars().next_back()?;
    let count = text.strip_suffix(unit)?;
    if count.len() > 5 || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let span = Duration::from_secs(count.parse::<u64>().ok()? * seconds);
    (Duration::from_mins(1)..=LONGEST)
        .contains(&span)
        .then(|| now.after(span))
}

/// What the merchant sells.
pub(crate) fn subject(trade: &Trade) -> Result<String, SandboxError> {
    Ok(Order::of(trade)?.subject)
}

/// Yuan as text: `9`, `9.9` and `9.90` are one amount.
pub(crate) fn amount(text: &str) -> Option<Money> {
    let full = match text.split_once('.') {
        None => format!("{text}.00"),
        Some((_, fraction)) if fraction.len() == 1 => format!("{text}0"),
        Some(_) => text.to_owned(),
    };
    Money::parse(&full, Currency::CNY)
        .ok()
        .filter(|money| (1..=LARGEST_MINOR).contains(&money.minor()))
}

/// A merchant's order that stands under its number.
pub(super) struct Placed {
    pub(super) out_trade_no: String,
    /// The number of its trade, which is also what a code holds.
    pub(super) provider_no: String,
}

/// The number stands before the answer does; asked again with the same content, it gets the same
/// trade, however many ask at once.
pub(super) async fn place(
    sandbox: &Sandbox,
    request: &Request,
    product: Product,
) -> Result<Placed, Fault> {
    let inner = &sandbox.inner;
    let now = inner.clock.now();
    let order: Order = request.content()?;
    order.check(&inner.alipay.identity().seller_id, product)?;
    let amount = amount(&order.total_amount).ok_or_else(|| {
        Refusal::content(
            "total_amount",
            "decimal text, 0.01-100000000, at most 2 places",
        )
    })?;
    let notify_url = request.get("notify_url");
    if let Some(url) = notify_url {
        check_notify_url(sandbox, url)?;
    }
    let return_url = request.get("return_url");
    if return_url.is_some_and(|url| !is_web(url)) {
        let why = "参数无效: return_url: an absolute http(s) URL, at most 256 characters";
        return Err(Refusal::invalid("isv.invalid-parameter", why).into());
    }
    let mut content: Value = request.content()?;
    content["total_amount"] = amount.to_string().into();
    let known = inner
        .store
        .find_by_merchant(Rail::Alipay, request.app(), &order.out_trade_no)
        .await?;
    if let Some(trade) = &known {
        check_repeat(sandbox, trade, &content, now).await?;
    }
    let expires_at = order.deadline(now)?;
    let wanted = NewTrade {
        rail: Rail::Alipay,
        app_id: request.app(),
        out_trade_no: &order.out_trade_no,
        provider_no: &trade_no(sandbox, now),
        product,
        amount,
        state: TradeState::Issued,
        request: &content.to_string(),
        notify_url,
        return_url,
        created_at: now,
        expires_at,
    };
    let provider_no = issue(sandbox, &wanted, &content, now).await?;
    Ok(Placed {
        provider_no,
        out_trade_no: order.out_trade_no,
    })
}

/// Where a browser may be sent: `javascript:` and the like are no addresses.
fn is_web(url: &str) -> bool {
    url.len() <= 256
        && reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// The number of the one trade that stands under the merchant's number now.
async fn issue(
    sandbox: &Sandbox,
    wanted: &NewTrade<'_>,
    content: &Value,
    now: Timestamp,
) -> Result<String, Fault> {
    let store = &sandbox.inner.store;
    if store.issue(wanted).await? {
        return Ok(wanted.provider_no.to_owned());
    }
    let trade = store
        .find_by_merchant(wanted.rail, wanted.app_id, wanted.out_trade_no)
        .await?
        .ok_or(Refusal::business("ACQ.SYSTEM_ERROR", "接口返回错误"))?;
    // Whoever came first at the same moment may have asked for something else.
    check_repeat(sandbox, &trade, content, now).await?;
    store.issue_again(wanted, now.before(CODE_LIFE)).await?;
    Ok(trade.provider_no)
}

async fn check_repeat(
    sandbox: &Sandbox,
    trade: &Trade,
    content: &Value,
    now: Timestamp,
) -> Result<(), Fault> {
    let trade = sandbox.settled(trade.clone(), now).await?;
    let kept = serde_json::from_str::<Value>(&trade.request).unwrap_or_default();
    // Before anybody has scanned, another way may be asked for: it differs in its product alone.
    let same = match trade.state {
        TradeState::Issued => without_way(&kept) == without_way(content),
        _ => kept == *content,
    };
    let refusal = match trade.state {
        TradeState::Paid => Refusal::business("ACQ.TRADE_HAS_SUCCESS", "交易已被支付"),
        TradeState::Closed => Refusal::business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
        TradeState::Issued | TradeState::Waiting if !same => {
            Refusal::business("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
        }
        TradeState::Issued | TradeState::Waiting => return Ok(()),
    };
    Err(refusal.into())
}

fn without_way(content: &Value) -> Value {
    let mut content = content.clone();
    if let Some(members) = content.as_object_mut() {
        members.remove("product_code");
        members.remove("quit_url");
    }
    content
}

fn check_notify_url(sandbox: &Sandbox, url: &str) -> Result<(), Refusal> {
    sandbox
        .inner
        .messenger
        .target(url)
        .map(drop)
        .map_err(|refused| {
            let why = match refused {
                Refused::NoAddress => "notify_url: an absolute http(s) URL, at most 256 characters",
                Refused::ForeignHost => {
                    "notify_url: this sandbox calls only loopback hosts and its own host"
                }
            };
            Refusal::invalid("isv.invalid-parameter", format!("参数无效: {why}"))
        })
}

/// 28 digits, beginning with the day, as the real one's do.
pub(crate) fn trade_no(sandbox: &Sandbox, now: Timestamp) -> String {
    let random = digits(&sandbox.inner.entropy, 15);
    format!("{}22001{random}", beijing::date_digits(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_decimals_and_never_more() {
        for (text, minor) in [
            ("0.01", 1),
            ("9.9", 990),
            ("9.90", 990),
            ("9", 900),
            ("100000000", LARGEST_MINOR),
            ("100000000.00", LARGEST_MINOR),
        ] {
            assert_eq!(amount(text).map(Money::minor), Some(minor), "{text}");
        }
        for text in [
            "",
            "0",
            "0.00",
            "-1",
            "+1",
            "1e2",
            " 1",
            "1 ",
            "1.",
            ".5",
            "1.234",
            "1.2.3",
            "01.00",
            "100000000.01",
            "９.90",
            "1,000.00",
            "NaN",
        ] {
            assert_eq!(amount(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_timeout_is_between_a_minute_and_fifteen_days() {
        let now = Timestamp::from_seconds(1_767_323_045).expect("a moment");
        let after = |seconds| Some(now.after(Duration::from_secs(seconds)));
        assert_eq!(timeout("1m", now), after(60));
        assert_eq!(timeout("90m", now), after(5_400));
        assert_eq!(timeout("2h", now), after(7_200));
        assert_eq!(timeout("15d", now), after(1_296_000));
        assert_eq!(
            timeout("1c", now).map(beijing::write).as_deref(),
            Some("2026-01-03 00:00:00")
        );
        for text in [
            "",
            "m",
            "0m",
            "16d",
            "1.5h",
            "2c",
            "90",
            "90s",
            "-1m",
            "99999999m",
            "１m",
        ] {
            assert_eq!(timeout(text, now), None, "{text:?}");
        }
    }
}
