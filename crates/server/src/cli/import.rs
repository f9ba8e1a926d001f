//! `tollgate users import`, `tollgate api-keys import`: whoever has customers already brings them along.
//! A file is taken over whole or not at all; doing it again changes nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Subcommand;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tollgate::config::Config;
use tollgate::offline;
use tollgate_auth::model::user::Locale;
use tollgate_auth::{BroughtKey, BroughtUser, ImportError, Imported};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;

/// Shown at once; the rest is counted.
const FAULTS_SHOWN: usize = 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    /// Open accounts from a CSV file with the columns email, username, `hashed_password`, and if wanted
    /// `email_verified` (true or false) and locale (zh or en).
    Import {
        /// The file.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeys {
    /// Take keys over from a CSV file with the columns email, sha256 (of the key's text, 64 hexadecimal
    /// digits), name, and if wanted `key_prefix` (what lists show) and `expires_at` (RFC 3339).
    Import {
        /// The file.
        file: PathBuf,
    },
}

#[derive(Debug, Deserialize)]
struct UserLine {
    email: String,
    username: String,
    #[serde(default)]
    hashed_password: String,
    #[serde(default)]
    email_verified: String,
    #[serde(default)]
    locale: String,
}

#[derive(Debug, Deserialize)]
struct KeyLine {
    email: String,
    sha256: String,
    name: String,
    #[serde(default)]
    key_prefix: String,
    #[serde(default)]
    expires_at: String,
}

pub(crate) async fn users(config: Config, command: Users) -> anyhow::Result<()> {
    let Users::Import { file } = command;
    let people = read(&file, |line: UserLine| {
        Ok(BroughtUser {
            email: field("email", &line.email)?,
            username: field("username", &line.username)?,
            hashed_password: Some(line.hashed_password).filter(|text| !text.is_empty()),
            email_verified: optional("email_verified", &line.email_verified)?.unwrap_or(false),
            locale: optional::<Locale>("locale", &line.locale)?.unwrap_or_default(),
        })
    })?;
    let auth = offline::accounts(&config, &Entropy::system()).await?;
    report(auth.import_users(&people).await)
}

pub(crate) async fn api_keys(config: Config, command: ApiKeys) -> anyhow::Result<()> {
    let ApiKeys::Import { file } = command;
    let keys = read(&file, |line: KeyLine| {
        let mut sha256 = [0; 32];
        hex::decode_to_slice(line.sha256.trim(), &mut sha256)
            .map_err(|_| "sha256 must be 64 hexadecimal digits".to_owned())?;
        let shown = Some(line.key_prefix.trim().to_owned()).filter(|text| !text.is_empty());
        let expires_at = optional::<chrono::DateTime<chrono::Utc>>("expires_at", &line.expires_at)?;
        Ok(BroughtKey {
            email: field("email", &line.email)?,
            sha256,
            shown: shown.unwrap_or_else(|| "imported".to_owned()),
            name: field("name", &line.name)?,
            expires_at: expires_at.map(Timestamp::from_utc),
        })
    })?;
    let auth = offline::accounts(&config, &Entropy::system()).await?;
    report(auth.import_api_keys(&keys).await)
}

/// Every line, or what is wrong with each that cannot be read.
fn read<L: DeserializeOwned, T>(
    file: &Path,
    understand: impl Fn(L) -> Result<T, String>,
) -> anyhow::Result<Vec<T>> {
    let mut lines = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(file)
        .map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
    let (mut all, mut faults) = (Vec::new(), Vec::new());
    for (position, line) in lines.deserialize().enumerate() {
        let understood = line
            .map_err(|error| error.to_string())
            .and_then(&understand);
        match understood {
            Ok(entry) => all.push(entry),
            Err(fault) => faults.push((position, fault)),
        }
    }
    refuse(&faults)?;
    Ok(all)
}

fn field<T: FromStr>(name: &str, text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| format!("{name}: {error}"))
}

fn optional<T: FromStr>(name: &str, text: &str) -> Result<Option<T>, String>
where
    T::Err: std::fmt::Display,
{
    Some(text)
        .filter(|text| !text.is_empty())
        .map(|text| field(name, text))
        .transpose()
}

fn report(outcome: Result<Imported, ImportError>) -> anyhow::Result<()> {
    match outcome {
        Ok(imported) => {
            println!(
                "{} imported, {} known before",
                imported.made, imported.known
            );
            Ok(())
        }
        Err(ImportError::Entries(faults)) => refuse(&faults),
        Err(error) => Err(error.into()),
    }
}

/// An error that names each faulty line as an editor counts them, under the line of names.
fn refuse<F: std::fmt::Display>(faults: &[(usize, F)]) -> anyhow::Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    let mut text = "nothing was imported".to_owned();
    for (position, fault) in faults.iter().take(FAULTS_SHOWN) {
        let _ = write!(text, "\nline {}: {fault}", position.saturating_add(2));
    }
    if let Some(more) = faults
        .len()
        .checked_sub(FAULTS_SHOWN)
        .filter(|more| *more > 0)
    {
        let _ = write!(text, "\nand {more} more");
    }
    anyhow::bail!(text)
}
