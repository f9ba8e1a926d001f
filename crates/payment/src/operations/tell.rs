//! What has happened is written into the outbox by the transaction that makes it true, for those who listen. Whoever
//! caused it, it is told the same way.

use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, PaymentId, PlanId, UserId};
use tollgate_kernel::money::Money;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;
use tollgate_storage::outbox::{self, Event};
use uuid::Uuid;

use crate::Parts;
use crate::model::change::{Change, ChangeKind};
use crate::model::payment::Payment;
use crate::model::refund::{Refund, RefundNo};
use crate::model::subscription::{Subscription, SubscriptionEvent, SubscriptionStatus};
use crate::people::Expiring;
use crate::shapes::{QuotaShape, RefundShape, TransactionShape};
use crate::store::{payments, refunds, subscription_changes};

/// Receivers are promised at most 20,000 bytes, the envelope among them. Only what a host keeps at a payment can be as
/// long, and the host has it.
const MOST_BYTES: usize = 19_800;

/// What it is about.
struct Object<'a> {
    kind: &'static str,
    id: Uuid,
    user: Option<UserId>,
    data: &'a Value,
}

async fn tell(
    parts: &Parts,
    tx: &mut Tx,
    event: &'static str,
    object: Object<'_>,
    now: Timestamp,
) -> Result<()> {
    let event = Event {
        id: parts.ids.at(now),
        kind: event,
        object_kind: object.kind,
        object_id: object.id,
        user_id: object.user,
        livemode: parts.config.livemode,
        body: object.data,
    };
    outbox::append(tx, &event, now).await
}

/// `payment.completed` or `payment.failed`, with the transaction as it stands now.
pub(super) async fn payment(
    parts: &Parts,
    tx: &mut Tx,
    event: &'static str,
    payment: &Payment,
    now: Timestamp,
) -> Result<()> {
    let mut data = json!(TransactionShape::from(payment));
    if data.to_string().len() > MOST_BYTES {
        data["metadata"] = Value::Null;
        data["metadata_left_out"] = Value::Bool(true);
    }
    let object = Object {
        kind: "payment",
        id: payment.id.uuid(),
        user: Some(payment.user_id),
        data: &data,
    };
    tell(parts, tx, event, object, now).await
}

/// The same, where it has to be read first.
pub(super) async fn payment_of(
    parts: &Parts,
    tx: &mut Tx,
    event: &'static str,
    id: PaymentId,
    now: Timestamp,
) -> Result<()> {
    match payments::read(tx, id).await? {
        Some(stands) => payment(parts, tx, event, &stands, now).await,
        None => Ok(()),
    }
}

/// `refund.succeeded` or `refund.failed`, with the refund as it stands now.
pub(super) async fn refund(
    parts: &Parts,
    tx: &mut Tx,
    event: &'static str,
    refund: &Refund,
    user: Option<UserId>,
    now: Timestamp,
) -> Result<()> {
    let number = RefundNo::of(refund.id);
    let settled = refunds::read_by_number(tx, number.as_str()).await?;
    let settled = settled.as_ref().unwrap_or(refund);
    let data = json!(RefundShape::from(settled));
    let object = Object {
        kind: "refund",
        id: refund.id.uuid(),
        user,
        data: &data,
    };
    tell(parts, tx, event, object, now).await
}

/// What made a subscription what it is now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Why {
    /// The money.
    pub(super) payment: Option<PaymentId>,
    /// The plan before, where it was another.
    pub(super) from: Option<PlanId>,
    /// The plan that comes after, where it is another.
    pub(super) to: Option<PlanId>,
    /// What was counted for the plan before.
    pub(super) credit_minor: i64,
}

/// `subscription.activated`, `.renewed`, `.changed`, `.cancelled`, `.resumed` or `.expired`.
pub(super) async fn subscription(
    parts: &Parts,
    tx: &mut Tx,
    event: &'static str,
    held: &Subscription,
    now: Timestamp,
) -> Result<()> {
    because(parts, tx, event, held, Why::default(), now).await
}

