//! People, as staff see and change them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::{Params, PathId, StrictBody};
use tollgate_kernel::permission::{Confirmed, Permitted};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_storage::audit::Actor;
use utoipa::{IntoParams, ToSchema};

use super::super::UserShape;
use super::{Admin, Held, UsersRead, UsersWrite};
use crate::model::role::Role;
use crate::model::user::{Email, Locale, Username};
use crate::operations::staff::{By, Search};
use crate::{AuthService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;

/// Which people.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchParams {
    /// Part of the address or the name, or the whole id.
    q: Option<String>,
    /// Only these.
    is_active: Option<bool>,
    /// `true`: members of staff only; `false`: nobody of them.
    is_staff: Option<bool>,
    /// 1 to 100.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<UserId>,
}

/// A person in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListedShape {
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    email: String,
    username: String,
    is_active: bool,
    is_superuser: bool,
    email_verified: bool,
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = "date-time")]
    last_login_at: Option<Timestamp>,
    /// When one of their live sign-ins was last used; true to the hour.
    #[schema(value_type = Option<String>, format = "date-time")]
    last_seen_at: Option<Timestamp>,
}

/// A page of people.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserPage {
    data: Vec<ListedShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<UserId>,
}

/// People, newest first. Takes `users.read`.
#[utoipa::path(get, path = "/users", tag = "admin", params(SearchParams),
    responses((status = 200, body = UserPage), (status = 403, description = "`permission_denied`")))]
pub(super) async fn list(
    State(service): State<AuthService>,
    _staff: Permitted<UsersRead>,
    Params(params): Params<SearchParams>,
) -> Result<Json<UserPage>, Problem> {
    let limit = params.limit.unwrap_or(LIMIT);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(problems::limit(LONGEST_PAGE));
    }
    let search = Search {
        text: params.q.filter(|text| !text.is_empty()),
        is_active: params.is_active,
        is_staff: params.is_staff,
        before: params.starting_after,
    };
    let mut found = service
        .search_users(&search, limit.saturating_add(1))
        .await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > shown;
    found.truncate(shown);
    let next_cursor = found
        .last()
        .filter(|_| has_more)
        .map(|listed| listed.user.id);
    let data = found
        .into_iter()
        .map(|listed| ListedShape {
            id: listed.user.id,
            email: listed.user.email,
            username: listed.user.username,
            is_active: listed.user.is_active,
            is_superuser: listed.user.is_superuser,
            email_verified: listed.user.email_verified_at.is_some(),
            created_at: listed.user.created_at,
            last_login_at: listed.last_login_at,
            last_seen_at: listed.last_seen_at,
        })
        .collect();
    Ok(Json(UserPage {
        data,
        has_more,
        next_cursor,
    }))
}

/// A person. Takes `users.read`.
#[utoipa::path(get, path = "/users/{user_id}", tag = "admin", params(("user_id" = String, Path)),
    responses((status = 200, body = UserShape), (status = 404, description = "`not_found`")))]
pub(super) async fn read(
    State(service): State<AuthService>,
    _staff: Permitted<UsersRead>,
    PathId(id): PathId<UserId>,
) -> Result<Json<UserShape>, Problem> {
    let user = service.find_user(id).await?;
    user.map(|user| Json(user.into()))
        .ok_or_else(|| Problem::new(Code::NotFound))
}

/// Somebody who gets an account.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct OpenBody {
    #[schema(example = "ann@example.com")]
    email: String,
    #[schema(example = "ann")]
    username: String,
    /// `zh` or `en`.
    locale: Option<String>,
    /// For the audit log.
    reason: Option<String>,
}

/// Opens an account; its owner is sent a link to choose a password. Takes `users.write`.
#[utoipa::path(post, path = "/users", tag = "admin", request_body = OpenBody,
    responses((status = 201, body = UserShape), (status = 409, description = "`email_taken`, `username_taken`"),
        (status = 422, description = "`validation_failed`, `unknown_field`")))]
pub(super) async fn open(
    State(service): State<AuthService>,
    _staff: Permitted<UsersWrite>,
    Held(permissions, origin): Held,
    StrictBody { value: body, .. }: StrictBody<OpenBody>,
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
    let by = By {
        permissions: &permissions,
        origin: &origin,
        reason: body.reason.as_deref(),
    };
    let user = service.open_account(&email, &username, locale, &by).await;
    let user = user.map_err(problems::staff)?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// What is to be different.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct UpdateBody {
    /// False ends every sign-in at once.
    is_active: bool,
    /// For the audit log.
    reason: Option<String>,
}

/// Lets a person act, or not. Takes `users.write`; for a member of staff `admin`.
#[utoipa::path(patch, path = "/users/{user_id}", tag = "admin", params(("user_id" = String, Path)), request_body = UpdateBody,
    responses((status = 200, body = UserShape), (status = 403, description = "`permission_denied`"),
        (status = 404, description = "`not_found`"), (status = 409, description = "`last_admin`"),
        (status = 422, description = "`validation_failed`, `unknown_field`")))]
pub(super) async fn update(
    State(service): State<AuthService>,
    _staff: Permitted<UsersWrite>,
    Held(permissions, origin): Held,
    PathId(id): PathId<UserId>,
    StrictBody { value: body, .. }: StrictBody<UpdateBody>,
) -> Result<Json<UserShape>, Problem> {
    let by = By {
        permissions: &permissions,
        origin: &origin,
        reason: body.reason.as_deref(),
    };
    let user = service.set_active(id, body.is_active, &by).await;
    Ok(Json(user.map_err(problems::staff)?.into()))
}

