//! What the mailbox shows.

use askama::Template;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::text::Language;
use tollgate_kernel::words::Spoken;

use crate::store::KeptMail;
use crate::words::{WORDS, other};

/// The page around both views.
struct Frame {
    words: Spoken,
    lang: &'static str,
    other_lang: &'static str,
}

impl Frame {
    fn new(language: Language) -> Self {
        Self {
            words: WORDS.spoken(language),
            lang: language.tag(),
            other_lang: other(language).tag(),
        }
    }
}

#[derive(Template)]
#[template(path = "mail_list.html")]
pub(super) struct List<'a> {
    frame: Frame,
    to: &'a str,
    mails: Vec<Row<'a>>,
    /// Whether the page looks again by itself.
    waiting: bool,
}

struct Row<'a> {
    id: String,
    to: &'a str,
    subject: &'a str,
    at: String,
}

impl<'a> List<'a> {
    pub(super) fn text(mails: &'a [KeptMail], to: Option<&'a str>, language: Language) -> String {
        let rows = mails.iter().map(|kept| Row {
            id: kept.mail.id.to_string(),
            to: &kept.mail.to,
            subject: &kept.mail.subject,
            at: moment(kept.arrived_at),
        });
        let page = Self {
            frame: Frame::new(language),
            to: to.unwrap_or_default(),
            mails: rows.collect(),
            waiting: mails.is_empty(),
        };
        page.render().expect("writing into a text does not fail")
    }
}

#[derive(Template)]
#[template(path = "mail.html")]
pub(super) struct One<'a> {
    frame: Frame,
    letter: Option<Letter<'a>>,
}

struct Letter<'a> {
    id: String,
    to: &'a str,
    subject: &'a str,
    text: &'a str,
    links: Vec<&'a str>,
    at: String,
}

impl<'a> One<'a> {
    /// `None`: there is none.
    pub(super) fn text(kept: Option<&'a KeptMail>, language: Language) -> String {
        let letter = kept.map(|kept| Letter {
            id: kept.mail.id.to_string(),
            to: &kept.mail.to,
            subject: &kept.mail.subject,
            text: kept.mail.text.trim_end(),
            links: kept.mail.links(),
            at: moment(kept.arrived_at),
        });
        let page = Self {
            frame: Frame::new(language),
            letter,
        };
        page.render().expect("writing into a text does not fail")
    }
}

fn moment(at: Timestamp) -> String {
    format!("{} UTC", at.utc().format("%Y-%m-%d %H:%M:%S"))
}
