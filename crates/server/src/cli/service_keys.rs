//! `tollgate service-keys`: keys of host applications, for who has the machine. May run beside servers, which know a new
//! key at once, and forget one that is revoked within two seconds.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use tollgate::config::Config;
use tollgate::offline;
use tollgate_auth::model::api_key::KeyName;
use tollgate_auth::model::key_terms::OF_SERVICE_KEYS;
use tollgate_auth::model::service_key::ServiceKey;
use tollgate_auth::{AuthService, CreateServiceKey, Initiator};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::ServiceKeyId;
use tollgate_kernel::networks::Networks;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::scope::Scopes;

use super::NotThere;

/// In one read.
const PAGE: u32 = 100;

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceKeys {
    /// Make a key and print it, this once.
    Create {
        /// Which application: 1 to 100 characters.
        #[arg(long)]
        name: KeyName,
        /// What it is for; several with commas between them.
        #[arg(long, required = true, value_delimiter = ',', value_parser = PossibleValuesParser::new(OF_SERVICE_KEYS))]
        scopes: Vec<String>,
        /// From where it may be used: addresses and networks, with commas between them. Without: from anywhere.
        #[arg(long)]
        allowed_addresses: Option<Networks>,
        /// When it ends (RFC 3339). Without: never.
        #[arg(long, value_parser = moment)]
        expires_at: Option<Timestamp>,
    },
    /// Print a line for each key that was not revoked, without its secret.
    List,
    /// End a key for good.
    Revoke {
        /// Its id, as list shows it.
        id: ServiceKeyId,
    },
}

fn moment(text: &str) -> Result<Timestamp, chrono::ParseError> {
    chrono::DateTime::parse_from_rfc3339(text).map(|at| Timestamp::from_utc(at.to_utc()))
}

/// Does it. Data go to standard output, talk to standard error.
pub(crate) async fn run(command: ServiceKeys, config: Config) -> anyhow::Result<()> {
    super::log_to_stderr("warn", config.log_json)?;
    let auth = offline::accounts(&config, &Entropy::system()).await?;
    let origin = Origin::default();
    let by = Initiator::operator(&origin);
    match command {
        ServiceKeys::Create {
            name,
            mut scopes,
            allowed_addresses,
            expires_at,
        } => {
            scopes.sort_unstable();
            scopes.dedup();
            let wish = CreateServiceKey {
                name,
                scopes: Scopes::only(scopes),
                addresses: allowed_addresses.unwrap_or_default(),
                expires_at,
            };
            let (made, key) = auth.create_service_key(&wish, &by).await?;
            eprintln!("{}", line(&made));
            eprintln!(
                "the key, which is shown this once (TOLLGATE_SERVICE_KEY of the application):"
            );
            println!("{}", key.text());
        }
        ServiceKeys::List => list(&auth).await?,
        ServiceKeys::Revoke { id } => {
            if !auth.delete_service_key(id, &by).await? {
                return Err(NotThere("there is no such key, or it was revoked before").into());
            }
            eprintln!("{id} is revoked");
        }
    }
    Ok(())
}

async fn list(auth: &AuthService) -> anyhow::Result<()> {
    let mut behind = None;
    loop {
        let page = auth.list_service_keys(behind, PAGE).await?;
        for key in &page.keys {
            println!("{}", line(key));
        }
        behind = page.keys.last().map(|key| key.id);
        if !page.has_more {
            return Ok(());
        }
    }
}

fn line(key: &ServiceKey) -> String {
    let state = if key.is_active { "active" } else { "over" };
    let scopes = key.scopes.names().unwrap_or_default().join(",");
    let ends = key.expires_at.map(|end| format!("  until {end}"));
    format!(
        "{}  {}  {state:<6}  {scopes}  {:?}{}",
        key.id,
        key.key_prefix,
        key.name,
        ends.unwrap_or_default()
    )
}
