//! Agreements by which a rail debits further terms by itself: they begin with a paid order, each paid debit is an
//! order of its own that nobody had to place, and what the provider tells of them is mirrored.
//!
//! Only paid debits extend a term. A debit comes some time after the term's end (the provider drafts a bill first), so
//! that the right lives on for [`AWAITING_DEBIT`] without money, and for [`PAST_DUE`] while a failed one is tried
//! again.

pub(crate) mod calls;

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PaymentId;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, jobs};

use super::apply_event::apply;
use super::left::as_bought;
use super::{TRIES, checkout_link, letters, moved_on, tell};
use crate::Parts;
use crate::model::payment::{OrderNo, Payment, PaymentMethod, PaymentState, Purpose};
use crate::model::scene::Scene;
use crate::model::subscription::{AWAITING_DEBIT, Subscription, SubscriptionState as State};
use crate::providers::VerifiedPayment;
use crate::providers::agreement::{Agreement, AgreementNews, VerifiedRenewal};
use crate::store::{agreements, inbox, payments, plans, quota_counters, subscriptions};

/// How long a failed debit is tried again.
pub(super) const PAST_DUE: Duration = Duration::from_hours(3 * 24);

/// The order that began it is paid: its subscription goes on by itself from now on.
pub(super) async fn begin(
    parts: &Parts,
    tx: &mut Tx,
    order: &Payment,
    agreement: &Agreement,
    now: Timestamp,
) -> Result<()> {
    let (livemode, method) = (order.livemode, order.method);
    agreements::remember_customer(
        tx,
        method,
        livemode,
        order.user_id,
        &agreement.customer_id,
        now,
    )
    .await?;
    let Some(order) = payments::read(tx, order.id).await? else {
        return Ok(());
    };
    bind(parts, tx, &order, &agreement.id, now).await?;
    tracing::info!(payment.id = %order.id, provider = method.as_str(), "an agreement has begun");
    Ok(())
}

/// The subscription that was paid for goes on by this agreement; the one that it went on by before ends.
async fn bind(
    parts: &Parts,
    tx: &mut Tx,
    order: &Payment,
    agreement_id: &str,
    now: Timestamp,
) -> Result<()> {
    for _ in 0..TRIES {
        let held = subscriptions::read_live(tx, order.user_id, order.livemode).await?;
        let Some(held) = held.filter(|held| Some(held.id) == order.subscription_id) else {
            // Its subscription is another by now, which nothing of this agreement's is to extend.
            return calls::end(parts, tx, order.method, agreement_id, now).await;
        };
        let before = agreements::of(tx, held.id).await?;
        let own = before.as_ref().is_some_and(|(_, id)| id == agreement_id);
        if own && held.state == State::Cancelling {
            // A debit was under way when it was cancelled: it is paid, and it is still the last.
            return Ok(());
        }
        let grace = as_bought(tx, &held).await?.grace();
        let renews = Subscription {
            auto_renew: true,
            ..held.clone()
        };
        let until = renews.right_until(held.term_end, grace);
        reach(tx, &held, until, now).await?;
        agreements::release(tx, held.id, order.method, agreement_id, now).await?;
        if agreements::bind(tx, &held, order.method, agreement_id, until, now).await? {
            return match before {
                Some((method, id)) if id != agreement_id => {
                    calls::end(parts, tx, method, &id, now).await
                }
                _ => Ok(()),
            };
        }
    }
    Err(moved_on(order.user_id))
}

/// Counters before the subscription, as everywhere: the open one may have been bounded by another end.
pub(super) async fn reach(
    tx: &mut Tx,
    held: &Subscription,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    let period = held.quota_period(now);
    let then = Subscription {
        entitled_until: until,
        ..held.clone()
    };
    match (held.entitled_until, until) {
        (Some(before), Some(after)) if after < before => {
            quota_counters::cut(tx, held.id, after, now).await
        }
        _ => quota_counters::reopen(tx, held.id, &period, then.open_until(&period)).await,
    }
}

/// A debit was paid. It is written down as an order of the same plan, and then paid like any other: what does
/// not fit its price goes to suspense.
pub(super) async fn renewed(
    parts: &Parts,
    tx: &mut Tx,
    renewal: &VerifiedRenewal,
    now: Timestamp,
) -> Result<(Option<PaymentId>, &'static str)> {
    let livemode = parts.config.livemode;
    // Several events tell of one debit, and several instances may hear them at once: the first of them takes it,
    // and the others wait for its end.
    let money = &renewal.provider_transaction_id;
    let fact = format!("debit {money}");
    if !inbox::remember(tx, renewal.method, livemode, &fact, now).await? {
        let known = payments::read_by_money(tx, renewal.method, livemode, money).await?;
        return Ok((known.map(|known| known.id), "repeated"));
    }
    let order_no = if let Some(order_no) = place(parts, tx, renewal, now).await? {
        order_no.as_str().to_owned()
    } else {
        // Nobody here has agreed to it: kept under the agreement's number, and it is the last of its kind.
        calls::end(parts, tx, renewal.method, &renewal.agreement_id, now).await?;
        renewal.agreement_id.clone()
    };
    let money = VerifiedPayment::of_renewal(renewal, order_no);
    let applied = apply(parts, tx, &money, now).await?;
    if let Some(number) = OrderNo::sent(money.order_no())
        && let Some(order) = payments::read_by_order_no(tx, &number).await?
    {
        if order.state == PaymentState::Created {
            // Its money is kept elsewhere, and nobody else will pay it.
            payments::fail(tx, &order, "amount_mismatch", now).await?;
        }
        bind(parts, tx, &order, &renewal.agreement_id, now).await?;
    }
    Ok((applied.payment(), applied.word()))
}

