//! What waits, for who watches the service: work that does not get done is seen here before a buyer tells of it.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::{Result, job_records};

use crate::PaymentService;
use crate::store::backlog;

/// What waits at a moment. An age is nothing where nothing waits.
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_payment::Backlog;
/// let idle = Backlog::default();
/// assert_eq!(idle.undelivered, Duration::ZERO);
/// assert!(idle.lanes.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Verified money that fits no order, and that nobody has decided about.
    pub suspense: i64,
    /// How long ago the time of the order ended that should have been closed first.
    pub overdue_order: Duration,
    /// The age of the oldest refund that is neither made nor refused.
    pub pending_refund: Duration,
    /// The age of the oldest fact that is no delivery to anybody yet.
    pub untold_fact: Duration,
    /// Events on their way to endpoints that are on.
    pub deliveries: i64,
    /// The age of the oldest of them.
    pub undelivered: Duration,
    /// Due work, in the order of the names of its lanes.
    pub lanes: Vec<LaneBacklog>,
}

/// What waits in a lane.
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_payment::LaneBacklog;
/// let mail = LaneBacklog {
///     lane: "mail".to_owned(),
///     open: 3,
///     behind: Duration::from_secs(90),
/// };
/// assert!(mail.behind > Duration::from_secs(60), "letters wait for more than a minute");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneBacklog {
    /// Whose work it is: a rail, `mail`, `duty` …
    pub lane: String,
    /// Jobs that are not over.
    pub open: i64,
    /// How long ago the first of them was due.
    pub behind: Duration,
}

impl PaymentService {
    /// What waits now: of this module, and of the jobs of all.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn is_late(payment: &PaymentService) -> Result<bool, StorageError> {
    ///     let waits = payment.backlog().await?;
    ///     let hour = Duration::from_secs(3_600);
    ///     Ok(waits.suspense > 0 || waits.lanes.iter().any(|lane| lane.behind > hour))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn backlog(&self) -> Result<Backlog> {
        let parts = &self.0;
        let waiting = backlog::waiting(&parts.db, parts.config.livemode).await?;
        let lanes = job_records::lanes(&parts.db).await?;
        let now = parts.clock.now();
        let age = |at: Option<Timestamp>| at.map(|at| now.since(at)).unwrap_or_default();
        Ok(Backlog {
            suspense: waiting.suspense,
            overdue_order: age(waiting.order_ends),
            pending_refund: age(waiting.refund),
            untold_fact: age(waiting.fact),
            deliveries: waiting.deliveries,
            undelivered: age(waiting.delivery),
            lanes: lanes
                .into_iter()
                .map(|lane| LaneBacklog {
                    behind: now.since(lane.first_due),
                    lane: lane.name,
                    open: lane.open,
                })
                .collect(),
        })
    }
}
