//! Lets a guarded call in: its units are set aside, or charged, before its handler runs.
//!
//! What can happen at once: the client hangs up while the units are being taken. Whoever waited is gone then, and
//! nobody would give them back; so it is done by a task of its own, and what it made gives itself back when nobody takes
//! it ([`Admitted`]).

use std::sync::atomic::Ordering;

use tokio::sync::oneshot;
use tollgate_storage::StorageError;

use super::consume::{Consume, ConsumeError, impossible};
use super::take::{Taken, take};
use crate::guarded::{Admitted, Units};
use crate::model::hold::{HoldTime, Owner};
use crate::quota_writer::away;
use crate::shapes::QuotaShape;
use crate::{PaymentService, counted};

/// How a guarded call pays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// How long its units are set aside.
    pub(crate) time: HoldTime,
    /// Charged at once, and given back if the call fails.
    pub(crate) on_admission: bool,
    /// Passes uncharged while the database is away.
    pub(crate) fail_open: bool,
}

impl PaymentService {
    /// How many guarded calls passed uncharged, by [`fail_open`](crate::ConsumeQuotaLayer::fail_open), since the start.
    ///
    /// ```
    /// # fn metrics(payment: &tollgate_payment::PaymentService) -> String {
    /// format!("uncharged_calls_total {}", payment.let_through())
    /// # }
    /// ```
    pub fn let_through(&self) -> u64 {
        self.0.let_through.load(Ordering::Relaxed)
    }

    /// Takes the units of `call`. Dropped, what is given gives them back.
    ///
    /// # Errors
    /// As a charge would be refused.
    pub(crate) async fn admit(
        &self,
        call: Consume,
        terms: Terms,
    ) -> Result<Admitted, ConsumeError> {
        let (tell, told) = oneshot::channel();
        let service = self.clone();
        tokio::spawn(async move {
            let taken = service.take_for(&call, terms).await;
            let admitted = taken.map(|units| Admitted::new(service, call, units));
            // Nobody waits any more: it is dropped here.
            let _ = tell.send(admitted);
        });
        // Without an answer the task was cut off by a panic, or by the end of the process.
        told.await
            .unwrap_or_else(|_| Err(ConsumeError::Internal(away())))
    }

    async fn take_for(&self, call: &Consume, terms: Terms) -> Result<Units, ConsumeError> {
        let aside = (!terms.on_admission).then_some((Owner::HOST, terms.time));
        match take(&self.0, call, aside, None).await {
            Ok(Taken::Held { hold, quota }) => Ok(Units::Aside {
                hold,
                quota: QuotaShape::from(&quota),
            }),
            Ok(Taken::Charged { usage, quota }) => Ok(Units::Charged {
                usage,
                quota: QuotaShape::from(&quota),
            }),
            Ok(Taken::Answered(_)) => Err(impossible(call.user_id).into()),
            Err(ConsumeError::Busy | ConsumeError::Internal(StorageError::Unavailable(_)))
                if terms.fail_open =>
            {
                counted::let_through().increment(1);
                let passed = self.0.let_through.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    user.id = %call.user_id,
                    resource_type = %call.resource_type,
                    passed = passed.saturating_add(1),
                    "the database is away: a call passes uncharged"
                );
                Ok(Units::LetThrough)
            }
            Err(refusal) => Err(refusal),
        }
    }
}
