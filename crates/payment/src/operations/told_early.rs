//! What is told before what it is about: a refund or a dispute of money that nobody here has seen yet, or of more than is
//! left of it at this moment. Nothing of it may be lost, and the provider will not say it again: a job comes back to it
//! until the money is there, or until nobody believes in it any more.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money};
use tollgate_storage::db::Tx;
use tollgate_storage::jobs::{self, Job, NewJob};
use tollgate_storage::{Result, StorageError};

use super::accept_webhook::{WentBack, look_at_refund};
use super::dispute::disputed;
use crate::model::payment::PaymentMethod;
use crate::providers::agreement::{Dispute, DisputeState};
use crate::{Parts, PaymentService};

/// Which job comes back to it.
pub(crate) const TOLD_EARLY: &str = "told_early";
/// So often, in about two days, the money was not there, or not free.
const TRIES: i64 = 55;
/// Twice as long after each look, up to an hour.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_hours(1);

/// What was told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub(super) enum Told {
    /// Money went back past us.
    Refund {
        order_no: String,
        refund_no: Option<String>,
        transaction_id: Option<String>,
        undone: bool,
    },
    /// A bank took money away.
    Dispute {
        id: String,
        transaction_id: String,
        minor: i64,
        currency: String,
    },
}

impl Told {
    /// One job for each, however often it is told.
    fn key(&self, method: PaymentMethod) -> String {
        let number = match self {
            Self::Refund {
                order_no,
                refund_no,
                ..
            } => refund_no.as_ref().unwrap_or(order_no),
            Self::Dispute { id, .. } => id,
        };
        key(method, number)
    }
}

fn key(method: PaymentMethod, number: &str) -> String {
    format!("{}:{number}", method.as_str())
}

/// Nobody comes back to a dispute that is over.
pub(super) async fn forget_dispute(
    tx: &mut Tx,
    method: PaymentMethod,
    id: &str,
    now: Timestamp,
) -> Result<()> {
    jobs::cancel(tx, TOLD_EARLY, &key(method, id), now).await
}

/// Somebody comes back to it.
pub(super) async fn come_back(
    parts: &Parts,
    tx: &mut Tx,
    method: PaymentMethod,
    told: &Told,
    now: Timestamp,
) -> Result<()> {
    let told_json = serde_json::to_value(told).expect("texts and numbers are JSON");
    let job = NewJob {
        lane: method.as_str(),
        kind: TOLD_EARLY,
        dedupe_key: &told.key(method),
        payload: serde_json::json!({ "method": method.as_str(), "told": told_json }),
        due_at: again(0, now),
    };
    jobs::put(tx, &parts.ids, job, now).await
}

/// What came of looking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// It is done, or somebody else's work now.
    Done(&'static str),
    /// The money is not there, or not free.
    NotYet(&'static str),
}

impl PaymentService {
    /// Looks again.
    pub(crate) async fn work_on_told(&self, job: &Job, method: PaymentMethod) -> Result<()> {
        let parts = &self.0;
        let told = job.payload.get("told").cloned().unwrap_or_default();
        let told = serde_json::from_value::<Told>(told).map_err(|_| inconsistent(job))?;
        let last = job.attempts >= TRIES;
        let mut tx = parts.db.begin().await?;
        let now = parts.clock.now();
        let looked = match &told {
            Told::Refund {
                order_no,
                refund_no,
                transaction_id,
                undone,
            } => {
                let went_back = WentBack {
                    order_no,
                    refund_no: refund_no.as_deref(),
                    transaction_id: transaction_id.as_deref(),
                    undone: *undone,
                };
                let (_, looked) = look_at_refund(parts, &mut tx, method, &went_back, now).await?;
                looked
            }
            Told::Dispute {
                id,
                transaction_id,
                minor,
                currency,
            } => {
                let currency: Currency = currency.parse().map_err(|_| inconsistent(job))?;
                let dispute = Dispute {
                    id: id.clone(),
                    provider_transaction_id: transaction_id.clone(),
                    amount: Money::new(*minor, currency),
                    state: DisputeState::Opened,
                };
                disputed(parts, &mut tx, method, &dispute, last, now)
                    .await?
                    .1
            }
        };
        let ours = match looked {
            Looked::Done(_) => jobs::finish(&mut tx, job, now).await?,
            Looked::NotYet(word) if last => {
                tracing::error!(provider = method.as_str(), word, told = ?told,
                    "money went back past us that nobody here can find; it is for the operator");
                jobs::give_up(&mut tx, job, now, word).await?
            }
            Looked::NotYet(word) => {
                jobs::put_off(&mut tx, job, again(job.attempts, now), word).await?
            }
        };
        if ours {
            tx.commit().await?;
        }
        Ok(())
    }
}

fn again(attempts: i64, now: Timestamp) -> Timestamp {
    let doubled = u32::try_from(attempts.clamp(0, 16)).unwrap_or(0);
    now.after(FIRST.saturating_mul(1 << doubled).min(LONGEST))
}

fn inconsistent(job: &Job) -> StorageError {
    StorageError::Inconsistent {
        table: "jobs",
        column: "payload",
        row: job.id.to_string(),
    }
}
