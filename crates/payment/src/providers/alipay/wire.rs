//! Alipay's formats: answers, amounts in yuan, times of Beijing.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{FixedOffset, NaiveDateTime, TimeZone as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money, MoneyError};

use super::trust::Believe;
use crate::providers::ProviderError;

const TIME: &str = "%Y-%m-%d %H:%M:%S";
/// Alipay's clock, whatever ours.
const BEIJING_SECONDS: i32 = 8 * 3_600;
/// Longest `subject`, in characters. Alipay takes 256; in an address each may become nine bytes, and
/// browsers cut addresses above some 2,000. The same for all ways, since repeats must say the same.
const SUBJECT: usize = 64;

/// A moment as Alipay writes it.
pub(super) fn beijing(at: Timestamp) -> String {
    let zone = FixedOffset::east_opt(BEIJING_SECONDS).expect("eight hours are an offset");
    at.utc().with_timezone(&zone).format(TIME).to_string()
}

/// Reads it back.
pub(super) fn from_beijing(text: &str) -> Option<Timestamp> {
    let zone = FixedOffset::east_opt(BEIJING_SECONDS)?;
    let local = NaiveDateTime::parse_from_str(text, TIME).ok()?;
    zone.from_local_datetime(&local)
        .single()
        .map(|at| Timestamp::from_utc(at.to_utc()))
}

/// What the buyer reads: without the characters that Alipay refuses.
pub(super) fn subject(text: &str) -> String {
    text.chars()
        .map(|char| {
            if matches!(char, '/' | '=' | '&') || char.is_control() {
                ' '
            } else {
                char
            }
        })
        .take(SUBJECT)
        .collect()
}

/// Yuan as text: `9.9`, `9.90` and `9.900` are the same. More digits than fen only when they are
/// zero; no sign, blank or exponent.
pub(super) fn yuan(text: &str) -> Result<Money, MoneyError> {
    let (major, minor) = text.split_once('.').unwrap_or((text, ""));
    let cut = minor.trim_end_matches('0');
    if cut.len() > 2 || (minor.is_empty() && text.contains('.')) {
        return Err(MoneyError::Malformed);
    }
    Money::parse(&format!("{major}.{cut:0<2}"), Currency::CNY)
}

/// An answer whose signature was checked: the exact slice that was signed.
#[derive(Debug)]
pub(super) struct Answer(Box<RawValue>);

/// What every answer says about itself.
#[derive(Debug, Deserialize)]
struct Head {
    code: String,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    sub_code: String,
    #[serde(default)]
    sub_msg: String,
}

/// After these only a query tells how the order stands: it may have happened, or be paid.
const UNDECIDED: [&str; 10] = [
    "ACQ.SYSTEM_ERROR",
    "AQC.SYSTEM_ERROR",
    "isp.unknow-error",
    "aop.unknow-error",
    "ACQ.TRADE_HAS_SUCCESS",
    "ACQ.TRADE_HAS_CLOSE",
    "ACQ.CONTEXT_INCONSISTENT",
    "ACQ.TRADE_STATUS_ERROR",
    "ACQ.REASON_TRADE_STATUS_INVALID",
    "ACQ.REASON_ILLEGAL_STATUS",
];

/// A business failure, by its code.
#[derive(Debug)]
pub(super) struct Failure {
    code: String,
    message: String,
    unknown: bool,
}

impl Failure {
    pub(super) fn is(&self, code: &str) -> bool {
        self.code == code
    }
}

impl From<Failure> for ProviderError {
    fn from(failure: Failure) -> Self {
        if failure.unknown {
            Self::unknown(format_args!("{} {}", failure.code, failure.message))
        } else {
            Self::Refused {
                code: failure.code,
                message: failure.message,
            }
        }
    }
}

/// What a call came to.
pub(super) enum Tried<T> {
    Done(T),
    Failed(Failure),
}

impl Answer {
    /// The content, or the business failure.
    ///
    /// # Errors
    /// An answer that is neither.
    pub(super) fn tried<T: DeserializeOwned>(&self) -> Result<Tried<T>, ProviderError> {
        let head: Head = serde_json::from_str(self.0.get()).map_err(ProviderError::unknown)?;
        if head.code == "10000" {
            return serde_json::from_str(self.0.get())
                .map(Tried::Done)
                .map_err(ProviderError::unknown);
        }
        let code = if head.sub_code.is_empty() {
            head.code.clone()
        } else {
            head.sub_code
        };
        let message = if head.sub_msg.is_empty() {
            head.msg
        } else {
            head.sub_msg
        };
        // "System error" and "in process" mean that it may have happened; the rest is a final no.
        let unknown =
            matches!(head.code.as_str(), "10003" | "20000") || UNDECIDED.contains(&code.as_str());
        Ok(Tried::Failed(Failure {
            code,
            message,
            unknown,
        }))
    }

