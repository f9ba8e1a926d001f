//! Settings of accounts, sessions and keys.

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::SecretString;
use tollgate_auth::model::user::Email;
use tollgate_auth::{AuthConfig, JwtKey, Registration};

use super::reader::Reader;

/// Accounts, sessions and keys.
///
/// ```
/// # use std::path::Path;
/// use tollgate::config::Config;
///
/// # fn main() -> Result<(), tollgate::config::Faults> {
/// let env = [("ADMIN_EMAIL", "ops@shop.example"), ("RATE_LIMIT_PER_MINUTE", "0")];
/// let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
/// let accounts = Config::from_layers(env.into(), Path::new("/nowhere/.env"))?.accounts;
/// assert_eq!(accounts.admin_email.as_str(), "ops@shop.example");
/// assert_eq!(accounts.calls_per_minute, None);
/// assert_eq!(accounts.access_token_ttl.as_secs(), 900);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct AccountSettings {
    /// What signs access tokens.
    pub jwt: JwtKey,
    /// Of an access token.
    pub access_token_ttl: Duration,
    /// Of a refresh token.
    pub refresh_token_ttl: Duration,
    /// Of password hashes.
    pub bcrypt_cost: u32,
    /// Hashes that take no time and are worth nothing, for a host's tests
    /// ([`weak_hashing_for_tests`](tollgate_auth::AuthBuilder::weak_hashing_for_tests)). No setting turns it on.
    pub weak_hashing_for_tests: bool,
    /// Who may register.
    pub registration: Registration,
    /// What API keys begin with.
    pub api_key_prefix: String,
    /// What API keys may be limited to beside the scopes of the house.
    pub api_key_scopes: Vec<String>,
    /// Whether staff hold nothing until they have a second factor.
    pub require_staff_second_factor: bool,
    /// Calls of one caller in a minute; `None`: as many as they like.
    pub calls_per_minute: Option<NonZeroU32>,
    /// Of the first admin.
    pub admin_email: Email,
    /// Of the first admin; `None`: a new one at every start until an admin has signed in.
    pub admin_password: Option<SecretString>,
}

impl AccountSettings {
    /// As the module wants them.
    pub(crate) fn auth_config(&self, public_url: &str, livemode: bool) -> AuthConfig {
        let mut config = AuthConfig::new(public_url);
        config.access_token_ttl = self.access_token_ttl;
        config.refresh_token_ttl = self.refresh_token_ttl;
        config.jwt = self.jwt.clone();
        config.bcrypt_cost = self.bcrypt_cost;
        config.api_key_prefix.clone_from(&self.api_key_prefix);
        config
            .api_key_scopes
            .extend_from_slice(&self.api_key_scopes);
        config.registration = self.registration;
        config.require_staff_second_factor = self.require_staff_second_factor;
        config.calls_per_minute = self.calls_per_minute;
        config.livemode = livemode;
        config
    }
}

impl Reader {
    pub(super) fn accounts(&mut self) -> AccountSettings {
        let minutes = self.number("ACCESS_TOKEN_EXPIRE_MINUTES", 1, 1_440, "15");
        let days = self.number("REFRESH_TOKEN_EXPIRE_DAYS", 1, 90, "7");
        let calls = self.number("RATE_LIMIT_PER_MINUTE", 0, 1_000_000, "600");
        let registration = self.word(
            "REGISTRATION",
            &[
                ("open", Registration::Open),
                ("invite", Registration::Invite),
                ("closed", Registration::Closed),
            ],
            "REGISTRATION=open",
        );
        AccountSettings {
            jwt: self.jwt(),
            access_token_ttl: Duration::from_secs(minutes.saturating_mul(60)),
            refresh_token_ttl: Duration::from_secs(days.saturating_mul(86_400)),
            bcrypt_cost: u32::try_from(self.number("BCRYPT_COST", 12, 20, "12")).unwrap_or(12),
            weak_hashing_for_tests: false,
            registration: registration.unwrap_or(Registration::Closed),
            api_key_prefix: self.api_key_prefix(),
            api_key_scopes: self.api_key_scopes(),
            require_staff_second_factor: self
                .word(
                    "REQUIRE_STAFF_SECOND_FACTOR",
                    &[("true", true), ("false", false)],
                    "REQUIRE_STAFF_SECOND_FACTOR=true",
                )
                .unwrap_or(true),
            calls_per_minute: u32::try_from(calls).ok().and_then(NonZeroU32::new),
            admin_email: self.admin_email(),
            admin_password: self.text("ADMIN_PASSWORD").map(SecretString::from),
        }
    }

    fn admin_email(&mut self) -> Email {
        let example = "ADMIN_EMAIL=me@example.com";
        let email = self.parsed("ADMIN_EMAIL", "is not an e-mail address", example);
        email.unwrap_or_else(|| "admin@localhost".parse().expect("an address"))
    }

    fn api_key_prefix(&mut self) -> String {
        let prefix = self
            .text("API_KEY_PREFIX")
            .unwrap_or_else(|| "sk".to_owned());
        if prefix.len() > 16 || !prefix.bytes().all(|byte| byte.is_ascii_lowercase()) {
            self.fault(
                "API_KEY_PREFIX",
                "must be 1 to 16 of a-z",
                "API_KEY_PREFIX=sk",
            );
        }
        prefix
    }

    /// `reports, images.read`
    fn api_key_scopes(&mut self) -> Vec<String> {
        let text = self.text("API_KEY_SCOPES").unwrap_or_default();
        let names = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let names: Vec<String> = names.map(str::to_owned).collect();
        let plain = |byte: u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || [b'.', b'_', b'-', b':'].contains(&byte)
        };
        if names.len() > 50
            || names
                .iter()
                .any(|name| name.len() > 64 || !name.bytes().all(plain))
        {
            self.fault(
                "API_KEY_SCOPES",
                "must be at most 50 names of up to 64 of a-z 0-9 . _ - :",
                "API_KEY_SCOPES=reports,images.read",
            );
        }
        names
    }
}
