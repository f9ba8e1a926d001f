//! The whole as a service that listens.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tollgate_auth::AuthService;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_payment::PaymentService;
use tollgate_sandbox::Sandbox;
use tollgate_storage::url::DatabaseUrl;

use crate::accept::Paths;
use crate::client_address::TrustedProxies;
use crate::config::Config;
use crate::gate::GateConfig;
use crate::metrics::Metrics;
use crate::seen::Seen;
use crate::start::StartError;
use crate::whole::{Brought, Whole};
use crate::{accept, gate, routes};

/// A service that listens, ready to run.
///
/// ```
/// use tokio::sync::watch;
/// use tollgate::config::Config;
/// use tollgate::{Server, StartError};
/// use tollgate_kernel::clock::Clock;
/// use tollgate_kernel::entropy::Entropy;
///
/// async fn serve(config: &Config, stop: watch::Receiver<bool>) -> Result<(), StartError> {
///     let server = Server::start(config, Clock::system(), Entropy::system()).await?;
///     println!("listening at {}", server.public_url());
///     server.run(stop).await;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    port: u16,
    whole: Arc<Whole>,
    gate: Option<(TcpListener, Router)>,
    seen: Seen,
    trusted_proxies: TrustedProxies,
}

/// Listens.
pub(crate) async fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let fault = |source| StartError::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(fault)?;
    let addr = listener.local_addr().map_err(fault)?;
    Ok((listener, addr))
}

