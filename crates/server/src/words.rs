//! What the service says to people by itself: pages, problems, the findings of the doctor. The sentences stand in `locales/`.

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
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (sources, templates) = (root.join("src"), root.join("templates"));
        // A setting of the sandbox's clock.
        let others = ["sandbox.clock_ahead_seconds"];
        let misnamed = WORDS.misnamed(&[&sources, &templates], &others);
        assert_eq!(misnamed, Vec::<String>::new());
    }
}
