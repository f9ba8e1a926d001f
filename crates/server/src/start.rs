//! What has to be there before anything is put together: the folder, its lock, the key; and why it may not be.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tollgate_auth::{AuthSetupError, RemoteSetupError};
use tollgate_kernel::entropy::Entropy;
use tollgate_sandbox::SandboxError;
use tollgate_storage::StorageError;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::url::DatabaseUrl;

use crate::config::{Config, Faults};
use crate::gate::InvalidUpstream;
use crate::keys;

/// Why the service does not start.
///
/// ```
/// # use tollgate::StartError;
/// use tollgate::config::Faults;
///
/// /// Whether another start with the same settings may do better.
/// fn is_passing(error: &StartError) -> bool {
///     matches!(error, StartError::Storage(_) | StartError::Listen { .. } | StartError::Running(_))
/// }
/// let error = StartError::from(Faults::one("DATABASE_URL", "there is no database"));
/// assert_eq!(error.to_string(), "DATABASE_URL: there is no database");
/// assert!(!is_passing(&error));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Settings that cannot be used.
    #[error("{0}")]
    Settings(#[from] Faults),
    /// The address is taken, or not ours.
    #[error("cannot listen on {addr}")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The data folder cannot be used.
    #[error("the data folder {folder} cannot be used")]
    DataDir {
        /// Which.
        folder: String,
        /// Why.
        source: io::Error,
    },
    /// Another process has the data.
    #[error("another tollgate is running on {0}: one SQLite file belongs to one process")]
    Running(String),
    /// The application behind the gate.
    #[error(transparent)]
    Upstream(#[from] InvalidUpstream),
    /// The database.
    #[error("the database cannot be used")]
    Storage(#[from] StorageError),
    /// The accounts.
    #[error("the accounts cannot be set up")]
    Auth(#[from] AuthSetupError),
    /// The accounts of another service.
    #[error(transparent)]
    Accounts(#[from] RemoteSetupError),
    /// The look-alikes.
    #[error("the sandbox cannot be opened")]
    Sandbox(#[from] SandboxError),
}

/// The settings' own, or the one beside the data.
pub(crate) fn master_key(config: &Config, entropy: &Entropy) -> Result<MasterKey, Faults> {
    match &config.master_key {
        Some(key) => Ok(key.clone()),
        None => keys::master_key(&config.data_dir, entropy),
    }
}

/// Makes the folder, for its owner only, and keeps a second process off a SQLite file.
pub(crate) fn data_dir(config: &Config) -> Result<Option<File>, StartError> {
    let folder = &config.data_dir;
    make_folder(folder)?;
    let DatabaseUrl::Sqlite(path) = &config.database else {
        return Ok(None);
    };
    // The folder may have been there before, and be open to others.
    let own = |path: &Path| {
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
    };
    let fault = |source| StartError::DataDir {
        folder: path.parent().unwrap_or(folder).display().to_string(),
        source,
    };
    let lock = own(&path.with_extension("lock")).map_err(fault)?;
    own(path).map_err(fault)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(StartError::Running(path.display().to_string()))
        }
        Err(std::fs::TryLockError::Error(source)) => Err(fault(source)),
    }
}

fn make_folder(folder: &Path) -> Result<(), StartError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|source| StartError::DataDir {
            folder: folder.display().to_string(),
            source,
        })
}
