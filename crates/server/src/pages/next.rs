//! Where somebody goes on after a sign-in: to a page of this house, to an application that is listed, and nowhere else.

use std::fmt;

use serde::{Deserialize, Deserializer};
use tollgate_payment::model::return_url;

use super::House;

/// Longer ones lead to the overview.
const LONGEST: usize = 2_000;
/// Where whatever else was sent leads.
const OVERVIEW: &str = "/portal";
/// Pages that only lead on: nobody is sent there to be sent away again.
const ON_THE_WAY: [&str; 3] = ["/portal/login", "/portal/confirm", "/portal/logout"];

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
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let leads_on = is_ours && !ON_THE_WAY.contains(&path.trim_end_matches('/'));
        Self(if leads_on { text } else { OVERVIEW }.to_owned())
    }

    /// The same, or back to an application that is listed ([`House::origins`]), which sent somebody here to sign in.
    pub(super) fn wherever(text: &str, house: &House) -> Self {
        match return_url::listed_within(LONGEST, text, &house.origins) {
            Some(url) => Self(url),
            None => Self::of(text),
        }
    }

    /// Whether it leads out of the house.
    pub(super) fn is_elsewhere(&self) -> bool {
        !self.0.starts_with('/')
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
    use tollgate_kernel::text::Language;

    use super::super::samples::visit;
    use super::*;

    const OTHERS: [&str; 20] = [
        "",
        "portal",
        "https://evil.example",
        "https://app.example.evil.example/",
        "https://app.example@evil.example/",
        "https://app.example:8443/",
        "http://app.example/",
        "https:app.example",
        "https:/\\app.example",
        "//evil.example",
        "//app.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/портал",
        "/portal\u{202e}",
    ];

    #[test]
    fn nobody_is_led_to_another_house() {
        let mut house = visit(Language::En).house;
        house.origins = vec!["https://app.example".to_owned()];
        for ours in [
            "/portal",
            "/portal/usage?from=2026-05-01&group=key",
            "/checkout/x_-1",
        ] {
            assert_eq!(Next::of(ours).as_str(), ours);
            assert_eq!(Next::wherever(ours, &house).as_str(), ours);
        }
        let long = format!("/{}", "a".repeat(2_000));
        for other in OTHERS.into_iter().chain([long.as_str()]) {
            assert_eq!(Next::of(other).as_str(), "/portal", "{other:?}");
            let next = Next::wherever(other, &house);
            assert_eq!(next.as_str(), "/portal", "{other:?}");
        }
        assert_eq!(
            Next::of("/portal/usage?a=b&c=d").query(),
            "next=%2Fportal%2Fusage%3Fa%3Db%26c%3Dd"
        );
    }

    #[test]
    fn an_application_that_is_listed_is_given_its_people_back() {
        let mut house = visit(Language::En).house;
        let app = "https://app.example/reports?month=1";
        assert_eq!(Next::wherever(app, &house).as_str(), "/portal");
        house.origins = vec!["https://app.example".to_owned()];
        let next = Next::wherever(app, &house);
        assert!(next.is_elsewhere() && next.as_str() == app);
        assert!(!Next::wherever("/portal", &house).is_elsewhere());
        // By a form of a page that stays in the house.
        assert_eq!(Next::of(app).as_str(), "/portal");
    }

    #[test]
    fn nobody_is_led_in_a_circle() {
        for way in [
            "/portal/login",
            "/portal/login/",
            "/portal/login?next=%2Fportal%2Flogin",
            "/portal/confirm?next=/portal/keys",
            "/portal/logout",
        ] {
            assert_eq!(Next::of(way).as_str(), "/portal", "{way}");
        }
        assert_eq!(Next::of("/portal/logins").as_str(), "/portal/logins");
    }
}
