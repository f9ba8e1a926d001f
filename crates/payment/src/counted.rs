//! What is counted for who watches the service: through the facade `metrics`, for whatever recorder the process has;
//! without one it costs next to nothing. Labels are words of ours and currencies, never an id. What rests on the
//! database is counted with the commit that makes it so.

use metrics::{Counter, Histogram, SharedString, counter, describe_counter, describe_histogram};

use crate::model::call::Verdict;
use crate::model::outbound::DeliveryState;
use crate::model::payment::{PaymentMethod, PaymentStatus};
use crate::model::quota::Units;

const PAYMENTS: &str = "tollgate_payments_total";
const CALLBACKS: &str = "tollgate_callbacks_total";
const RECONCILED: &str = "tollgate_reconciled_total";
const DELIVERIES: &str = "tollgate_webhook_deliveries_total";
const UNITS: &str = "tollgate_quota_units_total";
const BATCH: &str = "tollgate_quota_batch_calls";
const LET_THROUGH: &str = "tollgate_quota_let_through_total";

/// For the recorder that is there when a service is put together.
pub(crate) fn describe() {
    tollgate_storage::counts::describe();
    describe_counter!(
        PAYMENTS,
        "Payments that came into a status: pending (ordered), completed, failed or refunded."
    );
    describe_counter!(
        CALLBACKS,
        "Callbacks of payment providers, by what was found of them."
    );
    describe_counter!(
        RECONCILED,
        "Orders that were found paid by asking the provider, before or without its callback."
    );
    describe_counter!(
        DELIVERIES,
        "Tries to bring an event to a webhook endpoint, by what came of them."
    );
    describe_counter!(
        UNITS,
        "Units of quota, by what became of them: charged, reserved, released, refunded or refused."
    );
    describe_histogram!(BATCH, "Charges in one transaction of the quota writer.");
    describe_counter!(
        LET_THROUGH,
        "Guarded calls that passed uncharged while the database was away."
    );
    // Known from the start: what has not happened is 0, not absent.
    reconciled().increment(0);
    for state in DeliveryState::ALL {
        delivery(*state).increment(0);
    }
}

/// A payment came into a status.
pub(crate) fn payment(
    method: PaymentMethod,
    status: PaymentStatus,
    currency: impl Into<SharedString>,
) -> Counter {
    let currency: SharedString = currency.into();
    counter!(PAYMENTS, "provider" => method.as_str(), "status" => status.as_str(), "currency" => currency)
}

/// A provider called.
pub(crate) fn callback(provider: PaymentMethod, verdict: Verdict) -> Counter {
    counter!(CALLBACKS, "provider" => provider.as_str(), "verdict" => verdict.as_str())
}

/// An order was found paid.
pub(crate) fn reconciled() -> Counter {
    counter!(RECONCILED)
}

/// A try was made, and the delivery is in this state after it.
pub(crate) fn delivery(after: DeliveryState) -> Counter {
    let result = match after {
        DeliveryState::Succeeded => "succeeded",
        DeliveryState::Open => "retrying",
        DeliveryState::Failed => "failed",
    };
    counter!(DELIVERIES, "result" => result)
}

/// A guarded call passed uncharged.
pub(crate) fn let_through() -> Counter {
    counter!(LET_THROUGH)
}

/// Units as they are moved, without a look for their figures at each call.
#[derive(Debug)]
pub(crate) struct UnitCounters {
    charged: Counter,
    reserved: Counter,
    pub(crate) released: Counter,
    pub(crate) refunded: Counter,
    refused: Counter,
    calls: Histogram,
}

/// What one transaction moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) charged: Units,
    pub(crate) reserved: Units,
    pub(crate) released: Units,
    /// Asked for, and not there.
    pub(crate) refused: Units,
}

impl Moved {
    pub(crate) const NOTHING: Self = Self {
        charged: Units::NONE,
        reserved: Units::NONE,
        released: Units::NONE,
        refused: Units::NONE,
    };
}

impl Default for UnitCounters {
    fn default() -> Self {
        let outcome = |outcome: &'static str| counter!(UNITS, "outcome" => outcome);
        Self {
            charged: outcome("charged"),
            reserved: outcome("reserved"),
            released: outcome("released"),
            refunded: outcome("refunded"),
            refused: outcome("refused"),
            calls: metrics::histogram!(BATCH),
        }
    }
}

impl UnitCounters {
    /// A batch of so many calls is committed.
    pub(crate) fn committed(&self, moved: &Moved, calls: usize) {
        for (counter, units) in [
            (&self.charged, moved.charged),
            (&self.reserved, moved.reserved),
            (&self.released, moved.released),
            (&self.refused, moved.refused),
        ] {
            counter.increment(figure(units));
        }
        self.calls.record(u32::try_from(calls).unwrap_or(u32::MAX));
    }
}

/// Units are never below zero.
pub(crate) fn figure(units: Units) -> u64 {
    u64::try_from(units.get()).unwrap_or(0)
}
