//! `AEAD_AES_256_GCM` under the `APIv3` key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tollgate_kernel::entropy::Entropy;

use crate::SandboxError;

/// Twelve characters, which stand in the JSON as they are.
const NONCE_BYTES: usize = 6;

/// Encrypts for whoever has the key of 32 bytes.
pub(super) fn seal(
    key: &str,
    beside: &str,
    plain: &[u8],
    entropy: &Entropy,
) -> Result<Value, SandboxError> {
    let broken = |_| SandboxError::Key("APIv3 key cannot encrypt");
    let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).map_err(broken)?;
    let nonce = hex::encode(entropy.bytes::<NONCE_BYTES>());
    let once = Nonce::try_assume_unique_for_key(nonce.as_bytes()).map_err(broken)?;
    let mut bytes = plain.to_vec();
    LessSafeKey::new(key)
        .seal_in_place_append_tag(once, Aad::from(beside), &mut bytes)
        .map_err(broken)?;
    Ok(json!({
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": beside,
        "ciphertext": BASE64_STANDARD.encode(bytes),
    }))
}
