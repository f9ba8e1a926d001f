//! Begins a purchase.
//!
//! What can happen at once: the buyer clicks twice, two devices, a retry after a lost answer, a
//! crash between the order and the provider's answer, a callback before the answer. The order is
//! written down before anybody outside hears of it, under a unique key of person, plan and rail,
//! and the provider knows it by our number: so the second click finds the first order, and an order
//! that was cut off is sent again under the same number. No call leaves inside a transaction.

use tollgate_kernel::ids::UserId;
use tollgate_kernel::money::{AmountText, Currency, Money};
use tollgate_kernel::problem::Problem;
use tollgate_storage::StorageError;
use tollgate_storage::idempotency::{self, Request};

use super::activate::{Activation, activate};
use super::begin_order::{answered, begin, rail, to_its_end};
use super::current_subscription::{entitled, shown};
use super::place_order::Draft;
use super::quote::Quoted;
use super::way::{self, PayBy, Way};
use super::{Answered, checkout_link};
use crate::model::metadata::Metadata;
use crate::model::payment::{Payment, PaymentMethod};
use crate::model::plan::Plan;
use crate::model::quote::QuoteKind;
use crate::providers::{PaymentAction, ProviderError};
use crate::shapes::{CheckoutShape, NextStep};
use crate::store::free_grants;
use crate::{Parts, PaymentService};

/// Which plan, by id, by slug, or by both when they agree.
///
/// ```
/// # use tollgate_payment::PlanRef;
/// let pro = PlanRef {
///     plan_slug: Some("pro".to_owned()),
///     ..PlanRef::default()
/// };
/// assert_eq!(pro.plan_id, None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct PlanRef {
    /// By id (or slug).
    pub plan_id: Option<String>,
    /// By slug.
    pub plan_slug: Option<String>,
}

/// A purchase to begin.
///
/// ```
/// # use tollgate_kernel::ids::UserId;
/// # use tollgate_payment::{Expected, PayBy, PlanRef, Subscribe};
/// // A trial takes no money; the rail is for what follows.
/// fn trial(user_id: UserId, plan: PlanRef, by: PayBy) -> Subscribe {
///     Subscribe {
///         user_id,
///         plan,
///         by,
///         expected: Expected::default(),
///         trial: true,
///     }
/// }
/// ```
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
    /// To be tried first, without money, where the plan allows it.
    pub trial: bool,
}

