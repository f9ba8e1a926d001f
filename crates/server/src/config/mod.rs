//! Settings: layered, typed, and checked at the start; all faults are told together.

mod accounts;
mod alipay;
mod database;
mod elsewhere;
mod fault;
mod logs;
mod mail;
mod reader;
mod redis;
mod seller;
mod shown;
mod stripe;
mod tokens;
mod unknown;
mod wechat;
#[cfg(test)]
mod whole;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono_tz::Tz;
use tollgate_kernel::money::Currency;
use tollgate_kernel::text::Language;
use tollgate_payment::PaymentConfig;
use tollgate_payment::model::hold::HoldTime;
use tollgate_payment::providers::alipay::AlipayConfig;
use tollgate_payment::providers::stripe::StripeConfig;
use tollgate_payment::providers::wechat::WechatConfig;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::url::DatabaseUrl;
use url::Url;

pub use self::accounts::AccountSettings;
pub use self::fault::{Fault, Faults};
pub use self::mail::MailSettings;
use self::reader::Reader;
pub use self::seller::Seller;
pub use self::shown::{From, Shown, shown};
pub use self::unknown::Unknown;
use crate::alone::Elsewhere;
use crate::browser::CorsOrigins;
use crate::client_address::TrustedProxies;

/// Every setting with its default; its comments are the manual.
///
/// ```
/// use tollgate::config::DEFAULTS;
///
/// assert!(DEFAULTS.lines().any(|line| line == "port = 8080"));
/// ```
pub const DEFAULTS: &str = include_str!("../../config.default.toml");
const FILE: &str = "tollgate.toml";
/// A month's calls can be looked at, and given back.
const LEAST_RETENTION_DAYS: u64 = 31;

/// Every setting by its name in lower case, as it stands in [`DEFAULTS`].
fn defaults() -> BTreeMap<String, config::Value> {
    let file = config::File::from_str(DEFAULTS, config::FileFormat::Toml);
    let built = config::Config::builder().add_source(file).build();
    let read = built.and_then(config::Config::try_deserialize);
    read.expect("the defaults are a file of settings")
}

/// Whether mistakes may be forgiven.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use std::path::Path;
/// use tollgate::config::{AppEnv, Config};
///
/// # fn main() -> Result<(), tollgate::config::Faults> {
/// let env = BTreeMap::from([("APP_ENV".to_owned(), "production".to_owned())]);
/// let config = Config::from_layers(env, Path::new("/nowhere/.env"))?;
/// assert_eq!(config.app_env, AppEnv::Production);
/// assert!(config.log_json, "read by programs there");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppEnv {
    /// On somebody's desk.
    Development,
    /// With real buyers.
    Production,
}

/// Whether the gateways are look-alikes.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use std::path::Path;
/// use tollgate::config::{Config, SandboxMode};
///
/// # fn main() -> Result<(), tollgate::config::Faults> {
/// let env = BTreeMap::from([("SANDBOX".to_owned(), "off".to_owned())]);
/// let config = Config::from_layers(env, Path::new("/nowhere/.env"))?;
/// assert_eq!(config.sandbox, SandboxMode::Off);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxMode {
    /// On when the listener is loopback and no provider is configured.
    Auto,
    /// On.
    On,
    /// Off.
    Off,
}

