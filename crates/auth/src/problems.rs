//! Every error of this module, as the one body that clients know.

use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::text::Text;
use tollgate_storage::StorageError;

use crate::model::password::WeakPassword;
use crate::operations::api_keys::CreateKeyError;
use crate::operations::login::LoginError;
use crate::operations::refresh::RefreshError;
use crate::operations::register::RegisterError;

/// A database that is away is worth another try; anything else is ours to mend, and is logged here.
pub(crate) fn storage(error: &StorageError) -> Problem {
    if let StorageError::Unavailable(_) = error {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "the database is not available"
        );
        return Problem::new(Code::Unavailable);
    }
    tracing::error!(
        error = error as &dyn std::error::Error,
        "a statement failed"
    );
    Problem::new(Code::Internal)
}

fn busy() -> Problem {
    Problem::new(Code::Unavailable)
        .detail(
            "登录请求过多，请稍后重试。",
            "Too many people are signing in; try again in a moment.",
        )
        .retry_after(2)
}

pub(crate) fn weak(password: WeakPassword) -> Problem {
    let problem = Problem::new(Code::WeakPassword);
    match password {
        WeakPassword::Length => problem.detail(
            "密码须为 8 至 128 个字符。",
            "A password has 8 to 128 characters.",
        ),
        WeakPassword::Guessable => problem.detail(
            "密码过于常见或与账号相近，请换一个更长的。",
            "The password is common or near your name; take a longer one.",
        ),
    }
}

pub(crate) fn register(error: RegisterError) -> Problem {
    match error {
        RegisterError::Closed => Problem::new(Code::RegistrationClosed),
        RegisterError::EmailTaken => Problem::new(Code::EmailTaken),
        RegisterError::UsernameTaken => Problem::new(Code::UsernameTaken),
        RegisterError::Busy(_) => busy(),
        RegisterError::Internal(error) => storage(&error),
    }
}

pub(crate) fn login(error: LoginError) -> Problem {
    match error {
        LoginError::Invalid => Problem::new(Code::InvalidCredentials),
        LoginError::Inactive => Problem::new(Code::UserInactive),
        LoginError::Busy(_) => busy(),
        LoginError::Internal(error) => storage(&error),
    }
}

pub(crate) fn refresh(error: RefreshError) -> Problem {
    match error {
        RefreshError::Unknown => Problem::new(Code::Unauthenticated),
        RefreshError::Expired => Problem::new(Code::TokenExpired),
        RefreshError::Revoked => Problem::new(Code::TokenRevoked),
        RefreshError::Inactive => Problem::new(Code::UserInactive),
        RefreshError::Internal(error) => storage(&error),
    }
}

pub(crate) fn create_key(error: CreateKeyError) -> Problem {
    match error {
        CreateKeyError::TooMany => {
            let mut errors = FieldErrors::new();
            errors.note(
                "",
                "too_many_keys",
                Text::new(
                    "最多 100 个密钥，请先删除一些",
                    "at most 100 keys; delete some first",
                ),
            );
            errors
                .finish()
                .err()
                .unwrap_or_else(|| Problem::new(Code::ValidationFailed))
        }
        CreateKeyError::Internal(error) => storage(&error),
    }
}
