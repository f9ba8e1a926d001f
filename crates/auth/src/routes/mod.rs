//! HTTP: the table of routes. Handlers only translate.

mod account;
mod admin;
mod api_keys;
mod email;
mod me;
mod oauth;
mod password;
mod second_factor;
mod sessions;
mod tokens;
mod verify;
mod well_known;

use axum::Router;
use serde::Serialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AuthService;
use crate::model::user::User;

impl AuthService {
    /// Accounts and keys; nest it under `/auth`, inside [`AuthService::identify`].
    ///
    /// ```
    /// # use axum::Router;
    /// # use tollgate_auth::AuthService;
    /// fn app(auth: &AuthService) -> Router {
    ///     Router::new()
    ///         .nest("/auth", auth.router())
    ///         .nest("/admin", auth.admin_router())
    ///         .layer(auth.identify())
    ///         .merge(auth.metadata_router())
    /// }
    /// ```
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.openapi_router().into()
    }

    /// The same, with its documentation.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use utoipa_axum::router::OpenApiRouter;
    /// fn documented(auth: &AuthService) -> OpenApiRouter {
    ///     OpenApiRouter::new()
    ///         .nest("/auth", auth.openapi_router())
    ///         .nest("/admin", auth.openapi_admin_router())
    ///         .merge(auth.openapi_metadata_router())
    /// }
    /// ```
    pub fn openapi_router<S: Clone + Send + Sync + 'static>(&self) -> OpenApiRouter<S> {
        OpenApiRouter::new()
            .routes(routes!(account::register))
            .routes(routes!(account::login))
            .routes(routes!(second_factor::login))
            .routes(routes!(account::refresh))
            .routes(routes!(account::set_up))
            .routes(routes!(sessions::logout))
            .routes(routes!(me::read, me::update, me::patch, me::close))
            .routes(routes!(me::export))
            .routes(routes!(password::change))
            .routes(routes!(password::reset))
            .routes(routes!(email::verify))
            .routes(routes!(second_factor::enrol))
            .routes(routes!(second_factor::confirm_factor))
            .routes(routes!(second_factor::disable))
            .routes(routes!(second_factor::confirm))
            .routes(routes!(sessions::list, sessions::end_others))
            .routes(routes!(sessions::end))
            .routes(routes!(api_keys::list, api_keys::create))
            .routes(routes!(api_keys::delete))
            .routes(routes!(api_keys::rotate))
            .routes(routes!(tokens::introspect))
            .routes(routes!(tokens::revoke))
            .routes(routes!(well_known::jwks))
            .layer(self.limit_calls())
            // Asked once for each call of an application: that is what is limited there.
            .routes(routes!(verify::verify))
            .with_state(self.clone())
    }
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
struct UserShape {
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    email: String,
    username: String,
    is_active: bool,
    is_superuser: bool,
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    #[schema(value_type = String, format = "date-time")]
    updated_at: Timestamp,
    permissions: Vec<String>,
    email_verified: bool,
    /// `zh` or `en`.
    locale: &'static str,
}

impl From<User> for UserShape {
    fn from(user: User) -> Self {
        let permissions = user.permissions().names().to_vec();
        Self {
            id: user.id,
            email: user.email,
            username: user.username,
            is_active: user.is_active,
            is_superuser: user.is_superuser,
            created_at: user.created_at,
            updated_at: user.updated_at,
            permissions,
            email_verified: user.email_verified_at.is_some(),
            locale: user.locale.as_str(),
        }
    }
}
