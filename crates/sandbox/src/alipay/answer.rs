//! The gateway's answers, signed over the exact slice that is sent.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::SandboxError;
use crate::keys::SigningKey;

/// Why a call is refused, in Alipay's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    code: &'static str,
    sub_code: Cow<'static, str>,
    sub_msg: String,
}

impl Refusal {
    /// Nobody knows whether it was done.
    pub(crate) fn busy() -> Self {
        Self::with("20000", "aop.unknow-error", "系统繁忙")
    }

    /// As somebody ordered it for a test.
    pub(crate) fn ordered(code: Option<String>) -> Self {
        Self {
            code: "40004",
            sub_code: code.map_or(Cow::Borrowed("ACQ.SYSTEM_ERROR"), Cow::Owned),
            sub_msg: "沙箱指定的错误".to_owned(),
        }
    }

    /// A common parameter is not there.
    pub(crate) fn missing(sub_code: &'static str, sub_msg: impl Into<String>) -> Self {
        Self::with("40001", sub_code, sub_msg)
    }

    /// A common parameter is not as it must be.
    pub(crate) fn invalid(sub_code: &'static str, sub_msg: impl Into<String>) -> Self {
        Self::with("40002", sub_code, sub_msg)
    }

    /// The call was understood and is not possible.
    pub(crate) fn business(sub_code: &'static str, sub_msg: impl Into<String>) -> Self {
        Self::with("40004", sub_code, sub_msg)
    }

    /// A member of `biz_content` is not as it must be.
    pub(crate) fn content(member: &str, why: &str) -> Self {
        Self::business(
            "ACQ.INVALID_PARAMETER",
            format!("参数无效: {member}: {why}"),
        )
    }

    fn with(code: &'static str, sub_code: &'static str, sub_msg: impl Into<String>) -> Self {
        Self {
            code,
            sub_code: Cow::Borrowed(sub_code),
            sub_msg: sub_msg.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.code, self.sub_code, self.sub_msg)
    }
}

/// What stops a call: the caller's fault or ours.
#[derive(Debug)]
pub(crate) enum Fault {
    Refused(Refusal),
    Failed(SandboxError),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<SandboxError> for Fault {
    fn from(error: SandboxError) -> Self {
        Self::Failed(error)
    }
}

#[derive(Serialize)]
struct Document<'a, T> {
    code: &'a str,
    msg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_msg: Option<&'a str>,
    #[serde(flatten)]
    members: Option<T>,
}

/// The root member's value for a call that succeeded.
pub(crate) fn success<T: Serialize>(members: T) -> String {
    written(&Document {
        code: "10000",
        msg: "Success",
        sub_code: None,
        sub_msg: None,
        members: Some(members),
    })
}

/// The root member's value for one that did not.
pub(crate) fn refused(fault: &Fault) -> String {
    let (code, sub_code, sub_msg) = match fault {
        Fault::Refused(refusal) => (
            refusal.code,
            refusal.sub_code.as_ref(),
            refusal.sub_msg.as_str(),
        ),
        Fault::Failed(_) => ("20000", "isp.unknow-error", "系统繁忙"),
    };
    let msg = match code {
        "20000" => "Service Currently Unavailable",
        "40001" => "Missing Required Arguments",
        "40002" => "Invalid Arguments",
        _ => "Business Failed",
    };
    written(&Document::<()> {
        code,
        msg,
        sub_code: Some(sub_code),
        sub_msg: Some(sub_msg),
        members: None,
    })
}

/// Chinese unescaped and slashes as `\/`, like the real one: whoever signs a re-serialised copy
/// notices here. A slash occurs in JSON only inside texts, so it can be replaced blindly.
fn written<T: Serialize>(document: &Document<'_, T>) -> String {
    serde_json::to_string(document)
        .expect("texts under texts are always JSON")
        .replace('/', "\\/")
}

/// An answer before it leaves.
pub(super) struct Answer<'a> {
    /// The member that holds it.
    pub(super) root: &'a str,
    /// The root member's value.
    pub(super) slice: String,
    /// Without one it stays unsigned.
    pub(super) key: Option<&'a SigningKey>,
    /// In certificate mode: the number of the certificate whose key signs.
    pub(super) certificate: Option<&'a str>,
}

impl Answer<'_> {
    /// The whole body, signed over the exact slice.
    pub(super) fn body(&self) -> Result<String, SandboxError> {
        self.body_signed_over("")
    }

    /// Signed over the slice with something behind it, which fits only if that is nothing.
    pub(super) fn body_signed_over(&self, more: &str) -> Result<String, SandboxError> {
        let (root, slice) = (self.root, &self.slice);
        let Some(key) = self.key else {
            return Ok(format!("{{\"{root}\":{slice}}}"));
        };
        let certificate = self.certificate.map_or_else(String::new, |number| {
            format!("\"alipay_cert_sn\":\"{number}\",")
        });
        let sign = key.sign(format!("{slice}{more}").as_bytes())?;
        Ok(format!(
            "{{\"{root}\":{slice},{certificate}\"sign\":\"{sign}\"}}"
        ))
    }

    /// The same with so many bytes of nothing in it.
    pub(super) fn padded(&self, bytes: usize) -> Self {
        let members = self.slice.strip_suffix('}').unwrap_or(&self.slice);
        Self {
            slice: format!("{members},\"padding\":\"{}\"}}", "0".repeat(bytes)),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn slashes_are_escaped_and_chinese_is_not() {
        let slice = success(json!({"qr_code": "http://x/y", "note": "专业版 \"\\"}));
        assert_eq!(
            slice,
            r#"{"code":"10000","msg":"Success","note":"专业版 \"\\","qr_code":"http:\/\/x\/y"}"#
        );
        let answer = Answer {
            root: "error_response",
            slice: "{\"code\":\"1\"}".to_owned(),
            key: None,
            certificate: Some("a"),
        };
        assert_eq!(
            answer.body().expect("a body"),
            r#"{"error_response":{"code":"1"}}"#
        );
        assert_eq!(answer.padded(3).slice, r#"{"code":"1","padding":"000"}"#);
    }

    #[test]
    fn a_refusal_names_its_codes() {
        let refusal = Fault::from(Refusal::missing("isv.missing-method", "缺少方法名参数"));
        assert_eq!(
            refused(&refusal),
            r#"{"code":"40001","msg":"Missing Required Arguments","sub_code":"isv.missing-method","sub_msg":"缺少方法名参数"}"#
        );
    }
}
