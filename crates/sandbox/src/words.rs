//! What the sandbox's pages say. The sentences stand in `locales/`; what it says in the providers' own name is theirs, and
//! stands beside the answers it belongs to.

use tollgate_kernel::text::Language;
use tollgate_kernel::words::Words;

pub(crate) static WORDS: Words = Words::new(
    include_str!("../locales/zh-CN.toml"),
    include_str!("../locales/en.toml"),
);

/// The other language, which a page offers.
pub(crate) fn other(language: Language) -> Language {
    match language {
        Language::Zh => Language::En,
        Language::En => Language::Zh,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn both_catalogues_say_the_same_things_and_all_of_them() {
        assert_eq!(WORDS.differences(), Vec::<String>::new());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (sources, templates) = (root.join("src"), root.join("templates"));
        let misnamed = WORDS.misnamed(&[&sources, &templates], &[]);
        assert_eq!(misnamed, Vec::<String>::new());
    }
}
