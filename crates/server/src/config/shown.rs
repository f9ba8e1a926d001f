//! What the settings are and where each comes from, without their secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use url::Url;

use super::{FILE, Faults, defaults};

/// Never shown, only whether they are set.
const SECRETS: &[&str] = &[
    "admin_password",
    "alipay_private_key",
    "jwt_private_key",
    "jwt_secret_key",
    "master_key",
    "stripe_secret_key",
    "stripe_webhook_secret",
    "tollgate_service_key",
    "wechat_api_key",
    "wechat_key_path",
];
/// Addresses that may hold a password.
const ADDRESSES: &[&str] = &["database_url", "redis_url", "smtp_url"];

/// Where a setting comes from; each over those after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// The environment.
    Environment,
    /// The file that `NAME_FILE` names.
    FileOf(String),
    /// `.env`
    DotEnv,
    /// The file of settings.
    File(String),
    /// Nobody has said anything.
    Default,
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("environment"),
            Self::FileOf(path) | Self::File(path) => f.write_str(path),
            Self::DotEnv => f.write_str(".env"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// As in the environment.
    pub name: String,
    /// Empty: not set. Of a secret `***`.
    pub value: String,
    /// Where it comes from.
    pub from: From,
}

/// Every setting, in the order of their names, from the environment over the files it leads to.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::path::Path;
/// use tollgate::config::{Faults, shown};
///
/// # fn main() -> Result<(), Faults> {
/// let env = BTreeMap::from([("PORT".to_owned(), "9000".to_owned())]);
/// let settings = shown(&env, Path::new("/nowhere/.env"))?;
/// let port = settings.iter().find(|setting| setting.name == "PORT");
/// assert_eq!(port.map(|port| port.value.as_str()), Some("9000"));
/// # Ok(()) }
/// ```
///
/// # Errors
/// A file that cannot be read.
pub fn shown(env: &BTreeMap<String, String>, dotenv: &Path) -> Result<Vec<Shown>, Faults> {
    let env: BTreeMap<String, String> = env
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .collect();
    let mut own = BTreeMap::new();
    for entry in dotenvy::from_path_iter(dotenv).into_iter().flatten() {
        let (name, value) = entry.map_err(|error| Faults::one(".env", error.to_string()))?;
        own.insert(name.to_lowercase(), value);
    }
    let file = env.get("config_file").or_else(|| own.get("config_file"));
    let file = file.cloned().unwrap_or_else(|| FILE.to_owned());
    let written = config::Config::builder()
        .add_source(config::File::new(&file, config::FileFormat::Toml).required(false))
        .build()
        .map_err(|error| Faults::one("CONFIG_FILE", error.to_string()))?;
    let said = |map: &BTreeMap<String, String>, name: &str| {
        map.get(name)
            .filter(|text| !text.trim().is_empty())
            .cloned()
    };
    let all = defaults().into_iter().map(|(name, default)| {
        let path = format!("{name}_file");
        let (value, from) = if let Some(value) = said(&env, &name) {
            (value, From::Environment)
        } else if let Some(path) = said(&env, &path).or_else(|| said(&own, &path)) {
            // Whatever it holds is the secret of who put it there.
            ("***".to_owned(), From::FileOf(path))
        } else if let Some(value) = said(&own, &name) {
            (value, From::DotEnv)
        } else if let Ok(value) = written.get_string(&name) {
            (value, From::File(file.clone()))
        } else {
            (default.into_string().unwrap_or_default(), From::Default)
        };
        Shown {
            // Some have several lines; each is shown in one.
            value: masked(&name, value).replace('\n', "\\n"),
            name: name.to_uppercase(),
            from,
        }
    });
    Ok(all.collect())
}

fn masked(name: &str, value: String) -> String {
    if value.is_empty() {
        return value;
    }
    if SECRETS.contains(&name) {
        return "***".to_owned();
    }
    if !ADDRESSES.contains(&name) {
        return value;
    }
    match Url::parse(&value) {
        Ok(mut url) if url.password().is_some() => match url.set_password(Some("***")) {
            Ok(()) => url.to_string(),
            Err(()) => "***".to_owned(),
        },
        Ok(_) => value,
        // What is no address may be a secret in the wrong place.
        Err(_) => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_a10_settings_are_shown_with_where_they_come_from_and_without_secrets() {
        let folder = tempfile::tempdir().expect("a folder");
        let dotenv = folder.path().join(".env");
        std::fs::write(&dotenv, "BCRYPT_COST=13\nSTRIPE_SECRET_KEY=hidden-one\n").expect("written");
        let file = folder.path().join("own.toml");
        std::fs::write(&file, "port = 9000\nwechat_api_key = \"hidden-two\"\n").expect("written");
        let env = BTreeMap::from([
            ("CONFIG_FILE".to_owned(), file.display().to_string()),
            (
                "DATABASE_URL".to_owned(),
                "postgresql://ann:hidden-three@db/shop".to_owned(),
            ),
            ("SMTP_URL".to_owned(), "hidden-four".to_owned()),
            (
                "MASTER_KEY_FILE".to_owned(),
                "/run/secrets/master".to_owned(),
            ),
        ]);
        let all = shown(&env, &dotenv).expect("settings");
        let find = |name: &str| {
            let found = all
                .iter()
                .find(|shown| shown.name == name)
                .expect("a setting");
            (found.value.as_str(), found.from.clone())
        };
        assert_eq!(find("BCRYPT_COST"), ("13", From::DotEnv));
        assert_eq!(
            find("PORT"),
            ("9000", From::File(file.display().to_string()))
        );
        assert_eq!(find("HOST"), ("127.0.0.1", From::Default));
        assert_eq!(
            find("DATABASE_URL"),
            ("postgresql://ann:***@db/shop", From::Environment)
        );
        assert_eq!(
            find("MASTER_KEY").1,
            From::FileOf("/run/secrets/master".to_owned())
        );
        for name in [
            "STRIPE_SECRET_KEY",
            "WECHAT_API_KEY",
            "SMTP_URL",
            "MASTER_KEY",
        ] {
            assert_eq!(find(name).0, "***", "{name}");
        }
        assert_eq!(find("ALIPAY_PRIVATE_KEY").0, "", "not set is told");
        let said = format!("{all:?}");
        assert!(!said.contains("hidden"), "{said}");
        // Whatever its name says to be a secret is one.
        for secret in all.iter().filter(|shown| {
            let name = shown.name.as_str();
            (name.contains("SECRET") || name.contains("PRIVATE_KEY") || name.contains("PASSWORD"))
                && shown.name != "ALIPAY_ALIPAY_CERT_PATH"
        }) {
            assert!(
                SECRETS.contains(&secret.name.to_lowercase().as_str()),
                "{}",
                secret.name
            );
        }
    }
}
