//! Signs somebody in.
//!
//! Nobody learns here which addresses have accounts: a name that is unknown costs one hash like any
//! other, and two names that do not belong together are told apart only to who knows a password.

use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::db::Db;
use tollgate_storage::{Result, StorageError};

use super::devices;
use super::guessing::{self, TooMany};
use super::second_factor::challenge;
use super::session::{Tokens, begin};
use crate::hashing::Busy;
use crate::model::password::is_bounded;
use crate::model::user::{Email, Username};
use crate::store::{known_devices, second_factors, users};
use crate::{AuthService, Parts};

/// Who wants to sign in.
///
/// ```
/// use tollgate_auth::Login;
///
/// let login = Login {
///     email: None,
///     username: Some("ann@example.com".to_owned()), // an address is understood too
///     password: "plum orchard lantern 7".into(),
///     device: None,
/// };
/// assert!(!format!("{login:?}").contains("plum"));
/// ```
#[derive(Clone, Debug)]
pub struct Login {
    /// By address.
    pub email: Option<String>,
    /// By name; an address is understood too.
    pub username: Option<String>,
    /// What the person knows.
    pub password: SecretString,
    /// What an earlier sign-in left on the device.
    pub device: Option<SecretString>,
}

/// Why nobody was signed in.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{Login, Register, model::user::Locale};
/// # use tollgate_kernel::origin::Origin;
/// # use tollgate_auth::LoginError;
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
/// let mut login = Login {
///     email: Some("ann@example.com".to_owned()),
///     username: None,
///     password: "a wrong one".into(),
///     device: None,
/// };
/// let wrong = auth.login(&login, &Origin::default()).await;
/// assert!(matches!(wrong, Err(LoginError::Invalid)));
/// login.email = Some("nobody@example.com".to_owned());
/// let unknown = auth.login(&login, &Origin::default()).await;
/// assert!(matches!(unknown, Err(LoginError::Invalid)), "nobody learns who has an account");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// Neither an address nor a name.
    #[error("neither an address nor a user name")]
    Nameless,
    /// An address and a name that are not of one account.
    #[error("the address and the user name are of two accounts")]
    TwoAccounts,
    /// No such account, or not its password: nobody is told which.
    #[error("wrong account or password")]
    Invalid,
    /// Too many tries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The right password of somebody who has a second factor: half a sign-in.
    #[error("a second factor is needed")]
    SecondFactor(SecretString),
    /// The right password of an account that is deactivated.
    #[error("the account is deactivated")]
    Inactive,
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// Signs in by address or user name. An unknown account costs the same work as a known one.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::{AuthService, Login, LoginError, Tokens};
    /// # use tollgate_kernel::origin::Origin;
    /// enum Step {
    ///     In(Box<Tokens>),
    ///     /// Half a sign-in: the other half is `login_second_factor`.
    ///     Code(SecretString),
    /// }
    ///
    /// async fn sign_in(auth: &AuthService, wish: &Login, origin: &Origin) -> Result<Step, LoginError> {
    ///     match auth.login(wish, origin).await {
    ///         Ok(tokens) => Ok(Step::In(Box::new(tokens))),
    ///         Err(LoginError::SecondFactor(challenge)) => Ok(Step::Code(challenge)),
    ///         Err(error) => Err(error),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn login(&self, wish: &Login, origin: &Origin) -> Result<Tokens, LoginError> {
        let parts = self.parts();
        let password = wish.password.expose_secret();
        let names: Vec<&str> = [&wish.email, &wish.username]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        if names.is_empty() {
            return Err(LoginError::Nameless);
        }
        if !is_bounded(password) {
            return Err(LoginError::Invalid);
        }
        let mut accounts = Vec::new();
        for name in names {
            let found = named(&parts.db, name).await?;
            let counted = counted(parts, name, found.as_ref(), wish.device.as_ref()).await?;
            let guess = guessing::begin(parts, &counted, origin).await??;
            let hashed = found
                .as_ref()
                .and_then(|login| login.hashed_password.as_deref());
            let right = parts.hasher.verify(password, hashed).await?;
            if right {
                guess.right(parts).await?;
            } else {
                guess.wrong(parts).await?;
            }
            accounts.push((found, right));
        }
        if !accounts.iter().any(|(_, right)| *right) {
            return Err(LoginError::Invalid);
        }
        let same = |id: UserId| {
            accounts
                .iter()
                .all(|(found, _)| found.as_ref().is_some_and(|found| found.id == id))
        };
        let Some(login) = accounts.iter().find_map(|(found, _)| found.as_ref()) else {
            return Err(LoginError::Invalid);
        };
        if !same(login.id) {
            return Err(LoginError::TwoAccounts);
        }
        sign_in(parts, login, wish, origin).await
    }
}

/// Under which count a guess falls: that of the account, or of a device its owner has signed in from
/// before, so that strangers' guesses lock strangers out. A name that is nobody's has a count as well.
async fn counted(
    parts: &Parts,
    name: &str,
    found: Option<&users::Login>,
    device: Option<&SecretString>,
) -> Result<String> {
    let Some(login) = found else {
        return Ok(format!("name {}", name.to_lowercase()));
    };
    if let Some(device) = device {
        let hash = devices::hash(parts, device);
        if known_devices::is_known(&parts.db, login.id, &hash).await? {
            return Ok(format!("device {} {}", login.id, device.expose_secret()));
        }
    }
    Ok(format!("account {}", login.id))
}

/// Whom a name names; what is neither an address nor a name is nobody's.
async fn named(db: &Db, name: &str) -> Result<Option<users::Login>> {
    if let Ok(email) = name.parse::<Email>() {
        return users::find_login_by_email(db, &email).await;
    }
    match Username::folded(name) {
        Some(key) => users::find_login_by_username(db, &key).await,
        None => Ok(None),
    }
}

async fn sign_in(
    parts: &Parts,
    login: &users::Login,
    wish: &Login,
    origin: &Origin,
) -> Result<Tokens, LoginError> {
    let password = wish.password.expose_secret();
    let user = users::find(&parts.db, login.id).await?;
    let user = user.ok_or(LoginError::Invalid)?;
    if !user.is_active {
        return Err(LoginError::Inactive);
    }
    if second_factors::find_confirmed(&parts.db, user.id)
        .await?
        .is_some()
    {
        let challenge = challenge(parts, login, parts.clock.now());
        return Err(LoginError::SecondFactor(challenge));
    }
    // Only now is the password known, so only now can its hash be made anew; when the threads are
    // busy, the next sign-in does it.
    let outdated = login
        .hashed_password
        .as_deref()
        .filter(|hashed| parts.hasher.is_outdated(hashed, password));
    let rehashed = match outdated {
        Some(old) => parts.hasher.hash(password).await.ok().map(|new| (old, new)),
        None => None,
    };
    let now = parts.clock.now();
    let mut tx = parts.db.begin().await?;
    if !users::signed_in(&mut tx, login, now).await? {
        return Err(LoginError::Invalid);
    }
    if let Some((old, new)) = rehashed {
        users::rehash(&mut tx, login.id, old, &new).await?;
    }
    let device = devices::welcome(parts, &mut tx, &user, wish.device.as_ref(), origin, now).await?;
    let mut tokens = begin(parts, &mut tx, user, origin, now).await?;
    tokens.device = Some(device);
    tx.commit().await?;
    Ok(tokens)
}
