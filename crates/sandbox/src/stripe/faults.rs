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
use crate::store::NewStripeFault;
use crate::{Sandbox, SandboxError};

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
    ($($variant:ident $word:literal $place:ident $argument:ident $zh:literal $en:literal;)+) => {
        /// How something goes wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum FaultKind {
            $(#[doc = $en] $variant,)+
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

            /// What happens, in Chinese and in English.
            pub(crate) fn says(self) -> (&'static str, &'static str) {
                match self { $(Self::$variant => ($zh, $en),)+ }
            }
        }
    };
}

kinds! {
    CallbackLost "callback_lost" Webhook No "回调丢失" "The webhooks are never sent; the list of events has them.";
    CallbackTwice "callback_twice" Webhook No "回调两次" "Each webhook is sent twice, at once.";
    CallbackTimes50 "callback_x50" Webhook No "回调 50 次" "Each webhook is sent fifty times, at once.";
    CallbackLate "callback_late" Webhook Wait "回调迟到" "The webhooks are sent 25 hours late, or as many seconds as the argument says.";
    CallbackReordered "callback_reordered" Webhook No "回调倒序" "The webhooks of one change are sent in reverse, one after the other.";
    CallbackForged "callback_forged" Webhook No "伪造回调" "A webhook whose signature does not fit comes first, the real one after it.";
    StaleCallback "stale_callback" Webhook No "过期回调" "A webhook signed ten minutes ago comes first, the real one after it.";
    SeveralSignatures "several_signatures" Webhook No "多个签名" "The webhooks carry a wrong v1, the right one and a v0.";
    OtherLivemode "other_livemode" Webhook No "模式不符" "The webhooks, well signed, say that they are of live mode.";
    WrongMerchant "wrong_merchant" Webhook No "账户不符" "The webhooks, well signed, are of an account that is connected to ours.";
    OtherVersion "other_version" Webhook No "其他版本" "The webhooks are written in a version of 2019, and show little of the object.";
    ThinEvent "thin_event" Webhook No "瘦事件" "A thin event of the other API comes first, the real ones after it.";
    ForeignObject "foreign_object" Webhook No "他人对象" "First another application of the account sells something under our order's number.";
    WrongAmount "wrong_amount" Buyer Amount "金额不符" "The buyer pays one unit, or the amount of the argument, and not what was asked for.";
    PayAfterClose "pay_after_close" Buyer No "关闭后付款" "An expired session is paid all the same.";
    PayTwice "pay_twice" Buyer No "重复付款" "The buyer pays two sessions of one order.";
    CompletedUnpaid "completed_unpaid" Buyer Wait "完成但未到账" "The session is complete and unpaid; the money comes 30 seconds later, or as many as the argument says.";
    CompletedFailed "completed_failed" Buyer Wait "完成后扣款失败" "The session is complete and unpaid; the bank says no 30 seconds later, or as many as the argument says.";
    KeyChanged "key_changed" Buyer No "密钥更换" "The webhook's secret is rolled: for a day both sign, then the new one alone.";
    RenewalFails "renewal_fails" Renewal No "续费失败" "The debit of a further term fails; it is tried again after 3, 5 and 7 days.";
    AnswerLost "answer_lost" Call No "应答丢失" "The call is done, and its answer never arrives.";
    BrokenAnswer "broken_answer" Call No "应答损坏" "The call is done, and half of its answer arrives.";
    Busy "busy" Call Status "系统繁忙" "Nothing is done, and the answer is 429, or the status of the argument.";
    Refused "refused" Call Word "业务拒绝" "Nothing is done, and the answer says no, with the code of the argument.";
    ServerError "server_error" Call No "服务器错误" "Nothing is done; the answer is a page with status 502.";
    StoredError "stored_error" Call No "错误被记住" "Nothing is done; the answer is 500, and the key says so for a day.";
    DoneError "done_error" Call No "已执行但报错" "The call is done; the answer is 500, and the key says so for a day.";
    SlowDrip "slow_drip" Call No "应答缓慢" "The call is done; its answer comes byte by byte, for a minute at most.";
    HugeBody "huge_body" Call No "应答过大" "The call is done; its answer is 12 MB long.";
    RefundPendingFailed "refund_pending_failed" Refund Wait "退款处理后失败" "The refund is pending, and fails 30 seconds later, or as many as the argument says.";
    RefundPendingSucceeded "refund_pending_succeeded" Refund Wait "退款处理后成功" "The refund is pending, and done 30 seconds later, or as many as the argument says.";
    RefundFailsLater "refund_fails_later" Refund Wait "退款成功后失败" "The refund is done, and fails 30 seconds later, or as many as the argument says.";
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
    fn checked(&self) -> Result<FaultKind, String> {
        let Some(kind) = FaultKind::read(&self.kind) else {
            let words: Vec<_> = FaultKind::ALL.iter().map(|kind| kind.as_str()).collect();
            return Err(format!("kind is one of {}", words.join(", ")));
        };
        let texts = [&self.method, &self.order, &self.argument];
        let fits = |text: &String| {
            (1..=TEXT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !texts.into_iter().flatten().all(fits) {
            return Err("method, order and argument are 1-64 plain characters".to_owned());
        }
        match (self.method.as_deref(), kind.place()) {
            (None, _) | (Some(_), Place::Webhook) => {}
            (Some(method), Place::Call) if CALLS.contains(&method) => {}
            (Some(_), Place::Call) => {
                return Err(format!("method is one of {}", CALLS.join(", ")));
            }
            _ => return Err(format!("{} takes no method", kind.as_str())),
        }
        if !(1..=TIMES).contains(&self.times.unwrap_or(1)) {
            return Err("times is 1-10000".to_owned());
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
            return Err(format!("{} takes no such argument", kind.as_str()));
        }
        Ok(kind)
    }
}

impl Sandbox {
    /// Its number; or why it cannot be ordered.
    pub(super) async fn order_stripe_fault(
        &self,
        wanted: &Wanted,
    ) -> Result<Result<i64, String>, SandboxError> {
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
        Ok(id.ok_or_else(|| "too many faults are open; DELETE ends them".to_owned()))
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
            .map(|kind| json!({ "kind": kind.as_str(), "acts": kind.place().as_str(), "says": kind.says().1 }))
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
        Ok(Err(says)) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{says}\n")).into_response(),
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
            let (zh, en) = kind.says();
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
