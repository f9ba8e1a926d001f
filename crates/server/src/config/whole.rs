//! Every setting is there, and says what is wrong with it.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Config, defaults};

/// A value that cannot be used, of every setting of which not every text will do.
const BAD: &[(&str, &str)] = &[
    ("DATABASE_URL", "mysql://x"),
    ("DATABASE_SCHEMA", "My Shop"),
    ("DATABASE_MAX_CONNECTIONS", "0"),
    ("ADDR", "8080"),
    ("HOST", "localhost"),
    ("PORT", "eighty"),
    ("PUBLIC_URL", "pay.example.com"),
    ("APP_ENV", "staging"),
    ("SANDBOX", "yes"),
    ("MASTER_KEY", "short"),
    ("JWT_SECRET_KEY", "short"),
    ("JWT_PRIVATE_KEY", "/nonexistent/key.pem"),
    ("JWT_ALGORITHM", "none"),
    ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"),
    ("REFRESH_TOKEN_EXPIRE_DAYS", "week"),
    ("BCRYPT_COST", "4"),
    ("REDIS_URL", "http://redis.example"),
    ("REGISTRATION", "maybe"),
    ("CORS_ORIGINS", "app.example.com/x"),
    ("TRUSTED_PROXIES", "proxy"),
    ("REQUIRE_STAFF_SECOND_FACTOR", "1"),
    ("RATE_LIMIT_PER_MINUTE", "-1"),
    ("ADMIN_EMAIL", "me"),
    ("API_KEY_PREFIX", "SK"),
    ("API_KEY_SCOPES", "Reports"),
    ("SMTP_URL", "mail.example"),
    ("MAIL_FROM", "Shop"),
    ("SELLER_NAME", "Shop\nElsewhere"),
    ("SELLER_DETAILS", "Tax\tnumber"),
    ("ALIPAY_GATEWAY", "openapi"),
    ("WECHAT_GATEWAY", "api"),
    ("STRIPE_GATEWAY", "api"),
    ("STRIPE_ALLOW_TEST_KEY", "perhaps"),
    ("WEBHOOK_ALLOW_PRIVATE", "1"),
    ("ORDER_EXPIRE_MINUTES", "1"),
    ("RESERVATION_TTL_SECONDS", "0"),
    ("USAGE_RETENTION_DAYS", "30"),
    ("DISPLAY_TIMEZONE", "Mars"),
    ("DEFAULT_CURRENCY", "yuan"),
    ("DEFAULT_LOCALE", "fr"),
    ("METRICS_ADDR", ":9464"),
    #[cfg(feature = "otel")]
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
    ("LOG_LEVEL", "loud"),
    ("LOG_FORMAT", "xml"),
];
/// Any text will do for these by itself; what belongs together is looked at as a whole, and keys when their rail is put
/// together; accounts elsewhere when plans and payments are served alone.
const FREE: &[&str] = &[
    "DATA_DIR",
    "ADMIN_PASSWORD",
    "ALIPAY_APP_ID",
    "ALIPAY_PRIVATE_KEY",
    "ALIPAY_PUBLIC_KEY",
    "ALIPAY_APP_CERT_PATH",
    "ALIPAY_ALIPAY_CERT_PATH",
    "ALIPAY_ROOT_CERT_PATH",
    "ALIPAY_SELLER_ID",
    "WECHAT_APP_ID",
    "WECHAT_MCH_ID",
    "WECHAT_CERT_PATH",
    "WECHAT_KEY_PATH",
    "WECHAT_PUBLIC_KEY_ID",
    "WECHAT_PUBLIC_KEY_PATH",
    "WECHAT_API_KEY",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "STRIPE_APP_TAG",
    "TOLLGATE_URL",
    "TOLLGATE_SERVICE_KEY",
    #[cfg(not(feature = "otel"))]
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// Of a rail, nothing is looked at before one of its own is set.
const BESIDE: &[(&str, &str)] = &[
    ("ALIPAY_GATEWAY", "ALIPAY_APP_ID"),
    ("WECHAT_GATEWAY", "WECHAT_APP_ID"),
    ("STRIPE_GATEWAY", "STRIPE_SECRET_KEY"),
    ("STRIPE_ALLOW_TEST_KEY", "STRIPE_SECRET_KEY"),
    ("SMTP_URL", "MAIL_FROM"),
    ("MAIL_FROM", "SMTP_URL"),
];

#[test]
fn every_setting_has_a_default_and_tells_of_a_bad_value_with_reason_and_example() {
    let listed = BAD
        .iter()
        .map(|(name, _)| *name)
        .chain(FREE.iter().copied());
    let listed: BTreeSet<String> = listed.map(str::to_lowercase).collect();
    let known: BTreeSet<String> = defaults().into_keys().collect();
    assert_eq!(listed, known, "a setting is in neither list, or is none");
    for (name, value) in BAD {
        let beside = BESIDE.iter().filter(|(of, _)| of == name);
        let beside = beside.map(|(_, other)| ((*other).to_owned(), "x".to_owned()));
        let env = beside
            .chain([((*name).to_owned(), (*value).to_owned())])
            .collect();
        let faults = Config::from_layers(env, Path::new("/nonexistent/.env"));
        let faults = faults.expect_err(name).to_string();
        let own = faults
            .lines()
            .find(|line| line.starts_with(&format!("{name}: ")));
        let own = own.unwrap_or_else(|| panic!("{name} is not told of: {faults}"));
        assert!(own.contains("for example"), "{own}");
    }
}
