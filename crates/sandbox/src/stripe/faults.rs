//! What can go wrong to order at Stripe: one table of kinds, each of which acts in one place; and the routes
//! `POST`, `GET` and `DELETE /sandbox/stripe/faults`.
//!
//! | place | where it acts |
//! |---|---|
//! | [`Place::Webhook`] | `webhooks.rs`, when webhooks are owed |
//! | [`Place::Buyer`] | `checkout.rs`, when the buyer's card pays |
//! | [`Place::Renewal`] | `renewals.rs`, when a further term is debited |
//! | [`Place::Call`] | `misbehave.rs`, around a call of the merchant's |
//! | [`Place::Refund`] | `refunds.rs`, when money is to go back |

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::route::CALLS;
use crate::faults::api::refusal;
use crate::store::NewStripeFault;
use crate::words::WORDS;
use crate::{Sandbox, SandboxError};
use tollgate_kernel::text::{Language, Text};

/// Where a fault acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// When webhooks are owed.
    Webhook,
    /// When the buyer's card pays.
    Buyer,
    /// When a further term is debited.
    Renewal,
    /// Around a call of the merchant's.
    Call,
    /// When money is to go back.
    Refund,
}

impl Place {
    fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Buyer => "buyer",
            Self::Renewal => "renewal",
            Self::Call => "call",
            Self::Refund => "refund",
        }
    }
}

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Argument {
    No,
    Word,
    /// A number of seconds.
    Wait,
    /// Of Stripe's unit, at least one.
    Amount,
    /// 429, or one of 500 to 599.
    Status,
}

macro_rules! kinds {
    ($($variant:ident $word:literal $place:ident $argument:ident;)+) => {
        /// How something goes wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum FaultKind {
            $(#[doc = concat!("`", $word, "`")] $variant,)+
        }

        impl FaultKind {
            /// In the order of the table.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)+];

            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            pub(crate) fn place(self) -> Place {
                match self { $(Self::$variant => Place::$place,)+ }
            }

            fn argument(self) -> Argument {
                match self { $(Self::$variant => Argument::$argument,)+ }
            }

            /// What happens.
            pub(crate) fn says(self, language: Language) -> &'static str {
                let name = match self { $(Self::$variant => concat!("stripe_fault.", $word),)+ };
                WORDS.say(language, name)
            }
        }
    };
}

kinds! {
    CallbackLost "callback_lost" Webhook No;
    CallbackTwice "callback_twice" Webhook No;
    CallbackTimes50 "callback_x50" Webhook No;
    CallbackLate "callback_late" Webhook Wait;
    CallbackReordered "callback_reordered" Webhook No;
    CallbackForged "callback_forged" Webhook No;
    StaleCallback "stale_callback" Webhook No;
    SeveralSignatures "several_signatures" Webhook No;
    OtherLivemode "other_livemode" Webhook No;
    WrongMerchant "wrong_merchant" Webhook No;
    OtherVersion "other_version" Webhook No;
    ThinEvent "thin_event" Webhook No;
    ForeignObject "foreign_object" Webhook No;
    WrongAmount "wrong_amount" Buyer Amount;
    PayAfterClose "pay_after_close" Buyer No;
    PayTwice "pay_twice" Buyer No;
    CompletedUnpaid "completed_unpaid" Buyer Wait;
    CompletedFailed "completed_failed" Buyer Wait;
    KeyChanged "key_changed" Buyer No;
    RenewalFails "renewal_fails" Renewal No;
    AnswerLost "answer_lost" Call No;
    BrokenAnswer "broken_answer" Call No;
    Busy "busy" Call Status;
    Refused "refused" Call Word;
    ServerError "server_error" Call No;
    StoredError "stored_error" Call No;
    DoneError "done_error" Call No;
    SlowDrip "slow_drip" Call No;
    HugeBody "huge_body" Call No;
    RefundPendingFailed "refund_pending_failed" Refund Wait;
    RefundPendingSucceeded "refund_pending_succeeded" Refund Wait;
    RefundFailsLater "refund_fails_later" Refund Wait;
}

/// The longest wait that may be ordered, in seconds.
const LONGEST: i64 = 31 * 86_400;

