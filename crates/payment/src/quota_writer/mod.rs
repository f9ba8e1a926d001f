//! Many charges, one commit; each is answered after it.
//!
//! What can happen at once: thousands of calls, on one counter or on as many. A commit that is durable costs a flush of
//! the disk, and a counter's row is locked until it: one commit for each call would let a hot counter pass a few hundred
//! a second. So calls queue here. A lane takes whatever waits, in order, does it in one transaction
//! ([`batch`]), commits, and then answers each. There is no timer: an idle lane commits at once, a busy one finds its
//! next batch in what has queued meanwhile. A queue that is full refuses (503) instead of growing.
//!
//! SQLite has one writer, so one lane. On PostgreSQL lanes commit side by side, and a subscription belongs to one of
//! them, so that the calls on one counter never wait for each other's locks.
//!
//! What goes wrong: nothing that is expected is an error (a refusal, a known key). A statement that fails undoes the
//! batch, and each of its calls is done again alone, so that only the bad one fails; a letter that
//! cannot be written is left out. A database that is away, or a commit whose answer did not come, fails all of them: what
//! became of them, only their keys can tell.

mod batch;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Weak};

use tokio::sync::{mpsc, oneshot};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, HoldId, Id as _, SubscriptionId, UsageId};
use tollgate_storage::idempotency::Request;
use tollgate_storage::{Result, StorageError};

use self::batch::{Letters, Trouble};
use crate::Parts;
use crate::model::hold::{Hold, HoldTime, Owner};
use crate::model::quota::{Cost, Meter, QuotaState, Units};
use crate::operations::consume::Consume;
use crate::operations::holding::Holding;
use crate::store::quota_counters;

/// Calls in one transaction. More make it no cheaper, and the first wait for the last.
const BATCH: usize = 256;
/// Calls that wait in a lane. At the slowest disk that is some seconds; whoever comes then is told to come again.
const QUEUE: usize = 4_096;
/// How often others are let before a batch, at most.
const ROUNDS: usize = 8;
/// How often a call is tried alone when a rival with the same key was faster, or two locked each other out.
const ALONE: usize = 5;

/// What is to be done with units.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Take them, at once or aside.
    Take(Box<Take>),
    /// End a hold.
    Settle(Settle),
}

impl Wish {
    /// Which counter it touches.
    fn counter(&self) -> quota_counters::Of<'_> {
        match self {
            Self::Take(take) => (take.holding.subscription.id, &take.meter, None),
            Self::Settle(settle) => {
                let period = Some(settle.period_start);
                (settle.subscription, &settle.meter, period)
            }
        }
    }
}

/// Units of one call.
#[derive(Debug)]
pub(crate) struct Take {
    /// From whom, as it was read; it must still stand so.
    pub(crate) holding: Arc<Holding>,
    /// Which meter.
    pub(crate) meter: Meter,
    /// By the plan's price.
    pub(crate) units: Units,
    /// The call.
    pub(crate) call: Consume,
    /// Aside, for whom and how long; `None`: they are charged at once.
    pub(crate) aside: Option<(Owner, HoldTime)>,
    /// Under which key the answer is kept.
    pub(crate) key: Option<Request>,
}

/// The end of a hold.
#[derive(Clone, Debug)]
pub(crate) struct Settle {
    /// Which.
    pub(crate) hold: HoldId,
    /// Of whose counter; it never changes.
    pub(crate) subscription: SubscriptionId,
    /// Which meter.
    pub(crate) meter: Meter,
    /// Which period.
    pub(crate) period_start: Timestamp,
    /// Who asks.
    pub(crate) owner: Owner,
    /// Which key made the call that it was for, where that is known.
    pub(crate) key_id: Option<ApiKeyId>,
    /// How.
    pub(crate) end: End,
}

/// How a hold ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Charged; so much of it, or all.
    Commit(Option<Cost>),
    /// Given back.
    Release,
}

/// What became of a wish, committed.
#[derive(Debug)]
pub(crate) enum Fate {
    /// Charged.
    Charged {
        /// The log row.
        usage: UsageId,
        /// How the meter stands after it.
        quota: QuotaState,
    },
    /// Set aside.
    Held {
        /// What was set aside.
        hold: Box<Hold>,
        /// How the meter stands after it.
        quota: QuotaState,
    },
    /// A hold was ended as asked, now or before.
    Settled {
        /// As it stands.
        hold: Box<Hold>,
        /// How its meter stands.
        quota: QuotaState,
    },
    /// Too few are left.
    Short(QuotaState),
    /// The subscription, its prices or its period are not what was read; read again.
    Stale,
    /// The first answer under the key.
    Answered(Vec<u8>),
    /// The key was used for another body.
    OtherBody,
    /// The first call with the key is running.
    Running,
    /// Nobody's hold, or somebody else's.
    NoHold,
    /// More than was set aside.
    AboveHold,
    /// The hold has ended otherwise, or its time is over.
    Over,
}

/// Queues for the lanes. Dropped, they end.
#[derive(Debug)]
pub(crate) struct QuotaWriter {
    lanes: Box<[mpsc::Sender<Waiting>]>,
}

#[derive(Debug)]
struct Waiting {
    wish: Wish,
    answer: oneshot::Sender<Result<Fate>>,
}

/// The queue is full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full;

