//! Register, login, refresh.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tollgate_kernel::input::{Body, JsonOrForm};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::text::{Language, Text};
use utoipa::ToSchema;

use super::UserShape;
use crate::model::password::NewPassword;
use crate::model::user::{Email, Username};
use crate::operations::session::Tokens;
use crate::{AuthService, Register, problems};

/// An account to open.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RegisterBody {
    #[schema(example = "ann@example.com")]
    email: String,
    /// 3 to 32 letters, digits and `_ - .`
    #[schema(example = "ann")]
    username: String,
    /// 8 to 128 characters, not easily guessed.
    password: String,
    /// `zh` or `en`.
    locale: Option<String>,
}

/// Opens an account.
#[utoipa::path(post, path = "/register", tag = "auth", request_body = RegisterBody, security(()),
    responses(
        (status = 201, body = UserShape),
        (status = 403, description = "`registration_closed`"),
        (status = 409, description = "`email_taken`, `username_taken`"),
        (status = 422, description = "`validation_failed`, `weak_password`"),
    ))]
pub(super) async fn register(
    State(service): State<AuthService>,
    language: Option<axum::Extension<Language>>,
    Body { value: body, .. }: Body<RegisterBody>,
) -> Result<(StatusCode, Json<UserShape>), Problem> {
    let mut errors = FieldErrors::new();
    let email = errors.take("/email", body.email.parse::<Email>());
    let username = errors.take("/username", body.username.parse::<Username>());
    let locale = match body.locale.as_deref() {
        None if language.is_some_and(|axum::Extension(language)| language == Language::En) => "en",
        None | Some("zh" | "zh-CN") => "zh",
        Some("en") => "en",
        Some(_) => {
            errors.note(
                "/locale",
                "unknown_locale",
                Text::new("须为 zh 或 en", "zh or en"),
            );
            "zh"
        }
    };
    errors.finish()?;
    let (Some(email), Some(username)) = (email, username) else {
        return Err(Problem::new(Code::ValidationFailed));
    };
    let context = [email.as_str(), username.as_str()];
    let password = NewPassword::choose(&body.password, &context).map_err(problems::weak)?;
    let wish = Register {
        email,
        username,
        password,
        locale,
    };
    let user = service.register(&wish).await.map_err(problems::register)?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// Who signs in, by address or name; as a form also in OAuth's dress.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct LoginBody {
    #[schema(example = "ann@example.com")]
    email: Option<String>,
    /// A user name; in a form also an address.
    username: Option<String>,
    password: String,
    /// `password`, in a form.
    grant_type: Option<String>,
}

/// A pair of tokens.
#[derive(Debug, Serialize, ToSchema)]
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
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
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
        (status = 401, description = "`invalid_credentials`, `user_inactive`"),
        (status = 503, description = "`unavailable`: too many sign in at once"),
    ))]
pub(super) async fn login(
    State(service): State<AuthService>,
    JsonOrForm { value: body, form }: JsonOrForm<LoginBody>,
) -> Response {
    let answer = sign_in(&service, &body, form).await;
    dressed(answer.map(TokensShape::from), form)
}

async fn sign_in(service: &AuthService, body: &LoginBody, form: bool) -> Result<Tokens, Problem> {
    if form && body.grant_type.as_deref() != Some("password") {
        return Err(Problem::new(Code::BadRequest)
            .detail("grant_type 须为 password。", "grant_type must be password.")
            .with("error", "unsupported_grant_type"));
    }
    let name = match (body.email.as_deref(), body.username.as_deref()) {
        (Some(name), None) | (None, Some(name)) => name,
        (None, None) => {
            return Err(fault(
                "/email",
                "required",
                "请给出 email 或 username",
                "give email or username",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(fault(
                "/username",
                "ambiguous",
                "email 与 username 只能给一个",
                "give email or username, not both",
            ));
        }
    };
    service
        .login(name, &body.password)
        .await
        .map_err(problems::login)
}

fn fault(pointer: &str, code: &'static str, zh: &str, en: &str) -> Problem {
    let mut errors = FieldErrors::new();
    errors.note(pointer, code, Text::new(zh, en));
    errors
        .finish()
        .err()
        .unwrap_or_else(|| Problem::new(Code::ValidationFailed))
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RefreshBody {
    refresh_token: String,
    /// `refresh_token`, in a form.
    grant_type: Option<String>,
}

/// A new pair for a refresh token, which is used up. Within 10 seconds a repeat is given the same
/// pair again; later the repeat ends the whole sign-in.
#[utoipa::path(post, path = "/refresh", tag = "auth", security(()),
    request_body(content((RefreshBody = "application/json"), (RefreshBody = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, body = TokensShape),
        (status = 401, description = "`unauthenticated`, `token_expired`, `token_revoked`, `user_inactive`"),
    ))]
pub(super) async fn refresh(
    State(service): State<AuthService>,
    JsonOrForm { value: body, form }: JsonOrForm<RefreshBody>,
) -> Response {
    let wrong_grant = form
        && body
            .grant_type
            .as_deref()
            .is_some_and(|grant| grant != "refresh_token");
    let answer = if wrong_grant {
        Err(Problem::new(Code::BadRequest).with("error", "unsupported_grant_type"))
    } else {
        service
            .refresh(&body.refresh_token)
            .await
            .map_err(problems::refresh)
    };
    dressed(answer.map(TokensShape::from), form)
}

/// OAuth clients want `error` and `error_description` in `application/json` (RFC 6749 §5.2).
fn dressed(answer: Result<TokensShape, Problem>, form: bool) -> Response {
    match answer {
        Ok(tokens) => Json(tokens).into_response(),
        Err(problem) if form => {
            let code = problem.code();
            let error = if code.status() == 401 {
                "invalid_grant"
            } else {
                "invalid_request"
            };
            let title = code.title(Language::En);
            let problem = problem
                .default("error", error)
                .default("error_description", title);
            let json = HeaderValue::from_static("application/json");
            problem.header(header::CONTENT_TYPE, json).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}
