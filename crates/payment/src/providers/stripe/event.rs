//! What an event means (payments.md, 4.7): go and look. Of the event nothing is read but its kind and the number of
//! its object; the answer is made of the object as it is now, fetched with our key and in our version. So neither the
//! order of events, nor their age, nor the version of an endpoint matters.

use super::call::Form;
use super::wire::{self, Dispute, Event, Intent, Invoice, InvoicePayment, Link, List, Refund};
use super::{ORDER_NO, REFUND_NO, Stripe, agreement, amount};
use crate::providers::agreement::{Dispute as Disputed, DisputeState};
use crate::providers::{
    EventContent, ProviderError, ProviderVerdict, VerifiedEvent, WebhookRefusal,
};

const INTENTS: &str = "/v1/payment_intents";
const INVOICE_PAYMENTS: &str = "/v1/invoice_payments";
const DISPUTES: &str = "/v1/disputes";
/// An object of somebody else in our account.
const FOREIGN: EventContent = EventContent::Notice("foreign_object");
const MISSING: &str = "resource_missing";

/// The kinds that are read; every other one is kept, and nothing is done.
pub(super) const KINDS: [&str; 20] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
];

/// Whose money it is.
enum Owner {
    /// Of this order.
    Order(String),
    /// Of an agreement of ours; which order it paid, only our own books know.
    Agreement,
    /// Not ours.
    Nobody,
}

/// Reads a webhook's body.
///
/// # Errors
/// [`WebhookRefusal::Unreadable`].
pub(super) fn read(body: &[u8]) -> Result<Event, WebhookRefusal> {
    let event: Event = serde_json::from_slice(body).map_err(|_| WebhookRefusal::Unreadable)?;
    wire::number(&event.id).ok_or(WebhookRefusal::Unreadable)?;
    Ok(event)
}

impl Stripe {
    /// What a genuine event says.
    ///
    /// # Errors
    /// [`WebhookRefusal::Foreign`], [`WebhookRefusal::Unreadable`], [`WebhookRefusal::NotYet`].
    pub(super) async fn tell(&self, event: &Event) -> Result<VerifiedEvent, WebhookRefusal> {
        let content = self.content(event).await?;
        Ok(VerifiedEvent::new(event.id.clone(), content))
    }

    async fn content(&self, event: &Event) -> Result<EventContent, WebhookRefusal> {
        match event.object.as_str() {
            "event" => {}
            // It carries no object, and belongs to another API.
            "v2.core.event" => return Ok(EventContent::Notice("thin_event")),
            _ => return Err(WebhookRefusal::Unreadable),
        }
        if event.livemode != Some(self.livemode) || event.account.is_some() {
            return Err(WebhookRefusal::Foreign);
        }
        if !KINDS.contains(&event.kind.as_str()) {
            return Ok(EventContent::Notice("unknown_event"));
        }
        let id = event.about().ok_or(WebhookRefusal::Unreadable)?;
        let found = self.look(&event.kind, id).await;
        found.or_else(|error| match error {
            // Of another account, or gone.
            ProviderError::Refused { code, .. } if code == MISSING => Ok(FOREIGN),
            ProviderError::Refused { .. } => {
                tracing::error!(event.id, %error, "Stripe does not show what its event is about");
                Err(WebhookRefusal::NotYet("Stripe does not show the object"))
            }
            ProviderError::Unknown { .. } => {
                tracing::warn!(event.id, %error, "the object of an event cannot be read now");
                Err(WebhookRefusal::NotYet("the object cannot be read now"))
            }
        })
    }

    async fn look(&self, kind: &str, id: &str) -> Result<EventContent, ProviderError> {
        match kind.rsplit_once('.') {
            Some(("checkout.session", _)) => self.session_now(id).await,
            Some(("invoice", _)) => self.invoice_now(id).await,
            Some(("customer.subscription", _)) => self.subscription_now(id).await,
            Some(("refund", _)) => self.refund_now(id).await,
            Some(("charge.dispute", _)) => self.dispute_now(id).await,
            _ => self.refunds_of(id).await,
        }
    }

