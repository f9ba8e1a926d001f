//! Whether PostgreSQL is there. Whoever waits for it asks, on a connection of its own, when an answer
//! does not come: a server that is stopped, cut off or gone is told within two seconds, while a statement
//! that is slow or waits for a row is left in peace. (A server that is frozen answers nothing at all, its
//! own `statement_timeout` included, so the time cannot be left to it.)

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// This long nobody asks.
const PATIENCE: Duration = Duration::from_millis(700);
/// This long the server has to take a new connection.
const ANSWER: Duration = Duration::from_secs(1);
/// An answer is good for everybody who waits.
const SHARED: Duration = Duration::from_millis(250);
/// Above the server's own limit of a statement: then it is this one connection that is dead.
const LONGEST: Duration = Duration::from_secs(35);

/// Asks one server.
#[derive(Clone, Debug)]
pub struct Presence(Arc<Asking>);

#[derive(Debug)]
struct Asking {
    server: PgConnectOptions,
    /// When it was last asked, and whether it was there.
    last: Mutex<Option<(Instant, bool)>>,
}

impl Presence {
    pub(crate) fn of(server: PgConnectOptions) -> Self {
        Self(Arc::new(Asking {
            server,
            last: Mutex::new(None),
        }))
    }

    /// Waits for `work` as long as the server is there.
    ///
    /// # Errors
    /// Those of the work; `Io` when the server went away. Then it may or may not have been done.
    pub async fn attend<T>(&self, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        let mut work = pin!(work);
        let begun = Instant::now();
        loop {
            if let Ok(done) = timeout(PATIENCE, &mut work).await {
                return done;
            }
            tokio::select! {
                biased;
                done = &mut work => return done,
                there = self.is_there() => if !there || begun.elapsed() > LONGEST {
                    return Err(io::Error::from(io::ErrorKind::TimedOut).into());
                },
            }
        }
    }

    /// One asks for all who wait.
    async fn is_there(&self) -> bool {
        let mut last = self.0.last.lock().await;
        if let Some((at, there)) = *last
            && at.elapsed() < SHARED
        {
            return there;
        }
        let there = self.ask().await;
        *last = Some((Instant::now(), there));
        there
    }

    async fn ask(&self) -> bool {
        let asked = timeout(ANSWER, async {
            let connection: PgConnection = self.0.server.connect().await?;
            connection.close().await
        });
        match asked.await {
            Ok(Ok(())) => true,
            // It is full, say, which is an answer; but one that starts or shuts down (class 57) is away.
            Ok(Err(sqlx::Error::Database(refusal))) => {
                !refusal.code().unwrap_or_default().starts_with("57")
            }
            Ok(Err(_)) | Err(_) => false,
        }
    }
}
