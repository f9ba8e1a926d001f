//! A merchant's request: common parameters, signature, age.

use std::collections::btree_map::Entry;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tollgate_kernel::clock::Timestamp;

use super::answer::Refusal;
use super::beijing;
use super::identity::Identity;
use super::sign::{Parameters, request_content};

/// How far a request's time may be from ours, either way.
const SKEW: Duration = Duration::from_mins(15);

/// What the look-alike can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Precreate,
    PagePay,
    WapPay,
    AppPay,
    Query,
    Close,
    Cancel,
    Refund,
    RefundQuery,
    CertificateDownload,
}

impl Method {
    fn named(name: &str) -> Option<Self> {
        Self::TABLE
            .iter()
            .find(|(_, method, _)| *method == name)
            .map(|(own, ..)| *own)
    }

    /// The method, its name, and the member of the answer that holds its result.
    const TABLE: [(Self, &'static str, &'static str); 10] = [
        (
            Self::Precreate,
            "alipay.trade.precreate",
            "alipay_trade_precreate_response",
        ),
        (
            Self::PagePay,
            "alipay.trade.page.pay",
            "alipay_trade_page_pay_response",
        ),
        (
            Self::WapPay,
            "alipay.trade.wap.pay",
            "alipay_trade_wap_pay_response",
        ),
        (
            Self::AppPay,
            "alipay.trade.app.pay",
            "alipay_trade_app_pay_response",
        ),
        (
            Self::Query,
            "alipay.trade.query",
            "alipay_trade_query_response",
        ),
        (
            Self::Close,
            "alipay.trade.close",
            "alipay_trade_close_response",
        ),
        (
            Self::Cancel,
            "alipay.trade.cancel",
            "alipay_trade_cancel_response",
        ),
        (
            Self::Refund,
            "alipay.trade.refund",
            "alipay_trade_refund_response",
        ),
        (
            Self::RefundQuery,
            "alipay.trade.fastpay.refund.query",
            "alipay_trade_fastpay_refund_query_response",
        ),
        (
            Self::CertificateDownload,
            "alipay.open.app.alipaycert.download",
            "alipay_open_app_alipaycert_download_response",
        ),
    ];

    /// The names that a fault around a call may name.
    pub(super) fn is_call(name: &str) -> bool {
        Self::named(name).is_some_and(|method| !method.is_page())
    }

    /// Opened by a browser or an app, never called.
    pub(super) fn is_page(self) -> bool {
        matches!(self, Self::PagePay | Self::WapPay | Self::AppPay)
    }

    /// The member of the answer that holds the method's result.
    pub(super) fn root(self) -> &'static str {
        Self::TABLE
            .iter()
            .find(|(own, ..)| *own == self)
            .map_or(super::ERROR_ROOT, |(.., root)| root)
    }
}

/// The parameters of query and body together.
#[derive(Debug)]
pub(super) struct Request(Parameters);