/// An order for what was agreed, which nobody had to place. `None`: nobody here has agreed to it.
async fn place(
    parts: &Parts,
    tx: &mut Tx,
    renewal: &VerifiedRenewal,
    now: Timestamp,
) -> Result<Option<OrderNo>> {
    let (method, livemode) = (renewal.method, parts.config.livemode);
    let held = agreements::read(tx, method, livemode, &renewal.agreement_id).await?;
    let Some(held) = held else {
        return Ok(None);
    };
    // What was agreed, whatever the plan holds and costs others by now.
    let stands = subscriptions::read(tx, held.subscription).await?;
    let plan = match &stands {
        Some(stands) => plans::read_as_of(tx, held.plan, stands.plan_version).await?,
        None => None,
    };
    let price = agreements::price(tx, held.subscription, method).await?;
    let (Some(plan), Some(price)) = (plan, price) else {
        return Ok(None);
    };
    let id: PaymentId = parts.ids.at(now);
    let order = Payment {
        id,
        user_id: held.user,
        subscription_id: None,
        amount: price,
        method,
        account: renewal.account.clone(),
        livemode,
        provider_order_id: None,
        provider_transaction_id: None,
        state: PaymentState::Created,
        purpose: Purpose::Renewal,
        plan: Some((plan.id, plan.version)),
        action: None,
        scene: Scene::Pc,
        return_url: None,
        description: plan.name.clone(),
        metadata: serde_json::Value::Object(serde_json::Map::new()),
        failure_code: None,
        // Beside an order for the same plan that the buyer may have open.
        superseded_at: Some(now),
        created_at: now,
        expires_at: now,
        paid_at: None,
        refunded_minor: 0,
        refunding_minor: 0,
    };
    let hash = checkout_link::hash(&checkout_link::token(&parts.master_key, id));
    payments::insert(tx, &order, &hash).await?;
    Ok(Some(order.order_no()))
}

/// What the provider says of an agreement is mirrored at its subscription; only money gives a longer term.
pub(super) async fn told(
    parts: &Parts,
    tx: &mut Tx,
    method: PaymentMethod,
    agreement_id: &str,
    news: AgreementNews,
    (asked, now): (Timestamp, Timestamp),
) -> Result<&'static str> {
    let livemode = parts.config.livemode;
    let Some(partner) = agreements::read(tx, method, livemode, agreement_id).await? else {
        return Ok("agreement_unknown");
    };
    // What was looked up before our own wish got there says nothing of it. The rail will tell again.
    let steady = matches!(news, AgreementNews::Current | AgreementNews::Cancelling);
    if steady && jobs::is_open_since(tx, calls::KEEP_AGREEMENT, agreement_id, asked).await? {
        return Ok("agreement_is_being_changed");
    }
    // How long after its end a debit may come, if one does.
    let (becomes, awaits, word) = match news {
        AgreementNews::PastDue => (State::PastDue, Some(PAST_DUE), "agreement_past_due"),
        AgreementNews::Current => (State::Active, Some(AWAITING_DEBIT), "agreement_current"),
        AgreementNews::Cancelling => (State::Cancelling, None, "agreement_cancelling"),
        AgreementNews::Ended => (State::Cancelling, None, "agreement_ended"),
    };
    let auto_renew = awaits.is_some();
    let event = match news {
        AgreementNews::PastDue => "subscription.changed",
        AgreementNews::Current => "subscription.resumed",
        AgreementNews::Cancelling | AgreementNews::Ended => "subscription.cancelled",
    };
    for _ in 0..TRIES {
        let held = subscriptions::read_live(tx, partner.user, livemode).await?;
        let Some(held) = held.filter(|held| held.id == partner.subscription) else {
            return Ok("agreement_of_the_past");
        };
        let stops = matches!(news, AgreementNews::Cancelling | AgreementNews::Ended);
        if stops && held.next_plan.is_some() && !held.auto_renew {
            // As it was told to: the plan that follows is paid by hand.
            return Ok(word);
        }
        let mut until = held.term_end.map(|end| match awaits {
            Some(time) => held.debit_within(end, time),
            None => end,
        });
        if news == AgreementNews::Current {
            // It may be told before the money that it speaks of: what a failed debit was given stays until then.
            until = until.max(held.entitled_until);
        }
        // Told again, or of something that we do not keep: nothing has happened.
        if (held.state, held.auto_renew, held.entitled_until) == (becomes, auto_renew, until) {
            return Ok(word);
        }
        reach(tx, &held, until, now).await?;
        if agreements::mirror(tx, &held, becomes, auto_renew, until, now).await? {
            if let Some(stands) = subscriptions::read(tx, held.id).await? {
                tell::subscription(parts, tx, event, &stands, now).await?;
                // Told on while it is tried again, a debit has failed once.
                if news == AgreementNews::PastDue && held.state != State::PastDue {
                    let amount = agreements::price(tx, held.id, method).await?;
                    letters::debit_failed(parts, tx, &stands, (partner.plan, amount), now).await?;
                }
            }
            return Ok(word);
        }
    }
    Err(moved_on(partner.user))
}

#[cfg(test)]
mod tests;
