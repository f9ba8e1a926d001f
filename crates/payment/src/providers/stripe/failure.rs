//! What Stripe's errors mean (payments.md, 4.1 and 4.2).

use axum::http::HeaderMap;
use serde::Deserialize;

use crate::providers::ProviderError;

/// The key was used before, with other parameters.
const OTHER_PARAMETERS: &str = "idempotency_error";
/// The merchant's balance does not cover it now: later, under the same number of ours.
const EMPTY_BALANCE: &str = "balance_insufficient";

#[derive(Debug, Default, Deserialize)]
struct Body {
    #[serde(default)]
    error: Option<Told>,
}

#[derive(Debug, Deserialize)]
struct Told {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    decline_code: Option<String>,
    message: Option<String>,
}

/// An answer that is not a success.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    status: u16,
    /// Stripe's own word; its kind where it has no word. Empty: no error of Stripe's.
    code: String,
    kind: String,
    message: String,
    /// It is what the first call under this key was told.
    replayed: bool,
    /// Stripe wants it repeated, or does not.
    repeat: Option<bool>,
}

fn is(headers: &HeaderMap, name: &str) -> Option<bool> {
    match headers.get(name)?.to_str().ok()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

impl Failure {
    /// Whatever the body is; one that is not Stripe's has no code, and decides nothing.
    pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        let (mut code, mut kind, mut message) = (String::new(), String::new(), String::new());
        if let Some(told) = body.error {
            kind = told.kind.unwrap_or_default();
            let word = told.decline_code.or(told.code);
            code = word.unwrap_or_else(|| kind.clone());
            message = told.message.unwrap_or_default();
        }
        Self {
            status,
            code,
            kind,
            message,
            replayed: is(headers, "idempotent-replayed").unwrap_or(false),
            repeat: is(headers, "stripe-should-retry"),
        }
    }

    /// Worth one more try under the same key: Stripe says so, or another call under it is still running.
    pub(super) fn asks_for_repeat(&self) -> bool {
        self.repeat.unwrap_or(self.status == 409)
    }

    /// Its key is of no more use: other parameters were sent under it, or it will say for a day what Stripe said
    /// when it was in trouble. What the first call did has to be looked up before another key is taken.
    pub(super) fn key_is_spent(&self) -> bool {
        self.kind == OTHER_PARAMETERS && self.status == 400
            || self.replayed && (self.status >= 500 || self.code == EMPTY_BALANCE)
    }

    /// A no.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.status, 400..=404)
            && !self.code.is_empty()
            && self.code != EMPTY_BALANCE
            && self.kind != OTHER_PARAMETERS
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HTTP {} {} {}", self.status, self.code, self.message)
    }
}

/// Everything that is not a final no is unknown: ask, or repeat under the same key.
impl From<Failure> for ProviderError {
    fn from(failure: Failure) -> Self {
        if failure.is_final() {
            Self::Refused {
                code: failure.code,
                message: failure.message,
            }
        } else {
            Self::unknown(failure)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, code: &str, headers: &[(&'static str, &str)]) -> Failure {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a value"));
        }
        let body = format!(
            "{{\"error\":{{\"type\":\"invalid_request_error\",\"code\":\"{code}\",\"message\":\"m\"}}}}"
        );
        Failure::read(status, &map, body.as_bytes())
    }

    fn meaning(failure: Failure) -> &'static str {
        match failure.into() {
            ProviderError::Refused { .. } => "refused",
            ProviderError::Unknown { .. } => "unknown",
        }
    }

    #[test]
    fn inv_p8_only_a_no_of_stripes_own_is_a_no() {
        for status in [400, 401, 402, 403, 404] {
            assert_eq!(meaning(failure(status, "some_code", &[])), "refused");
            for body in [
                "",
                "<html>",
                "[]",
                "{}",
                "{\"error\":null}",
                "{\"error\":1}",
            ] {
                let other = Failure::read(status, &HeaderMap::new(), body.as_bytes());
                assert_eq!(meaning(other), "unknown", "{status} {body}");
            }
            // There is money later.
            assert_eq!(meaning(failure(status, EMPTY_BALANCE, &[])), "unknown");
        }
        for status in [301, 405, 408, 409, 418, 429, 500, 502, 503, 504] {
            assert_eq!(
                meaning(failure(status, "some_code", &[])),
                "unknown",
                "{status}"
            );
        }
        let body = b"{\"error\":{\"type\":\"idempotency_error\",\"message\":\"m\"}}";
        let contradicts = Failure::read(400, &HeaderMap::new(), body);
        assert!(contradicts.key_is_spent());
        assert_eq!(meaning(contradicts), "unknown");
    }

    #[test]
    fn inv_p12_stripe_says_what_to_repeat_and_a_replay_says_nothing_new() {
        let (yes, no) = (
            ("stripe-should-retry", "true"),
            ("stripe-should-retry", "false"),
        );
        assert!(failure(500, "", &[yes]).asks_for_repeat());
        assert!(failure(409, "", &[]).asks_for_repeat());
        assert!(!failure(409, "", &[no]).asks_for_repeat());
        assert!(!failure(500, "", &[]).asks_for_repeat());
        let replayed = ("idempotent-replayed", "true");
        assert!(failure(500, "api_error", &[replayed]).key_is_spent());
        assert!(failure(400, EMPTY_BALANCE, &[replayed]).key_is_spent());
        assert!(!failure(400, "charge_already_refunded", &[replayed]).key_is_spent());
        assert!(!failure(500, "api_error", &[]).key_is_spent());
    }
}