impl Server {
    /// Listens, opens the database, brings it up to date and puts everything together.
    ///
    /// ```
    /// # use tollgate::config::Config;
    /// # use tollgate::{Server, StartError};
    /// # use tollgate_kernel::clock::Clock;
    /// # use tollgate_kernel::entropy::Entropy;
    /// // In a test: any free port, and a clock that stands until it is told to go on.
    /// async fn for_a_test(config: &Config, clock: &Clock) -> Result<Server, StartError> {
    ///     let mut config = config.clone();
    ///     config.addr.set_port(0);
    ///     Server::start(&config, clock.clone(), Entropy::seeded(7)).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        config: &Config,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, StartError> {
        let (listener, addr) = listen(config.addr).await?;
        let brought = Brought {
            clock,
            entropy,
            providers: Vec::new(),
            methods: Vec::new(),
            mailer: None,
        };
        let whole = Whole::open(config, brought, addr).await?;
        Ok(Self {
            listener,
            port: addr.port(),
            whole: Arc::new(whole),
            gate: None,
            seen: Seen::by(config),
            trusted_proxies: config.trusted_proxies.clone(),
        })
    }

    /// Where it is reached.
    pub fn public_url(&self) -> &str {
        &self.whole.ground.public_url
    }

    /// On which port it listens.
    ///
    /// ```
    /// # use tollgate::Server;
    /// fn health(server: &Server) -> String {
    ///     format!("http://127.0.0.1:{}/health", server.port())
    /// }
    /// ```
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the gateways are look-alikes.
    ///
    /// ```
    /// # use tollgate::Server;
    /// fn greeting(server: &Server) -> &'static str {
    ///     if server.is_sandbox() { "no real money moves" } else { "real money moves" }
    /// }
    /// ```
    pub fn is_sandbox(&self) -> bool {
        self.whole.ground.sandbox.is_some()
    }

    /// Whether letters are shown at `/sandbox/mail` instead of leaving.
    pub fn has_mailbox(&self) -> bool {
        self.whole.has_mailbox
    }

    /// Which database.
    ///
    /// ```
    /// # use tollgate::Server;
    /// fn tell(server: &Server) {
    ///     // Without its password.
    ///     println!("database: {}", server.database().shown());
    /// }
    /// ```
    pub fn database(&self) -> &DatabaseUrl {
        &self.whole.ground.database
    }

    /// Accounts, for who runs the service inside a program of its own.
    ///
    /// ```
    /// # use tollgate::Server;
    /// # use tollgate_auth::AuthService;
    /// fn accounts(server: &Server) -> AuthService {
    ///     // A clone is cheap, and goes on when `run` has taken the server.
    ///     server.auth().clone()
    /// }
    /// ```
    pub fn auth(&self) -> &AuthService {
        &self.whole.auth
    }

    /// Plans and payments, for who runs the service inside a program of its own.
    ///
    /// ```
    /// # use tollgate::Server;
    /// # use tollgate_payment::model::plan::Plan;
    /// # use tollgate_storage::StorageError;
    /// async fn on_sale(server: &Server) -> Result<Vec<Plan>, StorageError> {
    ///     server.payment().plans().await
    /// }
    /// ```
    pub fn payment(&self) -> &PaymentService {
        &self.whole.payment
    }

    /// The look-alikes, when they are on.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.whole.ground.sandbox.as_ref()
    }

    /// Listens on `addr` too, as a gate in front of an application: there every path is the application's.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::gate::{GateConfig, Rules};
    /// # use tollgate::Server;
    /// # use std::error::Error;
    /// async fn in_front_of_mine(server: Server) -> Result<Server, Box<dyn Error>> {
    ///     let rules = Rules::plain(&["GET /health".to_owned()], Some("api_call"), 1)?;
    ///     let gate = GateConfig {
    ///         upstream: "http://127.0.0.1:8000".to_owned(),
    ///         rules,
    ///         within: Duration::from_secs(30),
    ///     };
    ///     Ok(server.gate(([0, 0, 0, 0], 9000).into(), gate).await?)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StartError::Listen`], [`StartError::Upstream`].
    pub async fn gate(mut self, addr: SocketAddr, config: GateConfig) -> Result<Self, StartError> {
        let exchange = self.whole.ground.exchange.clone();
        let router = gate::router(self.whole.tollgates(), exchange, config)?;
        let (listener, _) = listen(addr).await?;
        self.gate = Some((listener, router));
        Ok(self)
    }

    /// Where the gate listens.
    pub fn gate_address(&self) -> Option<SocketAddr> {
        let (listener, _) = self.gate.as_ref()?;
        listener.local_addr().ok()
    }

    /// Listens on `addr` too, and serves `GET /metrics` there.
    ///
    /// ```
    /// # use tollgate::{Server, StartError};
    /// # use tollgate::metrics::Metrics;
    /// async fn watched(server: Server, metrics: Metrics) -> Result<Server, StartError> {
    ///     // Where only those reach it who watch.
    ///     server.metrics(([127, 0, 0, 1], 9464).into(), metrics).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StartError::Listen`].
    pub async fn metrics(mut self, addr: SocketAddr, metrics: Metrics) -> Result<Self, StartError> {
        self.seen.listen(addr, metrics).await?;
        Ok(self)
    }

    /// Where figures are served.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.seen.metrics_address()
    }

    /// Serves until `stop` says so, with the work that is due beside it.
    ///
    /// ```
    /// # use tokio::sync::watch;
    /// # use tollgate::Server;
    /// async fn until_interrupted(server: Server) -> std::io::Result<()> {
    ///     let (stop, stopping) = watch::channel(false);
    ///     let running = tokio::spawn(server.run(stopping));
    ///     tokio::signal::ctrl_c().await?;
    ///     // What is under way is finished.
    ///     stop.send_replace(true);
    ///     running.await.map_err(std::io::Error::other)
    /// }
    /// ```
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let mut beside = self.whole.beside(&stop);
        let trusted = self.trusted_proxies;
        let own = self.seen.around(routes::router(&self.whole, true), "");
        let gate = self.gate.map(|(listener, router)| {
            let router = self.seen.around(router, "/{*proxied}");
            (listener, router)
        });
        let watched = self.whole.ground.watched(Some(&self.whole.payment));
        self.seen.serve(watched, &stop, &mut beside);
        let own = (own, Paths::Ours);
        let serving = accept::serve(self.listener, own, trusted.clone(), stop.clone());
        match gate {
            None => serving.await,
            Some((listener, router)) => {
                let gate = accept::serve(listener, (router, Paths::AsSent), trusted, stop);
                tokio::join!(serving, gate);
            }
        }
        beside.join_all().await;
        self.whole.ground.db.close().await;
    }
}