impl FaultKind {
    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

/// A fault that acts now.
#[derive(Clone, Debug)]
pub(super) struct Ordered {
    pub(super) kind: FaultKind,
    /// The only call or kind of event that suffers it.
    pub(super) method: Option<String>,
    pub(super) argument: Option<String>,
}

impl Ordered {
    fn number(&self) -> Option<i64> {
        self.argument.as_deref()?.parse().ok()
    }

    /// How long it makes wait, in seconds.
    pub(super) fn wait(&self) -> i64 {
        let itself = match self.kind {
            FaultKind::CallbackLate => 25 * 3_600,
            _ => 30,
        };
        self.number().unwrap_or(itself)
    }

    pub(super) fn amount(&self) -> i64 {
        self.number().unwrap_or(1)
    }

    pub(super) fn status(&self) -> StatusCode {
        let status = self.number().and_then(|number| u16::try_from(number).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        status.unwrap_or(StatusCode::TOO_MANY_REQUESTS)
    }
}

/// Longest method, argument and order number, in bytes.
const TEXT: usize = 64;
/// How often one order may act.
const TIMES: u32 = 10_000;

/// What shall go wrong, how often.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// A word of the table.
    pub(crate) kind: String,
    /// Of faults around a call `refunds.create` …, of those of webhooks a kind of event; any when left out.
    method: Option<String>,
    /// The merchant's order number; any when left out.
    order: Option<String>,
    /// What it may be, the table says.
    argument: Option<String>,
    /// 1 when left out.
    times: Option<u32>,
}

impl Wanted {
    /// Once, for one order.
    pub(super) fn once(kind: &str, order_no: Option<&str>) -> Self {
        Self {
            kind: kind.to_owned(),
            method: None,
            order: order_no.map(str::to_owned),
            argument: None,
            times: None,
        }
    }

