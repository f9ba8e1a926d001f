//! A second factor, and the confirmation that it is still they.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tollgate_kernel::caller::{Caller, SignedIn};
use tollgate_kernel::input::Body;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::Confirmed;
use tollgate_kernel::problem::Problem;
use utoipa::ToSchema;

use super::account::{TokensShape, signed_in};
use crate::operations::confirm::Proof;
use crate::words::WORDS;
use crate::{AuthService, CurrentUser, problems};

/// The second half of a sign-in.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SecondHalfBody {
    /// From the refusal of the first half.
    #[schema(value_type = String)]
    challenge_token: SecretString,
    /// Of the app, or a recovery code.
    #[schema(value_type = String, example = "287082")]
    code: SecretString,
}

/// The second half of a sign-in, for who has a second factor. A challenge works once, for five minutes.
#[utoipa::path(post, path = "/login/second-factor", tag = "auth", request_body = SecondHalfBody, security(()),
    responses(
        (status = 200, body = TokensShape),
        (status = 401, description = "`invalid_credentials`: not the code, or it was used"),
        (status = 422, description = "`validation_failed`: the challenge does not work"),
        (status = 429, description = "`rate_limited`"),
    ))]
pub(super) async fn login(
    State(service): State<AuthService>,
    origin: Origin,
    headers: HeaderMap,
    Body { value: body, .. }: Body<SecondHalfBody>,
) -> Result<Response, Problem> {
    let device = service.device(&headers);
    let (challenge, code) = (&body.challenge_token, &body.code);
    let tokens = service
        .login_second_factor(challenge, code, device.as_ref(), &origin)
        .await;
    let tokens = tokens.map_err(problems::second_factor)?;
    Ok(signed_in(&service, tokens))
}

/// For an authenticator app.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnrolmentShape {
    /// In base32, for typing.
    secret: String,
    /// For the camera.
    otpauth_url: String,
}

/// Begins to set up an authenticator app; it counts once `/totp/confirm` has seen its first code. Takes a
/// confirmation of the last five minutes.
#[utoipa::path(post, path = "/totp/enroll", tag = "auth",
    responses((status = 200, body = EnrolmentShape), (status = 403, description = "`confirmation_required`"),
        (status = 422, description = "`validation_failed`: there is one already")))]
pub(super) async fn enrol(
    State(service): State<AuthService>,
    _confirmed: Confirmed,
    CurrentUser(user): CurrentUser,
) -> Result<Json<EnrolmentShape>, Problem> {
    let enrolment = service.enrol(&user).await;
    let enrolment = enrolment.map_err(problems::second_factor)?;
    Ok(Json(EnrolmentShape {
        secret: enrolment.secret.expose_secret().to_owned(),
        otpauth_url: enrolment.otpauth_url.expose_secret().to_owned(),
    }))
}

/// A code of the app.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CodeBody {
    #[schema(value_type = String, example = "287082")]
    code: SecretString,
}

/// Codes for when the app is lost.
#[derive(Serialize, ToSchema)]
pub(super) struct RecoveryShape {
    /// Each works once; shown this once.
    recovery_codes: Vec<String>,
}

/// Sets the app up by its first code. Every other sign-in ends.
#[utoipa::path(post, path = "/totp/confirm", tag = "auth", request_body = CodeBody,
    responses((status = 200, body = RecoveryShape), (status = 401, description = "`invalid_credentials`: not the code"),
        (status = 422, description = "`validation_failed`: none is being set up"), (status = 429, description = "`rate_limited`")))]
pub(super) async fn confirm_factor(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    caller: Caller,
    origin: Origin,
    Body { value: body, .. }: Body<CodeBody>,
) -> Result<Json<RecoveryShape>, Problem> {
    let kept = caller.session_id();
    let codes = service
        .confirm_second_factor(user, kept, &body.code, &origin)
        .await;
    let codes = codes.map_err(problems::second_factor)?;
    Ok(Json(RecoveryShape {
        recovery_codes: codes
            .iter()
            .map(|code| code.expose_secret().to_owned())
            .collect(),
    }))
}

/// The password and a code.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct DisableBody {
    #[schema(value_type = String, format = "password")]
    current_password: SecretString,
    /// Of the app, or a recovery code.
    #[schema(value_type = String, example = "287082")]
    code: SecretString,
}

/// Takes the app away.
#[utoipa::path(post, path = "/totp/disable", tag = "auth", request_body = DisableBody,
    responses((status = 204), (status = 401, description = "`invalid_credentials`"),
        (status = 422, description = "`validation_failed`: there is none"), (status = 429, description = "`rate_limited`")))]
pub(super) async fn disable(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    origin: Origin,
    Body { value: body, .. }: Body<DisableBody>,
) -> Result<StatusCode, Problem> {
    let (current, code) = (&body.current_password, &body.code);
    let disabled = service
        .disable_second_factor(user, current, code, &origin)
        .await;
    disabled.map_err(problems::second_factor)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The password, or a code.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ConfirmBody {
    #[schema(value_type = Option<String>, format = "password")]
    current_password: Option<SecretString>,
    /// Of the app, or a recovery code.
    #[schema(value_type = Option<String>)]
    code: Option<SecretString>,
}

/// Shows that it is still me: for five minutes, sensitive calls of this sign-in go through.
#[utoipa::path(post, path = "/confirm", tag = "auth", request_body = ConfirmBody,
    responses((status = 204), (status = 401, description = "`invalid_credentials`"), (status = 429, description = "`rate_limited`")))]
pub(super) async fn confirm(
    State(service): State<AuthService>,
    _signed_in: SignedIn,
    caller: Caller,
    Body { value: body, .. }: Body<ConfirmBody>,
) -> Result<StatusCode, Problem> {
    let proof = match (&body.current_password, &body.code) {
        (Some(password), None) => Proof::Password(password),
        (None, Some(code)) => Proof::Code(code),
        (None, None) => return Err(problems::required("/current_password")),
        (Some(_), Some(_)) => {
            return Err(Problem::invalid(
                "/code",
                "ambiguous",
                WORDS.text("second_factor.two_proofs"),
            ));
        }
    };
    let confirmed = service.confirm(&caller, proof).await;
    confirmed.map_err(problems::second_factor)?;
    Ok(StatusCode::NO_CONTENT)
}
