//! What lists of the console have in common: pages, moments, what has just happened.

use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;

use super::super::frame::Frame;
use super::super::visit::Visit;

/// On one page.
pub(super) const LIMIT: u32 = 20;

/// Takes one more than is shown away, and tells whether there was one.
pub(super) fn cut<T>(found: &mut Vec<T>) -> bool {
    let shown = usize::try_from(LIMIT).unwrap_or(usize::MAX);
    let has_more = found.len() > shown;
    found.truncate(shown);
    has_more
}

/// The ways to other pages of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Pager {
    pub(super) newest: Option<String>,
    pub(super) older: Option<String>,
}

impl Pager {
    /// `older`: the cursor of the next page, in `name` of the query.
    pub(super) fn new(visit: &Visit, name: &str, older: Option<String>) -> Self {
        let query = visit.here.query().unwrap_or_default();
        let is_first = !form_urlencoded::parse(query.as_bytes()).any(|(known, _)| known == name);
        Self {
            newest: (!is_first).then(|| with(visit, name, None)),
            older: older.map(|cursor| with(visit, name, Some(&cursor))),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.newest.is_none() && self.older.is_none()
    }
}

/// The same address with another value in its query, and without what was told.
fn with(visit: &Visit, name: &str, value: Option<&str>) -> String {
    let query = visit.here.query().unwrap_or_default();
    let kept = form_urlencoded::parse(query.as_bytes())
        .filter(|(known, _)| known != name && known != "done");
    let mut new = form_urlencoded::Serializer::new(String::new());
    new.extend_pairs(kept);
    if let Some(value) = value {
        new.append_pair(name, value);
    }
    format!("?{}", new.finish())
}

/// A moment as it is shown.
#[derive(Clone, Debug)]
pub(super) struct When {
    pub(super) iso: String,
    pub(super) text: String,
}

impl When {
    pub(super) fn new(frame: &Frame, at: Timestamp) -> Self {
        Self {
            iso: at.to_string(),
            text: frame.written().time(at),
        }
    }
}

/// What has just happened, as the address says it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
}

/// Words that are told.
const TOLD: [&str; 22] = [
    "saved",
    "opened",
    "invited",
    "activated",
    "deactivated",
    "roles",
    "signed_out",
    "factor",
    "plan_given",
    "units_given",
    "created",
    "archived",
    "deleted",
    "samples",
    "replayed",
    "tested",
    "resent",
    "ended",
    "whole",
    "broken",
    "retried",
    "unchanged",
];

impl Done {
    /// In words; nothing, where the word is not one of ours.
    pub(super) fn told(&self, frame: &Frame) -> String {
        let word = TOLD.iter().find(|word| **word == self.done);
        word.map(|word| frame.say(&format!("house_done.{word}")))
            .unwrap_or_default()
    }

    /// Whether it is bad news.
    pub(super) fn is_bad(&self) -> bool {
        self.done == "broken"
    }
}

/// Where a list begins.
pub(super) fn cursor<T: std::str::FromStr>(text: Option<&String>) -> Option<T> {
    text.and_then(|text| text.parse().ok())
}

/// What was asked for, if anything was.
pub(super) fn some(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}
