//! Layered settings → the two modules → one router, and the tasks that run beside it.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tollgate_auth::{AuthService, AuthSetupError};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::{Exchange, panicked};
use tollgate_kernel::ids::Ids;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::{PaymentConfig, PaymentService};
use tollgate_sandbox::{Sandbox, SandboxError};
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::url::DatabaseUrl;
use tollgate_storage::{StorageError, time};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::accept::Paths;
use crate::admission::Admission;
use crate::browser::CorsOrigins;
use crate::client_address::TrustedProxies;
use crate::config::{AppEnv, Config, Faults};
use crate::gate::{GateConfig, InvalidUpstream};
use crate::modules::{DefaultPlan, OneMailbox, PlanEntitlements};
use crate::proxied::{Tollgates, forward};
use crate::sandbox_clock::SandboxClock;
use crate::{
    accept, beside, browser, gate, keys, mail, openapi, pages, rails, samples, sandbox_clock,
};

/// The largest JSON body: 1 MiB.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;
/// Between two pieces of a body.
const BODY_STALL: Duration = Duration::from_secs(30);
/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Settings that cannot be used.
    #[error("{0}")]
    Settings(#[from] Faults),
    /// The address is taken, or not ours.
    #[error("cannot listen on {addr}")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The data folder cannot be used.
    #[error("the data folder {folder} cannot be used")]
    DataDir {
        /// Which.
        folder: String,
        /// Why.
        source: io::Error,
    },
    /// Another process has the data.
    #[error("another tollgate is running on {0}: one SQLite file belongs to one process")]
    Running(String),
    /// The application behind the gate.
    #[error(transparent)]
    Upstream(#[from] InvalidUpstream),
    /// The database.
    #[error("the database cannot be used")]
    Storage(#[from] StorageError),
    /// The accounts.
    #[error("the accounts cannot be set up")]
    Auth(#[from] AuthSetupError),
    /// The look-alikes.
    #[error("the sandbox cannot be opened")]
    Sandbox(#[from] SandboxError),
}

/// A service that listens, ready to run.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    router: Router,
    exchange: Exchange,
    gate: Option<(TcpListener, Router)>,
    auth: AuthService,
    payment: PaymentService,
    sandbox: Option<Sandbox>,
    has_mailbox: bool,
    db: Db,
    clock: Clock,
    public_url: String,
    port: u16,
    trusted_proxies: TrustedProxies,
    database: DatabaseUrl,
    _lock: Option<File>,
}

impl Server {
    /// Listens, opens the database, brings it up to date and puts everything together.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        config: &Config,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, StartError> {
        let lock = data_dir(config)?;
        let listen = |source| StartError::Listen {
            addr: config.addr,
            source,
        };
        let listener = TcpListener::bind(config.addr).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let public_url = config.public_url.as_ref().map_or_else(
            || format!("http://localhost:{}", addr.port()),
            |url| url.as_str().trim_end_matches('/').to_owned(),
        );
        let master_key = master_key(config, &entropy)?;
        let db = Db::open(&config.database, config.database_max_connections).await?;
        time::keep(&db, &clock).await?;
        let sandbox = if config.has_sandbox() {
            Some(rails::open_sandbox(config, &public_url, &clock, &entropy).await?)
        } else {
            None
        };

        let people = Arc::new(OneMailbox::default());
        let mut settings = PaymentConfig::new(&public_url);
        settings.livemode = sandbox.is_none();
        settings.zone = config.zone;
        settings.language = config.default_language;
        settings.order_expiry = config.order_expiry;
        settings.hold_time = config.hold_time;
        settings.usage_retention = config.usage_retention;
        // Nobody's hooks lie behind a sandbox but those of its developer.
        settings.webhook_allow_private = config.webhook_allow_private || config.has_sandbox();
        settings.return_origins.extend(config.cors_origins.listed());
        let mut payment = PaymentService::builder(db.clone(), master_key.clone(), settings)
            .clock(clock.clone())
            .entropy(entropy.clone())
            .people(people.clone());
        for provider in rails::providers(
            config,
            &clock,
            &entropy,
            sandbox.as_ref(),
            addr,
            &public_url,
        )? {
            payment = payment.provider(provider);
        }
        let payment = payment.build().await?;
        if sandbox.is_some() {
            sandbox_clock::catch_up(&db, &clock).await?;
        }
        let accounts = &config.accounts;
        let auth_config = accounts.auth_config(&public_url, sandbox.is_none());
        let mut auth = AuthService::builder(db.clone(), master_key, auth_config)
            .clock(clock.clone())
            .entropy(entropy.clone())
            .entitlements(Arc::new(PlanEntitlements(payment.clone())))
            .newcomers(Arc::new(DefaultPlan(payment.clone())));
        let mailer = mail::mailer(config, &public_url, sandbox.as_ref())
            .map_err(|error| Faults::one("SMTP_URL", error.to_string()))?;
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
            Ids::new(clock.clone(), entropy),
            config.default_language,
            &format!("{public_url}/docs/errors"),
        );
        let router = router(&auth, &payment, sandbox.as_ref(), (&db, &clock));
        let https = public_url.starts_with("https:");
        let checks = checks(&auth, &payment, &public_url, &exchange);
        let router = around(router, exchange.clone(), &config.cors_origins, https).merge(checks);
        Ok(Self {
            listener,
            router,
            exchange,
            gate: None,
            auth,
            payment,
            has_mailbox: sandbox.is_some() && config.mail.is_none(),
            sandbox,
            db,
            clock,
            public_url,
            port: addr.port(),
            trusted_proxies: config.trusted_proxies.clone(),
            database: config.database.clone(),
            _lock: lock,
        })
    }

    /// Where it is reached.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// On which port it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the gateways are look-alikes.
    pub fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }

    /// Whether letters are shown at `/sandbox/mail` instead of leaving.
    pub fn has_mailbox(&self) -> bool {
        self.has_mailbox
    }

    /// Which database.
    pub fn database(&self) -> &DatabaseUrl {
        &self.database
    }

    /// Accounts, for who runs the service inside a program of its own.
    pub fn auth(&self) -> &AuthService {
        &self.auth
    }

    /// Plans and payments, for who runs the service inside a program of its own.
    pub fn payment(&self) -> &PaymentService {
        &self.payment
    }

    /// The look-alikes, when they are on.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref()
    }

    /// Listens on `addr` too, as a gate in front of an application: there every path is the application's.
    ///
    /// # Errors
    /// [`StartError::Listen`], [`StartError::Upstream`].
    pub async fn gate(mut self, addr: SocketAddr, config: GateConfig) -> Result<Self, StartError> {
        let tollgates = Tollgates {
            auth: self.auth.clone(),
            payment: self.payment.clone(),
        };
        let router = gate::router(tollgates, self.exchange.clone(), config)?;
        let listener = TcpListener::bind(addr).await;
        let listener = listener.map_err(|source| StartError::Listen { addr, source })?;
        self.gate = Some((listener, router));
        Ok(self)
    }

    /// Where the gate listens.
    pub fn gate_address(&self) -> Option<SocketAddr> {
        let (listener, _) = self.gate.as_ref()?;
        listener.local_addr().ok()
    }

    /// Serves until `stop` says so, with the work that is due beside it.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let (auth, payment) = (self.auth.clone(), self.payment.clone());
        let (db, clock) = (self.db.clone(), self.clock.clone());
        let beside = beside::begin(auth, &payment, self.sandbox.clone(), (db, clock), &stop);
        let trusted = self.trusted_proxies;
        let own = (self.router, Paths::Ours);
        let serving = accept::serve(self.listener, own, trusted.clone(), stop.clone());
        match self.gate {
            None => serving.await,
            Some((listener, router)) => {
                let gate = accept::serve(listener, (router, Paths::AsSent), trusted, stop);
                tokio::join!(serving, gate);
            }
        }
        beside.join_all().await;
        self.db.close().await;
    }
}

