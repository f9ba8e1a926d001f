//! API keys: random, with a checksum, hashed at rest.
//!
//! `sk_live_` + 43 random characters of base62 (256 bits) + 6 characters of checksum: a typing error or
//! a made-up key is refused without asking anybody.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::ApiKeyId;
use tollgate_kernel::problem::FieldError;
use tollgate_kernel::text::Text;

use super::key_terms::KeyTerms;
use super::token::sha256;
use super::user::is_invisible;
use crate::words::WORDS;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM: usize = 43;
const CHECKSUM: usize = 6;
/// Of the random part, what a list shows.
const SHOWN: usize = 3;

/// Whether keys may begin with a text: 1 to 16 small letters and digits, so that nothing else that
/// is sent as a credential looks like one.
pub(crate) fn is_prefix(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=16).contains(&text.len()) && text.bytes().all(plain)
}

/// A key as its owner holds it.
///
/// ```
/// use tollgate_auth::model::api_key::PlainKey;
/// use tollgate_kernel::entropy::Entropy;
///
/// let key = PlainKey::random("shop", false, &Entropy::system());
/// assert!(key.text().starts_with("shop_test_"));
/// assert_eq!(key.text().len(), "shop_test_".len() + 43 + 6);
/// assert_eq!(key.shown().len(), "shop_test_abc...".len());
///
/// let sent = PlainKey::parse(key.text(), "shop", false).expect("whole");
/// assert_eq!(sent.hash(), key.hash());
/// assert!(PlainKey::parse(key.text(), "shop", true).is_none(), "of the other mode");
/// // One that somebody made elsewhere has no checksum.
/// assert!(PlainKey::brought("legacy-1234567890").is_some());
/// assert!(PlainKey::brought("too short").is_none());
/// ```
pub struct PlainKey(String);

impl PlainKey {
    /// A new one.
    pub fn random(prefix: &str, livemode: bool, entropy: &Entropy) -> Self {
        let mut text = head(prefix, livemode);
        let mut drawn = 0;
        while drawn < RANDOM {
            for byte in entropy.bytes::<64>() {
                // 248 is the largest multiple of 62: a remainder beyond it would favour some letters.
                if drawn < RANDOM && byte < 248 {
                    text.push(letter(u32::from(byte)));
                    drawn = drawn.saturating_add(1);
                }
            }
        }
        let sum = checksum(&text);
        text.push_str(&sum);
        Self(text)
    }

    /// What was sent, if it has the shape and checksum of a key of this mode. Asks nobody.
    pub fn parse(text: &str, prefix: &str, livemode: bool) -> Option<Self> {
        let rest = text.strip_prefix(&head(prefix, livemode))?;
        if rest.len() != RANDOM.saturating_add(CHECKSUM)
            || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return None;
        }
        let (body, sum) = text.split_at_checked(text.len().checked_sub(CHECKSUM)?)?;
        (checksum(body) == sum).then(|| Self(text.to_owned()))
    }

    /// What was sent, if it may be a key that somebody made elsewhere: 16 to 256 visible ASCII
    /// characters of any shape.
    pub fn brought(text: &str) -> Option<Self> {
        let plausible = (16..=256).contains(&text.len());
        (plausible && text.bytes().all(|byte| byte.is_ascii_graphic()))
            .then(|| Self(text.to_owned()))
    }

    /// For its owner, this once.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What rests.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.as_bytes())
    }

    /// What a list shows: `sk_live_abc...`.
    pub fn shown(&self) -> String {
        let tail = RANDOM.saturating_add(CHECKSUM).saturating_sub(SHOWN);
        let shown = self
            .0
            .get(..self.0.len().saturating_sub(tail))
            .unwrap_or_default();
        format!("{shown}...")
    }
}

fn head(prefix: &str, livemode: bool) -> String {
    format!("{prefix}_{}_", if livemode { "live" } else { "test" })
}

fn checksum(text: &str) -> String {
    let [a, b, c, d, ..] = sha256(text.as_bytes());
    let mut number = u32::from_be_bytes([a, b, c, d]);
    let mut letters = [' '; CHECKSUM];
    for slot in letters.iter_mut().rev() {
        *slot = letter(number);
        number /= 62;
    }
    letters.iter().collect()
}

fn letter(number: u32) -> char {
    let index = usize::try_from(number % 62).unwrap_or(0);
    char::from(ALPHABET.get(index).copied().unwrap_or(b'0'))
}

/// What its owner calls a key: 1 to 100 characters.
///
/// ```
/// use tollgate_auth::model::api_key::{InvalidKeyName, KeyName};
///
/// let name: KeyName = " nightly report ".parse()?;
/// assert_eq!(name.as_str(), "nightly report");
/// assert_eq!("".parse::<KeyName>(), Err(InvalidKeyName));
/// # Ok::<(), InvalidKeyName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

/// Not a name of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("1 to 100 visible characters")]
pub struct InvalidKeyName;

impl std::str::FromStr for KeyName {
    type Err = InvalidKeyName;

    fn from_str(text: &str) -> Result<Self, InvalidKeyName> {
        let text = text.trim();
        let plain = |char: char| !char.is_control() && !is_invisible(char);
        ((1..=100).contains(&text.chars().count()) && text.chars().all(plain))
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidKeyName)
    }
}

impl KeyName {
    /// One that was checked when it was written down.
    pub(crate) fn kept(text: String) -> Self {
        Self(text)
    }

    /// As typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FieldError for InvalidKeyName {
    fn code(&self) -> &'static str {
        "invalid_name"
    }

    fn detail(&self) -> Text {
        WORDS.text("keys.name")
    }
}

/// A key as a list shows it.
///
/// ```
/// # use tollgate_auth::model::api_key::ApiKey;
/// # use tollgate_kernel::clock::Timestamp;
/// fn unused_since(keys: &[ApiKey], moment: Timestamp) -> Vec<&str> {
///     let idle = keys.iter().filter(|key| key.last_used_at.is_none_or(|at| at < moment));
///     idle.map(|key| key.key_prefix.as_str()).collect()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Of the key.
    pub id: ApiKeyId,
    /// `sk_live_abc...`
    pub key_prefix: String,
    /// What its owner calls it.
    pub name: String,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
    /// Whether it opens anything.
    pub is_active: bool,
    /// Of the key.
    pub created_at: Timestamp,
    /// `None` = never.
    pub expires_at: Option<Timestamp>,
    /// What limits it.
    pub terms: KeyTerms,
    /// The key it takes the place of.
    pub rotated_from: Option<ApiKeyId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_a7_a_key_checks_itself() {
        let entropy = Entropy::seeded(3);
        let key = PlainKey::random("sk", false, &entropy);
        let text = key.text().to_owned();
        assert_eq!(text.len(), "sk_test_".len() + 49);
        assert!(key.shown().starts_with("sk_test_") && key.shown().len() == "sk_test_".len() + 6);
        assert!(PlainKey::parse(&text, "sk", false).is_some());
        assert!(PlainKey::parse(&text, "sk", true).is_none(), "another mode");
        for index in 8..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(
                PlainKey::parse(&changed, "sk", false).is_none(),
                "character {index}"
            );
        }
        assert!(PlainKey::parse(&text[..20], "sk", false).is_none());
        assert_ne!(PlainKey::random("sk", false, &entropy).text(), text);
    }
}
