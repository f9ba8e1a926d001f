//! What a person has, with its price list, as it was read a moment ago. It may be old: whoever takes units by it says in
//! the statement which version was read, and reads again when that does not stand any more. So a yes is always right,
//! and a no is never said from memory.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::Result;

use super::current_subscription::entitled;
use crate::Parts;
use crate::model::quota::{Meter, ResourceType, Units};
use crate::model::subscription::Subscription;
use crate::store::prices;

/// At most this many people; then it begins anew.
const MOST: usize = 100_000;

/// A subscription in force, and what calls cost under it.
#[derive(Debug)]
pub(crate) struct Holding {
    pub(crate) subscription: Subscription,
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
pub(crate) struct Holdings(RwLock<HashMap<UserId, Arc<Holding>>>);

impl Holdings {
    fn get(&self, user: UserId) -> Option<Arc<Holding>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&user).cloned()
    }

    fn put(&self, user: UserId, holding: Arc<Holding>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(user, holding);
    }

    /// It does not stand any more.
    pub(crate) fn forget(&self, user: UserId) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(&user);
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
    let Some(subscription) = entitled(parts, user, now).await? else {
        parts.holdings.forget(user);
        return Ok(None);
    };
    let (plan, version) = (subscription.plan_id, subscription.plan_version);
    let prices = prices::list(&parts.db, plan, version).await?;
    let prices = prices.into_iter().map(|(resource_type, meter, units)| {
        let price = Price { meter, units };
        (resource_type, price)
    });
    let holding = Arc::new(Holding {
        prices: prices.collect(),
        subscription,
    });
    parts.holdings.put(user, holding.clone());
    Ok(Some(holding))
}
