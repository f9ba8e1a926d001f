//! Puts a new key of access tokens in the place of the one that signs, without signing anybody out.

use tollgate_storage::Result;

use crate::AuthService;
use crate::signing::{self, RotateError, Rotation};

impl AuthService {
    /// A new signing key, published at once; it signs after [`PUBLISHED_FOR`](crate::PUBLISHED_FOR). A
    /// wish while a key is next changes nothing: two at once make one rotation.
    ///
    /// ```
    /// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
    /// # use tollgate_kernel::entropy::Entropy;
    /// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
    /// # use tollgate_auth::PUBLISHED_FOR;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
    /// # let mut config = AuthConfig::new("https://shop.example");
    /// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
    /// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
    /// # let auth = builder.weak_hashing_for_tests().build().await?;
    /// let rotation = auth.rotate_signing_keys().await?;
    /// assert!(rotation.begun);
    /// let again = auth.rotate_signing_keys().await?;
    /// assert_eq!((again.kid, again.begun), (rotation.kid, false));
    /// assert_eq!(again.signs_at, rotation.signs_at);
    /// # Ok(())
    /// # }
    /// ```
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
