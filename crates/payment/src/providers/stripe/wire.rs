//! Stripe's objects, as far as they are read. All of them are read leniently: what is not named here may come and
//! go, and what is missing or `null` is nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;

use crate::providers::ProviderError;

/// Longer numbers Stripe does not give.
const LONGEST_NUMBER: usize = 255;

/// A number of Stripe's that may stand in a path. `None`: it could mean another path.
pub(super) fn number(text: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fits = !text.is_empty() && text.len() <= LONGEST_NUMBER && text.bytes().all(plain);
    fits.then_some(text)
}

/// A path with a number of Stripe's at its end.
pub(super) fn path(base: &str, id: &str) -> Result<String, ProviderError> {
    let id = number(id).ok_or_else(|| ProviderError::unknown("not a number of Stripe's"))?;
    Ok(format!("{base}/{id}"))
}

/// What has a number.
pub(super) trait Numbered {
    fn id(&self) -> &str;
}

/// Another object: its number, or all of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Link<T> {
    Id(String),
    Object(Box<T>),
}

impl<T: Numbered> Link<T> {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => object.id(),
        }
    }

    pub(super) fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

macro_rules! numbered {
    ($($object:ident),*) => { $(impl Numbered for $object { fn id(&self) -> &str { &self.id } })* };
}
numbered!(Session, Intent, Subscription, Invoice, Bare, Refund);

/// What somebody wrote at an object: for us, what we wrote.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Metadata(Option<BTreeMap<String, Option<String>>>);

impl Metadata {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.get(name)?.as_deref()
    }
}

/// An object of which only the number is of interest.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Bare {
    pub(super) id: String,
}

/// A page of Checkout.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) mode: Option<String>,
    pub(super) status: Option<String>,
    pub(super) payment_status: Option<String>,
    pub(super) amount_total: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) client_reference_id: Option<String>,
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) livemode: Option<bool>,
    pub(super) url: Option<String>,
    pub(super) payment_intent: Option<Link<Intent>>,
    pub(super) subscription: Option<Link<Subscription>>,
    pub(super) invoice: Option<Link<Invoice>>,
}

/// What moves the money of one payment.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

/// What debits each further term.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) status: Option<String>,
    pub(super) cancel_at_period_end: Option<bool>,
    cancel_at: Option<i64>,
    /// Since 2025-03-31 at its items.
    current_period_end: Option<i64>,
    items: Option<List<SubscriptionItem>>,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

/// What is debited for.
#[derive(Clone, Debug, Deserialize)]
struct SubscriptionItem {
    current_period_end: Option<i64>,
}

impl Subscription {
    /// Whether the term that is paid is the last: it may also have been set to end in a later one.
    pub(super) fn ends_with_its_term(&self) -> bool {
        let items = self.items.iter().flat_map(|items| &items.data);
        let ends = items.filter_map(|item| item.current_period_end).min();
        let term = self.current_period_end.or(ends);
        self.cancel_at
            .is_some_and(|at| term.is_none_or(|term| at <= term))
    }
}

/// The bill of a term.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Invoice {
    pub(super) id: String,
    pub(super) status: Option<String>,
    pub(super) billing_reason: Option<String>,
    pub(super) amount_paid: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) livemode: Option<bool>,
    pub(super) customer: Option<Link<Bare>>,
    parent: Option<Parent>,
    /// Before 2025-03-31.
    subscription: Option<Link<Subscription>>,
    /// Before 2025-03-31.
    payment_intent: Option<Link<Intent>>,
    payments: Option<List<InvoicePayment>>,
    lines: Option<List<Line>>,
    status_transitions: Option<Transitions>,
}

#[derive(Clone, Debug, Deserialize)]
struct Parent {
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Clone, Debug, Deserialize)]
struct SubscriptionDetails {
    subscription: Option<Link<Subscription>>,
    #[serde(default)]
    metadata: Metadata,
}

/// Which money paid a bill.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct InvoicePayment {
    status: Option<String>,
    payment: Option<InvoicePaymentBy>,
    pub(super) invoice: Option<Link<Invoice>>,
}

#[derive(Clone, Debug, Deserialize)]
struct InvoicePaymentBy {
    payment_intent: Option<Link<Intent>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Line {
    period: Option<Period>,
}

#[derive(Clone, Debug, Deserialize)]
struct Period {
    end: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
struct Transitions {
    paid_at: Option<i64>,
}

impl Invoice {
    pub(super) fn is_paid(&self) -> bool {
        self.status.as_deref() == Some("paid")
    }

    /// Whether it came with what paid it.
    pub(super) fn tells_payments(&self) -> bool {
        self.payments.is_some() || self.payment_intent.is_some()
    }

    /// Of which subscription.
    pub(super) fn subscription_id(&self) -> Option<&str> {
        let details = self.details().and_then(|told| told.subscription.as_ref());
        details.or(self.subscription.as_ref()).map(Link::id)
    }

    /// What stood at the subscription when this was written.
    pub(super) fn metadata(&self) -> Option<&Metadata> {
        self.details().map(|details| &details.metadata)
    }

    fn details(&self) -> Option<&SubscriptionDetails> {
        self.parent.as_ref()?.subscription_details.as_ref()
    }

    /// The number of the money that paid it: the same, whoever asks and whenever. Its own, where no money of Stripe's
    /// did.
    pub(super) fn money(&self) -> &str {
        let payments = self.payments.as_ref().map(|list| list.data.as_slice());
        let by = |paid: bool| {
            let all = payments.unwrap_or_default().iter();
            all.filter(move |one| (one.status.as_deref() == Some("paid")) == paid)
                .filter(|one| one.status.as_deref() != Some("canceled"))
                .filter_map(|one| one.payment.as_ref()?.payment_intent.as_ref())
                .map(Link::id)
                .min()
        };
        let old = self.payment_intent.as_ref().map(Link::id);
        by(true).or_else(|| by(false)).or(old).unwrap_or(&self.id)
    }

    /// Until when it pays.
    pub(super) fn paid_until(&self) -> Option<Timestamp> {
        let lines = self.lines.as_ref()?;
        let ends = lines.data.iter();
        let last = ends.filter_map(|line| line.period.as_ref()?.end).max()?;
        Timestamp::from_seconds(last)
    }

    pub(super) fn paid_at(&self) -> Option<Timestamp> {
        Timestamp::from_seconds(self.status_transitions.as_ref()?.paid_at?)
    }
}

/// Money that goes back.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) status: Option<String>,
    pub(super) amount: Option<i64>,
    pub(super) currency: Option<String>,
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) payment_intent: Option<Link<Intent>>,
    pub(super) failure_reason: Option<String>,
}

/// A buyer's bank takes money back.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) status: Option<String>,
    pub(super) amount: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) livemode: Option<bool>,
    pub(super) payment_intent: Option<Link<Intent>>,
}

/// An address for a buyer's browser.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Portal {
    pub(super) url: String,
}

/// A page of a list, newest first.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// What a webhook or the list of events says; of the object only its number is believed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) object: String,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    pub(super) livemode: Option<bool>,
    /// Of an account that is connected to ours: not ours.
    pub(super) account: Option<serde::de::IgnoredAny>,
    data: Option<EventData>,
}

#[derive(Clone, Debug, Deserialize)]
struct EventData {
    object: Option<EventObject>,
}

#[derive(Clone, Debug, Deserialize)]
struct EventObject {
    id: Option<String>,
}

impl Event {
    /// The number of the object that it is about.
    pub(super) fn about(&self) -> Option<&str> {
        let object = self.data.as_ref()?.object.as_ref()?;
        number(object.id.as_deref()?)
    }
}
