//! The database and the accounts without the server, for the command line. May run beside servers.

use tollgate_auth::AuthService;
use tollgate_kernel::entropy::Entropy;
use tollgate_payment::{PaymentConfig, PaymentService};
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::url::DatabaseUrl;

use crate::config::{Config, Faults};
use crate::keys;
use crate::start::StartError;

/// Opens the database, which must be there: a command never makes one by the way.
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
/// # Errors
/// [`StartError`].
pub async fn accounts(config: &Config, entropy: &Entropy) -> Result<AuthService, StartError> {
    let db = database(config).await?;
    let master_key = master_key(config)?;
    let url = config.public_url.as_ref().map(url::Url::as_str);
    let auth_config = config
        .accounts
        .auth_config(url.unwrap_or_default(), !config.has_sandbox());
    let builder = AuthService::builder(db, master_key, auth_config).entropy(entropy.clone());
    Ok(builder.build().await?)
}

/// The plans, as a server with these settings has them; no rail is reached by it.
///
/// # Errors
/// [`StartError`].
pub async fn plans(config: &Config, entropy: &Entropy) -> Result<PaymentService, StartError> {
    let db = database(config).await?;
    let url = config.public_url.as_ref().map(url::Url::as_str);
    let mut settings = PaymentConfig::new(url.unwrap_or_default());
    settings.livemode = !config.has_sandbox();
    settings.language = config.default_language;
    settings.currency = config.default_currency;
    let builder = PaymentService::builder(db, master_key(config)?, settings);
    Ok(builder.entropy(entropy.clone()).build().await?)
}

fn master_key(config: &Config) -> Result<MasterKey, Faults> {
    match &config.master_key {
        Some(key) => Ok(key.clone()),
        None => keys::kept_master_key(&config.data_dir),
    }
}
