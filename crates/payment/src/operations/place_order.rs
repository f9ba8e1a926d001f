//! Writes an order down before anybody outside hears of it, and who will ask about it.

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PlanId, UserId};
use tollgate_kernel::money::Money;
use tollgate_storage::StorageError;
use tollgate_storage::db::Tx;
use tollgate_storage::idempotency::{self, Fence, Request};
use tollgate_storage::jobs::{self, NewJob};

use super::checkout::CheckoutError;
use super::way::Way;
use super::{TRIES, checkout_link};
use crate::Parts;
use crate::model::metadata::Metadata;
use crate::model::payment::{Payment, PaymentMethod, PaymentState, Purpose};
use crate::providers::PaymentProvider;
use crate::store::change_quotes::{self, ChangeQuote};
use crate::store::payments;
use crate::worker::RECONCILE;

/// How long one call may take with a provider in between; after that another may take it over.
const LEASE: Duration = Duration::from_secs(30);

/// What is to be paid.
pub(super) struct Draft {
    /// By whom.
    pub(super) user_id: UserId,
    /// How much.
    pub(super) amount: Money,
    /// By which rail.
    pub(super) method: PaymentMethod,
    /// What for.
    pub(super) purpose: Purpose,
    /// Which plan, in which version.
    pub(super) plan: Option<(PlanId, i64)>,
    /// What was counted for the plan that it replaces.
    pub(super) quote: Option<ChangeQuote>,
    /// What the buyer reads.
    pub(super) description: String,
    /// What the host keeps with it.
    pub(super) metadata: Metadata,
}

/// Writes the order down, or finds the one that is open for the same plan: `true` when it is a new one. A rail
/// that does not answer gets no new ones.
pub(super) async fn write_order(
    parts: &Parts,
    draft: &Draft,
    way: &Way,
    provider: &dyn PaymentProvider,
    key: Option<&Request>,
) -> Result<(Payment, Option<Fence>, bool), CheckoutError> {
    let rail_answers = parts
        .providers
        .lets_through(draft.method, parts.clock.now());
    for _ in 0..TRIES {
        let now = parts.clock.now();
        if rail_answers {
            let mut tx = parts.db.begin().await?;
            let fence = claim(&mut tx, key, now).await?;
            let order = new_order(parts, draft, way, provider, now);
            let hash = checkout_link::hash(&checkout_link::token(&parts.master_key, order.id));
            if payments::insert(&mut tx, &order, &hash).await? {
                if let Some(quote) = &draft.quote {
                    change_quotes::insert(&mut tx, order.id, quote, now).await?;
                }
                ask_later(parts, &mut tx, &order, now).await?;
                tx.commit().await?;
                return Ok((order, fence, true));
            }
            tx.rollback().await?;
        }
        let open = open_order(parts, draft).await?;
        let Some(open) = open.filter(|open| rail_answers || open.expires_at > now) else {
            if rail_answers {
                continue;
            }
            return Err(CheckoutError::Silent(draft.method));
        };
        let mut tx = parts.db.begin().await?;
        let other_way = open.action.is_some() && open.scene != way.scene;
        let elsewhere = other_way && !provider.capabilities().ways_share_an_order;
        let outdated = !is_wanted_still(&mut tx, &open, draft).await?;
        if open.expires_at <= now || ((elsewhere || outdated) && rail_answers) {
            // Nobody can pay it any more, it can only be paid in its own way, or it is not what is wanted now; it
            // stays to be settled, beside a new one. Paid twice all the same, the other money goes back.
            payments::supersede(&mut tx, open.id, now).await?;
            tx.commit().await?;
            continue;
        }
        let fence = claim(&mut tx, key, now).await?;
        tx.commit().await?;
        return Ok((open, fence, false));
    }
    Err(CheckoutError::InProgress)
}

/// Whether an open order is for the same as is wanted now: the plan as it is on sale, for the same reason, against the same
/// subscription. What was counted then holds while it can be paid.
async fn is_wanted_still(tx: &mut Tx, open: &Payment, draft: &Draft) -> Result<bool, StorageError> {
    let quote = change_quotes::read(tx, open.id).await?;
    let against = |quote: Option<ChangeQuote>| quote.map(|quote| quote.subscription);
    Ok(open.plan == draft.plan
        && open.purpose == draft.purpose
        && against(quote) == against(draft.quote))
}

async fn claim(
    tx: &mut Tx,
    key: Option<&Request>,
    now: Timestamp,
) -> Result<Option<Fence>, CheckoutError> {
    let Some(key) = key else { return Ok(None) };
    let fence = idempotency::claim(tx, key, LEASE, now).await?;
    fence.map(Some).ok_or(CheckoutError::InProgress)
}

/// Only orders for a plan exclude one another.
async fn open_order(parts: &Parts, draft: &Draft) -> Result<Option<Payment>, StorageError> {
    let Some((plan, _)) = draft.plan else {
        return Ok(None);
    };
    let (user, livemode) = (draft.user_id, parts.config.livemode);
    payments::find_open(&parts.db, user, plan, draft.method, livemode).await
}

fn new_order(
    parts: &Parts,
    draft: &Draft,
    way: &Way,
    provider: &dyn PaymentProvider,
    now: Timestamp,
) -> Payment {
    Payment {
        id: parts.ids.at(now),
        user_id: draft.user_id,
        subscription_id: None,
        amount: draft.amount,
        method: draft.method,
        account: provider.account(),
        livemode: parts.config.livemode,
        provider_order_id: None,
        provider_transaction_id: None,
        state: PaymentState::Created,
        purpose: draft.purpose,
        plan: draft.plan,
        action: None,
        scene: way.scene,
        return_url: way.return_url.clone(),
        description: draft.description.clone(),
        metadata: draft.metadata.clone().into(),
        failure_code: None,
        superseded_at: None,
        created_at: now,
        expires_at: now.after(parts.config.order_expiry),
        paid_at: None,
        refunded_minor: 0,
        refunding_minor: 0,
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
