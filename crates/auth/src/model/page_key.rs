//! What a browser holds instead of tokens: a secret in a cookie, and the word that its forms carry.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tollgate_kernel::entropy::Entropy;

use super::token::sha256;

/// What the word of a form is made for, so that it is nothing else.
const FORM: &[u8] = b"tollgate form";

/// 256 random bits in a cookie; only their hash rests. Whoever cannot read the cookie cannot make the word that forms
/// carry, so a form of another site has none (OWASP ASVS 3.5.1).
///
/// ```
/// use tollgate_auth::model::page_key::PageKey;
/// use tollgate_kernel::entropy::Entropy;
///
/// let key = PageKey::random(&Entropy::system());
/// let same = PageKey::parse(&key.text()).expect("a key");
/// assert!(same.wrote(&key.form_word()));
/// assert!(!same.wrote("a word of somebody else"));
/// ```
#[derive(Clone)]
pub struct PageKey([u8; 32]);

impl PageKey {
    /// A new one.
    pub fn random(entropy: &Entropy) -> Self {
        Self(entropy.bytes())
    }

    /// As the cookie holds it; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// For the cookie: 43 characters of the URL-safe alphabet (RFC 4648 §5).
    pub fn text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What rests.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.0)
    }

    /// What each form of the page carries.
    pub fn form_word(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, FORM))
    }

    /// Whether a form carries the word of this key.
    pub fn wrote(&self, word: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        BASE64_URL_SAFE_NO_PAD
            .decode(word)
            .is_ok_and(|word| hmac::verify(&key, FORM, &word).is_ok())
    }
}

impl fmt::Debug for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_a1_a_key_is_no_word_and_a_word_no_key() {
        let entropy = Entropy::seeded(1);
        let (mine, other) = (PageKey::random(&entropy), PageKey::random(&entropy));
        assert!(mine.wrote(&mine.form_word()));
        for word in ["", &other.form_word(), &mine.text(), &mine.form_word()[1..]] {
            assert!(!mine.wrote(word), "{word}");
        }
        let read = PageKey::parse(&mine.text()).expect("a key");
        assert_eq!(read.hash(), mine.hash());
        for text in ["", "AAAA", &format!("{}A", mine.text()), &mine.text()[1..]] {
            assert!(PageKey::parse(text).is_none(), "{text}");
        }
    }
}
