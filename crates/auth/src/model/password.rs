//! Passwords: whole, strong enough, never printed.

use tollgate_kernel::text::Text;

use crate::words::WORDS;

/// Why a password may not be chosen.
///
/// ```
/// use tollgate_auth::model::password::WeakPassword;
/// use tollgate_kernel::text::Language;
///
/// let text = WeakPassword::Length.detail();
/// assert_eq!(text.get(Language::En), "A password has 8 to 128 characters.");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Not 8 to 128 characters.
    #[error("not 8 to 128 characters")]
    Length,
    /// Common, or near the name or the address.
    #[error("too easily guessed")]
    Guessable,
}

const SHORTEST: usize = 8;
const LONGEST: usize = 128;

/// What people here begin with, beside the thirty thousand passwords that the estimate knows: words of
/// love and luck in pinyin and in numbers that sound like them, and names.
const LOCAL_WORDS: &[&str] = &[
    "woaini",
    "aini",
    "woaiwojia",
    "woshishui",
    "nihao",
    "mima",
    "laopo",
    "laogong",
    "baobao",
    "baobei",
    "wodemima",
    "zhongguo",
    "beijing",
    "shanghai",
    "xiaoming",
    "caonima",
    "tamade",
    "meimei",
    "gege",
    "zhang",
    "wang",
    "zhao",
    "chen",
    "yang",
    "huang",
    "zhou",
    "liu",
    "xiao",
    "qwe123",
    "asd123",
    "zxc123",
    "520",
    "1314",
    "5201314",
    "1314520",
    "520520",
    "13141314",
    "521521",
    "7758521",
    "7758258",
    "147258",
    "147258369",
    "159357",
    "888888",
    "88888888",
    "168168",
    "518518",
    "618618",
    "a123456",
    "aa123456",
    "abc123456",
    "qq123456",
    "wang123",
    "taobao",
    "weixin",
    "alipay",
    "admin",
];

impl WeakPassword {
    /// For people.
    pub fn detail(self) -> Text {
        match self {
            Self::Length => WORDS.text("new_password.length"),
            Self::Guessable => WORDS.text("new_password.guessable"),
        }
    }
}

/// Whether anything more may be done with a text that is meant to be a password: an estimate, or
/// a hash, of a megabyte takes its time.
pub(crate) fn is_bounded(text: &str) -> bool {
    text.chars().nth(LONGEST).is_none()
}

/// Whether a password of allowed length may be chosen; `words` are those a guesser begins with.
/// Takes milliseconds.
///
/// # Errors
/// [`WeakPassword`].
pub(crate) fn judge(text: &str, words: &[String]) -> Result<(), WeakPassword> {
    if !is_bounded(text) || text.chars().count() < SHORTEST {
        return Err(WeakPassword::Length);
    }
    let words: Vec<&str> = words
        .iter()
        .flat_map(|word| [word.as_str(), word.split('@').next().unwrap_or_default()])
        .filter(|word| !word.is_empty())
        .chain(LOCAL_WORDS.iter().copied())
        .collect();
    if zxcvbn::zxcvbn(text, &words).score() < zxcvbn::Score::Three {
        return Err(WeakPassword::Guessable);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_short_and_personal_passwords_are_refused() {
        let words = ["ann.lee@example.com".to_owned(), "annlee2026".to_owned()];
        let judge = |text: &str| judge(text, &words);
        assert_eq!(judge("plum orchard lantern 7"), Ok(()));
        let emoji: String = (0..64_u32)
            .filter_map(|n| char::from_u32(0x1F600 + n * 37 % 64))
            .collect();
        assert_eq!(judge(&emoji), Ok(()));
        assert_eq!(judge("short7!"), Err(WeakPassword::Length));
        assert_eq!(judge(&"aB3$".repeat(33)), Err(WeakPassword::Length));
        for text in [
            "password1",
            "12345678",
            "qwertyuiop",
            "ann.lee@example.com",
            "annlee2026",
            "woaini1314",
            "woaini5201314",
            "zhang123456",
            "a123456789",
            "qq123456789",
            "7758521520",
            "1qaz2wsx3edc",
            "iloveyou1",
            "P@ssw0rd",
            "trustno1!",
            "letmein123",
        ] {
            assert_eq!(judge(text), Err(WeakPassword::Guessable), "{text}");
        }
    }
}
