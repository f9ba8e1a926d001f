//! What a provider sends by itself, and how it is answered.

use axum::body::Bytes;
use axum::http::HeaderMap;

use super::agreement::{AgreementNews, Dispute, VerifiedRenewal};
use super::verified::VerifiedPayment;
use crate::model::call::Verdict;

/// A callback as it came.
#[derive(Clone, Debug)]
pub struct RawWebhook {
    /// All headers.
    pub headers: HeaderMap,
    /// The bytes that were signed.
    pub body: Bytes,
}

/// Why a callback is not acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefusal {
    /// No signature, or a wrong one.
    #[error("the signature does not verify")]
    Forged,
    /// Genuine, and meant for another merchant or application.
    #[error("meant for another merchant or application")]
    Foreign,
    /// Genuine or not: it cannot be read.
    #[error("cannot be read")]
    Unreadable,
    /// Signed too long ago, or too far ahead.
    #[error("signed too long ago, or too far ahead")]
    Stale,
    /// The provider tries whether we check.
    #[error("a probe of the provider")]
    Probe,
    /// What it takes to read it is missing here: a key that could not be fetched, or a wrong setting. It is wanted
    /// again.
    #[error("cannot be read yet: {0}")]
    NotYet(&'static str),
}

impl WebhookRefusal {
    /// As kept beside the raw call.
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self::Forged => Verdict::Forged,
            Self::Foreign => Verdict::Foreign,
            Self::Unreadable | Self::NotYet(_) => Verdict::Unreadable,
            Self::Stale => Verdict::Stale,
            Self::Probe => Verdict::Probe,
        }
    }
}

/// A callback whose signature was checked.
#[derive(Clone, Debug)]
pub struct VerifiedEvent {
    key: String,
    content: EventContent,
}

/// What a callback says.
#[derive(Clone, Debug)]
pub enum EventContent {
    /// Money arrived.
    Paid(VerifiedPayment),
    /// Money went back, it says: to be asked about.
    Refunded {
        /// Of the order, as the provider wrote it.
        order_no: String,
        /// Of the refund, if it names one.
        refund_no: Option<String>,
        /// Of the money, where an event can name no order: that of a further term was never one of theirs.
        transaction_id: Option<String>,
        /// It is said not to have gone through, or not after all.
        undone: bool,
    },
    /// Money of a further term arrived under an agreement.
    Renewed(VerifiedRenewal),
    /// An agreement is not as it was.
    Agreement {
        /// The provider's number of it.
        id: String,
        /// How it is now.
        news: AgreementNews,
    },
    /// A buyer's bank takes money back, or gives it back.
    Disputed(Dispute),
    /// Something to keep, and nothing to do: the provider's own word for it.
    Notice(&'static str),
}

impl VerifiedEvent {
    pub(in crate::providers) fn new(key: String, content: EventContent) -> Self {
        Self { key, content }
    }

    /// The same at every delivery of this event, and at no other's.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What it says.
    pub fn content(&self) -> &EventContent {
        &self.content
    }
}

/// How a callback is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// Kept; do not send it again.
    Accepted,
    /// Not genuine.
    Forged,
    /// Genuine, but not ours.
    Foreign,
    /// Unreadable.
    Unreadable,
    /// Send it again later.
    TryAgain,
}

impl From<WebhookRefusal> for Acknowledgement {
    fn from(refusal: WebhookRefusal) -> Self {
        match refusal {
            WebhookRefusal::Forged | WebhookRefusal::Stale | WebhookRefusal::Probe => Self::Forged,
            WebhookRefusal::NotYet(_) => Self::TryAgain,
            WebhookRefusal::Foreign => Self::Foreign,
            WebhookRefusal::Unreadable => Self::Unreadable,
        }
    }
}

/// An answer to a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// To the byte.
    pub body: &'static str,
}
