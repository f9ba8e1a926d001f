//! What people read: one catalogue for each language, and no sentence in code.
//!
//! Every crate that says something keeps `locales/zh-CN.toml` and `locales/en.toml`, tables of sentences by their names, and says
//! them by one `static`. A test of the crate compares the two ([`Words::differences`]) and looks for names that are said and in
//! no catalogue, or the other way about ([`Words::misnamed`]). A host may do the same with its own.

mod checks;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::OnceLock;

use toml::{Table, Value};

use crate::text::{Language, Text};

/// The sentences of this crate.
pub(crate) static WORDS: Words = Words::new(
    include_str!("../locales/zh-CN.toml"),
    include_str!("../locales/en.toml"),
);

/// The sentences of a crate, in both languages. Each catalogue is read once, when something is first said in it.
///
/// ```
/// use tollgate_kernel::text::{Language, Text};
/// use tollgate_kernel::words::Words;
///
/// static WORDS: Words = Words::new(
///     "[scan]\nread = \"已读取\"\nleft = \"还剩 {count} 次{why}\"\n",
///     "[scan]\nread = \"Read\"\nleft = \"{count} left{why}\"\n",
/// );
///
/// assert_eq!(WORDS.say(Language::En, "scan.read"), "Read");
/// assert_eq!(WORDS.text("scan.read"), Text::new("已读取", "Read"));
///
/// // What is put in is the same in both languages, or a text of its own.
/// let why = Text::new("，本月", " this month");
/// let left = WORDS.text_with("scan.left", &[("count", &12), ("why", &why)]);
/// assert_eq!(left, Text::new("还剩 12 次，本月", "12 left this month"));
///
/// assert!(WORDS.differences().is_empty());
/// ```
#[derive(Debug)]
pub struct Words {
    zh: Catalogue,
    en: Catalogue,
}

/// Sentences by their names, `checkout.paid`.
#[derive(Debug)]
struct Catalogue {
    source: &'static str,
    sentences: OnceLock<BTreeMap<String, String>>,
}

impl Catalogue {
    fn sentences(&self) -> &BTreeMap<String, String> {
        self.sentences.get_or_init(|| {
            let table: Table = self
                .source
                .parse()
                .expect("a catalogue is a table, as its test has seen");
            let mut sentences = BTreeMap::new();
            flatten("", table, &mut sentences);
            sentences
        })
    }
}

fn flatten(under: &str, table: Table, sentences: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let name = if under.is_empty() {
            name
        } else {
            format!("{under}.{name}")
        };
        match value {
            Value::Table(table) => flatten(&name, table, sentences),
            Value::String(text) => drop(sentences.insert(name, text)),
            _ => {}
        }
    }
}

impl Words {
    /// Of two catalogues, as TOML.
    pub const fn new(zh: &'static str, en: &'static str) -> Self {
        Self {
            zh: Catalogue {
                source: zh,
                sentences: OnceLock::new(),
            },
            en: Catalogue {
                source: en,
                sentences: OnceLock::new(),
            },
        }
    }

    /// A sentence, if there is one of that name.
    pub fn find(&'static self, language: Language, name: &str) -> Option<&'static str> {
        let catalogue = match language {
            Language::Zh => &self.zh,
            Language::En => &self.en,
        };
        catalogue.sentences().get(name).map(String::as_str)
    }

    /// Of all sentences.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.en.sentences().keys().map(String::as_str)
    }

    /// A sentence. What is in no catalogue shows its name, and fails a test.
    pub fn say<'a>(&'static self, language: Language, name: &'a str) -> &'a str {
        self.find(language, name).unwrap_or(name)
    }

    /// A sentence with something in it: `{count}` is said as `with(language, "usage.calls", &[("count", &12)])`, and
    /// `{count?call:calls}` as the first word where that is `1`, else as the second. What is put in is not looked through
    /// again.
    ///
    /// ```
    /// use tollgate_kernel::text::Language;
    /// use tollgate_kernel::words::Words;
    ///
    /// static WORDS: Words = Words::new("[a]\nb = \"{n} 次\"", "[a]\nb = \"{n} {n?call:calls}\"");
    /// let said = |n: i64| WORDS.with(Language::En, "a.b", &[("n", &n)]);
    /// assert_eq!((said(1), said(2)), ("1 call".to_owned(), "2 calls".to_owned()));
    /// ```
    pub fn with(
        &'static self,
        language: Language,
        name: &str,
        given: &[(&str, &dyn Said)],
    ) -> String {
        let mut rest = self.say(language, name);
        let mut said = String::with_capacity(rest.len());
        while let Some((before, after)) = rest.split_once('{') {
            said.push_str(before);
            let Some((slot, after)) = after.split_once('}') else {
                said.push('{');
                rest = after;
                continue;
            };
            let (name, forms) = parted(slot);
            let value = given.iter().find(|(known, _)| *known == name);
            match (value.map(|(_, value)| value.said(language)), forms) {
                (Some(value), None) => said.push_str(&value),
                (Some(value), Some((one, _))) if value == "1" => said.push_str(one),
                (Some(_), Some((_, many))) => said.push_str(many),
                (None, _) => said.push_str(name),
            }
            rest = after;
        }
        said.push_str(rest);
        said
    }

