//! Accounts alone. Nobody here knows of plans: `GET /auth/verify` says null, and its demands for them are not met.

use axum::Router;
use tollgate_auth::AuthService;

use crate::config::{Config, Faults};
use crate::ground::Ground;
use crate::start::StartError;
use crate::{mail, openapi, pages, routes, sandbox_clock};

/// The module, and what it stands on.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) ground: Ground,
    pub(super) auth: AuthService,
}

impl Accounts {
    pub(super) async fn open(config: &Config, ground: Ground) -> Result<Self, StartError> {
        let accounts = config
            .accounts
            .auth_config(&ground.public_url, ground.livemode());
        let mut auth = AuthService::builder(ground.db.clone(), ground.key.clone(), accounts)
            .clock(ground.clock.clone())
            .entropy(ground.entropy.clone());
        let mailer = mail::mailer(config, &ground.public_url, ground.sandbox.as_ref())
            .map_err(|error| Faults::one("SMTP_URL", error.to_string()))?;
        if let Some(mailer) = mailer {
            auth = auth.mailer(mailer);
        }
        #[cfg(feature = "redis")]
        if let Some(url) = &config.redis {
            auth = auth.redis(url.clone());
        }
        let auth = auth.build().await?;
        if ground.sandbox.is_some() {
            sandbox_clock::catch_up(&ground.db, &ground.clock).await?;
        }
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
            .merge(pages::accounts(auth.clone(), ground.sandbox.is_some()))
            .merge(pages::assets())
            .merge(openapi::router(Some(auth), None))
            .merge(auth.metadata_router())
            .merge(routes::health_router(&ground.db));
        if let Some(sandbox) = &ground.sandbox {
            router = router.merge(sandbox.router());
        }
        routes::surrounded(router, ground, true)
    }
}
