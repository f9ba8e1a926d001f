//! What every composition stands on: the folder and its lock, the database, the time, the look-alikes.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;

use chrono_tz::Tz;
use tokio::sync::watch;
use tollgate_auth::mailer::Mailer;
use tollgate_auth::{AuthBuilder, AuthService};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchange;
use tollgate_kernel::ids::Ids;
use tollgate_payment::model::return_url;
use tollgate_payment::{PaymentBuilder, PaymentService};
use tollgate_sandbox::Sandbox;
use tollgate_storage::StorageError;
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::time;
use tollgate_storage::url::DatabaseUrl;

use crate::browser::CorsOrigins;
use crate::config::{Config, Faults, Seller};
use crate::metrics::Watched;
use crate::pages::{House, Installation, Mounted};
use crate::start::{StartError, data_dir, master_key};
use crate::{mail, rails, sandbox_clock};

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
    /// Tells what stays open that the service stops.
    pub(crate) closing: watch::Sender<bool>,
    zone: Tz,
    seller: Arc<Seller>,
    installation: Arc<Installation>,
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
        let installation = Arc::new(Installation {
            config: config.clone(),
        });
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
            closing: watch::Sender::new(false),
            zone: config.zone,
            seller: Arc::new(config.seller.clone()),
            installation,
            _lock: lock,
        })
    }

    /// Accounts begin so, here and alone.
    pub(crate) fn accounts(&self, config: &Config) -> AuthBuilder {
        let settings = config
            .accounts
            .auth_config(&self.public_url, self.livemode());
        let mut accounts = AuthService::builder(self.db.clone(), self.key.clone(), settings)
            .clock(self.clock.clone())
            .entropy(self.entropy.clone());
        if config.accounts.weak_hashing_for_tests {
            accounts = accounts.weak_hashing_for_tests();
        }
        #[cfg(feature = "redis")]
        if let Some(url) = &config.redis {
            return accounts.redis(url.clone());
        }
        accounts
    }

    /// Plans and payments begin so, here and alone, with every rail that is configured; in a sandbox with its look-alikes,
    /// called at `local`.
    pub(crate) fn plans(
        &self,
        config: &Config,
        local: SocketAddr,
    ) -> Result<PaymentBuilder, Faults> {
        let settings = config.payment_config(&self.public_url, self.livemode());
        let mut plans = PaymentService::builder(self.db.clone(), self.key.clone(), settings)
            .clock(self.clock.clone())
            .entropy(self.entropy.clone());
        let (sandbox, url) = (self.sandbox.as_ref(), self.public_url.as_str());
        for rail in rails::providers(config, &self.clock, &self.entropy, sandbox, local, url)? {
            plans = plans.provider(rail);
        }
        Ok(plans)
    }

    /// How letters leave, if they do.
    pub(crate) fn mailer(&self, config: &Config) -> Result<Option<Arc<dyn Mailer>>, Faults> {
        let mailer = mail::mailer(config, &self.public_url, self.sandbox.as_ref());
        mailer.map_err(|error| Faults::one("SMTP_URL", error.to_string()))
    }

    /// In a sandbox, to where its clock was moved: once the tables are there.
    pub(crate) async fn catch_up(&self) -> Result<(), StorageError> {
        if self.sandbox.is_some() {
            sandbox_clock::catch_up(&self.db, &self.clock).await?;
        }
        Ok(())
    }

    /// Where the pages are shown.
    pub(crate) fn house(&self) -> House {
        House {
            sandbox: self.sandbox.is_some(),
            zone: self.zone,
            secure: self.public_url.starts_with("https:"),
            public_url: self.public_url.clone(),
            seller: Arc::clone(&self.seller),
            origins: return_url::origin(&self.public_url)
                .into_iter()
                .chain(self.cors_origins.listed())
                .collect(),
            mounted: Mounted::Whole,
            entropy: self.entropy.clone(),
            closing: self.closing.subscribe(),
            installation: Some(Arc::clone(&self.installation)),
            clock: self.clock.clone(),
        }
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
}
