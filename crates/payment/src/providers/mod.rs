//! The rails. A provider speaks its own dialect in its own folder; the rest of the module knows
//! only what is written here.
//!
//! Verified values ([`VerifiedEvent`], [`VerifiedPayment`]) can be made nowhere else: whoever holds
//! one knows that a signature was checked.
//!
//! ```
//! use tollgate_kernel::money::Money;
//! use tollgate_payment::providers::{Acknowledgement, Created, EventContent, PaymentAction, ProviderError, VerifiedEvent, WebhookRefusal};
//!
//! // What a rail says is read from verified values only.
//! fn paid(event: &VerifiedEvent) -> Option<Money> {
//!     match event.content() {
//!         EventContent::Paid(payment) => Some(payment.amount()),
//!         _ => None,
//!     }
//! }
//!
//! // What the buyer does next, as a provider of yours answers an order.
//! let created = Created::from(PaymentAction::Qr { qr_content: "https://pay.example/7".to_owned() });
//! assert!(created.provider_order_id.is_none());
//!
//! // A refusal leads to the words the provider is answered with.
//! assert_eq!(Acknowledgement::from(WebhookRefusal::Stale), Acknowledgement::Forged);
//! let refused = ProviderError::Refused { code: "CLOSED".to_owned(), message: "order closed".to_owned() };
//! assert_eq!(refused.to_string(), "refused: CLOSED order closed");
//! ```

pub mod agreement;
pub mod alipay;
mod callback;
mod circuit;
#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(test)]
pub(crate) mod fake;
mod keys;
mod refund;
mod registry;
pub mod stripe;
mod verified;
mod warning;
pub mod wechat;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money};

use self::agreement::{AgreementChange, Interval};
pub use self::callback::{
    Acknowledgement, EventContent, RawWebhook, Reply, VerifiedEvent, WebhookRefusal,
};
pub(crate) use self::circuit::REST as CIRCUIT_REST;
pub use self::keys::KeyError;
pub use self::refund::{NewRefund, RefundKey, RefundVerdict, VerifiedRefund};
pub(crate) use self::registry::Registry;
pub use self::verified::VerifiedPayment;
pub use self::warning::Warning;
use crate::model::payment::{MerchantAccount, OrderNo, PaymentMethod};
use crate::model::scene::Scene;

/// A rail.
///
/// ```
/// # use std::sync::Arc;
/// # use tollgate_payment::PaymentBuilder;
/// # use tollgate_payment::providers::{OrderKey, PaymentProvider, ProviderError, ProviderVerdict};
/// // A host's own rail goes where ours go.
/// fn with_rail(builder: PaymentBuilder, rail: impl PaymentProvider) -> PaymentBuilder {
///     println!("{} takes {:?}", rail.name().as_str(), rail.capabilities().currencies);
///     builder.provider(Arc::new(rail))
/// }
///
/// // What an unknown outcome means: it is asked about, never taken for a no.
/// async fn ask(rail: &dyn PaymentProvider, order: &OrderKey) -> Result<bool, ProviderError> {
///     Ok(match rail.verify_payment(order).await? {
///         ProviderVerdict::Paid(payment) => payment.order_no() == order.order_no.as_str(),
///         ProviderVerdict::Waiting | ProviderVerdict::Closed | ProviderVerdict::Declined => false,
///     })
/// }
/// ```
#[async_trait]
pub trait PaymentProvider: Send + Sync + fmt::Debug + 'static {
    /// Which one.
    fn name(&self) -> PaymentMethod;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Our account there, as orders keep it.
    fn account(&self) -> MerchantAccount;

    /// Creates a payment order and says what the buyer does next. The same order may be sent
    /// again: it stays one order.
    ///
    /// # Errors
    /// [`ProviderError`]; an unknown outcome is not a failure.
    async fn create_payment(&self, order: &NewOrder) -> Result<Created, ProviderError>;

    /// Asks how an order stands.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn verify_payment(&self, order: &OrderKey) -> Result<ProviderVerdict, ProviderError>;

    /// Closes an unpaid order, so that nobody can pay it any more.
    ///
    /// # Errors
    /// [`ProviderError`]; refused when it may be paid: ask.
    async fn close_payment(&self, order: &OrderKey) -> Result<(), ProviderError>;

    /// Sends money back. The same number may be sent again: it stays one refund.
    ///
    /// # Errors
    /// [`ProviderError`]; an unknown outcome is not a failure.
    async fn refund_payment(&self, refund: &NewRefund) -> Result<RefundVerdict, ProviderError>;

    /// Asks how a refund stands.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn verify_refund(&self, refund: &RefundKey) -> Result<RefundVerdict, ProviderError>;

    /// Takes back a payment that we began and whose outcome is unknown (by barcode, or under an
    /// agreement): closed if it is unpaid, **given back if it is paid**. Never for an order that a
    /// buyer pays by himself: that one is asked about, and closed.
    ///
    /// # Errors
    /// [`ProviderError`]; after an unknown outcome the same call may be made again.
    async fn cancel_payment(&self, order: &OrderKey) -> Result<Cancelled, ProviderError>;

    /// Ends an agreement, or lets it go on.
    ///
    /// # Errors
    /// [`ProviderError`]; refused by rails that have none.
    async fn change_agreement(
        &self,
        agreement_id: &str,
        change: AgreementChange,
    ) -> Result<(), ProviderError>;

    /// The address of the provider's own page where a buyer manages cards and agreements; short-lived.
    ///
    /// # Errors
    /// [`ProviderError`]; refused by rails that have none.
    async fn portal(&self, customer_id: &str, return_url: &str) -> Result<String, ProviderError>;

    /// Events that callbacks should have told since then, oldest first; none where a rail keeps no list. What they say
    /// is read one by one, of those that are not known.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn missed_events(&self, since: Timestamp) -> Result<Vec<ListedEvent>, ProviderError>;

    /// What an event of such a list says, as if it had just been told.
    ///
    /// # Errors
    /// [`WebhookRefusal`].
    async fn read_listed(&self, event: &ListedEvent) -> Result<VerifiedEvent, WebhookRefusal>;

    /// Reads a callback, if it is genuine and meant for us. It may ask the provider (for a key it does not
    /// know yet, or for the object that an event is about); the database waits for none of it.
    ///
    /// # Errors
    /// [`WebhookRefusal`].
    async fn handle_webhook(&self, raw: &RawWebhook) -> Result<VerifiedEvent, WebhookRefusal>;

    /// What the operator should do before it hurts.
    fn warnings(&self, now: Timestamp) -> Vec<Warning>;

    /// The words in which this provider wants to be answered.
    fn acknowledge(&self, answer: Acknowledgement) -> Reply;
}

