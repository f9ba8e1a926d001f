//! An address is its owner's: asked by letter, shown by the link.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::Actor;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError, throttle};

use super::guessing::{LETTERS, subject};
use super::one_time_link::{MINUTES, make};
use super::records::{Deed, record, tell};
use crate::mailer::{Content, Letter, post};
use crate::model::one_time::{OneTimeToken, Purpose};
use crate::model::user::{Email, User};
use crate::store::{one_time_tokens, users};
use crate::{AuthService, Parts};

/// Why an address is not confirmed.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::VerifyEmailError;
/// # use tollgate_kernel::origin::Origin;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let mut config = AuthConfig::new("https://shop.example");
/// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
/// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
/// # let auth = builder.weak_hashing_for_tests().build().await?;
/// let made_up = auth.verify_email(&"ot_AAAA".into(), &Origin::default()).await;
/// assert!(matches!(made_up, Err(VerifyEmailError::Token)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyEmailError {
    /// Unknown, used, replaced, ended or too old: nobody is told which.
    #[error("the link does not work")]
    Token,
    /// Somebody else has the address by now.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// A letter that asks for confirmation, inside the transaction of what it follows.
pub(super) async fn ask(parts: &Parts, tx: &mut Tx, user: &User, now: Timestamp) -> Result<()> {
    let purpose = Purpose::VerifyEmail;
    let link = make(parts, tx, purpose, Some(user.id), &user.email, now).await?;
    let Some(link) = link else { return Ok(()) };
    let content = Content::VerifyEmail {
        link,
        minutes: MINUTES,
    };
    post(parts, tx, &Letter::to(user, content), now).await
}

impl AuthService {
    /// Sends the letter again, at most five in an hour; more are not sent, and nobody is told.
    ///
    /// ```
    /// # use tollgate_auth::{AuthService, model::user::User};
    /// async fn again(auth: &AuthService, user: &User) -> tollgate_storage::Result<bool> {
    ///     auth.resend_verification(user).await?;
    ///     Ok(user.email_verified_at.is_none()) // whether a letter may come
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn resend_verification(&self, user: &User) -> Result<()> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let to = subject(parts, &user.email);
        let may = throttle::hit(&mut tx, &LETTERS, &to, now).await?.is_none();
        if may && user.email_verified_at.is_none() {
            ask(parts, &mut tx, user, now).await?;
        }
        tx.commit().await
    }

    /// Confirms the address that the link was sent to: the account's own, or the one it is to have.
    ///
    /// # Errors
    /// [`VerifyEmailError`].
    pub async fn verify_email(
        &self,
        token: &SecretString,
        origin: &Origin,
    ) -> Result<(), VerifyEmailError> {
        let parts = self.parts();
        let token = OneTimeToken::parse(token.expose_secret()).ok_or(VerifyEmailError::Token)?;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let own = one_time_tokens::spend(&mut tx, &token, Purpose::VerifyEmail, now).await?;
        if let Some(own) = own {
            let user = own.user.ok_or(VerifyEmailError::Token)?;
            if !users::verify_email(&mut tx, user, &own.email, now).await? {
                return Err(VerifyEmailError::Token);
            }
            tell(parts, &mut tx, "user.updated", user, now).await?;
            tx.commit().await?;
            return Ok(());
        }
        let new = one_time_tokens::spend(&mut tx, &token, Purpose::ChangeEmail, now).await?;
        let new = new.ok_or(VerifyEmailError::Token)?;
        let user = new.user.ok_or(VerifyEmailError::Token)?;
        let email: Email = new.email.parse().map_err(|_| VerifyEmailError::Token)?;
        self.take_new_email(tx, user, &email, origin, now).await
    }

    async fn take_new_email(
        &self,
        mut tx: Tx,
        user_id: UserId,
        email: &Email,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(), VerifyEmailError> {
        let parts = self.parts();
        let old = users::read(&mut tx, user_id).await?;
        let old = old.ok_or(VerifyEmailError::Token)?;
        match users::change_email(&mut tx, user_id, email, now).await {
            Ok(true) => {}
            Ok(false) | Err(StorageError::Conflict { .. }) => {
                return Err(VerifyEmailError::EmailTaken);
            }
            Err(error) => return Err(error.into()),
        }
        // What was on its way to the old address is for nobody now.
        one_time_tokens::revoke_all(&mut tx, user_id, now).await?;
        let deed = Deed {
            actor: Actor::of(origin),
            action: "user.email_changed",
            subject: user_id.into(),
            before: Some(json!({ "email": masked(&old.email) })),
            after: Some(json!({ "email": masked(email.as_str()) })),
            reason: None,
            origin,
        };
        record(parts, &mut tx, deed, now).await?;
        tell(parts, &mut tx, "user.updated", user_id, now).await?;
        let content = Content::EmailChanged {
            new_email: masked(email.as_str()),
        };
        post(parts, &mut tx, &Letter::to(&old, content), now).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// `a***@example.com`
pub(super) fn masked(email: &str) -> String {
    let (local, domain) = email.split_once('@').unwrap_or((email, ""));
    let first: String = local.chars().take(1).collect();
    format!("{first}***@{domain}")
}
