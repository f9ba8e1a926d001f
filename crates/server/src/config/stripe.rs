//! Settings of Stripe: a key and a webhook's secret, or neither.

use secrecy::SecretString;
use tollgate_payment::providers::stripe::StripeConfig;
use url::Url;

use super::AppEnv;
use super::reader::Reader;

const KEY: &str = "STRIPE_SECRET_KEY";
const WEBHOOK: &str = "STRIPE_WEBHOOK_SECRET";
const BASE: &str = "https://api.stripe.com";
const TAG: &str = "tollgate";

impl Reader {
    /// What takes money by Stripe, if anything of it is set. The shapes are checked by the rail itself.
    pub(super) fn stripe(&mut self, app_env: AppEnv) -> Option<StripeConfig> {
        let (key, secrets) = (self.text(KEY), self.text(WEBHOOK));
        let base: Option<Url> = self.parsed("STRIPE_GATEWAY", "is not an address", BASE);
        let tags = self.text("STRIPE_APP_TAG");
        let allow_test_key = self.word(
            "STRIPE_ALLOW_TEST_KEY",
            &[("true", true), ("false", false)],
            "STRIPE_ALLOW_TEST_KEY=true",
        );
        if key.is_none() && secrets.is_none() {
            return None;
        }
        for (variable, text) in [(KEY, &key), (WEBHOOK, &secrets)] {
            if text.is_none() {
                let reason = "is missing, and other settings of Stripe are set";
                self.fault(variable, reason, "");
            }
        }
        let base = base?;
        if !matches!(base.scheme(), "http" | "https")
            || (app_env == AppEnv::Production && base.scheme() != "https")
        {
            self.fault("STRIPE_GATEWAY", "must be https", BASE);
        }
        // An empty one between two commas stays, and is a fault.
        let secrets = secrets?;
        let secrets = secrets
            .split(',')
            .map(|secret| SecretString::from(secret.trim()));
        let tags = tags.as_deref().map(|tags| tags.split(','));
        let mut tags = tags.into_iter().flatten().map(|tag| tag.trim().to_owned());
        Some(StripeConfig {
            secret_key: SecretString::from(key?.trim()),
            webhook_secrets: secrets.collect(),
            api_base: base,
            app_tag: tags.next().unwrap_or_else(|| TAG.to_owned()),
            former_tags: tags.collect(),
            allow_test_key: app_env != AppEnv::Production || allow_test_key.unwrap_or(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use secrecy::ExposeSecret as _;
    use tollgate_kernel::clock::{Clock, Timestamp};
    use tollgate_payment::providers::stripe::Stripe;

    use super::*;
    use crate::config::{Config, Faults};

    /// A key of this mode; in no source does one stand in one piece.
    fn key(mode: &str) -> String {
        ["sk", mode, "0123456789abcdef"].join("_")
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Config, Faults> {
        let pairs = pairs.iter();
        let env: BTreeMap<String, String> = pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::from_layers(env, Path::new("/nonexistent/.env"))
    }

    /// What the rail itself says of the settings.
    fn told(config: &StripeConfig) -> String {
        let at = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        match Stripe::new(config, Clock::fixed(at)) {
            Ok(_) => String::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn several_secrets_stand_beside_each_other() {
        let secrets = "whsec_0123456789, whsec_9876543210";
        let set = read(&[(KEY, &key("test")), (WEBHOOK, secrets)]).expect("good");
        let stripe = set.stripe.expect("set");
        let secrets: Vec<_> = stripe.webhook_secrets.iter().collect();
        assert_eq!(secrets.len(), 2);
        assert_eq!(secrets[1].expose_secret(), "whsec_9876543210");
        assert_eq!(stripe.api_base.as_str(), "https://api.stripe.com/");
        assert_eq!(stripe.app_tag, "tollgate");
        assert_eq!(told(&stripe), "");
        assert!(read(&[]).expect("good").stripe.is_none());
    }

    #[test]
    fn line_60_half_of_it_names_what_is_missing_and_an_empty_secret_is_a_fault() {
        for (set, value, missing) in [
            (KEY, key("test"), WEBHOOK),
            (WEBHOOK, "whsec_0123456789".to_owned(), KEY),
        ] {
            let faults = read(&[(set, &value)]).expect_err("half").to_string();
            assert!(
                faults.contains(&format!("{missing}: is missing")),
                "{faults}"
            );
        }
        for secrets in ["whsec_0123456789,", ",whsec_0123456789", ","] {
            let set = read(&[(KEY, &key("test")), (WEBHOOK, secrets)]).expect("whole");
            let faults = told(&set.stripe.expect("set"));
            assert!(
                faults.contains("STRIPE_WEBHOOK_SECRET: is empty"),
                "{faults}"
            );
        }
        for base in ["ftp://x.example", "nowhere"] {
            let all = [(KEY, key("test")), (WEBHOOK, "whsec_0123456789".to_owned())];
            let mut all: Vec<_> = all
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            all.push(("STRIPE_GATEWAY", base));
            let faults = read(&all).expect_err("wrong").to_string();
            assert!(faults.contains("STRIPE_GATEWAY: "), "{faults}");
        }
    }

    #[test]
    fn line_60_production_takes_no_test_key_unless_it_is_said() {
        let production = |mode: &str, more: &[(&str, &str)]| {
            let secret = key(mode);
            let mut all = vec![
                ("APP_ENV", "production"),
                (KEY, secret.as_str()),
                (WEBHOOK, "whsec_0123456789"),
            ];
            all.extend(more);
            read(&all).map(|config| told(&config.stripe.expect("set")))
        };
        let refused = production("test", &[]).expect("whole");
        assert!(
            refused.contains("STRIPE_SECRET_KEY: is a key of test mode"),
            "{refused}"
        );
        let said = production("test", &[("STRIPE_ALLOW_TEST_KEY", "true")]);
        assert_eq!(said.expect("whole"), "");
        assert_eq!(production("live", &[]).expect("whole"), "");
        assert!(production("live", &[("STRIPE_GATEWAY", "http://x.example")]).is_err());
        assert!(production("test", &[("STRIPE_ALLOW_TEST_KEY", "perhaps")]).is_err());
    }

    #[test]
    fn a_configured_rail_leaves_no_room_for_the_sandbox() {
        let set = read(&[(KEY, &key("test")), (WEBHOOK, "whsec_0123456789")]).expect("good");
        assert!(!set.has_sandbox());
    }
}
