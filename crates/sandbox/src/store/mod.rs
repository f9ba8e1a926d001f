//! The look-alikes' own database. Rows stay in here; what leaves are the types below.
//!
//! One connection writes, a few read. A statement that decides something repeats its condition in
//! its own `WHERE`, so what two callers try at once happens once.

mod callbacks;
mod faults;
mod mails;
mod movements;
mod peers;
mod refunds;
mod stripe;
#[cfg(test)]
mod tests;
mod trades;

use std::fs::OpenOptions;
use std::path::Path;

use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Row as _, Transaction};
use tollgate_kernel::clock::Timestamp;

pub(crate) use self::callbacks::{Callback, CallbackKind, CallbackState, DueCallback, NewCallback};
pub(crate) use self::faults::{NewFault, OpenFault};
pub(crate) use self::mails::KeptMail;
pub(crate) use self::movements::{Movement, MovementCause, MovementSum};
pub(crate) use self::peers::Peer;
pub(crate) use self::refunds::{NewRefund, Refund, RefundState, Refunded};
pub(crate) use self::stripe::{
    DueWebhook, Known, Listed, NewStripeFault, NewStripeMovement, NewWebhook, StripeAccount,
    StripeFault, StripeMovementRow, StripeSumRow, StripeTx, WebhookState,
};
pub(crate) use self::trades::{NewPayment, NewTrade, Product, Trade, TradeState};
use crate::SandboxError;

/// Each step ends by writing its own number into `user_version`. A landed step never changes.
const STEPS: [&str; 6] = [
    include_str!("../../migrations/0001_alipay.sql"),
    include_str!("../../migrations/0002_mails.sql"),
    include_str!("../../migrations/0003_refunds.sql"),
    include_str!("../../migrations/0004_faults_and_books.sql"),
    include_str!("../../migrations/0005_wechat.sql"),
    include_str!("../../migrations/0006_stripe.sql"),
];

/// Page loads and queries need not wait for the writer's disk.
const READERS: u32 = 4;

/// Which gateway it is.
///
/// ```
/// use tollgate_sandbox::Rail;
///
/// assert_eq!(Rail::ALL.map(Rail::as_str), ["alipay", "wechat"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rail {
    /// Alipay's.
    Alipay,
    /// WeChat Pay's.
    Wechat,
}

impl Rail {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Alipay, Self::Wechat];

    /// As it stands in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alipay => "alipay",
            Self::Wechat => "wechat",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rail| rail.as_str() == text)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the file, and makes it when there is none: readable by its owner only, since the
    /// merchant's key lies in it.
    pub(crate) async fn open(file: &Path) -> Result<Self, SandboxError> {
        create_private(file)?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(std::time::Duration::from_secs(10));
        let writer = pool(1).connect_with(options.clone()).await?;
        let store = Self {
            readers: pool(READERS).connect_lazy_with(options.pragma("query_only", "on")),
            writer,
        };
        store.migrate().await?;
        Ok(store)
    }

    /// Immediate: a transaction that reads first and then finds the lock taken could only fail.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, SandboxError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    async fn migrate(&self) -> Result<(), SandboxError> {
        let mut tx = self.begin().await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *tx)
            .await?;
        let done = usize::try_from(version)
            .ok()
            .filter(|done| *done <= STEPS.len())
            .ok_or(SandboxError::NewerFile { version })?;
        for step in STEPS.iter().skip(done) {
            sqlx::raw_sql(*step).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
}

pub(crate) fn create_private(file: &Path) -> Result<(), SandboxError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(file)
        .map(drop)
        .map_err(|source| SandboxError::File {
            file: file.to_owned(),
            source,
        })
}

fn time(row: &SqliteRow, column: &'static str) -> Result<Timestamp, SandboxError> {
    Ok(Timestamp::from_utc(row.try_get(column)?))
}

fn optional_time(row: &SqliteRow, column: &'static str) -> Result<Option<Timestamp>, SandboxError> {
    let at: Option<chrono::DateTime<chrono::Utc>> = row.try_get(column)?;
    Ok(at.map(Timestamp::from_utc))
}

/// A text of a closed set of words.
fn word<T>(
    row: &SqliteRow,
    column: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, SandboxError> {
    let text: String = row.try_get(column)?;
    read(&text).ok_or(SandboxError::Inconsistent {
        column,
        found: text,
    })
}
