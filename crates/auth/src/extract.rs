//! The person behind a call, read from the database.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::problem::{Code, Problem};

use crate::methods::Presented;
use crate::model::user::User;
use crate::{AuthService, problems};

/// The person behind the call, as they are now: 401 for nobody, for somebody deactivated and for a
/// sign-in that is over; 403 for a key that is limited to scopes.
///
/// ```
/// use axum::{Router, routing::get};
/// use tollgate_auth::{AuthService, CurrentUser};
///
/// async fn hello(CurrentUser(user): CurrentUser) -> String {
///     format!("{} <{}>", user.username, user.email)
/// }
///
/// fn routes(auth: &AuthService) -> Router {
///     Router::new().route("/hello", get(hello)).layer(auth.identify())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CurrentUser(pub User);

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        caller.person(None)?;
        let Some(service) = parts.extensions.get::<AuthService>() else {
            tracing::error!(
                path = parts.uri.path(),
                "a handler asks for its user, but its caller was identified by another layer: add `.layer(auth.identify())`"
            );
            return Err(Problem::new(Code::Internal));
        };
        let presented = parts.extensions.get::<Presented>();
        let issued_at = presented.and_then(|presented| presented.issued_at);
        let user = service.standing(&caller, issued_at).await;
        user.map(Self).map_err(problems::standing)
    }
}
