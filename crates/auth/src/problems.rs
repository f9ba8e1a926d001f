//! Every error of this module, as the one body that clients know.

use secrecy::ExposeSecret as _;
use tollgate_kernel::permission;
use tollgate_kernel::problem::{Code, Problem};

use crate::model::password::WeakPassword;
use crate::operations::api_keys::{CreateKeyError, ListKeysError};
use crate::operations::change_password::ChangePasswordError;
use crate::operations::close_account::CloseAccountError;
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
use crate::words::WORDS;

/// A field that must be there and is not.
pub(crate) fn required(pointer: &str) -> Problem {
    Problem::invalid(pointer, "required", WORDS.text("input.required"))
}

fn busy() -> Problem {
    Problem::new(Code::Unavailable)
        .detail(WORDS.text("sign_in.busy"))
        .retry_after(2)
}

fn weak(pointer: &str, password: WeakPassword) -> Problem {
    let detail = password.detail();
    Problem::new(Code::WeakPassword)
        .detail(detail.clone())
        .field(pointer, Code::WeakPassword.as_str(), detail)
}

fn too_many(TooMany(wait): TooMany) -> Problem {
    let seconds = wait.as_secs().max(1);
    Problem::new(Code::RateLimited)
        .detail(WORDS.text_with("sign_in.too_many_tries", &[("seconds", &seconds)]))
        .retry_after(seconds)
}

fn link_does_not_work() -> Problem {
    Problem::invalid("/token", "invalid_token", WORDS.text("link.invalid"))
}

/// Not 1 to `most` on a page.
pub(crate) fn limit(most: u32) -> Problem {
    Problem::invalid(
        "/limit",
        "out_of_range",
        WORDS.text_with("list.limit", &[("most", &most)]),
    )
}

/// Neither a page nor a table.
pub(crate) fn format() -> Problem {
    Problem::invalid("/format", "unknown_format", WORDS.text("list.format"))
}

fn last_admin() -> Problem {
    Problem::new(Code::LastAdmin).detail(WORDS.text("staff.last_admin"))
}

pub(crate) fn staff(error: StaffError) -> Problem {
    match error {
        StaffError::NotFound => Problem::new(Code::NotFound),
        StaffError::NeedsAdmin => Problem::new(Code::PermissionDenied)
            .detail(WORDS.text("staff.admins_only"))
            .with("permission", permission::ADMIN),
        StaffError::LastAdmin => last_admin(),
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
    Problem::new(Code::PermissionDenied).detail(WORDS.text("sign_in.needed"))
}

pub(crate) fn second_factor_missing() -> Problem {
    Problem::new(Code::SecondFactorRequired).detail(WORDS.text("staff.second_factor"))
}

pub(crate) fn second_factor(error: SecondFactorError) -> Problem {
    match error {
        SecondFactorError::Challenge => Problem::invalid(
            "/challenge_token",
            "invalid_token",
            WORDS.text("second_factor.too_late"),
        ),
        SecondFactorError::Code => {
            Problem::new(Code::InvalidCredentials).detail(WORDS.text("second_factor.wrong_code"))
        }
        SecondFactorError::WrongPassword => Problem::new(Code::InvalidCredentials),
        SecondFactorError::TooMany(wait) => too_many(wait),
        SecondFactorError::Present => {
            Problem::invalid("", "already_enrolled", WORDS.text("second_factor.present"))
        }
        SecondFactorError::Absent => {
            Problem::invalid("", "not_enrolled", WORDS.text("second_factor.absent"))
        }
        SecondFactorError::Inactive => Problem::new(Code::UserInactive),
        SecondFactorError::Busy(_) => busy(),
        SecondFactorError::Internal(error) => error.into(),
    }
}

pub(crate) fn confirmation(error: ConfirmationError) -> Problem {
    match error {
        ConfirmationError::Needed => {
            Problem::new(Code::ConfirmationRequired).detail(WORDS.text("sign_in.confirm"))
        }
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

pub(crate) fn close_account(error: CloseAccountError) -> Problem {
    match error {
        CloseAccountError::WrongCurrent => Problem::new(Code::InvalidCredentials),
        CloseAccountError::TooMany(wait) => too_many(wait),
        CloseAccountError::LastAdmin => last_admin(),
        CloseAccountError::Busy(_) => busy(),
        CloseAccountError::Internal(error) => error.into(),
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
            WORDS.text("profile.password_needed"),
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
        RegisterError::NotInvited => {
            Problem::new(Code::RegistrationClosed).detail(WORDS.text("register.not_invited"))
        }
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
        LoginError::Nameless => {
            Problem::invalid("/email", "required", WORDS.text("sign_in.nameless"))
        }
        LoginError::TwoAccounts => Problem::invalid(
            "/username",
            "two_accounts",
            WORDS.text("sign_in.two_accounts"),
        ),
        LoginError::SecondFactor(challenge) => Problem::new(Code::SecondFactorRequired)
            .detail(WORDS.text("second_factor.code_needed"))
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
        StandingError::NoUser => {
            Problem::new(Code::PermissionDenied).detail(WORDS.text("keys.service_has_no_user"))
        }
        StandingError::Internal(error) => error.into(),
    }
}

pub(crate) fn create_key(error: CreateKeyError) -> Problem {
    match error {
        CreateKeyError::Expiry => {
            Problem::invalid("/expires_at", "out_of_range", WORDS.text("keys.expiry"))
        }
        CreateKeyError::Overlap => Problem::invalid(
            "/overlap_seconds",
            "out_of_range",
            WORDS.text("keys.overlap"),
        ),
        CreateKeyError::NotFound => Problem::new(Code::NotFound),
        CreateKeyError::TooMany => {
            Problem::invalid("", "too_many_keys", WORDS.text("keys.too_many"))
        }
        CreateKeyError::Internal(error) => error.into(),
    }
}

pub(crate) fn list_keys(error: ListKeysError) -> Problem {
    match error {
        ListKeysError::Limit => {
            Problem::invalid("/limit", "out_of_range", WORDS.text("list.limit_100"))
        }
        ListKeysError::Cursor => Problem::invalid(
            "/starting_after",
            "unknown_cursor",
            WORDS.text("list.no_such_row"),
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
    CloseAccountError: close_account,
    AskResetError: ask_reset,
    ResetError: reset,
    VerifyEmailError: verify_email,
    ProfileError: profile,
    CreateKeyError: create_key,
    ListKeysError: list_keys,
    StaffError: staff,
}
