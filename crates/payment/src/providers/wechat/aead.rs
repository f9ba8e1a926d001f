//! `AEAD_AES_256_GCM` under the `APIv3` key (payments.md, 3.4).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

const ALGORITHM: &str = "AEAD_AES_256_GCM";
const KEY_BYTES: usize = 32;

/// Something encrypted for us, as it stands in WeChat's JSON.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sealed {
    algorithm: String,
    nonce: String,
    associated_data: Option<String>,
    ciphertext: String,
}

/// Why it stays closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OpenError {
    /// Another algorithm.
    #[error("is not encrypted with AEAD_AES_256_GCM")]
    Algorithm,
    /// Another key, or another content than was encrypted.
    #[error("does not open with WECHAT_API_KEY: is it the APIv3 key of this merchant?")]
    Closed,
}

/// `WECHAT_API_KEY`
pub(super) struct Api3Key(LessSafeKey);

impl fmt::Debug for Api3Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api3Key")
    }
}

impl Api3Key {
    /// Of exactly 32 bytes.
    ///
    /// # Errors
    /// What is wrong with it, without a byte of it.
    pub(super) fn new(text: &SecretString) -> Result<Self, String> {
        let bytes = text.expose_secret().as_bytes();
        if bytes.len() != KEY_BYTES {
            return Err(format!(
                "has {} bytes and must have exactly {KEY_BYTES}: it is the APIv3 key of the merchant console, \
                 not the key of the older API",
                bytes.len()
            ));
        }
        UnboundKey::new(&AES_256_GCM, bytes)
            .map(|key| Self(LessSafeKey::new(key)))
            .map_err(|_| "is not a key of AES-256".to_owned())
    }

    /// What was encrypted.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(super) fn open(&self, sealed: &Sealed) -> Result<Vec<u8>, OpenError> {
        if sealed.algorithm != ALGORITHM {
            return Err(OpenError::Algorithm);
        }
        let nonce = Nonce::try_assume_unique_for_key(sealed.nonce.as_bytes())
            .map_err(|_| OpenError::Closed)?;
        let mut bytes = BASE64_STANDARD
            .decode(&sealed.ciphertext)
            .map_err(|_| OpenError::Closed)?;
        let beside = Aad::from(sealed.associated_data.as_deref().unwrap_or_default());
        let opened = self.0.open_in_place(nonce, beside, &mut bytes);
        opened
            .map(|plain| plain.to_vec())
            .map_err(|_| OpenError::Closed)
    }
}
