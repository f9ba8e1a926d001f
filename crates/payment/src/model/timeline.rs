//! A payment, and what was said about it by whom.
//!
//! ```
//! use tollgate_payment::model::timeline::{CallOut, History};
//!
//! // Whether somebody has to ask the provider what became of a call.
//! fn is_in_doubt(history: &History) -> bool {
//!     let mut calls = history.calls_out.iter();
//!     calls.any(|call: &CallOut| call.state == "unknown")
//! }
//! ```

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::CallId;

use super::payment::Payment;
use super::refund::Refund;
use super::suspense::Kept;

/// A call to the provider.
#[derive(Clone, Debug)]
pub struct CallOut {
    /// `create`, `query`, `close`, `refund`, `refund_query` …
    pub operation: String,
    /// Our number in it.
    pub request_no: String,
    /// `intent`, `succeeded`, `refused` or `unknown`.
    pub state: String,
    /// What the provider called it.
    pub provider_code: Option<String>,
    /// When it was about to be made.
    pub started_at: Timestamp,
    /// When its answer was written down.
    pub finished_at: Option<Timestamp>,
}

/// A call of the provider.
#[derive(Clone, Debug)]
pub struct CallIn {
    /// Of the call.
    pub id: CallId,
    /// `verified`, `forged`, `foreign` or `unreadable`.
    pub verdict: String,
    /// The same at every delivery of one event.
    pub event_key: Option<String>,
    /// What we answered.
    pub reply_status: i64,
    /// When it came.
    pub received_at: Timestamp,
}

/// What happened around a payment.
#[derive(Clone, Debug)]
pub struct History {
    /// As it stands.
    pub payment: Payment,
    /// Newest first.
    pub refunds: Vec<Refund>,
    /// Money that came under its number and is kept apart; oldest first.
    pub suspense: Vec<Kept>,
    /// Oldest first.
    pub calls_out: Vec<CallOut>,
    /// Oldest first.
    pub calls_in: Vec<CallIn>,
}
