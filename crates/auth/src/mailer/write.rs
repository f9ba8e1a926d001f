//! Puts a letter into words: subject, plain text and HTML say the same.
//!
//! Names and devices are what strangers typed. They never reach a header; in the parts they are one
//! line without control characters and without those that turn text around, and the HTML escapes them.

use askama::Template;
use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::text::Language;

use super::{Content, Due, Letter};
use crate::model::user::is_invisible;
use crate::words::WORDS;

/// Longer names, devices and addresses are cut.
const LONGEST_VALUE_CHARS: usize = 200;

/// Who writes.
///
/// ```
/// use tollgate_auth::mailer::{Content, House, Letter};
/// use tollgate_auth::model::user::Locale;
/// use tollgate_kernel::clock::Timestamp;
///
/// let house = House {
///     name: "Shop".to_owned(),
///     seller: None,
///     zone: chrono_tz::Asia::Shanghai,
/// };
/// let written = house.write(&Letter {
///     to: "ann@example.com".to_owned(),
///     name: "Ann <b>".to_owned(),
///     locale: Locale::En,
///     content: Content::SessionsEnded { at: Timestamp::EPOCH },
/// });
/// assert!(written.subject.ends_with(" · Shop"));
/// assert!(written.text.contains("1970-01-01 08:00:00 +08:00 (Asia/Shanghai)"));
/// assert!(!written.html.contains("<b>"), "what strangers type is escaped");
/// ```
#[derive(Clone, Debug)]
pub struct House {
    /// Stands in the subject and over the letter.
    pub name: String,
    /// Who is paid, in letters about money that moved.
    pub seller: Option<String>,
    /// In whose time moments are told.
    pub zone: Tz,
}

/// A letter in words.
///
/// ```
/// # use tollgate_auth::mailer::Written;
/// /// A mailer of one's own sends both parts.
/// fn body(letter: &Written) -> serde_json::Value {
///     serde_json::json!({ "subject": letter.subject, "text": letter.text, "html": letter.html })
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    /// One line.
    pub subject: String,
    /// Plain text; the link, if there is one, on a line of its own.
    pub text: String,
    /// A whole document that loads nothing.
    pub html: String,
}

impl std::fmt::Debug for Written {
    /// Without the links.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Written")
    }
}

struct Page {
    lang: &'static str,
    house: String,
    subject: String,
    title: &'static str,
    greeting: String,
    opening: Vec<&'static str>,
    facts: Vec<Fact>,
    action: Option<Action>,
    closing: Vec<&'static str>,
    footer: &'static str,
    colon: &'static str,
}

struct Fact {
    label: &'static str,
    value: String,
}

struct Action {
    label: &'static str,
    link: String,
    /// Empty: it always works.
    life: String,
    or_copy: &'static str,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    page: &'a Page,
}

#[derive(Template)]
#[template(path = "letter.txt")]
struct Plain<'a> {
    page: &'a Page,
}

impl House {
    /// In the letter's language.
    ///
    /// # Panics
    /// Never: writing into a text does not fail.
    pub fn write(&self, letter: &Letter) -> Written {
        let page = self.page(letter);
        let html = Html { page: &page }.render();
        let text = Plain { page: &page }.render();
        Written {
            html: html.expect("writing into a text does not fail"),
            text: text.expect("writing into a text does not fail"),
            subject: page.subject,
        }
    }

    fn page(&self, letter: &Letter) -> Page {
        let language = letter.locale.language();
        let kind = letter.content.kind();
        let house = plain(&self.name);
        let name = plain(&letter.name);
        let greeting = if name.is_empty() || letter.content.goes_to_a_stranger() {
            WORDS.say(language, "mail.hello_stranger").to_owned()
        } else {
            WORDS.with(language, "mail.hello", &[("name", &name)])
        };
        let action = letter.content.link().map(|(link, minutes)| Action {
            label: of_kind(language, kind, "button"),
            link: plain_link(link),
            life: minutes.map_or_else(String::new, |minutes| {
                self.life(&letter.content, minutes, language)
            }),
            or_copy: WORDS.say(language, "mail.or_copy"),
        });
        let title = of_kind(language, kind, "title");
        let sandbox = letter.content.is_of_sandbox();
        let sandbox = sandbox.then(|| WORDS.say(language, "mail.sandbox"));
        let opening = of_kind(language, kind, "opening").lines();
        Page {
            lang: language.tag(),
            subject: format!("{title} · {house}"),
            house,
            title,
            greeting,
            opening: opening.chain(sandbox).collect(),
            facts: self.facts(&letter.content, language),
            action,
            closing: of_kind(language, kind, "closing").lines().collect(),
            footer: WORDS.say(language, "mail.footer"),
            colon: WORDS.say(language, "mail.colon"),
        }
    }

