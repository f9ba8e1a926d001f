#![doc = include_str!("../README.md")]
//!
//! ```
//! use axum::Router;
//! use axum::routing::post;
//! use tollgate_payment::{PaymentService, QuotaHold};
//!
//! async fn process(_hold: QuotaHold) -> &'static str {
//!     "done"
//! }
//!
//! // Around it stands a layer that says who calls: `AuthService::identify`, or one of the host's own.
//! fn app(payment: &PaymentService) -> Router {
//!     let pays = payment.consume_quota("dicom_processing", 1);
//!     Router::new()
//!         .route("/process", post(process).route_layer(pays))
//!         .nest("/payments", payment.router())
//! }
//! ```

mod config;
mod counted;
mod duties;
mod extract;
mod guarded;
mod layers;
mod limits;
pub mod model;
mod operations;
mod people;
mod problems;
pub mod providers;
mod quota;
mod quota_writer;
mod routes;
pub mod shapes;
mod store;
mod words;
mod worker;

use std::num::NonZero;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;

use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::Ids;
pub use tollgate_storage::audit::Initiator;
use tollgate_storage::db::Db;
use tollgate_storage::duties::Instance;
use tollgate_storage::migrations::{CORE, Migrations};
use tollgate_storage::rows::OverRows;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::{Result, StorageError, migrations, partitions};

pub use crate::config::PaymentConfig;
use crate::counted::UnitCounters;
pub use crate::extract::{CurrentSubscription, DeferredHold, QuotaHold};
pub use crate::layers::{
    ConsumeQuota, ConsumeQuotaLayer, RequireSubscription, RequireSubscriptionLayer,
};
use crate::model::hold::HoldTime;
pub use crate::operations::Answered;
pub use crate::operations::accept_webhook::Received;
pub use crate::operations::admin_plans::PlanFilter;
pub use crate::operations::apply_plans::PlanChange;
pub use crate::operations::attention::Attention;
use crate::operations::audit_books::SelfAudit;
pub use crate::operations::backlog::{Backlog, LaneBacklog};
pub use crate::operations::cancel_subscription::ChangeError;
pub use crate::operations::checkout::{CheckoutError, Expected, PlanRef, Subscribe};
pub use crate::operations::consume::{Consume, ConsumeError};
pub use crate::operations::create_payment::CreatePayment;
pub use crate::operations::demand::{Demand, PlanSlugs};
pub use crate::operations::edit_plan::{PlanError, Removed};
pub use crate::operations::explain::{Counted, ExplainError};
use crate::operations::fold_usage::FoldedUpTo;
pub use crate::operations::grant_plan::GrantPlan;
pub use crate::operations::grant_units::{GrantError, GrantUnits};
use crate::operations::holding::Holdings;
pub use crate::operations::jobs::RetryError;
use crate::operations::keep_call::InboundBounds;
use crate::operations::missed_events::ReadUpTo;
use crate::operations::outbound::Outbound;
pub use crate::operations::outbound::endpoints::{ChangeEndpoint, EndpointError, WantEndpoint};
pub use crate::operations::outbound::listen::{Listener, SignedEvent};
pub use crate::operations::outbound::recover::Recover;
use crate::operations::payment_status::Asking;
pub use crate::operations::payment_status::Question;
pub use crate::operations::purchase::Purchase;
pub use crate::operations::refund::{RefundError, WantRefund};
pub use crate::operations::refund_usage::UnitRefundError;
pub use crate::operations::refunds::RefundFilter;
pub use crate::operations::renew::Renew;
pub use crate::operations::renewal_link::RenewalOffer;
pub use crate::operations::replay_webhook::ReplayError;
pub use crate::operations::resolve_suspense::{Resolve, ResolveError};
pub use crate::operations::settle_hold::HoldError;
pub use crate::operations::stats_revenue::{StatsError, WantRevenue};
pub use crate::operations::subscription_history::HistoryPage;
pub use crate::operations::subscriptions::SubscriptionFilter;
pub use crate::operations::take_over::balances::{BroughtBalance, BroughtBonus, TakenBalances};
pub use crate::operations::take_over::subscriptions::BroughtSubscription;
pub use crate::operations::take_over::{TakeOverFault, TakenOver};
pub use crate::operations::transactions::TransactionFilter;
pub use crate::operations::usage_logs::{UsageFilter, UsagePage};
pub use crate::operations::usage_series::{SeriesError, SeriesOf, WantSeries};
pub use crate::operations::verify_books::{AccountBalance, Books, verify_books};
pub use crate::operations::way::{Offer, PayBy};
pub use crate::operations::webhook_events::WebhookEventFilter;
pub use crate::people::{Expiring, News, People};
use crate::providers::{PaymentProvider, Registry, Warning};
pub use crate::quota::QuotaHandle;
use crate::quota_writer::QuotaWriter;
use crate::shapes::QuotaShape;
pub use crate::worker::Lane;

