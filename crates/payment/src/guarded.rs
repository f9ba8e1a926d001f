//! What a guarded call has taken, until it is settled, once.
//!
//! What can happen at once: the handler answers, panics, or is dropped since the client hung up or the time was over;
//! it may have handed the settling to a background job. One word under a lock says who settles: whoever changes it from
//! `Open` (or the job, from `Deferred`) does, everybody else finds it changed. Settling is a task of its own, so that
//! nobody who hangs up in the middle of it stops it; a process that dies leaves it to the hold's own end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UsageId;

use crate::PaymentService;
use crate::model::hold::{Hold, HoldTime, Owner};
use crate::model::quota::Cost;
use crate::operations::consume::Consume;
use crate::operations::settle_hold::HoldError;
use crate::operations::settle_surely::{Settled, Settlement};
use crate::quota_writer::{End, away};
use crate::shapes::QuotaShape;

/// An answer waits so long for its units to be settled. A database that is away is told of sooner; one that is slow does
/// not hold up who has been served.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// How a call's units were taken.
#[derive(Debug)]
pub(crate) enum Units {
    /// Set aside.
    Aside {
        hold: Box<Hold>,
        /// How the meter stood after it.
        quota: QuotaShape,
    },
    /// Charged.
    Charged {
        /// The log row.
        usage: UsageId,
        /// How the meter stood after it.
        quota: QuotaShape,
    },
    /// Not at all: the database was away, and the route lets calls pass then.
    LetThrough,
}

/// Who settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// The outcome of the call.
    Open,
    /// A background job.
    Deferred,
    /// It is being settled, or was.
    Settled,
}

#[derive(Debug)]
struct State {
    stand: Stand,
    /// What is charged in the end; `None`: all of it.
    cost: Option<Cost>,
    /// When a hold gives its units back by itself.
    expires_at: Option<Timestamp>,
}

/// What a guarded call has taken.
#[derive(Debug)]
pub(crate) struct Guarded {
    service: PaymentService,
    call: Consume,
    units: Units,
    runtime: Handle,
    state: Mutex<State>,
}

/// A guarded call that was let in. Dropped before its outcome is known, it gives its units back.
#[derive(Debug)]
pub(crate) struct Admitted(Arc<Guarded>);

impl Admitted {
    /// In a task of the runtime that will settle it.
    pub(crate) fn new(service: PaymentService, call: Consume, units: Units) -> Self {
        let expires_at = match &units {
            Units::Aside { hold, .. } => Some(hold.expires_at),
            Units::Charged { .. } | Units::LetThrough => None,
        };
        Self(Arc::new(Guarded {
            service,
            call,
            units,
            runtime: Handle::current(),
            state: Mutex::new(State {
                stand: Stand::Open,
                cost: None,
                expires_at,
            }),
        }))
    }

    /// For the handler.
    pub(crate) fn shared(&self) -> Arc<Guarded> {
        Arc::clone(&self.0)
    }

    /// The outcome is known. Gives how the meter stands, once that is durable; where it cannot be told in time, how it
    /// stood before.
    pub(crate) async fn answered(&self, status: StatusCode) -> Option<QuotaShape> {
        let guarded = &self.0;
        let end = match status.as_u16() {
            0..400 => End::Commit(guarded.state().cost),
            _ => End::Release,
        };
        let before = guarded.stood().cloned();
        let Some((_, told)) = guarded.settle_from(Stand::Open, end) else {
            return before;
        };
        match tokio::time::timeout(ANSWERED_WITHIN, told).await {
            Ok(Ok(settled)) => Some(settled.quota),
            Ok(Err(_)) | Err(_) => before,
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        // The handler panicked, its time was over, or the client hung up.
        let _ = self.0.settle_from(Stand::Open, End::Release);
    }
}

type Settling = (
    JoinHandle<Result<Settled, HoldError>>,
    oneshot::Receiver<Settled>,
);

impl Guarded {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the meter stood when the call was let in.
    fn stood(&self) -> Option<&QuotaShape> {
        match &self.units {
            Units::Aside { quota, .. } | Units::Charged { quota, .. } => Some(quota),
            Units::LetThrough => None,
        }
    }