    fn life(&self, content: &Content, minutes: u64, language: Language) -> String {
        match content {
            Content::SubscriptionExpiring { until, .. } => {
                let moment = self.moment(*until);
                WORDS.with(language, "mail.link_until", &[("moment", &moment)])
            }
            _ => WORDS.with(language, "mail.link_life", &[("minutes", &minutes)]),
        }
    }

    fn facts(&self, content: &Content, language: Language) -> Vec<Fact> {
        let fact = |label, value| Some((WORDS.say(language, label), value));
        let when = |at: &Timestamp| fact("mail.when", self.moment(*at));
        let address = |text: &Option<String>| fact("mail.network_address", plain(text.as_deref()?));
        let device = |text: &Option<String>| fact("mail.device", plain(text.as_deref()?));
        let facts = match content {
            Content::VerifyEmail { .. }
            | Content::ResetPassword { .. }
            | Content::ConfirmNewEmail { .. }
            | Content::Invite { .. } => vec![],
            Content::EmailChangeAsked { new_email } | Content::EmailChanged { new_email } => {
                vec![fact("mail.new_address", plain(new_email))]
            }
            Content::NewSignIn {
                at,
                device: named,
                address: from,
            } => vec![when(at), device(named), address(from)],
            Content::PasswordChanged { at, address: from } => vec![when(at), address(from)],
            Content::SessionsEnded { at } => vec![when(at)],
            Content::EndpointDisabled { at, url } => {
                vec![when(at), fact("mail.endpoint", plain(url))]
            }
            Content::SubscriptionExpiring {
                plan,
                ends_at,
                amount,
                ..
            } => vec![
                fact("mail.plan", plain(plan)),
                fact("mail.ends_at", self.moment(*ends_at)),
                amount
                    .as_ref()
                    .and_then(|due| fact("mail.amount_due", money(language, due))),
            ],
            Content::Receipt { .. }
            | Content::PaymentFailed { .. }
            | Content::Refund { .. }
            | Content::QuotaReached { .. } => self.facts_of_money(content, language),
        };
        let facts = facts.into_iter().flatten();
        facts
            .filter(|(_, value)| !value.is_empty())
            .map(|(label, value)| Fact { label, value })
            .collect()
    }

    fn facts_of_money(
        &self,
        content: &Content,
        language: Language,
    ) -> Vec<Option<(&'static str, String)>> {
        let fact = |label, value| Some((WORDS.say(language, label), value));
        let at = |label, at: &Option<Timestamp>| fact(label, self.moment((*at)?));
        let seller = || fact("mail.seller", plain(self.seller.as_deref()?));
        match content {
            Content::Receipt {
                item,
                amount,
                method,
                number,
                starts_at,
                ends_at,
                ..
            } => vec![
                fact("mail.item", plain(item)),
                fact("mail.amount", money(language, amount)),
                fact("mail.method", plain(method)),
                seller(),
                fact("mail.order_number", plain(number)),
                at("mail.starts_at", starts_at),
                at("mail.ends_at", ends_at),
            ],
            Content::PaymentFailed {
                item,
                amount,
                left_until,
                ..
            } => vec![
                fact("mail.item", plain(item)),
                amount
                    .as_ref()
                    .and_then(|due| fact("mail.amount", money(language, due))),
                at("mail.left_until", left_until),
            ],
            Content::Refund {
                item,
                amount,
                paid,
                method,
                number,
                ..
            } => vec![
                fact("mail.item", plain(item)),
                fact("mail.refunded", refunded(language, amount, paid)),
                fact("mail.method", plain(method)),
                seller(),
                fact("mail.order_number", plain(number)),
            ],
            Content::QuotaReached {
                meter,
                used,
                limit,
                resets_at,
                ..
            } => vec![
                fact("mail.meter", plain(meter)),
                fact("mail.used", used_of(*used, *limit)),
                fact("mail.resets_at", self.moment(*resets_at)),
            ],
            _ => vec![],
        }
    }

    /// `2026-01-02 11:04:05 +08:00 (Asia/Shanghai)`
    fn moment(&self, at: Timestamp) -> String {
        let local = at.utc().with_timezone(&self.zone);
        let zone = self.zone.name();
        format!("{} ({zone})", local.format("%Y-%m-%d %H:%M:%S %:z"))
    }
}

/// What a letter of this kind says in one of its places.
fn of_kind(language: Language, kind: &str, place: &str) -> &'static str {
    let name = format!("mail.{kind}.{place}");
    WORDS.find(language, &name).unwrap_or_default()
}

/// `¥99.00` where it is the house's currency, `CN¥99.00` abroad.
fn money(language: Language, due: &Due) -> String {
    let amount = &due.amount;
    match due.currency.as_str() {
        "CNY" => format!("{}{amount}", WORDS.say(language, "mail.yuan")),
        "USD" => format!("${amount}"),
        other => format!("{other} {amount}"),
    }
}

