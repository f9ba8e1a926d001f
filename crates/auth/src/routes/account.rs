//! Register, login, refresh.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tollgate_kernel::input::{Body, JsonOrForm};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{FieldErrors, Problem};
use utoipa::ToSchema;

use super::UserShape;
use super::oauth::{dressed, is_form, unsupported_grant};
use crate::model::user::{Email, Locale, Username};
use crate::operations::login::Login;
use crate::operations::register::Register;
use crate::operations::session::Tokens;
use crate::{AuthService, problems};

/// An account to open.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RegisterBody {
    #[schema(example = "ann@example.com")]
    email: String,
    /// 3 to 32 letters, digits and `_ - .`
    #[schema(example = "ann")]
    username: String,
    /// 8 to 128 characters, not easily guessed.
    #[schema(value_type = String, format = "password")]
    password: SecretString,
    /// `zh` or `en`.
    locale: Option<String>,
    /// From the link of an invitation, where registration is by invitation.
    #[schema(value_type = Option<String>)]
    invite_token: Option<SecretString>,
}

/// Opens an account.
#[utoipa::path(post, path = "/register", tag = "auth", request_body = RegisterBody, security(()),
    responses(
        (status = 201, body = UserShape),
        (status = 403, description = "`registration_closed`"),
        (status = 409, description = "`email_taken`, `username_taken`"),
        (status = 422, description = "`validation_failed`, `weak_password`"),
        (status = 429, description = "`rate_limited`: too many addresses that are taken were asked for"),
        (status = 503, description = "`unavailable`: too many passwords at once"),
    ))]
pub(super) async fn register(
    State(service): State<AuthService>,
    origin: Origin,
    Body { value: body, .. }: Body<RegisterBody>,
) -> Result<(StatusCode, Json<UserShape>), Problem> {
    let mut errors = FieldErrors::new();
    let email = errors.take("/email", body.email.parse::<Email>());
    let username = errors.take("/username", body.username.parse::<Username>());
    let locale = body
        .locale
        .map_or(Ok(Locale::default()), |text| text.parse());
    let locale = errors.take("/locale", locale);
    errors.finish()?;
    let (Some(email), Some(username), Some(locale)) = (email, username, locale) else {
        return Err(problems::required(""));
    };
    let wish = Register {
        email,
        username,
        password: body.password,
        locale,
        invite: body.invite_token,
    };
    let user = service
        .register(&wish, &origin)
        .await
        .map_err(problems::register)?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// Who signs in, by address or name; as a form also in OAuth's dress.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct LoginBody {
    #[schema(example = "ann@example.com")]
    email: Option<String>,
    /// A user name or an address.
    username: Option<String>,
    #[schema(value_type = String, format = "password", required)]
    password: Option<SecretString>,
    /// `password`, in a form.
    grant_type: Option<String>,
}

/// A pair of tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct TokensShape {
    /// For calls: `Authorization: Bearer …`
    access_token: String,
    /// For the next pair; used once.
    refresh_token: String,
    /// `bearer`
    token_type: &'static str,
    /// Seconds.
    #[schema(example = 900)]
    expires_in: u64,
    user: UserShape,
}

impl From<Tokens> for TokensShape {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token.expose_secret().to_owned(),
            refresh_token: tokens.refresh_token.expose_secret().to_owned(),
            token_type: "bearer",
            expires_in: tokens.expires_in.as_secs(),
            user: tokens.user.into(),
        }
    }
}

/// Signs in. Takes JSON, and the form of OAuth's password grant for the button of the API reference.
#[utoipa::path(post, path = "/login", tag = "auth", security(()),
    request_body(content((LoginBody = "application/json"), (LoginBody = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, body = TokensShape),
        (status = 400, description = "`bad_request`; a form without `grant_type=password` carries `error: unsupported_grant_type`"),
        (status = 401, description = "`invalid_credentials`, `user_inactive`"),
        (status = 403, description = "`second_factor_required` with `challenge_token`: go on at `/auth/login/second-factor`"),
        (status = 429, description = "`rate_limited`: too many wrong passwords for the account or from the address"),
        (status = 422, description = "`validation_failed`"),
        (status = 503, description = "`unavailable`: too many passwords at once"),
    ))]
