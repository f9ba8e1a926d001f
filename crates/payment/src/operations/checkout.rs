//! Begins a purchase.
//!
//! What can happen at once: the buyer clicks twice, two devices, a retry after a lost answer, a
//! crash between the order and the provider's answer, a callback before the answer. The order is
//! written down before anybody outside hears of it, under a unique key of person, plan and rail,
//! and the provider knows it by our number: so the second click finds the first order, and an order
//! that was cut off is sent again under the same number. No call leaves inside a transaction.

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::money::{AmountText, Currency};
use tollgate_storage::StorageError;
use tollgate_storage::db::Tx;
use tollgate_storage::idempotency::{self, Fence, Known, Request};
use tollgate_storage::jobs::{self, NewJob};

use super::activate::{Activation, activate};
use super::current_subscription::{entitled, shown};
use super::{Answered, TRIES, checkout_link};
use crate::model::payment::{Payment, PaymentEvent, PaymentMethod, PaymentState, Purpose};
use crate::model::plan::Plan;
use crate::providers::{NewOrder, PaymentAction, PaymentProvider, ProviderError};
use crate::shapes::{CheckoutShape, NextStep, TransactionShape};
use crate::store::attempts::{self, Operation};
use crate::store::{payments, plans};
use crate::worker::RECONCILE;
use crate::{Parts, PaymentService};