impl Request {
    /// Bytes that are no UTF-8 come out as U+FFFD; whatever was signed, it was not that, so the
    /// signature refuses them.
    pub(super) fn read(query: &str, body: &[u8]) -> Result<Self, Refusal> {
        let mut parameters = Parameters::new();
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(body));
        for (name, value) in pairs {
            if name.contains('\0') || value.contains('\0') {
                return Err(invalid("a parameter holds the NUL character"));
            }
            match parameters.entry(name.into_owned()) {
                Entry::Vacant(entry) => entry.insert(value.into_owned()),
                Entry::Occupied(_) => return Err(invalid("a parameter was sent twice")),
            };
        }
        Ok(Self(parameters))
    }

    /// A parameter with a value; an empty one is none, since it is not signed either.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn app_id(&self) -> Option<&str> {
        self.get("app_id")
    }

    pub(super) fn is_from(&self, identity: &Identity) -> bool {
        self.app_id().is_some_and(|app_id| identity.knows(app_id))
    }

    /// The application of a request that was let in.
    pub(super) fn app(&self) -> &str {
        self.app_id().unwrap_or_default()
    }

    /// What a request of somebody else is told.
    pub(super) fn stranger(&self) -> Refusal {
        match self.get("app_id") {
            None => Refusal::missing("isv.missing-app-id", "缺少AppID参数"),
            Some(_) => Refusal::invalid("isv.invalid-app-id", "无效的AppID参数"),
        }
    }

    pub(super) fn method(&self) -> Option<Method> {
        self.get("method").and_then(Method::named)
    }

    pub(super) fn require_method(&self) -> Result<Method, Refusal> {
        match self.get("method") {
            None => Err(Refusal::missing("isv.missing-method", "缺少方法名参数")),
            Some(name) => Method::named(name)
                .ok_or_else(|| Refusal::invalid("isv.invalid-method", "不存在的方法名")),
        }
    }

    /// Everything that is checked before the method's own content.
    pub(super) fn verify(&self, identity: &Identity, now: Timestamp) -> Result<(), Refusal> {
        // Without `charset` the real one reads GBK and calls the signature wrong.
        self.expect("charset", "isv.invalid-charset", |value| {
            value.eq_ignore_ascii_case("utf-8")
        })?;
        self.expect("version", "isv.invalid-version", |value| value == "1.0")?;
        if self.get("format").is_some() {
            self.expect("format", "isv.invalid-format", |value| {
                value.eq_ignore_ascii_case("json")
            })?;
        }
        if self.get("sign_type").is_none() {
            return Err(Refusal::missing(
                "isv.missing-signature-type",
                "缺少签名类型参数",
            ));
        }
        self.expect("sign_type", "isv.invalid-signature-type", |value| {
            value == "RSA2"
        })?;
        let sign = self
            .get("sign")
            .ok_or_else(|| Refusal::missing("isv.missing-signature", "缺少签名参数"))?;
        if let Some(chain) = identity.chain_of(self.app()) {
            chain.check(self)?;
        }
        if !identity
            .merchant
            .verifies(request_content(&self.0).as_bytes(), sign)
        {
            return Err(Refusal::invalid(
                "isv.invalid-signature",
                "验签出错，请确认charset参数放在了URL查询字符串中且各参数值使用charset参数指定的字符集编码",
            ));
        }
        self.check_age(now)
    }

    fn check_age(&self, now: Timestamp) -> Result<(), Refusal> {
        let written = self
            .get("timestamp")
            .ok_or_else(|| Refusal::missing("isv.missing-timestamp", "缺少时间戳参数"))?;
        beijing::read(written)
            .filter(|at| at.since(now) <= SKEW && now.since(*at) <= SKEW)
            .map(drop)
            .ok_or_else(|| {
                Refusal::invalid(
                    "isv.invalid-timestamp",
                    format!("非法的时间戳参数: 北京时间现在是 {}", beijing::write(now)),
                )
            })
    }

    fn expect(
        &self,
        name: &str,
        sub_code: &'static str,
        fits: impl Fn(&str) -> bool,
    ) -> Result<(), Refusal> {
        if self.get(name).is_some_and(fits) {
            Ok(())
        } else {
            Err(Refusal::invalid(sub_code, format!("无效的参数: {name}")))
        }
    }

    /// `biz_content` as the method reads it, strictly: a member given twice is refused.
    pub(super) fn content<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let text = self
            .get("biz_content")
            .ok_or_else(|| Refusal::missing("isv.missing-biz-content", "缺少 biz_content 参数"))?;
        // A list would be read as the members in their order.
        if !text.trim_start().starts_with('{') {
            return Err(invalid("biz_content is not a JSON object"));
        }
        if text.contains("\\u0000") {
            return Err(invalid("biz_content holds the NUL character"));
        }
        serde_json::from_str(text).map_err(|error| invalid(&format!("biz_content: {error}")))
    }
}

fn invalid(why: &str) -> Refusal {
    Refusal::invalid("isv.invalid-parameter", format!("参数无效: {why}"))
}
