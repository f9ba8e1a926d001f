//! Layered settings → the two modules, joined, with the look-alikes beside them.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate_auth::mailer::Mailer;
use tollgate_auth::{AuthService, Method};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_payment::PaymentService;
use tollgate_payment::providers::PaymentProvider;

use crate::beside::Beside;
use crate::config::{AppEnv, Config, Faults};
use crate::ground::Ground;
use crate::modules::{DefaultPlan, OneMailbox, PlanEntitlements};
use crate::proxied::Tollgates;
use crate::start::StartError;
use crate::{mail, samples, sandbox_clock};

/// Both modules, and what they stand on.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) ground: Ground,
    pub(crate) auth: AuthService,
    pub(crate) payment: PaymentService,
    /// Letters are shown in the sandbox instead of leaving.
    pub(crate) has_mailbox: bool,
}

/// What is not in the settings.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) providers: Vec<Arc<dyn PaymentProvider>>,
    pub(crate) methods: Vec<Arc<dyn Method>>,
    pub(crate) mailer: Option<Arc<dyn Mailer>>,
}

impl Whole {
    /// `local`: where the look-alikes are called, which answer at this very service.
    pub(crate) async fn open(
        config: &Config,
        brought: Brought,
        local: SocketAddr,
    ) -> Result<Self, StartError> {
        let ground = Ground::open(config, brought.clock, brought.entropy, local).await?;
        let people = Arc::new(OneMailbox::default());
        let settings = ground.payment_config(config);
        let mut payment = PaymentService::builder(ground.db.clone(), ground.key.clone(), settings)
            .clock(ground.clock.clone())
            .entropy(ground.entropy.clone())
            .people(people.clone());
        for provider in ground
            .rails(config, local)?
            .into_iter()
            .chain(brought.providers)
        {
            payment = payment.provider(provider);
        }
        let payment = payment.build().await?;
        if ground.sandbox.is_some() {
            sandbox_clock::catch_up(&ground.db, &ground.clock).await?;
        }
        let accounts = config
            .accounts
            .auth_config(&ground.public_url, ground.livemode());
        let mut auth = AuthService::builder(ground.db.clone(), ground.key.clone(), accounts)
            .clock(ground.clock.clone())
            .entropy(ground.entropy.clone())
            .entitlements(Arc::new(PlanEntitlements(payment.clone())))
            .newcomers(Arc::new(DefaultPlan(payment.clone())));
        for method in brought.methods {
            auth = auth.method(method);
        }
        let own = brought.mailer.is_some();
        let mailer = match brought.mailer {
            Some(mailer) => Some(mailer),
            None => mail::mailer(config, &ground.public_url, ground.sandbox.as_ref())
                .map_err(|error| Faults::one("SMTP_URL", error.to_string()))?,
        };
        if let Some(mailer) = mailer {
            auth = auth.mailer(mailer);
        }
        #[cfg(feature = "redis")]
        if let Some(url) = &config.redis {
            auth = auth.redis(url.clone());
        }
        let auth = auth.build().await?;
        people.asks(&auth);
        if config.app_env == AppEnv::Development {
            payment.seed_plans(&samples::plans()).await?;
        }
        Ok(Self {
            has_mailbox: ground.sandbox.is_some() && config.mail.is_none() && !own,
            ground,
            auth,
            payment,
        })
    }

    /// Begins the work that is due.
    pub(crate) fn beside(&self, stop: &watch::Receiver<bool>) -> JoinSet<()> {
        let beside = Beside::begin(&self.ground, stop);
        beside.accounts(&self.auth).plans(&self.payment).running()
    }

    /// As proxied calls are judged.
    pub(crate) fn tollgates(&self) -> Tollgates {
        Tollgates {
            auth: self.auth.clone(),
            payment: self.payment.clone(),
        }
    }
}
