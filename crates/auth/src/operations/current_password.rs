//! The present password of a person, as somebody says it: a guess, and counted like one.

use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::ids::UserId;
use tollgate_storage::StorageError;

use super::change_password::ChangePasswordError;
use super::close_account::CloseAccountError;
use super::guessing::{self, CURRENT, TooMany};
use super::second_factor::SecondFactorError;
use super::update_profile::ProfileError;
use crate::Parts;
use crate::hashing::Busy;
use crate::model::password::is_bounded;
use crate::store::users;

/// Why it is not believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CurrentPasswordError {
    /// It is another, or there is no such person any more.
    #[error("not the present password")]
    Wrong,
    /// Too many tries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// Asks for it. Gives what was signed in with, which is to stand still when something is changed by it.
pub(super) async fn current_password(
    parts: &Parts,
    user: UserId,
    password: &SecretString,
) -> Result<users::Login, CurrentPasswordError> {
    let subject = guessing::subject(parts, &user.to_string());
    guessing::count(parts, &CURRENT, &subject).await??;
    let password = password.expose_secret();
    if !is_bounded(password) {
        return Err(CurrentPasswordError::Wrong);
    }
    let login = users::find_login(&parts.db, user).await?;
    let login = login.ok_or(CurrentPasswordError::Wrong)?;
    let right = parts
        .hasher
        .verify(password, login.hashed_password.as_deref())
        .await?;
    if !right {
        return Err(CurrentPasswordError::Wrong);
    }
    let mut tx = parts.db.begin().await?;
    tollgate_storage::throttle::take_back(&mut tx, CURRENT.kind, &subject).await?;
    tx.commit().await?;
    Ok(login)
}

/// What each operation that asks for it calls a wrong one.
macro_rules! asked_by {
    ($($error:ident::$wrong:ident),+ $(,)?) => {$(
        impl From<CurrentPasswordError> for $error {
            fn from(error: CurrentPasswordError) -> Self {
                match error {
                    CurrentPasswordError::Wrong => Self::$wrong,
                    CurrentPasswordError::TooMany(wait) => wait.into(),
                    CurrentPasswordError::Busy(busy) => busy.into(),
                    CurrentPasswordError::Internal(error) => error.into(),
                }
            }
        }
    )+};
}

asked_by!(
    ChangePasswordError::WrongCurrent,
    CloseAccountError::WrongCurrent,
    ProfileError::WrongCurrent,
    SecondFactorError::WrongPassword,
);
