//! It is still they: what a stolen session must not be enough for asks for the password, or a code, of
//! the last five minutes. A sign-in counts.

use std::time::Duration;

use secrecy::SecretString;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::problem::Problem;
use tollgate_storage::StorageError;

use super::current_password::current_password;
use super::second_factor::{SecondFactorError, fits};
use crate::store::sessions;
use crate::{AuthService, problems};

const WINDOW: Duration = Duration::from_mins(5);

/// What somebody shows.
///
/// ```
/// # use secrecy::SecretString;
/// # use tollgate_auth::{AuthService, Proof, SecondFactorError};
/// # use tollgate_kernel::caller::Caller;
/// /// Before something that a stolen device must not be enough for.
/// async fn prove(auth: &AuthService, caller: &Caller, typed: &SecretString) -> Result<(), SecondFactorError> {
///     match auth.confirm(caller, Proof::Password(typed)).await {
///         Err(SecondFactorError::WrongPassword) => auth.confirm(caller, Proof::Code(typed)).await,
///         other => other,
///     }
/// }
/// ```
#[derive(Debug)]
pub enum Proof<'a> {
    /// The present password.
    Password(&'a SecretString),
    /// Of the app, or on paper.
    Code(&'a SecretString),
}

/// Why a call that takes a confirmation is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfirmationError {
    /// The last one is too old.
    #[error("a confirmation is needed")]
    Needed,
    /// A key, a service, or a person whom another house signed in.
    #[error("not a person who signed in here")]
    NotSignedIn,
    /// The sign-in is over.
    #[error("the sign-in is over")]
    Revoked,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// Renews the confirmation of a sign-in.
    ///
    /// # Errors
    /// [`SecondFactorError`].
    pub async fn confirm(
        &self,
        caller: &Caller,
        proof: Proof<'_>,
    ) -> Result<(), SecondFactorError> {
        let parts = self.parts();
        let Caller::User {
            user_id,
            session_id: Some(session),
        } = caller
        else {
            return Err(SecondFactorError::WrongPassword);
        };
        let fitting = match proof {
            Proof::Password(password) => {
                current_password(parts, *user_id, password).await?;
                None
            }
            Proof::Code(code) => Some(fits(parts, *user_id, code).await?),
        };
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        if let Some(fitting) = fitting {
            fitting.spend(parts, &mut tx, *user_id, now).await?;
        }
        sessions::confirm(&mut tx, *session, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lets a caller through who has confirmed lately, or who shows their password with what they ask for: for calls
    /// that a stolen sign-in must not be enough for.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::caller::Caller;
    /// # use tollgate_kernel::problem::Problem;
    /// async fn sell_the_house(
    ///     auth: &AuthService,
    ///     caller: &Caller,
    ///     password: Option<&SecretString>,
    /// ) -> Result<(), Problem> {
    ///     auth.confirmed_by(caller, password).await?;
    ///     // It is they.
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// `confirmation_required`, or the password is not theirs (401), or was tried too often (429).
    pub async fn confirmed_by(
        &self,
        caller: &Caller,
        password: Option<&SecretString>,
    ) -> Result<(), Problem> {
        if let Some(password) = password {
            self.confirm(caller, Proof::Password(password)).await?;
        }
        self.is_confirmed(caller)
            .await
            .map_err(problems::confirmation)
    }

    /// Whether a caller has confirmed lately.
    pub(crate) async fn is_confirmed(&self, caller: &Caller) -> Result<(), ConfirmationError> {
        let parts = self.parts();
        let Caller::User {
            session_id: Some(session),
            ..
        } = caller
        else {
            return Err(ConfirmationError::NotSignedIn);
        };
        let now = parts.clock.now();
        let since = now.before(WINDOW);
        match sessions::is_confirmed(&parts.db, *session, since, now).await? {
            Some(true) => Ok(()),
            Some(false) => Err(ConfirmationError::Needed),
            None => Err(ConfirmationError::Revoked),
        }
    }
}
