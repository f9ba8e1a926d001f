//! Oneself.

use axum::Json;
use tollgate_kernel::problem::Problem;

use super::UserShape;
use crate::CurrentUser;

/// Who I am.
#[utoipa::path(get, path = "/me", tag = "auth",
    responses((status = 200, body = UserShape), (status = 401, description = "`unauthenticated`, `user_inactive`")))]
pub(super) async fn read(CurrentUser(user): CurrentUser) -> Result<Json<UserShape>, Problem> {
    Ok(Json(user.into()))
}
