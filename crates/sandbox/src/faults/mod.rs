//! What can go wrong to order: one table of kinds. Each acts in one place.
//!
//! | place | where it acts |
//! |---|---|
//! | [`Place::Buyer`] | `buyer.rs`, when the buyer pays |
//! | [`Place::Notice`] | `notices.rs`, when a notice is owed |
//! | [`Place::Call`] | `misbehave.rs` of each rail, around a call of the merchant's |
//! | [`Place::Refund`] | `refunds.rs`, when money is to go back |

pub(crate) mod api;

use std::time::Duration;

use tollgate_kernel::text::Language;

use crate::store::{CallbackKind, Rail};
use crate::words::WORDS;

/// Where a fault acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// When the buyer pays.
    Buyer,
    /// When a notice is owed.
    Notice,
    /// Around a call of the merchant's.
    Call,
    /// When money is to go back.
    Refund,
}

impl Place {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Buyer => "buyer",
            Self::Notice => "notice",
            Self::Call => "call",
            Self::Refund => "refund",
        }
    }
}

macro_rules! kinds {
    ($($variant:ident $word:literal $place:ident;)+) => {
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

            /// What happens.
            pub(crate) fn says(self, language: Language) -> &'static str {
                let name = match self { $(Self::$variant => concat!("fault.", $word),)+ };
                WORDS.say(language, name)
            }
        }
    };
}

kinds! {
    CallbackLost "callback_lost" Notice;
    CallbackTwice "callback_twice" Notice;
    CallbackTimes50 "callback_x50" Notice;
    CallbackLate "callback_late" Notice;
    CallbackReordered "callback_reordered" Notice;
    CallbackForged "callback_forged" Notice;
    ProbeCallback "probe_callback" Notice;
    UnknownKey "unknown_key" Notice;
    StaleCallback "stale_callback" Notice;
    WrongSecret "wrong_secret" Notice;
    OtherKey "other_key" Notice;
    WrongMerchant "wrong_merchant" Notice;
    WrongAmount "wrong_amount" Buyer;
    PayAfterClose "pay_after_close" Buyer;
    PayTwice "pay_twice" Buyer;
    KeyChanged "key_changed" Buyer;
    AnswerLost "answer_lost" Call;
    Busy "busy" Call;
    Refused "refused" Call;
    ServerError "server_error" Call;
    BrokenSignature "broken_signature" Call;
    ProbeAnswer "probe_answer" Call;
    SlowDrip "slow_drip" Call;
    HugeBody "huge_body" Call;
    RefundPendingFailed "refund_pending_failed" Refund;
    RefundClosed "refund_closed" Refund;
    RefundPendingSucceeded "refund_pending_succeeded" Refund;
}

impl FaultKind {
    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// The longest wait that may be ordered.
    const LONGEST: u64 = 31 * 86_400;

    /// How long this one makes wait, by its argument or by itself. `None`: the argument is no such number.
    pub(crate) fn wait(self, argument: Option<&str>) -> Option<Duration> {
        let seconds = match (self, argument) {
            (Self::CallbackLate, None) => 25 * 3_600,
            (_, None) => 30,
            (_, Some(text)) => text
                .parse()
                .ok()
                .filter(|seconds| *seconds <= Self::LONGEST)?,
        };
        Some(Duration::from_secs(seconds))
    }

    /// Whether its argument is a number of seconds.
    pub(crate) fn waits(self) -> bool {
        matches!(
            self,
            Self::CallbackLate
                | Self::RefundPendingFailed
                | Self::RefundPendingSucceeded
                | Self::RefundClosed
        )
    }

    /// Those that this rail can have, in the order of the table.
    pub(crate) fn of(rail: Rail) -> impl Iterator<Item = Self> {
        let kinds = Self::ALL.iter().copied();
        kinds.filter(move |kind| kind.is_of(rail))
    }

    /// Whether this rail can have it.
    pub(crate) fn is_of(self, rail: Rail) -> bool {
        match self {
            Self::ProbeAnswer
            | Self::ProbeCallback
            | Self::UnknownKey
            | Self::StaleCallback
            | Self::WrongSecret
            | Self::OtherKey
            | Self::RefundClosed => rail == Rail::Wechat,
            _ => true,
        }
    }

    /// Which false notice it sends before the genuine one.
    pub(crate) fn spoils(self) -> Option<CallbackKind> {
        match self {
            Self::CallbackForged => Some(CallbackKind::Forged),
            Self::ProbeCallback => Some(CallbackKind::Probe),
            Self::UnknownKey => Some(CallbackKind::UnknownKey),
            Self::StaleCallback => Some(CallbackKind::Stale),
            Self::WrongSecret => Some(CallbackKind::WrongSecret),
            _ => None,
        }
    }
}

/// A fault that acts now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) argument: Option<String>,
}

/// Those that act at one moment, each kind at most once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    pub(crate) fn find(&self, kind: FaultKind) -> Option<&Fault> {
        self.0.iter().find(|fault| fault.kind == kind)
    }

    pub(crate) fn has(&self, kind: FaultKind) -> bool {
        self.find(kind).is_some()
    }
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
        assert_eq!(FaultKind::of(Rail::Alipay).count(), 20);
        assert_eq!(FaultKind::of(Rail::Wechat).count(), 27);
        assert_eq!(FaultKind::read("callback"), None);
    }

    #[test]
    fn a_wait_is_a_bounded_number_of_seconds() {
        let late = FaultKind::CallbackLate;
        assert_eq!(late.wait(None), Some(Duration::from_hours(25)));
        assert_eq!(late.wait(Some("90")), Some(Duration::from_secs(90)));
        for text in [
            "",
            "-1",
            "1.5",
            "soon",
            "2678401",
            "99999999999999999999999",
        ] {
            assert_eq!(late.wait(Some(text)), None, "{text}");
        }
    }
}
