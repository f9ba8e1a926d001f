//! What the phone shows.

use askama::Template;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::text::Language;

use super::words::{Stage, Words, words};
use crate::SandboxError;
use crate::alipay::{Outcome, beijing};
use crate::store::{Callback, CallbackState, TradeState};

#[derive(Template)]
#[template(path = "phone.html")]
pub(super) struct Page<'a> {
    words: &'static Words,
    lang: &'static str,
    other_lang: &'static str,
    /// The tone of the stage: a class of the stylesheet.
    tone: &'static str,
    stage: &'static Stage,
    trade: Option<Details<'a>>,
    /// Whether the buyer can still do something.
    open: bool,
    /// Whether the page looks again by itself.
    refresh: bool,
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
}

impl<'a> Page<'a> {
    /// The page of a code that exists.
    pub(super) fn of(
        outcome: &'a Outcome,
        callback: Option<&Callback>,
        language: Language,
        failed: bool,
    ) -> Result<String, SandboxError> {
        let trade = &outcome.trade;
        let words = words(language);
        let (tone, stage) = match trade.state {
            TradeState::Issued => ("bad", &words.expired),
            TradeState::Waiting if failed => ("bad", &words.failed),
            TradeState::Waiting => ("plain", &words.waiting),
            TradeState::Paid => ("ok", &words.paid),
            TradeState::Closed => ("bad", &words.closed),
        };
        let sign = match language {
            Language::Zh => "¥",
            Language::En => "CN¥",
        };
        let page = Self {
            trade: Some(Details {
                number: &trade.provider_no,
                exists: outcome.status().is_some(),
                order: &trade.out_trade_no,
                subject: outcome.subject()?,
                amount: format!("{sign}{}", trade.amount),
                paid_at: trade.paid_at.map(local),
                notice: callback.map(|callback| told(callback, words)),
            }),
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
        Self::bare(language, "bad", &words(language).unknown).text()
    }

    fn bare(language: Language, tone: &'static str, stage: &'static Stage) -> Self {
        let other = match language {
            Language::Zh => Language::En,
            Language::En => Language::Zh,
        };
        Self {
            words: words(language),
            lang: language.tag(),
            other_lang: other.tag(),
            tone,
            stage,
            trade: None,
            open: false,
            refresh: false,
        }
    }

    fn text(&self) -> String {
        self.render().expect("writing into a text does not fail")
    }
}

fn local(at: Timestamp) -> String {
    format!("{} UTC+8", beijing::write(at))
}

/// How far the merchant has been told.
fn told(callback: &Callback, words: &Words) -> String {
    let answered = || {
        let status = callback.last_status.map(|status| format!("HTTP {status}"));
        let status = status.unwrap_or_else(|| words.no_answer.to_owned());
        let reply: String = callback
            .last_reply
            .iter()
            .flat_map(|reply| reply.chars())
            .filter(|shown| !shown.is_control())
            .take(60)
            .collect();
        format!("{status} “{reply}” · {}/8", callback.attempts)
    };
    match callback.state {
        CallbackState::Accepted => words.accepted.to_owned(),
        CallbackState::GivenUp => format!("{} · {}", words.given_up, answered()),
        CallbackState::Open if callback.last_reply.is_none() => words.sending.to_owned(),
        CallbackState::Open => {
            format!(
                "{} {} · {}",
                words.retry,
                local(callback.due_at),
                answered()
            )
        }
    }
}