    async fn session_now(&self, id: &str) -> Result<EventContent, ProviderError> {
        let session = self.session(id).await?;
        if !self.is_ours(&session.metadata) {
            return Ok(FOREIGN);
        }
        if session.livemode != Some(self.livemode) {
            return Err(ProviderError::unknown("the answer speaks of another mode"));
        }
        Ok(match self.verdict(&session).await? {
            ProviderVerdict::Paid(money) => EventContent::Paid(money),
            ProviderVerdict::Waiting => EventContent::Notice("not_paid_yet"),
            // Asking the order closes it, by the one way that there is.
            ProviderVerdict::Closed | ProviderVerdict::Declined => {
                EventContent::Notice("closed_unpaid")
            }
        })
    }

    /// The order that began an agreement, if it is ours. An invoice repeats what stood at the subscription.
    async fn began(&self, invoice: &Invoice) -> Result<Option<String>, ProviderError> {
        let Some(subscription) = invoice.subscription_id() else {
            return Ok(None);
        };
        if let Some(metadata) = invoice.metadata().filter(|told| self.is_ours(told)) {
            return Ok(metadata.get(ORDER_NO).map(str::to_owned));
        }
        let metadata = self.subscription(subscription).await?.metadata;
        let ours = self.is_ours(&metadata);
        Ok(metadata.get(ORDER_NO).filter(|_| ours).map(str::to_owned))
    }

    async fn invoice_now(&self, id: &str) -> Result<EventContent, ProviderError> {
        let invoice = self.invoice(id).await?;
        let Some(order_no) = self.began(&invoice).await? else {
            return Ok(FOREIGN);
        };
        let further = match invoice.billing_reason.as_deref() {
            Some("subscription_create") => false,
            Some("subscription_cycle" | "subscription_update") => true,
            _ => return Ok(EventContent::Notice("invoice_of_no_term")),
        };
        match (invoice.status.as_deref(), further) {
            (Some("paid"), false) => Ok(self
                .first_debit(&order_no, &invoice)?
                .map_or(EventContent::Notice("nothing_to_pay"), EventContent::Paid)),
            (Some("paid"), true) => Ok(self.renewal(&invoice)?.map_or(
                EventContent::Notice("nothing_to_pay"),
                EventContent::Renewed,
            )),
            // How it stands now, its subscription knows: it may have ended since.
            (Some("open" | "uncollectible"), true) => {
                let id = invoice.subscription_id().unwrap_or_default();
                self.subscription_now(id).await
            }
            (Some("open" | "uncollectible"), false) => {
                Ok(EventContent::Notice("first_debit_failed"))
            }
            _ => Ok(EventContent::Notice("invoice_not_paid")),
        }
    }

    async fn subscription_now(&self, id: &str) -> Result<EventContent, ProviderError> {
        let subscription = self.subscription(id).await?;
        if !self.is_ours(&subscription.metadata) {
            return Ok(FOREIGN);
        }
        let news = agreement::news(&subscription);
        let id = subscription.id;
        Ok(
            news.map_or(EventContent::Notice("agreement_not_begun"), |news| {
                EventContent::Agreement { id, news }
            }),
        )
    }

    async fn refund_now(&self, id: &str) -> Result<EventContent, ProviderError> {
        let query = Form::default().with("expand[0]", "payment_intent");
        let path = wire::path(super::refund::REFUNDS, id)?;
        let refund: Refund = self.get(&path, &query).await?.done()?;
        self.went_back(&refund).await
    }

    /// A charge names none of its refunds: the newest is meant, and each has an event of its own.
    async fn refunds_of(&self, charge: &str) -> Result<EventContent, ProviderError> {
        let query = Form::default()
            .with("charge", charge)
            .with("limit", "1")
            .with("expand[0]", "data.payment_intent");
        let list: List<Refund> = self.get(super::refund::REFUNDS, &query).await?.done()?;
        match list.data.first() {
            Some(refund) => self.went_back(refund).await,
            None => Ok(EventContent::Notice("charge_without_refund")),
        }
    }

