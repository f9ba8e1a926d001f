//! One question at a time about each thing: who asks while somebody asks the same waits for that
//! answer.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

/// Beyond this many, those that nobody waits for are swept out.
const MANY: usize = 1_024;

/// Questions under way, by what they are about.
pub(crate) struct SingleFlight<K, V: Clone>(Mutex<HashMap<K, WeakShared<BoxFuture<'static, V>>>>);

impl<K, V: Clone> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K, V: Clone> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleFlight")
    }
}

impl<K: Copy + Eq + Hash, V: Clone> SingleFlight<K, V> {
    /// The answer to the question under way about `key`, or to this one. It lives as long as somebody
    /// waits for it.
    pub(crate) async fn ask(&self, key: K, question: impl FnOnce() -> BoxFuture<'static, V>) -> V {
        let asked = self.join(key, question);
        let answer = asked.clone().await;
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A later question about the same is another one, and stays.
        let own = |flight: &WeakShared<_>| {
            flight
                .upgrade()
                .is_none_or(|other: Shared<_>| other.ptr_eq(&asked))
        };
        if flights.get(&key).is_some_and(own) {
            flights.remove(&key);
        }
        answer
    }

    fn join(
        &self,
        key: K,
        question: impl FnOnce() -> BoxFuture<'static, V>,
    ) -> Shared<BoxFuture<'static, V>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = flights.get(&key).and_then(WeakShared::upgrade) {
            return under_way;
        }
        if flights.len() >= MANY {
            flights.retain(|_, flight| flight.upgrade().is_some());
        }
        let asked = question().shared();
        if let Some(flight) = asked.downgrade() {
            flights.insert(key, flight);
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Poll;

    use tokio::sync::Notify;
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn who_asks_the_same_waits_for_one_answer() {
        let flights: Arc<SingleFlight<u8, u32>> = Arc::default();
        let (asked, gate) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let question = || {
            let (asked, gate) = (Arc::clone(&asked), Arc::clone(&gate));
            async move {
                let number = asked.fetch_add(1, Ordering::SeqCst);
                gate.notified().await;
                number
            }
            .boxed()
        };
        let mut waiting = JoinSet::new();
        for _ in 0..8 {
            let flights = Arc::clone(&flights);
            let question = question();
            waiting.spawn(async move { flights.ask(1, || question).await });
        }
        while asked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        gate.notify_one();
        assert_eq!(waiting.join_all().await, [0; 8]);
        // It is over: the next is another question.
        gate.notify_one();
        assert_eq!(flights.ask(1, question).await, 1);
        // One that nobody waits for any more is forgotten.
        let mut left = Box::pin(flights.ask(1, question));
        let polled = std::future::poll_fn(|context| Poll::Ready(left.as_mut().poll(context)));
        assert!(polled.await.is_pending());
        drop(left);
        gate.notify_one();
        assert_eq!(flights.ask(1, question).await, 3);
        assert!(flights.0.lock().expect("whole").is_empty());
    }
}
