//! After an outage of ours a provider may have given up telling. Where it keeps a list of what it told, the list is
//! read now and then, and what is new in it is applied as if it had just arrived: once, by the same gate. A long list
//! is worked through over many ticks: whatever else there is to do need not wait for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::{Result, settings};

use super::accept_webhook::arrive;
use crate::PaymentService;
use crate::model::payment::PaymentMethod;
use crate::providers::{ListedEvent, PaymentProvider, WebhookRefusal};
use crate::store::inbox;

/// Between two looks.
const EVERY: Duration = Duration::from_mins(10);
/// So far back goes the first look of an installation.
const FIRST_LOOK: Duration = Duration::from_hours(3 * 24);
/// Further back nobody keeps a list; providers tell for three days only.
const LONGEST_LOOK: Duration = Duration::from_hours(30 * 24);
/// Lists lag behind what they list, and their times have whole seconds.
const OVERLAP: Duration = Duration::from_mins(5);
/// So many unknown events are read in one tick; each takes a question or two.
const AT_ONCE: usize = 16;

/// Up to when each rail's list was read, and what is left of it.
#[derive(Debug, Default)]
pub(crate) struct ReadUpTo(Mutex<BTreeMap<PaymentMethod, Look>>);

#[derive(Debug)]
struct Look {
    /// `None`: not since the start.
    read: Option<Timestamp>,
    tried: Timestamp,
    left: Option<Left>,
}

/// A list that is not worked through yet.
#[derive(Debug)]
struct Left {
    events: VecDeque<ListedEvent>,
    listed_at: Timestamp,
    /// Whether every event of it could be read so far.
    whole: bool,
}

/// What is to be done about a rail's list.
#[derive(Debug)]
enum Next {
    Nothing,
    List { since: Timestamp },
    Read(Left),
}

impl ReadUpTo {
    fn looks(&self) -> MutexGuard<'_, BTreeMap<PaymentMethod, Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is known of a rail's list in this process.
    fn is_new(&self, rail: PaymentMethod) -> bool {
        !self.looks().contains_key(&rail)
    }

    /// Whoever asks does it. `kept`: up to when an earlier process has read it.
    fn next(&self, rail: PaymentMethod, kept: Option<Timestamp>, now: Timestamp) -> Next {
        let mut looks = self.looks();
        let look = looks.get_mut(&rail);
        let since = |read: Option<Timestamp>| {
            let since = read.map_or(now.before(FIRST_LOOK), |read| read.before(OVERLAP));
            since.max(now.before(LONGEST_LOOK))
        };
        let Some(look) = look else {
            let (read, left) = (kept, None);
            let look = Look {
                read,
                tried: now,
                left,
            };
            looks.insert(rail, look);
            return Next::List { since: since(kept) };
        };
        if let Some(left) = look.left.take() {
            return Next::Read(left);
        }
        if now.since(look.tried) < EVERY {
            return Next::Nothing;
        }
        look.tried = now;
        Next::List {
            since: since(look.read),
        }
    }

    /// What is not worked through goes on at the next tick. A list of which something could not be read is read from
    /// where it was left. Gives up to when it was read, if all of it was.
    fn put_back(&self, rail: PaymentMethod, left: Left) -> Option<Timestamp> {
        let mut looks = self.looks();
        let look = looks.get_mut(&rail)?;
        if !left.events.is_empty() {
            look.left = Some(left);
        } else if left.whole {
            look.read = Some(left.listed_at);
            return look.read;
        }
        None
    }
}

impl PaymentService {
    /// Reads the list of a rail, if it is due; gives how many events were new.
    ///
    /// # Errors
    /// The database; the list is read again.
    pub(crate) async fn catch_up(&self, rail: PaymentMethod) -> Result<usize> {
        match self.0.providers.get(rail) {
            Some(rail) => self.catch_up_with(rail.as_ref()).await,
            None => Ok(0),
        }
    }

