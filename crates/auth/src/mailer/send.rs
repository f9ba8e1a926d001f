//! Makes letters leave: claims those that are due, hands them over side by side, and writes down what
//! became of each.
//!
//! At once: two instances claim different letters (the claim is one statement). A hand-over ends before
//! its lease, so nobody else holds the same letter meanwhile; what is written down afterwards carries the
//! fence of the claim, and changes nothing if the lease was lost all the same.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::task::JoinSet;
use tollgate_kernel::ids::Id as _;
use tollgate_storage::jobs::{self, Job};
use tollgate_storage::{Result, StorageError};

use super::{LANE, Letter, Mailer, PURPOSE, SendError};
use crate::{AuthService, Parts};

/// A letter that is not sent by then is taken by somebody else.
const LEASE: Duration = Duration::from_mins(2);
/// A hand-over takes no longer: well inside the lease.
const HAND_OVER: Duration = Duration::from_secs(45);
/// Side by side: as many connections as a mail server likes to see from one client.
const AT_ONCE: usize = 4;
/// Then the tick goes on to other work.
const ROUNDS: usize = 8;
/// With the pauses below about half a day: then nobody waits for it any more.
const MOST_TRIES: i64 = 12;

impl AuthService {
    /// Sends the letters that are due. Gives how many left.
    ///
    /// # Errors
    /// The database; nothing is lost, the next tick goes on.
    pub(crate) async fn send_letters(&self) -> Result<usize> {
        let mut sent = 0_usize;
        if self.parts().mailer.is_none() {
            return Ok(sent);
        }
        for _ in 0..ROUNDS {
            let due = self.claim_letters().await?;
            let last = due.len() < AT_ONCE;
            let mut round = JoinSet::new();
            for job in due {
                let service = self.clone();
                round.spawn(async move { service.deliver(&job).await });
            }
            let mut outcome = Ok(());
            // To the end, also after a failure: what is dropped half-way may leave twice.
            while let Some(delivered) = round.join_next().await {
                match delivered {
                    Ok(Ok(left)) => sent = sent.saturating_add(usize::from(left)),
                    Ok(Err(error)) => outcome = Err(error),
                    // The lease brings the letter back, a bounded number of times.
                    Err(_) => tracing::error!("a mailer panicked"),
                }
            }
            outcome?;
            if last {
                break;
            }
        }
        Ok(sent)
    }

    async fn claim_letters(&self) -> Result<Vec<Job>> {
        let parts = self.parts();
        let count = i64::try_from(AT_ONCE).unwrap_or(1);
        let mut tx = parts.db.begin().await?;
        let due = jobs::claim(&mut tx, LANE, LEASE, count, parts.clock.now()).await?;
        tx.commit().await?;
        Ok(due)
    }

    /// Whether the letter left.
    async fn deliver(&self, job: &Job) -> Result<bool> {
        let parts = self.parts();
        let Some(mailer) = &parts.mailer else {
            return Ok(false);
        };
        let outcome = match opened(parts, job) {
            Ok(letter) => hand_over(parts, mailer.as_ref(), &letter, job).await,
            // Another instance may hold the right key, or know a newer kind of letter.
            Err(_) => Err(SendError::Later("it cannot be opened here".to_owned())),
        };
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let ours = match &outcome {
            Ok(()) => jobs::finish(&mut tx, job, now).await?,
            Err(error) => {
                let why = error.to_string();
                let over = matches!(error, SendError::Never(_)) || job.attempts >= MOST_TRIES;
                tracing::warn!(job.id = %job.id, attempt = job.attempts, over, why, "a letter was not sent");
                if over {
                    jobs::give_up(&mut tx, job, now, &why).await?
                } else {
                    jobs::put_off(&mut tx, job, now.after(pause(job.attempts)), &why).await?
                }
            }
        };
        if ours {
            tx.commit().await?;
        }
        Ok(outcome.is_ok())
    }
}

async fn hand_over(
    parts: &Parts,
    mailer: &dyn Mailer,
    letter: &Letter,
    job: &Job,
) -> Result<(), SendError> {
    if job.attempts > MOST_TRIES {
        return Err(SendError::Never(
            "every try ended without an answer".to_owned(),
        ));
    }
    // A link that opens nothing any more would only puzzle whoever gets it.
    if let Some((_, Some(minutes))) = letter.content.link() {
        let life = Duration::from_secs(minutes.saturating_mul(60));
        if parts.clock.now().since(job.id.made_at()) >= life {
            return Err(SendError::Never("its link has ended".to_owned()));
        }
    }
    tokio::time::timeout(HAND_OVER, mailer.send(letter, job.id))
        .await
        .unwrap_or_else(|_| Err(SendError::Later("the hand-over took too long".to_owned())))
}

fn opened(parts: &Parts, job: &Job) -> Result<Letter> {
    let inconsistent = || StorageError::Inconsistent {
        table: "jobs",
        column: "payload",
        row: job.id.to_string(),
    };
    let sealed = job.payload.get("sealed").and_then(|text| text.as_str());
    let sealed = sealed
        .and_then(|text| BASE64_STANDARD.decode(text).ok())
        .ok_or_else(inconsistent)?;
    let text = parts.master_key.open(PURPOSE, &sealed)?;
    serde_json::from_slice(&text).map_err(|_| inconsistent())
}

/// 30 s, 1, 2, 4 … minutes, 4 hours at most.
fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 10)).unwrap_or(10);
    Duration::from_secs(15_u64.saturating_mul(1 << doublings)).min(Duration::from_hours(4))
}