/// The same, with what made it so. Every change passes here, so that none is told and not written down.
pub(super) async fn because(
    parts: &Parts,
    tx: &mut Tx,
    event: &'static str,
    held: &Subscription,
    why: Why,
    now: Timestamp,
) -> Result<()> {
    let data = as_it_stands(held);
    let change = Change {
        id: parts.ids.at(now),
        subscription_id: held.id,
        kind: ChangeKind::of(happened(event), held.state),
        from_plan: why
            .from
            .or(Some(held.plan_id))
            .filter(|_| event != ACTIVATED),
        to_plan: why
            .to
            .or(Some(held.plan_id))
            .filter(|_| why.to.is_some() || !is_over(held)),
        payment: why.payment,
        credit_minor: why.credit_minor,
        detail: json!({
            "state": held.state.as_str(),
            "current_period_start": held.term_start,
            "current_period_end": held.term_end,
            "entitled_until": held.entitled_until,
            "auto_renew": held.auto_renew,
            "next_plan_id": held.next_plan,
            "turns_at": held.turns_at,
        }),
        created_at: now,
    };
    subscription_changes::append(tx, &change).await?;
    parts.holdings.changes(held.user_id, now);
    let object = Object {
        kind: "subscription",
        id: held.id.uuid(),
        user: Some(held.user_id),
        data: &data,
    };
    tell(parts, tx, event, object, now).await
}

fn as_it_stands(held: &Subscription) -> Value {
    json!({
        "id": held.id,
        "user_id": held.user_id,
        "plan_id": held.plan_id,
        "status": held.state.status().as_str(),
        "state": held.state.as_str(),
        "current_period_start": held.term_start,
        "current_period_end": held.term_end,
        "entitled_until": held.entitled_until,
        "auto_renew": held.auto_renew,
        "next_plan_id": held.next_plan,
    })
}

/// `subscription.expiring`: it ends soon, and nothing pays it on by itself. No change of it, so none is written down.
pub(super) async fn expiring(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    expiring: &Expiring,
    now: Timestamp,
) -> Result<()> {
    let plan = &expiring.plan;
    let mut data = as_it_stands(held);
    data["days_left"] = json!(expiring.days_left);
    data["plan"] = json!({ "id": plan.id, "slug": plan.slug.as_str(), "name": plan.name });
    let price = expiring.next.as_ref().map(|next| next.price);
    data["amount"] = json!(price.map(|price| price.to_string()));
    data["amount_minor"] = json!(price.map(Money::minor));
    data["currency"] = json!(price.map(|price| price.currency().code()));
    // What is not on sale cannot be paid on.
    data["renew_url"] = json!(price.map(|_| &expiring.link));
    let object = Object {
        kind: "subscription",
        id: held.id.uuid(),
        user: Some(held.user_id),
        data: &data,
    };
    tell(parts, tx, "subscription.expiring", object, now).await
}

/// A subscription has begun.
pub(super) const ACTIVATED: &str = "subscription.activated";

fn is_over(held: &Subscription) -> bool {
    held.state.status() == SubscriptionStatus::Expired
}

fn happened(event: &str) -> SubscriptionEvent {
    match event {
        ACTIVATED => SubscriptionEvent::Bought,
        "subscription.renewed" => SubscriptionEvent::Renewed,
        "subscription.cancelled" => SubscriptionEvent::Cancelled,
        "subscription.resumed" => SubscriptionEvent::Resumed,
        _ => SubscriptionEvent::Changed,
    }
}

/// `quota.threshold_reached`: this much of the limit is used, in percent.
pub(crate) async fn quota(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    percent: u8,
    quota: &QuotaShape,
    now: Timestamp,
) -> Result<()> {
    let data = json!({
        "user_id": held.user_id,
        "subscription_id": held.id,
        "threshold": percent,
        "quota": quota,
    });
    let object = Object {
        kind: "subscription",
        id: held.id.uuid(),
        user: Some(held.user_id),
        data: &data,
    };
    tell(parts, tx, "quota.threshold_reached", object, now).await
}

/// `quota.reset`: a further period of the first meter has begun.
pub(super) async fn quota_reset(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    (begun, quota): (Timestamp, &QuotaShape),
    now: Timestamp,
) -> Result<()> {
    let data = json!({
        "user_id": held.user_id,
        "subscription_id": held.id,
        "period_start": begun,
        "quota": quota,
    });
    let object = Object {
        kind: "subscription",
        id: held.id.uuid(),
        user: Some(held.user_id),
        data: &data,
    };
    tell(parts, tx, "quota.reset", object, now).await
}
