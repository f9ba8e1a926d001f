//! Puts a letter into words: subject, plain text and HTML say the same.
//!
//! Names and devices are what strangers typed. They never reach a header; in the parts they are one
//! line without control characters and without those that turn text around, and the HTML escapes them.

use askama::Template;
use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;

use super::words::{Words, words};
use super::{Content, Letter};
use crate::model::user::is_invisible;

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
    opening: &'static [&'static str],
    facts: Vec<Fact>,
    action: Option<Action>,
    closing: &'static [&'static str],
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
        let words = words(letter.locale);
        let piece = words.piece(&letter.content);
        let house = plain(&self.name);
        let name = plain(&letter.name);
        let greeting = if name.is_empty() || letter.content.goes_to_a_stranger() {
            words.hello_stranger.to_owned()
        } else {
            words.hello.put(&name)
        };
        let action = letter.content.link().map(|(link, minutes)| Action {
            label: piece.button,
            link: plain_link(link),
            life: self.life(&letter.content, minutes, words),
            or_copy: words.or_copy,
        });
        Page {
            lang: words.lang,
            subject: format!("{} · {house}", piece.title),
            house,
            title: piece.title,
            greeting,
            opening: piece.opening,
            facts: self.facts(&letter.content, words),
            action,
            closing: piece.closing,
            footer: words.footer,
            colon: words.colon,
        }
    }

    fn life(&self, content: &Content, minutes: u64, words: &Words) -> String {
        match content {
            Content::SubscriptionExpiring { until, .. } => {
                words.link_until.put(&self.moment(*until))
            }
            _ => words.link_life.put(&minutes.to_string()),
        }
    }

    fn facts(&self, content: &Content, words: &Words) -> Vec<Fact> {
        let new_address = |text: &str| (words.new_address, plain(text));
        let when = |at: &Timestamp| (words.when, self.moment(*at));
        let address =
            |text: &Option<String>| text.as_deref().map(|text| (words.address, plain(text)));
        let device =
            |text: &Option<String>| text.as_deref().map(|text| (words.device, plain(text)));
        let facts = match content {
            Content::VerifyEmail { .. }
            | Content::ResetPassword { .. }
            | Content::ConfirmNewEmail { .. }
            | Content::Invite { .. } => vec![],
            Content::EmailChangeAsked { new_email } | Content::EmailChanged { new_email } => {
                vec![Some(new_address(new_email))]
            }
            Content::NewSignIn {
                at,
                device: named,
                address: from,
            } => vec![Some(when(at)), device(named), address(from)],
            Content::PasswordChanged { at, address: from } => vec![Some(when(at)), address(from)],
            Content::SessionsEnded { at } => vec![Some(when(at))],
            Content::EndpointDisabled { at, url } => {
                vec![Some(when(at)), Some((words.endpoint, plain(url)))]
            }
            Content::SubscriptionExpiring {
                plan,
                ends_at,
                amount,
                ..
            } => vec![
                Some((words.plan, plain(plan))),
                Some((words.ends_at, self.moment(*ends_at))),
                amount
                    .as_ref()
                    .map(|due| (words.amount_due, words.money(&due.currency, &due.amount))),
            ],
        };
        let facts = facts.into_iter().flatten();
        facts
            .filter(|(_, value)| !value.is_empty())
            .map(|(label, value)| Fact { label, value })
            .collect()
    }

    /// `2026-01-02 11:04:05 +08:00 (Asia/Shanghai)`
    fn moment(&self, at: Timestamp) -> String {
        let local = at.utc().with_timezone(&self.zone);
        let zone = self.zone.name();
        format!("{} ({zone})", local.format("%Y-%m-%d %H:%M:%S %:z"))
    }
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
    use super::*;
    use crate::mailer::samples;
    use crate::model::user::Locale;

    #[test]
    fn the_words_of_every_letter() {
        let house = House {
            name: "Shop".to_owned(),
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