/// Everything that can be set.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::path::Path;
/// use tollgate::config::{AppEnv, Config, Faults};
///
/// # fn main() -> Result<(), Faults> {
/// // As of `PORT=9000`, without the files and variables of this process.
/// let env = BTreeMap::from([("PORT".to_owned(), "9000".to_owned())]);
/// let config = Config::from_layers(env, Path::new("/nowhere/.env"))?;
/// assert_eq!(config.addr.port(), 9000);
/// assert_eq!(config.app_env, AppEnv::Development);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Where files go.
    pub data_dir: PathBuf,
    /// Which database.
    pub database: DatabaseUrl,
    /// Connections to PostgreSQL.
    pub database_max_connections: u32,
    /// Where to listen.
    pub addr: SocketAddr,
    /// Where the service is reached; `None`: `http://localhost:<port>`.
    pub public_url: Option<Url>,
    /// Whether mistakes may be forgiven.
    pub app_env: AppEnv,
    /// Whether the gateways are look-alikes.
    pub sandbox: SandboxMode,
    /// `None`: made and kept in the data folder.
    pub master_key: Option<MasterKey>,
    /// Accounts, sessions and keys.
    pub accounts: AccountSettings,
    /// Which other origins' scripts may call.
    pub cors_origins: CorsOrigins,
    /// `None`: instances see in the database which sign-ins ended.
    #[cfg(feature = "redis")]
    pub redis: Option<tollgate_auth::RedisUrl>,
    /// Where the accounts are, for plans and payments alone. A fault counts for nobody else: an application may have
    /// these variables for itself.
    pub elsewhere: Result<Elsewhere, Faults>,
    /// `None`: letters stay in the sandbox, or are not written.
    pub mail: Option<MailSettings>,
    /// Who is paid, as buyers read it.
    pub seller: Seller,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// `None`: not configured.
    pub alipay: Option<AlipayConfig>,
    /// Whether events may go to private addresses.
    pub webhook_allow_private: bool,
    /// `None`: not configured.
    pub wechat: Option<WechatConfig>,
    /// `None`: not configured.
    pub stripe: Option<StripeConfig>,
    /// How long a buyer may take.
    pub order_expiry: Duration,
    /// How long units are set aside when nobody says.
    pub hold_time: HoldTime,
    /// How long the usage log is kept; `None`: for ever.
    pub usage_retention: Option<Duration>,
    /// Whose calendar.
    pub zone: Tz,
    /// Where a request asks for neither.
    pub default_language: Language,
    /// Where a price or a sum names none.
    pub default_currency: Currency,
    /// Where the program serves its figures; `None`: nowhere.
    pub metrics_addr: Option<SocketAddr>,
    /// The collector of spans; `None`: nobody is told.
    #[cfg(feature = "otel")]
    pub traces: Option<Url>,
    /// A filter of tracing-subscriber.
    pub log_filter: String,
    /// One JSON object a line.
    pub log_json: bool,
    /// Variables that look like settings and are none.
    pub unknown: Vec<Unknown>,
    /// All of them as they are shown to whoever runs the service, without secrets.
    pub shown: Vec<Shown>,
}

impl Config {
    /// Whether the look-alikes of the gateways stand in for them.
    pub(crate) fn has_sandbox(&self) -> bool {
        match self.sandbox {
            SandboxMode::On => true,
            SandboxMode::Off => false,
            SandboxMode::Auto => {
                let configured =
                    self.alipay.is_some() || self.wechat.is_some() || self.stripe.is_some();
                // Behind a proxy the listener is loopback too, and the world is there.
                let is_desk = self.app_env == AppEnv::Development;
                is_desk && self.addr.ip().is_loopback() && !configured
            }
        }
    }

    /// How plans and payments behave.
    pub(crate) fn payment_config(&self, public_url: &str, livemode: bool) -> PaymentConfig {
        let mut config = PaymentConfig::new(public_url);
        config.livemode = livemode;
        config.zone = self.zone;
        config.language = self.default_language;
        config.currency = self.default_currency;
        config.order_expiry = self.order_expiry;
        config.hold_time = self.hold_time;
        config.usage_retention = self.usage_retention;
        // Nobody's hooks lie behind a sandbox but those of its developer.
        config.webhook_allow_private = self.webhook_allow_private || self.has_sandbox();
        config.return_origins.extend(self.cors_origins.listed());
        config
    }

    /// From the files and the environment of this process.
    ///
    /// ```
    /// # use tollgate::config::{Config, Faults};
    /// fn settings() -> Result<Config, Faults> {
    ///     let config = Config::from_env()?;
    ///     for unknown in &config.unknown {
    ///         eprintln!("{unknown}");
    ///     }
    ///     Ok(config)
    /// }
    /// ```
    ///
    /// # Errors
    /// Every setting that cannot be used.
    pub fn from_env() -> Result<Self, Faults> {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::from_layers(env, Path::new(".env"))
    }

