//! Where somebody goes on after a sign-in: to a page of this house, and nowhere else.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// Longer ones lead to the overview.
const LONGEST: usize = 2_000;

/// A path of this house with its query. Whatever else was sent leads to the overview (CWE-601).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next(String);

impl Next {
    /// As an address or a form sends it.
    pub(super) fn of(text: &str) -> Self {
        // `//host` and `/\host` are addresses of other houses; browsers drop tabs and line breaks before they look.
        let is_ours = text.len() <= LONGEST
            && text.starts_with('/')
            && !text.starts_with("//")
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        Self(if is_ours { text } else { "/portal" }.to_owned())
    }

    /// For `Location` and for fields of forms.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// As a query, `next=…`, for links between the pages that lead there.
    pub(super) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("next", &self.0)
            .finish()
    }
}

impl Default for Next {
    fn default() -> Self {
        Self::of("")
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Next {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::of(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_house() {
        for ours in [
            "/portal",
            "/portal/usage?from=2026-05-01&group=key",
            "/checkout/x_-1",
        ] {
            assert_eq!(Next::of(ours).as_str(), ours);
        }
        for other in [
            "",
            "portal",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "javascript:alert(1)",
            "/портал",
            "/portal\u{202e}",
            &format!("/{}", "a".repeat(2_000)),
        ] {
            assert_eq!(Next::of(other).as_str(), "/portal", "{other:?}");
        }
        assert_eq!(
            Next::of("/portal/usage?a=b&c=d").query(),
            "next=%2Fportal%2Fusage%3Fa%3Db%26c%3Dd"
        );
    }
}
