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

words! {
    /// What happens to a subscription.
    pub enum SubscriptionEvent {
        /// First money for what was tried without.
        Bought = "bought",
        /// Money for a further term of the same plan.
        Renewed = "renewed",
        /// The rail could not debit.
        DebitFailed = "debit_failed",
        /// The rail debits again.
        DebitSucceeded = "debit_succeeded",
        /// No further term is wanted.
        Cancelled = "cancelled",
        /// Further terms are wanted after all.
        Resumed = "resumed",
        /// The paid term is over.
        TermOver = "term_over",
        /// So is the time that was given after it.
        GraceOver = "grace_over",
        /// The trial is over, and nobody has paid.
        TrialOver = "trial_over",
        /// All of its money went back.
        Refunded = "refunded",
        /// Another subscription takes its place.
        Replaced = "replaced",
        /// Its term or what follows it is another now.
        Changed = "changed",
    }
}

/// What cannot happen to a subscription that stands so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} does not happen to a subscription that is {}", event.as_str(), from.as_str())]
pub struct IllegalMove {
    /// How it stands.
    pub from: SubscriptionState,
    /// What was to happen.
    pub event: SubscriptionEvent,
}

impl SubscriptionState {
    /// The one table of a subscription's life. The statement that acts repeats what it rests on.
    ///
    /// # Errors
    /// This does not happen to what stands so.
    pub fn next(self, event: SubscriptionEvent) -> Result<Self, IllegalMove> {
        use SubscriptionEvent as On;
        match (self, event) {
            // What is over stays over: whoever comes back gets another subscription.
            (Self::Expired | Self::Refunded | Self::Replaced, _) => {
                Err(IllegalMove { from: self, event })
            }
            (_, On::Refunded) => Ok(Self::Refunded),
            (_, On::Replaced) => Ok(Self::Replaced),
            // A trial becomes a subscription by its first money, or ends by itself; no debit tells of it, and
            // there is nothing to cancel.
            (Self::Trialing, On::Bought) => Ok(Self::Active),
            (Self::Trialing, On::TrialOver) => Ok(Self::Expired),
            (Self::Trialing, _) | (_, On::Bought | On::TrialOver) => {
                Err(IllegalMove { from: self, event })
            }
            // A debit that was under way when it was cancelled is paid, and it is still the last.
            (Self::Cancelling, On::Renewed | On::Cancelled | On::Changed) => Ok(Self::Cancelling),
            (Self::Cancelling, On::TermOver | On::GraceOver) => Ok(Self::Expired),
            (_, On::Renewed | On::DebitSucceeded) | (Self::Cancelling, On::Resumed) => {
                Ok(Self::Active)
            }
            (_, On::DebitFailed) => Ok(Self::PastDue),
            (_, On::Cancelled) => Ok(Self::Cancelling),
            (Self::Active | Self::Grace, On::TermOver) => Ok(Self::Grace),
            // The rail goes on trying.
            (Self::PastDue, On::TermOver) => Ok(Self::PastDue),
            (_, On::GraceOver) => Ok(Self::Expired),
            // Not cancelled, it goes on as it stands.
            (_, On::Resumed | On::Changed) => Ok(self),
        }
    }

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

    /// What ends it when its right is over.
    pub fn lapses_by(&self) -> SubscriptionEvent {
        match self.state {
            SubscriptionState::Trialing => SubscriptionEvent::TrialOver,
            _ => SubscriptionEvent::GraceOver,
        }
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
        /// What happens to the old one.
        by: SubscriptionEvent,
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
                by: held.lapses_by(),
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
                by: SubscriptionEvent::Replaced,
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

    /// Every pair, so that a changed rule is a visible difference.
    #[test]
    fn the_whole_life_is_one_table() {
        let pairs = SubscriptionState::ALL.iter().flat_map(|state| {
            let events = SubscriptionEvent::ALL.iter();
            events.map(|event| {
                let becomes = state.next(*event).map_or("-", SubscriptionState::as_str);
                format!("{} + {} = {becomes}", state.as_str(), event.as_str())
            })
        });
        let table = pairs.collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(table);
    }

    #[test]
    fn what_is_over_stays_over_and_every_end_is_reached() {
        for state in SubscriptionState::ALL {
            let is_over = state.status() == SubscriptionStatus::Expired;
            for event in SubscriptionEvent::ALL {
                let becomes = state.next(*event);
                assert!(!(is_over && becomes.is_ok()), "{state:?} {event:?}");
                assert_ne!(becomes, Ok(SubscriptionState::Trialing), "{event:?}");
            }
            if !is_over {
                assert_eq!(
                    state.next(SubscriptionEvent::Refunded),
                    Ok(SubscriptionState::Refunded)
                );
                assert_eq!(
                    state.next(SubscriptionEvent::Replaced),
                    Ok(SubscriptionState::Replaced)
                );
            }
        }
    }

    #[test]
    fn whatever_gives_a_right_can_lapse() {
        let ids = Ids::new(Clock::fixed(now()), Entropy::seeded(1));
        let pro = plan(&ids, 9_900);
        for state in SubscriptionState::ALL {
            let mut mine = held(&ids, &pro, Some(now()));
            mine.state = *state;
            let lapsed = state.next(mine.lapses_by());
            let is_over = state.status() == SubscriptionStatus::Expired;
            assert_eq!(
                lapsed == Ok(SubscriptionState::Expired),
                !is_over,
                "{state:?}"
            );
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
            by: SubscriptionEvent::GraceOver,
        };
        assert_eq!(Purchase::of(&pro, Some((&mine, false)), end), lapsed);
    }

    #[test]
    fn a_free_plan_gives_way_and_another_paid_one_does_not() {
        let ids = Ids::new(Clock::fixed(now()), Entropy::seeded(1));
        let (free, pro) = (plan(&ids, 0), plan(&ids, 9_900));
        let mine = held(&ids, &free, None);
        let replaced = Purchase::Replace {
            by: SubscriptionEvent::Replaced,
        };
        assert_eq!(Purchase::of(&pro, Some((&mine, true)), now()), replaced);
        assert_eq!(
            Purchase::of(&pro, Some((&mine, false)), now()),
            Purchase::Conflict
        );
    }
}
