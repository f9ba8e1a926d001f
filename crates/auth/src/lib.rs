#![doc = include_str!("../README.md")]
//!
//! ```
//! use axum::Router;
//! use axum::routing::get;
//! use tollgate_auth::{AuthService, CurrentUser};
//!
//! async fn hello(CurrentUser(user): CurrentUser) -> String {
//!     format!("hello, {}", user.username)
//! }
//!
//! fn app(auth: &AuthService) -> Router {
//!     Router::new()
//!         .route("/hello", get(hello))
//!         .nest("/auth", auth.router())
//!         .layer(auth.identify())
//!         .merge(auth.metadata_router())
//! }
//! ```

mod blacklist;
mod brought_keys;
mod by_cookie;
mod call_limits;
mod config;
mod device_cookie;
mod extract;
mod hashing;
mod layers;
mod limit_calls;
pub mod mailer;
mod methods;
pub mod model;
mod operations;
mod problems;
mod remembered;
pub mod remote;
mod revocations;
mod routes;
mod signing;
mod single_flight;
mod store;
mod words;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{ApiKeyId, Ids, UserId};
use tollgate_kernel::problem::Problem;
pub use tollgate_storage::audit::Initiator;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::duties::Instance;
use tollgate_storage::migrations::{CORE, Migrations};
use tollgate_storage::seal::MasterKey;
use tollgate_storage::{StorageError, migrations};

use crate::blacklist::Blacklist;
#[cfg(feature = "redis")]
pub use crate::blacklist::{InvalidRedisUrl, RedisUrl};
use crate::brought_keys::BroughtKeys;
pub use crate::by_cookie::{ByCookie, cookie, is_of_house};
use crate::call_limits::CallLimits;
pub use crate::config::{AuthConfig, JwtAlgorithm, JwtKey, Registration};
pub use crate::extract::CurrentUser;
pub use crate::hashing::Busy;
use crate::hashing::Hasher;
pub use crate::layers::{
    Identifies, Identify, IdentifyLayer, RequireAuth, RequireAuthLayer, RequirePermission,
    RequirePermissionLayer,
};
use crate::limit_calls::CallCounts;
pub use crate::limit_calls::{LimitCalls, LimitCallsLayer};
use crate::mailer::Mailer;
use crate::methods::Held;
pub use crate::methods::{Method, Presented};
use crate::model::api_key::is_prefix;
use crate::model::live_key::Holder;
pub use crate::operations::api_keys::{
    ApiKeyList, CreateKey, CreateKeyError, ListKeysError, RotateKey,
};
pub use crate::operations::audit_log::Broken;
pub use crate::operations::change_password::ChangePasswordError;
pub use crate::operations::close_account::CloseAccountError;
pub use crate::operations::confirm::Proof;
pub use crate::operations::first_admin::{AdminError, FirstAdmin};
pub use crate::operations::guessing::TooMany;
pub use crate::operations::import::{BroughtKey, BroughtUser, Imported, LineFault};
pub use crate::operations::introspect::{Credential, Introspection};
pub use crate::operations::login::{Login, LoginError};
pub use crate::operations::refresh::RefreshError;
pub use crate::operations::register::{Register, RegisterError};
pub use crate::operations::reset_password::{AskResetError, ResetError};
pub use crate::operations::second_factor::{Enrolment, SecondFactorError};
pub use crate::operations::service_keys::{CreateServiceKey, ServiceKeyList};
pub use crate::operations::session::Tokens;
pub use crate::operations::staff::{By, Listed, Search, StaffError};
pub use crate::operations::update_profile::{ProfileChange, ProfileError};
pub use crate::operations::verify::Verified;
pub use crate::operations::verify_email::VerifyEmailError;
use crate::operations::vouch::Statement;
use crate::remembered::{Asked, Remembered};
pub use crate::remote::{RemoteAuth, RemoteConfig, RemoteSetupError};
use crate::revocations::Revocations;
use crate::signing::KeyRing;
pub use crate::signing::{OwnKey, OwnKeyError, PUBLISHED_FOR, RotateError, Rotation};
use crate::single_flight::SingleFlight;
use crate::store::{api_keys, service_keys};

