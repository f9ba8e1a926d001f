//! The master key beside the data, where no variable names one.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use tollgate_kernel::entropy::Entropy;
use tollgate_storage::seal::MasterKey;

use crate::config::Faults;

const FILE: &str = "master.key";

/// Reads `{data_dir}/master.key`, or makes it, readable by its owner only.
pub(crate) fn master_key(data_dir: &Path, entropy: &Entropy) -> Result<MasterKey, Faults> {
    let path = data_dir.join(FILE);
    let fault = |reason: String| Faults::one("MASTER_KEY", format!("{}: {reason}", path.display()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Ok(mut file) => {
            let key = MasterKey::generate(entropy);
            file.write_all(key.to_base64().as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(|error| fault(error.to_string()))?;
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => kept_master_key(data_dir),
        Err(error) => Err(fault(error.to_string())),
    }
}

/// Reads `{data_dir}/master.key`, which must be there.
pub(crate) fn kept_master_key(data_dir: &Path) -> Result<MasterKey, Faults> {
    let path = data_dir.join(FILE);
    let fault = |reason: String| Faults::one("MASTER_KEY", format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| fault(error.to_string()))?;
    MasterKey::parse(&text).map_err(|error| fault(error.to_string()))
}
