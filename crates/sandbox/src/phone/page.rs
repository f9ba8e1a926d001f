//! What the phone shows.

use askama::Template;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::text::Language;
use tollgate_kernel::words::Spoken;

use crate::SandboxError;
use crate::alipay::beijing;
use crate::buyer::Outcome;
use crate::callbacks::sends;
use crate::faults::FaultKind;
use crate::store::{Callback, CallbackState, OpenFault, Rail, TradeState};
use crate::words::{WORDS, other};

#[derive(Template)]
#[template(path = "phone.html")]
pub(super) struct Page<'a> {
    words: Spoken,
    lang: &'static str,
    other_lang: &'static str,
    /// The tone of the stage: a class of the stylesheet.
    tone: &'static str,
    title: &'static str,
    says: &'static str,
    /// Whose phone it is.
    app: String,
    trade: Option<Details<'a>>,
    /// Whether the buyer can still do something.
    open: bool,
    /// Whether only paying is left, though the trade is over.
    late: bool,
    /// Whether the page looks again by itself.
    refresh: bool,
}

/// What the page shows beside the trade.
pub(super) struct Shows<'a> {
    pub(super) callback: Option<&'a Callback>,
    /// Those of all orders.
    pub(super) faults: &'a [OpenFault],
    /// Where the buyer goes in the end.
    pub(super) back: Option<String>,
    /// Whether an attempt has just failed.
    pub(super) failed: bool,
}

/// A button that orders a fault.
struct Button {
    word: &'static str,
    says: &'static str,
    /// How often it shall still act on this order.
    open: i64,
}

struct Details<'a> {
    number: &'a str,
    /// Before the scan there is no trade, so its number is nobody's business.
    exists: bool,
    order: &'a str,
    subject: String,
    amount: String,
    paid_at: Option<String>,
    notice: Option<String>,
    back: Option<&'a str>,
    faults: Vec<Button>,
}

impl<'a> Page<'a> {
    /// The page of a code that exists.
    pub(super) fn of(
        outcome: &'a Outcome,
        shows: &'a Shows<'a>,
        language: Language,
    ) -> Result<String, SandboxError> {
        let (trade, callback) = (&outcome.trade, shows.callback);
        let faults = buttons(trade.rail, &trade.out_trade_no, shows.faults, language);
        let can_pay_late = faults
            .iter()
            .any(|button| button.open > 0 && button.word == FaultKind::PayAfterClose.as_str());
        let words = WORDS.spoken(language);
        let (tone, stage) = match trade.state {
            TradeState::Issued => ("bad", "expired"),
            TradeState::Waiting if shows.failed => ("bad", "failed"),
            TradeState::Waiting => ("plain", "waiting"),
            TradeState::Paid => ("ok", "paid"),
            TradeState::Closed => ("bad", "closed"),
        };
        let page = Self {
            app: match trade.rail {
                Rail::Alipay => words.say("phone.alipay"),
                Rail::Wechat => words.say("phone.wechat"),
            },
            trade: Some(Details {
                number: &trade.provider_no,
                exists: outcome.status().is_some(),
                order: &trade.out_trade_no,
                subject: outcome.subject()?,
                amount: format!("{}{}", words.say("phone.sign"), trade.amount),
                paid_at: trade.paid_at.map(local),
                notice: callback.map(|callback| told(trade.rail, callback, words)),
                back: shows.back.as_deref(),
                faults,
            }),
            late: can_pay_late && matches!(trade.state, TradeState::Closed | TradeState::Issued),
            open: trade.state == TradeState::Waiting,
            // Until the first answer: after that, the next call is minutes away.
            refresh: callback.is_some_and(|callback| {
                callback.state == CallbackState::Open && callback.last_reply.is_none()
            }),
            ..Self::bare(language, tone, stage)
        };
        Ok(page.text())
    }

    /// The page of a code that does not exist.
    pub(super) fn unknown(language: Language) -> String {
        Self::bare(language, "bad", "unknown").text()
    }

    fn bare(language: Language, tone: &'static str, stage: &str) -> Self {
        let words = WORDS.spoken(language);
        let said = |part: &str| {
            let name = format!("phone_stage.{stage}.{part}");
            words.find(&name).unwrap_or_default()
        };
        Self {
            words,
            lang: language.tag(),
            other_lang: other(language).tag(),
            tone,
            title: said("title"),
            says: said("text"),
            app: words.say("phone.phone"),
            trade: None,
            open: false,
            late: false,
            refresh: false,
        }
    }

    fn text(&self) -> String {
        self.render().expect("writing into a text does not fail")
    }
}

/// One for each kind, with how often it is ordered for this order.
fn buttons(rail: Rail, order_no: &str, open: &[OpenFault], language: Language) -> Vec<Button> {
    let of = |kind: FaultKind| {
        let here = |fault: &&OpenFault| {
            fault.kind == kind && fault.order_no.as_deref().is_none_or(|no| no == order_no)
        };
        open.iter().filter(here).map(|fault| fault.remaining).sum()
    };
    let button = |kind: FaultKind| Button {
        word: kind.as_str(),
        says: kind.says(language),
        open: of(kind),
    };
    FaultKind::of(rail).map(button).collect()
}

fn local(at: Timestamp) -> String {
    format!("{} UTC+8", beijing::write(at))
}

/// How far the merchant has been told.
fn told(rail: Rail, callback: &Callback, words: Spoken) -> String {
    let answered = || {
        let status = callback.last_status.map(|status| format!("HTTP {status}"));
        let status = status.unwrap_or_else(|| words.say("phone.no_answer"));
        let reply: String = callback
            .last_reply
            .iter()
            .flat_map(|reply| reply.chars())
            .filter(|shown| !shown.is_control())
            .take(60)
            .collect();
        format!("{status} “{reply}” · {}/{}", callback.attempts, sends(rail))
    };
    match callback.state {
        CallbackState::Accepted => words.say("phone.accepted"),
        CallbackState::GivenUp => format!("{} · {}", words.say("phone.given_up"), answered()),
        CallbackState::Open if callback.last_reply.is_none() => words.say("phone.sending"),
        CallbackState::Open => {
            format!(
                "{} {} · {}",
                words.say("phone.retry"),
                local(callback.due_at),
                answered()
            )
        }
    }
}