    /// Money went back: ours by our number, what the dashboard sent by Stripe's.
    async fn went_back(&self, refund: &Refund) -> Result<EventContent, ProviderError> {
        let Some(intent) = &refund.payment_intent else {
            return Ok(FOREIGN);
        };
        let transaction_id = Some(intent.id().to_owned());
        let undone = matches!(refund.status.as_deref(), Some("failed" | "canceled"));
        let ours = self.is_ours(&refund.metadata);
        if let (true, Some(number)) = (ours, refund.metadata.get(REFUND_NO)) {
            let order_no = refund.metadata.get(ORDER_NO).unwrap_or_default();
            return Ok(EventContent::Refunded {
                order_no: order_no.to_owned(),
                refund_no: Some(number.to_owned()),
                transaction_id,
                undone,
            });
        }
        let order_no = match self.whose(intent).await? {
            Owner::Order(order_no) => order_no,
            Owner::Agreement => String::new(),
            Owner::Nobody => return Ok(FOREIGN),
        };
        Ok(EventContent::Refunded {
            order_no,
            refund_no: Some(refund.id.clone()),
            transaction_id,
            undone,
        })
    }

    /// Stripe copies our marks to the money of a single payment; the money of a subscription knows its invoice.
    async fn whose(&self, intent: &Link<Intent>) -> Result<Owner, ProviderError> {
        let fetched: Intent;
        let intent = match intent {
            Link::Object(intent) => intent.as_ref(),
            Link::Id(id) => {
                let path = wire::path(INTENTS, id)?;
                fetched = self.get(&path, &Form::default()).await?.done()?;
                &fetched
            }
        };
        if self.is_ours(&intent.metadata) {
            let order_no = intent.metadata.get(ORDER_NO).unwrap_or_default();
            return Ok(Owner::Order(order_no.to_owned()));
        }
        let query = Form::default()
            .with("payment[type]", "payment_intent")
            .with("payment[payment_intent]", &intent.id)
            .with("limit", "1")
            .with("expand[0]", "data.invoice");
        let list: List<InvoicePayment> = self.get(INVOICE_PAYMENTS, &query).await?.done()?;
        let link = list.data.first().and_then(|paid| paid.invoice.as_ref());
        let invoice = match link {
            Some(Link::Object(invoice)) => invoice.as_ref().clone(),
            Some(Link::Id(id)) => self.invoice(id).await?,
            None => return Ok(Owner::Nobody),
        };
        Ok(match self.began(&invoice).await? {
            Some(_) => Owner::Agreement,
            None => Owner::Nobody,
        })
    }

    async fn dispute_now(&self, id: &str) -> Result<EventContent, ProviderError> {
        let query = Form::default().with("expand[0]", "payment_intent");
        let path = wire::path(DISPUTES, id)?;
        let dispute: Dispute = self.get(&path, &query).await?.done()?;
        let Some(intent) = &dispute.payment_intent else {
            return Ok(FOREIGN);
        };
        if dispute.livemode != Some(self.livemode) {
            return Err(ProviderError::unknown("the answer speaks of another mode"));
        }
        if matches!(self.whose(intent).await?, Owner::Nobody) {
            return Ok(FOREIGN);
        }
        let state = match dispute.status.as_deref() {
            Some("needs_response" | "under_review") => DisputeState::Opened,
            Some("won") => DisputeState::Won,
            Some("lost") => DisputeState::Lost,
            // An inquiry, or one that was prevented: nothing was taken.
            _ => return Ok(EventContent::Notice("dispute_without_money")),
        };
        let total = dispute.amount.zip(dispute.currency.as_deref());
        let money = total.and_then(|(units, currency)| amount::read(units, currency));
        let unread = || ProviderError::unknown("a dispute about no amount");
        Ok(EventContent::Disputed(Disputed {
            id: dispute.id.clone(),
            provider_transaction_id: intent.id().to_owned(),
            amount: money.ok_or_else(unread)?,
            state,
        }))
    }
}
