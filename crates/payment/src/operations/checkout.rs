//! Begins a purchase.
//!
//! What can happen at once: the buyer clicks twice, two devices, a retry after a lost answer, a
//! crash between the order and the provider's answer, a callback before the answer. The order is
//! written down before anybody outside hears of it, under a unique key of person, plan and rail,
//! and the provider knows it by our number: so the second click finds the first order, and an order
//! that was cut off is sent again under the same number. No call leaves inside a transaction.

use tollgate_kernel::ids::UserId;
use tollgate_kernel::money::{AmountText, Currency};
use tollgate_kernel::problem::Problem;
use tollgate_storage::StorageError;
use tollgate_storage::idempotency::{self, Request};

use super::activate::{Activation, activate};
use super::begin_order::{answered, begin, rail, to_its_end};
use super::current_subscription::{entitled, shown};
use super::place_order::Draft;
use super::way::{self, PayBy, Way};
use super::{Answered, checkout_link};
use crate::model::metadata::Metadata;
use crate::model::payment::{Payment, PaymentMethod, Purpose};
use crate::model::plan::Plan;
use crate::providers::{PaymentAction, ProviderError};
use crate::shapes::{CheckoutShape, NextStep};
use crate::store::{free_grants, plans};
use crate::{Parts, PaymentService};

/// Which plan, by id, by slug, or by both when they agree.
#[derive(Clone, Debug, Default)]
pub struct PlanRef {
    /// By id (or slug).
    pub plan_id: Option<String>,
    /// By slug.
    pub plan_slug: Option<String>,
}

/// A purchase to begin.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// Whose.
    pub user_id: UserId,
    /// Of what.
    pub plan: PlanRef,
    /// How it is to be paid.
    pub by: PayBy,
    /// What the client believes it costs: compared, never used.
    pub expected: Expected,
}

/// What the client believes.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Decimal text.
    pub amount: Option<AmountText>,
    /// Minor units.
    pub amount_minor: Option<i64>,
    /// ISO 4217.
    pub currency: Option<String>,
}

