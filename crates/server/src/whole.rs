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
use crate::config::{AppEnv, Config};
use crate::ground::Ground;
use crate::modules::{DefaultPlan, OneMailbox, PlanEntitlements};
use crate::proxied::Tollgates;
use crate::samples;
use crate::start::StartError;

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
        let mut payment = ground.plans(config, local)?.people(people.clone());
        for provider in brought.providers {
            payment = payment.provider(provider);
        }
        let payment = payment.build().await?;
        ground.catch_up().await?;
        let mut auth = ground
            .accounts(config)
            .entitlements(Arc::new(PlanEntitlements(payment.clone())))
            .newcomers(Arc::new(DefaultPlan(payment.clone())));
        for method in brought.methods {
            auth = auth.method(method);
        }
        let own = brought.mailer.is_some();
        let mailer = match brought.mailer {
            Some(mailer) => Some(mailer),
            None => ground.mailer(config)?,
        };
        if let Some(mailer) = mailer {
            auth = auth.mailer(mailer);
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
