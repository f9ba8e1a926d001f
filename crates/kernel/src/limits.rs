//! What a caller may still do, in the headers of an answer: `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers). The modules meet here: auth counts calls, payment counts units, and one
//! answer tells of both.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The largest integer of a structured field (RFC 9651 §3.3.1).
const MOST: u64 = 999_999_999_999_999;

/// One limit, as it stands after a call.
///
/// ```
/// use axum::http::HeaderMap;
/// use tollgate_kernel::limits::Limit;
/// let mut headers = HeaderMap::new();
/// let calls = Limit { name: "api", quota: 600, window_seconds: Some(60), remaining: 598, reset_seconds: Some(41) };
/// calls.announce(&mut headers);
/// assert_eq!(headers["ratelimit-policy"], r#""api";q=600;w=60"#);
/// assert_eq!(headers["ratelimit"], r#""api";r=598;t=41"#);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit<'a> {
    /// What is limited: letters, digits and `_ - . :`.
    pub name: &'a str,
    /// How much there is in a window.
    pub quota: u64,
    /// How long a window is; `None`: it has no end.
    pub window_seconds: Option<u64>,
    /// What is left.
    pub remaining: u64,
    /// When it is whole again; `None`: never.
    pub reset_seconds: Option<u64>,
}

impl Limit<'_> {
    /// Says it in front of what layers further inside have said of theirs.
    pub fn announce(&self, headers: &mut HeaderMap) {
        let name = self.name;
        let quota = self.quota.min(MOST);
        let policy = with(format!("\"{name}\";q={quota}"), 'w', self.window_seconds);
        put_in_front(headers, POLICY, &policy);
        let remaining = self.remaining.min(MOST);
        let stands = with(format!("\"{name}\";r={remaining}"), 't', self.reset_seconds);
        put_in_front(headers, LIMIT, &stands);
    }
}

fn with(item: String, parameter: char, seconds: Option<u64>) -> String {
    match seconds {
        Some(seconds) => format!("{item};{parameter}={}", seconds.min(MOST)),
        None => item,
    }
}

fn put_in_front(headers: &mut HeaderMap, name: HeaderName, item: &str) {
    let said = headers.get_all(&name).iter();
    let said = said.filter_map(|value| value.to_str().ok());
    let list: Vec<&str> = [item].into_iter().chain(said).collect();
    if let Ok(value) = HeaderValue::from_str(&list.join(", ")) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: Limit<'_> = Limit {
        name: "processing_count",
        quota: 1_000,
        window_seconds: Some(2_592_000),
        remaining: 412,
        reset_seconds: Some(1_036_800),
    };

    #[test]
    fn one_answer_tells_of_every_limit_the_outer_ones_first() {
        let mut headers = HeaderMap::new();
        UNITS.announce(&mut headers);
        let calls = Limit {
            name: "api",
            quota: 600,
            window_seconds: Some(60),
            remaining: 598,
            reset_seconds: Some(41),
        };
        calls.announce(&mut headers);
        assert_eq!(
            headers["ratelimit-policy"],
            "\"api\";q=600;w=60, \"processing_count\";q=1000;w=2592000"
        );
        assert_eq!(
            headers["ratelimit"],
            "\"api\";r=598;t=41, \"processing_count\";r=412;t=1036800"
        );
    }

    #[test]
    fn numbers_fit_a_structured_field_and_what_never_ends_has_no_window() {
        let mut headers = HeaderMap::new();
        let endless = Limit {
            quota: u64::MAX,
            remaining: u64::MAX,
            window_seconds: None,
            reset_seconds: None,
            ..UNITS
        };
        endless.announce(&mut headers);
        assert_eq!(
            headers["ratelimit-policy"],
            "\"processing_count\";q=999999999999999"
        );
        assert_eq!(
            headers["ratelimit"],
            "\"processing_count\";r=999999999999999"
        );
        // What is no header is left out; nothing breaks.
        let odd = Limit {
            name: "a\nb",
            ..UNITS
        };
        let mut headers = HeaderMap::new();
        odd.announce(&mut headers);
        assert!(headers.is_empty());
    }
}
