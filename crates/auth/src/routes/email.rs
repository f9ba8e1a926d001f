//! The address is its owner's.

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::input::Body;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};
use utoipa::ToSchema;

use crate::{AuthService, problems};

/// A token, or nothing to be sent one.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct VerifyEmailBody {
    /// From the link.
    #[schema(value_type = Option<String>)]
    token: Option<SecretString>,
}

/// With `token`: confirms the address that it was sent to. With `{}` and a credential: sends the link
/// again, at most five times in an hour.
#[utoipa::path(post, path = "/verify-email", tag = "auth", request_body = VerifyEmailBody, security((), ("bearer" = [])),
    responses(
        (status = 202, description = "sent again"),
        (status = 204, description = "confirmed"),
        (status = 409, description = "`email_taken`: somebody else has the new address by now"),
        (status = 422, description = "`validation_failed`"),
    ))]
pub(super) async fn verify(
    State(service): State<AuthService>,
    caller: Option<Caller>,
    origin: Origin,
    Body { value: body, .. }: Body<VerifyEmailBody>,
) -> Result<StatusCode, Problem> {
    if let Some(token) = body.token {
        let verified = service.verify_email(&token, &origin).await;
        verified.map_err(problems::verify_email)?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let caller = caller.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    let user = service.standing(&caller, None).await;
    let user = user.map_err(problems::standing)?;
    service.resend_verification(&user).await?;
    Ok(StatusCode::ACCEPTED)
}
