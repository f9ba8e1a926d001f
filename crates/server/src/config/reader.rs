//! Reads one setting: from the environment, a file of its own, or the layers below.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::fault::Fault;

/// Reads one setting after the other and notes what cannot be used.
pub(super) struct Reader {
    pub(super) values: BTreeMap<String, String>,
    pub(super) layers: config::Config,
    pub(super) faults: Vec<Fault>,
}

impl Reader {
    pub(super) fn fault(
        &mut self,
        variable: &str,
        reason: impl Into<String>,
        example: &'static str,
    ) {
        self.faults.push(Fault {
            variable: variable.to_owned(),
            reason: reason.into(),
            example,
        });
    }

    /// The text of a setting; empty counts as not set.
    pub(super) fn text(&mut self, variable: &str) -> Option<String> {
        let name = variable.to_lowercase();
        let path = self
            .values
            .get(&format!("{name}_file"))
            .filter(|path| !path.is_empty())
            .cloned();
        let own = self
            .values
            .get(&name)
            .filter(|text| !text.trim().is_empty())
            .cloned();
        match (own, path) {
            (Some(_), Some(_)) => {
                self.fault(
                    variable,
                    format!("is set, and {variable}_FILE as well: use one of them"),
                    "",
                );
                None
            }
            (Some(text), None) => Some(text),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
                Err(error) => {
                    self.fault(
                        &format!("{variable}_FILE"),
                        format!("cannot be read: {error}"),
                        "",
                    );
                    None
                }
            },
            (None, None) => self
                .layers
                .get_string(&name)
                .ok()
                .filter(|text| !text.trim().is_empty()),
        }
    }

    pub(super) fn parsed<T: FromStr>(
        &mut self,
        variable: &str,
        reason: &str,
        example: &'static str,
    ) -> Option<T> {
        let text = self.text(variable)?;
        let parsed = text.trim().parse().ok();
        if parsed.is_none() {
            self.fault(variable, format!("{text:?} {reason}"), example);
        }
        parsed
    }

    pub(super) fn number(
        &mut self,
        variable: &str,
        least: u64,
        most: u64,
        example: &'static str,
    ) -> u64 {
        let number = self
            .parsed::<u64>(variable, "is not a whole number", example)
            .unwrap_or(least);
        if !(least..=most).contains(&number) {
            self.fault(
                variable,
                format!("{number} is not from {least} to {most}"),
                example,
            );
        }
        number.clamp(least, most)
    }

    pub(super) fn word<T: Copy>(
        &mut self,
        variable: &str,
        words: &[(&str, T)],
        example: &'static str,
    ) -> Option<T> {
        let text = self.text(variable)?;
        let found = words
            .iter()
            .find(|(word, _)| *word == text.trim())
            .map(|(_, value)| *value);
        if found.is_none() {
            let list: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.fault(
                variable,
                format!("{text:?} is not one of {}", list.join(", ")),
                example,
            );
        }
        found
    }
}