/// How long one call may take with a provider in between; after that another may take it over.
const LEASE: Duration = Duration::from_secs(30);
/// An order without an answer for this long was cut off, and is sent again.
const CUT_OFF_AFTER: Duration = Duration::from_secs(12);
const LOOK_AGAIN: Duration = Duration::from_millis(150);
/// How long a second click waits for the first.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

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
    /// By which rail.
    pub method: PaymentMethod,
    /// What the client believes it costs: compared, never used.
    pub expected: Expected,
    /// Of the buyer's device, as the client says.
    pub client: Option<String>,
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
    /// The client believes in another price.
    #[error("the amount is not the price")]
    AmountMismatch,
    /// No rail at all.
    #[error("no rail is configured")]
    NotConfigured,
    /// Not this rail.
    #[error("the rail is not configured")]
    MethodUnavailable,
    /// The rail does not take this currency.
    #[error("the rail does not take this currency")]
    CurrencyUnsupported,
    /// The provider gave no answer, or a no.
    #[error("the provider could not serve the call")]
    Provider(PaymentMethod, ProviderError),
    /// The key was used for another body.
    #[error("the Idempotency-Key belongs to another request")]
    KeyReused,
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
        // In a task of its own: a client that hangs up must not stop it between two steps.
        let (service, wish, key) = (self.clone(), wish.clone(), key.cloned());
        let task = tokio::spawn(async move { service.subscribe_whole(&wish, key.as_ref()).await });
        task.await
            .map_err(|_| StorageError::Unavailable(tollgate_storage::sqlx::Error::WorkerCrashed))?
    }

    async fn subscribe_whole(
        &self,
        wish: &Subscribe,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let parts = &self.0;
        let plan = self.plan_of(&wish.plan).await?;
        expected_price(&plan, &wish.expected)?;
        if let Some(first) = answered(parts, key).await? {
            return Ok(Answered::again(first));
        }
        if plan.is_free() {
            return self.begin_free(wish, &plan, key).await;
        }
        if parts.providers.is_empty() {
            return Err(CheckoutError::NotConfigured);
        }
        let provider = parts
            .providers
            .get(wish.method)
            .ok_or(CheckoutError::MethodUnavailable)?
            .clone();
        if !provider
            .capabilities()
            .currencies
            .contains(&plan.price.currency())
        {
            return Err(CheckoutError::CurrencyUnsupported);
        }
        let purpose = self.purpose(wish.user_id, &plan).await?;
        let (order, fence, mine) =
            write_order(parts, wish, &plan, purpose, provider.as_ref(), key).await?;
        let outcome = if mine {
            submit(parts, provider.as_ref(), &order).await
        } else {
            wait_for(parts, provider.as_ref(), &order).await
        };
        match outcome {
            Ok(shape) => {
                if let (Some(key), Some(fence)) = (key, fence) {
                    let mut tx = parts.db.begin().await?;
                    let response =
                        serde_json::to_vec(&shape).expect("a shape of texts and numbers is JSON");
                    idempotency::answer(&mut tx, key, fence, 201, &response).await?;
                    tx.commit().await?;
                }
                Ok(Answered::first(shape))
            }
            Err(error) => {
                // Refusals are not stored: the next call with this key is worked out anew.
                if let (Some(key), Some(fence)) = (key, fence) {
                    let mut tx = parts.db.begin().await?;
                    idempotency::release(&mut tx, key, fence).await?;
                    tx.commit().await?;
                }
                Err(error)
            }
        }
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
            let mut tx = parts.db.begin().await?;
            match activate(parts, &mut tx, wish.user_id, plan, now).await? {
                Activation::Granted(_) => tx.commit().await?,
                Activation::Conflict => tx.rollback().await?,
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

fn step(parts: &Parts, order: &Payment, action: &PaymentAction) -> NextStep {
    let token = checkout_link::token(&parts.master_key, order.id);
    NextStep::of(action, order.expires_at, &token, &parts.config.public_url)
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

/// The answer that is already known under the key.
async fn answered(
    parts: &Parts,
    key: Option<&Request>,
) -> Result<Option<CheckoutShape>, CheckoutError> {
    let Some(key) = key else { return Ok(None) };
    let mut tx = parts.db.begin().await?;
    match idempotency::find(&mut tx, key).await? {
        None => Ok(None),
        Some(Known::OtherBody) => Err(CheckoutError::KeyReused),
        Some(Known::Running { lease_until }) if lease_until > parts.clock.now() => {
            Err(CheckoutError::InProgress)
        }
        Some(Known::Running { .. }) => Ok(None),
        Some(Known::Answered { response, .. }) => {
            let first =
                serde_json::from_slice(&response).map_err(|_| StorageError::Inconsistent {
                    table: "idempotency_keys",
                    column: "response",
                    row: key.caller.clone(),
                })?;
            Ok(Some(first))
        }
    }
}

/// Writes the order down, or finds the one that is open: `true` when it is a new one.
async fn write_order(
    parts: &Parts,
    wish: &Subscribe,
    plan: &Plan,
    purpose: Purpose,
    provider: &dyn PaymentProvider,
    key: Option<&Request>,
) -> Result<(Payment, Option<Fence>, bool), CheckoutError> {
    for _ in 0..TRIES {
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let fence = match key {
            None => None,
            Some(key) => Some(
                idempotency::claim(&mut tx, key, LEASE, now)
                    .await?
                    .ok_or(CheckoutError::InProgress)?,
            ),
        };
        let order = new_order(parts, wish, plan, purpose, provider, now);
        let hash = checkout_link::hash(&checkout_link::token(&parts.master_key, order.id));
        if payments::insert(&mut tx, &order, &hash, wish.client.as_deref()).await? {
            ask_later(parts, &mut tx, &order, now).await?;
            tx.commit().await?;
            return Ok((order, fence, true));
        }
        tx.rollback().await?;
        let open = payments::find_open(
            &parts.db,
            wish.user_id,
            plan.id,
            wish.method,
            parts.config.livemode,
        )
        .await?;
        let Some(open) = open else { continue };
        if open.expires_at <= now {
            // Nobody can pay it any more; it stays to be settled, beside a new one.
            let mut tx = parts.db.begin().await?;
            payments::supersede(&mut tx, open.id, now).await?;
            tx.commit().await?;
            continue;
        }
        let mut tx = parts.db.begin().await?;
        let fence = match key {
            None => None,
            Some(key) => Some(
                idempotency::claim(&mut tx, key, LEASE, now)
                    .await?
                    .ok_or(CheckoutError::InProgress)?,
            ),
        };
        tx.commit().await?;
        return Ok((open, fence, false));
    }
    Err(CheckoutError::InProgress)
}

fn new_order(
    parts: &Parts,
    wish: &Subscribe,
    plan: &Plan,
    purpose: Purpose,
    provider: &dyn PaymentProvider,
    now: Timestamp,
) -> Payment {
    Payment {
        id: parts.ids.at(now),
        user_id: wish.user_id,
        subscription_id: None,
        amount: plan.price,
        method: wish.method,
        account: provider.account(),
        livemode: parts.config.livemode,
        provider_transaction_id: None,
        state: PaymentState::Created,
        purpose,
        plan: Some((plan.id, plan.version)),
        action: None,
        description: plan.name.clone(),
        failure_code: None,
        superseded_at: None,
        created_at: now,
        expires_at: now.after(parts.config.order_expiry),
        paid_at: None,
        refunded_minor: 0,
    }
}

/// From the first moment on somebody will ask the provider, even if we fall over now.
async fn ask_later(
    parts: &Parts,
    tx: &mut Tx,
    order: &Payment,
    now: Timestamp,
) -> Result<(), StorageError> {
    let key = order.id.to_string();
    let job = NewJob {
        lane: order.method.as_str(),
        kind: RECONCILE,
        dedupe_key: &key,
        payload: json!({ "payment_id": order.id }),
        due_at: super::reconcile::next_question(0, now),
    };
    jobs::put(tx, &parts.ids, job, now).await
}

/// Intent, call, result.
async fn submit(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    order: &Payment,
) -> Result<CheckoutShape, CheckoutError> {
    let attempt = parts.ids.next();
    let mut tx = parts.db.begin().await?;
    attempts::intend(
        &mut tx,
        attempt,
        order.id,
        Operation::Create,
        parts.clock.now(),
    )
    .await?;
    tx.commit().await?;

    let method = order.method;
    let created = provider
        .create_payment(&NewOrder {
            order_no: order.order_no(),
            amount: order.amount,
            description: order.description.clone(),
            expires_at: order.expires_at,
            notify_url: format!(
                "{}/payments/webhooks/{}",
                parts.config.public_url,
                method.as_str()
            ),
        })
        .await;

    let now = parts.clock.now();
    let mut tx = parts.db.begin().await?;
    attempts::conclude(&mut tx, attempt, created.as_ref().err(), now).await?;
    match created {
        Ok(action) => {
            let json = serde_json::to_value(&action).expect("an action of texts is JSON");
            payments::submitted(&mut tx, order.id, &json, now).await?;
            tx.commit().await?;
            let order = payments::find_any(&parts.db, order.id)
                .await?
                .unwrap_or_else(|| order.clone());
            Ok(begun(parts, &order, &action))
        }
        Err(error) => {
            // A final no gives the order up; "unknown" leaves it open, to be asked about.
            if matches!(error, ProviderError::Refused { .. }) {
                payments::fail(
                    &mut tx,
                    order.id,
                    order.state,
                    PaymentEvent::Declined.as_str(),
                    now,
                )
                .await?;
            }
            tx.commit().await?;
            Err(CheckoutError::Provider(method, error))
        }
    }
}

/// The order is somebody else's click: its answer is ours too, once it is there.
async fn wait_for(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    order: &Payment,
) -> Result<CheckoutShape, CheckoutError> {
    let deadline = tokio::time::Instant::now() + LONGEST_WAIT;
    loop {
        let Some(order) = payments::find_any(&parts.db, order.id).await? else {
            return Err(CheckoutError::InProgress);
        };
        let action = order
            .action
            .clone()
            .and_then(|action| serde_json::from_value(action).ok());
        if let Some(action) = action {
            return Ok(begun(parts, &order, &action));
        }
        if order.state != PaymentState::Created {
            return Err(CheckoutError::InProgress);
        }
        if parts.clock.now().since(order.created_at) >= CUT_OFF_AFTER {
            return submit(parts, provider, &order).await;
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(CheckoutError::InProgress);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn begun(parts: &Parts, order: &Payment, action: &PaymentAction) -> CheckoutShape {
    CheckoutShape {
        transaction: Some(TransactionShape::from(order)),
        subscription: None,
        payment: step(parts, order, action),
    }
}
