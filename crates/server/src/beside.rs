//! What runs beside the listener: the work that is due, the look-alikes, and the time.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate_auth::AuthService;
use tollgate_kernel::clock::Clock;
use tollgate_payment::PaymentService;
use tollgate_storage::db::Db;
use tollgate_storage::{StorageError, time};

use crate::ground::Ground;
use crate::sandbox_clock;
use crate::stop::stopped;

/// Between two looks for work that is due.
const TICK: Duration = Duration::from_millis(500);
/// Between two questions what time it is in the database.
const TIME: Duration = Duration::from_secs(10);
/// The same in a sandbox, whose clock is moved.
const SANDBOX_TIME: Duration = Duration::from_secs(1);
/// For letters that are on their way when the service is told to stop.
const FAREWELL: Duration = Duration::from_secs(5);

/// What runs, and when it ends.
pub(crate) struct Beside {
    running: JoinSet<()>,
    stop: watch::Receiver<bool>,
}

impl Beside {
    /// Nothing yet but the time, the word to what stays open, and the look-alikes where there are any; it ends by itself
    /// once `stop` says so.
    pub(crate) fn begin(ground: &Ground, stop: &watch::Receiver<bool>) -> Self {
        let mut running = JoinSet::new();
        let (db, clock) = (ground.db.clone(), ground.clock.clone());
        running.spawn(keep_time(db, clock, ground.sandbox.is_some(), stop.clone()));
        let (closing, mut told) = (ground.closing.clone(), stop.clone());
        running.spawn(async move {
            stopped(&mut told).await;
            closing.send_replace(true);
        });
        if let Some(sandbox) = ground.sandbox.clone() {
            let mut stop = stop.clone();
            running.spawn(async move {
                sandbox.run(async move { stopped(&mut stop).await }).await;
            });
        }
        Self {
            running,
            stop: stop.clone(),
        }
    }

    /// The work of accounts too. Each on its own: a slow mail server keeps no payment waiting, nor one rail another.
    pub(crate) fn accounts(mut self, auth: &AuthService) -> Self {
        let (auth, ending) = (auth.clone(), self.stop.clone());
        // A mail server that thinks must not hold up the end: the lease brings its letter back.
        let accounts = move || {
            let (auth, mut ending) = (auth.clone(), ending.clone());
            async move {
                tokio::select! {
                    done = auth.tick() => done,
                    () = async { stopped(&mut ending).await; tokio::time::sleep(FAREWELL).await } => Ok(0),
                }
            }
        };
        self.running.spawn(work(accounts, self.stop.clone()));
        self
    }

    /// The work of plans and payments too.
    pub(crate) fn plans(mut self, payment: &PaymentService) -> Self {
        for lane in payment.lanes() {
            let payment = payment.clone();
            let payments = move || {
                let payment = payment.clone();
                async move { payment.work_in(lane).await }
            };
            self.running.spawn(work(payments, self.stop.clone()));
        }
        self
    }

    /// What was begun.
    pub(crate) fn running(self) -> JoinSet<()> {
        self.running
    }
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
