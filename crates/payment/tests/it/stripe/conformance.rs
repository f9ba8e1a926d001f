//! Stripe shows what every provider must.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, RefundId};
use tollgate_payment::model::refund::RefundNo;
use tollgate_payment::providers::agreement::Interval;
use tollgate_payment::providers::conformance::{Peer, Trouble, conforms};
use tollgate_payment::providers::{NewOrder, PaymentProvider, RawWebhook};

use super::gateway::{Gateway, SECRET, Upset, order};

struct StripePeer {
    gateway: Gateway,
    provider: Arc<dyn PaymentProvider>,
    made: AtomicU64,
    renews: Option<Interval>,
}

impl StripePeer {
    async fn new(renews: Option<Interval>) -> Self {
        let (gateway, stripe) = Gateway::with_client().await;
        Self {
            gateway,
            provider: Arc::new(stripe),
            made: AtomicU64::new(0),
            renews,
        }
    }

    fn seed(&self) -> u64 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    fn webhook(&self, order: &NewOrder, livemode: bool) -> RawWebhook {
        let session = self.gateway.session_of(&order.order_no);
        let event = serde_json::json!({
            "id": format!("evt_{}", order.order_no.as_str()), "object": "event", "livemode": livemode,
            "type": "checkout.session.completed", "data": { "object": session },
        });
        self.gateway.signed(&event.to_string(), SECRET)
    }
}

#[async_trait]
impl Peer for StripePeer {
    fn provider(&self) -> Arc<dyn PaymentProvider> {
        self.provider.clone()
    }

    fn order(&self) -> NewOrder {
        NewOrder {
            renews: self.renews,
            ..order(&self.gateway.clock, self.seed())
        }
    }

    fn now(&self) -> Timestamp {
        self.gateway.clock.now()
    }

    fn refund_no(&self) -> RefundNo {
        let id: RefundId =
            Ids::new(self.gateway.clock.clone(), Entropy::seeded(self.seed())).next();
        RefundNo::of(id)
    }

    async fn pay(&self, order: &NewOrder) -> String {
        self.gateway.pay(&order.order_no)
    }

    async fn callback(&self, order: &NewOrder, _: &str) -> RawWebhook {
        self.webhook(order, false)
    }

    async fn foreign_callback(&self, order: &NewOrder, _: &str) -> RawWebhook {
        self.webhook(order, true)
    }

    async fn trouble(&self, trouble: Trouble) {
        self.gateway.upset(match trouble {
            Trouble::AnswerLost => Upset::Lost,
            Trouble::BrokenAnswer => Upset::Broken,
            Trouble::Busy => Upset::Busy,
        });
    }

    async fn went_back(&self, order: &NewOrder) -> i64 {
        let session = self.gateway.session_of(&order.order_no);
        let invoice = session["invoice"]
            .as_str()
            .map(|id| self.gateway.object(id));
        let intent = match &invoice {
            Some(invoice) => &invoice["payments"]["data"][0]["payment"]["payment_intent"],
            None => &session["payment_intent"],
        };
        self.gateway.went_back(intent.as_str().expect("money"))
    }
}

#[tokio::test]
async fn stripe_shows_what_every_provider_must_for_one_payment() {
    conforms(&StripePeer::new(None).await).await;
}

#[tokio::test]
async fn stripe_shows_what_every_provider_must_for_an_agreement() {
    conforms(&StripePeer::new(Some(Interval::Month)).await).await;
}
