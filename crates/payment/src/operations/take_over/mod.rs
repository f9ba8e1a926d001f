//! Takes over what people had in another application: their subscription, what they had used of it, bonus units.
//!
//! Everything is done inside the caller's transaction, so that a whole run happens or does not, and can be tried: whoever
//! finds a fault in the answer rolls back. Nothing is a write path of its own: a subscription begins as one that was
//! bought, units are charged and given as by a call and by staff.
//!
//! What can happen at once: another run, and people who buy. What came is noted in `taken_over`, whose key lets one run
//! note it; the other finds it when it waited, or fails and finds it the next time.

pub(crate) mod balances;
pub(crate) mod subscriptions;

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{SubscriptionId, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::Result;
use tollgate_storage::audit::{self, Actor, Entry};
use tollgate_storage::db::Tx;

use super::moved_on;
use crate::Parts;
use crate::model::foreign_term::Unfit;
use crate::store::taken_over::{self, Key, TakenKind};

/// What is wrong with an entry.
///
/// ```
/// # use tollgate_payment::TakeOverFault;
/// let fault = TakeOverFault::NoPlan("gold".to_owned());
/// assert_eq!(fault.to_string(), r#"no plan is called "gold" here"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TakeOverFault {
    /// No plan has the slug, on sale or not.
    #[error("no plan is called {0:?} here")]
    NoPlan(String),
    /// The term.
    #[error(transparent)]
    Term(#[from] Unfit),
    /// What cannot be cancelled.
    #[error("a plan whose terms do not end cannot be cancelled to its end")]
    Endless,
    /// Not an amount of the plan's currency.
    #[error("paid is not an amount of {currency}, written to its last digit")]
    Paid {
        /// Of the plan.
        currency: &'static str,
    },
    /// Money was paid for what is free.
    #[error("nothing is paid for a free plan")]
    PaidForFree,
    /// Something is in force here already.
    #[error("another subscription of this person is in force here")]
    InForce,
    /// Nothing is in force that it could be counted in.
    #[error("no subscription of this person is in force")]
    NoSubscription,
    /// A term begins at this moment.
    #[error("a term of this person's subscription begins right now: do it again in a moment")]
    Turning,
    /// The plan does not count this.
    #[error("the plan has no quota_type {0:?}")]
    NoMeter(String),
    /// More than there is.
    #[error("{used} units are used, and {left} are there: give bonus units for the difference")]
    MoreThanThereIs {
        /// What was said to be used.
        used: i64,
        /// What the plan and bonus units give.
        left: i64,
    },
    /// Nothing can be added to what has no limit.
    #[error("the quota_type is unlimited: bonus units cannot be added")]
    Unlimited,
    /// Too long, or none.
    #[error("a reason has 1 to 500 characters")]
    Reason,
    /// An end that has passed.
    #[error("expires_at has passed")]
    Past,
    /// An earlier entry says the same, or something else about the same.
    #[error("an earlier entry is about the same")]
    Twice,
}

/// What became of entries of one kind.
///
/// ```
/// # use tollgate_payment::TakenOver;
/// let nothing = TakenOver::default();
/// assert_eq!((nothing.made, nothing.known, nothing.faults.len()), (0, 0, 0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// Taken over now.
    pub made: usize,
    /// Taken over before: nothing was done.
    pub known: usize,
    /// Of those, how many say something else now. They stay as they were taken over.
    pub differing: usize,
    /// Over before they came: nothing to take over.
    pub over: usize,
    /// Of what was taken over now: subscriptions by plan, units by meter.
    pub sums: BTreeMap<String, i64>,
    /// By position from 0, in their order.
    pub faults: Vec<(usize, TakeOverFault)>,
}

/// What became of one entry.
enum Outcome {
    Made,
    Known,
    Differs,
    Over,
}

impl TakenOver {
    fn note(
        &mut self,
        position: usize,
        outcome: std::result::Result<Outcome, TakeOverFault>,
        (name, units): (&str, i64),
    ) {
        let count = match outcome {
            Ok(Outcome::Made) => {
                let sum = self.sums.entry(name.to_owned()).or_default();
                *sum = sum.saturating_add(units);
                &mut self.made
            }
            Ok(Outcome::Known) => &mut self.known,
            Ok(Outcome::Differs) => {
                self.differing = self.differing.saturating_add(1);
                &mut self.known
            }
            Ok(Outcome::Over) => &mut self.over,
            Err(fault) => return self.faults.push((position, fault)),
        };
        *count = count.saturating_add(1);
    }
}

/// A thing that comes once, and what is said of it.
struct Thing<'a> {
    key: Key<'a>,
    content: [u8; 32],
}

impl<'a> Thing<'a> {
    fn new(
        parts: &Parts,
        (user, kind, reference): (UserId, TakenKind, &'a str),
        content: &Value,
    ) -> Self {
        let key = Key {
            user,
            livemode: parts.config.livemode,
            kind,
            reference,
        };
        let mut hash = [0; 32];
        let text = content.to_string();
        hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        Self { key, content: hash }
    }

    /// Whether it has come before.
    async fn known(&self, tx: &mut Tx) -> Result<Option<Outcome>> {
        let before = taken_over::find(tx, self.key).await?;
        Ok(before.map(|content| {
            if content == self.content {
                Outcome::Known
            } else {
                Outcome::Differs
            }
        }))
    }

    /// It has come.
    async fn put(&self, tx: &mut Tx, into: SubscriptionId, now: Timestamp) -> Result<()> {
        if taken_over::put(tx, self.key, into, &self.content, now).await? {
            return Ok(());
        }
        Err(moved_on(self.key.user))
    }
}

/// In the audit log, by whoever has the machine.
async fn record(
    parts: &Parts,
    tx: &mut Tx,
    (user, action, after): (UserId, &'static str, Value),
    now: Timestamp,
) -> Result<()> {
    let entry = Entry {
        id: parts.ids.at(now),
        actor: Actor::Operator,
        action,
        subject_kind: "user",
        subject_id: user.to_string(),
        before: None,
        after: Some(after),
        reason: None,
        origin: &Origin::default(),
    };
    audit::append(tx, &parts.master_key, &entry, now).await
}

#[cfg(test)]
mod tests;
