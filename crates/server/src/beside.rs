//! What runs beside the listener: the work that is due, the look-alikes, and the time.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate_kernel::clock::Clock;
use tollgate_storage::db::Db;
use tollgate_storage::{StorageError, time};

use crate::sandbox_clock;
use crate::stop::stopped;
use crate::whole::Whole;

/// Between two looks for work that is due.
const TICK: Duration = Duration::from_millis(500);
/// Between two questions what time it is in the database.
const TIME: Duration = Duration::from_secs(10);
/// The same in a sandbox, whose clock is moved.
const SANDBOX_TIME: Duration = Duration::from_secs(1);
/// For letters that are on their way when the service is told to stop.
const FAREWELL: Duration = Duration::from_secs(5);

/// Begins all of it; it ends by itself once `stop` says so.
pub(crate) fn begin(whole: &Whole, stop: &watch::Receiver<bool>) -> JoinSet<()> {
    let (auth, payment, sandbox) = (whole.auth.clone(), &whole.payment, whole.sandbox.clone());
    let (db, clock) = (whole.db.clone(), whole.clock.clone());
    let mut beside = JoinSet::new();
    // Each on its own: a slow mail server keeps no payment waiting, nor one rail another.
    // A mail server that thinks must not hold up the end: the lease brings its letter back.
    let ending = stop.clone();
    let accounts = move || {
        let (auth, mut ending) = (auth.clone(), ending.clone());
        async move {
            tokio::select! {
                done = auth.tick() => done,
                () = async { stopped(&mut ending).await; tokio::time::sleep(FAREWELL).await } => Ok(0),
            }
        }
    };
    beside.spawn(work(accounts, stop.clone()));
    for lane in payment.lanes() {
        let payment = payment.clone();
        let payments = move || {
            let payment = payment.clone();
            async move { payment.work_in(lane).await }
        };
        beside.spawn(work(payments, stop.clone()));
    }
    beside.spawn(keep_time(db, clock, sandbox.is_some(), stop.clone()));
    if let Some(sandbox) = sandbox {
        let mut stop = stop.clone();
        beside.spawn(async move {
            sandbox.run(async move { stopped(&mut stop).await }).await;
        });
    }
    beside
}

/// Keeps to the database's time, and in a sandbox to where its clock was moved.
async fn keep_time(db: Db, clock: Clock, is_sandbox: bool, mut stop: watch::Receiver<bool>) {
    let pause = if is_sandbox { SANDBOX_TIME } else { TIME };
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped(&mut stop) => return,
        }
        let mut kept = time::keep(&db, &clock).await;
        if is_sandbox {
            kept = kept.and(sandbox_clock::catch_up(&db, &clock).await);
        }
        if let Err(error) = kept {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database does not say what time it is"
            );
        }
    }
}

/// Does what is due until told to stop. A database that is away is met again at the next tick.
async fn work<T>(tick: impl Fn() -> T, mut stop: watch::Receiver<bool>)
where
    T: Future<Output = Result<usize, StorageError>>,
{
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = stopped(&mut stop) => return,
        }
        if let Err(error) = tick().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "due work waits for the next tick"
            );
        }
    }
}
