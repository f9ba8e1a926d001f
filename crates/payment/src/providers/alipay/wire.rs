//! Alipay's formats: answers, amounts in yuan, times of Beijing.

use chrono::{FixedOffset, NaiveDateTime, TimeZone as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money, MoneyError};

use crate::providers::ProviderError;
use crate::providers::keys::Verifier;

const TIME: &str = "%Y-%m-%d %H:%M:%S";
/// Alipay's clock, whatever ours.
const BEIJING_SECONDS: i32 = 8 * 3_600;
/// Longest `subject`, in characters.
const SUBJECT: usize = 256;

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
const UNDECIDED: [&str; 8] = [
    "ACQ.SYSTEM_ERROR",
    "AQC.SYSTEM_ERROR",
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

/// Amounts come as text, and now and then as a number, whose digits are then read as they stand.
fn text_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
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

/// Checks an answer's signature over the slice that was signed, and gives that slice.
///
/// # Errors
/// Unknown: without a signature an answer decides nothing.
pub(super) fn open(
    method: &str,
    body: &[u8],
    verifier: &Verifier,
) -> Result<Answer, ProviderError> {
    let Members(mut members) = serde_json::from_slice(body).map_err(ProviderError::unknown)?;
    let signature = members
        .iter()
        .find(|(name, _)| name == "sign")
        .and_then(|(_, value)| serde_json::from_str::<String>(value.get()).ok());
    let root = format!("{}_response", method.replace('.', "_"));
    let index = members
        .iter()
        .position(|(name, _)| *name == root || name == "error_response");
    let Some(index) = index else {
        return Err(ProviderError::unknown("the answer has no content"));
    };
    let (_, slice) = members.swap_remove(index);
    if signature.is_some_and(|signature| verifier.verifies(slice.get().as_bytes(), &signature)) {
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
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> (Value, Verifier) {
        let vectors = serde_json::from_str(include_str!("../../../tests/vectors/alipay.json"))
            .expect("vectors");
        let key: Value = serde_json::from_str(include_str!("../../../tests/vectors/rsa_key.json"))
            .expect("vectors");
        let verifier =
            Verifier::load(key["rsa_public_spki_base64"].as_str().expect("a text")).expect("a key");
        (vectors, verifier)
    }

    #[test]
    fn an_answer_is_checked_on_its_raw_slice() {
        let (vectors, verifier) = vectors();
        let body = vectors["alipay_response"]["body"].as_str().expect("a text");
        let slice = vectors["alipay_response"]["signed_substring"]
            .as_str()
            .expect("a text");
        let answer = open("alipay.trade.precreate", body.as_bytes(), &verifier).expect("genuine");
        assert_eq!(answer.0.get(), slice);
        let created: Precreated = answer.succeeded().expect("created");
        assert_eq!(created.qr_code, "https://qr.alipay.com/bax1");

        for changed in [
            body.replace("bax1", "bax2"),
            body.replace("\\/", "/"),
            body.replace("\"sign\":\"Y", "\"sign\":\"Z"),
            body.replace("\"sign\":", "\"signed\":"),
            body.replace("_precreate_", "_query_"),
            body.replacen('{', "{\"alipay_trade_precreate_response\":{},", 1),
            body[..body.len() - 1].to_owned(),
            String::new(),
            "<html>".to_owned(),
        ] {
            assert!(
                open("alipay.trade.precreate", changed.as_bytes(), &verifier).is_err(),
                "{changed}"
            );
        }
    }

    #[test]
    fn yuan_are_compared_as_numbers() {
        for (text, minor) in [
            ("9.9", 990),
            ("9.90", 990),
            ("9.900", 990),
            ("9", 900),
            ("0.01", 1),
            ("100000000", 10_000_000_000),
        ] {
            assert_eq!(yuan(text).map(Money::minor), Ok(minor), "{text}");
        }
        for text in [
            "", "9.", ".9", "9.901", "-9.90", "+9.90", "9e1", " 9.90", "9,90", "９.90", "09.90",
            "NaN",
        ] {
            assert!(yuan(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn times_are_those_of_beijing() {
        let at = Timestamp::from_seconds(1_767_323_045).expect("a moment");
        assert_eq!(beijing(at), "2026-01-02 11:04:05");
        assert_eq!(from_beijing("2026-01-02 11:04:05"), Some(at));
        assert_eq!(from_beijing("2026-01-02T11:04:05"), None);
    }

    #[test]
    fn a_subject_cannot_break_the_signed_text() {
        assert_eq!(subject("a/b=c&d\ne"), "a b c d e");
        assert_eq!(subject(&"专".repeat(300)).chars().count(), 256);
    }
}
