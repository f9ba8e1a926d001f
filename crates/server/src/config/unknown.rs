//! Variables that look like settings and are none: a name that is mistyped does nothing, and nobody would know.

use std::collections::BTreeMap;
use std::fmt;

use tollgate_kernel::text::{Language, Text};

use crate::words::WORDS;

/// Names that begin so are meant for us; the others of an environment are anybody's.
const PREFIXES: [&str; 7] = [
    "alipay_",
    "wechat_",
    "stripe_",
    "jwt_",
    "webhook_",
    "tollgate_",
    "metrics_",
];
/// Of our tests.
const TESTS: &str = "tollgate_test_";
/// What a program without the feature does not read.
const NOT_HERE: &[&str] = if cfg!(feature = "otel") {
    &[]
} else {
    &["otel_exporter_otlp_endpoint"]
};
/// A longer name that differs by one letter from a setting is meant to be it, whatever it begins with.
const LONG: usize = 8;
/// More letters apart, and it is another word.
const APART: usize = 3;

/// A variable that does nothing.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use std::path::Path;
/// use tollgate::config::Config;
///
/// # fn main() -> Result<(), tollgate::config::Faults> {
/// let env = BTreeMap::from([("METRICS_ADR".to_owned(), "127.0.0.1:9464".to_owned())]);
/// let config = Config::from_layers(env, Path::new("/nowhere/.env"))?;
/// let [unknown] = config.unknown.as_slice() else { panic!("one") };
/// assert_eq!(unknown.meant.as_deref(), Some("METRICS_ADDR"));
/// assert_eq!(unknown.to_string(), "METRICS_ADR is no setting: is METRICS_ADDR meant?");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// As in the environment.
    pub name: String,
    /// What is likely meant.
    pub meant: Option<String>,
}

impl Unknown {
    /// As people read it.
    pub fn text(&self) -> Text {
        let name = &self.name;
        let not_here = NOT_HERE.contains(&name.to_lowercase().as_str());
        match &self.meant {
            _ if not_here => WORDS.text_with("doctor.not_built", &[("name", name)]),
            Some(meant) => {
                WORDS.text_with("doctor.setting_meant", &[("name", name), ("meant", meant)])
            }
            None => WORDS.text_with("doctor.no_setting", &[("name", name)]),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().get(Language::En))
    }
}

/// Of a file of settings, where every name is meant for us.
pub(super) fn of_file(names: impl Iterator<Item = String>, known: &[String]) -> Vec<Unknown> {
    let names = names.filter(|name| !known.contains(name));
    let unknown = names.map(|name| Unknown {
        meant: nearest(&name, known).map(|(_, known)| known.to_uppercase()),
        name: name.to_uppercase(),
    });
    unknown.collect()
}

/// The setting whose name is the least apart.
fn nearest<'k>(name: &str, known: &'k [String]) -> Option<(usize, &'k String)> {
    let all = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known));
    all.min().filter(|(apart, _)| *apart <= APART)
}

/// Those among `values`, by name; `known` and they are in lower case.
pub(super) fn of_environment(values: &BTreeMap<String, String>, known: &[String]) -> Vec<Unknown> {
    let is_known = |name: &str| name == "config_file" || known.iter().any(|known| known == name);
    let all = values.iter().filter(|(_, value)| !value.trim().is_empty());
    let unknown = all.filter_map(|(name, _)| {
        let base = name.strip_suffix("_file").unwrap_or(name);
        let not_here = NOT_HERE.contains(&name.as_str());
        if !not_here && (is_known(name) || is_known(base)) {
            return None;
        }
        if name.starts_with(TESTS) {
            return None;
        }
        let nearest = nearest(base, known);
        let ours = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let close = base.len() >= LONG && nearest.is_some_and(|(apart, _)| apart == 1);
        let meant = nearest.map(|(_, known)| known.to_uppercase());
        (ours || close || not_here).then(|| Unknown {
            name: name.to_uppercase(),
            meant,
        })
    });
    unknown.collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;

    fn said(pairs: &[(&str, &str)]) -> Vec<String> {
        let env = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config = Config::from_layers(env, Path::new("/nonexistent/.env")).expect("settings");
        config.unknown.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_that_does_nothing_is_told_with_what_is_meant() {
        for (name, wanted) in [
            (
                "ALIPAY_APPID",
                "ALIPAY_APPID is no setting: is ALIPAY_APP_ID meant?",
            ),
            (
                "PUBLIC_URI",
                "PUBLIC_URI is no setting: is PUBLIC_URL meant?",
            ),
            (
                "METRIC_ADDR",
                "METRIC_ADDR is no setting: is METRICS_ADDR meant?",
            ),
            ("stripe_color", "STRIPE_COLOR is no setting"),
            (
                "JWT_SECRETKEY_FILE",
                "JWT_SECRETKEY_FILE is no setting: is JWT_SECRET_KEY meant?",
            ),
        ] {
            assert_eq!(said(&[(name, "x")]), [wanted]);
        }
        for name in [
            "HOSTNAME",
            "PATH",
            "HOME",
            "DATABASE_NAME",
            "TOLLGATE_URL",
            "TOLLGATE_SERVICE_KEY",
            "TOLLGATE_TEST_POSTGRES",
            "LOGNAME",
        ] {
            assert_eq!(said(&[(name, "x")]), [""; 0], "{name} is somebody else's");
        }
        assert_eq!(said(&[("ALIPAY_APPID", "")]), [""; 0], "not set");
    }
}
