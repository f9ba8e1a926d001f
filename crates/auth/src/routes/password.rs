//! Another password: by the present one, or by a link.

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_kernel::caller::{Caller, SignedIn};
use tollgate_kernel::input::Body;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{FieldErrors, Problem};
use utoipa::ToSchema;

use crate::model::user::Email;
use crate::words::WORDS;
use crate::{AuthService, problems};

/// The present password and another.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ChangeBody {
    #[schema(value_type = String, format = "password")]
    current_password: SecretString,
    /// 8 to 128 characters, not easily guessed, not the present one.
    #[schema(value_type = String, format = "password")]
    new_password: SecretString,
}

/// Sets a new password. Every other sign-in ends.
#[utoipa::path(post, path = "/change-password", tag = "auth", request_body = ChangeBody,
    responses(
        (status = 204),
        (status = 401, description = "`invalid_credentials`: not the present password"),
        (status = 422, description = "`weak_password`"),
        (status = 429, description = "`rate_limited`"),
    ))]
pub(super) async fn change(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    caller: Caller,
    origin: Origin,
    Body { value: body, .. }: Body<ChangeBody>,
) -> Result<StatusCode, Problem> {
    let kept = caller.session_id();
    let (current, new) = (&body.current_password, &body.new_password);
    let changed = service
        .change_password(user, kept, current, new, &origin)
        .await;
    changed.map_err(problems::change_password)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Either an address, to be sent a link, or the link's token and a new password.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ResetBody {
    #[schema(example = "ann@example.com")]
    email: Option<String>,
    #[schema(value_type = Option<String>)]
    token: Option<SecretString>,
    #[schema(value_type = Option<String>, format = "password")]
    new_password: Option<SecretString>,
}

/// With `email`: sends a link, if the address has an account; the answer does not tell. With `token` and
/// `new_password`: sets the password and ends every sign-in.
#[utoipa::path(post, path = "/reset-password", tag = "auth", request_body = ResetBody, security(()),
    responses(
        (status = 202, description = "asked for"),
        (status = 204, description = "set"),
        (status = 422, description = "`validation_failed`, `weak_password`"),
        (status = 429, description = "`rate_limited`: too many from this address"),
    ))]
pub(super) async fn reset(
    State(service): State<AuthService>,
    origin: Origin,
    Body { value: body, .. }: Body<ResetBody>,
) -> Result<StatusCode, Problem> {
    match (body.email, body.token, body.new_password) {
        (Some(email), None, None) => {
            let mut errors = FieldErrors::new();
            let email = errors.take("/email", email.parse::<Email>());
            errors.finish()?;
            let email = email.ok_or_else(|| problems::required("/email"))?;
            let asked = service.ask_password_reset(&email, &origin).await;
            asked.map_err(problems::ask_reset)?;
            Ok(StatusCode::ACCEPTED)
        }
        (None, Some(token), Some(new)) => {
            let set = service.reset_password(&token, &new, &origin).await;
            set.map_err(problems::reset)?;
            Ok(StatusCode::NO_CONTENT)
        }
        (None, Some(_), None) => Err(problems::required("/new_password")),
        (None, None, Some(_)) => Err(problems::required("/token")),
        (None, None, None) => Err(problems::required("/email")),
        (Some(_), _, _) => Err(Problem::invalid(
            "/email",
            "ambiguous",
            WORDS.text("new_password.two_wishes"),
        )),
    }
}
