//! The settings of the rail, checked at the start; all faults are told together.

use secrecy::{ExposeSecret as _, SecretString};

const KEY: &str = "STRIPE_SECRET_KEY";
const WEBHOOK: &str = "STRIPE_WEBHOOK_SECRET";
const BASE: &str = "STRIPE_GATEWAY";
const TAG: &str = "STRIPE_APP_TAG";
/// What stands before a webhook's secret.
const WEBHOOK_PREFIX: &str = "whsec_";
/// A key of Stripe's is longer.
const SHORTEST: usize = 8;
/// Of a tag; a value of Stripe's metadata may be longer, nobody's tag is.
const LONGEST_TAG: usize = 40;

/// The settings of the design, under their own names.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// `STRIPE_SECRET_KEY`: `sk_test_…`, `sk_live_…`, or a restricted one, `rk_…`.
    pub secret_key: SecretString,
    /// `STRIPE_WEBHOOK_SECRET`: `whsec_…`; while one is rolled, the old and the new.
    pub webhook_secrets: Vec<SecretString>,
    /// `STRIPE_GATEWAY`: the address before `/v1/…`.
    pub api_base: url::Url,
    /// `STRIPE_APP_TAG`: what marks an object of Stripe's as ours, where other applications share the account.
    pub app_tag: String,
    /// Under which it was known before: what was agreed then goes on.
    pub former_tags: Vec<String>,
    /// `STRIPE_ALLOW_TEST_KEY`: whether a key of test mode will do. Where real goods are sold it will not: anybody can
    /// pay with a test card.
    pub allow_test_key: bool,
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct StripeSettingError {
    /// Which variable.
    pub variable: &'static str,
    /// Why.
    pub reason: String,
}

type Faults = Vec<StripeSettingError>;

fn fault(faults: &mut Faults, variable: &'static str, reason: impl Into<String>) {
    let reason = reason.into();
    faults.push(StripeSettingError { variable, reason });
}

/// Checks all of it; gives whether the key moves real money.
///
/// # Errors
/// Every setting that cannot work.
pub(super) fn check(config: &StripeConfig) -> Result<bool, Faults> {
    let mut faults = Faults::new();
    let livemode = livemode(config.secret_key.expose_secret())
        .map_err(|reason| fault(&mut faults, KEY, reason))
        .ok();
    if livemode == Some(false) && !config.allow_test_key {
        let reason = "is a key of test mode, and APP_ENV is production: anybody can pay with a test card. \
            STRIPE_ALLOW_TEST_KEY=true lets it in";
        fault(&mut faults, KEY, reason);
    }
    if config.webhook_secrets.is_empty() {
        let reason = "is missing: without it nothing tells a forged webhook from a genuine one";
        fault(&mut faults, WEBHOOK, reason);
    }
    for secret in &config.webhook_secrets {
        if let Err(reason) = webhook_secret(secret.expose_secret()) {
            fault(&mut faults, WEBHOOK, reason);
        }
    }
    let base = &config.api_base;
    if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
        fault(&mut faults, BASE, "is not an address of http or https");
    } else if base.query().is_some() || base.fragment().is_some() {
        fault(&mut faults, BASE, "must have no ? and no #");
    } else if livemode == Some(true) && base.scheme() != "https" {
        let reason =
            "must be https: STRIPE_SECRET_KEY is a live key, and would be sent in clear text";
        fault(&mut faults, BASE, reason);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let good = |tag: &String| (1..=LONGEST_TAG).contains(&tag.len()) && tag.bytes().all(plain);
    if !good(&config.app_tag) || !config.former_tags.iter().all(good) {
        let reason = "must be 1 to 40 letters, digits, full stops, hyphens and underscores";
        fault(&mut faults, TAG, reason);
    }
    match livemode {
        Some(livemode) if faults.is_empty() => Ok(livemode),
        _ => Err(faults),
    }
}

fn livemode(key: &str) -> Result<bool, &'static str> {
    let other = |prefix: &str| key.starts_with(prefix);
    if other("pk_") {
        return Err("is a publishable key; the secret one begins with sk_ or rk_");
    }
    if other(WEBHOOK_PREFIX) {
        return Err("is a webhook's secret; that one belongs into STRIPE_WEBHOOK_SECRET");
    }
    let rest = key.strip_prefix("sk_").or_else(|| key.strip_prefix("rk_"));
    let rest = rest.ok_or("is not a secret key of Stripe's: it begins with sk_ or rk_")?;
    let (livemode, random) = match (rest.strip_prefix("live_"), rest.strip_prefix("test_")) {
        (Some(random), _) => (true, random),
        (_, Some(random)) => (false, random),
        _ => {
            return Err(
                "says neither live nor test: a secret key begins with sk_live_ or sk_test_",
            );
        }
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if random.len() < SHORTEST || !random.bytes().all(plain) {
        return Err("is not whole: copy it again from the dashboard");
    }
    Ok(livemode)
}

fn webhook_secret(secret: &str) -> Result<(), &'static str> {
    if secret.is_empty() {
        return Err("is empty: anybody could sign with it");
    }
    if ["sk_", "rk_", "pk_"]
        .iter()
        .any(|prefix| secret.starts_with(prefix))
    {
        return Err("is an API key; the webhook's own secret begins with whsec_");
    }
    let random = secret
        .strip_prefix(WEBHOOK_PREFIX)
        .ok_or("is not a webhook's secret: it begins with whsec_")?;
    let plain = |byte: u8| byte.is_ascii_graphic();
    if random.len() < SHORTEST || !random.bytes().all(plain) {
        return Err("is not whole: copy it again from the dashboard");
    }
    Ok(())
}