/// The tables of this module.
///
/// ```
/// # async fn prepare(db: &tollgate_storage::db::Db) -> tollgate_storage::Result<()> {
/// // `AuthBuilder::build` does this by itself; doing it again changes nothing.
/// tollgate_storage::migrations::CORE.run(db).await?;
/// tollgate_auth::MIGRATIONS.run(db).await
/// # }
/// ```
pub const MIGRATIONS: Migrations = migrations!(
    "auth_migrations":
    1 "0001_users",
    2 "0002_sessions",
    3 "0003_api_keys",
    4 "0004_one_time_tokens",
    5 "0005_staff",
    6 "0006_second_factors",
    7 "0007_revocations",
);

/// Every statement of this module, for the test that prepares them on both engines.
///
/// ```
/// let mut all = tollgate_auth::STATEMENTS.iter().flat_map(|of_file| of_file.iter());
/// assert!(all.all(|sql| !sql.is_empty()));
/// ```
pub const STATEMENTS: &[&[&str]] = store::STATEMENTS;

/// The design's least.
const LEAST_BCRYPT_COST: u32 = 12;
/// Fast and worth nothing.
const TEST_BCRYPT_COST: u32 = 4;
/// Uses that wait to be noted.
const USES_WAITING: usize = 1_024;
/// "Last used" is true to this much.
const NOTED_EVERY: Duration = Duration::from_mins(1);

/// What somebody may use, for `GET /verify`: filled in by whoever knows plans.
///
/// ```
/// use std::collections::BTreeMap;
/// use serde_json::{Map, Value, json};
/// use tollgate_auth::Entitlements;
/// # use tollgate_kernel::{clock::Timestamp, ids::UserId, problem::{Code, Problem}};
/// # use tollgate_storage::db::Tx;
///
/// /// Everybody has the one plan that there is.
/// #[derive(Debug)]
/// struct OnePlan;
///
/// #[async_trait::async_trait]
/// impl Entitlements for OnePlan {
///     async fn entitlements(&self, _: UserId) -> Result<Map<String, Value>, Problem> {
///         Ok(Map::from_iter([("plan".to_owned(), json!("basic"))]))
///     }
///
///     async fn meets(&self, _: UserId, demand: &BTreeMap<String, String>) -> Result<(), Problem> {
///         match demand.get("plan").map(String::as_str) {
///             None | Some("basic") => Ok(()),
///             Some(_) => Err(Problem::new(Code::SubscriptionRequired)),
///         }
///     }
///
///     async fn plan(&self, _: &mut Tx, _: UserId, _: Timestamp) -> tollgate_storage::Result<Option<String>> {
///         Ok(Some("basic".to_owned()))
///     }
/// }
/// # let user: UserId = "0198f0a0-0000-7000-8000-000000000001".parse().unwrap();
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let demand = BTreeMap::from([("plan".to_owned(), "pro".to_owned())]);
/// let missing = OnePlan.meets(user, &demand).await.unwrap_err();
/// assert_eq!(missing.code().status(), 402);
/// # });
/// ```
#[async_trait]
pub trait Entitlements: Send + Sync + fmt::Debug {
    /// Members beside the user: `plan`, `subscription`, `quota`.
    ///
    /// # Errors
    /// As the answer is then refused.
    async fn entitlements(&self, user: UserId) -> Result<Map<String, Value>, Problem>;

    /// Whether somebody has what an application asks for: members of the query of `GET /verify`, `plan`,
    /// `resource_type`, `cost` … Takes nothing.
    ///
    /// # Errors
    /// What is missing (402, 429), or what was asked cannot be understood (422).
    async fn meets(&self, user: UserId, demand: &BTreeMap<String, String>) -> Result<(), Problem>;

    /// Slug of the plan that somebody has, for the token that is given out by this very transaction: a hint for as long
    /// as the token lives.
    ///
    /// # Errors
    /// The database: then nobody is signed in.
    async fn plan(
        &self,
        tx: &mut Tx,
        user: UserId,
        at: Timestamp,
    ) -> tollgate_storage::Result<Option<String>>;
}

