//! What one module knows for the other: plans for accounts, accounts for plans.

mod letters;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use async_trait::async_trait;
use serde_json::{Map, Value};
use tollgate_auth::mailer::Content;
use tollgate_auth::{AuthService, Entitlements, Newcomers};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_payment::model::quota::{Cost, ResourceType};
use tollgate_payment::{Demand, Expiring, News, PaymentService, People};
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use crate::words::WORDS;

/// What people have, for `GET /auth/verify`.
#[derive(Debug)]
pub(crate) struct PlanEntitlements(pub(crate) PaymentService);

#[async_trait]
impl Entitlements for PlanEntitlements {
    async fn entitlements(&self, user: UserId) -> std::result::Result<Map<String, Value>, Problem> {
        Ok(self.0.entitlements(user).await?)
    }

    async fn meets(
        &self,
        user: UserId,
        demand: &BTreeMap<String, String>,
    ) -> std::result::Result<(), Problem> {
        let demand = read(demand)?;
        self.0.meets(user, &demand).await
    }

    async fn plan(&self, tx: &mut Tx, user: UserId, at: Timestamp) -> Result<Option<String>> {
        self.0.plan_in(tx, user, at).await
    }
}

/// Whoever is new gets the default plan, with the account or not at all; by another spelling of one mailbox once.
#[derive(Debug)]
pub(crate) struct DefaultPlan(pub(crate) PaymentService);

#[async_trait]
impl Newcomers for DefaultPlan {
    async fn welcome(&self, tx: &mut Tx, user: UserId, mailbox: &str, at: Timestamp) -> Result<()> {
        let given = self.0.give_default_plan(tx, user, Some(mailbox), at).await;
        given.map(drop)
    }
}

/// `plan` (slugs separated by commas), `resource_type`, `cost`.
fn read(demand: &BTreeMap<String, String>) -> std::result::Result<Demand, Problem> {
    let mut errors = FieldErrors::new();
    let plans = demand.get("plan").map_or(Vec::new(), |plans| {
        let slugs = plans.split(',').map(|slug| slug.trim().to_owned());
        slugs.collect()
    });
    if plans.iter().any(String::is_empty) {
        let detail = WORDS.text("problem.plan_slugs");
        errors.note("/plan", "invalid_plan", detail);
    }
    let resource_type = demand
        .get("resource_type")
        .and_then(|text| errors.take("/resource_type", text.parse::<ResourceType>()));
    let cost = demand.get("cost").map_or(Some(Cost::ONE), |text| {
        let cost = text
            .parse::<i64>()
            .ok()
            .and_then(|cost| Cost::new(cost).ok());
        if cost.is_none() {
            let detail = WORDS.text("problem.above_zero");
            errors.note("/cost", "invalid_cost", detail);
        }
        cost
    });
    errors.finish()?;
    Ok(Demand {
        plans,
        call: resource_type.zip(cost),
    })
}

/// Who is one person, by their mailbox. The accounts are put together after the plans, which they ask.
#[derive(Debug, Default)]
pub(crate) struct OneMailbox(OnceLock<AuthService>);

impl OneMailbox {
    pub(crate) fn asks(&self, auth: &AuthService) {
        drop(self.0.set(auth.clone()));
    }
}

#[async_trait]
impl People for OneMailbox {
    async fn person(&self, user: UserId) -> std::result::Result<Option<String>, Problem> {
        let auth = self.0.get();
        let auth = auth.ok_or_else(|| Problem::new(Code::Unavailable))?;
        Ok(auth.mailbox(user).await?)
    }

    async fn endpoint_disabled(&self, tx: &mut Tx, url: &str, at: Timestamp) -> Result<()> {
        let url = url.to_owned();
        match self.0.get() {
            Some(auth) => {
                let letter = Content::EndpointDisabled { at, url };
                auth.write_to_admins(tx, &letter).await
            }
            None => Ok(()),
        }
    }

    async fn subscription_expiring(
        &self,
        tx: &mut Tx,
        expiring: &Expiring,
        at: Timestamp,
    ) -> Result<()> {
        let Some(auth) = self.0.get() else {
            return Ok(());
        };
        let letter = |locale| letters::expiring(expiring, locale, at);
        auth.write_to(tx, expiring.user_id, letter).await
    }

    async fn news(&self, tx: &mut Tx, news: &News, _: Timestamp) -> Result<()> {
        let Some(auth) = self.0.get() else {
            return Ok(());
        };
        let letter = |locale| letters::of(news, locale);
        auth.write_to(tx, news.user_id(), letter).await
    }
}
