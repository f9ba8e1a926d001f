//! Layered settings → the two modules, joined, with the look-alikes beside them.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;

use tollgate_auth::mailer::Mailer;
use tollgate_auth::{AuthService, Method};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchange;
use tollgate_kernel::ids::Ids;
use tollgate_payment::providers::PaymentProvider;
use tollgate_payment::{PaymentConfig, PaymentService};
use tollgate_sandbox::Sandbox;
use tollgate_storage::db::Db;
use tollgate_storage::time;
use tollgate_storage::url::DatabaseUrl;

use crate::browser::CorsOrigins;
use crate::config::{AppEnv, Config, Faults};
use crate::modules::{DefaultPlan, OneMailbox, PlanEntitlements};
use crate::proxied::Tollgates;
use crate::start::{StartError, data_dir, master_key};
use crate::{mail, rails, samples, sandbox_clock};

/// Both modules, and what they stand on.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) auth: AuthService,
    pub(crate) payment: PaymentService,
    pub(crate) sandbox: Option<Sandbox>,
    /// Letters are shown in the sandbox instead of leaving.
    pub(crate) has_mailbox: bool,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) exchange: Exchange,
    pub(crate) cors_origins: CorsOrigins,
    pub(crate) public_url: String,
    pub(crate) database: DatabaseUrl,
    _lock: Option<File>,
}

/// What is not in the settings.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) providers: Vec<Arc<dyn PaymentProvider>>,
    pub(crate) methods: Vec<Arc<dyn Method>>,
    pub(crate) mailer: Option<Arc<dyn Mailer>>,
}

impl Whole {
    /// `local`: where the look-alikes are called, which answer at this very service.
    pub(crate) async fn open(
        config: &Config,
        brought: Brought,
        local: SocketAddr,
    ) -> Result<Self, StartError> {
        let lock = data_dir(config)?;
        let (clock, entropy) = (brought.clock, brought.entropy);
        let public_url = config.public_url.as_ref().map_or_else(
            || format!("http://localhost:{}", local.port()),
            |url| url.as_str().trim_end_matches('/').to_owned(),
        );
        let key = master_key(config, &entropy)?;
        let db = Db::open(&config.database, config.database_max_connections).await?;
        time::keep(&db, &clock).await?;
        let sandbox = if config.has_sandbox() {
            Some(rails::open_sandbox(config, &public_url, &clock, &entropy).await?)
        } else {
            None
        };
        let people = Arc::new(OneMailbox::default());
        let settings = payment_config(config, &public_url, sandbox.is_none());
        let mut payment = PaymentService::builder(db.clone(), key.clone(), settings)
            .clock(clock.clone())
            .entropy(entropy.clone())
            .people(people.clone());
        let rails = rails::providers(
            config,
            &clock,
            &entropy,
            sandbox.as_ref(),
            local,
            &public_url,
        )?;
        for provider in rails.into_iter().chain(brought.providers) {
            payment = payment.provider(provider);
        }
        let payment = payment.build().await?;
        if sandbox.is_some() {
            sandbox_clock::catch_up(&db, &clock).await?;
        }
        let accounts = config.accounts.auth_config(&public_url, sandbox.is_none());
        let mut auth = AuthService::builder(db.clone(), key, accounts)
            .clock(clock.clone())
            .entropy(entropy.clone())
            .entitlements(Arc::new(PlanEntitlements(payment.clone())))
            .newcomers(Arc::new(DefaultPlan(payment.clone())));
        for method in brought.methods {
            auth = auth.method(method);
        }
        let has_mailbox = sandbox.is_some() && config.mail.is_none() && brought.mailer.is_none();
        let mailer = match brought.mailer {
            Some(mailer) => Some(mailer),
            None => mail::mailer(config, &public_url, sandbox.as_ref())
                .map_err(|error| Faults::one("SMTP_URL", error.to_string()))?,
        };
        if let Some(mailer) = mailer {
            auth = auth.mailer(mailer);
        }
        #[cfg(feature = "redis")]
        if let Some(url) = &config.redis {
            auth = auth.redis(url.clone());
        }
        let auth = auth.build().await?;
        people.asks(&auth);
        if config.app_env == AppEnv::Development {
            payment.seed_plans(&samples::plans()).await?;
        }
        let exchange = Exchange::new(
            Ids::new(clock.clone(), entropy.clone()),
            config.default_language,
            &format!("{public_url}/docs/errors"),
        );
        Ok(Self {
            auth,
            payment,
            sandbox,
            has_mailbox,
            db,
            clock,
            entropy,
            exchange,
            cors_origins: config.cors_origins.clone(),
            public_url,
            database: config.database.clone(),
            _lock: lock,
        })
    }

    /// As proxied calls are judged.
    pub(crate) fn tollgates(&self) -> Tollgates {
        Tollgates {
            auth: self.auth.clone(),
            payment: self.payment.clone(),
        }
    }
}

fn payment_config(config: &Config, public_url: &str, livemode: bool) -> PaymentConfig {
    let mut settings = PaymentConfig::new(public_url);
    settings.livemode = livemode;
    settings.zone = config.zone;
    settings.language = config.default_language;
    settings.currency = config.default_currency;
    settings.order_expiry = config.order_expiry;
    settings.hold_time = config.hold_time;
    settings.usage_retention = config.usage_retention;
    // Nobody's hooks lie behind a sandbox but those of its developer.
    settings.webhook_allow_private = config.webhook_allow_private || config.has_sandbox();
    settings.return_origins.extend(config.cors_origins.listed());
    settings
}