/// Commits of charges side by side on PostgreSQL, at most: no more than there are processors. Each lane more makes the
/// batches of the others smaller, and two full ones pass as much as four half empty ones.
const MOST_LANES: usize = 4;

/// The tables of this module.
///
/// ```
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::db::Db;
/// # use tollgate_storage::migrations::CORE;
/// async fn migrate(db: &Db) -> Result<(), StorageError> {
///     CORE.run(db).await?;
///     tollgate_payment::MIGRATIONS.run(db).await
/// }
/// ```
pub const MIGRATIONS: Migrations = migrations!(
    "payment_migrations":
    1 "0001_plans",
    2 "0002_subscriptions",
    3 "0003_usage",
    4 "0004_payments",
    5 "0005_free_grants",
    6 "0006_refund_wishes",
    7 "0007_ledger",
    8 "0008_outbound_webhooks",
    9 "0009_provider_customers",
    10 "0010_plan_versions",
    11 "0011_quota_holds",
    12 "0012_usage_rollups",
    13 "0013_subscription_terms",
    15 "0015_rollups_by_period",
    16 "0016_reminders",
    17 "0017_stats_and_trials",
    18 "0018_returned_units",
    19 "0019_user_subscriptions",
    20 "0020_taken_over",
);

/// Every statement of this module, for the test that prepares them on both engines.
///
/// ```
/// let mut all = tollgate_payment::STATEMENTS.iter().flat_map(|of_file| of_file.iter());
/// assert!(all.all(|sql| !sql.is_empty()));
/// ```
pub const STATEMENTS: &[&[&str]] = store::STATEMENTS;

/// Those over rows that are handed over.
///
/// ```
/// assert!(!tollgate_payment::OVER_ROWS.is_empty());
/// ```
pub const OVER_ROWS: &[&[&OverRows]] = store::OVER_ROWS;

/// Plans, subscriptions, payments, quota and usage. A clone is cheap and shares everything.
///
/// ```
/// use axum::Router;
/// use tollgate_payment::{PaymentConfig, PaymentService};
/// use tollgate_storage::StorageError;
/// use tollgate_storage::db::Db;
/// use tollgate_storage::seal::MasterKey;
///
/// async fn mounted(db: Db, master_key: MasterKey) -> Result<Router, StorageError> {
///     let config = PaymentConfig::new("https://shop.example");
///     let payment = PaymentService::builder(db, master_key, config).build().await?;
///     Ok(Router::new()
///         .nest("/payments", payment.router())
///         .nest("/quota", payment.quota_router())
///         .nest("/usage", payment.usage_router())
///         .nest("/admin", payment.admin_router()))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct PaymentService(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    db: Db,
    master_key: MasterKey,
    clock: Clock,
    ids: Ids,
    config: PaymentConfig,
    providers: Registry,
    people: Option<Arc<dyn People>>,
    /// When the operator was last told what to do.
    warned_at: Mutex<Option<Timestamp>>,
    /// Orders that are being asked about.
    asking: Asking,
    inbound: InboundBounds,
    read_up_to: ReadUpTo,
    outbound: Outbound,
    /// What people have, as it was read a moment ago.
    holdings: Holdings,
    writer: QuotaWriter,
    /// Guarded calls that passed uncharged, since the database was away.
    let_through: AtomicU64,
    entropy: Entropy,
    self_audit: SelfAudit,
    /// Who we are among several.
    instance: Instance,
    folded: FoldedUpTo,
    /// Units, for who watches.
    units: UnitCounters,
}

impl Parts {
    /// One person, as a free plan that they had is remembered.
    fn free_grant_of(&self, person: &str) -> [u8; 32] {
        self.master_key.keyed_hash("free grant", person.as_bytes())
    }

    /// One person, as a plan that they have tried is remembered.
    fn trial_of(&self, person: &str) -> [u8; 32] {
        self.master_key.keyed_hash("free trial", person.as_bytes())
    }
}

