//! What is done at the account: what happens in one deed is told in the same transaction, and what goes wrong with it to
//! order goes wrong here.

use serde_json::{Map, Value, json};

use super::VERSION;
use super::faults::{FaultKind, Ordered, Place};
use super::webhooks;
use crate::store::{NewStripeMovement, StripeTx};
use crate::{Sandbox, SandboxError};

/// A deed under way.
pub(super) struct Deed<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) tx: StripeTx,
    /// When it happens, in Unix seconds: what was due earlier happens then, though it is done now.
    pub(super) at: i64,
    /// The merchant's order it is about.
    pub(super) order_no: Option<String>,
    /// The idempotency key that asked for it.
    pub(super) key: Option<String>,
    /// Events that came about.
    told: Vec<Value>,
}

impl<'a> Deed<'a> {
    /// Holds the writer until it is committed or dropped.
    pub(super) async fn begin(sandbox: &'a Sandbox) -> Result<Self, SandboxError> {
        Ok(Self {
            sandbox,
            tx: sandbox.inner.store.stripe().await?,
            at: sandbox.stripe_now(),
            order_no: None,
            key: None,
            told: Vec::new(),
        })
    }

    pub(super) fn number(&self, prefix: &str) -> String {
        self.sandbox.stripe_number(prefix)
    }

    /// Keeps an event.
    pub(super) async fn happened(
        &mut self,
        kind: &str,
        object: &Value,
    ) -> Result<(), SandboxError> {
        let event = self.event(kind, object, None);
        self.tell(event).await
    }

    /// Keeps an event that says what was otherwise before; none when nothing was.
    pub(super) async fn updated(
        &mut self,
        kind: &str,
        before: &Value,
        object: &Value,
    ) -> Result<(), SandboxError> {
        let known = before.as_object().into_iter().flatten();
        let other: Map<String, Value> = known
            .filter(|(name, value)| object[name.as_str()] != **value)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if other.is_empty() {
            return Ok(());
        }
        let event = self.event(kind, object, Some(other));
        self.tell(event).await
    }

    async fn tell(&mut self, event: Value) -> Result<(), SandboxError> {
        self.tx.put(&event, None).await?;
        self.told.push(event);
        Ok(())
    }

    fn event(&self, kind: &str, object: &Value, before: Option<Map<String, Value>>) -> Value {
        let mut data = json!({ "object": object });
        if let Some(before) = before {
            data["previous_attributes"] = Value::Object(before);
        }
        json!({
            "id": self.number("evt"),
            "object": "event",
            "api_version": VERSION,
            "created": self.at,
            "data": data,
            "livemode": false,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": self.key },
            "type": kind,
        })
    }

    /// Whether something of this kind is ordered to go wrong here; it counts.
    pub(super) async fn fault(&mut self, kind: FaultKind) -> Result<Option<Ordered>, SandboxError> {
        let here = |wanted: FaultKind| wanted == kind;
        Ok(self.faults(here, |_| true).await?.into_iter().next())
    }

    /// Of each wanted kind the oldest that is ordered for this order, and for one of the methods.
    pub(super) async fn faults(
        &mut self,
        wanted: impl Fn(FaultKind) -> bool,
        method: impl Fn(&str) -> bool,
    ) -> Result<Vec<Ordered>, SandboxError> {
        let mut taken: Vec<Ordered> = Vec::new();
        for open in self.tx.open_faults().await? {
            let order_fits =
                open.order_no.is_none() || open.order_no.as_deref() == self.order_no.as_deref();
            let Some(kind) = FaultKind::read(&open.kind).filter(|kind| wanted(*kind)) else {
                continue;
            };
            let known = taken.iter().any(|ordered| ordered.kind == kind);
            if !order_fits || known || !open.method.as_deref().is_none_or(&method) {
                continue;
            }
            self.tx.count_fault(open.id).await?;
            taken.push(Ordered {
                kind,
                method: open.method,
                argument: open.argument,
            });
        }
        Ok(taken)
    }

    /// Money came in by a charge, or went out by what has this number.
    pub(super) async fn moved(
        &mut self,
        cause: &'static str,
        comes_in: bool,
        by: &Value,
        amount: &Value,
    ) -> Result<(), SandboxError> {
        let amount = amount.as_i64().unwrap_or_default();
        if amount == 0 {
            return Ok(());
        }
        let order_no = self.order_no.clone();
        let movement = NewStripeMovement {
            order_no: order_no.as_deref(),
            payment_intent: by["payment_intent"].as_str().unwrap_or_default(),
            number: by["id"].as_str().unwrap_or_default(),
            comes_in,
            cause,
            amount,
            currency: by["currency"].as_str().unwrap_or_default(),
            at: self.at,
        };
        self.tx.moved(&movement).await
    }

    /// Ends it; what came about is owed to the merchant from now on.
    pub(super) async fn commit(mut self) -> Result<(), SandboxError> {
        if !self.told.is_empty() {
            let told = std::mem::take(&mut self.told);
            let types: Vec<&str> = told
                .iter()
                .filter_map(|event| event["type"].as_str())
                .collect();
            let of_webhooks = |kind: FaultKind| kind.place() == Place::Webhook;
            let faults = self
                .faults(of_webhooks, |method| types.contains(&method))
                .await?;
            webhooks::owe(&mut self, &told, &faults).await?;
        }
        self.tx.commit().await?;
        self.sandbox.inner.owed.notify_one();
        Ok(())
    }
}