impl QuotaWriter {
    /// With so many lanes, which work until `parts` is gone.
    pub(crate) fn start(parts: &Weak<Parts>, lanes: usize) -> Self {
        let lanes = (0..lanes.max(1)).map(|_| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            tokio::spawn(work(parts.clone(), receiver));
            sender
        });
        Self {
            lanes: lanes.collect(),
        }
    }

    /// Does it with whatever else waits, and answers once it is durable. Whoever does not wait for the answer does not
    /// undo it.
    ///
    /// # Errors
    /// [`Full`]: nothing was done. The database: it may or may not have been done.
    pub(crate) async fn write(&self, wish: Wish) -> std::result::Result<Result<Fate>, Full> {
        let (answer, answered) = oneshot::channel();
        let lane = subscription_lane(wish.counter().0, self.lanes.len());
        let lane = self.lanes.get(lane).ok_or(Full)?;
        lane.try_send(Waiting { wish, answer }).map_err(|_| Full)?;
        // Without an answer the batch was cut off by a panic.
        Ok(answered.await.unwrap_or_else(|_| Err(away())))
    }
}

fn subscription_lane(subscription: SubscriptionId, lanes: usize) -> usize {
    // The end of an id is random.
    let last = subscription.uuid().as_u128() & 0xFFFF;
    usize::try_from(last).unwrap_or(0) % lanes.max(1)
}

async fn work(parts: Weak<Parts>, mut queue: mpsc::Receiver<Waiting>) {
    // Wishes that share their key with one before them: they follow it.
    let mut later: VecDeque<Waiting> = VecDeque::new();
    loop {
        let first = match later.pop_front() {
            Some(first) => first,
            None => match queue.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        await_those_on_their_way(&queue).await;
        let batch = gather(first, &mut later, &mut queue);
        let Some(parts) = parts.upgrade() else { return };
        // A task of its own: were one to panic, the lane goes on.
        let _ = tokio::spawn(async move { serve(&parts, batch).await }).await;
    }
}

/// Lets tasks that are ready run as long as they bring more calls: those that have arrived, and are not read yet, share
/// this commit instead of waiting for it. On an idle system nobody is ready.
async fn await_those_on_their_way(queue: &mpsc::Receiver<Waiting>) {
    let mut waiting = queue.len();
    for _ in 0..ROUNDS {
        tokio::task::yield_now().await;
        if queue.len() == waiting || queue.len() >= BATCH {
            return;
        }
        waiting = queue.len();
    }
}

/// What waits, up to a batch; of those with one key, the first.
fn gather(
    first: Waiting,
    later: &mut VecDeque<Waiting>,
    queue: &mut mpsc::Receiver<Waiting>,
) -> Vec<Waiting> {
    let mut keys = HashSet::new();
    keys.extend(name(&first.wish));
    let mut batch = vec![first];
    let mut postponed = VecDeque::new();
    while batch.len() < BATCH {
        let Some(next) = later.pop_front().or_else(|| queue.try_recv().ok()) else {
            break;
        };
        if name(&next.wish).is_none_or(|name| keys.insert(name)) {
            batch.push(next);
        } else {
            postponed.push_back(next);
        }
    }
    postponed.append(later);
    *later = postponed;
    batch
}

/// What no two wishes of a batch may share: a key, or a hold.
fn name(wish: &Wish) -> Option<[String; 4]> {
    match wish {
        Wish::Take(take) => take.key.as_ref().map(Request::name),
        Wish::Settle(settle) => {
            let hold = settle.hold.to_string();
            Some([hold, String::new(), String::new(), String::new()])
        }
    }
}

async fn serve(parts: &Parts, batch: Vec<Waiting>) {
    let (wishes, answers): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .map(|waiting| (waiting.wish, waiting.answer))
        .unzip();
    let mut applied = batch::apply(parts, &wishes, Letters::Written).await;
    if let Err(Trouble::Late) = applied {
        applied = batch::apply(parts, &wishes, Letters::Written).await;
    }
    match applied {
        Ok(fates) => {
            for (answer, fate) in answers.into_iter().zip(fates) {
                // Whoever has gone away needs no answer.
                let _ = answer.send(Ok(fate));
            }
        }
        Err(Trouble::Away | Trouble::Unknown) => {
            for answer in answers {
                let _ = answer.send(Err(away()));
            }
        }
        Err(
            Trouble::Rival
            | Trouble::LockedOut
            | Trouble::Late
            | Trouble::Unwritten(_)
            | Trouble::Bad(_),
        ) => {
            for (wish, answer) in wishes.into_iter().zip(answers) {
                let _ = answer.send(alone(parts, wish).await);
            }
        }
    }
}

async fn alone(parts: &Parts, wish: Wish) -> Result<Fate> {
    let wishes = [wish];
    let mut letters = Letters::Written;
    for _ in 0..ALONE {
        match batch::apply(parts, &wishes, letters).await {
            Ok(mut fates) => return fates.pop().ok_or_else(away),
            Err(Trouble::Rival | Trouble::LockedOut | Trouble::Late) => {}
            Err(Trouble::Unwritten(error)) => {
                tracing::error!(error = %error, "a letter of what was used cannot be written; the units are charged without it");
                letters = Letters::LeftOut;
            }
            Err(Trouble::Bad(error)) => return Err(error),
            Err(Trouble::Away | Trouble::Unknown) => return Err(away()),
        }
    }
    Err(away())
}

/// Nobody can say what became of it.
pub(crate) fn away() -> StorageError {
    StorageError::Unavailable(tollgate_storage::sqlx::Error::PoolTimedOut)
}

#[cfg(test)]
pub(crate) mod tests;
