//! `tollgate signing-keys`: the keys that sign access tokens. Servers notice within 5 seconds.

use clap::Subcommand;
use tollgate::config::Config;
use tollgate::offline;
use tollgate_auth::PUBLISHED_FOR;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::signing_keys::{self, KeyState, RingKey};

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum SigningKeys {
    /// Put a new key in the place of the one that signs; nobody is signed out.
    Rotate,
    /// Show every key and what it is good for.
    List,
}

/// Does it. Data go to standard output, talk to standard error.
pub(crate) async fn run(command: SigningKeys, config: Config) -> anyhow::Result<()> {
    super::log_to_stderr("warn", config.log_json)?;
    match command {
        SigningKeys::Rotate => rotate(&config).await,
        SigningKeys::List => list(&config).await,
    }
}

async fn rotate(config: &Config) -> anyhow::Result<()> {
    let auth = offline::accounts(config, &Entropy::system()).await?;
    let rotation = auth.rotate_signing_keys().await?;
    if !rotation.begun {
        eprintln!("a key is next already; it was left as it is");
    }
    println!("{} signs from {}", rotation.kid, rotation.signs_at);
    Ok(())
}

async fn list(config: &Config) -> anyhow::Result<()> {
    let db = offline::database(config).await?;
    for key in signing_keys::find_all(&db).await? {
        println!("{}", line(&key));
    }
    db.close().await;
    Ok(())
}

fn line(key: &RingKey) -> String {
    let since = match key.state {
        KeyState::Next => format!("signs from {}", key.created_at.after(PUBLISHED_FOR)),
        KeyState::Active => "signs".to_owned(),
        KeyState::Retiring | KeyState::Retired => key
            .retire_at
            .map(|end| format!("good until {end}"))
            .unwrap_or_default(),
    };
    format!(
        "{:<20}  {:<5}  {:<8}  made {}  {since}",
        key.key.kid,
        key.key.algorithm,
        key.state.as_str(),
        key.created_at
    )
}
