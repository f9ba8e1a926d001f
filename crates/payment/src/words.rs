//! What this module says to people. The sentences stand in `locales/`.

use tollgate_kernel::text::Language;
use tollgate_kernel::words::Words;

pub(crate) static WORDS: Words = Words::new(
    include_str!("../locales/zh-CN.toml"),
    include_str!("../locales/en.toml"),
);

/// A sentence in both languages, for what is written down once and read by whoever comes.
pub(crate) fn both(name: &str) -> String {
    let zh = WORDS.say(Language::Zh, name);
    format!("{zh} ({})", WORDS.say(Language::En, name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_written_down_once_is_in_both_languages() {
        assert_eq!(
            both("reason.dispute"),
            "银行拒付 (disputed at the buyer's bank)"
        );
    }

    #[test]
    fn both_catalogues_say_the_same_things_and_all_of_them() {
        assert_eq!(WORDS.differences(), Vec::<String>::new());
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        assert_eq!(WORDS.misnamed(&[&sources], &[]), Vec::<String>::new());
    }
}
