//! What every composition stands on: the folder and its lock, the database, the time, the look-alikes.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;

use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchange;
use tollgate_kernel::ids::Ids;
use tollgate_payment::providers::PaymentProvider;
use tollgate_payment::{PaymentConfig, PaymentService};
use tollgate_sandbox::Sandbox;
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::time;
use tollgate_storage::url::DatabaseUrl;

use crate::browser::CorsOrigins;
use crate::config::{Config, Faults};
use crate::metrics::Watched;
use crate::rails;
use crate::start::{StartError, data_dir, master_key};

/// The ground of a service.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) db: Db,
    pub(crate) key: MasterKey,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) exchange: Exchange,
    pub(crate) cors_origins: CorsOrigins,
    pub(crate) public_url: String,
    pub(crate) database: DatabaseUrl,
    pub(crate) sandbox: Option<Sandbox>,
    _lock: Option<File>,
}

impl Ground {
    /// `local`: where this very service answers.
    pub(crate) async fn open(
        config: &Config,
        clock: Clock,
        entropy: Entropy,
        local: SocketAddr,
    ) -> Result<Self, StartError> {
        let lock = data_dir(config)?;
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
        let exchange = Exchange::new(
            Ids::new(clock.clone(), entropy.clone()),
            config.default_language,
            &format!("{public_url}/docs/errors"),
        );
        Ok(Self {
            db,
            key,
            clock,
            entropy,
            exchange,
            cors_origins: config.cors_origins.clone(),
            public_url,
            database: config.database.clone(),
            sandbox,
            _lock: lock,
        })
    }

    /// Every rail that is configured; in a sandbox its look-alikes, called at `local`.
    pub(crate) fn rails(
        &self,
        config: &Config,
        local: SocketAddr,
    ) -> Result<Vec<Arc<dyn PaymentProvider>>, Faults> {
        rails::providers(
            config,
            &self.clock,
            &self.entropy,
            self.sandbox.as_ref(),
            local,
            &self.public_url,
        )
    }

    /// What a scrape looks at.
    pub(crate) fn watched(&self, payment: Option<&PaymentService>) -> Watched {
        Watched {
            payment: payment.cloned(),
            db: self.db.clone(),
            is_sandbox: self.sandbox.is_some(),
        }
    }

    /// Whether real money moves.
    pub(crate) fn livemode(&self) -> bool {
        self.sandbox.is_none()
    }

    /// How plans and payments behave here.
    pub(crate) fn payment_config(&self, config: &Config) -> PaymentConfig {
        let mut settings = PaymentConfig::new(&self.public_url);
        settings.livemode = self.livemode();
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
}
