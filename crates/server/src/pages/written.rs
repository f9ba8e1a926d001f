//! Money, numbers and times as a reader writes them.

use std::fmt::Display;

use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;
use tollgate_kernel::text::Language;
use tollgate_payment::model::plan::{Plan, PlanTexts, meter_word};
use tollgate_payment::shapes::PlanShape;

use crate::plan_file::house;
use crate::words::WORDS;

/// A way of writing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) language: Language,
    /// Where times are told; the page's script tells them where the reader is.
    pub(super) zone: Tz,
}

impl Written {
    /// `¥99.00` at home, `CN¥99.00` abroad.
    pub(super) fn price(self, amount: Money) -> String {
        let minus = if amount.minor() < 0 { "-" } else { "" };
        let text = amount.to_string();
        let digits = grouped(text.trim_start_matches('-'));
        let sign = match (amount.currency().code(), self.language) {
            ("CNY", Language::Zh) => "¥",
            ("CNY", Language::En) => "CN¥",
            ("USD", Language::Zh) => "US$",
            ("USD", Language::En) => "$",
            (code, _) => return format!("{minus}{code} {digits}"),
        };
        format!("{minus}{sign}{digits}")
    }

    /// The name of a plan, in the reader's language if it has one.
    pub(super) fn plan(self, plan: &Plan) -> String {
        plan.name_in(house(self.language)).to_owned()
    }

    /// The same of a plan as it is told.
    pub(super) fn plan_shape(self, plan: &PlanShape) -> String {
        plan.name_in(house(self.language)).to_owned()
    }

    /// What is counted, as the reader's language calls it in these texts of a plan; its name in code where they have no word.
    pub(super) fn meter<'a>(self, texts: Option<&'a PlanTexts>, meter: &'a str) -> &'a str {
        texts.map_or(meter, |texts| {
            meter_word(texts, house(self.language), meter)
        })
    }

    /// `1,234,567`
    #[expect(
        clippy::unused_self,
        reason = "both languages write numbers alike; who writes one need not know"
    )]
    pub(super) fn count(self, number: impl Display) -> String {
        let text = number.to_string();
        match text.strip_prefix('-') {
            Some(digits) => format!("-{}", grouped(digits)),
            None => grouped(&text),
        }
    }

    /// `2026年5月1日`, `1 May 2026`
    pub(super) fn date(self, at: Timestamp) -> String {
        self.moment(at, "date.day")
    }

    /// `2026年5月1日 09:30`, `1 May 2026, 09:30`
    pub(super) fn time(self, at: Timestamp) -> String {
        self.moment(at, "date.time")
    }

    /// By the pattern of that name in the catalogue.
    pub(super) fn moment(self, at: Timestamp, pattern: &str) -> String {
        let local = at.utc().with_timezone(&self.zone);
        local.format(WORDS.say(self.language, pattern)).to_string()
    }
}

/// Thousands apart.
fn grouped(text: &str) -> String {
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::with_capacity(text.len() + whole.len() / 3);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use tollgate_kernel::money::Currency;

    use super::*;

    #[test]
    fn money_numbers_and_times_are_the_readers_own() {
        let [zh, en] = [Language::Zh, Language::En].map(|language| Written {
            language,
            zone: Tz::Asia__Shanghai,
        });
        let yuan = Money::new(123_456_700, Currency::CNY);
        assert_eq!(zh.price(yuan), "¥1,234,567.00");
        assert_eq!(en.price(yuan), "CN¥1,234,567.00");
        assert_eq!(en.price(Money::new(-99, Currency::USD)), "-$0.99");
        let yen = Money::new(1_500, "JPY".parse().expect("known"));
        assert_eq!(zh.price(yen), "JPY 1,500");
        assert_eq!(zh.count(-1_000), "-1,000");
        assert_eq!(en.count(999), "999");
        // Half past four in the afternoon of the last day of the year, in London, is another year in Shanghai.
        let at = Timestamp::from_seconds(1_798_734_600).expect("a time");
        assert_eq!(en.time(at), "1 Jan 2027, 00:30");
        assert_eq!(zh.time(at), "2027年1月1日 00:30");
        assert_eq!(
            (zh.date(at), en.date(at)),
            ("2027年1月1日".into(), "1 Jan 2027".into())
        );
    }
}