/// Why no purchase began.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckoutError {
    /// Neither id nor slug.
    #[error("no plan is named")]
    PlanMissing,
    /// Not on sale.
    #[error("no such plan is on sale")]
    PlanNotFound,
    /// Id and slug name two plans.
    #[error("plan_id and plan_slug name two plans")]
    PlansDiffer,
    /// Another plan is in force.
    #[error("another plan is in force")]
    AnotherPlan,
    /// Nothing is in force that could be renewed.
    #[error("no subscription is in force")]
    NoSubscription,
    /// It has no term.
    #[error("what has no term cannot be renewed")]
    NoTerm,
    /// Its rail debits by itself.
    #[error("it renews by itself")]
    RenewsItself,
    /// The client believes in another price.
    #[error("the amount is not the price")]
    AmountMismatch,
    /// Nothing that can be paid in this currency.
    #[error("the amount cannot be paid")]
    Amount,
    /// Nothing to read, or too much.
    #[error("a description has 1 to 127 characters")]
    Description,
    /// More than is kept.
    #[error("the metadata is too large or not flat")]
    Metadata,
    /// No rail at all.
    #[error("no rail is configured")]
    NotConfigured,
    /// Not this rail.
    #[error("the rail is not configured")]
    MethodUnavailable,
    /// The rail does not take this currency.
    #[error("the rail does not take this currency")]
    CurrencyUnsupported,
    /// The rail has no way to pay on this device.
    #[error("the rail has no way to pay on this device")]
    SceneUnavailable,
    /// The buyer's openid is missing, which this way to pay takes.
    #[error("the buyer's openid is missing")]
    OpenidMissing,
    /// Not an address of a listed origin.
    #[error("the return address is not of a listed origin")]
    ReturnUrl,
    /// The rail has not answered for a while.
    #[error("the rail has not answered for a while")]
    Silent(PaymentMethod),
    /// The provider gave no answer, or a no.
    #[error("the provider could not serve the call")]
    Provider(PaymentMethod, ProviderError),
    /// The key was used for another body.
    #[error("the Idempotency-Key belongs to another request")]
    KeyReused,
    /// Another account of the same person has had a free plan.
    #[error("another account of the same person has had a free plan")]
    FreeOnce,
    /// Who is one person could not be found out.
    #[error("who the person is could not be found out")]
    Person(Problem),
    /// The first call is still running.
    #[error("the first call is still running")]
    InProgress,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// Begins a purchase: a free plan is had at once, a paid one once its money is verified.
    /// Without a key, an open order of the same person, plan and rail is given again.
    ///
    /// # Errors
    /// [`CheckoutError`].
    pub async fn subscribe(
        &self,
        wish: &Subscribe,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let (service, wish, key) = (self.clone(), wish.clone(), key.cloned());
        to_its_end(async move { service.subscribe_whole(&wish, key.as_ref()).await }).await
    }

    pub(super) async fn subscribe_whole(
        &self,
        wish: &Subscribe,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let parts = &self.0;
        if let Some(first) = answered(parts, key).await? {
            return Ok(Answered::again(first));
        }
        let plan = self.plan_of(&wish.plan).await?;
        expected_price(&plan, &wish.expected)?;
        let return_url = way::listed(parts, wish.by.return_url.as_deref())?;
        if plan.is_free() {
            return self.begin_free(wish, &plan, key).await;
        }
        let rail = rail(parts, wish.by.method, plan.price.currency())?;
        let way = Way::choose(rail.as_ref(), &wish.by, return_url)?;
        let draft = Draft {
            user_id: wish.user_id,
            amount: plan.price,
            method: wish.by.method,
            purpose: self.purpose(wish.user_id, &plan).await?,
            plan: Some((plan.id, plan.version)),
            description: plan.name.clone(),
            metadata: Metadata::default(),
        };
        begin(parts, rail.as_ref(), &draft, &way, &wish.by.payer, key).await
    }

    async fn plan_of(&self, wanted: &PlanRef) -> Result<Plan, CheckoutError> {
        let name = wanted
            .plan_id
            .as_deref()
            .or(wanted.plan_slug.as_deref())
            .ok_or(CheckoutError::PlanMissing)?;
        let plan = self
            .find_plan(name)
            .await?
            .ok_or(CheckoutError::PlanNotFound)?;
        match wanted.plan_slug.as_deref() {
            Some(slug) if slug != plan.slug.as_str() => Err(CheckoutError::PlansDiffer),
            _ => Ok(plan),
        }
    }

    /// What the money will be for; refused when it could not be given.
    async fn purpose(&self, user: UserId, plan: &Plan) -> Result<Purpose, CheckoutError> {
        let now = self.0.clock.now();
        let Some(held) = entitled(&self.0, user, now).await? else {
            return Ok(Purpose::Subscription);
        };
        if held.plan_id == plan.id {
            return if held.term_end.is_some() {
                Ok(Purpose::Renewal)
            } else {
                Err(CheckoutError::AnotherPlan)
            };
        }
        let held_is_free = plans::find(&self.0.db, held.plan_id)
            .await?
            .is_some_and(|held| held.is_free());
        if held_is_free {
            Ok(Purpose::Change)
        } else {
            Err(CheckoutError::AnotherPlan)
        }
    }

    async fn begin_free(
        &self,
        wish: &Subscribe,
        plan: &Plan,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let parts = &self.0;
        let now = parts.clock.now();
        if let Some(held) = entitled(parts, wish.user_id, now).await? {
            // Having it already is what was asked for; having another is not.
            if held.plan_id != plan.id {
                return Err(CheckoutError::AnotherPlan);
            }
        } else {
            let subject = one_person(parts, wish.user_id).await?;
            let mut tx = parts.db.begin().await?;
            if let Some(subject) = subject
                && !free_grants::take(&mut tx, &subject, wish.user_id, now).await?
            {
                return Err(CheckoutError::FreeOnce);
            }
            match activate(parts, &mut tx, wish.user_id, plan, None, now).await? {
                Activation::Granted(_) => tx.commit().await?,
                Activation::Conflict | Activation::Surplus => tx.rollback().await?,
            }
        }
        let held = entitled(parts, wish.user_id, now)
            .await?
            .ok_or(CheckoutError::AnotherPlan)?;
        let shape = CheckoutShape {
            transaction: None,
            subscription: Some(shown(parts, &held, now).await?),
            payment: NextStep::none(),
        };
        if let Some(key) = key {
            let response =
                serde_json::to_vec(&shape).expect("a shape of texts and numbers is JSON");
            let mut tx = parts.db.begin().await?;
            idempotency::put(&mut tx, key, 201, &response, now).await?;
            tx.commit().await?;
        }
        Ok(Answered::first(shape))
    }

    /// The page, the code and the time left of an order that somebody may still pay.
    pub fn next_step(&self, order: &Payment) -> NextStep {
        let action = order
            .action
            .clone()
            .and_then(|action| serde_json::from_value::<PaymentAction>(action).ok());
        match action {
            Some(action) if order.is_open() => step(&self.0, order, &action),
            _ => NextStep::none(),
        }
    }
}

pub(super) fn step(parts: &Parts, order: &Payment, action: &PaymentAction) -> NextStep {
    let token = checkout_link::token(&parts.master_key, order.id);
    NextStep::of(action, order.expires_at, &token, &parts.config.public_url)
}

/// What is the same for all accounts of one person, as it rests.
async fn one_person(parts: &Parts, user: UserId) -> Result<Option<[u8; 32]>, CheckoutError> {
    let Some(people) = &parts.people else {
        return Ok(None);
    };
    let person = people.person(user).await.map_err(CheckoutError::Person)?;
    Ok(person.map(|person| parts.free_grant_of(&person)))
}

/// The price is ours (P9): what the client sends is compared.
fn expected_price(plan: &Plan, expected: &Expected) -> Result<(), CheckoutError> {
    let price = plan.price;
    let currency_differs = expected
        .currency
        .as_deref()
        .is_some_and(|currency| currency.parse::<Currency>() != Ok(price.currency()));
    let amount_differs = expected
        .amount
        .as_ref()
        .is_some_and(|amount| amount.money(price.currency()) != Ok(price));
    let minor_differs = expected
        .amount_minor
        .is_some_and(|minor| minor != price.minor());
    if currency_differs || amount_differs || minor_differs {
        return Err(CheckoutError::AmountMismatch);
    }
    Ok(())
}
