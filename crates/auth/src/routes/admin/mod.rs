//! HTTP for staff. Every route names the permission it takes.

mod audit;
mod service_keys;
mod users;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::{self, Authority as _, Named, Permissions};
use tollgate_kernel::problem::{Code, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AuthService;

impl AuthService {
    /// What staff do; nest it under `/admin`, inside [`AuthService::identify`].
    ///
    /// ```
    /// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
    /// # use tollgate_kernel::entropy::Entropy;
    /// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
    /// # use axum::{Router, body::Body, extract::Request, http::StatusCode};
    /// # use tower::ServiceExt as _;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
    /// # let mut config = AuthConfig::new("https://shop.example");
    /// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
    /// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
    /// # let auth = builder.weak_hashing_for_tests().build().await?;
    /// let app: Router = Router::new().nest("/admin", auth.admin_router()).layer(auth.identify());
    /// let asked = Request::get("/admin/users").body(Body::empty())?;
    /// assert_eq!(app.oneshot(asked).await?.status(), StatusCode::UNAUTHORIZED);
    /// # Ok(())
    /// # }
    /// ```
    pub fn admin_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.openapi_admin_router().into()
    }

    /// The same, with its documentation.
    pub fn openapi_admin_router<S: Clone + Send + Sync + 'static>(&self) -> OpenApiRouter<S> {
        OpenApiRouter::new()
            .routes(routes!(users::list, users::open))
            .routes(routes!(users::read, users::update))
            .routes(routes!(users::read_roles, users::set_roles))
            .routes(routes!(users::sign_out))
            .routes(routes!(users::remove_second_factor))
            .routes(routes!(users::invite))
            .routes(routes!(service_keys::list, service_keys::create))
            .routes(routes!(service_keys::delete))
            .routes(routes!(service_keys::rotate))
            .routes(routes!(audit::list))
            .layer(self.limit_calls())
            .with_state(self.clone())
    }
}

struct UsersRead;
impl Named for UsersRead {
    const NAME: &'static str = permission::USERS_READ;
}

struct UsersWrite;
impl Named for UsersWrite {
    const NAME: &'static str = permission::USERS_WRITE;
}

struct Admin;
impl Named for Admin {
    const NAME: &'static str = permission::ADMIN;
}

struct AuditRead;
impl Named for AuditRead {
    const NAME: &'static str = permission::AUDIT_READ;
}

/// What the actor holds, read once more where what they may do depends on whom they do it to.
struct Held(Permissions, Origin);

impl FromRequestParts<AuthService> for Held {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &AuthService) -> Result<Self, Problem> {
        let Ok(origin) = Origin::from_request_parts(parts, service).await;
        let caller: &Caller = origin
            .caller
            .as_ref()
            .ok_or_else(|| Problem::new(Code::Unauthenticated))?;
        let permissions = service.permissions(caller).await?;
        Ok(Self(permissions, origin))
    }
}