fn master_key(config: &Config, entropy: &Entropy) -> Result<MasterKey, Faults> {
    match &config.master_key {
        Some(key) => Ok(key.clone()),
        None => keys::master_key(&config.data_dir, entropy),
    }
}

/// Makes the folder, for its owner only, and keeps a second process off a SQLite file.
fn data_dir(config: &Config) -> Result<Option<File>, StartError> {
    let folder = &config.data_dir;
    make_folder(folder)?;
    let fault = |source| StartError::DataDir {
        folder: folder.display().to_string(),
        source,
    };
    let DatabaseUrl::Sqlite(path) = &config.database else {
        return Ok(None);
    };
    let lock = File::create(path.with_extension("lock")).map_err(fault)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(StartError::Running(path.display().to_string()))
        }
        Err(std::fs::TryLockError::Error(source)) => Err(fault(source)),
    }
}

fn make_folder(folder: &Path) -> Result<(), StartError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|source| StartError::DataDir {
            folder: folder.display().to_string(),
            source,
        })
}

/// The route table.
fn router(
    auth: &AuthService,
    payment: &PaymentService,
    sandbox: Option<&Sandbox>,
    (db, clock): (&Db, &Clock),
) -> Router {
    let limit = auth.limit_calls();
    let payments_of_staff = payment.admin_router().layer(limit.clone());
    // Quota is counted for itself: a call for units is not one that the API limits.
    let api: Router = Router::new()
        .nest("/auth", auth.router())
        .nest("/admin", auth.admin_router().merge(payments_of_staff))
        .nest("/payments", payment.router().layer(limit.clone()))
        .nest("/quota", payment.quota_router())
        .nest("/usage", payment.usage_router().layer(limit))
        .layer(auth.identify());
    let mut router = Router::new()
        .merge(api)
        .merge(pages::router(
            auth.clone(),
            payment.clone(),
            sandbox.is_some(),
        ))
        .merge(openapi::router(auth, payment))
        .merge(auth.metadata_router())
        .route("/health", get(health))
        .route("/health/ready", get(ready).with_state(db.clone()));
    if let Some(sandbox) = sandbox {
        router = router.merge(sandbox.router());
        router = router.merge(sandbox_clock::router(SandboxClock {
            db: db.clone(),
            clock: clock.clone(),
            auth: auth.clone(),
            payment: payment.clone(),
            sandbox: sandbox.clone(),
            moving: Arc::default(),
        }));
    }
    router
}

