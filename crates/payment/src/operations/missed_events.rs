//! After an outage of ours a provider may have given up telling. Where it keeps a list of what it told, the list is
//! read now and then, and what is new in it is applied as if it had just arrived: once, by the same gate.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::Result;

use super::accept_webhook::arrive;
use crate::PaymentService;
use crate::model::payment::PaymentMethod;
use crate::providers::PaymentProvider;

/// Between two looks.
const EVERY: Duration = Duration::from_mins(10);
/// Providers tell for about three days; so far back the first look of a start goes.
const FIRST_LOOK: Duration = Duration::from_hours(3 * 24);
/// Lists lag behind what they list, and their times have whole seconds.
const OVERLAP: Duration = Duration::from_mins(5);

/// Up to when each rail's list was read, and when it was tried last.
#[derive(Debug, Default)]
pub(crate) struct ReadUpTo(Mutex<BTreeMap<PaymentMethod, Look>>);

#[derive(Clone, Copy, Debug)]
struct Look {
    /// `None`: not since the start.
    read: Option<Timestamp>,
    tried: Timestamp,
}

impl ReadUpTo {
    /// From when on it is to be read now; `None`: it was tried just before.
    fn due(&self, rail: PaymentMethod, now: Timestamp) -> Option<Timestamp> {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let look = looks.get(&rail);
        if look.is_some_and(|look| now.since(look.tried) < EVERY) {
            return None;
        }
        let read = look.and_then(|look| look.read);
        Some(read.map_or(now.before(FIRST_LOOK), |read| read.before(OVERLAP)))
    }

    /// A list that could not be read is read from where it was left.
    fn note(&self, rail: PaymentMethod, now: Timestamp, was_read: bool) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = looks.get(&rail).and_then(|look| look.read);
        let read = if was_read { Some(now) } else { before };
        looks.insert(rail, Look { read, tried: now });
    }
}

impl PaymentService {
    /// Reads the lists that are due; gives how many events were new.
    ///
    /// # Errors
    /// The database; the list is read again.
    pub(crate) async fn catch_up(&self) -> Result<usize> {
        let mut new = 0_usize;
        for rail in self.0.providers.iter() {
            new = new.saturating_add(self.catch_up_with(rail.as_ref()).await?);
        }
        Ok(new)
    }

    async fn catch_up_with(&self, rail: &dyn PaymentProvider) -> Result<usize> {
        let parts = &self.0;
        let (name, begun) = (rail.name(), parts.clock.now());
        let Some(since) = parts.read_up_to.due(name, begun) else {
            return Ok(0);
        };
        let events = match rail.missed_events(since).await {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(provider = name.as_str(), error = %error, "a list of events cannot be read");
                parts.read_up_to.note(name, begun, false);
                return Ok(0);
            }
        };
        let mut new = 0_usize;
        for event in &events {
            let now = parts.clock.now();
            let mut tx = parts.db.begin().await?;
            let arrived = arrive(parts, &mut tx, name, event, now).await?;
            tx.commit().await?;
            if arrived.first {
                new = new.saturating_add(1);
                tracing::warn!(
                    provider = name.as_str(),
                    event = event.key(),
                    "an event was missed, and is applied now"
                );
            }
        }
        parts.read_up_to.note(name, begun, true);
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_p5_a_list_that_was_not_read_is_read_from_where_it_was_left() {
        let (looks, rail) = (ReadUpTo::default(), PaymentMethod::Stripe);
        let start = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        let at = |minutes| start.after(Duration::from_mins(minutes));
        assert_eq!(looks.due(rail, start), Some(start.before(FIRST_LOOK)));
        looks.note(rail, start, false);
        assert_eq!(looks.due(rail, at(9)), None);
        assert_eq!(looks.due(rail, at(10)), Some(at(10).before(FIRST_LOOK)));
        looks.note(rail, at(10), true);
        assert_eq!(looks.due(rail, at(20)), Some(at(10).before(OVERLAP)));
        looks.note(rail, at(20), false);
        looks.note(rail, at(30), false);
        assert_eq!(looks.due(rail, at(40)), Some(at(10).before(OVERLAP)));
        looks.note(rail, at(40), true);
        assert_eq!(looks.due(rail, at(50)), Some(at(40).before(OVERLAP)));
        assert_eq!(
            looks.due(PaymentMethod::Alipay, at(50)),
            Some(at(50).before(FIRST_LOOK))
        );
    }
}
