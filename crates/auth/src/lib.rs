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
mod builder;
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
use tollgate_storage::migrations;
use tollgate_storage::migrations::Migrations;
use tollgate_storage::seal::MasterKey;

use crate::blacklist::Blacklist;
#[cfg(feature = "redis")]
pub use crate::blacklist::{InvalidRedisUrl, RedisUrl};
use crate::brought_keys::BroughtKeys;
pub use crate::builder::{AuthBuilder, AuthSetupError};
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
        AuthBuilder::new(db, master_key, config)
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
