//! The first admin: made by the house at a start, or on the command line.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::StorageError;
use tollgate_storage::audit::Actor;

use super::one_time_link::make;
use super::records::{Deed, record};
use crate::hashing::Busy;
use crate::model::one_time::Purpose;
use crate::model::password::WeakPassword;
use crate::model::user::{Email, Locale, User, Username};
use crate::store::users::{self, NewUser};
use crate::store::{one_time_tokens, sessions, staff};
use crate::{AuthService, Parts};

/// Why there is no admin.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::AdminError;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let mut config = AuthConfig::new("https://shop.example");
/// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
/// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
/// # let auth = builder.weak_hashing_for_tests().build().await?;
/// let email = "ops@example.com".parse()?;
/// let missing = auth.reset_password_of(&email).await;
/// assert!(matches!(missing, Err(AdminError::NotFound)));
/// let weak = auth.put_admin(&email, &"operator".parse()?, &"12345678".into()).await;
/// assert!(matches!(weak, Err(AdminError::Weak(_))));
///
/// let admin = auth.put_admin(&email, &"operator".parse()?, &"plum orchard lantern 7".into()).await?;
/// assert!(admin.is_superuser);
/// auth.reset_password_of(&email).await?;
/// assert!(!auth.remove_second_factors_of(&email).await?, "there was none");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// Not a password to choose.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// Somebody else has the address or the name.
    #[error("the address or the name is taken")]
    Taken,
    /// No such person.
    #[error("there is no such person")]
    NotFound,
    /// Unknown, used, replaced or too old.
    #[error("the link does not work")]
    Token,
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// How the first admin gets in. Both work until an admin has signed in; a new start makes new ones.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::Login;
/// # use tollgate_kernel::origin::Origin;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let mut config = AuthConfig::new("https://shop.example");
/// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
/// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
/// # let auth = builder.weak_hashing_for_tests().build().await?;
/// let email = "ops@example.com".parse()?;
/// let first = auth.first_admin(&email, None).await?.expect("nobody has signed in");
/// let login = Login {
///     email: Some(first.email),
///     username: None,
///     password: first.password,
///     device: None,
/// };
/// assert!(auth.login(&login, &Origin::default()).await?.user.is_superuser);
/// assert!(auth.first_admin(&email, None).await?.is_none(), "somebody can get in");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FirstAdmin {
    /// Of the account.
    pub email: String,
    /// To sign in with.
    pub password: SecretString,
    /// Signs in once; half an hour is enough.
    pub link: Option<SecretString>,
}