    async fn catch_up_with(&self, rail: &dyn PaymentProvider) -> Result<usize> {
        let parts = &self.0;
        let (name, now) = (rail.name(), parts.clock.now());
        let setting = format!("events.{}.{}", name.as_str(), parts.config.livemode);
        let kept = if parts.read_up_to.is_new(name) {
            let kept = settings::get(&parts.db, &setting).await?;
            let seconds = kept.as_ref().and_then(serde_json::Value::as_i64);
            seconds.and_then(Timestamp::from_seconds)
        } else {
            None
        };
        let mut left = match parts.read_up_to.next(name, kept, now) {
            Next::Nothing => return Ok(0),
            Next::Read(left) => left,
            Next::List { since } => match rail.missed_events(since).await {
                Ok(events) => Left {
                    events: events.into(),
                    listed_at: now,
                    whole: true,
                },
                Err(error) => {
                    tracing::warn!(provider = name.as_str(), error = %error, "a list of events cannot be read");
                    return Ok(0);
                }
            },
        };
        let new = self.work_through(rail, &mut left).await;
        if let Some(read) = parts.read_up_to.put_back(name, left) {
            let mut tx = parts.db.begin().await?;
            settings::put(&mut tx, &setting, &read.seconds().into(), now).await?;
            tx.commit().await?;
        }
        new
    }

    /// Up to [`AT_ONCE`] of those that are not known.
    async fn work_through(&self, rail: &dyn PaymentProvider, left: &mut Left) -> Result<usize> {
        let parts = &self.0;
        let (name, livemode) = (rail.name(), parts.config.livemode);
        let (mut new, mut read) = (0_usize, 0_usize);
        while read < AT_ONCE
            && let Some(listed) = left.events.front()
        {
            if inbox::is_known(&parts.db, name, livemode, listed.key()).await? {
                left.events.pop_front();
                continue;
            }
            read = read.saturating_add(1);
            let asked = parts.clock.now();
            match rail.read_listed(listed).await {
                Ok(event) => {
                    let now = parts.clock.now();
                    let mut tx = parts.db.begin().await?;
                    let arrived = arrive(parts, &mut tx, name, &event, (asked, now)).await?;
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
                // It keeps none of the others back, and is listed again.
                Err(WebhookRefusal::NotYet(reason)) => {
                    left.whole = false;
                    tracing::error!(
                        provider = name.as_str(),
                        event = listed.key(),
                        reason,
                        "a missed event cannot be read now"
                    );
                }
                // It will never be read: it is not for us, or no event.
                Err(_) => {}
            }
            left.events.pop_front();
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(listed_at: Timestamp, events: usize, whole: bool) -> Left {
        let events = (0..events).map(|at| ListedEvent::of_tests(&at.to_string()));
        Left {
            events: events.collect(),
            listed_at,
            whole,
        }
    }

    fn since(next: &Next) -> Option<Timestamp> {
        match next {
            Next::List { since } => Some(*since),
            Next::Nothing | Next::Read(_) => None,
        }
    }

    #[test]
    fn inv_p5_a_list_that_was_not_read_is_read_from_where_it_was_left() {
        let (looks, rail) = (ReadUpTo::default(), PaymentMethod::Stripe);
        let start = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        let at = |minutes| start.after(Duration::from_mins(minutes));
        // Nothing is put back: it could not be listed.
        let first = |now: Timestamp| Some(now.before(FIRST_LOOK));
        assert!(looks.is_new(rail));
        assert_eq!(since(&looks.next(rail, None, start)), first(start));
        assert!(!looks.is_new(rail));
        assert!(matches!(looks.next(rail, None, at(9)), Next::Nothing));
        assert_eq!(since(&looks.next(rail, None, at(10))), first(at(10)));
        // A long one goes on at the next tick, before anything is listed again.
        assert_eq!(looks.put_back(rail, left(at(10), 2, true)), None);
        assert!(matches!(looks.next(rail, None, at(30)), Next::Read(_)));
        assert_eq!(looks.put_back(rail, left(at(10), 0, true)), Some(at(10)));
        let before = Some(at(10).before(OVERLAP));
        assert_eq!(since(&looks.next(rail, None, at(40))), before);
        // Something of it could not be read.
        assert_eq!(looks.put_back(rail, left(at(40), 0, false)), None);
        assert_eq!(since(&looks.next(rail, None, at(50))), before);
        // Never further back than lists are kept.
        let late = at(10).after(2 * LONGEST_LOOK);
        let longest = Some(late.before(LONGEST_LOOK));
        assert_eq!(since(&looks.next(rail, None, late)), longest);
        // What an earlier process has read is not read again; what it has not, is.
        let other = PaymentMethod::Alipay;
        let kept = Some(start.before(5 * FIRST_LOOK));
        let since_kept = Some(start.before(5 * FIRST_LOOK).before(OVERLAP));
        assert_eq!(since(&looks.next(other, kept, start)), since_kept);
    }
}
