//! What somebody has, and how it lives.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PlanId, SubscriptionId, UserId};

use super::period::{Anchor, Period};
use super::plan::Plan;
use super::quota::{Meter, Units};
use super::words;

words! {
    /// Where a subscription stands.
    pub enum SubscriptionState {
        /// Paid, or free.
        Active = "active",
        /// Before the first payment.
        Trialing = "trialing",
        /// A renewal failed and is tried again.
        PastDue = "past_due",
        /// The term is over, the right not yet.
        Grace = "grace",
        /// Cancelled, usable to the end of the term.
        Cancelling = "cancelling",
        /// Over.
        Expired = "expired",
        /// Over, since the money went back.
        Refunded = "refunded",
        /// Over, since another took its place.
        Replaced = "replaced",
    }
}

words! {
    /// What anybody outside is told.
    pub enum SubscriptionStatus {
        /// In force.
        Active = "active",
        /// In force until the end of the term.
        Cancelled = "cancelled",
        /// Over.
        Expired = "expired",
    }
}

impl SubscriptionState {
    /// What anybody outside is told.
    pub fn status(self) -> SubscriptionStatus {
        match self {
            Self::Active | Self::Trialing | Self::PastDue | Self::Grace => {
                SubscriptionStatus::Active
            }
            Self::Cancelling => SubscriptionStatus::Cancelled,
            Self::Expired | Self::Refunded | Self::Replaced => SubscriptionStatus::Expired,
        }
    }
}

/// A subscription that has not ended.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Of the subscription.
    pub id: SubscriptionId,
    /// Whose.
    pub user_id: UserId,
    /// Of which plan.
    pub plan_id: PlanId,
    /// In which of its versions: an edited plan reaches it at its next term.
    pub plan_version: i64,
    /// Where it stands.
    pub state: SubscriptionState,
    /// First moment of the term.
    pub term_start: Timestamp,
    /// First moment after it; `None` = no end.
    pub term_end: Option<Timestamp>,
    /// The one truth about access; `None` = no end.
    pub entitled_until: Option<Timestamp>,
    /// Where its periods are counted from.
    pub anchor: Anchor,
    /// The first meter.
    pub meter: Meter,
    /// Of the first meter, in its open period.
    pub quota_used: Units,
    /// Of the first meter, in its open period.
    pub quota_limit: Option<Units>,
    /// Whether the rail debits by itself.
    pub auto_renew: bool,
    /// Of the first term.
    pub created_at: Timestamp,
    /// Of any change, a consume included.
    pub updated_at: Timestamp,
    /// Counts the changes that are seen outside.
    pub version: i64,
}

impl Subscription {
    /// Whether it gives any right at `now`.
    pub fn is_entitled(&self, now: Timestamp) -> bool {
        self.entitled_until.is_none_or(|until| now < until)
    }

    /// The period of quota that `now` lies in.
    pub fn quota_period(&self, now: Timestamp) -> Period {
        self.anchor.quota_period(now)
    }

    /// Up to when a counter of `period` is right by itself.
    pub fn open_until(&self, period: &Period) -> Timestamp {
        self.entitled_until
            .map_or(period.end, |until| until.min(period.end))
    }
}

/// What verified money for a plan does to what its buyer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purchase {
    /// Nothing in force: a new subscription.
    Begin,
    /// The same plan: the term grows, from its end, never from now.
    Extend {
        /// The new end; `None` = no end.
        term_end: Option<Timestamp>,
    },
    /// A free plan gives way to a paid one, or a lapsed one to a new one.
    Replace {
        /// How the old one is written down.
        ends_as: SubscriptionState,
    },
    /// Another paid plan is in force, or this one for ever: the money is kept for the operator to
    /// settle, not guessed at.
    Conflict,
}

