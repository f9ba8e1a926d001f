//! What somebody has, and how it lives.
//!
//! ```
//! use tollgate_kernel::clock::Timestamp;
//! use tollgate_payment::model::subscription::{Subscription, SubscriptionEvent, SubscriptionState, SubscriptionStatus};
//!
//! let state = SubscriptionState::Active.next(SubscriptionEvent::Cancelled);
//! assert_eq!(state, Ok(SubscriptionState::Cancelling));
//! assert_eq!(SubscriptionState::Cancelling.status(), SubscriptionStatus::Cancelled);
//! assert!(SubscriptionState::Refunded.next(SubscriptionEvent::Renewed).is_err());
//!
//! // What was cancelled gives its right until its end.
//! fn may_use(held: &Subscription, now: Timestamp) -> bool {
//!     held.is_entitled(now)
//! }
//! ```

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PlanId, SubscriptionId, UserId};

use super::period::{Anchor, Period};
use super::plan::Plan;
use super::quota::Meter;
use super::words;

/// How long after the end of a term a debit may still come: the provider drafts a bill first.
pub const AWAITING_DEBIT: Duration = Duration::from_hours(24);

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
    /// Whether the rail debits by itself.
    pub auto_renew: bool,
    /// The plan that is wanted when the paid term ends.
    pub next_plan: Option<PlanId>,
    /// When a term that is paid already begins, of another plan or version, or counted from elsewhere.
    pub turns_at: Option<Timestamp>,
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

    /// Whether something is due by the clock that nobody has written down yet: a later term has begun, or the plan that
    /// was wanted next takes over.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.turns_at.is_some_and(|at| at <= now)
            || (self.next_plan.is_some() && !self.is_entitled(now))
    }

    /// How it stands by the clock: days of grace begin by themselves.
    pub fn stands(&self, now: Timestamp) -> SubscriptionState {
        let over = self.term_end.is_some_and(|end| end <= now);
        if over && self.state == SubscriptionState::Active && !self.auto_renew {
            return SubscriptionState::Grace;
        }
        self.state
    }

    /// Until when it gives a right, when its paid term ends at `end`: some days longer, unless it was cancelled or
    /// something else follows; and as long as a debit may come, where one does.
    pub fn right_until(&self, end: Option<Timestamp>, grace: Duration) -> Option<Timestamp> {
        end.map(|end| match self.state {
            SubscriptionState::Cancelling => end,
            _ if self.auto_renew => end.after(grace).max(self.debit_within(end, AWAITING_DEBIT)),
            _ => end.after(grace),
        })
    }

    /// The last moment at which a debit is there that comes so long after the rail's own end of a term that ends at
    /// `end` here.
    pub fn debit_within(&self, end: Timestamp, time: Duration) -> Timestamp {
        end.max(self.anchor.counted_in_utc(end)).after(time)
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
        [self.entitled_until, self.turns_at]
            .into_iter()
            .flatten()
            .fold(period.end, Timestamp::min)
    }
}

/// A subscription as a list of everybody's shows it: ended ones too.
#[derive(Clone, Debug)]
pub struct ListedSubscription {
    /// Of the subscription.
    pub id: SubscriptionId,
    /// Whose.
    pub user_id: UserId,
    /// Of which plan.
    pub plan_id: PlanId,
    /// As it is written down; what begins by the clock is written down by whoever looks at it first.
    pub state: SubscriptionState,
    /// First moment of the term.
    pub term_start: Timestamp,
    /// First moment after it; `None` = no end.
    pub term_end: Option<Timestamp>,
    /// The one truth about access; `None` = no end.
    pub entitled_until: Option<Timestamp>,
    /// Whether the rail debits by itself.
    pub auto_renew: bool,
    /// The plan that is wanted when the paid term ends.
    pub next_plan: Option<PlanId>,
    /// Of the first term.
    pub created_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// Why it ends or has ended.
    pub end_reason: Option<String>,
}

/// What verified money for a plan does to what its buyer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purchase {
    /// Nothing in force: a new subscription.
    Begin,
    /// A further term, behind everything that is paid, never from now; of the same plan, or of the one that is wanted
    /// next.
    Extend,
    /// The first money for what was tried without: its first paid term follows the trial.
    Convert,
    /// A free plan gives way to a paid one, a lapsed one to a new one, and a paid one to what was quoted against it.
    Replace {
        /// What happens to the old one.
        by: SubscriptionEvent,
    },
    /// Another paid plan is in force, or this one for ever: the money is kept for the operator to
    /// settle, not guessed at.
    Conflict,
}

