//! Secrets at rest: encrypted under `MASTER_KEY`, which lies outside the database.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use tollgate_kernel::entropy::Entropy;
use zeroize::Zeroizing;

use crate::{Result, StorageError};

const KEY_LEN: usize = 32;
/// A sealed value begins with the id of the key that sealed it, so that keys can be changed.
const KEY_ID_LEN: usize = 4;

/// The one key from which all others come.
///
/// ```
/// use tollgate_kernel::entropy::Entropy;
/// use tollgate_storage::seal::MasterKey;
/// # use tollgate_storage::StorageError;
///
/// let entropy = Entropy::system();
/// let key = MasterKey::generate(&entropy);
/// let sealed = key.seal("hook secret", b"sesame", &entropy);
/// assert_eq!(sealed.len(), 6 + 32);
/// assert_eq!(key.open("hook secret", &sealed)?.as_slice(), b"sesame");
/// assert!(matches!(key.open("letter", &sealed), Err(StorageError::Sealed)));
///
/// let read_back = MasterKey::parse(&key.to_base64())?;
/// let hash = |key: &MasterKey| key.keyed_hash("address", b"ada@shop.example");
/// assert_eq!(hash(&read_back), hash(&key));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; KEY_LEN]>);

/// Not 32 bytes in base64.
///
/// ```
/// # use tollgate_storage::seal::{InvalidMasterKey, MasterKey};
/// assert_eq!(MasterKey::parse("too short").err(), Some(InvalidMasterKey));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 32 bytes in base64")]
pub struct InvalidMasterKey;

impl MasterKey {
    /// A new one.
    pub fn generate(entropy: &Entropy) -> Self {
        Self(Zeroizing::new(entropy.bytes()))
    }

    /// From base64, in either alphabet.
    ///
    /// # Errors
    /// Not 32 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidMasterKey> {
        let text = text.trim();
        let bytes = BASE64_STANDARD
            .decode(text)
            .or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')))
            .map(Zeroizing::new)
            .map_err(|_| InvalidMasterKey)?;
        let key = <[u8; KEY_LEN]>::try_from(bytes.as_slice()).map_err(|_| InvalidMasterKey)?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// As base64, for the file it is kept in.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_STANDARD.encode(self.0.as_slice()))
    }

    /// A keyed hash for one purpose: the same input gives the same 32 bytes on every instance,
    /// and nobody without the key can say what they are.
    pub fn keyed_hash(&self, purpose: &str, input: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, self.derive(purpose).as_slice()),
            input,
        );
        let mut out = [0; 32];
        out.copy_from_slice(tag.as_ref());
        out
    }

    /// A key of its own for each purpose (NIST SP 800-108 §4.1 with one block of HMAC-SHA-256).
    fn derive(&self, purpose: &str) -> Zeroizing<[u8; KEY_LEN]> {
        let label = [b"tollgate ".as_slice(), purpose.as_bytes()].concat();
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice()),
            &label,
        );
        let mut key = Zeroizing::new([0; KEY_LEN]);
        key.copy_from_slice(tag.as_ref());
        key
    }

    /// Encrypts (AES-256-GCM); opens only for the same purpose.
    ///
    /// # Panics
    /// Never: the key has the cipher's length and the text is far below its limit.
    pub fn seal(&self, purpose: &str, plain: &[u8], entropy: &Entropy) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = entropy.bytes();
        let mut body = plain.to_vec();
        self.cipher(purpose)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(purpose),
                &mut body,
            )
            .expect("a secret is far shorter than the cipher's limit");
        [self.id().as_slice(), &nonce, &body].concat()
    }

    /// Decrypts what [`MasterKey::seal`] made for the same purpose.
    ///
    /// # Errors
    /// [`StorageError::Sealed`].
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let (id, rest) = sealed
            .split_at_checked(KEY_ID_LEN)
            .ok_or(StorageError::Sealed)?;
        if id != self.id() {
            return Err(StorageError::Sealed);
        }
        let (nonce, body) = rest
            .split_at_checked(NONCE_LEN)
            .ok_or(StorageError::Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| StorageError::Sealed)?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain = self
            .cipher(purpose)
            .open_in_place(nonce, Aad::from(purpose), &mut body)
            .map_err(|_| StorageError::Sealed)?;
        Ok(Zeroizing::new(plain.to_vec()))
    }

    fn cipher(&self, purpose: &str) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, self.derive(purpose).as_slice())
            .expect("the derived key has the cipher's length");
        LessSafeKey::new(key)
    }

    fn id(&self) -> [u8; KEY_ID_LEN] {
        let hash = digest::digest(&digest::SHA256, self.derive("key id").as_slice());
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(&hash.as_ref()[..KEY_ID_LEN]);
        id
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_purpose_open() {
        let entropy = Entropy::seeded(1);
        let key = MasterKey::generate(&entropy);
        let sealed = key.seal("signing key", b"secret", &entropy);
        assert_eq!(
            key.open("signing key", &sealed).expect("opens").as_slice(),
            b"secret"
        );
        assert!(key.open("mail", &sealed).is_err());
        assert!(
            MasterKey::generate(&entropy)
                .open("signing key", &sealed)
                .is_err()
        );
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(key.open("signing key", &changed).is_err(), "byte {index}");
        }
        for length in 0..sealed.len() {
            assert!(key.open("signing key", &sealed[..length]).is_err());
        }
    }

    #[test]
    fn a_key_is_32_bytes_in_base64() {
        let key = MasterKey::generate(&Entropy::seeded(2));
        let again = MasterKey::parse(&key.to_base64()).expect("its own text");
        assert_eq!(key.keyed_hash("a", b"x"), again.keyed_hash("a", b"x"));
        assert_ne!(key.keyed_hash("a", b"x"), key.keyed_hash("b", b"x"));
        for text in [
            "",
            "short",
            "AAAA",
            "not base64 at all, but long enough to be",
        ] {
            assert!(MasterKey::parse(text).is_err());
        }
    }
}
