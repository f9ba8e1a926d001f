//! Plans and payments alone, for the callers of accounts elsewhere.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use tollgate_auth::{JwtKey, RemoteAuth, RemoteConfig};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::problem::Problem;
use tollgate_payment::{Expiring, News, PaymentService, People};
use tollgate_storage::db::Tx;

use crate::config::{AppEnv, Config};
use crate::ground::Ground;
use crate::start::StartError;
use crate::{openapi, pages, routes, samples};

/// So many people are remembered as seen; then the database is asked again.
const MOST_SEEN: usize = 100_000;

/// The module, and what it stands on.
#[derive(Debug)]
pub(super) struct Plans {
    pub(super) ground: Ground,
    pub(super) payment: PaymentService,
    accounts: RemoteAuth,
}

impl Plans {
    /// `local`: where this very service answers.
    pub(super) async fn open(
        config: &Config,
        ground: Ground,
        local: SocketAddr,
    ) -> Result<Self, StartError> {
        let elsewhere = config.elsewhere.clone()?;
        let remote = RemoteConfig {
            url: elsewhere.url,
            service_key: elsewhere.service_key,
            api_key_prefix: config.accounts.api_key_prefix.clone(),
            secret: match &config.accounts.jwt {
                JwtKey::Hs256(secret) => Some(secret.clone()),
                JwtKey::Generated(_) | JwtKey::Own(_) => None,
            },
            livemode: ground.livemode(),
            calls_per_minute: config.accounts.calls_per_minute,
        };
        let accounts = RemoteAuth::new(remote, ground.clock.clone())?;
        let payment = ground.plans(config, local)?.people(Arc::new(Accounts));
        let payment = payment.build().await?;
        ground.catch_up().await?;
        if config.app_env == AppEnv::Development {
            payment.seed_plans(&samples::plans()).await?;
        }
        Ok(Self {
            ground,
            payment,
            accounts,
        })
    }

    pub(super) fn router(&self) -> Router {
        let (payment, ground) = (&self.payment, &self.ground);
        let limit = self.accounts.limit_calls();
        let newcomers = Newcomers {
            payment: payment.clone(),
            seen: Arc::default(),
        };
        let api: Router = Router::new()
            .nest("/admin", payment.admin_router().layer(limit.clone()))
            .nest("/payments", payment.router().layer(limit.clone()))
            .nest("/quota", payment.quota_router())
            .nest("/usage", payment.usage_router().layer(limit))
            .layer(middleware::from_fn_with_state(newcomers, welcomed))
            .layer(self.accounts.identify());
        let mut router = Router::new()
            .merge(api)
            .merge(pages::buying(ground.house(), payment.clone()))
            .merge(openapi::router(None, Some(payment)))
            .merge(routes::health_router(&ground.db));
        if let Some(sandbox) = &ground.sandbox {
            router = router.merge(sandbox.router());
        }
        routes::surrounded(router, ground, true)
    }
}

/// Nothing of people is known here but their accounts. Who runs the service hears of events by the webhooks it has set up,
/// and so does whoever is to tell people of their terms, money and units.
#[derive(Debug)]
struct Accounts;

#[async_trait]
impl People for Accounts {
    async fn person(&self, user: UserId) -> Result<Option<String>, Problem> {
        Ok(Some(user.to_string()))
    }

    async fn endpoint_disabled(
        &self,
        _: &mut Tx,
        url: &str,
        _: Timestamp,
    ) -> tollgate_storage::Result<()> {
        tracing::error!(
            url,
            "an endpoint for events was switched off: it answered nothing for too long"
        );
        Ok(())
    }

    async fn subscription_expiring(
        &self,
        _: &mut Tx,
        _: &Expiring,
        _: Timestamp,
    ) -> tollgate_storage::Result<()> {
        Ok(())
    }

    async fn news(&self, _: &mut Tx, _: &News, _: Timestamp) -> tollgate_storage::Result<()> {
        Ok(())
    }
}

/// Whoever calls for the first time is given the default plan, as others are when they register.
#[derive(Clone, Debug)]
struct Newcomers {
    payment: PaymentService,
    seen: Arc<Mutex<HashSet<UserId>>>,
}

impl Newcomers {
    async fn welcome(&self, user: UserId) -> Result<(), Problem> {
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen().contains(&user) {
            return Ok(());
        }
        self.payment.give_default_plan_once(user).await?;
        let mut seen = seen();
        if seen.len() >= MOST_SEEN {
            seen.clear();
        }
        seen.insert(user);
        Ok(())
    }
}

async fn welcomed(
    State(newcomers): State<Newcomers>,
    caller: Result<Option<Caller>, Problem>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if let Ok(Some(caller)) = &caller
        && let Some(user) = caller.user_id()
    {
        newcomers.welcome(user).await?;
    }
    Ok(next.run(request).await)
}
