//! What tests ask of catalogues: that both say the same things, and that code says all of them and nothing else.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::{Words, parted};

/// What makes a name between quotes that of a file.
const FILES: [&str; 5] = ["db", "html", "json", "rs", "txt"];

/// A name between quotes: whole, or the part that is known of one that is put together (`"status.{word}"`, `"status."`).
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    name: String,
    is_part: bool,
}

impl Named {
    fn says(&self, known: &str) -> bool {
        known == self.name || (self.is_part && known.starts_with(&self.name))
    }
}

impl Words {
    /// Where the two catalogues part: a name or a slot that only one has, or a sentence of nothing.
    ///
    /// ```
    /// use tollgate_kernel::words::Words;
    ///
    /// static WORDS: Words = Words::new("[a]\nb = \"{count} 次\"\nc = \" \"", "[a]\nb = \"often\"\nc = \"d\"");
    /// assert_eq!(WORDS.differences(), ["a.b: other slots", "a.c: empty"]);
    /// ```
    pub fn differences(&self) -> Vec<String> {
        let (zh, en) = (self.zh.sentences(), self.en.sentences());
        let names: BTreeSet<&String> = zh.keys().chain(en.keys()).collect();
        let told = names.into_iter().filter_map(|name| {
            let told = match (zh.get(name), en.get(name)) {
                (Some(zh), Some(en)) if zh.trim().is_empty() || en.trim().is_empty() => "empty",
                (Some(zh), Some(en)) if slots(zh) != slots(en) => "other slots",
                (Some(_), Some(_)) => return None,
                (None, _) => "not in Chinese",
                (_, None) => "not in English",
            };
            Some(format!("{name}: {told}"))
        });
        told.collect()
    }

    /// Names of sentences that stand in the files below these folders and in no catalogue, and those in the catalogues that no
    /// file says. `others` are names of other things, which only look like these. A folder that cannot be read is told as well.
    pub fn misnamed(&self, folders: &[&Path], others: &[&str]) -> Vec<String> {
        let mut source = String::new();
        for folder in folders {
            if let Err(error) = sources(folder, &mut source) {
                return vec![format!("{}: {error}", folder.display())];
            }
        }
        let sentences = self.en.sentences();
        let areas = sentences.keys().filter_map(|name| name.split_once('.'));
        let mut named = named(&source, &areas.map(|(area, _)| area).collect());
        named.retain(|named| !others.contains(&named.name.as_str()));
        let missing = named
            .iter()
            .filter(|named| !sentences.keys().any(|known| named.says(known)))
            .map(|named| format!("{}: in no catalogue", named.name));
        let unsaid = sentences
            .keys()
            .filter(|known| !named.iter().any(|named| named.says(known)))
            .map(|known| format!("{known}: said nowhere"));
        missing.chain(unsaid).collect()
    }
}

fn slots(text: &str) -> BTreeSet<&str> {
    text.split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}'))
        .map(|(slot, _)| parted(slot).0)
        .collect()
}

/// Every file below a folder, as text.
fn sources(folder: &Path, found: &mut String) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else {
            found.push_str(&std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

fn named(source: &str, areas: &BTreeSet<&str>) -> BTreeSet<Named> {
    let is_name =
        |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "._{}".contains(char);
    source
        .split('"')
        .filter(|text| text.chars().all(is_name))
        .filter(|text| {
            text.split_once('.')
                .is_some_and(|(area, rest)| areas.contains(area) && !FILES.contains(&rest))
        })
        .map(|text| match text.split_once('{') {
            Some((known, _)) => Named {
                name: known.to_owned(),
                is_part: true,
            },
            None => Named {
                name: text.to_owned(),
                is_part: text.ends_with('.'),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    static ODD: Words = Words::new(
        "[a]\nb = \"一\"\nonly_zh = \"二\"",
        "[a]\nb = \"{x}\"\nonly_en = \"y\"",
    );

    #[test]
    fn what_differs_is_told() {
        assert_eq!(
            ODD.differences(),
            [
                "a.b: other slots",
                "a.only_en: not in Chinese",
                "a.only_zh: not in English"
            ]
        );
    }

    #[test]
    fn names_are_found_whole_and_in_part() {
        let areas = BTreeSet::from(["a", "b"]);
        let source = r#"say("a.one"); say(&format!("b.{word}")); concat!("b.", $code); "a.html"; "c.d"; "a.B""#;
        let found: Vec<_> = named(source, &areas)
            .into_iter()
            .map(|named| (named.name, named.is_part))
            .collect();
        assert_eq!(
            found,
            [("a.one".to_owned(), false), ("b.".to_owned(), true)]
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let told = ODD.misnamed(&[Path::new("/no/such/folder")], &[]);
        assert!(told[0].starts_with("/no/such/folder: "), "{told:?}");
    }
}
