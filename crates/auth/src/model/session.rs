//! A sign-in as its owner sees it.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SessionId;

/// A live sign-in.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{Login, Register, model::user::Locale};
/// # use tollgate_kernel::origin::Origin;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let mut config = AuthConfig::new("https://shop.example");
/// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
/// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
/// # let auth = builder.weak_hashing_for_tests().build().await?;
/// # let wish = Register {
/// #     email: "ann@example.com".parse()?,
/// #     username: "ann".parse()?,
/// #     password: "plum orchard lantern 7".into(),
/// #     locale: Locale::En,
/// #     invite: None,
/// # };
/// # let user = auth.register(&wish, &Origin::default()).await?;
///
/// let login = Login {
///     email: Some("ann@example.com".to_owned()),
///     username: None,
///     password: "plum orchard lantern 7".into(),
///     device: None,
/// };
/// let phone = Origin { device: Some("Phone/1".to_owned()), ..Origin::default() };
/// auth.login(&login, &phone).await?;
/// auth.login(&login, &Origin::default()).await?;
///
/// let sign_ins = auth.list_sessions(user.id).await?; // newest first
/// assert_eq!(sign_ins.len(), 2);
/// assert_eq!(sign_ins[1].device.as_deref(), Some("Phone/1"));
/// assert!(auth.end_session(user.id, sign_ins[1].id).await?);
/// assert!(!auth.end_session(user.id, sign_ins[1].id).await?, "it is over");
/// assert_eq!(auth.end_other_sessions(user.id, Some(sign_ins[0].id)).await?, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// `sid` of its access tokens.
    pub id: SessionId,
    /// As the device calls itself.
    pub device: Option<String>,
    /// From where it began.
    pub address: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// When it was last renewed.
    pub last_seen_at: Timestamp,
    /// However often it is renewed.
    pub expires_at: Timestamp,
}

/// A sign-in as staff see it, live or over.
///
/// ```
/// use tollgate_auth::model::session::PastSignIn;
///
/// fn is_live(sign_in: &PastSignIn) -> bool {
///     sign_in.ended_at.is_none()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastSignIn {
    /// Of the sign-in.
    pub id: SessionId,
    /// As the device calls itself.
    pub device: Option<String>,
    /// From where it began.
    pub address: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// When it was ended, if somebody did.
    pub ended_at: Option<Timestamp>,
}
