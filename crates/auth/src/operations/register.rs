//! Opens an account.

use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::guessing::TooMany;
use super::records::tell;
use super::update_profile::told_taken;
use super::verify_email;
use crate::config::Registration;
use crate::hashing::Busy;
use crate::model::one_time::{OneTimeToken, Purpose};
use crate::model::password::{WeakPassword, is_bounded};
use crate::model::user::{Email, Locale, User, Username};
use crate::store::one_time_tokens;
use crate::store::users::{self, NewUser};
use crate::{AuthService, Parts};

/// An account to open.
///
/// ```
/// use tollgate_auth::Register;
/// use tollgate_auth::model::user::Locale;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let wish = Register {
///     email: "Ann@Example.com".parse()?,
///     username: "Ann".parse()?,
///     password: "plum orchard lantern 7".into(),
///     locale: Locale::En,
///     invite: None,
/// };
/// assert_eq!(wish.email.as_str(), "ann@example.com");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Register {
    /// Where the person is reached.
    pub email: Email,
    /// What the person is called.
    pub username: Username,
    /// What the person knows.
    pub password: SecretString,
    /// In which language the person is written to.
    pub locale: Locale,
    /// From the link of an invitation; needed where registration is by invitation.
    pub invite: Option<SecretString>,
}

/// Why no account was opened.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{Login, Register, model::user::Locale};
/// # use tollgate_kernel::origin::Origin;
/// # use tollgate_auth::RegisterError;
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
/// let again = auth.register(&wish, &Origin::default()).await;
/// assert!(matches!(again, Err(RegisterError::EmailTaken)));
/// let weak = Register {
///     email: "bob@example.com".parse()?,
///     username: "bob".parse()?,
///     password: "12345678".into(),
///     ..wish
/// };
/// let weak = auth.register(&weak, &Origin::default()).await;
/// assert!(matches!(weak, Err(RegisterError::Weak(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Nobody may register.
    #[error("registration is closed")]
    Closed,
    /// By invitation only, and this is none for this address.
    #[error("registration is by invitation")]
    NotInvited,
    /// Too many answers that an address is taken.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Not a password to choose.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// Somebody has the address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Somebody has the name.
    #[error("the user name is taken")]
    UsernameTaken,
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// Opens an account; of many who ask for one address at once, one gets it.
    ///
    /// ```
    /// # use tollgate_auth::{AuthService, Register, RegisterError};
    /// # use tollgate_kernel::{ids::UserId, origin::Origin};
    /// async fn sign_up(auth: &AuthService, wish: &Register, origin: &Origin) -> Result<UserId, RegisterError> {
    ///     Ok(auth.register(wish, origin).await?.id)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`RegisterError`].
    pub async fn register(&self, wish: &Register, origin: &Origin) -> Result<User, RegisterError> {
        let parts = self.parts();
        let invite = match parts.config.registration {
            Registration::Open => None,
            Registration::Invite => Some(invited(parts, wish).await?),
            Registration::Closed => return Err(RegisterError::Closed),
        };
        let password = wish.password.expose_secret();
        if !is_bounded(password) {
            return Err(WeakPassword::Length.into());
        }
        let words = vec![
            wish.email.as_str().to_owned(),
            wish.username.as_str().to_owned(),
        ];
        let hashed = parts.hasher.choose(password, words).await??;
        let now = parts.clock.now();
        let id: UserId = parts.ids.at(now);
        let mut tx = parts.db.begin().await?;
        if let Some(token) = &invite {
            let spent = one_time_tokens::spend(&mut tx, token, Purpose::Invite, now).await?;
            spent.ok_or(RegisterError::NotInvited)?;
        }
        let email = &wish.email;
        let new = NewUser {
            id,
            email,
            username: &wish.username,
            hashed_password: Some(&hashed),
            is_superuser: false,
            locale: wish.locale,
        };
        if let Some(user) = users::insert(&mut tx, &new, now).await? {
            if invite.is_some() {
                // Who came by the link reads the mail of the address.
                users::verify_email(&mut tx, id, email.as_str(), now).await?;
            } else {
                verify_email::ask(parts, &mut tx, &user, now).await?;
            }
            tell(parts, &mut tx, "user.created", id, now).await?;
            welcome(parts, &mut tx, id, email, now).await?;
            tx.commit().await?;
            return self.find_user(id).await?.ok_or(RegisterError::EmailTaken);
        }
        drop(tx);
        // Both may be taken; the address is told first, since it is what a person has one of.
        if users::is_email_known(&parts.db, email).await? {
            told_taken(parts, origin).await??;
            return Err(RegisterError::EmailTaken);
        }
        Err(RegisterError::UsernameTaken)
    }

    /// Who may register.
    ///
    /// ```
    /// # use tollgate_auth::{AuthService, Registration};
    /// fn has_a_way_in(auth: &AuthService) -> bool {
    ///     auth.registration() == Registration::Open
    /// }
    /// ```
    pub fn registration(&self) -> Registration {
        self.parts().config.registration
    }

    /// A person, whoever asks.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::ids::UserId;
    /// async fn name(auth: &AuthService, id: UserId) -> tollgate_storage::Result<Option<String>> {
    ///     Ok(auth.find_user(id).await?.map(|user| user.username))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn find_user(&self, id: UserId) -> Result<Option<User>> {
        users::find(&self.parts().db, id).await
    }
}

/// Gives a new person what everybody gets, with the account or not at all.
pub(super) async fn welcome(
    parts: &Parts,
    tx: &mut Tx,
    id: UserId,
    email: &Email,
    now: Timestamp,
) -> Result<()> {
    match &parts.newcomers {
        Some(newcomers) => newcomers.welcome(tx, id, &email.folded(), now).await,
        None => Ok(()),
    }
}

/// The invitation, if it is one for this address. Looked at before the dear part, used up after it.
async fn invited(parts: &Parts, wish: &Register) -> Result<OneTimeToken, RegisterError> {
    let text = wish.invite.as_ref().ok_or(RegisterError::NotInvited)?;
    let token = OneTimeToken::parse(text.expose_secret()).ok_or(RegisterError::NotInvited)?;
    let now = parts.clock.now();
    let open = one_time_tokens::find_open(&parts.db, &token, Purpose::Invite, now).await?;
    open.filter(|open| open.email == wish.email.as_str())
        .map(|_| token)
        .ok_or(RegisterError::NotInvited)
}
