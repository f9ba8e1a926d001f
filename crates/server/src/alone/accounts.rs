//! Accounts alone. Nobody here knows of plans: `GET /auth/verify` says null, and its demands for them are not met.

use axum::Router;
use tollgate_auth::AuthService;

use crate::config::Config;
use crate::ground::Ground;
use crate::start::StartError;
use crate::{openapi, pages, routes};

/// The module, and what it stands on.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) ground: Ground,
    pub(super) auth: AuthService,
}

impl Accounts {
    pub(super) async fn open(config: &Config, ground: Ground) -> Result<Self, StartError> {
        let mut auth = ground.accounts(config);
        if let Some(mailer) = ground.mailer(config)? {
            auth = auth.mailer(mailer);
        }
        let auth = auth.build().await?;
        ground.catch_up().await?;
        Ok(Self { ground, auth })
    }

    pub(super) fn router(&self) -> Router {
        let (auth, ground) = (&self.auth, &self.ground);
        let api: Router = Router::new()
            .nest("/auth", auth.router())
            .nest("/admin", auth.admin_router())
            .layer(auth.identify());
        let mut router = Router::new()
            .merge(api)
            .merge(pages::accounts(ground.house(), auth.clone()))
            .merge(openapi::router(Some(auth), None))
            .merge(auth.metadata_router())
            .merge(routes::health_router(&ground.db));
        if let Some(sandbox) = &ground.sandbox {
            router = router.merge(sandbox.router());
        }
        routes::surrounded(router, ground, true)
    }
}
