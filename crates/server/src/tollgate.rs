//! The whole inside an application: its router beside the application's own, its guards around them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::middleware::AddExtension;
use axum::{Extension, Router};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate_auth::mailer::Mailer;
use tollgate_auth::{AuthService, Identify, Method, RequireAuthLayer, RequirePermissionLayer};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchanged;
use tollgate_payment::providers::PaymentProvider;
use tollgate_payment::{
    ConsumeQuotaLayer, PaymentService, PlanSlugs, QuotaHandle, RequireSubscriptionLayer,
};
use tower::Layer;

use crate::config::Config;
use crate::events::{Event, OnEvent};
use crate::start::StartError;
use crate::whole::{Brought, Whole};
use crate::{events, pages, routes};

/// Accounts, plans, payments, API keys, quota and usage, as an axum application mounts them. A clone is cheap and shares
/// everything; the due work runs beside it until the last one is gone, or [`Tollgate::close`].
///
/// ```no_run
/// use axum::{Json, Router, routing::{get, post}};
/// use tollgate::{Tollgate, config::Config};
/// use tollgate_auth::CurrentUser;
/// use tollgate_payment::QuotaHold;
///
/// async fn process(CurrentUser(user): CurrentUser, hold: QuotaHold) -> Json<String> {
///     Json(format!("{} paid {}", user.username, hold.cost()))
/// }
///
/// # #[derive(Clone)] struct Mine;
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tollgate = Tollgate::builder().config(Config::from_env()?).build().await?;
/// let sold = tollgate.consume_quota("dicom_processing", 1);
/// let app: Router = Router::new()
///     .route("/process/{patient}/{date}", post(process).route_layer(sold))
///     .route_layer(tollgate.require_auth())
///     .route("/health", get(|| async { "ok" }))
///     .merge(tollgate.router())
///     .layer(tollgate.layer())
///     .with_state(Mine);
/// # drop(app); Ok(()) }
/// ```
#[derive(Clone)]
pub struct Tollgate {
    whole: Arc<Whole>,
    work: Arc<Work>,
}

impl fmt::Debug for Tollgate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tollgate")
            .field("public_url", &self.whole.ground.public_url)
            .finish_non_exhaustive()
    }
}

/// What runs beside the routes. Nobody can give the word to stop once the last handle is gone, which is the word.
struct Work {
    stop: watch::Sender<bool>,
    running: Mutex<JoinSet<()>>,
}

/// Puts a [`Tollgate`] together.
///
/// The quick start of the documents, whole:
///
/// ```no_run
/// use axum::{Router, routing::post};
/// use tollgate::{Tollgate, config::Config};
/// use tollgate_auth::CurrentUser;
///
/// async fn process(CurrentUser(user): CurrentUser) -> String {
///     format!("processed for {}", user.username)
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tollgate = Tollgate::builder().config(Config::from_env()?).build().await?;
/// let app: Router = Router::new()
///     .route("/process", post(process).route_layer(tollgate.consume_quota("dicom_processing", 1)))
///     .merge(tollgate.router()) // /auth /payments /quota /usage /admin, pages, /docs
///     .layer(tollgate.layer());
/// # drop(app); Ok(()) }
/// ```
pub struct TollgateBuilder {
    config: Option<Config>,
    brought: Brought,
    on_event: Vec<OnEvent>,
}

impl fmt::Debug for TollgateBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TollgateBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Tollgate {
    /// Begins with the settings of the environment, unless others are given.
    pub fn builder() -> TollgateBuilder {
        TollgateBuilder {
            config: None,
            brought: Brought {
                clock: Clock::system(),
                entropy: Entropy::system(),
                providers: Vec::new(),
                methods: Vec::new(),
                mailer: None,
            },
            on_event: Vec::new(),
        }
    }

