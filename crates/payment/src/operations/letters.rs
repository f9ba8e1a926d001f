//! What buyers are told by a letter, beside the events for applications and in the same transaction: each once, and
//! nothing of what is undone. Who knows no accounts tells nobody.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PaymentId, PlanId, UserId};
use tollgate_kernel::money::Money;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use crate::Parts;
use crate::model::payment::Payment;
use crate::model::plan::Plan;
use crate::model::quota::QuotaState;
use crate::model::refund::{Refund, RefundOrigin};
use crate::model::subscription::Subscription;
use crate::people::News;
use crate::store::{payments, plans, terms};

/// An order was paid, and what it was for was given.
pub(super) async fn paid(
    parts: &Parts,
    tx: &mut Tx,
    order: PaymentId,
    now: Timestamp,
) -> Result<()> {
    let Some(people) = &parts.people else {
        return Ok(());
    };
    let Some(payment) = payments::read(tx, order).await? else {
        return Ok(());
    };
    let news = News::Paid {
        plan: ordered(tx, &payment).await?,
        term: term(parts, tx, &payment).await?,
        link: page(parts, &payment),
        payment: Box::new(payment),
    };
    people.news(tx, &news, now).await
}

/// What a buyer had paid with was refused after all.
pub(super) async fn refused(
    parts: &Parts,
    tx: &mut Tx,
    order: &Payment,
    now: Timestamp,
) -> Result<()> {
    let Some(people) = &parts.people else {
        return Ok(());
    };
    let plan = ordered(tx, order).await?;
    let on_sale = plan.as_ref().filter(|plan| plan.is_active);
    let news = News::NotPaid {
        user_id: order.user_id,
        livemode: order.livemode,
        description: order.description.clone(),
        amount: Some(order.amount),
        left_until: None,
        link: match on_sale {
            Some(plan) => {
                let (public, slug) = (&parts.config.public_url, plan.slug.as_str());
                format!("{public}/portal/subscribe?plan={slug}")
            }
            None => page(parts, order),
        },
        plan,
    };
    people.news(tx, &news, now).await
}

/// A debit failed; it is tried again until the right ends.
pub(super) async fn debit_failed(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    (plan, amount): (PlanId, Option<Money>),
    now: Timestamp,
) -> Result<()> {
    let Some(people) = &parts.people else {
        return Ok(());
    };
    let plan = plans::read_as_of(tx, plan, held.plan_version).await?;
    let news = News::NotPaid {
        user_id: held.user_id,
        livemode: parts.config.livemode,
        description: plan
            .as_ref()
            .map_or_else(String::new, |plan| plan.name.clone()),
        plan: plan.map(Box::new),
        amount,
        left_until: held.entitled_until,
        link: format!("{}/portal/subscription", parts.config.public_url),
    };
    people.news(tx, &news, now).await
}

/// Money went back to who had paid it. What a bank has taken back, its customer has asked it for.
pub(super) async fn refunded(
    parts: &Parts,
    tx: &mut Tx,
    payment: &Payment,
    refund: &Refund,
    now: Timestamp,
) -> Result<()> {
    let Some(people) = &parts.people else {
        return Ok(());
    };
    if refund.origin == RefundOrigin::Dispute {
        return Ok(());
    }
    let news = News::Refunded {
        plan: ordered(tx, payment).await?,
        link: page(parts, payment),
        payment: Box::new(payment.clone()),
        refund: Box::new(refund.clone()),
    };
    people.news(tx, &news, now).await
}

/// So much of a meter's limit that somebody is to hear of it.
pub(crate) struct Reached {
    pub(crate) user_id: UserId,
    /// In the version they have.
    pub(crate) plan: (PlanId, i64),
    pub(crate) percent: u8,
    pub(crate) quota: QuotaState,
}

/// Of a meter, so much is used. Its plan says how a buyer reads it.
pub(crate) async fn quota_reached(
    parts: &Parts,
    tx: &mut Tx,
    reached: &Reached,
    now: Timestamp,
) -> Result<()> {
    let Some(people) = &parts.people else {
        return Ok(());
    };
    let (plan, version) = reached.plan;
    let news = News::QuotaReached {
        user_id: reached.user_id,
        percent: reached.percent,
        quota: reached.quota.clone(),
        plan: plans::read_as_of(tx, plan, version).await?.map(Box::new),
        link: format!("{}/portal/pricing", parts.config.public_url),
    };
    people.news(tx, &news, now).await
}

fn page(parts: &Parts, payment: &Payment) -> String {
    format!("{}/portal/payments/{}", parts.config.public_url, payment.id)
}

/// As it was on sale.
async fn ordered(tx: &mut Tx, payment: &Payment) -> Result<Option<Box<Plan>>> {
    let Some((plan, version)) = payment.plan else {
        return Ok(None);
    };
    let plan = plans::read_as_of(tx, plan, version).await?;
    Ok(plan.map(Box::new))
}

/// From when until when this money has paid.
async fn term(
    parts: &Parts,
    tx: &mut Tx,
    payment: &Payment,
) -> Result<Option<(Timestamp, Option<Timestamp>)>> {
    let Some(subscription) = payment.subscription_id else {
        return Ok(None);
    };
    let paid = terms::list(tx, subscription, parts.config.zone).await?;
    let mut own = paid.iter().filter(|term| term.payment == Some(payment.id));
    let Some(first) = own.next() else {
        return Ok(None);
    };
    let last = own.next_back().unwrap_or(first);
    Ok(Some((first.starts_at, last.ends_at)))
}

#[cfg(test)]
mod tests;