/// Puts a [`PaymentService`] together.
///
/// ```
/// use std::sync::Arc;
/// use tollgate_kernel::clock::Clock;
/// use tollgate_kernel::entropy::Entropy;
/// use tollgate_payment::{PaymentConfig, PaymentService, People};
/// use tollgate_payment::providers::PaymentProvider;
/// use tollgate_storage::StorageError;
/// use tollgate_storage::db::Db;
/// use tollgate_storage::seal::MasterKey;
///
/// async fn built(
///     db: Db,
///     master_key: MasterKey,
///     rail: Arc<dyn PaymentProvider>,
///     people: Arc<dyn People>,
/// ) -> Result<PaymentService, StorageError> {
///     let config = PaymentConfig::new("https://shop.example");
///     PaymentService::builder(db, master_key, config)
///         .clock(Clock::system())
///         .entropy(Entropy::system())
///         .provider(rail)
///         .people(people)
///         .build()
///         .await
/// }
/// ```
#[derive(Debug)]
pub struct PaymentBuilder {
    db: Db,
    master_key: MasterKey,
    clock: Clock,
    entropy: Entropy,
    config: PaymentConfig,
    providers: Vec<Arc<dyn PaymentProvider>>,
    people: Option<Arc<dyn People>>,
}

impl PaymentService {
    /// Begins with what cannot be defaulted.
    ///
    /// ```
    /// # use tollgate_payment::{PaymentConfig, PaymentService};
    /// # use tollgate_storage::StorageError;
    /// # use tollgate_storage::db::Db;
    /// # use tollgate_storage::seal::MasterKey;
    /// async fn plain(db: Db, master_key: MasterKey) -> Result<PaymentService, StorageError> {
    ///     let config = PaymentConfig::new("https://shop.example");
    ///     PaymentService::builder(db, master_key, config).build().await
    /// }
    /// ```
    pub fn builder(db: Db, master_key: MasterKey, config: PaymentConfig) -> PaymentBuilder {
        PaymentBuilder {
            db,
            master_key,
            clock: Clock::system(),
            entropy: Entropy::system(),
            config,
            providers: Vec::new(),
            people: None,
        }
    }
}

impl PaymentService {
    /// A refusal of [`PaymentService::consume`] as the answer that clients know.
    ///
    /// ```
    /// # use tollgate_kernel::problem::Problem;
    /// # use tollgate_payment::{Consume, PaymentService};
    /// async fn charge(payment: &PaymentService, call: &Consume) -> Result<(), Problem> {
    ///     let taken = payment.consume(call, None).await;
    ///     taken.map(drop).map_err(|refusal| payment.problem(refusal))
    /// }
    /// ```
    pub fn problem(&self, refusal: ConsumeError) -> tollgate_kernel::problem::Problem {
        problems::consume(refusal, self.upgrade_url(), self.0.clock.now())
    }

    pub(crate) fn unit_refund_problem(
        &self,
        refusal: UnitRefundError,
    ) -> tollgate_kernel::problem::Problem {
        problems::unit_refund(refusal, self.upgrade_url(), self.0.clock.now())
    }

