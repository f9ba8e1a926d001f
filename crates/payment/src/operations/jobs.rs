//! Work to do later and standing duties, as staff see them. What a job carries is nobody's to see: a letter, say.

use serde_json::json;
use tollgate_kernel::ids::JobId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::{self, Actor, Entry};
use tollgate_storage::duties::{self, Standing};
use tollgate_storage::job_records::{self, JobFilter, JobRecord};
use tollgate_storage::{Result, StorageError};

use crate::PaymentService;

/// Why a job is not done again.
///
/// ```
/// # use tollgate_payment::RetryError;
/// assert_ne!(RetryError::NotFound.to_string(), RetryError::NotDead.to_string());
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError {
    /// There is no such job.
    #[error("no such job")]
    NotFound,
    /// It is open or over, or the same is asked for anew.
    #[error("it was not given up")]
    NotDead,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// The standing duties of every module in this database, by name.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn never_ran(payment: &PaymentService) -> Result<Vec<String>, StorageError> {
    ///     let duties = payment.duties().await?;
    ///     Ok(duties.into_iter().filter(|duty| duty.runs == 0).map(|duty| duty.name).collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn duties(&self) -> Result<Vec<Standing>> {
        duties::list(&self.0.db).await
    }

    /// At most `limit` jobs of every module, newest first, and whether there are more; `None`: the cursor is of another
    /// list.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// # use tollgate_storage::job_records::JobFilter;
    /// # use tollgate_storage::job_records::JobState;
    /// async fn given_up(payment: &PaymentService) -> Result<usize, StorageError> {
    ///     let filter = JobFilter {
    ///         state: Some(JobState::Dead),
    ///         ..JobFilter::default()
    ///     };
    ///     let page = payment.jobs(&filter, 100).await?;
    ///     Ok(page.map_or(0, |(jobs, _more)| jobs.len()))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn jobs(
        &self,
        filter: &JobFilter,
        limit: u32,
    ) -> Result<Option<(Vec<JobRecord>, bool)>> {
        if let Some(cursor) = filter.starting_after
            && self.job(cursor).await?.is_none()
        {
            return Ok(None);
        }
        let one_more = i64::from(limit).saturating_add(1);
        let mut found = job_records::list(&self.0.db, filter, one_more).await?;
        let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        if more {
            found.pop();
        }
        Ok(Some((found, more)))
    }

    /// One job, or one duty.
    ///
    /// ```
    /// # use tollgate_kernel::ids::JobId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn lane(payment: &PaymentService, id: JobId) -> Result<Option<String>, StorageError> {
    ///     let job = payment.job(id).await?;
    ///     Ok(job.map(|job| job.lane))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn job(&self, id: JobId) -> Result<Option<JobRecord>> {
        job_records::find(&self.0.db, id).await
    }

    /// Lets a job that was given up be done after all, from its first try on.
    ///
    /// ```
    /// # use tollgate_kernel::ids::JobId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{PaymentService, RetryError};
    /// async fn again(payment: &PaymentService, id: JobId, origin: &Origin) -> Result<bool, RetryError> {
    ///     match payment.retry_job(id, origin).await {
    ///         Ok(_) => Ok(true),
    ///         Err(RetryError::NotDead) => Ok(false),
    ///         Err(error) => Err(error),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`RetryError`].
    pub async fn retry_job(
        &self,
        id: JobId,
        origin: &Origin,
    ) -> std::result::Result<JobRecord, RetryError> {
        let parts = &self.0;
        let before = self.job(id).await?.ok_or(RetryError::NotFound)?;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        if !job_records::revive(&mut tx, id, now).await? {
            tx.rollback().await?;
            return Err(RetryError::NotDead);
        }
        let entry = Entry {
            id: parts.ids.at(now),
            actor: Actor::of(origin),
            action: "job.retried",
            subject_kind: "job",
            subject_id: id.to_string(),
            before: Some(json!({ "state": before.state.as_str(), "attempts": before.attempts })),
            after: Some(json!({ "kind": before.kind })),
            reason: None,
            origin,
        };
        audit::append(&mut tx, &parts.master_key, &entry, now).await?;
        tx.commit().await?;
        self.job(id).await?.ok_or(RetryError::NotFound)
    }
}
