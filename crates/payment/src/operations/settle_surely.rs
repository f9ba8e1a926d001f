//! Settles what a guarded call took, and does not give up at the first silence of the database: the work is done, and
//! somebody has been answered.

use std::time::Duration;

use tokio::sync::oneshot;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, UsageId};
use tollgate_storage::StorageError;

use super::refund_usage::UnitRefundError;
use super::settle_hold::HoldError;
use crate::PaymentService;
use crate::model::hold::Hold;
use crate::quota_writer::{End, away};
use crate::shapes::QuotaShape;

/// Before the second try; each wait is twice the one before.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Tries in all: a quarter of an hour. A hold ends before that unless its time is longer.
const TRIES: u32 = 64;
/// Kept with the log row that gives a failed call's units back.
const FAILED: &str = "the call failed";

/// What is to become of a call's units.
#[derive(Debug)]
pub(crate) enum Settlement {
    /// A hold ends.
    Hold {
        /// Which.
        hold: Box<Hold>,
        /// How.
        end: End,
        /// Which key made the call.
        key_id: Option<ApiKeyId>,
    },
    /// A charge is given back.
    GiveBack(UsageId),
}

/// What became of them.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    /// The log row, if anything is charged.
    pub(crate) usage: Option<UsageId>,
    /// How the meter stands.
    pub(crate) quota: QuotaShape,
}

impl PaymentService {
    /// Tries until it is done, refused, or no use any more: a hold whose time is over has given its units back by
    /// itself. `first` hears of it if the first try does it.
    ///
    /// # Errors
    /// As the last try ended.
    pub(crate) async fn settle_surely(
        &self,
        what: Settlement,
        until: Option<Timestamp>,
        first: oneshot::Sender<Settled>,
    ) -> Result<Settled, HoldError> {
        let mut first = Some(first);
        let mut wait = FIRST_WAIT;
        for number in 1.. {
            let error = match self.try_to_settle(&what).await {
                Ok(settled) => {
                    if let Some(first) = first.take() {
                        // Whoever has hung up need not hear.
                        let _ = first.send(settled.clone());
                    }
                    return Ok(settled);
                }
                Err(error) => error,
            };
            first = None;
            let is_over = until.is_some_and(|until| until <= self.0.clock.now());
            if !may_pass(&error) || number >= TRIES || is_over {
                log_lost(&what, &error, number);
                return Err(error);
            }
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                number,
                "the units of a call are not settled yet; it is tried again"
            );
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        }
        Err(away().into())
    }

    async fn try_to_settle(&self, what: &Settlement) -> Result<Settled, HoldError> {
        match what {
            Settlement::Hold { hold, end, key_id } => {
                let settled = self.settle_known(hold, *end, *key_id).await?;
                Ok(Settled {
                    usage: settled.usage_id,
                    quota: settled.quota,
                })
            }
            Settlement::GiveBack(usage) => {
                let given = self.refund_usage(*usage, FAILED, None, None).await;
                let given = given.map_err(|error| match error {
                    UnitRefundError::NotFound | UnitRefundError::Reason => HoldError::NotFound,
                    UnitRefundError::Key(_) => HoldError::Settled,
                    UnitRefundError::Internal(error) => HoldError::Internal(error),
                })?;
                Ok(Settled {
                    usage: None,
                    quota: given.value.quota,
                })
            }
        }
    }
}

/// Whether another try may do it.
fn may_pass(error: &HoldError) -> bool {
    matches!(
        error,
        HoldError::Busy | HoldError::Internal(StorageError::Unavailable(_))
    )
}

/// The one thing that must not go by unseen: work that nobody pays for, or units that are kept for none.
fn log_lost(what: &Settlement, error: &HoldError, tries: u32) {
    let error = error as &dyn std::error::Error;
    match what {
        Settlement::Hold { hold, end, .. } => tracing::error!(
            error,
            tries,
            hold.id = %hold.id,
            user.id = %hold.user_id,
            units = hold.units.get(),
            charged = false,
            wish = ?end,
            "a guarded call is not settled: its hold gives the units back when its time is over"
        ),
        Settlement::GiveBack(usage) => tracing::error!(
            error,
            tries,
            usage.id = %usage,
            "a call failed and stays charged: refund it by hand"
        ),
    }
}