    /// Which it is.
    ///
    /// # Errors
    /// Why it cannot be ordered.
    fn checked(&self) -> Result<FaultKind, Text> {
        let Some(kind) = FaultKind::read(&self.kind) else {
            let words: Vec<_> = FaultKind::ALL.iter().map(|kind| kind.as_str()).collect();
            return Err(WORDS.text_with("refusal.fault_kind", &[("kinds", &words.join(", "))]));
        };
        let texts = [&self.method, &self.order, &self.argument];
        let fits = |text: &String| {
            (1..=TEXT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !texts.into_iter().flatten().all(fits) {
            return Err(WORDS.text("refusal.fault_texts"));
        }
        match (self.method.as_deref(), kind.place()) {
            (None, _) | (Some(_), Place::Webhook) => {}
            (Some(method), Place::Call) if CALLS.contains(&method) => {}
            (Some(_), Place::Call) => {
                return Err(
                    WORDS.text_with("refusal.fault_method", &[("methods", &CALLS.join(", "))])
                );
            }
            _ => {
                return Err(WORDS.text_with("refusal.fault_no_method", &[("kind", &kind.as_str())]));
            }
        }
        if !(1..=TIMES).contains(&self.times.unwrap_or(1)) {
            return Err(WORDS.text("refusal.fault_times"));
        }
        let Some(argument) = self.argument.as_deref() else {
            return Ok(kind);
        };
        let number: Option<i64> = argument.parse().ok();
        let fits = match kind.argument() {
            Argument::No => false,
            Argument::Word => true,
            Argument::Wait => number.is_some_and(|seconds| (0..=LONGEST).contains(&seconds)),
            Argument::Amount => number.is_some_and(|amount| (1..=99_999_999).contains(&amount)),
            Argument::Status => number.is_some_and(|status| matches!(status, 429 | 500..=599)),
        };
        if !fits {
            return Err(WORDS.text_with("refusal.fault_argument", &[("kind", &kind.as_str())]));
        }
        Ok(kind)
    }
}

impl Sandbox {
    /// Its number; or why it cannot be ordered.
    pub(super) async fn order_stripe_fault(
        &self,
        wanted: &Wanted,
    ) -> Result<Result<i64, Text>, SandboxError> {
        let kind = match wanted.checked() {
            Ok(kind) => kind,
            Err(says) => return Ok(Err(says)),
        };
        let fault = NewStripeFault {
            kind: kind.as_str(),
            method: wanted.method.as_deref(),
            order_no: wanted.order.as_deref(),
            argument: wanted.argument.as_deref(),
            times: wanted.times.unwrap_or(1),
            at: self.inner.clock.now(),
        };
        let mut tx = self.inner.store.stripe().await?;
        let id = tx.put_fault(&fault).await?;
        tx.commit().await?;
        Ok(id.ok_or_else(|| WORDS.text("refusal.fault_too_many")))
    }

    async fn stripe_faults(&self) -> Result<Value, SandboxError> {
        let mut tx = self.inner.store.stripe().await?;
        let open = tx.open_faults().await?;
        tx.commit().await?;
        let data: Vec<Value> = open
            .iter()
            .map(|fault| {
                json!({
                    "id": fault.id,
                    "kind": fault.kind,
                    "method": fault.method,
                    "order": fault.order_no,
                    "argument": fault.argument,
                    "remaining": fault.remaining,
                    "created_at": fault.created_at,
                })
            })
            .collect();
        let kinds: Vec<Value> = FaultKind::ALL
            .iter()
            .map(|kind| json!({ "kind": kind.as_str(), "acts": kind.place().as_str(), "says": kind.says(Language::En) }))
            .collect();
        Ok(json!({ "data": data, "kinds": kinds }))
    }

    async fn clear_stripe_faults(&self) -> Result<(), SandboxError> {
        let mut tx = self.inner.store.stripe().await?;
        tx.clear_faults().await?;
        tx.commit().await
    }
}

/// Orders a fault.
pub(crate) async fn put(
    State(sandbox): State<Sandbox>,
    Json(mut wanted): Json<Wanted>,
) -> Response {
    // An empty text is none, as in all forms.
    for text in [&mut wanted.method, &mut wanted.order, &mut wanted.argument] {
        text.take_if(|text| text.is_empty());
    }
    match sandbox.order_stripe_fault(&wanted).await {
        Ok(Ok(id)) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        Ok(Err(says)) => refusal(&says),
        Err(error) => failed(&error),
    }
}

/// What is ordered, and what there is.
pub(crate) async fn list(State(sandbox): State<Sandbox>) -> Response {
    match sandbox.stripe_faults().await {
        Ok(faults) => Json(faults).into_response(),
        Err(error) => failed(&error),
    }
}

/// Nothing goes wrong any more.
pub(crate) async fn clear(State(sandbox): State<Sandbox>) -> Response {
    match sandbox.clear_stripe_faults().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &SandboxError) -> Response {
    tracing::error!(%error, "faults cannot be kept");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_word_of_its_own_that_names_it() {
        for kind in FaultKind::ALL {
            assert_eq!(FaultKind::read(kind.as_str()), Some(*kind));
            let (zh, en) = (kind.says(Language::Zh), kind.says(Language::En));
            assert!(!zh.is_ascii() && en.is_ascii() && en.ends_with('.'), "{en}");
        }
        assert_eq!(FaultKind::read("callback"), None);
    }

    #[test]
    fn what_cannot_be_ordered_is_refused() {
        let wanted = |kind: &str, method: Option<&str>, argument: Option<&str>| {
            Wanted {
                method: method.map(str::to_owned),
                argument: argument.map(str::to_owned),
                ..Wanted::once(kind, None)
            }
            .checked()
        };
        assert_eq!(
            wanted("busy", Some("refunds.create"), Some("503")),
            Ok(FaultKind::Busy)
        );
        assert!(wanted("callback_lost", Some("invoice.paid"), None).is_ok());
        assert!(wanted("completed_unpaid", None, Some("0")).is_ok());
        for (kind, method, argument) in [
            ("nothing", None, None),
            ("busy", Some("refunds.burn"), None),
            ("busy", None, Some("404")),
            ("wrong_amount", Some("refunds.create"), None),
            ("wrong_amount", None, Some("0")),
            ("callback_late", None, Some("-1")),
            ("callback_late", None, Some("2678401")),
            ("callback_late", None, Some("soon")),
            ("callback_lost", None, Some("1")),
            ("refused", None, Some("a b")),
        ] {
            assert!(
                wanted(kind, method, argument).is_err(),
                "{kind} {method:?} {argument:?}"
            );
        }
    }
}
