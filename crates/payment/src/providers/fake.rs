//! A rail of tests that says what it was told to say.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::HeaderMap;
use tokio::sync::Notify;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money};

use super::agreement::{Agreement, AgreementChange};
use super::{
    Acknowledgement, Cancelled, Capabilities, Created, EventContent, ListedEvent, NewOrder,
    NewRefund, OrderKey, PaymentAction, PaymentProvider, ProviderError, ProviderVerdict,
    RawWebhook, RefundKey, RefundVerdict, Reply, VerifiedEvent, VerifiedPayment, VerifiedRefund,
    Warning, WebhookRefusal,
};
use crate::model::payment::{MerchantAccount, PaymentMethod};
use crate::model::scene::Scene;

/// It renews by itself, takes every order and tells what was put into it.
#[derive(Debug)]
pub(crate) struct Fake {
    method: PaymentMethod,
    told: Mutex<Vec<VerifiedEvent>>,
    created: Mutex<Vec<NewOrder>>,
    changes: Mutex<Vec<(String, AgreementChange)>>,
    /// What the next change of an agreement is answered with, in place of a yes.
    refusals: Mutex<Vec<ProviderError>>,
    /// The next change says that it has come, and waits to be let go.
    gate: Mutex<Option<Gate>>,
    /// How many events of the list were looked at.
    pub(crate) read: AtomicUsize,
    /// What becomes of refunds.
    fate: Mutex<Option<RefundVerdict>>,
    /// How orders stand; they wait, if nobody says.
    stand: Mutex<Option<ProviderVerdict>>,
}

/// Where a call waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    pub(crate) arrived: Arc<Notify>,
    pub(crate) go: Arc<Notify>,
}

impl Fake {
    pub(crate) fn new(method: PaymentMethod) -> Self {
        Self {
            method,
            told: Mutex::default(),
            created: Mutex::default(),
            changes: Mutex::default(),
            refusals: Mutex::default(),
            gate: Mutex::default(),
            read: AtomicUsize::new(0),
            fate: Mutex::default(),
            stand: Mutex::default(),
        }
    }

    pub(crate) fn account_of() -> MerchantAccount {
        MerchantAccount {
            app_id: "fake".to_owned(),
            merchant_id: "acct".to_owned(),
        }
    }

    /// Puts an event in; gives the call that tells of it.
    pub(crate) fn event(&self, key: &str, content: EventContent) -> RawWebhook {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(VerifiedEvent::new(key.to_owned(), content));
        RawWebhook {
            headers: HeaderMap::new(),
            body: Bytes::from((told.len() - 1).to_string()),
        }
    }

    /// The money of an order, and the agreement that it begins.
    pub(crate) fn paid(
        &self,
        money: &str,
        amount: Money,
        agreement: Option<Agreement>,
    ) -> EventContent {
        let created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        let order = created.last().expect("an order");
        let paid = VerifiedPayment::new(
            self.method,
            order.order_no.as_str().to_owned(),
            money.to_owned(),
            amount,
            Self::account_of(),
            None,
        );
        EventContent::Paid(match agreement {
            Some(agreement) => paid.under(agreement),
            None => paid,
        })
    }

    /// What was asked of agreements since it was looked at last.
    pub(crate) fn changes(&self) -> Vec<(String, AgreementChange)> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Refunds have failed from now on, or have gone through in this amount.
    pub(crate) fn refunds_are(&self, gone_through: Option<Money>) {
        let fate = match gone_through {
            Some(amount) => RefundVerdict::Succeeded(VerifiedRefund::new(amount, None)),
            None => RefundVerdict::Failed {
                code: "ABNORMAL".to_owned(),
            },
        };
        *self.fate.lock().unwrap_or_else(PoisonError::into_inner) = Some(fate);
    }

    /// Orders stand so from now on.
    pub(crate) fn orders_are(&self, verdict: ProviderVerdict) {
        *self.stand.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
    }

    /// The next change waits.
    pub(crate) fn hold_change(&self) -> Gate {
        let gate = Gate::default();
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = Some(gate.clone());
        gate
    }