pub(super) async fn login(
    State(service): State<AuthService>,
    origin: Origin,
    headers: HeaderMap,
    body: Result<JsonOrForm<LoginBody>, Problem>,
) -> Result<Response, Problem> {
    let form = is_form(&headers);
    let device = service.device(&headers);
    let tokens = async { sign_in(&service, body?.value, device, &origin, form).await };
    let tokens = tokens.await.map_err(|problem| dressed(problem, form))?;
    Ok(signed_in(&service, tokens))
}

/// The pair, and what the device keeps.
pub(super) fn signed_in(service: &AuthService, tokens: Tokens) -> Response {
    let kept = service.device_cookie(&tokens);
    let mut response = Json(TokensShape::from(tokens)).into_response();
    if let Some(value) = kept {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

async fn sign_in(
    service: &AuthService,
    body: LoginBody,
    device: Option<SecretString>,
    origin: &Origin,
    form: bool,
) -> Result<Tokens, Problem> {
    if form && body.grant_type.as_deref() != Some("password") {
        return Err(unsupported_grant("password"));
    }
    let wish = Login {
        email: body.email,
        username: body.username,
        password: body
            .password
            .ok_or_else(|| problems::required("/password"))?,
        device,
    };
    service.login(&wish, origin).await.map_err(problems::login)
}

/// The link of a start.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SetUpBody {
    #[schema(value_type = String)]
    token: SecretString,
}

/// Signs the first admin in by the link that a start printed. Works until an admin has signed in.
#[utoipa::path(post, path = "/setup", tag = "auth", request_body = SetUpBody, security(()),
    responses((status = 200, body = TokensShape), (status = 422, description = "`validation_failed`")))]
pub(super) async fn set_up(
    State(service): State<AuthService>,
    origin: Origin,
    Body { value: body, .. }: Body<SetUpBody>,
) -> Result<Json<TokensShape>, Problem> {
    let tokens = service.set_up(&body.token, &origin).await;
    Ok(Json(tokens.map_err(problems::admin)?.into()))
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RefreshBody {
    #[schema(value_type = String, required)]
    refresh_token: Option<SecretString>,
    /// `refresh_token`, in a form.
    grant_type: Option<String>,
}

/// A new pair for a refresh token, which is used up. Within 10 seconds a repeat is given the same
/// refresh token again; later the repeat ends the whole sign-in.
#[utoipa::path(post, path = "/refresh", tag = "auth", security(()),
    request_body(content((RefreshBody = "application/json"), (RefreshBody = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, body = TokensShape),
        (status = 400, description = "`bad_request`"),
        (status = 401, description = "`unauthenticated`, `token_expired`, `token_revoked`, `user_inactive`"),
    ))]
pub(super) async fn refresh(
    State(service): State<AuthService>,
    headers: HeaderMap,
    body: Result<JsonOrForm<RefreshBody>, Problem>,
) -> Result<Json<TokensShape>, Problem> {
    let form = is_form(&headers);
    let renewed = async { renew(&service, body?.value, form).await };
    let tokens = renewed.await.map_err(|problem| dressed(problem, form))?;
    Ok(Json(tokens.into()))
}

async fn renew(service: &AuthService, body: RefreshBody, form: bool) -> Result<Tokens, Problem> {
    // Clients that are none of OAuth's leave the grant out.
    let wrong = |grant: &str| grant != "refresh_token";
    if form && body.grant_type.as_deref().is_some_and(wrong) {
        return Err(unsupported_grant("refresh_token"));
    }
    let token = body
        .refresh_token
        .ok_or_else(|| problems::required("/refresh_token"))?;
    service.refresh(&token).await.map_err(problems::refresh)
}