/// What proxies ask. Outside of what is there for browsers: a pre-flight request is a call like any other.
fn checks(
    auth: &AuthService,
    payment: &PaymentService,
    public_url: &str,
    exchange: &Exchange,
) -> Router {
    let tollgates = Tollgates {
        auth: auth.clone(),
        payment: payment.clone(),
    };
    let layers = ServiceBuilder::new()
        .layer(CatchPanicLayer::custom(panicked))
        .layer(exchange.clone());
    forward::router(tollgates, public_url).layer(layers)
}

/// What goes around every route, as one layer: each would be boxed for itself, and copied with every call.
fn around(router: Router, exchange: Exchange, origins: &CorsOrigins, https: bool) -> Router {
    Exchange::answering(router).layer(
        ServiceBuilder::new()
            .map_response(move |response| browser::guarded(response, https))
            .option_layer(browser::cors(origins))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(exchange)
            .layer(Admission(origins.clone()))
            .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
            .layer(RequestBodyTimeoutLayer::new(BODY_STALL)),
    )
}

/// The process answers.
async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The database answers too.
async fn ready(State(db): State<Db>) -> Result<Json<Value>, Problem> {
    match tokio::time::timeout(Duration::from_secs(2), db.ping()).await {
        Ok(Ok(())) => Ok(Json(
            json!({ "status": "ok", "database": "ok", "migrations": "ok" }),
        )),
        _ => Err(Problem::new(Code::Unavailable)),
    }
}
