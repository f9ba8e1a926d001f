//! What pages say: one catalogue for each language, and no word anywhere else.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use tollgate_kernel::text::Language;
use toml::{Table, Value};

static ZH: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::read(include_str!("../../locales/zh-CN.toml")));
static EN: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::read(include_str!("../../locales/en.toml")));

/// Sentences by their names, `checkout.paid`.
#[derive(Debug)]
struct Catalogue(BTreeMap<String, String>);

impl Catalogue {
    fn read(text: &str) -> Self {
        let table: Table = text
            .parse()
            .expect("a catalogue is a table, as its test has seen");
        let mut words = BTreeMap::new();
        flatten("", table, &mut words);
        Self(words)
    }
}

fn flatten(under: &str, table: Table, words: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let name = if under.is_empty() {
            name
        } else {
            format!("{under}.{name}")
        };
        match value {
            Value::Table(table) => flatten(&name, table, words),
            Value::String(text) => drop(words.insert(name, text)),
            _ => {}
        }
    }
}

/// The catalogue of a language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words(pub(crate) Language);

impl Words {
    fn catalogue(self) -> &'static Catalogue {
        match self.0 {
            Language::Zh => &ZH,
            Language::En => &EN,
        }
    }

    /// A sentence. What is in no catalogue shows its name, and fails a test.
    pub(crate) fn say(self, name: &str) -> String {
        let Catalogue(words) = self.catalogue();
        words.get(name).map_or(name, String::as_str).to_owned()
    }

    /// A sentence with something in it: `{count}` is said as `with("usage.calls", &[("count", &12)])`. What is put in is
    /// not looked through again.
    pub(crate) fn with(self, name: &str, given: &[(&str, &dyn std::fmt::Display)]) -> String {
        let text = self.say(name);
        let mut said = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            said.push_str(before);
            let Some((slot, after)) = after.split_once('}') else {
                said.push('{');
                rest = after;
                continue;
            };
            match given.iter().find(|(known, _)| *known == slot) {
                Some((_, value)) => said.push_str(&value.to_string()),
                None => said.push_str(slot),
            }
            rest = after;
        }
        said.push_str(rest);
        said
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn slots(text: &str) -> BTreeSet<&str> {
        text.split('{')
            .skip(1)
            .filter_map(|part| part.split_once('}'))
            .map(|(slot, _)| slot)
            .collect()
    }

    #[test]
    fn both_catalogues_say_the_same_things_about_the_same_things() {
        let (Catalogue(zh), Catalogue(en)) = (&*ZH, &*EN);
        let (in_zh, in_en): (BTreeSet<_>, BTreeSet<_>) = (zh.keys().collect(), en.keys().collect());
        assert_eq!(
            in_zh.symmetric_difference(&in_en).collect::<Vec<_>>(),
            Vec::<&&String>::new()
        );
        for (name, text) in zh {
            assert!(
                !text.trim().is_empty() && !en[name].trim().is_empty(),
                "{name}"
            );
            assert_eq!(slots(text), slots(&en[name]), "{name}");
        }
    }

    /// Every file below a folder, as text.
    fn sources(folder: &Path, found: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push_str(&std::fs::read_to_string(&path).expect("text"));
            }
        }
    }

    /// The names of sentences that stand between quotes, whole or the part that is known of one that is put together
    /// (`"status.{word}"`).
    fn named(source: &str, areas: &BTreeSet<&str>) -> BTreeSet<(String, bool)> {
        let name = |char: char| {
            char.is_ascii_lowercase() || char.is_ascii_digit() || "._{}".contains(char)
        };
        source
            .split('"')
            .filter(|text| text.chars().all(name))
            .filter(|text| {
                text.split_once('.').is_some_and(|(area, rest)| {
                    areas.contains(area) && !rest.is_empty() && rest != "html"
                })
            })
            .map(|text| match text.split_once('{') {
                Some((known, _)) => (known.to_owned(), true),
                None => (text.to_owned(), false),
            })
            .collect()
    }

    #[test]
    fn every_sentence_is_in_the_catalogue_and_none_is_left_over() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut source = String::new();
        sources(&root.join("src/pages"), &mut source);
        sources(&root.join("templates"), &mut source);
        let Catalogue(words) = &*EN;
        let areas = words.keys().filter_map(|name| name.split_once('.'));
        let areas: BTreeSet<&str> = areas.map(|(area, _)| area).collect();
        let named = named(&source, &areas);
        let says = |(name, is_part): &(String, bool), known: &str| {
            known == name || (*is_part && known.starts_with(name.as_str()))
        };
        let is_missing = |name: &&(String, bool)| !words.keys().any(|known| says(name, known));
        let missing: Vec<_> = named.iter().filter(is_missing).collect();
        assert_eq!(missing, Vec::<&(String, bool)>::new(), "in no catalogue");
        let is_unsaid = |known: &&String| !named.iter().any(|name| says(name, known));
        let unsaid: Vec<_> = words.keys().filter(is_unsaid).collect();
        assert_eq!(unsaid, Vec::<&String>::new(), "said nowhere");
    }

    #[test]
    fn what_is_put_in_is_not_looked_through() {
        let mut words = BTreeMap::new();
        flatten(
            "",
            "[a]\nb = \"x {one} y {two} { z\"".parse().expect("a table"),
            &mut words,
        );
        assert_eq!(words["a.b"], "x {one} y {two} { z");
        let said = Words(Language::En).with("no.such {one}", &[("one", &"{two}"), ("two", &2)]);
        assert_eq!(said, "no.such {two}");
    }
}