/// All of what was paid, or a part of it.
fn refunded(language: Language, amount: &Due, paid: &Due) -> String {
    let name = if amount == paid {
        "mail.refunded_whole"
    } else {
        "mail.refunded_part"
    };
    let (amount, paid) = (money(language, amount), money(language, paid));
    WORDS.with(language, name, &[("amount", &amount), ("paid", &paid)])
}

/// `8,021 / 10,000 (80%)`
fn used_of(used: i64, limit: i64) -> String {
    let percent = i128::from(used).saturating_mul(100) / i128::from(limit.max(1));
    format!("{} / {} ({percent}%)", grouped(used), grouped(limit))
}

/// `10,000`
fn grouped(units: i64) -> String {
    let digits = units.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One line of what can be seen, of bounded length.
fn plain(text: &str) -> String {
    let seen: String = text
        .chars()
        .map(|char| if breaks(char) { ' ' } else { char })
        .filter(|char| !is_hidden(*char))
        .collect();
    let line = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST_VALUE_CHARS {
        return line;
    }
    let cut: String = line.chars().take(LONGEST_VALUE_CHARS).collect();
    format!("{cut}…")
}

/// A link is ours and plain already; whatever a mistake may put into one, it stays one line.
fn plain_link(link: &str) -> String {
    let seen = link.chars();
    seen.filter(|char| !breaks(*char) && !char.is_whitespace() && !is_hidden(*char))
        .collect()
}

fn breaks(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}')
}

/// Not seen, or turning the text around: also as tags (U+E0000 and on).
fn is_hidden(char: char) -> bool {
    is_invisible(char) || matches!(char, '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::mailer::samples;
    use crate::model::user::Locale;

    #[test]
    fn the_words_of_every_letter() {
        let house = House {
            name: "Shop".to_owned(),
            seller: None,
            zone: Tz::Asia__Shanghai,
        };
        for locale in [Locale::Zh, Locale::En] {
            let letters = samples("https://pay.example", locale, Timestamp::EPOCH);
            let letters = letters.iter().map(|letter| {
                let Written { subject, text, .. } = house.write(letter);
                format!("{}\n{subject}\n\n{text}", letter.content.kind())
            });
            let all = letters.collect::<Vec<_>>().join("\n======\n");
            insta::assert_snapshot!(format!("letters_{}", locale.as_str()), all);
        }
    }

    #[test]
    fn every_kind_of_letter_has_its_words_in_both_languages() {
        let mut titles = HashSet::new();
        for letter in samples("https://pay.example", Locale::En, Timestamp::EPOCH) {
            let kind = letter.content.kind();
            for language in [Language::Zh, Language::En] {
                let title = of_kind(language, kind, "title");
                assert!(titles.insert(title), "{kind}");
                assert_eq!(title.is_ascii(), language == Language::En, "{kind}");
                for place in ["opening", "closing"] {
                    assert!(!of_kind(language, kind, place).is_empty(), "{kind}");
                }
                let button = of_kind(language, kind, "button");
                let has_link = letter.content.link().is_some();
                assert_eq!(!button.is_empty(), has_link, "{kind}");
            }
        }
        // Every kind has its sample.
        let told = WORDS.names().filter_map(|name| name.strip_suffix(".title"));
        assert_eq!(titles.len(), told.count() * 2);
    }

    #[test]
    fn letters_of_money_that_moved_name_the_seller_as_text() {
        let house = House {
            name: "Shop".to_owned(),
            seller: Some("<b>Trading</b>\u{202E} Ltd.".to_owned()),
            zone: Tz::Asia__Shanghai,
        };
        for locale in [Locale::Zh, Locale::En] {
            for letter in samples("https://pay.example", locale, Timestamp::EPOCH) {
                let written = house.write(&letter);
                let is_told = matches!(letter.content.kind(), "receipt" | "refund");
                let text = written.text.contains("<b>Trading</b> Ltd.");
                assert_eq!(text, is_told, "{letter:?}");
                assert_eq!(written.html.contains("Trading"), is_told, "{letter:?}");
                assert!(!written.html.contains("<b>Trading"), "{letter:?}");
                assert!(written.subject.ends_with(" · Shop"));
            }
        }
    }

    #[test]
    fn what_strangers_type_is_one_visible_line() {
        assert_eq!(plain("a\r\nBcc: b@x.com\u{2028}c\0"), "a Bcc: b@x.com c");
        assert_eq!(
            plain("\u{202E}moc.live\u{2066}\u{E0041}\u{200B}"),
            "moc.live"
        );
        assert_eq!(plain(&"长".repeat(300)).chars().count(), 201);
        assert_eq!(plain(" \t "), "");
    }
}