    /// Those of one language, for a page.
    pub const fn spoken(&'static self, language: Language) -> Spoken {
        Spoken {
            words: self,
            language,
        }
    }

    /// A sentence, for whoever asks in whichever language.
    pub fn text(&'static self, name: &str) -> Text {
        let said = |language| match self.find(language, name) {
            Some(sentence) => Cow::Borrowed(sentence),
            None => Cow::Owned(name.to_owned()),
        };
        Text::of(said(Language::Zh), said(Language::En))
    }

    /// The same, with something in it.
    pub fn text_with(&'static self, name: &str, given: &[(&str, &dyn Said)]) -> Text {
        Text::new(
            self.with(Language::Zh, name, given),
            self.with(Language::En, name, given),
        )
    }
}

/// What stands between braces: a name, and the words for one and for more of it, if it is these that are said.
fn parted(slot: &str) -> (&str, Option<(&str, &str)>) {
    match slot.split_once('?') {
        Some((name, forms)) => (name, Some(forms.split_once(':').unwrap_or((forms, forms)))),
        None => (slot, None),
    }
}

/// The sentences of a crate in one language.
///
/// ```
/// use tollgate_kernel::text::Language;
/// use tollgate_kernel::words::Words;
///
/// static WORDS: Words = Words::new("[a]\nb = \"{n} 次\"", "[a]\nb = \"{n} calls\"");
/// let words = WORDS.spoken(Language::Zh);
/// assert_eq!(words.with("a.b", &[("n", &2)]), "2 次");
/// assert_eq!((words.find("a.b"), words.find("a.c")), (Some("{n} 次"), None));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Spoken {
    words: &'static Words,
    language: Language,
}

impl Spoken {
    /// A sentence, if there is one of that name.
    pub fn find(self, name: &str) -> Option<&'static str> {
        self.words.find(self.language, name)
    }

    /// A sentence, for a page to keep; what is in no catalogue shows its name.
    pub fn say(self, name: &str) -> String {
        self.words.say(self.language, name).to_owned()
    }

    /// A sentence with something in it.
    pub fn with(self, name: &str, given: &[(&str, &dyn Said)]) -> String {
        self.words.with(self.language, name, given)
    }
}

/// What can be put into a sentence: whatever is written the same in every language, or a [`Text`].
///
/// ```
/// use tollgate_kernel::text::{Language, Text};
/// use tollgate_kernel::words::Said;
///
/// assert_eq!(12.said(Language::Zh), "12");
/// assert_eq!(Text::new("一年", "a year").said(Language::En), "a year");
/// ```
pub trait Said {
    /// As it stands in a sentence of that language.
    fn said(&self, language: Language) -> Cow<'_, str>;
}

impl<T: Display> Said for T {
    fn said(&self, _: Language) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
}

impl Said for Text {
    fn said(&self, language: Language) -> Cow<'_, str> {
        Cow::Borrowed(self.get(language))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    static TRIED: Words = Words::new(
        "[a]\nb = \"一 {one} 二 {two} { 三\"",
        "[a]\nb = \"x {one} y {two} { z\"",
    );

    #[test]
    fn what_is_put_in_is_not_looked_through() {
        let one = Text::new("{two}", "{one}");
        let said = TRIED.text_with("a.b", &[("one", &one), ("two", &2)]);
        assert_eq!(said, Text::new("一 {two} 二 2 { 三", "x {one} y 2 { z"));
    }

    #[test]
    fn what_is_in_no_catalogue_shows_its_name() {
        assert_eq!(TRIED.say(Language::Zh, "a.c"), "a.c");
        assert_eq!(TRIED.text("a.c"), Text::new("a.c", "a.c"));
        let said = TRIED.with(Language::En, "no.such {one}", &[("one", &"{two}")]);
        assert_eq!(said, "no.such {two}");
    }

    #[test]
    fn both_catalogues_say_the_same_things_and_all_of_them() {
        assert_eq!(WORDS.differences(), Vec::<String>::new());
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        assert_eq!(WORDS.misnamed(&[&sources], &[]), Vec::<String>::new());
    }
}
