//! Whether a credential is good, for applications in any language.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::problem::{Code, Problem};

use super::UserShape;
use crate::store::sessions;
use crate::{AuthService, problems};

/// Whose credential this is, what they have, and how much is left. Takes nothing. Asks the database,
/// so that whoever was deactivated or signed out fails at once.
#[utoipa::path(get, path = "/verify", tag = "auth",
    responses(
        (status = 200, description = "`{valid, subject_type, user, api_key_id, permissions, plan, subscription, quota, expires_at}`"),
        (status = 401, description = "a problem that also carries `valid: false`"),
    ))]
pub(super) async fn verify(
    State(service): State<AuthService>,
    caller: Option<Caller>,
) -> Result<Json<Value>, Problem> {
    let refuse = |code: Code| Problem::new(code).with("valid", false);
    let caller = caller.ok_or_else(|| refuse(Code::Unauthenticated))?;
    let (subject_type, api_key_id) = match &caller {
        Caller::User { session_id, .. } => {
            if let Some(session) = session_id {
                let found = sessions::find(&service.parts().db, *session).await;
                let found = found.map_err(|error| problems::storage(&error))?;
                if found.is_none_or(|session| session.is_revoked) {
                    return Err(refuse(Code::TokenRevoked));
                }
            }
            ("user", Value::Null)
        }
        Caller::ApiKey { api_key_id, .. } => ("api_key", json!(api_key_id)),
        _ => return Err(refuse(Code::PermissionDenied)),
    };
    let id = caller
        .user_id()
        .ok_or_else(|| refuse(Code::Unauthenticated))?;
    let user = service
        .find_user(id)
        .await
        .map_err(|error| problems::storage(&error))?;
    let user = user.ok_or_else(|| refuse(Code::Unauthenticated))?;
    if !user.is_active {
        return Err(refuse(Code::UserInactive));
    }
    let mut answer = Map::new();
    for (name, value) in [
        ("valid", json!(true)),
        ("subject_type", json!(subject_type)),
        ("user", json!(UserShape::from(user))),
        ("api_key_id", api_key_id),
        ("permissions", json!([])),
        ("plan", Value::Null),
        ("subscription", Value::Null),
        ("quota", Value::Null),
        ("expires_at", Value::Null),
    ] {
        answer.insert(name.to_owned(), value);
    }
    if let Some(entitlements) = &service.parts().entitlements {
        answer.extend(entitlements.entitlements(id).await?);
    }
    Ok(Json(Value::Object(answer)))
}
