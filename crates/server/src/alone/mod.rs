//! One module as a service of its own: accounts here, plans and payments there, as two processes with a database each.

mod accounts;
mod plans;

use std::fmt;
use std::net::SocketAddr;

use axum::Router;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::url::DatabaseUrl;

use self::accounts::Accounts;
use self::plans::Plans;
use crate::accept::{self, Paths};
use crate::beside::Beside;
use crate::client_address::TrustedProxies;
use crate::config::Config;
use crate::ground::Ground;
use crate::metrics::{Metrics, Watched};
use crate::seen::Seen;
use crate::server::listen;
use crate::start::StartError;

/// Which.
///
/// ```
/// use tollgate::Module;
///
/// fn named(module: Module) -> &'static str {
///     match module {
///         Module::Auth => "accounts",
///         Module::Payment => "plans",
///     }
/// }
/// # assert_eq!(named(Module::Auth), "accounts");
/// # assert_eq!(named(Module::Payment), "plans");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// Accounts, sessions, API keys.
    Auth,
    /// Plans, payments, quota, usage; callers are those of the accounts at `TOLLGATE_URL`.
    Payment,
}

#[derive(Debug)]
enum Served {
    Accounts(Accounts),
    Plans(Plans),
}

impl Served {
    fn ground(&self) -> &Ground {
        match self {
            Self::Accounts(accounts) => &accounts.ground,
            Self::Plans(plans) => &plans.ground,
        }
    }

    fn router(&self) -> Router {
        match self {
            Self::Accounts(accounts) => accounts.router(),
            Self::Plans(plans) => plans.router(),
        }
    }

    fn watched(&self) -> Watched {
        match self {
            Self::Accounts(accounts) => accounts.ground.watched(None),
            Self::Plans(plans) => plans.ground.watched(Some(&plans.payment)),
        }
    }

    fn beside(&self, stop: &watch::Receiver<bool>) -> JoinSet<()> {
        let beside = Beside::begin(self.ground(), stop);
        let beside = match self {
            Self::Accounts(accounts) => beside.accounts(&accounts.auth),
            Self::Plans(plans) => beside.plans(&plans.payment),
        };
        beside.running()
    }
}

/// A service of one module that listens, ready to run.
///
/// ```
/// use tokio::sync::watch;
/// use tollgate::config::Config;
/// use tollgate::{Alone, Module, StartError};
/// use tollgate_kernel::clock::Clock;
/// use tollgate_kernel::entropy::Entropy;
///
/// // The accounts are those at `TOLLGATE_URL`.
/// async fn plans(config: &Config, stop: watch::Receiver<bool>) -> Result<(), StartError> {
///     let (clock, entropy) = (Clock::system(), Entropy::system());
///     let plans = Alone::start(Module::Payment, config, clock, entropy).await?;
///     println!("plans at {}", plans.public_url());
///     plans.run(stop).await;
///     Ok(())
/// }
/// ```
pub struct Alone {
    listener: TcpListener,
    addr: SocketAddr,
    served: Served,
    seen: Seen,
    trusted_proxies: TrustedProxies,
}

impl fmt::Debug for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alone")
            .field("served", &self.served)
            .finish_non_exhaustive()
    }
}

impl Alone {
    /// Listens, opens the database, brings the module's tables up to date and puts it together.
    ///
    /// ```
    /// # use tollgate::config::Config;
    /// # use tollgate::{Alone, Module, StartError};
    /// # use tollgate_kernel::clock::Clock;
    /// # use tollgate_kernel::entropy::Entropy;
    /// async fn accounts(config: &Config) -> Result<Alone, StartError> {
    ///     Alone::start(Module::Auth, config, Clock::system(), Entropy::system()).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        module: Module,
        config: &Config,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, StartError> {
        let (listener, addr) = listen(config.addr).await?;
        let ground = Ground::open(config, clock, entropy, addr).await?;
        let served = match module {
            Module::Auth => Served::Accounts(Accounts::open(config, ground).await?),
            Module::Payment => Served::Plans(Plans::open(config, ground, addr).await?),
        };
        Ok(Self {
            listener,
            addr,
            served,
            seen: Seen::by(config),
            trusted_proxies: config.trusted_proxies.clone(),
        })
    }

    /// Listens on `addr` too, and serves `GET /metrics` there.
    ///
    /// ```
    /// # use tollgate::{Alone, StartError};
    /// # use tollgate::metrics::Metrics;
    /// async fn watched(alone: Alone, metrics: Metrics) -> Result<Alone, StartError> {
    ///     alone.metrics(([127, 0, 0, 1], 9464).into(), metrics).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StartError::Listen`].
    pub async fn metrics(mut self, addr: SocketAddr, metrics: Metrics) -> Result<Self, StartError> {
        self.seen.listen(addr, metrics).await?;
        Ok(self)
    }

    /// Where it is reached.
    pub fn public_url(&self) -> &str {
        &self.served.ground().public_url
    }

    /// On which port it listens.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Whether the gateways are look-alikes.
    pub fn is_sandbox(&self) -> bool {
        self.served.ground().sandbox.is_some()
    }

    /// Which database.
    pub fn database(&self) -> &DatabaseUrl {
        &self.served.ground().database
    }

    /// The accounts, where they are what is served.
    pub fn auth(&self) -> Option<&tollgate_auth::AuthService> {
        match &self.served {
            Served::Accounts(accounts) => Some(&accounts.auth),
            Served::Plans(_) => None,
        }
    }

    /// Serves until `stop` says so, with the work that is due beside it.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let mut beside = self.served.beside(&stop);
        let own = self.seen.around(self.served.router(), "");
        let watched = self.served.watched();
        self.seen.serve(watched, &stop, &mut beside);
        accept::serve(
            self.listener,
            (own, Paths::Ours),
            self.trusted_proxies,
            stop,
        )
        .await;
        beside.join_all().await;
        self.served.ground().db.close().await;
    }
}

/// Where the accounts are that plans and payments serve, and our key there.
///
/// ```
/// use tollgate::config::Config;
///
/// fn accounts_at(config: &Config) -> Option<&str> {
///     let elsewhere = config.elsewhere.as_ref().ok()?;
///     Some(elsewhere.url.as_str())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// As reached from here.
    pub url: url::Url,
    /// A service key with the scope `introspect`.
    pub service_key: SecretString,
}