    /// Tells in the headers of an answer how a meter stands: `X-Quota-*`, `RateLimit-Policy` and `RateLimit`.
    ///
    /// ```
    /// # use axum::http::HeaderMap;
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn answer(payment: &PaymentService, user: UserId) -> Result<HeaderMap, StorageError> {
    ///     let mut headers = HeaderMap::new();
    ///     if let Some(quota) = payment.first_meter(user).await? {
    ///         payment.announce(&mut headers, &quota);
    ///     }
    ///     Ok(headers)
    /// }
    /// ```
    pub fn announce(&self, headers: &mut axum::http::HeaderMap, quota: &QuotaShape) {
        limits::announce(headers, quota, self.0.clock.now());
    }

    /// What the operator should do before it hurts, by the settings of every rail.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// fn urgent(payment: &PaymentService) -> Vec<String> {
    ///     let warnings = payment.warnings();
    ///     warnings.iter().filter(|one| one.is_urgent()).map(ToString::to_string).collect()
    /// }
    /// ```
    pub fn warnings(&self) -> Vec<Warning> {
        let now = self.0.clock.now();
        let rails = self.0.providers.iter();
        rails.flat_map(|rail| rail.warnings(now)).collect()
    }

    /// Now, by the clock that orders, terms and quota go by.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::payment::Payment;
    /// fn may_be_paid(payment: &PaymentService, order: &Payment) -> bool {
    ///     payment.now() < order.expires_at
    /// }
    /// ```
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// How long units are set aside when nobody says.
    pub(crate) fn hold_time(&self) -> HoldTime {
        self.0.config.hold_time
    }

    /// Where a person goes who needs a plan, or a larger one.
    pub(crate) fn upgrade_url(&self) -> &str {
        &self.0.config.upgrade_url
    }
}

impl PaymentBuilder {
    /// Time from here.
    ///
    /// ```
    /// # use tollgate_kernel::clock::Clock;
    /// # use tollgate_payment::PaymentBuilder;
    /// // A test that lives through a month in a moment.
    /// fn in_a_test(builder: PaymentBuilder, clock: &Clock) -> PaymentBuilder {
    ///     builder.clock(clock.clone())
    /// }
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Chance from here.
    ///
    /// ```
    /// # use tollgate_kernel::entropy::Entropy;
    /// # use tollgate_payment::PaymentBuilder;
    /// // The same ids and secrets in every run of a test.
    /// fn in_a_test(builder: PaymentBuilder) -> PaymentBuilder {
    ///     builder.entropy(Entropy::seeded(7))
    /// }
    /// ```
    #[must_use]
    pub fn entropy(mut self, entropy: Entropy) -> Self {
        self.entropy = entropy;
        self
    }

    /// Money by this rail too.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tollgate_payment::PaymentBuilder;
    /// # use tollgate_payment::providers::stripe::Stripe;
    /// fn with_stripe(builder: PaymentBuilder, stripe: Stripe) -> PaymentBuilder {
    ///     builder.provider(Arc::new(stripe))
    /// }
    /// ```
    #[must_use]
    pub fn provider(mut self, provider: Arc<dyn PaymentProvider>) -> Self {
        self.providers.push(provider);
        self
    }

    /// Who is one person, so that a free plan is had once.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tollgate_payment::{PaymentBuilder, People};
    /// fn with_accounts(builder: PaymentBuilder, accounts: Arc<dyn People>) -> PaymentBuilder {
    ///     builder.people(accounts)
    /// }
    /// ```
    #[must_use]
    pub fn people(mut self, people: Arc<dyn People>) -> Self {
        self.people = Some(people);
        self
    }

    /// Brings the tables up to date, and opens the books when there were none.
    ///
    /// ```
    /// # use tollgate_payment::{PaymentBuilder, PaymentService};
    /// # use tollgate_storage::StorageError;
    /// async fn start(builder: PaymentBuilder) -> Result<PaymentService, StorageError> {
    ///     let payment = builder.build().await?;
    ///     assert!(payment.warnings().is_empty(), "see to it first");
    ///     Ok(payment)
    /// }
    /// ```
    ///
    /// # Errors
    /// The database is away, or its schema is not ours.
    pub async fn build(self) -> Result<PaymentService, StorageError> {
        CORE.run(&self.db).await?;
        MIGRATIONS.run(&self.db).await?;
        partitions::make_ahead(&self.db, "usage_logs", self.clock.now()).await?;
        let outbound = Outbound::new(self.config.webhook_allow_private).map_err(|error| {
            StorageError::Unavailable(tollgate_storage::sqlx::Error::Io(std::io::Error::other(
                error,
            )))
        })?;
        let lanes = match &self.db {
            Db::Sqlite { .. } => 1,
            Db::Postgres(_) => available_parallelism()
                .map_or(1, NonZero::get)
                .min(MOST_LANES),
        };
        counted::describe();
        let service = PaymentService(Arc::new_cyclic(|parts| Parts {
            holdings: Holdings::default(),
            writer: QuotaWriter::start(parts, lanes),
            let_through: AtomicU64::new(0),
            providers: Registry::new(self.providers, &self.clock),
            ids: Ids::new(self.clock.clone(), self.entropy.clone()),
            warned_at: Mutex::new(None),
            asking: Asking::default(),
            inbound: InboundBounds::default(),
            read_up_to: ReadUpTo::default(),
            outbound,
            instance: Instance::new(&self.entropy),
            entropy: self.entropy,
            self_audit: SelfAudit::default(),
            folded: FoldedUpTo::default(),
            units: UnitCounters::default(),
            db: self.db,
            master_key: self.master_key,
            clock: self.clock,
            config: self.config,
            people: self.people,
        }));
        service.open_books().await?;
        Ok(service)
    }
}
