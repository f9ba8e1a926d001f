//! `TOLLGATE_URL` and `TOLLGATE_SERVICE_KEY`: the accounts that plans and payments alone serve.

use url::Url;

use super::reader::Reader;
use super::{AppEnv, Faults};
use crate::alone::Elsewhere;

impl Reader {
    pub(super) fn elsewhere(&mut self, app_env: AppEnv) -> Result<Elsewhere, Faults> {
        let others = std::mem::take(&mut self.faults);
        let (url, service_key) = (
            self.accounts_url(app_env),
            self.text("TOLLGATE_SERVICE_KEY"),
        );
        if service_key.is_none() {
            let reason = "must be set for plans and payments alone: a service key of the accounts with the scope introspect";
            self.fault(
                "TOLLGATE_SERVICE_KEY",
                reason,
                "what tollgate service-keys create printed there",
            );
        }
        let own = std::mem::replace(&mut self.faults, others);
        match (url, service_key) {
            (Some(url), Some(key)) if own.is_empty() => Ok(Elsewhere {
                url,
                service_key: key.into(),
            }),
            _ => Err(Faults(own)),
        }
    }

    fn accounts_url(&mut self, app_env: AppEnv) -> Option<Url> {
        let example = "https://accounts.example.com";
        if self.text("TOLLGATE_URL").is_none() {
            let reason = "must be set for plans and payments alone: the address of the accounts, as reached from here";
            self.fault("TOLLGATE_URL", reason, example);
        }
        let url: Url = self.parsed("TOLLGATE_URL", "is not an address", example)?;
        let web = matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !web || url.host().is_none() {
            let reason = "must be http or https, without a name, ? and #";
            self.fault("TOLLGATE_URL", reason, example);
        } else if app_env == AppEnv::Production && url.scheme() != "https" && !is_here(&url) {
            let reason = "must be https in production: tokens go there";
            self.fault("TOLLGATE_URL", reason, example);
        }
        Some(url)
    }
}

/// On this very machine, or by a name without dots, as services of one network have.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => !name.contains('.'),
        Some(url::Host::Ipv4(address)) => address.is_loopback() || address.is_private(),
        Some(url::Host::Ipv6(address)) => address.is_loopback() || address.is_unique_local(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Elsewhere, String> {
        let env = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config = Config::from_layers(env, Path::new("/nonexistent/.env"));
        let config = config.expect("an application may have them for itself");
        config.elsewhere.map_err(|faults| faults.to_string())
    }

    #[test]
    fn accounts_elsewhere_take_an_address_and_a_key() {
        let key = ("TOLLGATE_SERVICE_KEY", "hidden");
        let found = read(&[("TOLLGATE_URL", "http://accounts:8080"), key]).expect("settings");
        assert!(!format!("{found:?}").contains("hidden"));
        for (url, told) in [
            ("", "must be set"),
            ("accounts", "is not an address"),
            ("ftp://accounts", "http or https"),
            ("https://ann:hidden@accounts.example", "without a name"),
            ("https://accounts.example/?x", "http or https"),
        ] {
            let faults = read(&[("TOLLGATE_URL", url), key]).expect_err("a fault");
            assert!(
                faults.starts_with("TOLLGATE_URL: ") && faults.contains(told),
                "{faults}"
            );
        }
        let faults = read(&[("TOLLGATE_URL", "https://accounts.example")]).expect_err("no key");
        assert!(faults.starts_with("TOLLGATE_SERVICE_KEY: "), "{faults}");
        let production = |url| {
            let pairs = [("APP_ENV", "production"), ("TOLLGATE_URL", url), key];
            read(&pairs).map(drop)
        };
        for good in [
            "https://accounts.example",
            "http://127.0.0.1:1",
            "http://accounts:8080",
            "http://10.1.2.3",
        ] {
            assert_eq!(production(good), Ok(()), "{good}");
        }
        assert!(production("http://accounts.example").is_err());
    }
}
