//! Threads that do nothing but hash. On Linux they are in the kernel's idle class (`SCHED_IDLE`,
//! sched(7)): they run when nothing else wants the core, so that a storm of logins slows logins, and
//! neither token checks nor payments. A box that is busy with other work would then never let anybody
//! in: one thread more, in the normal class, takes what has waited too long.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Busy;

/// More wait than this, and whoever comes is told to come again.
pub(super) const QUEUE: usize = 64;
/// After this the normal class helps.
const STARVED: Duration = Duration::from_secs(1);
/// After this nobody waits at the other end any more.
const GIVEN_UP: Duration = Duration::from_secs(20);

pub(super) type Task = Box<dyn FnOnce() + Send>;

/// Ends its threads when it is dropped; what waits then is dropped too.
pub(super) struct Pool(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Instant, Task)>,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// One thread per core in the idle class, and one in the normal class.
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for number in 0..cores {
            let shared = Arc::clone(&shared);
            let name = format!("hashing-{number}");
            thread::Builder::new().name(name).spawn(move || {
                yield_to_others();
                work(&shared, Duration::ZERO);
            })?;
        }
        let rescuer = Arc::clone(&shared);
        let name = "hashing-late".to_owned();
        thread::Builder::new()
            .name(name)
            .spawn(move || work(&rescuer, STARVED))?;
        Ok(Self(shared))
    }

    pub(super) fn put(&self, task: Task) -> Result<(), Busy> {
        let mut queue = self.0.lock();
        if queue.waiting.len() >= QUEUE {
            return Err(Busy);
        }
        queue.waiting.push_back((Instant::now(), task));
        drop(queue);
        self.0.changed.notify_all();
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.closed = true;
        queue.waiting.clear();
        drop(queue);
        self.0.changed.notify_all();
    }
}

/// Takes what has waited at least as long as `patience`, oldest first.
fn work(shared: &Shared, patience: Duration) {
    while let Some(task) = next(shared, patience) {
        task();
    }
}

fn next(shared: &Shared, patience: Duration) -> Option<Task> {
    let mut queue = shared.lock();
    loop {
        if queue.closed {
            return None;
        }
        let age = queue.waiting.front().map(|(since, _)| since.elapsed());
        match age {
            Some(age) if age >= GIVEN_UP => {
                queue.waiting.pop_front();
            }
            Some(age) if age >= patience => {
                return queue.waiting.pop_front().map(|(_, task)| task);
            }
            Some(age) => {
                let rest = patience.saturating_sub(age);
                let waited = shared.changed.wait_timeout(queue, rest);
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            None => {
                let waited = shared.changed.wait(queue);
                queue = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Puts the calling thread into the idle class. It takes no privilege; where it cannot be done the
/// thread hashes all the same.
#[cfg(target_os = "linux")]
fn yield_to_others() {
    use thread_priority::unix::{NormalThreadSchedulePolicy, ThreadSchedulePolicy};
    use thread_priority::{ThreadPriority, set_thread_priority_and_policy, thread_native_id};

    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    if set.is_err() {
        tracing::warn!("password hashing competes with other work: SCHED_IDLE was refused");
    }
}

#[cfg(not(target_os = "linux"))]
fn yield_to_others() {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// The class of this thread, as the kernel tells it: field 41 of `stat` in proc(5).
    #[cfg(target_os = "linux")]
    fn class() -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("stat");
        let fields = stat.rsplit_once(')').expect("a name").1;
        fields
            .split_whitespace()
            .nth(38)
            .expect("a policy")
            .to_owned()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn hashing_is_in_the_idle_class_and_what_waits_long_is_not() {
        const IDLE: &str = "5";
        const NORMAL: &str = "0";
        let pool = Pool::start().expect("threads");
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (told, classes) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        // As many as there are idle threads hold them all.
        for _ in 0..cores {
            let (told, held) = (told.clone(), Arc::clone(&held));
            let task = move || {
                told.send(class()).expect("told");
                let _ = held.lock().unwrap_or_else(PoisonError::into_inner).recv();
            };
            pool.put(Box::new(task)).expect("room");
        }
        for _ in 0..cores {
            assert_eq!(classes.recv().expect("a class"), IDLE);
        }
        // One more has to wait, until the thread in the normal class has pity on it.
        pool.put(Box::new(move || told.send(class()).expect("told")))
            .expect("room");
        assert_eq!(classes.recv().expect("a class"), NORMAL);
        drop(release);
    }
}
