//! Passwords: whole, strong enough, never printed.

use secrecy::{ExposeSecret as _, SecretString};

/// A password that may be chosen: 8 to 128 characters, strong by estimate.
#[derive(Clone, Debug)]
pub struct NewPassword(SecretString);

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

impl NewPassword {
    /// Measured against `context`, the words a guesser would begin with.
    ///
    /// # Errors
    /// [`WeakPassword`].
    pub fn choose(text: &str, context: &[&str]) -> Result<Self, WeakPassword> {
        // Counted before anything else is done with it: an estimate of a megabyte takes its time.
        if !(SHORTEST..=LONGEST).contains(&text.chars().take(LONGEST.saturating_add(1)).count()) {
            return Err(WeakPassword::Length);
        }
        let local = |word: &str| word.split('@').next().unwrap_or(word).to_owned();
        let mut words: Vec<String> = context.iter().map(|word| (*word).to_owned()).collect();
        words.extend(context.iter().map(|word| local(word)));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if zxcvbn::zxcvbn(text, &words).score() < zxcvbn::Score::Three {
            return Err(WeakPassword::Guessable);
        }
        Ok(Self(text.to_owned().into()))
    }

    /// For hashing.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_short_and_personal_passwords_are_refused() {
        let context = ["ann.lee@example.com", "annlee2026"];
        let choose = |text: &str| NewPassword::choose(text, &context).map(|_| ());
        assert_eq!(choose("plum orchard lantern 7"), Ok(()));
        let emoji: String = (0..64_u32)
            .filter_map(|n| char::from_u32(0x1F600 + n * 37 % 64))
            .collect();
        assert_eq!(choose(&emoji), Ok(()));
        assert_eq!(choose("short7!"), Err(WeakPassword::Length));
        assert_eq!(choose(&"aB3$".repeat(33)), Err(WeakPassword::Length));
        for text in [
            "password1",
            "12345678",
            "qwertyuiop",
            "ann.lee@example.com",
            "annlee2026",
        ] {
            assert_eq!(choose(text), Err(WeakPassword::Guessable), "{text}");
        }
    }
}
