//! What WeChat's errors mean (payments.md, 3.10). Only signed ones come here.

use serde::Deserialize;

use crate::providers::ProviderError;

/// A final no: our mistake, a setting, or something for the operator.
const FINAL: [&str; 14] = [
    "PARAM_ERROR",
    "INVALID_REQUEST",
    "APPID_MCHID_NOT_MATCH",
    "MCH_NOT_EXISTS",
    "OPENID_MISMATCH",
    "SIGN_ERROR",
    "NO_AUTH",
    "RULE_LIMIT",
    "OUT_TRADE_NO_USED",
    "USER_ACCOUNT_ABNORMAL",
    "ACCOUNT_ERROR",
    "REQUEST_BLOCKED",
    ORDER_NOT_EXIST[0],
    ORDER_NOT_EXIST[1],
];
const ORDER_PAID: [&str; 2] = ["ORDERPAID", "ORDER_PAID"];
const ORDER_NOT_EXIST: [&str; 2] = ["ORDER_NOT_EXIST", "ORDERNOTEXIST"];
const RESOURCE_NOT_EXISTS: &str = "RESOURCE_NOT_EXISTS";
/// What a call gets whose number is known there with another content.
const CONTRADICTS: [&str; 2] = ["INVALID_REQUEST", "OUT_TRADE_NO_USED"];

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// An error that WeChat has signed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    status: u16,
    code: String,
    message: String,
}

impl Failure {
    /// Whatever the body is; one that cannot be read has no code, and decides nothing.
    pub(super) fn read(status: u16, body: &[u8]) -> Self {
        let Body { code, message } = serde_json::from_slice(body).unwrap_or(Body {
            code: String::new(),
            message: String::new(),
        });
        Self {
            status,
            code,
            message,
        }
    }

    fn is(&self, codes: &[&str]) -> bool {
        (400..500).contains(&self.status) && codes.contains(&self.code.as_str())
    }

    /// The order is paid.
    pub(super) fn is_paid(&self) -> bool {
        self.is(&ORDER_PAID)
    }

    /// WeChat has never heard of the order.
    pub(super) fn is_unknown_order(&self) -> bool {
        self.status == 404 && self.is(&ORDER_NOT_EXIST)
    }

    /// WeChat has never heard of the refund, or has no certificates for this merchant.
    pub(super) fn is_unknown_thing(&self) -> bool {
        self.status == 404 && self.is(&[RESOURCE_NOT_EXISTS])
    }

    /// Perhaps only a repeat that says something else: ask before it counts as a no.
    pub(super) fn may_contradict(&self) -> bool {
        self.is(&CONTRADICTS)
    }

    /// A no.
    pub(super) fn refused(self) -> ProviderError {
        ProviderError::Refused {
            code: self.code,
            message: self.message,
        }
    }

    /// May or may not have happened.
    pub(super) fn unknown(&self) -> ProviderError {
        let Self {
            status,
            code,
            message,
        } = self;
        ProviderError::unknown(format_args!("HTTP {status} {code} {message}"))
    }
}

/// Everything that is not a final no is unknown: ask, or repeat under the same number. So is a merchant's
/// empty balance (`NOT_ENOUGH`): the same refund goes through once there is money.
impl From<Failure> for ProviderError {
    fn from(failure: Failure) -> Self {
        if failure.is(&FINAL) {
            failure.refused()
        } else {
            failure.unknown()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(status: u16, code: &str) -> &'static str {
        let body = format!("{{\"code\":\"{code}\",\"message\":\"m\",\"detail\":{{}}}}");
        match Failure::read(status, body.as_bytes()).into() {
            ProviderError::Refused { .. } => "refused",
            ProviderError::Unknown { .. } => "unknown",
        }
    }

    #[test]
    fn inv_p8_only_the_codes_of_the_table_are_a_no() {
        for (status, codes) in [
            (
                400,
                "PARAM_ERROR INVALID_REQUEST APPID_MCHID_NOT_MATCH MCH_NOT_EXISTS OPENID_MISMATCH",
            ),
            (401, "SIGN_ERROR"),
            (
                403,
                "NO_AUTH RULE_LIMIT OUT_TRADE_NO_USED USER_ACCOUNT_ABNORMAL ACCOUNT_ERROR REQUEST_BLOCKED",
            ),
            (404, "ORDER_NOT_EXIST ORDERNOTEXIST"),
        ] {
            for code in codes.split(' ') {
                assert_eq!(meaning(status, code), "refused", "{code}");
                // A server in trouble says nothing that counts.
                assert_eq!(meaning(500, code), "unknown", "{code}");
                assert_eq!(meaning(status, &code.to_lowercase()), "unknown", "{code}");
            }
        }
        for (status, codes) in [
            (
                400,
                "ORDERPAID ORDER_PAID ORDER_CLOSED ORDERCLOSED TRADE_ERROR",
            ),
            (403, "NOT_ENOUGH"),
            (404, "RESOURCE_NOT_EXISTS"),
            (429, "FREQUENCY_LIMITED RATELIMIT_EXCEEDED"),
            (500, "SYSTEM_ERROR"),
            (502, "BANK_ERROR"),
            (503, "SYSTEM_ERROR"),
            (418, "NOBODY_KNOWS"),
        ] {
            for code in codes.split(' ') {
                assert_eq!(meaning(status, code), "unknown", "{code}");
            }
        }
        for body in ["", "<html>", "[]", "{\"code\":1}", "{}"] {
            let error = ProviderError::from(Failure::read(400, body.as_bytes()));
            assert!(matches!(error, ProviderError::Unknown { .. }), "{body}");
        }
    }
}