/// What the client believes.
///
/// ```
/// # use tollgate_payment::Expected;
/// let seen = Expected {
///     amount_minor: Some(9_900), // 99.00
///     currency: Some("CNY".to_owned()),
///     ..Expected::default()
/// };
/// assert!(seen.amount.is_none());
/// ```
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
///
/// ```
/// # use tollgate_payment::CheckoutError;
/// # use tollgate_payment::model::payment::PaymentMethod;
/// fn advice(error: &CheckoutError) -> &'static str {
///     match error {
///         CheckoutError::PlanNotFound => "choose another plan",
///         CheckoutError::Silent(_) | CheckoutError::Provider(..) => "pay by another rail",
///         CheckoutError::InProgress | CheckoutError::Internal(_) => "try again",
///         _ => "see what was asked for",
///     }
/// }
/// assert_eq!(advice(&CheckoutError::Silent(PaymentMethod::Alipay)), "pay by another rail");
/// ```
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
    /// Nothing to try, or it was tried before.
    #[error("the plan cannot be tried, or was tried before")]
    NoTrial,
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
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::{CheckoutError, Expected, PayBy, PaymentService, PlanRef, Subscribe};
    /// # use tollgate_payment::model::payment::PaymentMethod;
    /// # use tollgate_payment::model::scene::Scene;
    /// # use tollgate_payment::providers::Payer;
    /// async fn buy(payment: &PaymentService, user_id: UserId) -> Result<Option<String>, CheckoutError> {
    ///     let wish = Subscribe {
    ///         user_id,
    ///         plan: PlanRef {
    ///             plan_slug: Some("pro".to_owned()),
    ///             ..PlanRef::default()
    ///         },
    ///         by: PayBy {
    ///             method: PaymentMethod::Alipay,
    ///             client: Some(Scene::Pc),
    ///             device: Scene::Pc,
    ///             return_url: None,
    ///             payer: Payer::default(),
    ///         },
    ///         expected: Expected::default(),
    ///         trial: false,
    ///     };
    ///     let begun = payment.subscribe(&wish, None).await?;
    ///     // The hosted page, which shows every way to pay.
    ///     Ok(begun.value.payment.checkout_url)
    /// }
    /// ```
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

    async fn subscribe_whole(
        &self,
        wish: &Subscribe,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        if let Some(first) = answered(&self.0, key).await? {
            return Ok(Answered::again(first));
        }
        // What is had at once sends nobody anywhere, and is asked for by the same rules.
        way::listed(&self.0, wish.by.return_url.as_deref())?;
        let plan = self.plan_of(&wish.plan).await?;
        if wish.trial {
            return self.begin_trial(wish, &plan, key).await;
        }
        let quoted = self.quoted(wish.user_id, &plan).await?;
        expected_amount(quoted.amount(&plan), &wish.expected)?;
        match quoted.kind {
            QuoteKind::Begin | QuoteKind::Unchanged if plan.is_free() => {
                self.begin_free(wish, &plan, key).await
            }
            QuoteKind::Begin | QuoteKind::Renew | QuoteKind::Upgrade => {
                self.order_plan(wish, &plan, &quoted, key).await
            }
            QuoteKind::Downgrade => self.want_next(wish.user_id, &plan, key).await,
            QuoteKind::Unchanged | QuoteKind::Refused => Err(CheckoutError::AnotherPlan),
        }
    }

    /// Writes an order for it and brings it to its rail.
    pub(super) async fn order_plan(
        &self,
        wish: &Subscribe,
        plan: &Plan,
        quoted: &Quoted,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let parts = &self.0;
        let return_url = way::listed(parts, wish.by.return_url.as_deref())?;
        let rail = rail(parts, wish.by.method, plan.price.currency())?;
        let way = Way::choose(rail.as_ref(), &wish.by, return_url)?;
        let draft = Draft {
            user_id: wish.user_id,
            amount: quoted.amount(plan),
            method: wish.by.method,
            purpose: quoted.purpose(),
            plan: Some((plan.id, plan.version)),
            quote: quoted.change(),
            description: plan.name.clone(),
            metadata: Metadata::default(),
        };
        begin(parts, rail.as_ref(), &draft, &way, &wish.by.payer, key).await
    }

    /// The plan that is named, if it is on sale.
    pub(super) async fn plan_of(&self, wanted: &PlanRef) -> Result<Plan, CheckoutError> {
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
        self.had_at_once(wish.user_id, key).await
    }

    /// What is had without money, answered and kept under the key.
    pub(super) async fn had_at_once(
        &self,
        user: UserId,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let parts = &self.0;
        let now = parts.clock.now();
        let held = entitled(parts, user, now)
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
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::payment::Payment;
    /// fn code_to_scan(payment: &PaymentService, order: &Payment) -> Option<String> {
    ///     payment.next_step(order).qr_content
    /// }
    /// ```
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
pub(super) async fn one_person(
    parts: &Parts,
    user: UserId,
) -> Result<Option<[u8; 32]>, CheckoutError> {
    let person = person(parts, user).await?;
    Ok(person.map(|person| parts.free_grant_of(&person)))
}

/// What is the same for all accounts of one person, where somebody knows it.
pub(super) async fn person(parts: &Parts, user: UserId) -> Result<Option<String>, CheckoutError> {
    match &parts.people {
        Some(people) => people.person(user).await.map_err(CheckoutError::Person),
        None => Ok(None),
    }
}

/// The price is ours (P9): what the client sends is compared.
pub(super) fn expected_amount(price: Money, expected: &Expected) -> Result<(), CheckoutError> {
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
