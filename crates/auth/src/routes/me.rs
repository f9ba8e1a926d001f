//! Oneself.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_kernel::caller::{Caller, SignedIn};
use tollgate_kernel::input::{Body, Params};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{FieldErrors, Problem};
use tollgate_kernel::scope::{Account, InScope};
use utoipa::{IntoParams, ToSchema};

use super::UserShape;
use crate::methods::Presented;
use crate::model::user::{Email, Locale, Username};
use crate::operations::update_profile::ProfileChange;
use crate::words::WORDS;
use crate::{AuthService, CurrentUser, problems};

/// What is shown beside.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MeParams {
    /// `subscription`: what I have, null without one.
    expand: Option<String>,
}

/// A person, and what they have.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeShape {
    #[serde(flatten)]
    user: UserShape,
    /// With `expand=subscription` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    subscription: Option<Value>,
}

/// Who I am.
#[utoipa::path(get, path = "/me", tag = "auth", params(MeParams),
    responses((status = 200, body = MeShape), (status = 422, description = "`validation_failed`: unknown `expand`"), (status = 401, description = "`unauthenticated`, `token_revoked`, `user_inactive`")))]
pub(super) async fn read(
    State(service): State<AuthService>,
    _person: InScope<Account>,
    caller: Caller,
    presented: Option<Extension<Presented>>,
    Params(params): Params<MeParams>,
) -> Result<Json<MeShape>, Problem> {
    let issued_at = presented.and_then(|presented| presented.issued_at);
    let user = service.standing(&caller, issued_at).await;
    let user = user.map_err(problems::standing)?;
    let subscription = match params.expand.as_deref() {
        None => None,
        Some("subscription") => {
            let mut entitled = service.entitled(user.id).await?;
            entitled.remove("subscription")
        }
        Some(_) => {
            return Err(Problem::invalid(
                "/expand",
                "unknown_expansion",
                WORDS.text("profile.expand"),
            ));
        }
    };
    Ok(Json(MeShape {
        user: user.into(),
        subscription,
    }))
}

/// What is to be different; what is not given stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ProfileBody {
    /// 3 to 32 letters, digits and `_ - .`
    username: Option<String>,
    /// Takes `current_password`, and counts once the new address has confirmed it.
    email: Option<String>,
    /// `zh` or `en`.
    locale: Option<String>,
    #[schema(value_type = Option<String>, format = "password")]
    current_password: Option<SecretString>,
}

/// Changes my profile. A new address is answered as it will be only once its letter was answered.
#[utoipa::path(put, path = "/me", tag = "auth", request_body = ProfileBody,
    responses(
        (status = 200, body = UserShape),
        (status = 401, description = "`invalid_credentials`: not the present password"),
        (status = 409, description = "`email_taken`, `username_taken`"),
        (status = 422, description = "`validation_failed`"),
        (status = 429, description = "`rate_limited`"),
    ))]
pub(super) async fn update(
    State(service): State<AuthService>,
    _signed_in: SignedIn,
    CurrentUser(user): CurrentUser,
    origin: Origin,
    Body { value: body, .. }: Body<ProfileBody>,
) -> Result<Json<UserShape>, Problem> {
    change(&service, &user, body, &origin).await
}

/// The same.
#[utoipa::path(patch, path = "/me", tag = "auth", request_body = ProfileBody,
    responses((status = 200, body = UserShape)))]
pub(super) async fn patch(
    State(service): State<AuthService>,
    _signed_in: SignedIn,
    CurrentUser(user): CurrentUser,
    origin: Origin,
    Body { value: body, .. }: Body<ProfileBody>,
) -> Result<Json<UserShape>, Problem> {
    change(&service, &user, body, &origin).await
}

async fn change(
    service: &AuthService,
    user: &crate::model::user::User,
    body: ProfileBody,
    origin: &Origin,
) -> Result<Json<UserShape>, Problem> {
    let mut errors = FieldErrors::new();
    let username = body.username.map(|text| text.parse::<Username>());
    let username = username.and_then(|parsed| errors.take("/username", parsed));
    let email = body.email.map(|text| text.parse::<Email>());
    let email = email.and_then(|parsed| errors.take("/email", parsed));
    let locale = body.locale.map(|text| text.parse::<Locale>());
    let locale = locale.and_then(|parsed| errors.take("/locale", parsed));
    errors.finish()?;
    let change = ProfileChange {
        username,
        email,
        locale,
        current_password: body.current_password,
    };
    let changed = service.update_profile(user, &change, origin).await;
    let user = changed.map_err(problems::profile)?;
    Ok(Json(user.into()))
}

/// The present password.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CloseBody {
    #[schema(value_type = String, format = "password")]
    current_password: SecretString,
}

/// Closes my account for good: personal data goes, keys and sign-ins end, the books stay.
#[utoipa::path(delete, path = "/me", tag = "auth", request_body = CloseBody,
    responses((status = 204), (status = 401, description = "`invalid_credentials`"),
        (status = 409, description = "`last_admin`")))]
pub(super) async fn close(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    origin: Origin,
    Body { value: body, .. }: Body<CloseBody>,
) -> Result<StatusCode, Problem> {
    let closed = service
        .delete_account(user, &body.current_password, &origin)
        .await;
    closed.map_err(problems::close_account)?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is kept about me here: account, sign-ins and keys, without secrets.
#[utoipa::path(get, path = "/export", tag = "auth", responses((status = 200, body = Object)))]
pub(super) async fn export(
    State(service): State<AuthService>,
    _signed_in: SignedIn,
    CurrentUser(user): CurrentUser,
) -> Result<Json<Value>, Problem> {
    Ok(Json(service.export(&user).await?))
}
