//! What a person has, with its price list, as it was read a moment ago. It may be old: whoever takes units by it says in
//! the statement which version was read, and reads again when that does not stand any more. So a yes is always right,
//! and a no is never said from memory.
//!
//! Where nothing is taken, no statement looks again. There what was read is believed for [`BELIEVED`] and no longer, as
//! a key is; never past the end of the right, or the moment at which another plan follows; and not at all when a change of
//! it was under way on this instance: a change that is made here acts at once, one that is made elsewhere after
//! [`BELIEVED`].

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::{Result, StorageError};

use super::current_subscription::entitled;
use crate::Parts;
use crate::model::quota::{Meter, ResourceType, Units};
use crate::model::subscription::Subscription;
use crate::store::{plans, prices};

/// At most this many people; then it begins anew.
const MOST: usize = 100_000;
/// How long what was read is true where no statement looks again.
const BELIEVED: Duration = Duration::from_secs(2);
/// A change is noted before its commit: for so long what is read may still be what was before it.
const UNDER_WAY: Duration = Duration::from_secs(5);

/// A subscription in force, and what calls cost under it.
#[derive(Debug)]
pub(crate) struct Holding {
    pub(crate) subscription: Subscription,
    /// What its plan is called; a plan keeps its name.
    pub(crate) plan: String,
    prices: HashMap<String, Price>,
}

/// What one call takes, and of which meter.
#[derive(Clone, Debug)]
pub(crate) struct Price {
    pub(crate) meter: Meter,
    pub(crate) units: Units,
}

impl Holding {
    /// Of this resource type, or of any other.
    pub(crate) fn price(&self, resource_type: &ResourceType) -> Option<&Price> {
        let own = self.prices.get(resource_type.as_str());
        own.or_else(|| self.prices.get("*"))
    }
}

/// What was read, by person.
#[derive(Debug, Default)]
pub(crate) struct Holdings(RwLock<Memory>);

#[derive(Debug, Default)]
struct Memory {
    known: HashMap<UserId, Known>,
    /// When a change of what somebody has was last under way here.
    changed: HashMap<UserId, Timestamp>,
}

#[derive(Clone, Debug)]
struct Known {
    holding: Arc<Holding>,
    read_at: Timestamp,
}

impl Holdings {
    fn get(&self, user: UserId) -> Option<Arc<Holding>> {
        let memory = self.0.read().unwrap_or_else(PoisonError::into_inner);
        memory.known.get(&user).map(|known| known.holding.clone())
    }

    /// What may be believed at `now` without looking again.
    fn believed(&self, user: UserId, now: Timestamp) -> Option<Arc<Holding>> {
        let memory = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = memory.known.get(&user)?;
        // A clock that was set back makes nothing young again.
        let is_young = known.read_at <= now && now.since(known.read_at) < BELIEVED;
        let changed = memory.changed.get(&user);
        let is_settled = changed.is_none_or(|at| at.after(UNDER_WAY) < known.read_at);
        let held = &known.holding.subscription;
        let stands = held.is_entitled(now) && !held.is_due(now);
        (is_young && is_settled && stands).then(|| known.holding.clone())
    }

    fn put(&self, user: UserId, holding: Arc<Holding>, read_at: Timestamp) {
        let mut memory = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if memory.known.len() >= MOST {
            memory.known.clear();
        }
        memory.known.insert(user, Known { holding, read_at });
    }

    /// It does not stand any more.
    pub(crate) fn forget(&self, user: UserId) {
        let mut memory = self.0.write().unwrap_or_else(PoisonError::into_inner);
        memory.known.remove(&user);
    }

    /// A transaction of this instance changes what somebody has; it has not committed yet, and may not.
    pub(crate) fn changes(&self, user: UserId, now: Timestamp) {
        let mut memory = self.0.write().unwrap_or_else(PoisonError::into_inner);
        memory.known.remove(&user);
        if memory.changed.len() >= MOST {
            // What was read before is forgotten with them, so that nothing of it is believed.
            memory.known.clear();
            memory.changed.retain(|_, at| now.since(*at) <= UNDER_WAY);
        }
        memory.changed.insert(user, now);
    }
}

/// From memory, or read; `None` is always read.
pub(crate) async fn holding(
    parts: &Parts,
    user: UserId,
    now: Timestamp,
) -> Result<Option<Arc<Holding>>> {
    if let Some(known) = parts.holdings.get(user)
        && known.subscription.is_entitled(now)
        && !known.subscription.is_due(now)
    {
        return Ok(Some(known));
    }
    read(parts, user, now).await
}

/// What somebody has, where nobody looks again: from memory if it may be believed and `suits`, or read. What does not
/// suit is always read.
pub(crate) async fn holding_that(
    parts: &Parts,
    user: UserId,
    suits: impl Fn(&Holding) -> bool,
) -> Result<Option<Arc<Holding>>> {
    let now = parts.clock.now();
    if let Some(known) = parts.holdings.believed(user, now)
        && suits(&known)
    {
        return Ok(Some(known));
    }
    read(parts, user, now).await
}

async fn read(parts: &Parts, user: UserId, now: Timestamp) -> Result<Option<Arc<Holding>>> {
    let Some(subscription) = entitled(parts, user, now).await? else {
        parts.holdings.forget(user);
        return Ok(None);
    };
    let (plan, version) = (subscription.plan_id, subscription.plan_version);
    let slug = plans::find_slug(&parts.db, plan).await?;
    let prices = prices::list(&parts.db, plan, version).await?;
    let prices = prices.into_iter().map(|(resource_type, meter, units)| {
        let price = Price { meter, units };
        (resource_type, price)
    });
    let holding = Arc::new(Holding {
        prices: prices.collect(),
        plan: slug.ok_or_else(|| StorageError::Inconsistent {
            table: "subscriptions",
            column: "plan_id",
            row: subscription.id.to_string(),
        })?,
        subscription,
    });
    parts.holdings.put(user, holding.clone(), now);
    Ok(Some(holding))
}
