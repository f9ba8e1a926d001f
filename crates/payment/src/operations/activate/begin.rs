//! A subscription begins: with its first term, its first counter, and what goes along from the one before.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{SubscriptionId, UserId};
use tollgate_kernel::money::Money;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::New;
use crate::Parts;
use crate::model::foreign_term::Fitted;
use crate::model::period::Anchor;
use crate::model::plan::{Plan, PlanMeter};
use crate::model::quota::{Meter, Units};
use crate::model::quote::{Cover, Shortfall};
use crate::model::subscription::{Subscription, SubscriptionState};
use crate::model::term::Term;
use crate::operations::note_use::note_use;
use crate::operations::tell::{self, Why};
use crate::operations::{grant_units, roll};
use crate::store::{quota_counters, subscriptions, terms};

/// What units are counted as that were used between a quote and its money, beyond what was counted.
const PLAN_CHANGE: &str = "plan_change";

/// `None`: the person has a live one.
pub(super) async fn begin(
    parts: &Parts,
    tx: &mut Tx,
    user: UserId,
    new: &New<'_>,
    now: Timestamp,
) -> Result<Option<SubscriptionId>> {
    let plan = new.plan;
    let short = shortfall(new);
    let cover = short.cover(plan);
    let Fitted {
        anchor,
        starts_at,
        ends_at: term_end,
    } = new.elsewhere.map_or_else(
        || first_term(parts, new, short, cover, now),
        |elsewhere| elsewhere.term,
    );
    let state = match new.trial {
        Some(_) => SubscriptionState::Trialing,
        None => SubscriptionState::Active,
    };
    let grace = match new.trial {
        Some(_) => Duration::ZERO,
        None => plan.grace(),
    };
    let begun = Subscription {
        id: parts.ids.at(now),
        user_id: user,
        plan_id: plan.id,
        plan_version: plan.version,
        state,
        term_start: starts_at,
        term_end,
        entitled_until: term_end.map(|end| end.after(grace)),
        anchor,
        meter: plan.meter.clone(),
        auto_renew: false,
        next_plan: None,
        turns_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    if !subscriptions::insert(tx, &begun, parts.config.livemode).await? {
        return Ok(None);
    }
    let worth = new.worth();
    let term = Term {
        subscription: begun.id,
        starts_at,
        ends_at: term_end,
        plan: (plan.id, plan.version),
        anchor,
        worth: Money::new(
            worth.minor().saturating_sub(short.minor).max(0),
            worth.currency(),
        ),
        payment: new.order.map(|order| order.id),
    };
    terms::insert(tx, &term, now).await?;
    roll::roll(tx, &begun, &plan.meter, now).await?;
    if let Some(Cover { meter, units, .. }) = cover.filter(|cover| cover.units != Units::NONE) {
        roll::roll(tx, &begun, &meter.meter, now).await?;
        let short = (&meter.meter, units);
        note_use(parts, tx, &begun, short, PLAN_CHANGE, now).await?;
    }
    carry(parts, tx, &begun, plan, new, now).await?;
    let why = Why {
        payment: new.order.map(|order| order.id),
        credit_minor: new.credit.minor(),
        ..Why::default()
    };
    tell::because(parts, tx, tell::ACTIVATED, &begun, why, now).await?;
    Ok(Some(begun.id))
}

/// From now on.
fn first_term(
    parts: &Parts,
    new: &New<'_>,
    short: Shortfall,
    cover: Option<Cover<'_>>,
    now: Timestamp,
) -> Fitted {
    let plan = new.plan;
    let anchor = Anchor::new(now.before(short.earlier(plan, now)), parts.config.zone);
    let months = plan.billing_cycle.months();
    let months = months.map(|months| months.saturating_mul(new.terms));
    let less = cover.map_or(0, |cover| cover.months);
    // A free term is renewed without money, so it has no end.
    let ends_at = match new.trial {
        Some(end) => Some(end),
        None if plan.is_free() => None,
        None => months.map(|months| anchor.months_end(anchor.at(), months.saturating_sub(less))),
    };
    Fitted {
        anchor,
        starts_at: now,
        ends_at,
    }
}

fn shortfall(new: &New<'_>) -> Shortfall {
    let left = new.left.as_ref().map_or(0, |taken| taken.minor);
    Shortfall {
        minor: new.credit.minor().saturating_sub(left).max(0),
        worth: new.worth().minor(),
        terms: new.terms,
    }
}

/// Bonus units go along, where the new plan counts and limits the same.
async fn carry(
    parts: &Parts,
    tx: &mut Tx,
    begun: &Subscription,
    plan: &Plan,
    new: &New<'_>,
    now: Timestamp,
) -> Result<()> {
    let Some(taken) = &new.left else {
        return Ok(());
    };
    for grant in &taken.grants {
        let is_held =
            |meter: &&PlanMeter| meter.meter.as_str() == grant.meter && meter.limit.is_some();
        let Some(meter) = plan.meters.iter().find(is_held) else {
            tracing::warn!(subscription.id = %begun.id, grant.id = %grant.id,
                "bonus units end with their plan: the new one does not count them");
            continue;
        };
        let meter: &Meter = &meter.meter;
        roll::roll(tx, begun, meter, now).await?;
        let Some(counter) = quota_counters::read(tx, begun.id, meter, now).await? else {
            continue;
        };
        let along = crate::store::quota_grants::Grant {
            id: parts.ids.at(now),
            subscription: begun.id,
            units: grant.rest().units,
            spent: 0,
            ..grant.clone()
        };
        grant_units::pour(tx, (begun.id, meter, counter.period.start), &along, now).await?;
    }
    Ok(())
}
