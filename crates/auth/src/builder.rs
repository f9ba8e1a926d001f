//! How the module is put together, and what it does beside requests from then on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::Ids;
use tollgate_storage::StorageError;
use tollgate_storage::db::Db;
use tollgate_storage::duties::Instance;
use tollgate_storage::migrations::CORE;
use tollgate_storage::seal::MasterKey;

#[cfg(feature = "redis")]
use crate::RedisUrl;
use crate::blacklist::{self, Blacklist};
use crate::brought_keys::BroughtKeys;
use crate::call_limits::CallLimits;
use crate::config::AuthConfig;
use crate::hashing::Hasher;
use crate::limit_calls::CallCounts;
use crate::mailer::Mailer;
use crate::methods::Method;
use crate::model::api_key::is_prefix;
use crate::model::live_key::Holder;
use crate::remembered::Remembered;
use crate::revocations::{self, Revocations};
use crate::signing::KeyRing;
use crate::single_flight::SingleFlight;
use crate::store::{api_keys, service_keys};
use crate::{AuthService, Entitlements, MIGRATIONS, Newcomers, Parts};

/// The design's least.
const LEAST_BCRYPT_COST: u32 = 12;
/// Fast and worth nothing.
const TEST_BCRYPT_COST: u32 = 4;
/// Uses that wait to be noted.
const USES_WAITING: usize = 1_024;
/// "Last used" is true to this much.
pub(crate) const NOTED_EVERY: Duration = Duration::from_mins(1);

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

impl AuthBuilder {
    /// What cannot be defaulted.
    pub(crate) fn new(db: Db, master_key: MasterKey, config: AuthConfig) -> Self {
        Self {
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