    /// From `env` over the files it leads to.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use std::path::Path;
    /// use tollgate::config::Config;
    ///
    /// // All faults are told together.
    /// let env = [("PORT", "many"), ("APP_ENV", "holiday")];
    /// let env: BTreeMap<String, String> =
    ///     env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    /// let faults = Config::from_layers(env, Path::new("/nowhere/.env")).unwrap_err();
    /// assert!(faults.to_string().contains("PORT"));
    /// assert!(faults.to_string().contains("APP_ENV"));
    /// ```
    ///
    /// # Errors
    /// Every setting that cannot be used.
    pub fn from_layers(env: BTreeMap<String, String>, dotenv: &Path) -> Result<Self, Faults> {
        let shown = shown(&env, dotenv)?;
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        if let Ok(entries) = dotenvy::from_path_iter(dotenv) {
            for entry in entries {
                let (name, value) =
                    entry.map_err(|error| Faults::one(".env", error.to_string()))?;
                values.insert(name.to_lowercase(), value);
            }
        }
        values.extend(
            env.into_iter()
                .map(|(name, value)| (name.to_lowercase(), value)),
        );
        let file = values
            .get("config_file")
            .cloned()
            .unwrap_or_else(|| FILE.to_owned());
        let required = values.contains_key("config_file");
        let layers = config::Config::builder()
            .add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml))
            .add_source(config::File::new(&file, config::FileFormat::Toml).required(required))
            .build()
            .map_err(|error| Faults::one("CONFIG_FILE", error.to_string()))?;
        let mut reader = Reader {
            values,
            layers,
            faults: Vec::new(),
        };
        Ok(Self {
            shown,
            ..reader.read()?
        })
    }
}

impl Reader {
    fn read(&mut self) -> Result<Config, Faults> {
        let data_dir = PathBuf::from(self.text("DATA_DIR").unwrap_or_else(|| "./data".to_owned()));
        let database = self.database(&data_dir);
        let app_env = self.word(
            "APP_ENV",
            &[
                ("development", AppEnv::Development),
                ("production", AppEnv::Production),
            ],
            "APP_ENV=production",
        );
        let app_env = app_env.unwrap_or(AppEnv::Development);
        let sandbox = self.word(
            "SANDBOX",
            &[
                ("auto", SandboxMode::Auto),
                ("on", SandboxMode::On),
                ("off", SandboxMode::Off),
            ],
            "SANDBOX=auto",
        );
        let config = Config {
            database_max_connections: u32::try_from(self.number(
                "DATABASE_MAX_CONNECTIONS",
                2,
                1_000,
                "16",
            ))
            .unwrap_or(16),
            addr: self.addr(),
            public_url: self.public_url(app_env),
            sandbox: sandbox.unwrap_or(SandboxMode::Auto),
            master_key: self.master_key(&database, app_env),
            accounts: self.accounts(),
            cors_origins: self.cors_origins(app_env),
            #[cfg(feature = "redis")]
            redis: self.redis(),
            elsewhere: self.elsewhere(app_env),
            mail: self.mail(),
            seller: self.seller(),
            trusted_proxies: self
                .parsed(
                    "TRUSTED_PROXIES",
                    "is not a list of addresses and networks",
                    "10.0.0.0/8, 192.0.2.7",
                )
                .unwrap_or_default(),
            alipay: self.alipay(app_env),
            webhook_allow_private: self.webhook_allow_private(),
            wechat: self.wechat(app_env),
            stripe: self.stripe(app_env),
            order_expiry: Duration::from_secs(
                self.number("ORDER_EXPIRE_MINUTES", 2, 120, "30")
                    .saturating_mul(60),
            ),
            hold_time: self.hold_time(),
            usage_retention: self.usage_retention(),
            zone: self
                .parsed(
                    "DISPLAY_TIMEZONE",
                    "is not a time zone of the IANA list",
                    "Asia/Shanghai",
                )
                .unwrap_or(Tz::UTC),
            default_language: self
                .word(
                    "DEFAULT_LOCALE",
                    &[("zh", Language::Zh), ("en", Language::En)],
                    "DEFAULT_LOCALE=zh",
                )
                .unwrap_or_default(),
            default_currency: self.default_currency(),
            unknown: self.unknown(),
            shown: Vec::new(),
            metrics_addr: self.parsed("METRICS_ADDR", "is not host:port", "127.0.0.1:9464"),
            #[cfg(feature = "otel")]
            traces: self.traces(),
            log_filter: self.log_filter(),
            log_json: self
                .word(
                    "LOG_FORMAT",
                    &[("pretty", false), ("json", true)],
                    "LOG_FORMAT=json",
                )
                .unwrap_or(app_env == AppEnv::Production),
            data_dir,
            database,
            app_env,
        };
        #[cfg(not(feature = "redis"))]
        self.no_redis();
        if self.faults.is_empty() {
            Ok(config)
        } else {
            Err(Faults(std::mem::take(&mut self.faults)))
        }
    }