    /// The content of a call that must succeed.
    ///
    /// # Errors
    /// Anything else.
    pub(super) fn succeeded<T: DeserializeOwned>(&self) -> Result<T, ProviderError> {
        match self.tried()? {
            Tried::Done(content) => Ok(content),
            Tried::Failed(failure) => Err(failure.into()),
        }
    }
}

/// `alipay.trade.precreate`
#[derive(Debug, Deserialize)]
pub(super) struct Precreated {
    pub(super) out_trade_no: String,
    pub(super) qr_code: String,
}

/// `alipay.trade.query`
#[derive(Debug, Deserialize)]
pub(super) struct Trade {
    #[serde(rename = "trade_no")]
    pub(super) number: String,
    pub(super) out_trade_no: String,
    #[serde(rename = "trade_status")]
    pub(super) status: String,
    #[serde(deserialize_with = "text_or_number")]
    pub(super) total_amount: String,
    pub(super) send_pay_date: Option<String>,
}

/// `alipay.trade.close`
#[derive(Debug, Deserialize)]
pub(super) struct Closed {}

/// `alipay.trade.cancel`
#[derive(Debug, Deserialize)]
pub(super) struct Cancelled {
    pub(super) out_trade_no: String,
    #[serde(default)]
    pub(super) retry_flag: String,
    pub(super) action: Option<String>,
}

/// Amounts come as text, and now and then as a number, whose digits are then read as they stand.
pub(super) fn text_or_number<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(raw.get().trim_matches('"').to_owned())
}

/// Members of an answer, each only once, as slices of the body.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> serde::de::Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if members.iter().any(|(known, _)| *known == name) {
                        return Err(serde::de::Error::custom("a member is given twice"));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Each)
    }
}

const CERTIFICATE_NUMBER: &str = "alipay_cert_sn";

fn text_of(members: &[(String, Box<RawValue>)], name: &str) -> Option<String> {
    let (_, value) = members.iter().find(|(known, _)| known == name)?;
    serde_json::from_str(value.get()).ok()
}

/// Which certificate an answer says it was signed with. Nothing is believed of it yet.
pub(super) fn certificate_number(body: &[u8]) -> Option<String> {
    let Members(members) = serde_json::from_slice(body).ok()?;
    let number = text_of(&members, CERTIFICATE_NUMBER)?;
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (number.len() == 32 && number.bytes().all(hexadecimal)).then_some(number)
}

/// `alipay.open.app.alipaycert.download`: the certificate in an answer that perhaps only this very
/// certificate can verify.
pub(super) fn offered_certificate(method: &str, body: &[u8]) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Offer {
        alipay_cert_content: String,
    }
    let Members(members) = serde_json::from_slice(body).ok()?;
    let root = format!("{}_response", method.replace('.', "_"));
    let (_, slice) = members.iter().find(|(name, _)| *name == root)?;
    let offer: Offer = serde_json::from_str(slice.get()).ok()?;
    BASE64_STANDARD.decode(offer.alipay_cert_content).ok()
}

/// Checks an answer's signature over the slice that was signed, and gives that slice.
///
/// # Errors
/// Unknown: without a signature an answer decides nothing.
pub(super) fn open(
    method: &str,
    body: &[u8],
    alipay: &impl Believe,
) -> Result<Answer, ProviderError> {
    let Members(mut members) = serde_json::from_slice(body).map_err(ProviderError::unknown)?;
    let signature = text_of(&members, "sign");
    let number = text_of(&members, CERTIFICATE_NUMBER);
    let root = format!("{}_response", method.replace('.', "_"));
    let index = members
        .iter()
        .position(|(name, _)| *name == root || name == "error_response");
    let Some(index) = index else {
        return Err(ProviderError::unknown("the answer has no content"));
    };
    let (_, slice) = members.swap_remove(index);
    let text = slice.get().as_bytes();
    if signature.is_some_and(|sign| alipay.believes(number.as_deref(), text, &sign)) {
        return Ok(Answer(slice));
    }
    // Some errors are rightly unsigned (a wrong application id): told to the operator, acted on by nobody.
    let told = serde_json::from_str::<Head>(slice.get())
        .map(|head| {
            format!(
                "{} {} {} {}",
                head.code, head.msg, head.sub_code, head.sub_msg
            )
        })
        .unwrap_or_default();
    Err(ProviderError::unknown(format_args!(
        "the answer's signature does not verify; it says: {told}"
    )))
}

#[cfg(test)]
mod tests;
