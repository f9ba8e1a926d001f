//! What this module says to people. The sentences stand in `locales/`.

use tollgate_kernel::words::Words;

pub(crate) static WORDS: Words = Words::new(
    include_str!("../locales/zh-CN.toml"),
    include_str!("../locales/en.toml"),
);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn both_catalogues_say_the_same_things_and_all_of_them() {
        assert_eq!(WORDS.differences(), Vec::<String>::new());
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        assert_eq!(WORDS.misnamed(&[&sources], &[]), Vec::<String>::new());
    }
}
