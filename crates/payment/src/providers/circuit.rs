//! A rail that does not answer is left alone by new orders for a while: buyers hear at once that it cannot be
//! had now, instead of after ten seconds, and no heap of orders grows whose fate is unknown. Everything that
//! must be known goes on being asked; the first answer, a refusal too, lets new orders in again. Each rail
//! has a circuit of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tollgate_kernel::clock::{Clock, Timestamp};

use super::agreement::AgreementChange;
use super::{
    Acknowledgement, Cancelled, Capabilities, Created, ListedEvent, NewOrder, NewRefund, OrderKey,
    PaymentProvider, ProviderError, ProviderVerdict, RawWebhook, RefundKey, RefundVerdict, Reply,
    VerifiedEvent, Warning, WebhookRefusal,
};
use crate::model::payment::{MerchantAccount, PaymentMethod};

/// So many calls in a row without an answer open it.
const SILENCES: u32 = 5;
/// So long no new order goes there; then one may try.
pub(crate) const REST: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Heard {
    /// Calls without an answer since the last one with.
    silences: u32,
    /// When an order may try again.
    rests_until: Option<Timestamp>,
}

/// Whether a rail answers.
#[derive(Debug, Default)]
pub(crate) struct Circuit(Mutex<Heard>);

impl Circuit {
    /// Whether a new order may go there. After a rest this lets one through, and the next after another.
    pub(crate) fn lets_through(&self, now: Timestamp) -> bool {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match heard.rests_until {
            Some(until) if now < until => false,
            Some(_) => {
                heard.rests_until = Some(now.after(REST));
                true
            }
            None => true,
        }
    }

    fn note(&self, answered: bool, now: Timestamp) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            *heard = Heard::default();
            return;
        }
        heard.silences = heard.silences.saturating_add(1);
        if heard.silences >= SILENCES {
            heard.rests_until = Some(now.after(REST));
        }
    }
}

/// A rail, and whether it answers.
#[derive(Debug)]
pub(super) struct Watched {
    rail: Arc<dyn PaymentProvider>,
    circuit: Arc<Circuit>,
    clock: Clock,
}

impl Watched {
    pub(super) fn new(rail: Arc<dyn PaymentProvider>, clock: Clock) -> (Self, Arc<Circuit>) {
        let circuit = Arc::new(Circuit::default());
        let watched = Self {
            rail,
            circuit: circuit.clone(),
            clock,
        };
        (watched, circuit)
    }

    fn heard<T>(&self, answer: Result<T, ProviderError>) -> Result<T, ProviderError> {
        let silent = matches!(answer, Err(ProviderError::Unknown { .. }));
        self.circuit.note(!silent, self.clock.now());
        answer
    }
}

#[async_trait]
impl PaymentProvider for Watched {
    fn name(&self) -> PaymentMethod {
        self.rail.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.rail.capabilities()
    }

    fn account(&self) -> MerchantAccount {
        self.rail.account()
    }

    async fn create_payment(&self, order: &NewOrder) -> Result<Created, ProviderError> {
        self.heard(self.rail.create_payment(order).await)
    }

    async fn verify_payment(&self, order: &OrderKey) -> Result<ProviderVerdict, ProviderError> {
        self.heard(self.rail.verify_payment(order).await)
    }

    async fn close_payment(&self, order: &OrderKey) -> Result<(), ProviderError> {
        self.heard(self.rail.close_payment(order).await)
    }

    async fn refund_payment(&self, refund: &NewRefund) -> Result<RefundVerdict, ProviderError> {
        self.heard(self.rail.refund_payment(refund).await)
    }

    async fn verify_refund(&self, refund: &RefundKey) -> Result<RefundVerdict, ProviderError> {
        self.heard(self.rail.verify_refund(refund).await)
    }

    async fn cancel_payment(&self, order: &OrderKey) -> Result<Cancelled, ProviderError> {
        self.heard(self.rail.cancel_payment(order).await)
    }

    async fn change_agreement(
        &self,
        agreement_id: &str,
        change: AgreementChange,
    ) -> Result<(), ProviderError> {
        self.heard(self.rail.change_agreement(agreement_id, change).await)
    }

    async fn portal(&self, customer_id: &str, return_url: &str) -> Result<String, ProviderError> {
        self.heard(self.rail.portal(customer_id, return_url).await)
    }

    async fn missed_events(&self, since: Timestamp) -> Result<Vec<ListedEvent>, ProviderError> {
        self.heard(self.rail.missed_events(since).await)
    }

    async fn read_listed(&self, event: &ListedEvent) -> Result<VerifiedEvent, WebhookRefusal> {
        self.rail.read_listed(event).await
    }

    async fn handle_webhook(&self, raw: &RawWebhook) -> Result<VerifiedEvent, WebhookRefusal> {
        self.rail.handle_webhook(raw).await
    }

    fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        self.rail.warnings(now)
    }

    fn acknowledge(&self, answer: Acknowledgement) -> Reply {
        self.rail.acknowledge(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_f14_silence_closes_a_rail_to_new_orders_and_an_answer_opens_it() {
        let now = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        let circuit = Circuit::default();
        for _ in 1..SILENCES {
            circuit.note(false, now);
        }
        assert!(circuit.lets_through(now));
        circuit.note(true, now);
        for _ in 1..SILENCES {
            circuit.note(false, now);
        }
        assert!(circuit.lets_through(now), "only silences in a row count");
        circuit.note(false, now);
        assert!(!circuit.lets_through(now));
        assert!(!circuit.lets_through(now.after(REST / 2)));
        // One tries; what becomes of it decides.
        let later = now.after(REST);
        assert!(circuit.lets_through(later));
        assert!(!circuit.lets_through(later));
        circuit.note(false, later.after(REST / 2));
        assert!(!circuit.lets_through(later.after(REST)));
        circuit.note(true, later);
        assert!(circuit.lets_through(later));
    }
}