/// Roles of a person, and what comes of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RolesShape {
    /// `admin`, `finance`, `support`, `read_only`.
    roles: Vec<&'static str>,
    permissions: Vec<String>,
}

/// Which roles a person has. Takes `users.read`.
#[utoipa::path(get, path = "/users/{user_id}/roles", tag = "admin", params(("user_id" = String, Path)),
    responses((status = 200, body = RolesShape), (status = 404, description = "`not_found`")))]
pub(super) async fn read_roles(
    State(service): State<AuthService>,
    _staff: Permitted<UsersRead>,
    PathId(id): PathId<UserId>,
) -> Result<Json<RolesShape>, Problem> {
    let user = service.find_user(id).await?;
    user.map(|user| Json(RolesShape::of(&user)))
        .ok_or_else(|| Problem::new(Code::NotFound))
}

impl RolesShape {
    fn of(user: &crate::model::user::User) -> Self {
        Self {
            roles: user.roles.iter().map(|role| role.as_str()).collect(),
            permissions: user.permissions().names().to_vec(),
        }
    }
}

/// Exactly these roles.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RolesBody {
    /// `admin`, `finance`, `support`, `read_only`.
    roles: Vec<String>,
    /// For the audit log.
    reason: Option<String>,
}

/// Gives a person exactly these roles. Takes `admin`.
#[utoipa::path(put, path = "/users/{user_id}/roles", tag = "admin", params(("user_id" = String, Path)), request_body = RolesBody,
    responses((status = 200, body = RolesShape), (status = 404, description = "`not_found`"),
        (status = 409, description = "`last_admin`"),
        (status = 422, description = "`validation_failed`: an unknown role; `unknown_field`")))]
pub(super) async fn set_roles(
    State(service): State<AuthService>,
    _staff: Permitted<Admin>,
    _confirmed: Confirmed,
    Held(permissions, origin): Held,
    PathId(id): PathId<UserId>,
    StrictBody { value: body, .. }: StrictBody<RolesBody>,
) -> Result<Json<RolesShape>, Problem> {
    let mut errors = FieldErrors::new();
    let mut roles = Vec::new();
    for (index, text) in body.roles.iter().enumerate() {
        let pointer = format!("/roles/{index}");
        roles.extend(errors.take(&pointer, text.parse::<Role>()));
    }
    errors.finish()?;
    let by = By {
        permissions: &permissions,
        origin: &origin,
        reason: body.reason.as_deref(),
    };
    let user = service.set_roles(id, &roles, &by).await;
    Ok(Json(RolesShape::of(&user.map_err(problems::staff)?)))
}

/// Whether keys end too.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SignOutParams {
    /// `true`: every key of the person ends as well.
    keys: Option<bool>,
}

/// Ends every sign-in of a person. Takes `users.write`; for a member of staff `admin`.
#[utoipa::path(delete, path = "/users/{user_id}/sessions", tag = "admin", params(("user_id" = String, Path), SignOutParams),
    responses((status = 204), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`")))]
pub(super) async fn sign_out(
    State(service): State<AuthService>,
    _staff: Permitted<UsersWrite>,
    Held(permissions, origin): Held,
    PathId(id): PathId<UserId>,
    Params(params): Params<SignOutParams>,
) -> Result<StatusCode, Problem> {
    let by = By {
        permissions: &permissions,
        origin: &origin,
        reason: None,
    };
    let done = service
        .sign_out(id, params.keys.unwrap_or(false), &by)
        .await;
    done.map_err(problems::staff)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a person's second factor away, who has lost it. Takes `admin` and a confirmation of the last five
/// minutes.
#[utoipa::path(delete, path = "/users/{user_id}/second-factor", tag = "admin", params(("user_id" = String, Path)),
    responses((status = 204), (status = 403, description = "`permission_denied`, `confirmation_required`"),
        (status = 404, description = "`not_found`: no such person, or none set up")))]
pub(super) async fn remove_second_factor(
    State(service): State<AuthService>,
    _staff: Permitted<Admin>,
    _confirmed: Confirmed,
    Held(_permissions, origin): Held,
    PathId(id): PathId<UserId>,
) -> Result<StatusCode, Problem> {
    let actor = Actor::of(&origin);
    if service
        .remove_second_factors(id, actor, None, &origin)
        .await?
    {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Code::NotFound))
    }
}

/// Somebody who is asked in.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct InviteBody {
    #[schema(example = "ann@example.com")]
    email: String,
    /// `zh` or `en`.
    locale: Option<String>,
}

/// Sends an invitation; an older one for the address ends. Takes `users.write`.
#[utoipa::path(post, path = "/invites", tag = "admin", request_body = InviteBody,
    responses((status = 202), (status = 422, description = "`validation_failed`, `unknown_field`")))]
pub(super) async fn invite(
    State(service): State<AuthService>,
    _staff: Permitted<UsersWrite>,
    Held(_permissions, origin): Held,
    StrictBody { value: body, .. }: StrictBody<InviteBody>,
) -> Result<StatusCode, Problem> {
    let mut errors = FieldErrors::new();
    let email = errors.take("/email", body.email.parse::<Email>());
    let locale = body
        .locale
        .map_or(Ok(Locale::default()), |text| text.parse());
    let locale = errors.take("/locale", locale);
    errors.finish()?;
    let (Some(email), Some(locale)) = (email, locale) else {
        return Err(problems::required("/email"));
    };
    service.invite(&email, locale, &origin).await?;
    Ok(StatusCode::ACCEPTED)
}