    /// What was asked for.
    pub(crate) fn cost(&self) -> Cost {
        self.call.cost
    }

    /// How much of it the outcome charges.
    ///
    /// # Errors
    /// More than was asked for; or it is not open any more, as what was charged on admission never is.
    pub(crate) fn set_cost(&self, cost: Cost) -> Result<(), HoldError> {
        if cost.get() > self.call.cost.get() {
            return Err(HoldError::AboveHold);
        }
        let mut state = self.state();
        let is_whole = cost == self.call.cost;
        match (&self.units, state.stand) {
            (Units::Charged { .. }, Stand::Open) if is_whole => Ok(()),
            (Units::Charged { .. }, _) | (_, Stand::Deferred | Stand::Settled) => {
                Err(HoldError::Settled)
            }
            (Units::Aside { .. } | Units::LetThrough, Stand::Open) => {
                state.cost = Some(cost);
                Ok(())
            }
        }
    }

    /// The outcome of the call does not settle it any more. Gives what was to be charged.
    pub(crate) fn defer(&self) -> Option<Cost> {
        let mut state = self.state();
        if state.stand == Stand::Open {
            state.stand = Stand::Deferred;
        }
        state.cost
    }

    /// The job has ended. Settled before, it is answered as it was then.
    pub(crate) async fn end(&self, end: End) -> Result<Option<UsageId>, HoldError> {
        if let (End::Commit(Some(cost)), Units::Charged { .. }) = (end, &self.units)
            && cost != self.call.cost
        {
            return Err(HoldError::Settled);
        }
        if let (End::Commit(Some(cost)), Units::Aside { hold, .. }) = (end, &self.units) {
            // A job that asks for too much keeps its hold, and may ask again.
            hold.units_of(Some(cost))
                .map_err(|_| HoldError::AboveHold)?;
        }
        self.state().stand = Stand::Settled;
        let Some((settling, _)) = self.settle(end) else {
            return Ok(self.usage());
        };
        let settled = settling.await;
        let settled = settled.map_err(|_| HoldError::Internal(away()))?;
        Ok(settled?.usage)
    }

    /// Nobody has ended the job, and nobody will.
    pub(crate) fn abandon(&self) {
        if self.settle_from(Stand::Deferred, End::Release).is_some() {
            tracing::warn!(
                user.id = %self.call.user_id,
                resource_type = %self.call.resource_type,
                "a deferred hold was dropped without commit or release: its units are given back"
            );
        }
    }

    /// Moves the end of the hold.
    pub(crate) async fn extend(&self, time: HoldTime) -> Result<(), HoldError> {
        if let Units::Aside { hold, .. } = &self.units {
            let held = self.service.extend_hold(hold.id, Owner::HOST, time).await?;
            self.state().expires_at = Some(held.expires_at);
        }
        Ok(())
    }

    /// What is charged already.
    fn usage(&self) -> Option<UsageId> {
        match &self.units {
            Units::Charged { usage, .. } => Some(*usage),
            Units::Aside { .. } | Units::LetThrough => None,
        }
    }

    /// The one who finds it as expected settles it. `None`: somebody did, or there is nothing to settle.
    fn settle_from(&self, expected: Stand, end: End) -> Option<Settling> {
        let mut state = self.state();
        if state.stand != expected {
            return None;
        }
        state.stand = Stand::Settled;
        drop(state);
        self.settle(end)
    }

    fn settle(&self, end: End) -> Option<Settling> {
        let what = match (&self.units, end) {
            (Units::Aside { hold, .. }, _) => Settlement::Hold {
                hold: hold.clone(),
                end,
                key_id: self.call.api_key_id,
            },
            (Units::Charged { usage, .. }, End::Release) => Settlement::GiveBack(*usage),
            (Units::Charged { .. }, End::Commit(_)) | (Units::LetThrough, _) => return None,
        };
        let (tell, told) = oneshot::channel();
        let (service, until) = (self.service.clone(), self.state().expires_at);
        let settling = async move { service.settle_surely(what, until, tell).await };
        Some((self.runtime.spawn(settling), told))
    }
}
