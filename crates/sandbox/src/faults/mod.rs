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

use crate::store::{CallbackKind, Rail};

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
    ($($variant:ident $word:literal $place:ident $zh:literal $en:literal;)+) => {
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

            /// What happens, in Chinese and in English.
            pub(crate) fn says(self) -> (&'static str, &'static str) {
                match self { $(Self::$variant => ($zh, $en),)+ }
            }
        }
    };
}

kinds! {
    CallbackLost "callback_lost" Notice "回调丢失" "The notice is never sent.";
    CallbackTwice "callback_twice" Notice "回调两次" "The notice is sent twice, at once.";
    CallbackTimes50 "callback_x50" Notice "回调 50 次" "The notice is sent fifty times, at once.";
    CallbackLate "callback_late" Notice "回调迟到" "The notice is sent 25 hours late, or as many seconds as the argument says.";
    CallbackReordered "callback_reordered" Notice "回调乱序" "After the notice comes the one that should have come before it.";
    CallbackForged "callback_forged" Notice "伪造回调" "A notice whose signature does not fit comes first, the real one after it.";
    ProbeCallback "probe_callback" Notice "回调探测签名" "A notice with a probe in place of a signature comes first, the real one after it.";
    UnknownKey "unknown_key" Notice "未知证书序列号" "A notice under a serial that nobody knows comes first, the real one after it.";
    StaleCallback "stale_callback" Notice "过期回调" "A notice that was signed ten minutes ago comes first, the real one after it.";
    WrongSecret "wrong_secret" Notice "APIv3 密钥不符" "A notice that the merchant's secret does not open comes first, the real one after it.";
    OtherKey "other_key" Notice "换用另一种公钥" "The notice is signed by the certificate where answers are by the public key, and the reverse.";
    WrongMerchant "wrong_merchant" Notice "商户不符" "The notice, well signed, names another application and seller.";
    WrongAmount "wrong_amount" Buyer "金额不符" "The buyer pays 0.01, or the amount of the argument, and not what was asked for.";
    PayAfterClose "pay_after_close" Buyer "关闭后付款" "A closed or lapsed trade is paid all the same.";
    PayTwice "pay_twice" Buyer "重复付款" "The buyer pays two trades under one order number.";
    KeyChanged "key_changed" Buyer "密钥更换" "The gateway signs with a new key, for good, from just before the notice.";
    AnswerLost "answer_lost" Call "应答丢失" "The call is done, and its answer never arrives.";
    Busy "busy" Call "系统繁忙" "Nothing is done, and the answer says that nobody knows.";
    Refused "refused" Call "业务拒绝" "Nothing is done, and the answer says no, with the code of the argument.";
    ServerError "server_error" Call "服务器错误" "Nothing is done; the answer is a page with status 502.";
    BrokenSignature "broken_signature" Call "应答签名错误" "The call is done, and the answer's signature does not fit.";
    ProbeAnswer "probe_answer" Call "应答探测签名" "The call is done, and the answer carries a probe in place of a signature.";
    SlowDrip "slow_drip" Call "应答缓慢" "The call is done; its answer comes byte by byte, for a minute at most.";
    HugeBody "huge_body" Call "应答过大" "The call is done; its answer is well signed and 12 MB long.";
    RefundPendingFailed "refund_pending_failed" Refund "退款处理后失败" "The refund is accepted, and fails 30 seconds later, or as many as the argument says.";
    RefundClosed "refund_closed" Refund "退款关闭" "The refund is accepted, and closed 30 seconds later, or as many as the argument says.";
    RefundPendingSucceeded "refund_pending_succeeded" Refund "退款处理后成功" "The refund is accepted, and done 30 seconds later, or as many as the argument says.";
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
            let (zh, en) = kind.says();
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