/// Knows what a new person gets.
///
/// ```
/// use tollgate_auth::Newcomers;
/// # use tollgate_kernel::{clock::Timestamp, ids::UserId};
/// # use tollgate_storage::db::Tx;
///
/// #[derive(Debug)]
/// struct Gift;
///
/// #[async_trait::async_trait]
/// impl Newcomers for Gift {
///     async fn welcome(
///         &self,
///         tx: &mut Tx,
///         user: UserId,
///         mailbox: &str,
///         at: Timestamp,
///     ) -> tollgate_storage::Result<()> {
///         // Written through `tx`: with the account, or not at all. A second account of `mailbox` may be given nothing.
///         tracing::info!(%user, at = at.seconds(), "a gift");
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Newcomers: Send + Sync + fmt::Debug {
    /// An account was opened, in this very transaction. `mailbox` is the same for all spellings of an address.
    ///
    /// # Errors
    /// The database: then the account is not opened either.
    async fn welcome(
        &self,
        tx: &mut Tx,
        user: UserId,
        mailbox: &str,
        at: Timestamp,
    ) -> tollgate_storage::Result<()>;
}

/// Accounts, sessions and API keys. A clone is cheap and shares everything.
///
/// ```
/// use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey, Login, Register};
/// use tollgate_auth::model::user::Locale;
/// # use tollgate_kernel::{entropy::Entropy, origin::Origin};
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("shop.db");
/// let db = Db::open(&DatabaseUrl::Sqlite(file), 1).await?;
/// let config = AuthConfig {
///     jwt: JwtKey::Generated(JwtAlgorithm::EdDsa),
///     ..AuthConfig::new("https://shop.example")
/// };
/// let master_key = MasterKey::generate(&Entropy::system());
/// let auth = AuthService::builder(db, master_key, config).weak_hashing_for_tests().build().await?;
///
/// let wish = Register {
///     email: "ann@example.com".parse()?,
///     username: "ann".parse()?,
///     password: "plum orchard lantern 7".into(),
///     locale: Locale::En,
///     invite: None,
/// };
/// let user = auth.register(&wish, &Origin::default()).await?;
/// let login = Login {
///     email: None,
///     username: Some("Ann".to_owned()),
///     password: wish.password,
///     device: None,
/// };
/// let tokens = auth.login(&login, &Origin::default()).await?;
/// assert_eq!(tokens.user.id, user.id);
/// assert_eq!(tokens.expires_in.as_secs(), 900);
///
/// let next = auth.refresh(&tokens.refresh_token).await?;
/// assert_eq!(next.user.id, user.id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AuthService(Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    db: Db,
    master_key: MasterKey,
    clock: Clock,
    entropy: Entropy,
    ids: Ids,
    config: AuthConfig,
    hasher: Hasher,
    signing: KeyRing,
    revocations: Revocations,
    blacklist: Option<Arc<dyn Blacklist>>,
    /// What applications behind a proxy were told a moment ago.
    statements: Remembered<Arc<Statement>>,
    live_keys: Remembered<Held>,
    key_questions: SingleFlight<([u8; 32], Asked), Result<Held, Problem>>,
    key_limits: CallLimits<ApiKeyId>,
    calls: Arc<CallCounts>,
    brought_keys: BroughtKeys,
    methods: Vec<Arc<dyn Method>>,
    entitlements: Option<Arc<dyn Entitlements>>,
    newcomers: Option<Arc<dyn Newcomers>>,
    mailer: Option<Arc<dyn Mailer>>,
    used_keys: mpsc::Sender<(Holder, Timestamp)>,
    /// Who we are among several.
    instance: Instance,
}

/// Puts an [`AuthService`] together.
///
/// ```
/// use std::sync::Arc;
/// use tollgate_auth::mailer::{House, Smtp};
/// # use tollgate_auth::{AuthBuilder, AuthService, AuthSetupError, Entitlements, Newcomers};
///
/// /// Letters leave, and whoever sells plans is asked and told.
/// async fn whole(
///     builder: AuthBuilder,
///     mailer: Smtp,
///     plans: Arc<dyn Entitlements>,
///     gifts: Arc<dyn Newcomers>,
/// ) -> Result<AuthService, AuthSetupError> {
///     builder
///         .mailer(Arc::new(mailer))
///         .entitlements(plans)
///         .newcomers(gifts)
///         .build()
///         .await
/// }
/// ```
#[derive(Debug)]
pub struct AuthBuilder {
    db: Db,
    master_key: MasterKey,
    config: AuthConfig,
    clock: Clock,
    entropy: Entropy,
    methods: Vec<Arc<dyn Method>>,
    entitlements: Option<Arc<dyn Entitlements>>,
    newcomers: Option<Arc<dyn Newcomers>>,
    mailer: Option<Arc<dyn Mailer>>,
    blacklist: Option<Arc<dyn Blacklist>>,
    weak_hashing: bool,
}

