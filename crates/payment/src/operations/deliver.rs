//! Gives what a paid order was for, inside the transaction that saw it paid.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SubscriptionId;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::activate::{Activation, activate};
use crate::Parts;
use crate::model::payment::Payment;
use crate::store::{payments, plans};

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// The buyer has what was paid for; of a payment without a plan, that is the payment itself.
    Given(Option<SubscriptionId>),
    /// Another paid plan is in force, and this one cannot be put beside or on top of it.
    Conflict,
    /// The buyer has it already, for other money that was paid for the same wish.
    Surplus,
}

/// Gives it, and notes at the order what it became.
pub(super) async fn deliver(
    parts: &Parts,
    tx: &mut Tx,
    order: &Payment,
    now: Timestamp,
) -> Result<Delivery> {
    let Some((plan_id, version)) = order.plan else {
        return Ok(Delivery::Given(None));
    };
    // What was on sale when it was ordered, whatever is on sale now.
    let plan = plans::read_as_of(tx, plan_id, version)
        .await?
        .ok_or_else(|| StorageError::Inconsistent {
            table: "payment_transactions",
            column: "plan_id",
            row: order.id.to_string(),
        })?;
    match activate(parts, tx, order.user_id, &plan, Some(order), now).await? {
        Activation::Granted(subscription) => {
            payments::bought(tx, order.id, subscription).await?;
            tracing::info!(payment.id = %order.id, subscription.id = %subscription, "paid and activated");
            Ok(Delivery::Given(Some(subscription)))
        }
        Activation::Conflict => Ok(Delivery::Conflict),
        Activation::Surplus => Ok(Delivery::Surplus),
    }
}
