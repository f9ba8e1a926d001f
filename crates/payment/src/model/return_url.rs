//! Where a buyer's browser may be sent after paying: to a place that is listed, and nowhere else, or
//! a checkout of ours would lead people wherever a stranger likes.
//!
//! ```
//! use tollgate_payment::model::return_url::{listed, origin};
//! let origins = ["https://shop.example".to_owned()];
//! assert!(listed("https://shop.example/thanks?order=7", &origins).is_some());
//! assert_eq!(listed("https://shop.example.evil.test/", &origins), None);
//! assert_eq!(listed("//shop.example/thanks", &origins), None);
//!
//! assert_eq!(origin("https://shop.example/a/b").as_deref(), Some("https://shop.example"));
//! ```

use url::Url;

/// Alipay takes no longer one.
const LONGEST: usize = 256;

/// The address as it is sent on, if its origin is one of `origins` (scheme, host and port, as RFC
/// 6454 writes them). Blanks and control characters are refused before anything is parsed, since
/// parsers drop some of them and browsers others.
pub fn listed(text: &str, origins: &[String]) -> Option<String> {
    listed_within(LONGEST, text, origins)
}

/// The same, of at most `longest` characters: for browsers, which take longer ones than gateways.
///
/// ```
/// # use tollgate_payment::model::return_url::{listed, listed_within};
/// let origins = ["https://shop.example".to_owned()];
/// let search = format!("https://shop.example/?q={}", "x".repeat(300));
/// assert_eq!(listed(&search, &origins), None);
/// assert!(listed_within(2_000, &search, &origins).is_some());
/// ```
pub fn listed_within(longest: usize, text: &str, origins: &[String]) -> Option<String> {
    let plain = text.len() <= longest
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains('\\');
    let absolute = text.starts_with("https://") || text.starts_with("http://");
    if !plain || !absolute {
        return None;
    }
    let url: Url = text.parse().ok()?;
    let named = !url.username().is_empty() || url.password().is_some();
    let origin = url.origin().ascii_serialization();
    (!named && !text.contains('@') && origins.contains(&origin))
        .then(|| url.to_string())
        .filter(|url| url.len() <= longest)
}

/// The origin of an address, where it has one.
pub fn origin(address: &str) -> Option<String> {
    let origin = address.parse::<Url>().ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origins() -> Vec<String> {
        vec![
            "https://shop.example".to_owned(),
            "http://localhost:8080".to_owned(),
        ]
    }

    #[test]
    fn line_36_only_listed_origins_pass() {
        for good in [
            "https://shop.example",
            "https://shop.example/",
            "https://shop.example:443/paid?order=1&x=%2F#top",
            "https://SHOP.example/paid",
            "http://localhost:8080/paid",
        ] {
            assert!(listed(good, &origins()).is_some(), "{good}");
        }
        for bad in [
            "",
            "javascript:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,x",
            "//evil.example/",
            "/paid",
            "https:shop.example",
            "https:/shop.example",
            "https://evil.example/",
            "https://shop.example.evil.example/",
            "https://shop.example@evil.example/",
            "https://user@shop.example/",
            "https://user:word@shop.example/",
            "https://@shop.example/",
            "https://shop.example:8443/",
            "http://shop.example/",
            "https://shop.example\\@evil.example/",
            "https:\\\\shop.example/",
            "https://shop.exam\tple/",
            "https://shop.example/a b",
            "https://shop.example/\r\nSet-Cookie:x",
            " https://shop.example/",
            "https://shop.example/\u{4e13}",
            "https://[::1",
        ] {
            assert_eq!(listed(bad, &origins()), None, "{bad:?}");
        }
        let long = format!("https://shop.example/{}", "x".repeat(300));
        assert_eq!(listed(&long, &origins()), None);
    }

    proptest! {
        /// Whatever passes leads to a listed origin, by the reading of a second parser.
        #[test]
        fn line_36_nothing_else_passes(head in "(https://|http://|//|javascript:)?", rest in "[a-z@:/.?#\\\\ \t]{0,24}(shop\\.example)?[a-z@:/.]{0,12}") {
            if let Some(url) = listed(&format!("{head}{rest}"), &origins()) {
                let authority = url.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next());
                prop_assert!(matches!(authority, Some("shop.example" | "localhost:8080")), "{url}");
            }
        }
    }
}
