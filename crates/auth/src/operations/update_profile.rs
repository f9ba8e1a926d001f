//! Changes what a person says of themselves. Another address takes the password, and counts once the
//! new address has confirmed it.

use secrecy::SecretString;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::{StorageError, throttle};

use super::current_password::current_password;
use super::guessing::{LETTERS, TAKEN, TooMany, subject};
use super::one_time_link::{MINUTES, make};
use super::records::tell;
use super::verify_email::masked;
use crate::hashing::Busy;
use crate::mailer::{Content, Letter, post};
use crate::model::one_time::Purpose;
use crate::model::user::{Email, Locale, User, Username};
use crate::store::users;
use crate::{AuthService, Parts};

/// What is to be different; `None` stays.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{Login, Register, model::user::Locale};
/// # use tollgate_kernel::origin::Origin;
/// # use tollgate_auth::{ProfileChange, ProfileError};
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
/// let change = ProfileChange {
///     username: Some("Ann-2".parse()?),
///     ..ProfileChange::default()
/// };
/// let changed = auth.update_profile(&user, &change, &Origin::default()).await?;
/// assert_eq!(changed.username, "Ann-2");
///
/// // Another address takes the password, and counts once it is confirmed.
/// let mut change = ProfileChange {
///     email: Some("ann@example.org".parse()?),
///     ..ProfileChange::default()
/// };
/// let refused = auth.update_profile(&changed, &change, &Origin::default()).await;
/// assert!(matches!(refused, Err(ProfileError::PasswordNeeded)));
/// change.current_password = Some("plum orchard lantern 7".into());
/// let asked = auth.update_profile(&changed, &change, &Origin::default()).await?;
/// assert_eq!(asked.email, "ann@example.com");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    /// What the person is called.
    pub username: Option<Username>,
    /// Where the person is reached.
    pub email: Option<Email>,
    /// In which language.
    pub locale: Option<Locale>,
    /// Needed for another address.
    pub current_password: Option<SecretString>,
}

/// Why nothing was changed.
///
/// ```
/// # use tollgate_auth::ProfileError;
/// fn field(error: &ProfileError) -> Option<&'static str> {
///     match error {
///         ProfileError::EmailTaken => Some("/email"),
///         ProfileError::UsernameTaken => Some("/username"),
///         ProfileError::PasswordNeeded | ProfileError::WrongCurrent => Some("/current_password"),
///         _ => None,
///     }
/// }
/// assert_eq!(field(&ProfileError::UsernameTaken), Some("/username"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Another address takes the password.
    #[error("another address takes the present password")]
    PasswordNeeded,
    /// Not the present password.
    #[error("not the present password")]
    WrongCurrent,
    /// Too many tries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Somebody has the address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Somebody has the name.
    #[error("the user name is taken")]
    UsernameTaken,
    /// No such person any more.
    #[error("there is no such person")]
    Gone,
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// Changes a profile. Gives the person as they are then: a new address is not among it yet.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub async fn update_profile(
        &self,
        user: &User,
        change: &ProfileChange,
        origin: &Origin,
    ) -> Result<User, ProfileError> {
        let parts = self.parts();
        let new_email = change
            .email
            .as_ref()
            .filter(|email| email.as_str() != user.email);
        if let Some(email) = new_email {
            may_have(parts, user.id, email, change, origin).await?;
        }
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let (username, locale) = (change.username.as_ref(), change.locale);
        if username.is_some() || locale.is_some() {
            match users::change_profile(&mut tx, user.id, username, locale, now).await {
                Ok(true) => tell(parts, &mut tx, "user.updated", user.id, now).await?,
                Ok(false) | Err(StorageError::Conflict { .. }) => {
                    return Err(ProfileError::UsernameTaken);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(email) = new_email {
            let to = subject(parts, email.as_str());
            if throttle::hit(&mut tx, &LETTERS, &to, now).await?.is_none() {
                let purpose = Purpose::ChangeEmail;
                let address = email.as_str();
                let link = make(parts, &mut tx, purpose, Some(user.id), address, now).await?;
                let changed = users::read(&mut tx, user.id).await?;
                let changed = changed.ok_or(ProfileError::Gone)?;
                if let Some(link) = link {
                    let minutes = MINUTES;
                    let content = Content::ConfirmNewEmail { link, minutes };
                    let mut letter = Letter::to(&changed, content);
                    address.clone_into(&mut letter.to);
                    post(parts, &mut tx, &letter, now).await?;
                }
                let new_email = masked(address);
                let content = Content::EmailChangeAsked { new_email };
                post(parts, &mut tx, &Letter::to(&changed, content), now).await?;
            }
        }
        tx.commit().await?;
        self.find_user(user.id).await?.ok_or(ProfileError::Gone)
    }
}

/// The password first, then whether somebody has the address: the second documented answer that names
/// accounts, bounded like the first.
async fn may_have(
    parts: &Parts,
    user: UserId,
    email: &Email,
    change: &ProfileChange,
    origin: &Origin,
) -> Result<(), ProfileError> {
    let password = change
        .current_password
        .as_ref()
        .ok_or(ProfileError::PasswordNeeded)?;
    current_password(parts, user, password).await?;
    if !users::is_email_known(&parts.db, email).await? {
        return Ok(());
    }
    told_taken(parts, origin).await??;
    Err(ProfileError::EmailTaken)
}

/// Counts an answer "taken" to a block of addresses.
pub(super) async fn told_taken(
    parts: &Parts,
    origin: &Origin,
) -> Result<Result<(), TooMany>, StorageError> {
    if origin.address.is_none() {
        return Ok(Ok(()));
    }
    let block = subject(parts, &origin.address_block());
    super::guessing::count(parts, &TAKEN, &block).await
}
