//! The gateway's answers, as they are before they are signed.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::SandboxError;

/// An answer.
pub(super) struct Done {
    pub(super) status: StatusCode,
    /// Empty with 204.
    pub(super) body: String,
}

impl Done {
    pub(super) fn ok(document: &Value) -> Self {
        Self {
            status: StatusCode::OK,
            body: document.to_string(),
        }
    }

    pub(super) fn empty() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: String::new(),
        }
    }
}

/// Why a call is refused, in WeChat's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    /// Nobody knows whether it was done.
    pub(super) fn system_error() -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "SYSTEM_ERROR", "系统异常，请稍后重试")
    }

    /// As somebody ordered it for a test.
    pub(super) fn ordered(code: Option<&str>) -> Self {
        let code = code.unwrap_or("INVALID_REQUEST");
        let status = match code {
            "NO_AUTH"
            | "RULE_LIMIT"
            | "OUT_TRADE_NO_USED"
            | "USER_ACCOUNT_ABNORMAL"
            | "ACCOUNT_ERROR"
            | "REQUEST_BLOCKED"
            | "NOT_ENOUGH" => StatusCode::FORBIDDEN,
            "ORDER_NOT_EXIST" | "ORDERNOTEXIST" | "RESOURCE_NOT_EXISTS" => StatusCode::NOT_FOUND,
            "FREQUENCY_LIMITED" | "RATELIMIT_EXCEEDED" => StatusCode::TOO_MANY_REQUESTS,
            "SIGN_ERROR" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, code, "沙箱指定的错误")
    }

    /// A member of the request is not as it must be.
    pub(super) fn parameter(member: &str, why: &str) -> Self {
        let message = format!("输入源“{member}”不符合规则: {why}");
        Self::new(StatusCode::BAD_REQUEST, "PARAM_ERROR", &message)
    }

    /// The call was understood and is not possible.
    pub(super) fn request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
    }

    pub(super) fn signature(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "SIGN_ERROR", message)
    }

    pub(super) fn unknown_order() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ORDER_NOT_EXIST", "订单不存在")
    }

    pub(super) fn unknown_thing(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "RESOURCE_NOT_EXISTS", message)
    }

    pub(super) fn written(&self) -> Done {
        Done {
            status: self.status,
            body: json!({ "code": self.code, "message": self.message }).to_string(),
        }
    }
}

/// What stops a call: the caller's fault or ours.
#[derive(Debug)]
pub(super) enum Fault {
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
