//! Every error of this module, as the one body that clients know.

use secrecy::ExposeSecret as _;
use tollgate_kernel::permission;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::text::Language;

use crate::model::password::WeakPassword;
use crate::operations::api_keys::{CreateKeyError, ListKeysError};
use crate::operations::change_password::ChangePasswordError;
use crate::operations::confirm::ConfirmationError;
use crate::operations::first_admin::AdminError;
use crate::operations::guessing::TooMany;
use crate::operations::login::LoginError;
use crate::operations::refresh::RefreshError;
use crate::operations::register::RegisterError;
use crate::operations::reset_password::{AskResetError, ResetError};
use crate::operations::second_factor::SecondFactorError;
use crate::operations::staff::StaffError;
use crate::operations::update_profile::ProfileError;
use crate::operations::verify::StandingError;
use crate::operations::verify_email::VerifyEmailError;

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

fn weak(pointer: &str, password: WeakPassword) -> Problem {
    let detail = password.detail();
    Problem::new(Code::WeakPassword)
        .detail(detail.get(Language::Zh), detail.get(Language::En))
        .field(pointer, Code::WeakPassword.as_str(), detail)
}

fn too_many(TooMany(wait): TooMany) -> Problem {
    let seconds = wait.as_secs().max(1);
    Problem::new(Code::RateLimited)
        .detail(
            format!("尝试次数过多，请 {seconds} 秒后再试。"),
            format!("Too many tries; try again in {seconds} seconds."),
        )
        .retry_after(seconds)
}

fn link_does_not_work() -> Problem {
    Problem::invalid(
        "/token",
        "invalid_token",
        "链接无效或已过期，请重新申请",
        "the link does not work or is too old; ask for a new one",
    )
}

/// Not 1 to `most` on a page.
pub(crate) fn limit(most: u32) -> Problem {
    Problem::invalid(
        "/limit",
        "out_of_range",
        format!("须为 1 至 {most}"),
        format!("1 to {most}"),
    )
}

/// Neither a page nor a table.
pub(crate) fn format() -> Problem {
    Problem::invalid(
        "/format",
        "unknown_format",
        "须为 json 或 csv",
        "json or csv",
    )
}

pub(crate) fn staff(error: StaffError) -> Problem {
    match error {
        StaffError::NotFound => Problem::new(Code::NotFound),
        StaffError::NeedsAdmin => Problem::new(Code::PermissionDenied)
            .detail(
                "只有 admin 可以变更员工账号。",
                "Only an admin may do this to a member of staff.",
            )
            .with("permission", permission::ADMIN),
        StaffError::LastAdmin => Problem::invalid(
            "",
            "last_admin",
            "须保留至少一名 admin",
            "the last admin stays",
        ),
        StaffError::EmailTaken => Problem::new(Code::EmailTaken),
        StaffError::UsernameTaken => Problem::new(Code::UsernameTaken),
        StaffError::Busy(_) => busy(),
        StaffError::Internal(error) => error.into(),
    }
}

pub(crate) fn admin(error: AdminError) -> Problem {
    match error {
        AdminError::Weak(password) => weak("/password", password),
        AdminError::Taken => Problem::new(Code::EmailTaken),
        AdminError::NotFound => Problem::new(Code::NotFound),
        AdminError::Token => link_does_not_work(),
        AdminError::Busy(_) => busy(),
        AdminError::Internal(error) => error.into(),
    }
}

/// A key, where it takes a person who signed in.
pub(crate) fn not_signed_in() -> Problem {
    Problem::new(Code::PermissionDenied).detail(
        "此操作需要登录，密钥不能代替。",
        "Sign in to do this; a key is not enough.",
    )
}

pub(crate) fn second_factor_missing() -> Problem {
    Problem::new(Code::SecondFactorRequired).detail(
        "员工须先设置第二重验证。",
        "Staff set up a second factor first.",
    )
}

pub(crate) fn second_factor(error: SecondFactorError) -> Problem {
    match error {
        SecondFactorError::Challenge => Problem::invalid(
            "/challenge_token",
            "invalid_token",
            "登录已超时，请重新登录",
            "sign in again from the start",
        ),
        SecondFactorError::Code => Problem::new(Code::InvalidCredentials).detail(
            "验证码不正确或已使用过。",
            "The code is not right, or was used.",
        ),
        SecondFactorError::WrongPassword => Problem::new(Code::InvalidCredentials),
        SecondFactorError::TooMany(wait) => too_many(wait),
        SecondFactorError::Present => Problem::invalid(
            "",
            "already_enrolled",
            "已设置第二重验证，请先停用",
            "a second factor is set up; disable it first",
        ),
        SecondFactorError::Absent => Problem::invalid(
            "",
            "not_enrolled",
            "尚未设置第二重验证",
            "no second factor is set up",
        ),
        SecondFactorError::Inactive => Problem::new(Code::UserInactive),
        SecondFactorError::Busy(_) => busy(),
        SecondFactorError::Internal(error) => error.into(),
    }
}

