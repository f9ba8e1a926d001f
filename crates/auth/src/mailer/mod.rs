//! Letters to people. What a letter says is settled in the transaction that causes it; it leaves after
//! the answer, by a job that survives a crash. Its links hold secrets, so the job's payload is sealed.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::JobId;
use tollgate_storage::db::Tx;
use tollgate_storage::jobs::{self, Job, NewJob};
use tollgate_storage::{Result, StorageError};

use crate::model::user::{Locale, User};
use crate::{AuthService, Parts};

const LANE: &str = "mail";
const KIND: &str = "letter";
const PURPOSE: &str = "letter";
/// A letter that is not sent by then is taken by somebody else.
const LEASE: Duration = Duration::from_mins(2);
const AT_ONCE: i64 = 16;
/// About a day, with the pauses below: then nobody waits for it any more.
const MOST_TRIES: i64 = 12;

/// A letter before it is put into words.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// How the person is called.
    pub name: String,
    /// In which language.
    pub locale: Locale,
    /// What it is about.
    pub content: Content,
}

impl Letter {
    /// To the address that the account has.
    pub fn to(user: &User, content: Content) -> Self {
        Self {
            to: user.email.clone(),
            name: user.username.clone(),
            locale: user.locale,
            content,
        }
    }
}

impl fmt::Debug for Letter {
    /// Without the address and the links.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({})", self.content.kind())
    }
}

/// What letters are about. Links are whole, made from `PUBLIC_URL`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// Confirm that this address is yours.
    VerifyEmail {
        /// Works once.
        link: String,
        /// How long.
        minutes: u64,
    },
    /// Choose a new password.
    ResetPassword {
        /// Works once.
        link: String,
        /// How long.
        minutes: u64,
    },
    /// Confirm that this address is to be the account's.
    ConfirmNewEmail {
        /// Works once.
        link: String,
        /// How long.
        minutes: u64,
    },
    /// To the old address: another one was asked for, and counts once it is confirmed.
    EmailChangeAsked {
        /// The new one, masked.
        new_email: String,
    },
    /// To the old address: it is not the account's any more.
    EmailChanged {
        /// The new one, masked.
        new_email: String,
    },
    /// Somebody signed in from a device not seen before.
    NewSignIn {
        /// When.
        at: Timestamp,
        /// As it calls itself.
        device: Option<String>,
        /// From where.
        address: Option<String>,
    },
    /// The password is another one now.
    PasswordChanged {
        /// When.
        at: Timestamp,
        /// From where.
        address: Option<String>,
    },
    /// Sign-ins were ended because a used token came back.
    SessionsEnded {
        /// When.
        at: Timestamp,
    },
    /// Come and open an account.
    Invite {
        /// Works once.
        link: String,
        /// How long.
        minutes: u64,
    },
}

impl Content {
    /// For logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::ResetPassword { .. } => "reset_password",
            Self::ConfirmNewEmail { .. } => "confirm_new_email",
            Self::EmailChangeAsked { .. } => "email_change_asked",
            Self::EmailChanged { .. } => "email_changed",
            Self::NewSignIn { .. } => "new_sign_in",
            Self::PasswordChanged { .. } => "password_changed",
            Self::SessionsEnded { .. } => "sessions_ended",
            Self::Invite { .. } => "invite",
        }
    }
}

/// A letter was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Worth another try later.
    #[error("the letter was not taken this time: {0}")]
    Later(String),
    /// No such address, or nothing will help.
    #[error("the letter will never be taken: {0}")]
    Never(String),
}

/// Puts letters into words and sends them.
#[async_trait]
pub trait Mailer: Send + Sync + fmt::Debug {
    /// # Errors
    /// [`SendError`]; its text holds no link and no address.
    async fn send(&self, letter: &Letter) -> Result<(), SendError>;
}

/// Asks for a letter, inside the transaction of what it tells of. Without a mailer nothing is kept.
pub(crate) async fn post(
    parts: &Parts,
    tx: &mut Tx,
    letter: &Letter,
    now: Timestamp,
) -> Result<()> {
    if parts.mailer.is_none() {
        tracing::debug!(letter = letter.content.kind(), "no mail is set up");
        return Ok(());
    }
    let text = serde_json::to_vec(letter).expect("a letter of texts is JSON");
    let sealed = parts.master_key.seal(PURPOSE, &text, &parts.entropy);
    let id: JobId = parts.ids.at(now);
    let job = NewJob {
        lane: LANE,
        kind: KIND,
        dedupe_key: &id.to_string(),
        payload: json!({ "sealed": BASE64_STANDARD.encode(sealed) }),
        due_at: now,
    };
    jobs::put(tx, &parts.ids, job, now).await
}

impl AuthService {
    /// Sends the letters that are due. Gives how many left.
    ///
    /// # Errors
    /// The database; nothing is lost, the next tick goes on.
    pub(crate) async fn send_letters(&self) -> Result<usize> {
        let parts = self.parts();
        let Some(mailer) = &parts.mailer else {
            return Ok(0);
        };
        let mut tx = parts.db.begin().await?;
        let due = jobs::claim(&mut tx, LANE, LEASE, AT_ONCE, parts.clock.now()).await?;
        tx.commit().await?;
        let mut sent = 0_usize;
        for job in due {
            let letter = opened(parts, &job)?;
            let outcome = mailer.send(&letter).await;
            let now = parts.clock.now();
            let mut tx = parts.db.begin().await?;
            let ours = match &outcome {
                Ok(()) => {
                    sent = sent.saturating_add(1);
                    jobs::finish(&mut tx, &job, now).await?
                }
                Err(error) => {
                    let kind = letter.content.kind();
                    tracing::warn!(letter = kind, attempt = job.attempts, %error, "a letter was not sent");
                    let over = matches!(error, SendError::Never(_)) || job.attempts >= MOST_TRIES;
                    if over {
                        jobs::finish(&mut tx, &job, now).await?
                    } else {
                        let due_at = now.after(pause(job.attempts));
                        jobs::put_off(&mut tx, &job, due_at, &error.to_string()).await?
                    }
                }
            };
            if ours {
                tx.commit().await?;
            }
        }
        Ok(sent)
    }
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
