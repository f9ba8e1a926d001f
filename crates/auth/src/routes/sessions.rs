//! Sign-ins of a person.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tollgate_kernel::caller::{Caller, SignedIn};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SessionId;
use tollgate_kernel::input::{Body, PathId};
use tollgate_kernel::problem::{Code, Problem};
use utoipa::ToSchema;

use crate::AuthService;
use crate::model::session::SignIn;

/// A live sign-in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionShape {
    #[schema(value_type = String, format = "uuid")]
    id: SessionId,
    /// As the device calls itself.
    device: Option<String>,
    /// From where it began.
    address: Option<String>,
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    /// When it was last renewed.
    #[schema(value_type = String, format = "date-time")]
    last_seen_at: Timestamp,
    #[schema(value_type = String, format = "date-time")]
    expires_at: Timestamp,
    /// Whether this call belongs to it.
    current: bool,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionList {
    data: Vec<SessionShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<SessionId>,
}

/// My live sign-ins, newest first; the newest hundred.
#[utoipa::path(get, path = "/sessions", tag = "auth", responses((status = 200, body = SessionList)))]
pub(super) async fn list(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    caller: Caller,
) -> Result<Json<SessionList>, Problem> {
    let own = caller.session_id();
    let shape = |session: SignIn| SessionShape {
        current: own == Some(session.id),
        id: session.id,
        device: session.device,
        address: session.address,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
    };
    let listed = service.list_sessions(user).await?;
    Ok(Json(SessionList {
        data: listed.into_iter().map(shape).collect(),
        has_more: false,
        next_cursor: None,
    }))
}

/// Ends one of my sign-ins, with every token of it.
#[utoipa::path(delete, path = "/sessions/{session_id}", tag = "auth", params(("session_id" = String, Path)),
    responses((status = 204), (status = 404, description = "`not_found`")))]
pub(super) async fn end(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    PathId(id): PathId<SessionId>,
) -> Result<StatusCode, Problem> {
    if service.end_session(user, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Code::NotFound))
    }
}

/// Ends all my sign-ins but this one.
#[utoipa::path(delete, path = "/sessions", tag = "auth", responses((status = 204)))]
pub(super) async fn end_others(
    State(service): State<AuthService>,
    SignedIn(user): SignedIn,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    service
        .end_other_sessions(user, caller.session_id())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A refresh token whose sign-in is to end as well.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct LogoutBody {
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
}

/// Signs out: this sign-in ends, and that of the refresh token, if one is given. `{}` is enough.
#[utoipa::path(post, path = "/logout", tag = "auth", request_body = LogoutBody, responses((status = 204)))]
pub(super) async fn logout(
    State(service): State<AuthService>,
    _signed_in: SignedIn,
    caller: Caller,
    Body { value: body, .. }: Body<LogoutBody>,
) -> Result<StatusCode, Problem> {
    let token = body.refresh_token.as_ref();
    let token = token.map(SecretString::expose_secret);
    service.logout(&caller, token).await?;
    Ok(StatusCode::NO_CONTENT)
}
