//! What somebody should look at: what does not end well by itself, or not soon.

use std::time::Duration;

use tollgate_storage::Result;
use tollgate_storage::job_records::{JobFilter, JobState};

use crate::PaymentService;
use crate::store::backlog;

/// An order that is open for longer is late: a buyer pays at once, or not at all.
const LATE: Duration = Duration::from_mins(10);
/// A delivery that was given up is told of for so long.
const LATELY: Duration = Duration::from_hours(7 * 24);
/// Jobs that are counted, at most.
const MOST_JOBS: u32 = 100;

/// What waits for somebody, by how much of it there is.
///
/// ```
/// # use tollgate_payment::Attention;
/// assert_eq!(Attention::default().dead_jobs, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attention {
    /// Orders that are open for more than ten minutes.
    pub late_orders: i64,
    /// Refunds of which nobody knows whether the provider has them.
    pub refunds_in_doubt: i64,
    /// Verified money that fits no order, and that nobody has decided about.
    pub suspense: i64,
    /// Events of the last seven days that an endpoint never took.
    pub failed_deliveries: i64,
    /// Endpoints that are switched off.
    pub disabled_endpoints: i64,
    /// Jobs that were given up; 100 and more are 100.
    pub dead_jobs: i64,
    /// Rows of the books that do not say what happened.
    pub damaged_rows: i64,
}

impl PaymentService {
    /// What waits for somebody now.
    ///
    /// ```
    /// # use tollgate_payment::{Attention, PaymentService};
    /// # use tollgate_storage::StorageError;
    /// async fn all_is_well(payment: &PaymentService) -> Result<bool, StorageError> {
    ///     Ok(payment.attention().await? == Attention::default())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn attention(&self) -> Result<Attention> {
        let (db, livemode) = (&self.0.db, self.0.config.livemode);
        let now = self.0.clock.now();
        let seen = backlog::seen_to(db, livemode, now.before(LATE), now.before(LATELY)).await?;
        let waiting = backlog::waiting(db, livemode).await?;
        let endpoints = self.endpoints().await?;
        let disabled = endpoints.iter().filter(|one| one.disabled_at.is_some());
        let dead = JobFilter {
            state: Some(JobState::Dead),
            ..JobFilter::default()
        };
        let jobs = self.jobs(&dead, MOST_JOBS).await?;
        let counted = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        Ok(Attention {
            late_orders: seen.late_orders,
            refunds_in_doubt: seen.refunds_in_doubt,
            suspense: waiting.suspense,
            failed_deliveries: seen.failed_deliveries,
            disabled_endpoints: counted(disabled.count()),
            dead_jobs: counted(jobs.map_or(0, |(jobs, _)| jobs.len())),
            damaged_rows: counted(self.damaged().len()),
        })
    }
}
