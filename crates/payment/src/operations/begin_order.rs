//! From what is to be paid to an order that its provider knows: the same for a plan and for anything else.

use std::sync::Arc;

use tollgate_kernel::money::Currency;
use tollgate_storage::StorageError;
use tollgate_storage::idempotency::{self, Known, Request};

use super::Answered;
use super::checkout::CheckoutError;
use super::place_order::{Draft, write_order};
use super::submit_order::{submit, wait_for};
use super::way::Way;
use crate::Parts;
use crate::model::payment::PaymentMethod;
use crate::providers::{Payer, PaymentProvider};
use crate::shapes::CheckoutShape;

/// In a task of its own: a client that hangs up must not stop a purchase between two steps.
pub(super) async fn to_its_end<T: Send + 'static>(
    purchase: impl Future<Output = Result<T, CheckoutError>> + Send + 'static,
) -> Result<T, CheckoutError> {
    tokio::spawn(purchase)
        .await
        .map_err(|_| StorageError::Unavailable(tollgate_storage::sqlx::Error::WorkerCrashed))?
}

/// The rail, if it is configured and takes this currency.
pub(super) fn rail(
    parts: &Parts,
    method: PaymentMethod,
    currency: Currency,
) -> Result<Arc<dyn PaymentProvider>, CheckoutError> {
    if parts.providers.is_empty() {
        return Err(CheckoutError::NotConfigured);
    }
    let rail = parts
        .providers
        .get(method)
        .ok_or(CheckoutError::MethodUnavailable)?;
    if !rail.capabilities().currencies.contains(&currency) {
        return Err(CheckoutError::CurrencyUnsupported);
    }
    Ok(rail.clone())
}

/// Writes the order down and brings it to its provider; the answer is kept under the key.
pub(super) async fn begin(
    parts: &Parts,
    rail: &dyn PaymentProvider,
    draft: &Draft,
    way: &Way,
    payer: &Payer,
    key: Option<&Request>,
) -> Result<Answered<CheckoutShape>, CheckoutError> {
    let (order, fence, mine) = write_order(parts, draft, way, rail, key).await?;
    let outcome = if mine {
        submit(parts, rail, &order, payer).await
    } else {
        wait_for(parts, rail, &order, way, payer).await
    };
    if let (Some(key), Some(fence)) = (key, fence) {
        let mut tx = parts.db.begin().await?;
        match &outcome {
            Ok(shape) => {
                let response =
                    serde_json::to_vec(shape).expect("a shape of texts and numbers is JSON");
                idempotency::answer(&mut tx, key, fence, 201, &response).await?;
            }
            // Refusals are not stored: the next call with this key is worked out anew.
            Err(_) => {
                idempotency::release(&mut tx, key, fence).await?;
            }
        }
        tx.commit().await?;
    }
    outcome.map(Answered::first)
}

/// The answer that is already known under the key.
pub(super) async fn answered(
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