impl Purchase {
    /// What buying `plan` does to `held` at `now`.
    pub fn of(plan: &Plan, held: Option<(&Subscription, bool)>, now: Timestamp) -> Self {
        let Some((held, held_is_free)) = held else {
            return Self::Begin;
        };
        if !held.is_entitled(now) {
            return Self::Replace {
                ends_as: SubscriptionState::Expired,
            };
        }
        if held.plan_id == plan.id {
            // What has no end cannot grow.
            return held.term_end.map_or(Self::Conflict, |end| Self::Extend {
                term_end: held.anchor.term_end(end, plan.billing_cycle),
            });
        }
        if held_is_free {
            return Self::Replace {
                ends_as: SubscriptionState::Replaced,
            };
        }
        Self::Conflict
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use tollgate_kernel::clock::Clock;
    use tollgate_kernel::entropy::Entropy;
    use tollgate_kernel::ids::Ids;
    use tollgate_kernel::money::{Currency, Money};

    use super::*;
    use crate::model::plan::BillingCycle;

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_767_323_045).expect("a moment")
    }

    fn plan(ids: &Ids, price: i64) -> Plan {
        Plan {
            id: ids.next(),
            slug: "pro".parse().expect("a slug"),
            name: String::new(),
            description: String::new(),
            texts: BTreeMap::new(),
            price: Money::new(price, Currency::CNY),
            billing_cycle: BillingCycle::Monthly,
            meter: "processing_count".parse().expect("a meter"),
            quota_limit: None,
            features: Vec::new(),
            meters: Vec::new(),
            resource_costs: BTreeMap::new(),
            trial_days: 0,
            grace_days: 0,
            is_default: false,
            is_active: true,
            sort_order: 0,
            version: 1,
            created_at: now(),
            updated_at: now(),
            archived_at: None,
        }
    }

    fn held(ids: &Ids, plan: &Plan, until: Option<Timestamp>) -> Subscription {
        Subscription {
            id: ids.next(),
            user_id: ids.next(),
            plan_id: plan.id,
            plan_version: 1,
            state: SubscriptionState::Active,
            term_start: now(),
            term_end: until,
            entitled_until: until,
            anchor: Anchor::new(now(), chrono_tz::UTC),
            meter: plan.meter.clone(),
            quota_used: Units::NONE,
            quota_limit: None,
            auto_renew: false,
            created_at: now(),
            updated_at: now(),
            version: 1,
        }
    }

    /// Of nobody in particular, without an end.
    pub(in crate::model) fn plain(begun: Timestamp) -> Subscription {
        let ids = Ids::new(Clock::fixed(begun), Entropy::seeded(1));
        Subscription {
            anchor: Anchor::new(begun, chrono_tz::UTC),
            ..held(&ids, &plan(&ids, 9_900), None)
        }
    }

    #[test]
    fn buying_again_extends_from_the_end() {
        let ids = Ids::new(Clock::fixed(now()), Entropy::seeded(1));
        let pro = plan(&ids, 9_900);
        assert_eq!(Purchase::of(&pro, None, now()), Purchase::Begin);
        let end = Anchor::new(now(), chrono_tz::UTC).month(1);
        let mine = held(&ids, &pro, Some(end));
        let second = Anchor::new(now(), chrono_tz::UTC).month(2);
        let early = now().after(Duration::from_mins(1));
        assert_eq!(
            Purchase::of(&pro, Some((&mine, false)), early),
            Purchase::Extend {
                term_end: Some(second)
            }
        );
        let lapsed = Purchase::Replace {
            ends_as: SubscriptionState::Expired,
        };
        assert_eq!(Purchase::of(&pro, Some((&mine, false)), end), lapsed);
    }

    #[test]
    fn a_free_plan_gives_way_and_another_paid_one_does_not() {
        let ids = Ids::new(Clock::fixed(now()), Entropy::seeded(1));
        let (free, pro) = (plan(&ids, 0), plan(&ids, 9_900));
        let mine = held(&ids, &free, None);
        let replaced = Purchase::Replace {
            ends_as: SubscriptionState::Replaced,
        };
        assert_eq!(Purchase::of(&pro, Some((&mine, true)), now()), replaced);
        assert_eq!(
            Purchase::of(&pro, Some((&mine, false)), now()),
            Purchase::Conflict
        );
    }
}
