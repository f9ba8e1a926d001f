//! What stands in cells of these pages: people, states, rates, days.

use askama::Template;
use chrono::{Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;
use tollgate_payment::model::payment::{Payment, PaymentStatus};
use tollgate_payment::model::refund::RefundState;
use tollgate_payment::model::subscription::SubscriptionState;
use tollgate_payment::model::suspense::SuspenseState;
use tollgate_payment::model::usage::Interval;

use super::super::super::frame::Frame;
use super::super::super::written::Written;
use super::super::form::Choice;

/// A moment: `{{ at }}` in a template.
#[derive(Clone, Debug, Template)]
#[template(
    source = r#"<time datetime="{{ iso }}">{{ text }}</time>"#,
    ext = "html"
)]
pub(super) struct At {
    iso: String,
    text: String,
}

/// Its own template has escaped what it holds.
impl askama::filters::HtmlSafe for At {}

impl At {
    pub(super) fn new(frame: &Frame, at: Timestamp) -> Self {
        Self {
            iso: at.to_string(),
            text: frame.written().time(at),
        }
    }
}

/// How something stands: a word and a dot.
#[derive(Clone, Debug, Template)]
#[template(
    source = r#"<span class="state {{ look }}">{{ text }}</span>"#,
    ext = "html"
)]
pub(super) struct State {
    look: &'static str,
    text: String,
}

/// Its own template has escaped what it holds.
impl askama::filters::HtmlSafe for State {}

impl State {
    pub(super) fn new(look: &'static str, text: String) -> Self {
        Self { look, text }
    }

    /// Of a payment.
    pub(super) fn of_payment(frame: &Frame, payment: &Payment) -> Self {
        let status = payment.state.status();
        let look = match status {
            PaymentStatus::Pending => "info",
            PaymentStatus::Completed => "ok",
            PaymentStatus::Failed => "bad",
            PaymentStatus::Refunded => "",
        };
        Self::new(look, frame.say(&format!("money_paid.{}", status.as_str())))
    }

    /// Of a refund: what is in doubt is not what failed.
    pub(super) fn of_refund(frame: &Frame, state: RefundState) -> Self {
        let look = match state {
            RefundState::Reserved | RefundState::Submitted => "info",
            RefundState::Unknown => "warn",
            RefundState::Succeeded => "ok",
            RefundState::Failed => "bad",
        };
        Self::new(look, frame.say(&format!("gone_back.{}", state.as_str())))
    }

    /// Of money in suspense.
    pub(super) fn of_suspense(frame: &Frame, state: SuspenseState) -> Self {
        let look = match state {
            SuspenseState::Open => "warn",
            SuspenseState::Held | SuspenseState::Refunding => "info",
            SuspenseState::Applied => "ok",
            SuspenseState::Refunded => "",
        };
        Self::new(look, frame.say(&format!("kept.{}", state.as_str())))
    }

    /// Of a subscription.
    pub(super) fn of_subscription(frame: &Frame, state: SubscriptionState) -> Self {
        let look = match state {
            SubscriptionState::Active => "ok",
            SubscriptionState::Trialing | SubscriptionState::Cancelling => "info",
            SubscriptionState::PastDue | SubscriptionState::Grace => "warn",
            SubscriptionState::Expired
            | SubscriptionState::Refunded
            | SubscriptionState::Replaced => "",
        };
        Self::new(look, frame.say(&format!("money_held.{}", state.as_str())))
    }
}

/// A person, as far as one may see them.
#[derive(Clone, Debug, Template)]
#[template(
    source = r#"{% if let Some(href) = href %}<a href="{{ href }}"><bdi>{{ text }}</bdi></a>{% else %}<code>{{ text }}</code>{% endif %}"#,
    ext = "html"
)]
pub(super) struct Person {
    pub(super) href: Option<String>,
    pub(super) text: String,
}

/// Its own template has escaped what it holds.
impl askama::filters::HtmlSafe for Person {}

/// A rate of four places as hundredth parts: `0.9750` is `97.5%`.
pub(super) fn percent(rate: &str) -> String {
    let digits: String = rate.chars().filter(char::is_ascii_digit).collect();
    let Ok(places) = digits.parse::<u64>() else {
        return rate.to_owned();
    };
    format!("{}.{}%", places / 100, places % 100 / 10)
}