    /// The next change is not made.
    pub(crate) fn refuse_change(&self, error: ProviderError) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.push(error);
    }

    /// What was ordered last.
    pub(crate) fn ordered(&self) -> NewOrder {
        let created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        created.last().expect("an order").clone()
    }
}

#[async_trait]
impl PaymentProvider for Fake {
    fn name(&self) -> PaymentMethod {
        self.method
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            currencies: vec![Currency::CNY],
            scenes: vec![Scene::Pc, Scene::H5],
            ways_share_an_order: self.method == PaymentMethod::Alipay,
            renews: true,
        }
    }

    fn account(&self) -> MerchantAccount {
        Self::account_of()
    }

    async fn create_payment(&self, order: &NewOrder) -> Result<Created, ProviderError> {
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        created.push(order.clone());
        Ok(Created {
            action: PaymentAction::Redirect {
                url: "https://pay.example/".to_owned(),
            },
            provider_order_id: Some(format!("session {}", created.len())),
        })
    }

    async fn verify_payment(&self, _: &OrderKey) -> Result<ProviderVerdict, ProviderError> {
        let stand = self.stand.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(stand.clone().unwrap_or(ProviderVerdict::Waiting))
    }

    async fn close_payment(&self, _: &OrderKey) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn refund_payment(&self, refund: &NewRefund) -> Result<RefundVerdict, ProviderError> {
        let fate = self.fate.lock().unwrap_or_else(PoisonError::into_inner);
        let proof = VerifiedRefund::new(refund.amount, None);
        Ok(fate.clone().unwrap_or(RefundVerdict::Succeeded(proof)))
    }

    async fn verify_refund(&self, _: &RefundKey) -> Result<RefundVerdict, ProviderError> {
        let fate = self.fate.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(fate.clone().unwrap_or(RefundVerdict::Pending))
    }

    async fn cancel_payment(&self, _: &OrderKey) -> Result<Cancelled, ProviderError> {
        Ok(Cancelled::Nothing)
    }

    async fn change_agreement(
        &self,
        agreement_id: &str,
        change: AgreementChange,
    ) -> Result<(), ProviderError> {
        let gate = self
            .gate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(gate) = gate {
            gate.arrived.notify_one();
            gate.go.notified().await;
        }
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.push((agreement_id.to_owned(), change));
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.pop().map_or(Ok(()), Err)
    }

    async fn portal(&self, customer_id: &str, return_url: &str) -> Result<String, ProviderError> {
        Ok(format!(
            "https://pay.example/{customer_id}?back={return_url}"
        ))
    }

    async fn missed_events(&self, _: Timestamp) -> Result<Vec<ListedEvent>, ProviderError> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = told.iter().enumerate().map(|(at, event)| {
            let key = event.key().to_owned();
            ListedEvent::new(key, at.to_string())
        });
        Ok(listed.collect())
    }

    async fn read_listed(&self, event: &ListedEvent) -> Result<VerifiedEvent, WebhookRefusal> {
        self.read.fetch_add(1, Ordering::Relaxed);
        let raw = RawWebhook {
            headers: HeaderMap::new(),
            body: Bytes::from(event.text.clone()),
        };
        self.handle_webhook(&raw).await
    }

    async fn handle_webhook(&self, raw: &RawWebhook) -> Result<VerifiedEvent, WebhookRefusal> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let at = std::str::from_utf8(&raw.body)
            .ok()
            .and_then(|text| text.parse::<usize>().ok());
        at.and_then(|at| told.get(at).cloned())
            .ok_or(WebhookRefusal::Forged)
    }

    fn warnings(&self, _: Timestamp) -> Vec<Warning> {
        Vec::new()
    }

    fn acknowledge(&self, answer: Acknowledgement) -> Reply {
        Reply {
            status: if answer == Acknowledgement::Accepted {
                200
            } else {
                400
            },
            content_type: "text/plain",
            body: "",
        }
    }
}
