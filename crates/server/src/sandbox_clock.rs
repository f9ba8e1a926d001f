//! The sandbox's own time: it runs ahead as far as somebody has moved it, on every instance and after every start, and
//! never goes back. Whoever moves it waits while what falls due on the way is done, in the order in which it would be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tollgate_auth::AuthService;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::input::StrictBody;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::PaymentService;
use tollgate_sandbox::Sandbox;
use tollgate_storage::db::Db;
use tollgate_storage::{Result, settings};

use crate::words::WORDS;

const SETTING: &str = "sandbox.clock_ahead_seconds";
/// A step is shorter than anything that is waited for: a look-alike debits an hour after a term's end, and a right lives
/// on for a day.
const STEP_SECONDS: u64 = 6 * 60 * 60;
/// In one call, so that it is answered in time.
const LONGEST_SECONDS: u64 = 31 * 24 * 60 * 60;

/// What moves with the clock.
#[derive(Clone)]
pub(crate) struct SandboxClock {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) auth: AuthService,
    pub(crate) payment: PaymentService,
    pub(crate) sandbox: Sandbox,
    /// One at a time.
    pub(crate) moving: Arc<Mutex<()>>,
    pub(crate) walk: Arc<Walk>,
}

/// How far the clock is on its way; for who watches it.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    seconds: AtomicU64,
    of_seconds: AtomicU64,
    is_stopped: AtomicBool,
}

impl Walk {
    /// Seconds that are done, of those that are wanted; `None`: it stands.
    pub(crate) fn progress(&self) -> Option<(u64, u64)> {
        let of = self.of_seconds.load(Ordering::Acquire);
        (of > 0).then(|| (self.seconds.load(Ordering::Acquire), of))
    }

    /// It ends with the step that it is at: what it has passed is worked through.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
    }

    fn begin(&self, of: u64) {
        self.is_stopped.store(false, Ordering::Release);
        self.seconds.store(0, Ordering::Release);
        self.of_seconds.store(of, Ordering::Release);
    }

    fn end(&self) {
        self.of_seconds.store(0, Ordering::Release);
    }
}

#[derive(Debug, Deserialize)]
struct Advance {
    advance_seconds: i64,
}

pub(crate) fn router(clock: SandboxClock) -> Router {
    Router::new()
        .route("/sandbox/clock", get(show).post(advance))
        .with_state(clock)
}

/// Runs as far ahead as the other instances, and as before the start.
pub(crate) async fn catch_up(db: &Db, clock: &Clock) -> Result<()> {
    let kept = settings::get(db, SETTING).await?;
    if let Some(seconds) = kept.as_ref().and_then(Value::as_u64) {
        clock.run_ahead(Duration::from_secs(seconds));
    }
    Ok(())
}

/// `GET /sandbox/clock`
async fn show(State(moved): State<SandboxClock>) -> Json<Value> {
    Json(shown(&moved.clock))
}

fn shown(clock: &Clock) -> Value {
    json!({ "now": clock.now(), "ahead_seconds": clock.ahead().as_secs() })
}

/// `POST /sandbox/clock`
async fn advance(
    State(moved): State<SandboxClock>,
    StrictBody { value: by, .. }: StrictBody<Advance>,
) -> std::result::Result<Json<Value>, Problem> {
    let clock = moved.clock.clone();
    let walk = moved.advance(by.advance_seconds).await?;
    walk.await.map_err(|_| Problem::new(Code::Internal))??;
    Ok(Json(shown(&clock)))
}

impl SandboxClock {
    /// Sets out once nobody else is on the way, in a task of its own: a client that hangs up leaves no time that was moved
    /// and not worked through. Who has the task finds [`Walk::progress`] told.
    ///
    /// # Errors
    /// Not between a second and 31 days.
    pub(crate) async fn advance(
        self,
        seconds: i64,
    ) -> std::result::Result<JoinHandle<std::result::Result<(), Problem>>, Problem> {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        if !(1..=LONGEST_SECONDS).contains(&seconds) {
            return Err(Problem::invalid(
                "/advance_seconds",
                "out_of_range",
                WORDS.text("problem.sandbox_step"),
            ));
        }
        let alone = Arc::clone(&self.moving).lock_owned().await;
        self.walk.begin(seconds);
        Ok(tokio::spawn(async move {
            let _alone = alone;
            let walked = self.go(seconds).await;
            self.walk.end();
            walked
        }))
    }

    async fn go(&self, seconds: u64) -> std::result::Result<(), Problem> {
        catch_up(&self.db, &self.clock).await?;
        let mut left = seconds;
        while left > 0 && !self.walk.is_stopped.load(Ordering::Acquire) {
            let step = left.min(STEP_SECONDS);
            left = left.saturating_sub(step);
            self.clock.advance(Duration::from_secs(step));
            let mut tx = self.db.begin().await?;
            let ahead = json!(self.clock.ahead().as_secs());
            settings::put(&mut tx, SETTING, &ahead, self.clock.now()).await?;
            tx.commit().await?;
            self.settle().await?;
            self.walk.seconds.fetch_add(step, Ordering::AcqRel);
        }
        Ok(())
    }

    /// The look-alikes first, as money comes before we look at what is unpaid.
    async fn settle(&self) -> std::result::Result<(), Problem> {
        self.sandbox.deliver_due().await.map_err(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the sandbox could not do all of it"
            );
            Problem::new(Code::Unavailable)
        })?;
        self.payment.tick().await?;
        self.auth.tick().await?;
        Ok(())
    }
}
