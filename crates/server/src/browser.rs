//! What browsers are told: which other origins may call, and what a page may not do.

use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};
use url::Url;

const DAY: Duration = Duration::from_hours(24);
/// For answers that are no pages: nothing may be loaded, run or framed by them.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
/// Two years (RFC 6797).
const HSTS: &str = "max-age=63072000; includeSubDomains";

/// Origins whose scripts may call. Credentials are headers: no cookie goes along.
///
/// ```
/// use tollgate::browser::CorsOrigins;
///
/// assert_eq!("*".parse(), Ok(CorsOrigins::Any));
/// assert_eq!("".parse(), Ok(CorsOrigins::None));
/// assert!("https://app.example.com, app".parse::<CorsOrigins>().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    /// No other.
    #[default]
    None,
    /// These.
    Listed(Vec<HeaderValue>),
    /// Any; for trying things out.
    Any,
}

impl CorsOrigins {
    /// Those that are named; `*` names none.
    pub(crate) fn listed(&self) -> Vec<String> {
        let list = match self {
            Self::None | Self::Any => &[][..],
            Self::Listed(list) => list,
        };
        list.iter()
            .filter_map(|origin| origin.to_str().ok().map(str::to_owned))
            .collect()
    }
}

/// Not a list of origins.
///
/// ```
/// # use tollgate::browser::CorsOrigins;
/// let fault = "https://app.example.com/path".parse::<CorsOrigins>().unwrap_err();
/// assert_eq!(fault.to_string(), "\"https://app.example.com/path\" is not an origin");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an origin")]
pub struct InvalidOrigin(String);

impl FromStr for CorsOrigins {
    type Err = InvalidOrigin;

    /// `https://app.example.com, http://localhost:5173`, or `*`
    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let parts: Vec<&str> = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect();
        if parts == ["*"] {
            return Ok(Self::Any);
        }
        let origins: Result<Vec<HeaderValue>, InvalidOrigin> = parts
            .into_iter()
            .map(|part| origin(part).ok_or_else(|| InvalidOrigin(part.to_owned())))
            .collect();
        origins.map(|origins| {
            if origins.is_empty() {
                Self::None
            } else {
                Self::Listed(origins)
            }
        })
    }
}

/// Scheme, host and port, and nothing behind them (RFC 6454 §6.2).
fn origin(text: &str) -> Option<HeaderValue> {
    let url: Url = text.parse().ok()?;
    // A pattern would be compared as it stands, and match nobody.
    let same = url.origin().ascii_serialization() == text && !text.contains('*');
    (same && matches!(url.scheme(), "http" | "https"))
        .then(|| HeaderValue::from_str(text).ok())
        .flatten()
}

/// Which other origins are told that they may call; `None`: no other.
pub(crate) fn cors(origins: &CorsOrigins) -> Option<CorsLayer> {
    match origins {
        CorsOrigins::None => None,
        CorsOrigins::Listed(list) => Some(allowing(AllowOrigin::list(list.clone()))),
        CorsOrigins::Any => Some(allowing(AllowOrigin::any())),
    }
}

fn allowing(allowed: AllowOrigin) -> CorsLayer {
    let sent = ["idempotency-key", "x-api-key", "x-request-id"].map(HeaderName::from_static);
    let shown = [
        "api-version",
        "idempotent-replayed",
        "ratelimit",
        "ratelimit-policy",
        "x-ignored-fields",
        "x-request-id",
    ]
    .map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(
            [
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::ACCEPT_LANGUAGE,
            ]
            .into_iter()
            .chain(sent)
            .collect::<Vec<_>>(),
        )
        .expose_headers(
            shown
                .into_iter()
                .chain([header::RETRY_AFTER])
                .collect::<Vec<_>>(),
        )
        .max_age(DAY)
}

/// What browsers are told with every answer that says nothing else. `https`: the service is reached by it only.
pub(crate) fn guarded<B>(mut response: Response<B>, https: bool) -> Response<B> {
    let headers = response.headers_mut();
    unless_set(headers, header::CONTENT_SECURITY_POLICY, NOTHING);
    unless_set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    unless_set(headers, header::X_FRAME_OPTIONS, "DENY");
    unless_set(headers, header::REFERRER_POLICY, "no-referrer");
    if https {
        unless_set(headers, header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

fn unless_set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers
        .entry(name)
        .or_insert(HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_whole_and_nothing_more() {
        let parse = |text: &str| text.parse::<CorsOrigins>();
        assert_eq!(parse(""), Ok(CorsOrigins::None));
        assert_eq!(parse("*"), Ok(CorsOrigins::Any));
        assert!(matches!(
            parse("https://app.example.com, http://localhost:5173"),
            Ok(CorsOrigins::Listed(list)) if list.len() == 2
        ));
        for bad in [
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com/x",
            "https://*.example.com",
            "null",
            "ftp://example.com",
            "https://app.example.com, *",
            "HTTPS://app.example.com",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
