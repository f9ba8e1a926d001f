//! Another password, by somebody who reads the account's mail.
//!
//! Whether an address has an account is not told: the question is written down and answered the same
//! way in every case, and the account is looked up afterwards, by the worker.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::JobId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::Actor;
use tollgate_storage::jobs::{self, Job, NewJob};
use tollgate_storage::{Result, StorageError, throttle};

use super::guessing::{LETTERS, LETTERS_ASKED, TooMany, subject};
use super::one_time_link::{MINUTES, make};
use super::records::{Deed, record, tell};
use crate::hashing::Busy;
use crate::mailer::{Content, Letter, post};
use crate::model::one_time::{OneTimeToken, Purpose};
use crate::model::password::{WeakPassword, is_bounded};
use crate::model::user::Email;
use crate::store::{one_time_tokens, sessions, users};
use crate::{AuthService, Parts};

/// Questions that wait for the worker.
pub(crate) const LANE: &str = "accounts";
const KIND: &str = "reset_password";
const SEALED: &str = "reset question";

/// Why no reset was asked for.
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_auth::{AskResetError, TooMany};
/// let error = AskResetError::from(TooMany(Duration::from_secs(60)));
/// assert_eq!(error.to_string(), "too many tries");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskResetError {
    /// Too many questions from one block of addresses.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// Why a password is the same as before.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::ResetError;
/// # use tollgate_kernel::origin::Origin;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let mut config = AuthConfig::new("https://shop.example");
/// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
/// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
/// # let auth = builder.weak_hashing_for_tests().build().await?;
/// let (made_up, new) = ("ot_AAAA".into(), "plum orchard lantern 7".into());
/// let refused = auth.reset_password(&made_up, &new, &Origin::default()).await;
/// assert!(matches!(refused, Err(ResetError::Token)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResetError {
    /// Unknown, used, replaced, ended or too old: nobody is told which.
    #[error("the link does not work")]
    Token,
    /// Not a password to choose.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// Asks for a letter with a link. The answer is the same whether the address has an account.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::{AskResetError, AuthService, ResetError, model::user::Email};
    /// # use tollgate_kernel::origin::Origin;
    /// async fn forgotten(auth: &AuthService, email: &Email, origin: &Origin) -> Result<(), AskResetError> {
    ///     // The same answer for an address that has no account. The letter leaves with a later tick.
    ///     auth.ask_password_reset(email, origin).await
    /// }
    ///
    /// async fn chosen(
    ///     auth: &AuthService,
    ///     token: &SecretString, // of the link in the letter
    ///     new: &SecretString,
    ///     origin: &Origin,
    /// ) -> Result<(), ResetError> {
    ///     auth.reset_password(token, new, origin).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`AskResetError`].
    pub async fn ask_password_reset(
        &self,
        email: &Email,
        origin: &Origin,
    ) -> Result<(), AskResetError> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        if origin.address.is_some() {
            let block = subject(parts, &origin.address_block());
            if let Some(wait) = throttle::hit(&mut tx, &LETTERS_ASKED, &block, now).await? {
                tx.commit().await?;
                return Err(TooMany(wait).into());
            }
        }
        let to = subject(parts, email.as_str());
        // The sixth in an hour is answered like the first, and is not written.
        if throttle::hit(&mut tx, &LETTERS, &to, now).await?.is_none() {
            let sealed = parts
                .master_key
                .seal(SEALED, email.as_str().as_bytes(), &parts.entropy);
            let id: JobId = parts.ids.at(now);
            let job = NewJob {
                lane: LANE,
                kind: KIND,
                dedupe_key: &id.to_string(),
                payload: json!({ "sealed": BASE64_STANDARD.encode(sealed) }),
                due_at: now,
            };
            jobs::put(&mut tx, &parts.ids, job, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Sets the password of whoever the link was sent to. Every sign-in of theirs ends.
    ///
    /// # Errors
    /// [`ResetError`].
    pub async fn reset_password(
        &self,
        token: &SecretString,
        new: &SecretString,
        origin: &Origin,
    ) -> Result<(), ResetError> {
        let parts = self.parts();
        let purpose = Purpose::ResetPassword;
        let token = OneTimeToken::parse(token.expose_secret()).ok_or(ResetError::Token)?;
        let now = parts.clock.now();
        let open = one_time_tokens::find_open(&parts.db, &token, purpose, now).await?;
        let user_id = open.and_then(|open| open.user).ok_or(ResetError::Token)?;
        let user = self.find_user(user_id).await?;
        let user = user
            .filter(|user| user.is_active)
            .ok_or(ResetError::Token)?;
        let new = new.expose_secret();
        if !is_bounded(new) {
            return Err(WeakPassword::Length.into());
        }
        let words = vec![user.email.clone(), user.username.clone()];
        // Only a link that works is worth a hash.
        let hashed = parts.hasher.choose(new, words).await??;
        let login = users::find_login(&parts.db, user_id)
            .await?
            .ok_or(ResetError::Token)?;

        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let spent = one_time_tokens::spend(&mut tx, &token, purpose, now).await?;
        let spent = spent.ok_or(ResetError::Token)?;
        if !users::set_password(&mut tx, &login, &hashed, now).await? {
            return Err(ResetError::Token);
        }
        // Who reads the mail of an address holds it.
        users::verify_email(&mut tx, user_id, &spent.email, now).await?;
        sessions::revoke_others(&mut tx, user_id, None, "password reset", now).await?;
        one_time_tokens::revoke_all(&mut tx, user_id, now).await?;
        let deed = Deed {
            actor: Actor::of(origin),
            action: "user.password_reset",
            subject: user_id.into(),
            before: None,
            after: None,
            reason: None,
            origin,
        };
        record(parts, &mut tx, deed, now).await?;
        tell(parts, &mut tx, "user.updated", user_id, now).await?;
        let content = Content::PasswordChanged {
            at: now,
            address: origin.address.map(|address| address.to_string()),
        };
        post(parts, &mut tx, &Letter::to(&user, content), now).await?;
        tx.commit().await?;
        self.ended_here().await;
        Ok(())
    }

    /// Answers a question that was written down.
    pub(crate) async fn answer_reset(&self, job: &Job, now: Timestamp) -> Result<()> {
        let parts = self.parts();
        let email = asked(parts, job)?;
        let login = users::find_login_by_email(&parts.db, &email).await?;
        let user = match login {
            Some(login) => self.find_user(login.id).await?,
            None => None,
        };
        let mut tx = parts.db.begin().await?;
        if let Some(user) = user.filter(|user| user.is_active) {
            let purpose = Purpose::ResetPassword;
            let link = make(parts, &mut tx, purpose, Some(user.id), &user.email, now).await?;
            if let Some(link) = link {
                let content = Content::ResetPassword {
                    link,
                    minutes: MINUTES,
                };
                post(parts, &mut tx, &Letter::to(&user, content), now).await?;
            }
        }
        if jobs::finish(&mut tx, job, now).await? {
            tx.commit().await?;
        }
        Ok(())
    }
}

fn asked(parts: &Parts, job: &Job) -> Result<Email> {
    let sealed = job.payload.get("sealed").and_then(|text| text.as_str());
    let sealed = sealed.and_then(|text| BASE64_STANDARD.decode(text).ok());
    let plain = parts
        .master_key
        .open(SEALED, sealed.unwrap_or_default().as_slice())?;
    String::from_utf8(plain.to_vec())
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| StorageError::Inconsistent {
            table: "jobs",
            column: "payload",
            row: job.id.to_string(),
        })
}
