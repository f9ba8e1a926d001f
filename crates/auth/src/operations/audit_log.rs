//! The audit log, as staff read it, and whether it is as it was written.

use tollgate_storage::audit::{self, Filter, Recorded};
use tollgate_storage::{Result, StorageError};

use crate::AuthService;

/// A place of the audit log that is not as it was written.
///
/// ```
/// use tollgate_auth::Broken;
///
/// fn told(broken: &Broken) -> String {
///     format!("{} {} was changed by somebody else", broken.table, broken.row)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// `audit_log`, or `audit_seals`.
    pub table: &'static str,
    /// Which row of it: its position, or the number of the seal.
    pub row: String,
}

impl AuthService {
    /// At most `limit` deeds of every module in this database, newest first.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_storage::StorageError;
    /// # use tollgate_storage::audit::Filter;
    /// async fn last_deed(auth: &AuthService) -> Result<Option<String>, StorageError> {
    ///     let newest = auth.audit_log(&Filter::default(), 1).await?;
    ///     Ok(newest.into_iter().next().map(|deed| deed.action))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn audit_log(&self, filter: &Filter, limit: u32) -> Result<Vec<Recorded>> {
        audit::list(&self.parts().db, filter, i64::from(limit)).await
    }

    /// Reads the whole log against its codes and its chain; gives the first place that is not as it was written. It
    /// takes as long as the log is.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_storage::StorageError;
    /// async fn is_whole(auth: &AuthService) -> Result<bool, StorageError> {
    ///     Ok(auth.verify_audit_log().await?.is_none())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn verify_audit_log(&self) -> Result<Option<Broken>> {
        let parts = self.parts();
        match audit::verify(&parts.db, &parts.master_key).await {
            Ok(()) => Ok(None),
            Err(StorageError::Inconsistent { table, row, .. }) => Ok(Some(Broken { table, row })),
            Err(error) => Err(error),
        }
    }
}