/// An event of a provider's list, at which nobody has looked yet.
#[derive(Clone, Debug)]
pub struct ListedEvent {
    key: String,
    /// In the provider's own words.
    text: String,
}

impl ListedEvent {
    pub(in crate::providers) fn new(key: String, text: String) -> Self {
        Self { key, text }
    }

    #[cfg(test)]
    pub(crate) fn of_tests(key: &str) -> Self {
        Self::new(key.to_owned(), String::new())
    }

    /// As [`VerifiedEvent::key`].
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// What a provider can do.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// It takes money in these.
    pub currencies: Vec<Currency>,
    /// It has a way to pay for these.
    pub scenes: Vec<Scene>,
    /// Every way leads to one order under one number. Where not, another way takes an order of its own.
    pub ways_share_an_order: bool,
    /// It debits further terms by itself.
    pub renews: bool,
}

/// An order to be paid.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Ours, and theirs.
    pub order_no: OrderNo,
    /// How much.
    pub amount: Money,
    /// What the buyer reads.
    pub description: String,
    /// After this nobody may pay.
    pub expires_at: Timestamp,
    /// Where callbacks go.
    pub notify_url: String,
    /// On what the buyer pays.
    pub scene: Scene,
    /// Where the buyer's browser comes back to. Whoever comes from there has proven nothing.
    pub return_url: Option<String>,
    /// What is known of the buyer.
    pub payer: Payer,
    /// It is the first term of an agreement that debits so often.
    pub renews: Option<Interval>,
}

/// What some ways to pay have to know of the buyer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payer {
    /// Where the buyer's request comes from: WeChat's H5 wants it.
    pub address: Option<IpAddr>,
    /// Who the buyer is in our WeChat application: JSAPI wants it.
    pub openid: Option<String>,
    /// Who the buyer is at the provider, since an earlier agreement: Stripe keeps cards there, and its page shows all
    /// that one customer has.
    pub customer_id: Option<String>,
}

/// Which order is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderKey {
    /// Ours, and theirs.
    pub order_no: OrderNo,
    /// The provider's own number of the order, where it gave one and its answer reached us.
    pub provider_order_id: Option<String>,
    /// When it was written down.
    pub created_at: Timestamp,
}

/// An order that the provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// What the buyer does next.
    pub action: PaymentAction,
    /// The provider's own number of the order, where it has one before anybody pays.
    pub provider_order_id: Option<String>,
}

impl From<PaymentAction> for Created {
    fn from(action: PaymentAction) -> Self {
        Self {
            action,
            provider_order_id: None,
        }
    }
}

/// What the buyer does next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum PaymentAction {
    /// Scan.
    Qr {
        /// The text to draw.
        qr_content: String,
    },
    /// Go there.
    Redirect {
        /// A signed address for the browser.
        url: String,
    },
    /// Hand over to the provider's kit in an app.
    App {
        /// The signed order: a query string for Alipay, a JSON object of the kit's parameters for WeChat.
        order_string: String,
    },
    /// Hand over to the bridge inside the provider's own browser.
    Jsapi {
        /// The bridge's parameters, signed.
        params: BTreeMap<String, String>,
    },
}

/// What became of a payment that was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The provider knew of none.
    Nothing,
    /// It was unpaid, and cannot be paid any more.
    Closed,
    /// It was paid, and the money went back.
    Refunded,
}

/// How an order stands, as the provider answered under its signature.
#[derive(Clone, Debug)]
pub enum ProviderVerdict {
    /// Paid.
    Paid(VerifiedPayment),
    /// Not paid, or not known there yet: nobody has begun to pay.
    Waiting,
    /// Closed without payment.
    Closed,
    /// The buyer paid, and what they paid with was refused: no money will come.
    Declined,
}

/// Why a call to a provider gave no answer to act on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// No answer, or none that can be trusted: it may or may not have happened. Ask again under
    /// the same number.
    #[error("no answer that can be trusted: {reason}")]
    Unknown {
        /// For the operator.
        reason: String,
    },
    /// A final no, under the provider's signature.
    #[error("refused: {code} {message}")]
    Refused {
        /// The provider's own code.
        code: String,
        /// The provider's own words.
        message: String,
    },
}

impl ProviderError {
    /// The rail has no such thing.
    pub(in crate::providers) fn not_offered(what: &str) -> Self {
        Self::Refused {
            code: "not_offered".to_owned(),
            message: format!("this rail has no {what}"),
        }
    }

    pub(in crate::providers) fn unknown(reason: impl fmt::Display) -> Self {
        // It may hold what an unverified answer says: short, and without what a database could not keep.
        const LONGEST: usize = 500;
        let reason = reason.to_string();
        let plain = reason.chars().filter(|char| !char.is_control());
        Self::Unknown {
            reason: plain.take(LONGEST).collect(),
        }
    }
}