    fn webhook_allow_private(&mut self) -> bool {
        let words = [("true", true), ("false", false)];
        let allowed = self.word(
            "WEBHOOK_ALLOW_PRIVATE",
            &words,
            "WEBHOOK_ALLOW_PRIVATE=true",
        );
        allowed.unwrap_or(false)
    }

    fn default_currency(&mut self) -> Currency {
        let reason = "is not a currency code of ISO 4217 in upper case";
        let currency = self.parsed("DEFAULT_CURRENCY", reason, "CNY");
        currency.unwrap_or(Currency::CNY)
    }

    /// The names of the settings are those that have a default.
    fn unknown(&self) -> Vec<Unknown> {
        let known: Vec<String> = defaults().into_keys().collect();
        let layers: BTreeMap<String, config::Value> =
            self.layers.clone().try_deserialize().unwrap_or_default();
        let mut unknown = unknown::of_file(layers.into_keys(), &known);
        unknown.extend(unknown::of_environment(&self.values, &known));
        unknown
    }

    fn usage_retention(&mut self) -> Option<Duration> {
        let days = self.number("USAGE_RETENTION_DAYS", 0, 36_500, "400");
        if (1..LEAST_RETENTION_DAYS).contains(&days) {
            self.fault(
                "USAGE_RETENTION_DAYS",
                format!("{days} is less than {LEAST_RETENTION_DAYS}; 0 keeps it for ever"),
                "400",
            );
        }
        let hours = days.saturating_mul(24);
        (days > 0).then(|| Duration::from_hours(hours))
    }

    fn cors_origins(&mut self, app_env: AppEnv) -> CorsOrigins {
        let example = "CORS_ORIGINS=https://app.example.com";
        let origins = self.parsed("CORS_ORIGINS", "is not a list of origins", example);
        if origins == Some(CorsOrigins::Any) && app_env == AppEnv::Production {
            let reason = "* lets every website call with a visitor's token: name the origins";
            self.fault("CORS_ORIGINS", reason, example);
        }
        origins.unwrap_or_default()
    }

    fn addr(&mut self) -> SocketAddr {
        let own = self.parsed("ADDR", "is not host:port", "127.0.0.1:8080");
        let host = self
            .parsed("HOST", "is not an IP address", "127.0.0.1")
            .unwrap_or([127, 0, 0, 1].into());
        let port = self.parsed("PORT", "is not a port", "8080").unwrap_or(8080);
        own.unwrap_or(SocketAddr::new(host, port))
    }

    fn public_url(&mut self, app_env: AppEnv) -> Option<Url> {
        let url: Url = self.parsed("PUBLIC_URL", "is not an address", "https://pay.example.com")?;
        let web = matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.fragment().is_none();
        if !web || url.host().is_none() {
            self.fault(
                "PUBLIC_URL",
                "must be http or https, without ? and #",
                "https://pay.example.com",
            );
        } else if app_env == AppEnv::Production && url.scheme() != "https" {
            self.fault(
                "PUBLIC_URL",
                "must be https in production",
                "https://pay.example.com",
            );
        }
        Some(url)
    }

    fn hold_time(&mut self) -> HoldTime {
        let seconds = self.number("RESERVATION_TTL_SECONDS", 1, 86_400, "600");
        let time = i64::try_from(seconds).ok().map(HoldTime::seconds);
        time.and_then(Result::ok).unwrap_or(HoldTime::USUAL)
    }

