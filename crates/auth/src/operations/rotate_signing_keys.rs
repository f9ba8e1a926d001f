//! Puts a new key of access tokens in the place of the one that signs, without signing anybody out.

use tollgate_storage::Result;

use crate::AuthService;
use crate::signing::{self, RotateError, Rotation};

impl AuthService {
    /// A new signing key, published at once; it signs after [`PUBLISHED_FOR`](crate::PUBLISHED_FOR). A
    /// wish while a key is next changes nothing: two at once make one rotation.
    ///
    /// # Errors
    /// [`RotateError`].
    pub async fn rotate_signing_keys(&self) -> Result<Rotation, RotateError> {
        let parts = self.parts();
        let now = parts.clock.now();
        let (db, master_key) = (&parts.db, &parts.master_key);
        let rotation = signing::rotate(db, master_key, &parts.entropy, &parts.config, now).await?;
        parts.signing.read_changed(now).await;
        Ok(rotation)
    }
}