impl Purchase {
    /// What buying `plan` does to `held` at `now`. `quoted`: what the order was quoted against.
    pub fn of(
        plan: &Plan,
        held: Option<(&Subscription, bool)>,
        quoted: Option<SubscriptionId>,
        now: Timestamp,
    ) -> Self {
        let Some((held, held_is_free)) = held else {
            return Self::Begin;
        };
        if !held.is_entitled(now) {
            return Self::Replace {
                by: held.lapses_by(),
            };
        }
        let replaced = Self::Replace {
            by: SubscriptionEvent::Replaced,
        };
        if quoted == Some(held.id) {
            return replaced;
        }
        let same = held.plan_id == plan.id;
        if same && held.state == SubscriptionState::Trialing {
            return Self::Convert;
        }
        if same || (held.next_plan == Some(plan.id) && !plan.is_free()) {
            // What has no end cannot grow.
            return held.term_end.map_or(Self::Conflict, |_| Self::Extend);
        }
        if held_is_free || held.state == SubscriptionState::Trialing {
            return replaced;
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

    pub(in crate::model) fn plan(ids: &Ids, price: i64) -> Plan {
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

    pub(in crate::model) fn held(ids: &Ids, plan: &Plan, until: Option<Timestamp>) -> Subscription {
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
            auto_renew: false,
            next_plan: None,
            turns_at: None,
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
    fn buying_again_extends_and_what_has_lapsed_begins_anew() {
        let ids = Ids::new(Clock::fixed(now()), Entropy::seeded(1));
        let pro = plan(&ids, 9_900);
        assert_eq!(Purchase::of(&pro, None, None, now()), Purchase::Begin);
        let end = Anchor::new(now(), chrono_tz::UTC).month(1);
        let mut mine = held(&ids, &pro, Some(end));
        let early = now().after(Duration::from_mins(1));
        let buying = |mine: &Subscription, at| Purchase::of(&pro, Some((mine, false)), None, at);
        assert_eq!(buying(&mine, early), Purchase::Extend);
        let lapsed = Purchase::Replace {
            by: SubscriptionEvent::GraceOver,
        };
        assert_eq!(buying(&mine, end), lapsed);
        mine.state = SubscriptionState::Trialing;
        assert_eq!(buying(&mine, early), Purchase::Convert);
        let untried = Purchase::Replace {
            by: SubscriptionEvent::TrialOver,
        };
        assert_eq!(buying(&mine, end), untried);
    }

    #[test]
    fn a_free_plan_gives_way_and_a_paid_one_to_what_was_quoted_against_it() {
        let ids = Ids::new(Clock::fixed(now()), Entropy::seeded(1));
        let (free, pro) = (plan(&ids, 0), plan(&ids, 9_900));
        let mut mine = held(&ids, &free, None);
        let replaced = Purchase::Replace {
            by: SubscriptionEvent::Replaced,
        };
        let buying = |mine: &Subscription, is_free, quoted| {
            Purchase::of(&pro, Some((mine, is_free)), quoted, now())
        };
        assert_eq!(buying(&mine, true, None), replaced);
        assert_eq!(buying(&mine, false, None), Purchase::Conflict);
        assert_eq!(buying(&mine, false, Some(ids.next())), Purchase::Conflict);
        assert_eq!(buying(&mine, false, Some(mine.id)), replaced);
        // Wanted next, it is put behind what is paid; what has no end has no behind.
        mine.next_plan = Some(pro.id);
        assert_eq!(buying(&mine, false, None), Purchase::Conflict);
        mine.term_end = Some(now().after(Duration::from_mins(1)));
        assert_eq!(buying(&mine, false, None), Purchase::Extend);
    }

    #[test]
    fn days_of_grace_follow_a_term_that_nobody_has_ended() {
        let end = now().after(Duration::from_mins(1));
        let grace = Duration::from_hours(72);
        let mut mine = Subscription {
            term_end: Some(end),
            entitled_until: Some(end.after(grace)),
            ..plain(now())
        };
        assert_eq!(mine.stands(now()), SubscriptionState::Active);
        assert_eq!(mine.stands(end), SubscriptionState::Grace);
        assert_eq!(mine.right_until(Some(end), grace), Some(end.after(grace)));
        mine.state = SubscriptionState::Cancelling;
        assert_eq!(mine.right_until(Some(end), grace), Some(end));
        assert_eq!(mine.stands(end), SubscriptionState::Cancelling);
        assert_eq!(mine.right_until(None, grace), None);
    }

    #[test]
    fn a_counter_is_closed_before_another_term_begins() {
        let at = |hours| now().after(Duration::from_hours(hours));
        let period = Period {
            start: now(),
            end: at(30),
        };
        let mut mine = plain(now());
        assert_eq!(mine.open_until(&period), at(30));
        mine.entitled_until = Some(at(20));
        assert_eq!(mine.open_until(&period), at(20));
        mine.turns_at = Some(at(10));
        assert_eq!(mine.open_until(&period), at(10));
        assert!(!mine.is_due(at(9)) && mine.is_due(at(10)));
    }
}
