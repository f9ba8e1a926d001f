//! Brings a written order to its provider: intent before, call outside any transaction, result after.
//!
//! An open order may be brought there again, by another way to pay it: a code first, the page of a
//! phone's browser later. The provider knows one trade under our number, whichever way leads to it,
//! so the earlier way stays good and the money comes once.

use std::time::Duration;

use super::checkout::{CheckoutError, step};
use super::checkout_link;
use super::tell;
use super::way::Way;
use crate::Parts;
use crate::model::payment::{Payment, PaymentEvent, PaymentState};
use crate::model::plan::BillingCycle;
use crate::providers::agreement::Interval;
use crate::providers::{Created, NewOrder, Payer, PaymentAction, PaymentProvider, ProviderError};
use crate::shapes::{CheckoutShape, NextStep, TransactionShape};
use crate::store::attempts::{self, Operation};
use crate::store::{agreements, payments, plans};

/// An order without an answer for this long was cut off, and is sent again.
const CUT_OFF_AFTER: Duration = Duration::from_secs(12);
const LOOK_AGAIN: Duration = Duration::from_millis(150);
/// How long a second click waits for the first.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Intent, call, result.
pub(super) async fn submit(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    order: &Payment,
    payer: &Payer,
) -> Result<CheckoutShape, CheckoutError> {
    let attempt = parts.ids.next();
    let mut tx = parts.db.begin().await?;
    attempts::intend(
        &mut tx,
        attempt,
        order.id,
        order.order_no().as_str(),
        Operation::Create,
        parts.clock.now(),
    )
    .await?;
    tx.commit().await?;

    let method = order.method;
    let interval = interval(parts, provider, order).await?;
    let (livemode, user) = (order.livemode, order.user_id);
    let payer = Payer {
        customer_id: agreements::find_customer(&parts.db, method, livemode, user).await?,
        ..payer.clone()
    };
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
            scene: order.scene,
            return_url: Some(return_url(parts, order)),
            payer,
            renews: interval,
        })
        .await;

    let now = parts.clock.now();
    let mut tx = parts.db.begin().await?;
    attempts::conclude(&mut tx, attempt, created.as_ref().err(), now).await?;
    match created {
        Ok(Created {
            action,
            provider_order_id: id,
        }) => {
            let json = serde_json::to_value(&action).expect("an action of texts is JSON");
            payments::submitted(&mut tx, order, &json, id.as_deref(), now).await?;
            tx.commit().await?;
            let order = payments::find_any(&parts.db, order.id)
                .await?
                .unwrap_or_else(|| order.clone());
            Ok(begun(parts, &order, &action))
        }
        Err(error) => {
            // A final no gives the order up; "unknown" leaves it open, to be asked about. A no to
            // another way does not: the first can still be paid.
            let first = order.state == PaymentState::Created;
            if first && matches!(error, ProviderError::Refused { .. }) {
                let declined = PaymentEvent::Declined.as_str();
                if payments::fail(&mut tx, order, declined, now).await? {
                    tell::payment_of(parts, &mut tx, "payment.failed", order.id, now).await?;
                }
            }
            tx.commit().await?;
            Err(CheckoutError::Provider(method, error))
        }
    }
}

/// The order is somebody else's click: its answer is ours too, once it is there. Who wants to pay by
/// another way gets that way to the same order.
pub(super) async fn wait_for(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    order: &Payment,
    way: &Way,
    payer: &Payer,
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
            let shared = provider.capabilities().ways_share_an_order;
            // An address or an order for an app is signed with its time, and is good for a while only.
            let dated = !matches!(action, PaymentAction::Qr { .. });
            let same = *way == Way::of(&order);
            if order.is_open() && (shared || same) && (dated || !same) {
                let again = submit(parts, provider, &way.to_pay(&order), payer).await;
                // Where the provider does not take it again word for word, what it gave first is the best there is.
                return match again {
                    Err(CheckoutError::Provider(..)) if same => Ok(begun(parts, &order, &action)),
                    again => again,
                };
            }
            return Ok(begun(parts, &order, &action));
        }
        if order.state != PaymentState::Created {
            return Err(CheckoutError::InProgress);
        }
        if parts.clock.now().since(order.created_at) >= CUT_OFF_AFTER {
            return submit(parts, provider, &way.to_pay(&order), payer).await;
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
        payment: if order.is_open() {
            step(parts, order, action)
        } else {
            // Paid or given up while the provider was answering: there is nothing to do any more.
            NextStep::none()
        },
    }
}

/// Where the host wants the buyer, or the hosted page, which asks the provider how it stands.
fn return_url(parts: &Parts, order: &Payment) -> String {
    order.return_url.clone().unwrap_or_else(|| {
        let link = checkout_link::token(&parts.master_key, order.id);
        format!("{}/checkout/{link}/return", parts.config.public_url)
    })
}

/// How often an agreement over this order debits: where the rail debits by itself, a plan with a term renews. What is
/// paid at another price than the plan's, since something was counted for the one before, is paid once.
async fn interval(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    order: &Payment,
) -> Result<Option<Interval>, CheckoutError> {
    let Some((plan, version)) = order.plan.filter(|_| provider.capabilities().renews) else {
        return Ok(None);
    };
    let mut tx = parts.db.begin().await?;
    let plan = plans::read_as_of(&mut tx, plan, version).await?;
    tx.rollback().await?;
    let plan = plan.filter(|plan| plan.price == order.amount);
    Ok(plan.and_then(|plan| match plan.billing_cycle {
        BillingCycle::Monthly => Some(Interval::Month),
        BillingCycle::Yearly => Some(Interval::Year),
        BillingCycle::Lifetime => None,
    }))
}
