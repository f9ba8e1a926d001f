//! A call: which one it is, and whether the merchant signed it (payments.md, 3.2).

use axum::http::{HeaderMap, Method, Uri, header};
use serde::de::DeserializeOwned;
use tollgate_kernel::clock::Timestamp;

use super::PREFIX;
use super::answer::Refusal;
use super::identity::Identity;

const SCHEMA: &str = "WECHATPAY2-SHA256-RSA2048 ";
/// So far may the two clocks be apart.
const WINDOW_SECONDS: u64 = 300;

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Native,
    Jsapi,
    H5,
    App,
    /// By the merchant's number.
    Query(String),
    /// By the gateway's.
    QueryPaid(String),
    Close(String),
    Refund,
    RefundQuery(String),
    Certificates,
}

impl Call {
    /// As faults name them.
    pub(super) const NAMES: [&'static str; 9] = [
        "native",
        "jsapi",
        "h5",
        "app",
        "query",
        "close",
        super::REFUND,
        "refund_query",
        "certificates",
    ];

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Jsapi => "jsapi",
            Self::H5 => "h5",
            Self::App => "app",
            Self::Query(_) | Self::QueryPaid(_) => "query",
            Self::Close(_) => "close",
            Self::Refund => super::REFUND,
            Self::RefundQuery(_) => "refund_query",
            Self::Certificates => "certificates",
        }
    }

    fn of(method: &Method, path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let decoded = |text: &str| {
            let pairs = format!("n={}", text.replace('+', "%2B"));
            let value = form_urlencoded::parse(pairs.as_bytes()).next();
            value
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        match (method, parts.as_slice()) {
            (&Method::POST, ["v3", "pay", "transactions", "native"]) => Some(Self::Native),
            (&Method::POST, ["v3", "pay", "transactions", "jsapi"]) => Some(Self::Jsapi),
            (&Method::POST, ["v3", "pay", "transactions", "h5"]) => Some(Self::H5),
            (&Method::POST, ["v3", "pay", "transactions", "app"]) => Some(Self::App),
            (&Method::GET, ["v3", "pay", "transactions", "out-trade-no", number]) => {
                Some(Self::Query(decoded(number)))
            }
            (&Method::GET, ["v3", "pay", "transactions", "id", number]) => {
                Some(Self::QueryPaid(decoded(number)))
            }
            (&Method::POST, ["v3", "pay", "transactions", "out-trade-no", number, "close"]) => {
                Some(Self::Close(decoded(number)))
            }
            (&Method::POST, ["v3", "refund", "domestic", "refunds"]) => Some(Self::Refund),
            (&Method::GET, ["v3", "refund", "domestic", "refunds", number]) => {
                Some(Self::RefundQuery(decoded(number)))
            }
            (&Method::GET, ["v3", "certificates"]) => Some(Self::Certificates),
            _ => None,
        }
    }
}

/// One call, as it arrived.
pub(super) struct Request<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

/// The members of `Authorization`.
#[derive(Default)]
struct Signed<'a> {
    mch_id: &'a str,
    nonce: &'a str,
    timestamp: &'a str,
    serial: &'a str,
    signature: &'a str,
}

impl<'a> Signed<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut signed = Self::default();
        for part in text.strip_prefix(SCHEMA)?.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            let value = value.strip_prefix('"')?.strip_suffix('"')?;
            let member = match name {
                "mchid" => &mut signed.mch_id,
                "nonce_str" => &mut signed.nonce,
                "timestamp" => &mut signed.timestamp,
                "serial_no" => &mut signed.serial,
                "signature" => &mut signed.signature,
                _ => return None,
            };
            if !std::mem::replace(member, value).is_empty() {
                return None;
            }
        }
        let all = [signed.mch_id, signed.nonce, signed.timestamp, signed.serial];
        all.iter().all(|text| !text.is_empty()).then_some(signed)
    }
}

impl<'a> Request<'a> {
    pub(super) fn new(
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> Self {
        Self {
            method,
            uri,
            headers,
            body,
        }
    }

    /// The path without whatever stands before `/v3`.
    fn path(&self) -> &str {
        let path = self.uri.path();
        path.find("/v3/").map_or(path, |at| path.split_at(at).1)
    }

    pub(super) fn call(&self) -> Result<Call, Refusal> {
        Call::of(self.method, self.path())
            .ok_or_else(|| Refusal::unknown_thing("无可用的平台接口，请检查请求地址与方法"))
    }

    fn header(&self, name: impl header::AsHeaderName) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Which of the gateway's keys the merchant wants to check the answer with.
    pub(super) fn wanted_serial(&self) -> Option<&'a str> {
        self.header("wechatpay-serial")
    }

