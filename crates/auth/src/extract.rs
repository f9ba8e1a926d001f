//! The person behind a call, read from the database.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tollgate_kernel::caller::CurrentUserId;
use tollgate_kernel::problem::{Code, Problem};

use crate::model::user::User;
use crate::{AuthService, problems};

/// The person behind the call, as they are now: 401 for nobody, and for somebody deactivated.
#[derive(Clone, Debug)]
pub struct CurrentUser(pub User);

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let CurrentUserId(id) = CurrentUserId::from_request_parts(parts, state).await?;
        let Some(service) = parts.extensions.get::<AuthService>() else {
            tracing::error!(
                "a handler asks for its user, but `.layer(auth.identify())` is missing"
            );
            return Err(Problem::new(Code::Internal));
        };
        let user = service
            .find_user(id)
            .await
            .map_err(|error| problems::storage(&error))?;
        match user {
            Some(user) if user.is_active => Ok(Self(user)),
            Some(_) => Err(Problem::new(Code::UserInactive)),
            None => Err(Problem::new(Code::Unauthenticated)),
        }
    }
}
