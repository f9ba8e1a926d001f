//! Calls the gateways owe to their merchants.
//!
//! Claiming moves `due_at` forward as a lease and leaves the state open: whoever claims a call and
//! dies loses nothing, it is due again when the lease ends. What came of a call is written only by
//! the one who made that very attempt.

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Row as _, Transaction};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{CallbackId, Id as _};
use uuid::Uuid;

use super::{Rail, Store, time, word};
use crate::SandboxError;

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallbackState {
    Open,
    Accepted,
    GivenUp,
}

impl CallbackState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::GivenUp => "given_up",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Open, Self::Accepted, Self::GivenUp]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

macro_rules! kinds {
    ($($(#[$text:meta])* $variant:ident $word:literal;)+) => {
        /// What a call is worth.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum CallbackKind {
            $($(#[$text])* $variant,)+
        }

        impl CallbackKind {
            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            fn read(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

kinds! {
    /// The gateway's own.
    Genuine "genuine";
    /// The same, under the other of the gateway's two keys.
    OtherKey "other_key";
    /// Under a signature that does not fit.
    Forged "forged";
    /// Under a signature that is there to be refused.
    Probe "probe";
    /// Under a key that nobody knows.
    UnknownKey "unknown_key";
    /// Signed long ago.
    Stale "stale";
    /// Well signed, and nobody can open it.
    WrongSecret "wrong_secret";
}

impl CallbackKind {
    /// Those that are no news of anything.
    pub(crate) const FALSE: [Self; 5] = [
        Self::Forged,
        Self::Probe,
        Self::UnknownKey,
        Self::Stale,
        Self::WrongSecret,
    ];
}

/// A call to be made, byte for byte.
pub(crate) struct NewCallback<'a> {
    pub(crate) id: CallbackId,
    pub(crate) rail: Rail,
    pub(crate) provider_no: &'a str,
    pub(crate) kind: CallbackKind,
    pub(crate) url: &'a str,
    pub(crate) body: &'a [u8],
    /// A JSON object of names and values.
    pub(crate) headers: &'a str,
    /// When it is sent first.
    pub(crate) due_at: Timestamp,
    /// Sends that count as made before the first one: a forger does not try again.
    pub(crate) attempts: i64,
    pub(crate) at: Timestamp,
}

impl NewCallback<'_> {
    pub(super) async fn insert(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
    ) -> Result<(), SandboxError> {
        sqlx::query(OWE)
            .bind(self.id.uuid())
            .bind(self.rail.as_str())
            .bind(self.provider_no)
            .bind(self.kind.as_str())
            .bind(self.url)
            .bind(self.body)
            .bind(self.headers)
            .bind(self.due_at.utc())
            .bind(self.at.utc())
            .bind(self.attempts)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

/// A call claimed for sending. `attempts` counts this one.
#[derive(Debug)]
pub(crate) struct DueCallback {
    pub(crate) id: CallbackId,
    pub(crate) rail: Rail,
    pub(crate) kind: CallbackKind,
    pub(crate) provider_no: String,
    pub(crate) url: String,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: String,
    pub(crate) attempts: i64,
}

/// What the phone tells about a call.
#[derive(Clone, Debug)]
pub(crate) struct Callback {
    pub(crate) attempts: i64,
    pub(crate) state: CallbackState,
    pub(crate) due_at: Timestamp,
    pub(crate) last_status: Option<i64>,
    pub(crate) last_reply: Option<String>,
}

impl Store {
    /// Takes up to `limit` due calls until `lease_until`.
    pub(crate) async fn claim_callbacks(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: i64,
    ) -> Result<Vec<DueCallback>, SandboxError> {
        let rows = sqlx::query(CLAIM)
            .bind(now.utc())
            .bind(lease_until.utc())
            .bind(limit)
            .fetch_all(&self.writer)
            .await?;
        rows.iter().map(due).collect()
    }

    /// Writes what came of the attempt, unless a later one has begun.
    pub(crate) async fn finish_callback(
        &self,
        callback: &DueCallback,
        state: CallbackState,
        due_at: Timestamp,
        status: Option<u16>,
        reply: &str,
    ) -> Result<(), SandboxError> {
        sqlx::query(FINISH)
            .bind(callback.id.uuid())
            .bind(callback.attempts)
            .bind(state.as_str())
            .bind(due_at.utc())
            .bind(status.map(i64::from))
            .bind(reply)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The bytes of the oldest genuine call about a trade.
    pub(crate) async fn first_callback(
        &self,
        rail: Rail,
        provider_no: &str,
    ) -> Result<Option<Vec<u8>>, SandboxError> {
        Ok(sqlx::query_scalar(FIRST)
            .bind(rail.as_str())
            .bind(provider_no)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// The newest genuine call about a trade.
    pub(crate) async fn last_callback(
        &self,
        rail: Rail,
        provider_no: &str,
    ) -> Result<Option<Callback>, SandboxError> {
        sqlx::query(LAST)
            .bind(rail.as_str())
            .bind(provider_no)
            .fetch_optional(&self.readers)
            .await?
            .map(|row| {
                Ok(Callback {
                    attempts: row.try_get("attempts")?,
                    state: word(&row, "state", CallbackState::read)?,
                    due_at: time(&row, "due_at")?,
                    last_status: row.try_get("last_status")?,
                    last_reply: row.try_get("last_reply")?,
                })
            })
            .transpose()
    }
}

fn due(row: &SqliteRow) -> Result<DueCallback, SandboxError> {
    Ok(DueCallback {
        id: row.try_get::<Uuid, _>("id")?.into(),
        rail: word(row, "rail", Rail::read)?,
        kind: word(row, "kind", CallbackKind::read)?,
        provider_no: row.try_get("provider_no")?,
        url: row.try_get("url")?,
        body: row.try_get("body")?,
        headers: row.try_get("headers")?,
        attempts: row.try_get("attempts")?,
    })
}

const OWE: &str =
    "INSERT INTO callbacks (id, rail, provider_no, kind, url, body, headers, due_at, created_at, attempts)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const CLAIM: &str = "UPDATE callbacks SET due_at = $2, attempts = attempts + 1
    WHERE state = 'open' AND due_at <= $1 AND id IN (
        SELECT id FROM callbacks WHERE state = 'open' AND due_at <= $1 ORDER BY due_at, id LIMIT $3)
    RETURNING id, rail, kind, provider_no, url, body, headers, attempts";

const FINISH: &str =
    "UPDATE callbacks SET state = $3, due_at = $4, last_status = $5, last_reply = $6
    WHERE id = $1 AND attempts = $2 AND state = 'open'";

const LAST: &str = "SELECT attempts, state, due_at, last_status, last_reply FROM callbacks
    WHERE rail = $1 AND provider_no = $2 AND kind IN ('genuine', 'other_key') ORDER BY id DESC LIMIT 1";

const FIRST: &str = "SELECT body FROM callbacks
    WHERE rail = $1 AND provider_no = $2 AND kind IN ('genuine', 'other_key') ORDER BY id LIMIT 1";
