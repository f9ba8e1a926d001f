//! What pages say, in the language of a visit.

use std::fmt::Display;

use tollgate_kernel::text::Language;
use tollgate_kernel::words::Said;

use crate::words::WORDS;

/// The catalogue of a language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words(pub(crate) Language);

impl Words {
    /// A sentence. What is in no catalogue shows its name, and fails a test.
    pub(crate) fn say(self, name: &str) -> String {
        WORDS.say(self.0, name).to_owned()
    }

    /// A sentence with something in it: `{count}` is said as `with("usage.calls", &[("count", &12)])`.
    pub(crate) fn with(self, name: &str, given: &[(&str, &dyn Display)]) -> String {
        let given: Vec<(&str, &dyn Said)> = given
            .iter()
            .map(|(slot, value)| (*slot, value as &dyn Said))
            .collect();
        WORDS.with(self.0, name, &given)
    }
}