    /// Every route, for an application of any state: `/auth`, `/payments`, `/quota`, `/usage`, `/admin`, the pages, `/docs`,
    /// `/health`. Nested under a prefix, `PUBLIC_URL` ends in it. It needs no layer around it; whoever wants some of it only
    /// mounts the parts below.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        routes::router(&self.whole, false).with_state(())
    }

    /// Accounts; for `/auth`, inside [`Tollgate::layer`], as are all the parts.
    pub fn auth_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.whole.auth.router()
    }

    /// Plans, orders, what providers call; for `/payments`.
    pub fn payments_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let limit = self.whole.auth.limit_calls();
        self.whole.payment.router().layer(limit)
    }

    /// Units; for `/quota`.
    pub fn quota_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.whole.payment.quota_router()
    }

    /// What was used; for `/usage`.
    pub fn usage_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let limit = self.whole.auth.limit_calls();
        self.whole.payment.usage_router().layer(limit)
    }

    /// For staff; for `/admin`.
    pub fn admin_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let limit = self.whole.auth.limit_calls();
        let payments = self.whole.payment.admin_router().layer(limit);
        self.whole.auth.admin_router().merge(payments)
    }

    /// The pages, at the root of what `PUBLIC_URL` names.
    pub fn ui_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let whole = &self.whole;
        let house = whole.ground.house();
        pages::router(house, whole.auth.clone(), whole.payment.clone()).with_state(())
    }

    /// What goes around the application's own routes: request ids, refusals in the caller's language, who calls, and the
    /// services for extractors.
    pub fn layer(&self) -> TollgateLayer {
        TollgateLayer(self.clone())
    }

    /// A guard: callers only. 401 for nobody.
    pub fn require_auth(&self) -> RequireAuthLayer {
        self.whole.auth.require_auth()
    }

    /// A guard: whoever holds a permission. 403 otherwise.
    pub fn require_permission(&self, name: &'static str) -> RequirePermissionLayer {
        self.whole.auth.require_permission(name)
    }

    /// A guard: whoever has one of `plans`. 402 otherwise; see [`PaymentService::require_subscription`].
    pub fn require_subscription(&self, plans: impl Into<PlanSlugs>) -> RequireSubscriptionLayer {
        self.whole.payment.require_subscription(plans)
    }

    /// A guard: calls that pay if they succeed. See [`PaymentService::consume_quota`].
    pub fn consume_quota(&self, resource_type: &str, cost: i64) -> ConsumeQuotaLayer {
        self.whole.payment.consume_quota(resource_type, cost)
    }

    /// Units without a request.
    pub fn quota(&self) -> QuotaHandle {
        self.whole.payment.quota()
    }

    /// Accounts, by their operations.
    pub fn auth(&self) -> &AuthService {
        &self.whole.auth
    }

    /// Plans, subscriptions and payments, by their operations.
    pub fn payment(&self) -> &PaymentService {
        &self.whole.payment
    }

    /// Where it is reached, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.whole.ground.public_url
    }

    /// Ends the due work, once what runs of it is done, and closes the database. Routes answer 503 from then on.
    pub async fn close(&self) {
        // Nobody may be there to hear it: then it has ended.
        let _ = self.work.stop.send(true);
        let running = {
            let mut running = self
                .work
                .running
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *running)
        };
        running.join_all().await;
        self.whole.ground.db.close().await;
    }
}

impl TollgateBuilder {
    /// Settings; without them, those of the environment.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// Time from here.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.brought.clock = clock;
        self
    }

    /// Chance from here.
    #[must_use]
    pub fn entropy(mut self, entropy: Entropy) -> Self {
        self.brought.entropy = entropy;
        self
    }

    /// Money by this rail too.
    #[must_use]
    pub fn provider(mut self, provider: Arc<dyn PaymentProvider>) -> Self {
        self.brought.providers.push(provider);
        self
    }

    /// Callers show themselves by this too, as by the application's own sign-in.
    #[must_use]
    pub fn method(mut self, method: Arc<dyn Method>) -> Self {
        self.brought.methods.push(method);
        self
    }

    /// Letters leave by this, whatever the settings say.
    #[must_use]
    pub fn mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.brought.mailer = Some(mailer);
        self
    }

    /// Hears what happens from now on, whoever caused it, on every instance, soon after it was committed and in order. What
    /// happens while nobody listens is not told later: what must not be missed is for a webhook endpoint, which is told
    /// until it has answered.
    ///
    /// ```
    /// # use tollgate::Tollgate;
    /// let tollgate = Tollgate::builder().on_event(|event| {
    ///     if event.kind == "subscription.activated" {
    ///         println!("welcome, {}", event.data["user_id"]);
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn on_event(mut self, hear: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.on_event.push(Arc::new(hear));
        self
    }

    /// Opens the database, brings it up to date and begins the due work. In a sandbox the gateways are called at `ADDR`,
    /// where the application listens.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn build(self) -> Result<Tollgate, StartError> {
        let config = match self.config {
            Some(config) => config,
            None => Config::from_env()?,
        };
        let whole = Arc::new(Whole::open(&config, self.brought, config.addr).await?);
        let (stop, stopping) = watch::channel(false);
        let mut running = whole.beside(&stopping);
        if !self.on_event.is_empty() {
            let listening = events::listen(&whole, self.on_event, stopping).await?;
            running.spawn(listening);
        }
        let work = Work {
            stop,
            running: Mutex::new(running),
        };
        Ok(Tollgate {
            whole,
            work: Arc::new(work),
        })
    }
}

/// Made by [`Tollgate::layer`].
#[derive(Clone, Debug)]
pub struct TollgateLayer(Tollgate);

impl<S> Layer<S> for TollgateLayer {
    type Service = Exchanged<Identify<AddExtension<S, PaymentService>>>;

    fn layer(&self, inner: S) -> Self::Service {
        let whole = &self.0.whole;
        let inner = Extension(whole.payment.clone()).layer(inner);
        // Around routes that are open to everybody too.
        let inner = whole.auth.identify().where_asked().layer(inner);
        whole.ground.exchange.layer(inner)
    }
}