/// Why an [`AuthService`] cannot be made.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, AuthSetupError};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let key = || MasterKey::generate(&Entropy::system());
/// let base = AuthConfig::new("https://shop.example");
/// let cheap = AuthConfig { bcrypt_cost: 10, ..base.clone() };
/// let built = AuthService::builder(db.clone(), key(), cheap).build().await;
/// assert!(matches!(built, Err(AuthSetupError::WeakHashing)));
///
/// let odd = AuthConfig { api_key_prefix: "SK-".to_owned(), ..base };
/// let built = AuthService::builder(db, key(), odd).build().await;
/// assert!(matches!(built, Err(AuthSetupError::KeyPrefix)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthSetupError {
    /// bcrypt below 12.
    #[error("a bcrypt cost below 12 is refused")]
    WeakHashing,
    /// Not what a key may begin with.
    #[error("an API key begins with 1 to 16 small letters and digits")]
    KeyPrefix,
    /// The hashing threads do not start, or the cost is above what bcrypt knows.
    #[error("passwords cannot be hashed")]
    Hashing(#[source] std::io::Error),
    /// An HS256 secret below 32 bytes.
    #[error("an HS256 secret has 32 bytes or more")]
    ShortSecret,
    /// The signing key cannot be made or read.
    #[error("the signing key cannot be made or read")]
    NoKey,
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AuthService {
    /// Begins with what cannot be defaulted.
    ///
    /// ```
    /// # use tollgate_auth::{AuthConfig, AuthService, AuthSetupError};
    /// # use tollgate_storage::{db::Db, seal::MasterKey};
    /// async fn accounts(db: &Db, key: &MasterKey) -> Result<AuthService, AuthSetupError> {
    ///     let config = AuthConfig::new("https://shop.example");
    ///     AuthService::builder(db.clone(), key.clone(), config).build().await
    /// }
    /// ```
    pub fn builder(db: Db, master_key: MasterKey, config: AuthConfig) -> AuthBuilder {
        AuthBuilder {
            db,
            master_key,
            config,
            clock: Clock::system(),
            entropy: Entropy::system(),
            methods: Vec::new(),
            entitlements: None,
            newcomers: None,
            mailer: None,
            blacklist: None,
            weak_hashing: false,
        }
    }

    /// A layer that finds out who asks and tells every handler inside it. No credential: nobody; a
    /// bad one: 401.
    ///
    /// ```
    /// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
    /// # use tollgate_kernel::entropy::Entropy;
    /// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
    /// use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
    /// use tollgate_kernel::caller::Caller;
    /// # use tower::ServiceExt as _;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
    /// # let mut config = AuthConfig::new("https://shop.example");
    /// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
    /// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
    /// # let auth = builder.weak_hashing_for_tests().build().await?;
    /// // `Option<Caller>`: also for nobody.
    /// async fn greet(caller: Option<Caller>) -> String {
    ///     caller.map_or("nobody".to_owned(), |caller| caller.subject())
    /// }
    /// let app: Router = Router::new().route("/", get(greet)).layer(auth.identify());
    ///
    /// let answer = app.clone().oneshot(Request::get("/").body(Body::empty())?).await?;
    /// assert_eq!(answer.status(), StatusCode::OK);
    /// let bad = Request::get("/").header("Authorization", "Bearer nonsense").body(Body::empty())?;
    /// assert_eq!(app.oneshot(bad).await?.status(), StatusCode::UNAUTHORIZED);
    /// # Ok(())
    /// # }
    /// ```
    pub fn identify(&self) -> IdentifyLayer {
        IdentifyLayer::of(self.clone())
    }

    /// A layer that lets only identified callers through; [`AuthService::identify`] goes around it.
    ///
    /// ```
    /// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
    /// # use tollgate_kernel::entropy::Entropy;
    /// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
    /// # use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
    /// # use tower::ServiceExt as _;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
    /// # let mut config = AuthConfig::new("https://shop.example");
    /// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
    /// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
    /// # let auth = builder.weak_hashing_for_tests().build().await?;
    /// let app: Router = Router::new()
    ///     .route("/mine", get(async || "mine"))
    ///     .route_layer(auth.require_auth())
    ///     .route("/open", get(async || "open"))
    ///     .layer(auth.identify());
    /// let mine = app.clone().oneshot(Request::get("/mine").body(Body::empty())?).await?;
    /// assert_eq!(mine.status(), StatusCode::UNAUTHORIZED);
    /// let open = app.oneshot(Request::get("/open").body(Body::empty())?).await?;
    /// assert_eq!(open.status(), StatusCode::OK);
    /// # Ok(())
    /// # }
    /// ```
    pub fn require_auth(&self) -> RequireAuthLayer {
        RequireAuthLayer
    }

    /// A layer that lets only callers through who hold `permission`
    /// ([`permission`](tollgate_kernel::permission) names those of the house; a host may name its
    /// own). [`AuthService::identify`] goes around it.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use tollgate_auth::AuthService;
    /// use tollgate_kernel::permission::USERS_READ;
    /// # async fn people() {}
    /// fn routes(auth: &AuthService) -> Router {
    ///     Router::new()
    ///         .route("/people", get(people))
    ///         .route_layer(auth.require_permission(USERS_READ))
    ///         .layer(auth.identify())
    /// }
    /// ```
    pub fn require_permission(&self, permission: &'static str) -> RequirePermissionLayer {
        RequirePermissionLayer(permission)
    }

    /// A layer that counts the calls of each caller and refuses more than
    /// [`AuthConfig::calls_per_minute`] (429 `rate_limited`); every answer tells what is left. This module's own
    /// routers are inside one but for `GET /verify`; a host puts it around what else it wants limited, inside
    /// [`AuthService::identify`]. Nobody and service keys are not counted, nor is a call counted twice.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use tollgate_auth::AuthService;
    /// # async fn reports() {}
    /// fn routes(auth: &AuthService) -> Router {
    ///     Router::new()
    ///         .route("/reports", get(reports))
    ///         .layer(auth.limit_calls())
    ///         .layer(auth.identify())
    /// }
    /// ```
    pub fn limit_calls(&self) -> LimitCallsLayer {
        LimitCallsLayer(Arc::clone(&self.0.calls))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }
}

impl AuthBuilder {
    /// Time from here.
    ///
    /// ```
    /// # use tollgate_auth::AuthBuilder;
    /// # use tollgate_kernel::clock::{Clock, Timestamp};
    /// # use tollgate_kernel::entropy::Entropy;
    /// /// A test that tells the time itself, and draws the same every time.
    /// fn tried(builder: AuthBuilder) -> (AuthBuilder, Clock) {
    ///     let clock = Clock::fixed(Timestamp::EPOCH);
    ///     (builder.clock(clock.clone()).entropy(Entropy::seeded(7)), clock)
    /// }
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Chance from here.
    #[must_use]
    pub fn entropy(mut self, entropy: Entropy) -> Self {
        self.entropy = entropy;
        self
    }

    /// Callers show themselves by this too.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tollgate_auth::{AuthBuilder, Method};
    /// fn with_badges(builder: AuthBuilder, badges: Arc<dyn Method>) -> AuthBuilder {
    ///     builder.method(badges)
    /// }
    /// ```
    #[must_use]
    pub fn method(mut self, method: Arc<dyn Method>) -> Self {
        self.methods.push(method);
        self
    }

    /// Plans and quota from here, for `GET /verify`.
    #[must_use]
    pub fn entitlements(mut self, entitlements: Arc<dyn Entitlements>) -> Self {
        self.entitlements = Some(entitlements);
        self
    }

    /// Whoever registers, or is given an account by staff, gets what this gives. Not those who are imported: they
    /// bring along what they have.
    #[must_use]
    pub fn newcomers(mut self, newcomers: Arc<dyn Newcomers>) -> Self {
        self.newcomers = Some(newcomers);
        self
    }

    /// Letters leave by this; without it nobody is written to.
    #[must_use]
    pub fn mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// Instances tell each other by this Redis which sign-ins ended: others than the one that ended them
    /// refuse at once, instead of within two seconds. Without it, or while it is away, all is as safe.
    ///
    /// ```
    /// # use tollgate_auth::{AuthBuilder, InvalidRedisUrl};
    /// fn shared(builder: AuthBuilder) -> Result<AuthBuilder, InvalidRedisUrl> {
    ///     Ok(builder.redis("rediss://cache.example/1".parse()?))
    /// }
    /// ```
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn redis(mut self, url: RedisUrl) -> Self {
        self.blacklist = Some(Arc::new(blacklist::Redis::at(url)));
        self
    }

    /// Hashes that take no time and are worth nothing.
    #[must_use]
    pub fn weak_hashing_for_tests(mut self) -> Self {
        self.weak_hashing = true;
        self
    }

    /// Brings the tables up to date, finds or makes the signing key and starts the hashing threads.
    ///
    /// # Errors
    /// [`AuthSetupError`].
    pub async fn build(mut self) -> Result<AuthService, AuthSetupError> {
        if self.weak_hashing {
            self.config.bcrypt_cost = TEST_BCRYPT_COST;
        } else if self.config.bcrypt_cost < LEAST_BCRYPT_COST {
            return Err(AuthSetupError::WeakHashing);
        }
        if !is_prefix(&self.config.api_key_prefix) {
            return Err(AuthSetupError::KeyPrefix);
        }
        CORE.run(&self.db).await?;
        MIGRATIONS.run(&self.db).await?;
        let now = self.clock.now();
        let signing =
            KeyRing::open(&self.db, &self.master_key, &self.entropy, &self.config, now).await?;
        let (cost, entropy) = (self.config.bcrypt_cost, self.entropy.clone());
        let hasher = tokio::task::spawn_blocking(move || Hasher::start(cost, entropy));
        let hasher = hasher
            .await
            .map_err(|panicked| AuthSetupError::Hashing(std::io::Error::other(panicked)))?
            .map_err(AuthSetupError::Hashing)?;
        let (used_keys, uses) = mpsc::channel(USES_WAITING);
        tokio::spawn(note_uses(self.db.clone(), uses));
        let calls = Arc::new(CallCounts::up_to(self.config.calls_per_minute));
        let service = AuthService(Arc::new(Parts {
            ids: Ids::new(self.clock.clone(), self.entropy.clone()),
            db: self.db,
            master_key: self.master_key,
            clock: self.clock,
            instance: Instance::new(&self.entropy),
            entropy: self.entropy,
            config: self.config,
            hasher,
            signing,
            revocations: Revocations::default(),
            blacklist: self.blacklist,
            statements: Remembered::default(),
            live_keys: Remembered::default(),
            key_questions: SingleFlight::default(),
            key_limits: CallLimits::default(),
            calls,
            brought_keys: BroughtKeys::default(),
            methods: self.methods,
            entitlements: self.entitlements,
            newcomers: self.newcomers,
            mailer: self.mailer,
            used_keys,
        }));
        service.see_revocations().await?;
        service.look_for_brought_keys().await?;
        revocations::watch(&service);
        revocations::listen(&service);
        Ok(service)
    }
}

/// Writes "last used" beside the requests, at most once a minute for each key; ends with the
/// service.
async fn note_uses(db: Db, mut uses: mpsc::Receiver<(Holder, Timestamp)>) {
    while let Some((holder, at)) = uses.recv().await {
        let before = at.before(NOTED_EVERY);
        let written = async {
            let mut tx = db.begin().await?;
            match holder {
                Holder::Person(_, key) => api_keys::used(&mut tx, key, at, before).await?,
                Holder::Service(key) => service_keys::used(&mut tx, key, at, before).await?,
            }
            tx.commit().await
        };
        if let Err(error) = written.await {
            tracing::warn!(
                key = ?holder,
                error = &error as &dyn std::error::Error,
                "the use of a key was not noted"
            );
        }
    }
}