/// What an id is told apart by at a glance: the end of it, the beginning is its time.
pub(super) fn short(id: &str) -> String {
    let cut = id.len().saturating_sub(8);
    let end = id.get(cut..).unwrap_or(id);
    if cut > 0 {
        format!("…{end}")
    } else {
        end.to_owned()
    }
}

/// A day that somebody typed.
pub(super) fn day(text: &str) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let year = text.split('-').next()?;
    (year.len() == 4).then_some(day)
}

/// Its first moment there; where the clock is put forward at midnight, the first one after.
pub(super) fn begin_of(day: NaiveDate, zone: Tz) -> Option<Timestamp> {
    let midnight = day.and_time(NaiveTime::MIN);
    let first = zone.from_local_datetime(&midnight).earliest().or_else(|| {
        let later = midnight.checked_add_signed(TimeDelta::hours(1))?;
        zone.from_local_datetime(&later).earliest()
    });
    first.map(|at| Timestamp::from_utc(at.to_utc()))
}

/// The first moment after it.
pub(super) fn end_of(day: NaiveDate, zone: Tz) -> Option<Timestamp> {
    begin_of(day.checked_add_days(Days::new(1))?, zone)
}

/// On which day a moment lies there, as a field of a form holds it.
pub(super) fn day_of(at: Timestamp, zone: Tz) -> String {
    at.utc().with_timezone(&zone).format("%Y-%m-%d").to_string()
}

/// A point of a chart: in full, and short.
pub(super) fn point(written: Written, at: Timestamp, interval: Interval) -> (String, String) {
    let (full, short) = match interval {
        Interval::Hour => ("date.time", "date.clock"),
        Interval::Day => ("date.day", "date.short_day"),
        Interval::Month => ("date.month", "date.short_month"),
    };
    (written.moment(at, full), written.moment(at, short))
}

/// Words to choose from, each in the catalogue as `named` says with `{word}`; the first chooses none.
pub(super) fn choices(frame: &Frame, named: &str, words: &[&str], chosen: &str) -> Vec<Choice> {
    let all = Choice::new("", frame.say("money.any"), chosen);
    let each = words
        .iter()
        .map(|word| Choice::new(*word, frame.say(&named.replace("{word}", word)), chosen));
    std::iter::once(all).chain(each).collect()
}

/// A rail by its name.
pub(super) fn rail(frame: &Frame, word: &str) -> String {
    frame.say(&format!("money_rail.{word}"))
}

/// What has just happened, as the address says it: one of `words` under `done`, or nothing.
pub(super) fn done(frame: &Frame, words: &[&str], word: &str) -> String {
    let known = words.iter().find(|known| **known == word);
    known
        .map(|word| frame.say(&format!("money_done.{word}")))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_ids_and_days_are_written_and_read() {
        assert_eq!(percent("0.9750"), "97.5%");
        assert_eq!(percent("1.0000"), "100.0%");
        assert_eq!(percent("0.0009"), "0.0%");
        assert_eq!(short("0197f3a0-0000-7000-8000-0000deadbeef"), "…deadbeef");
        assert_eq!(short("abc"), "abc");
        for text in [
            "",
            "2026-13-01",
            "x",
            "20260501",
            "2026-02-30",
            "+12026-01-01",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
        let first = day("2026-05-01").expect("a day");
        let zone = Tz::Asia__Shanghai;
        let begin = begin_of(first, zone).expect("a moment");
        assert_eq!(begin.to_string(), "2026-04-30T16:00:00.000Z");
        assert_eq!(
            end_of(first, zone).expect("a moment").to_string(),
            "2026-05-01T16:00:00.000Z"
        );
        assert_eq!(day_of(begin, zone), "2026-05-01");
        // In Beirut this day begins at one o'clock.
        let begin = begin_of(day("2026-03-29").expect("a day"), Tz::Asia__Beirut);
        assert_eq!(
            begin.expect("a moment").to_string(),
            "2026-03-28T22:00:00.000Z"
        );
    }
}
