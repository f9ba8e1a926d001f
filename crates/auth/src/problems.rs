//! Every error of this module, as the one body that clients know.

use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::text::Language;

use crate::model::password::WeakPassword;
use crate::operations::api_keys::{CreateKeyError, ListKeysError};
use crate::operations::login::LoginError;
use crate::operations::refresh::RefreshError;
use crate::operations::register::RegisterError;
use crate::operations::verify::StandingError;

/// A field that must be there and is not.
pub(crate) fn required(pointer: &str) -> Problem {
    Problem::invalid(pointer, "required", "必填", "required")
}

fn busy() -> Problem {
    Problem::new(Code::Unavailable)
        .detail(
            "登录请求过多，请稍后重试。",
            "Too many people are signing in; try again in a moment.",
        )
        .retry_after(2)
}

fn weak(password: WeakPassword) -> Problem {
    let detail = password.detail();
    Problem::new(Code::WeakPassword)
        .detail(detail.get(Language::Zh), detail.get(Language::En))
        .field("/password", Code::WeakPassword.as_str(), detail)
}

pub(crate) fn register(error: RegisterError) -> Problem {
    match error {
        RegisterError::Closed => Problem::new(Code::RegistrationClosed),
        RegisterError::Weak(password) => weak(password),
        RegisterError::EmailTaken => Problem::new(Code::EmailTaken),
        RegisterError::UsernameTaken => Problem::new(Code::UsernameTaken),
        RegisterError::Busy(_) => busy(),
        RegisterError::Internal(error) => error.into(),
    }
}

pub(crate) fn login(error: LoginError) -> Problem {
    match error {
        LoginError::Nameless => Problem::invalid(
            "/email",
            "required",
            "请给出 email 或 username",
            "give email or username",
        ),
        LoginError::TwoAccounts => Problem::invalid(
            "/username",
            "two_accounts",
            "email 与 username 不属于同一账号",
            "email and username are of two accounts",
        ),
        LoginError::Invalid => Problem::new(Code::InvalidCredentials),
        LoginError::Inactive => Problem::new(Code::UserInactive),
        LoginError::Busy(_) => busy(),
        LoginError::Internal(error) => error.into(),
    }
}

pub(crate) fn refresh(error: RefreshError) -> Problem {
    match error {
        RefreshError::Unknown => Problem::new(Code::Unauthenticated),
        RefreshError::Expired => Problem::new(Code::TokenExpired),
        RefreshError::Revoked => Problem::new(Code::TokenRevoked),
        RefreshError::Inactive => Problem::new(Code::UserInactive),
        RefreshError::Internal(error) => error.into(),
    }
}

pub(crate) fn standing(error: StandingError) -> Problem {
    match error {
        StandingError::Unknown => Problem::new(Code::Unauthenticated),
        StandingError::Revoked => Problem::new(Code::TokenRevoked),
        StandingError::Inactive => Problem::new(Code::UserInactive),
        StandingError::NoUser => Problem::new(Code::PermissionDenied).detail(
            "服务密钥没有自己的用户。",
            "A service key has no user of its own.",
        ),
        StandingError::Internal(error) => error.into(),
    }
}

pub(crate) fn create_key(error: CreateKeyError) -> Problem {
    match error {
        CreateKeyError::Expiry => Problem::invalid(
            "/expires_at",
            "out_of_range",
            "须晚于现在、早于 9999 年",
            "after now and before the year 9999",
        ),
        CreateKeyError::TooMany => Problem::invalid(
            "",
            "too_many_keys",
            "最多 100 个密钥，请先删除一些",
            "at most 100 keys; delete some first",
        ),
        CreateKeyError::Internal(error) => error.into(),
    }
}

pub(crate) fn list_keys(error: ListKeysError) -> Problem {
    match error {
        ListKeysError::Limit => {
            Problem::invalid("/limit", "out_of_range", "须为 1 至 100", "1 to 100")
        }
        ListKeysError::Cursor => Problem::invalid(
            "/starting_after",
            "unknown_cursor",
            "不是此列表中的 id",
            "not an id of this list",
        ),
        ListKeysError::Internal(error) => error.into(),
    }
}