    pub(super) fn query(&self, name: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Everything that is checked before a call is looked at.
    pub(super) fn verify(&self, identity: &Identity, now: Timestamp) -> Result<(), Refusal> {
        let missing = |name: &str| Refusal::parameter(name, "缺失");
        let agent = self.header(header::USER_AGENT);
        if agent.is_none_or(str::is_empty) {
            return Err(missing("User-Agent"));
        }
        let accepts = self.header(header::ACCEPT).unwrap_or_default();
        if !accepts.contains("application/json") && !accepts.contains("*/*") {
            return Err(missing("Accept"));
        }
        let told = self.header(header::AUTHORIZATION).and_then(Signed::read);
        let told = told.ok_or_else(|| Refusal::signature("Http头缺少Authorization或格式错误"))?;
        if told.mch_id != identity.mch_id {
            return Err(Refusal::signature("商户号与签名不匹配"));
        }
        if told.serial != identity.merchant_serial() {
            return Err(Refusal::signature("商户证书序列号有误"));
        }
        let seconds: Option<i64> = told.timestamp.parse().ok();
        let near = seconds.is_some_and(|seconds| {
            now.seconds().saturating_sub(seconds).unsigned_abs() <= WINDOW_SECONDS
        });
        if !near {
            return Err(Refusal::signature("时间戳已过期，请检查系统时间"));
        }
        // A client may have our prefix in its address and sign the line that it sends, or sign the path of the
        // documentation: both are the request line, as somebody between us may have written it.
        let query = self.uri.query().map(|query| format!("?{query}"));
        let query = query.unwrap_or_default();
        let paths = [
            self.uri.path().to_owned(),
            self.path().to_owned(),
            format!("{PREFIX}{}", self.path()),
        ];
        let verifies = |path: &String| {
            let head = format!(
                "{}\n{path}{query}\n{}\n{}\n",
                self.method, told.timestamp, told.nonce
            );
            let text = [head.as_bytes(), self.body, b"\n"].concat();
            identity.merchant().verifies(&text, told.signature)
        };
        if !paths.iter().any(verifies) {
            return Err(Refusal::signature("错误的签名，验签失败"));
        }
        Ok(())
    }

    /// The body, strictly an object.
    pub(super) fn content<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let refused = |why: &str| Refusal::parameter("body", why);
        let text = std::str::from_utf8(self.body).map_err(|_| refused("UTF-8"))?;
        if !text.trim_start().starts_with('{') || text.contains("\\u0000") {
            return Err(refused("JSON"));
        }
        serde_json::from_str(text).map_err(|error| refused(&error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_its_method_and_path() {
        let call = |method: Method, path: &str| Call::of(&method, path);
        assert_eq!(
            call(Method::POST, "/v3/pay/transactions/native"),
            Some(Call::Native)
        );
        assert_eq!(call(Method::GET, "/v3/pay/transactions/native"), None);
        assert_eq!(
            call(Method::GET, "/v3/refund/domestic/refunds/a%7Cb+c"),
            Some(Call::RefundQuery("a|b+c".to_owned()))
        );
        assert_eq!(
            call(Method::POST, "/v3/pay/transactions/out-trade-no/1/close"),
            Some(Call::Close("1".to_owned()))
        );
        for path in ["/v3", "/", "", "/v3/certificates/1", "/v2/pay"] {
            assert_eq!(call(Method::GET, path), None, "{path}");
        }
    }

    #[test]
    fn the_members_of_a_signature_stand_once_each() {
        let members = [
            r#"mchid="1""#,
            r#"nonce_str="n""#,
            r#"timestamp="2""#,
            r#"serial_no="3""#,
            r#"signature="4=""#,
        ];
        let text = |members: &[&str]| format!("{SCHEMA}{}", members.join(","));
        let whole = text(&members);
        let signed = Signed::read(&whole).expect("whole");
        assert_eq!((signed.mch_id, signed.signature), ("1", "4="));
        let mut reversed = members;
        reversed.reverse();
        assert!(Signed::read(&text(&reversed)).is_some());
        for at in 0..4 {
            let mut fewer = members.to_vec();
            fewer.remove(at);
            assert!(Signed::read(&text(&fewer)).is_none(), "{at}");
            let mut more = members.to_vec();
            more.push(members[at]);
            assert!(Signed::read(&text(&more)).is_none(), "{at}");
        }
        for wrong in ["", "Bearer x", SCHEMA, "WECHATPAY2-SHA256-RSA2048 mchid=1"] {
            assert!(Signed::read(wrong).is_none(), "{wrong}");
        }
    }
}