    fn master_key(&mut self, database: &DatabaseUrl, app_env: AppEnv) -> Option<MasterKey> {
        let Some(text) = self.text("MASTER_KEY") else {
            if matches!(database, DatabaseUrl::Postgres(_)) && app_env == AppEnv::Production {
                self.fault(
                    "MASTER_KEY",
                    "must be set with PostgreSQL in production, the same on every instance",
                    "the output of: openssl rand -base64 32",
                );
            }
            return None;
        };
        let key = MasterKey::parse(&text).ok();
        if key.is_none() {
            self.fault(
                "MASTER_KEY",
                "is not 32 bytes in base64",
                "the output of: openssl rand -base64 32",
            );
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use tollgate_auth::{JwtAlgorithm, JwtKey};

    use super::tokens::SAMPLE_SECRET;
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, Faults> {
        let env = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::from_layers(env, Path::new("/nonexistent/.env"))
    }

    #[test]
    fn nothing_configured_is_a_whole_configuration() {
        let config = read(&[]).expect("defaults");
        assert_eq!(config.addr.to_string(), "127.0.0.1:8080");
        assert_eq!(config.database.shown(), "SQLite ./data/tollgate.db");
        assert!(config.alipay.is_none() && config.master_key.is_none());
        assert_eq!(config.accounts.access_token_ttl, Duration::from_mins(15));
        let days = |days: u64| Duration::from_hours(days * 24);
        assert_eq!(config.usage_retention, Some(days(400)));
        let kept =
            |days| read(&[("USAGE_RETENTION_DAYS", days)]).map(|config| config.usage_retention);
        assert_eq!(kept("0").ok(), Some(None));
        assert_eq!(kept("31").ok(), Some(Some(days(31))));
        assert!(matches!(
            config.accounts.jwt,
            JwtKey::Generated(JwtAlgorithm::Rs256)
        ));
    }

    #[test]
    fn nobody_is_sold_to_in_the_sandbox_of_a_production() {
        let has = |pairs: &[(&str, &str)]| read(pairs).expect("settings").has_sandbox();
        assert!(has(&[]));
        assert!(!has(&[("APP_ENV", "production")]));
        assert!(!has(&[("ADDR", "0.0.0.0:8080")]));
        assert!(!has(&[("SANDBOX", "off")]));
        assert!(
            has(&[("APP_ENV", "production"), ("SANDBOX", "on")]),
            "who asks for it has it"
        );
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_variable() {
        let faults = read(&[
            ("DATABASE_URL", "mysql://x"),
            ("PORT", "eighty"),
            ("APP_ENV", "staging"),
            ("JWT_SECRET_KEY", SAMPLE_SECRET),
            ("MASTER_KEY", "short"),
            ("BCRYPT_COST", "4"),
            ("PUBLIC_URL", "ftp://x"),
            ("DISPLAY_TIMEZONE", "Mars"),
            ("ALIPAY_APP_ID", "1"),
            ("USAGE_RETENTION_DAYS", "30"),
        ])
        .expect_err("faults")
        .to_string();
        for variable in [
            "DATABASE_URL",
            "PORT",
            "APP_ENV",
            "JWT_SECRET_KEY",
            "MASTER_KEY",
            "BCRYPT_COST",
            "PUBLIC_URL",
            "DISPLAY_TIMEZONE",
            "USAGE_RETENTION_DAYS",
            "ALIPAY_PRIVATE_KEY",
            "ALIPAY_PUBLIC_KEY",
        ] {
            assert!(
                faults.contains(&format!("{variable}: ")),
                "{variable} is not in\n{faults}"
            );
        }
    }

    #[test]
    fn what_must_not_go_together_is_refused() {
        let secret = "s".repeat(32);
        assert!(read(&[("JWT_SECRET_KEY", &secret)]).is_ok());
        assert!(read(&[("JWT_SECRET_KEY", &secret), ("JWT_ALGORITHM", "RS256")]).is_err());
        assert!(read(&[("JWT_SECRET_KEY", &secret), ("JWT_SECRET_KEY_FILE", "x")]).is_err());
        assert!(
            read(&[
                ("APP_ENV", "production"),
                ("DATABASE_URL", "postgresql://db/x")
            ])
            .is_err()
        );
        assert!(
            read(&[
                ("APP_ENV", "production"),
                ("PUBLIC_URL", "http://x.example")
            ])
            .is_err()
        );
    }

    #[test]
    fn a_secret_may_lie_in_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        std::fs::write(&file, format!("{}\n", "s".repeat(40))).expect("written");
        let config = read(&[("JWT_SECRET_KEY_FILE", file.to_str().expect("text"))]).expect("read");
        assert!(
            matches!(config.accounts.jwt, JwtKey::Hs256(secret) if secret.expose_secret().len() == 40)
        );
    }
}