impl AuthService {
    /// Makes sure that somebody can get in: as long as no admin has ever signed in, `email` is a
    /// superuser with a new password and a new link. With `password` the account is made once under it,
    /// nothing is given back, and a later change of it is kept.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn first_admin(
        &self,
        email: &Email,
        password: Option<&SecretString>,
    ) -> Result<Option<FirstAdmin>, AdminError> {
        let parts = self.parts();
        let mut tx = parts.db.begin().await?;
        let (admins, signed_in) = staff::admins(&mut tx).await?;
        tx.commit().await?;
        if signed_in || (password.is_some() && admins > 0) {
            return Ok(None);
        }
        let made = password.is_none().then(|| random_password(parts));
        let Some(chosen) = made.as_ref().or(password) else {
            return Ok(None);
        };
        let username: Username = "operator".parse().map_err(|_| AdminError::Taken)?;
        let user = self.put_admin(email, &username, chosen).await?;
        let Some(password) = made else {
            return Ok(None);
        };
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let address = email.as_str();
        let link = make(parts, &mut tx, Purpose::Setup, Some(user.id), address, now).await?;
        tx.commit().await?;
        Ok(Some(FirstAdmin {
            email: address.to_owned(),
            password,
            link: link.map(SecretString::from),
        }))
    }

    /// Makes a superuser, on the command line; somebody who is there becomes one.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::{AdminError, AuthService};
    /// async fn another(auth: &AuthService, password: &SecretString) -> Result<String, AdminError> {
    ///     let email = "bob@example.com".parse().map_err(|_| AdminError::NotFound)?;
    ///     let username = "bob".parse().map_err(|_| AdminError::Taken)?;
    ///     Ok(auth.put_admin(&email, &username, password).await?.id.to_string())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_admin(
        &self,
        email: &Email,
        username: &Username,
        password: &SecretString,
    ) -> Result<User, AdminError> {
        let parts = self.parts();
        let words = vec![email.as_str().to_owned(), username.as_str().to_owned()];
        let hashed = parts
            .hasher
            .choose(password.expose_secret(), words)
            .await??;
        let now = parts.clock.now();
        let id: UserId = parts.ids.at(now);
        let mut tx = parts.db.begin().await?;
        let new = NewUser {
            id,
            email,
            username,
            hashed_password: Some(&hashed),
            is_superuser: true,
            locale: Locale::default(),
        };
        if users::insert(&mut tx, &new, now).await?.is_some() {
            let origin = Origin::default();
            let deed = operator("user.created", id, &origin);
            record(parts, &mut tx, deed, now).await?;
            tx.commit().await?;
            return self.find_user(id).await?.ok_or(AdminError::NotFound);
        }
        tx.rollback().await?;
        let found = users::find_login_by_email(&parts.db, email).await?;
        let id = found.ok_or(AdminError::Taken)?.id;
        self.force_password(id, &hashed, true).await?;
        self.find_user(id).await?.ok_or(AdminError::NotFound)
    }

    /// A new password for somebody, on the command line; every sign-in of theirs ends.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn reset_password_of(&self, email: &Email) -> Result<SecretString, AdminError> {
        let parts = self.parts();
        let found = users::find_login_by_email(&parts.db, email).await?;
        let id = found.ok_or(AdminError::NotFound)?.id;
        let password = random_password(parts);
        let hashed = parts.hasher.hash(password.expose_secret()).await?;
        self.force_password(id, &hashed, false).await?;
        Ok(password)
    }

    /// Takes somebody's second factor away, on the command line. `false`: there was none.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn remove_second_factors_of(&self, email: &Email) -> Result<bool, AdminError> {
        let found = users::find_login_by_email(&self.parts().db, email).await?;
        let id = found.ok_or(AdminError::NotFound)?.id;
        let origin = Origin::default();
        let removed = self.remove_second_factors(id, Actor::Operator, None, &origin);
        Ok(removed.await?)
    }

    async fn force_password(
        &self,
        id: UserId,
        hashed: &str,
        superuser: bool,
    ) -> Result<(), AdminError> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        if !staff::force_password(&mut tx, id, hashed, now).await? {
            return Err(AdminError::NotFound);
        }
        if superuser {
            staff::make_superuser(&mut tx, id, now).await?;
        }
        sessions::revoke_others(&mut tx, id, None, "password reset", now).await?;
        one_time_tokens::revoke_all(&mut tx, id, now).await?;
        let origin = Origin::default();
        record(
            parts,
            &mut tx,
            operator("user.password_reset", id, &origin),
            now,
        )
        .await?;
        tx.commit().await?;
        self.ended_here().await;
        Ok(())
    }
}

pub(super) fn operator<'a>(action: &'static str, user: UserId, origin: &'a Origin) -> Deed<'a> {
    Deed {
        actor: Actor::Operator,
        action,
        subject: user.into(),
        before: None,
        after: None,
        reason: None,
        origin,
    }
}

/// 120 random bits in four groups, easy to type.
fn random_password(parts: &Parts) -> SecretString {
    let bytes: [u8; 15] = parts.entropy.bytes();
    let text = BASE64_URL_SAFE_NO_PAD
        .encode(bytes)
        .replace(['-', '_'], "x");
    let groups: Vec<&str> = (0..4).filter_map(|n| text.get(n * 5..n * 5 + 5)).collect();
    groups.join("-").into()
}
