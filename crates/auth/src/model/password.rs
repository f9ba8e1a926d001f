//! Passwords: whole, strong enough, never printed.

use tollgate_kernel::text::Text;

/// Why a password may not be chosen.
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

impl WeakPassword {
    /// For people.
    pub fn detail(self) -> Text {
        match self {
            Self::Length => Text::new(
                "密码须为 8 至 128 个字符。",
                "A password has 8 to 128 characters.",
            ),
            Self::Guessable => Text::new(
                "密码过于常见或与账号相近，请换一个更长的。",
                "The password is common or near your name; take a longer one.",
            ),
        }
    }
}

/// Whether anything more may be done with a text that is meant to be a password: an estimate, or
/// a hash, of a megabyte takes its time.
pub fn is_bounded(text: &str) -> bool {
    text.chars().nth(LONGEST).is_none()
}

/// Whether a password of allowed length may be chosen; `words` are those a guesser begins with.
/// Takes milliseconds.
///
/// # Errors
/// [`WeakPassword`].
pub fn judge(text: &str, words: &[String]) -> Result<(), WeakPassword> {
    if !is_bounded(text) || text.chars().count() < SHORTEST {
        return Err(WeakPassword::Length);
    }
    let words: Vec<&str> = words
        .iter()
        .flat_map(|word| [word.as_str(), word.split('@').next().unwrap_or_default()])
        .filter(|word| !word.is_empty())
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
        ] {
            assert_eq!(judge(text), Err(WeakPassword::Guessable), "{text}");
        }
    }
}