pub(crate) fn confirmation(error: ConfirmationError) -> Problem {
    match error {
        ConfirmationError::Needed => Problem::new(Code::ConfirmationRequired).detail(
            "请先用密码或验证码调用 POST /auth/confirm。",
            "Confirm with your password or a code at POST /auth/confirm first.",
        ),
        ConfirmationError::NotSignedIn => not_signed_in(),
        ConfirmationError::Revoked => Problem::new(Code::TokenRevoked),
        ConfirmationError::Internal(error) => error.into(),
    }
}

pub(crate) fn change_password(error: ChangePasswordError) -> Problem {
    match error {
        ChangePasswordError::WrongCurrent => Problem::new(Code::InvalidCredentials),
        ChangePasswordError::TooMany(wait) => too_many(wait),
        ChangePasswordError::Weak(password) => weak("/new_password", password),
        ChangePasswordError::Busy(_) => busy(),
        ChangePasswordError::Internal(error) => error.into(),
    }
}

pub(crate) fn ask_reset(error: AskResetError) -> Problem {
    match error {
        AskResetError::TooMany(wait) => too_many(wait),
        AskResetError::Internal(error) => error.into(),
    }
}

pub(crate) fn reset(error: ResetError) -> Problem {
    match error {
        ResetError::Token => link_does_not_work(),
        ResetError::Weak(password) => weak("/new_password", password),
        ResetError::Busy(_) => busy(),
        ResetError::Internal(error) => error.into(),
    }
}

pub(crate) fn verify_email(error: VerifyEmailError) -> Problem {
    match error {
        VerifyEmailError::Token => link_does_not_work(),
        VerifyEmailError::EmailTaken => Problem::new(Code::EmailTaken),
        VerifyEmailError::Internal(error) => error.into(),
    }
}

pub(crate) fn profile(error: ProfileError) -> Problem {
    match error {
        ProfileError::PasswordNeeded => Problem::invalid(
            "/current_password",
            "required",
            "更换邮箱需要当前密码",
            "another address takes the present password",
        ),
        ProfileError::WrongCurrent => Problem::new(Code::InvalidCredentials),
        ProfileError::TooMany(wait) => too_many(wait),
        ProfileError::EmailTaken => Problem::new(Code::EmailTaken),
        ProfileError::UsernameTaken => Problem::new(Code::UsernameTaken),
        ProfileError::Gone => Problem::new(Code::Unauthenticated),
        ProfileError::Busy(_) => busy(),
        ProfileError::Internal(error) => error.into(),
    }
}

pub(crate) fn register(error: RegisterError) -> Problem {
    match error {
        RegisterError::Closed => Problem::new(Code::RegistrationClosed),
        RegisterError::NotInvited => Problem::new(Code::RegistrationClosed).detail(
            "注册需要邀请，且邀请须发往此邮箱。",
            "Registration takes an invitation to this address.",
        ),
        RegisterError::TooMany(wait) => too_many(wait),
        RegisterError::Weak(password) => weak("/password", password),
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
        LoginError::SecondFactor(challenge) => Problem::new(Code::SecondFactorRequired)
            .detail(
                "请输入验证器应用中的验证码。",
                "Enter the code of your authenticator app.",
            )
            .with("challenge_token", challenge.expose_secret()),
        LoginError::TooMany(wait) => too_many(wait),
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
        CreateKeyError::Overlap => Problem::invalid(
            "/overlap_seconds",
            "out_of_range",
            "须为 0 至 2592000（30 天）",
            "0 to 2592000 (30 days)",
        ),
        CreateKeyError::NotFound => Problem::new(Code::NotFound),
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

/// The same for whoever calls operations: a page, or a host application.
macro_rules! told {
    ($($error:ty: $told:ident,)*) => {$(
        impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                $told(error)
            }
        }
    )*};
}

told! {
    LoginError: login,
    RegisterError: register,
    SecondFactorError: second_factor,
    ChangePasswordError: change_password,
    AskResetError: ask_reset,
    ResetError: reset,
    VerifyEmailError: verify_email,
    ProfileError: profile,
    CreateKeyError: create_key,
    ListKeysError: list_keys,
    StaffError: staff,
}
