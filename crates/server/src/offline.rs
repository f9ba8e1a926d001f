//! The database and the accounts without the server, for the command line. May run beside servers.

use tollgate_auth::{AuthBuilder, AuthService};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_payment::{PaymentBuilder, PaymentService};
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::time;
use tollgate_storage::url::DatabaseUrl;

use crate::config::{Config, Faults};
use crate::keys;
use crate::sandbox_clock;
use crate::start::StartError;

/// Opens the database, which must be there: a command never makes one by the way.
///
/// ```
/// # use tollgate::config::Config;
/// # use tollgate::{StartError, offline};
/// async fn engine(config: &Config) -> Result<&'static str, StartError> {
///     let db = offline::database(config).await?;
///     Ok(db.engine())
/// }
/// ```
///
/// # Errors
/// [`StartError`].
pub async fn database(config: &Config) -> Result<Db, StartError> {
    if let DatabaseUrl::Sqlite(path) = &config.database
        && !path.exists()
    {
        let reason = format!(
            "there is no database at {}: start tollgate once",
            path.display()
        );
        return Err(Faults::one("DATABASE_URL", reason).into());
    }
    Ok(Db::open(&config.database, 2).await?)
}

/// The accounts, as a server with these settings has them.
///
/// ```
/// # use tollgate::config::Config;
/// # use tollgate::{StartError, offline};
/// # use tollgate_auth::AuthService;
/// # use tollgate_kernel::entropy::Entropy;
/// async fn accounts(config: &Config) -> Result<AuthService, StartError> {
///     offline::accounts(config, &Entropy::system()).await
/// }
/// ```
///
/// # Errors
/// [`StartError`].
pub async fn accounts(config: &Config, entropy: &Entropy) -> Result<AuthService, StartError> {
    let db = database(config).await?;
    Ok(auth(config, db)?.entropy(entropy.clone()).build().await?)
}

/// The plans, as a server with these settings has them; no rail is reached by it.
///
/// ```
/// # use tollgate::config::Config;
/// # use tollgate::offline;
/// # use tollgate_kernel::entropy::Entropy;
/// async fn slugs(config: &Config) -> Result<Vec<String>, Box<dyn std::error::Error>> {
///     let payment = offline::plans(config, &Entropy::system()).await?;
///     let plans = payment.all_plans().await?;
///     Ok(plans.iter().map(|plan| plan.slug.as_str().to_owned()).collect())
/// }
/// ```
///
/// # Errors
/// [`StartError`].
pub async fn plans(config: &Config, entropy: &Entropy) -> Result<PaymentService, StartError> {
    let db = database(config).await?;
    Ok(payment(config, db)?
        .entropy(entropy.clone())
        .build()
        .await?)
}

/// Both, on one database, by its time: what is done in one transaction.
///
/// ```
/// # use tollgate::config::Config;
/// # use tollgate::moving_in::{self, Move, Report};
/// # use tollgate::offline;
/// # use tollgate_kernel::entropy::Entropy;
/// async fn tried(config: &Config, what: Move) -> Result<Report, Box<dyn std::error::Error>> {
///     let both = offline::both(config, &Entropy::system()).await?;
///     Ok(moving_in::run(&both, what, true).await?)
/// }
/// ```
///
/// # Errors
/// [`StartError`].
pub async fn both(config: &Config, entropy: &Entropy) -> Result<Both, StartError> {
    let db = database(config).await?;
    let clock = Clock::system();
    time::keep(&db, &clock).await?;
    if config.has_sandbox() {
        sandbox_clock::catch_up(&db, &clock).await?;
    }
    let payment = payment(config, db.clone())?
        .entropy(entropy.clone())
        .clock(clock.clone());
    let auth = auth(config, db.clone())?
        .entropy(entropy.clone())
        .clock(clock.clone());
    Ok(Both {
        payment: payment.build().await?,
        auth: auth.build().await?,
        db,
        clock,
    })
}

/// What [`both`] opens.
///
/// ```
/// # use tollgate::offline::Both;
/// # use tollgate_auth::model::user::Email;
/// /// How far somebody is, in one transaction of both.
/// async fn is_known(both: &Both, email: &Email) -> Result<bool, tollgate_storage::StorageError> {
///     let mut tx = both.db.look().await?;
///     Ok(both.auth.holder(&mut tx, email).await?.is_some())
/// }
/// ```
#[derive(Debug)]
pub struct Both {
    /// The database of both.
    pub db: Db,
    /// The accounts.
    pub auth: AuthService,
    /// The plans, and what people have of them.
    pub payment: PaymentService,
    /// Whose time it is.
    pub clock: Clock,
}

fn auth(config: &Config, db: Db) -> Result<AuthBuilder, Faults> {
    let url = config.public_url.as_ref().map(url::Url::as_str);
    let accounts = &config.accounts;
    let settings = accounts.auth_config(url.unwrap_or_default(), !config.has_sandbox());
    Ok(AuthService::builder(db, master_key(config)?, settings))
}

fn payment(config: &Config, db: Db) -> Result<PaymentBuilder, Faults> {
    let url = config.public_url.as_ref().map(url::Url::as_str);
    let settings = config.payment_config(url.unwrap_or_default(), !config.has_sandbox());
    Ok(PaymentService::builder(db, master_key(config)?, settings))
}

fn master_key(config: &Config) -> Result<MasterKey, Faults> {
    match &config.master_key {
        Some(key) => Ok(key.clone()),
        None => keys::kept_master_key(&config.data_dir),
    }
}
