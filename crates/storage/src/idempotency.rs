//! The first answer to an `Idempotency-Key`, kept 24 hours and written in the transaction of the
//! effect: written later, a crash in between would do the work twice.
//!
//! ```
//! use tollgate_storage::idempotency::{self, Known, Request};
//! # use tollgate_kernel::clock::Clock;
//! # use tollgate_storage::testing::{Engine, TestDatabase};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let database = TestDatabase::new(Engine::Sqlite).await;
//! # let db = database.open(&[]).await;
//! # let now = Clock::system().now();
//! let sent = |body: &str| {
//!     let key = "order-7".parse().expect("a key");
//!     Request::new("user:7".to_owned(), "POST", "/quota/consume", key, body.as_bytes())
//! };
//! let mut tx = db.begin().await?;
//! let request = sent(r#"{"cost":1}"#);
//! assert_eq!(idempotency::find(&mut tx, &request).await?, None);
//! // The effect, and in the same transaction its answer.
//! assert!(idempotency::put(&mut tx, &request, 200, b"{}", now).await?);
//! tx.commit().await?;
//!
//! let mut tx = db.begin().await?;
//! let again = Known::Answered { status: 200, response: b"{}".to_vec() };
//! assert_eq!(idempotency::find(&mut tx, &request).await?, Some(again));
//! let other = sent(r#"{"cost":2}"#);
//! assert_eq!(idempotency::find(&mut tx, &other).await?, Some(Known::OtherBody));
//! # Ok(())
//! # }
//! ```

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use aws_lc_rs::digest;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::FieldError;
use tollgate_kernel::text::Text;

use crate::Result;
use crate::db::Tx;
use crate::rows::{Cell, Kind, OverRows, Sheet};
use crate::words::WORDS;

/// How long an answer is kept.
///
/// ```
/// # use tollgate_storage::idempotency::KEPT;
/// assert_eq!(KEPT.as_secs(), 24 * 60 * 60);
/// ```
pub const KEPT: Duration = Duration::from_hours(24);

/// What a client calls its request: 1 to 255 visible ASCII characters.
///
/// ```
/// # use tollgate_storage::idempotency::{IdempotencyKey, InvalidIdempotencyKey};
/// assert!("order-7".parse::<IdempotencyKey>().is_ok());
/// assert_eq!("order 7".parse::<IdempotencyKey>(), Err(InvalidIdempotencyKey));
/// assert_eq!("7".repeat(256).parse::<IdempotencyKey>(), Err(InvalidIdempotencyKey));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// Empty, longer than 255, or not visible ASCII.
///
/// ```
/// # use tollgate_kernel::problem::{FieldError as _, Problem};
/// # use tollgate_kernel::text::Language;
/// # use tollgate_storage::idempotency::InvalidIdempotencyKey;
/// assert_eq!(InvalidIdempotencyKey.code(), "invalid_idempotency_key");
/// let detail = InvalidIdempotencyKey.detail();
/// assert_eq!(detail.get(Language::En), "1 to 255 visible ASCII characters");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an Idempotency-Key has 1 to 255 visible ASCII characters")]
pub struct InvalidIdempotencyKey;

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if (1..=255).contains(&text.len()) && visible {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }
}

impl FieldError for InvalidIdempotencyKey {
    fn code(&self) -> &'static str {
        "invalid_idempotency_key"
    }

    fn detail(&self) -> Text {
        WORDS.text("idempotency.key")
    }
}

/// Whose key, for which call, with which body.
///
/// ```
/// # use tollgate_storage::idempotency::{InvalidIdempotencyKey, Request};
/// let request = Request::new("user:7".to_owned(), "POST", "/refunds", "order-7".parse()?, b"{}");
/// assert_eq!(request.name(), ["user:7", "POST", "/refunds", "order-7"]);
/// # Ok::<(), InvalidIdempotencyKey>(())
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    /// [`Caller::subject`](tollgate_kernel::caller::Caller::subject).
    pub caller: String,
    /// Of the call.
    pub method: &'static str,
    /// The route, without what varies.
    pub path: &'static str,
    /// The client's word.
    pub key: IdempotencyKey,
    body_hash: [u8; 32],
}

impl Request {
    /// A request whose body was `body`.
    pub fn new(
        caller: String,
        method: &'static str,
        path: &'static str,
        key: IdempotencyKey,
        body: &[u8],
    ) -> Self {
        let mut body_hash = [0; 32];
        body_hash.copy_from_slice(digest::digest(&digest::SHA256, body).as_ref());
        Self {
            caller,
            method,
            path,
            key,
            body_hash,
        }
    }

    /// The same, for a statement over rows.
    fn cells(&self) -> [Cell<'_>; 4] {
        [
            Cell::Text(&self.caller),
            Cell::Text(self.method),
            Cell::Text(self.path),
            Cell::Text(&self.key.0),
        ]
    }

    /// Under which the answer is kept: caller, method, path, key.
    pub fn name(&self) -> [String; 4] {
        [
            self.caller.clone(),
            self.method.to_owned(),
            self.path.to_owned(),
            self.key.0.clone(),
        ]
    }
}

/// What is known under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The call was answered; the same answer is due again.
    Answered {
        /// 200 to 299.
        status: u16,
        /// As it was sent.
        response: Vec<u8>,
    },
    /// The first call is still running, until the lease ends.
    Running {
        /// When it may be taken over.
        lease_until: Timestamp,
    },
    /// The key was used for another body.
    OtherBody,
}

row!(
    struct KnownRow {
        body_hash: Vec<u8>,
        state: String,
        lease_until: Option<chrono::DateTime<chrono::Utc>>,
        status: Option<i64>,
        response: Option<Vec<u8>>,
    }
);

/// What is known under the key of `request`, if anything.
///
/// # Errors
/// The database.
pub async fn find(tx: &mut Tx, request: &Request) -> Result<Option<Known>> {
    let row: Option<KnownRow> = in_tx!(tx, |c| {
        sqlx::query_as(FIND)
            .bind(&request.caller)
            .bind(request.method)
            .bind(request.path)
            .bind(&request.key.0)
            .fetch_optional(c)
            .await
    })?;
    Ok(row.map(|row| row.known(request)))
}

impl KnownRow {
    fn known(self, request: &Request) -> Known {
        if self.body_hash != request.body_hash {
            return Known::OtherBody;
        }
        let status = self.status.and_then(|status| u16::try_from(status).ok());
        match (self.state.as_str(), status) {
            ("done", Some(status)) => Known::Answered {
                status,
                response: self.response.unwrap_or_default(),
            },
            _ => Known::Running {
                lease_until: self
                    .lease_until
                    .map_or(Timestamp::EPOCH, Timestamp::from_utc),
            },
        }
    }
}

row!(
    struct NamedRow {
        caller: String,
        method: String,
        path: String,
        key: String,
        body_hash: Vec<u8>,
        state: String,
        lease_until: Option<chrono::DateTime<chrono::Utc>>,
        status: Option<i64>,
        response: Option<Vec<u8>>,
    }
);

/// What is known under each of the keys, in the order in which they are asked for.
///
/// ```
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_storage::idempotency::{self, Known, Request};
/// # use tollgate_storage::testing::{Engine, TestDatabase};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// # let now = Clock::system().now();
/// let of = |key: &str| {
///     let key = key.parse().expect("a key");
///     Request::new("user:7".to_owned(), "POST", "/quota/consume", key, b"{}")
/// };
/// let (first, second) = (of("1"), of("2"));
/// let mut tx = db.begin().await?;
/// assert!(idempotency::put_each(&mut tx, &[(&second, b"{}".to_vec())], now).await?);
/// let known = idempotency::find_each(&mut tx, &[&first, &second]).await?;
/// let answered = Known::Answered { status: 200, response: b"{}".to_vec() };
/// assert_eq!(known, [None, Some(answered)]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The database.
pub async fn find_each(tx: &mut Tx, requests: &[&Request]) -> Result<Vec<Option<Known>>> {
    let mut sheet = Sheet::default();
    for request in requests {
        let [caller, method, path, key] = request.cells();
        sheet.row([caller, method, path, key]);
    }
    let (text, sheet) = (FIND_EACH.text(tx), sheet.text());
    let rows: Vec<NamedRow> = in_tx!(tx, |c| sqlx::query_as(text).bind(&sheet).fetch_all(c).await)?;
    let rows = rows.into_iter().map(|row| {
        let name = [&row.caller, &row.method, &row.path, &row.key].map(String::clone);
        (name, row)
    });
    let mut known: HashMap<[String; 4], NamedRow> = rows.collect();
    let each = requests.iter().map(|request| {
        known.remove(&request.name()).map(|row| {
            let row = KnownRow {
                body_hash: row.body_hash,
                state: row.state,
                lease_until: row.lease_until,
                status: row.status,
                response: row.response,
            };
            row.known(request)
        })
    });
    Ok(each.collect())
}

/// Stores the answers of several requests, each 200, in the transaction of their effects. `false`: a rival with one of
/// the keys has committed first; roll back.
///
/// # Errors
/// The database.
pub async fn put_each(
    tx: &mut Tx,
    answers: &[(&Request, Vec<u8>)],
    now: Timestamp,
) -> Result<bool> {
    if answers.is_empty() {
        return Ok(true);
    }
    let mut sheet = Sheet::default();
    for (request, response) in answers {
        let [caller, method, path, key] = request.cells();
        let hash = Cell::Bytes(&request.body_hash);
        sheet.row([caller, method, path, key, hash, Cell::Bytes(response)]);
    }
    let (text, sheet) = (PUT_EACH.text(tx), sheet.text());
    let stored = in_tx!(tx, |c| sqlx::query(text)
        .bind(&sheet)
        .bind(now.utc())
        .bind(now.after(KEPT).utc())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(u64::try_from(answers.len()) == Ok(stored))
}

/// Stores the answer in the transaction of its effect. `false`: a rival with the same key has
/// committed first; roll back and read his answer.
///
/// # Errors
/// The database.
pub async fn put(
    tx: &mut Tx,
    request: &Request,
    status: u16,
    response: &[u8],
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(String,)> = in_tx!(tx, |c| {
        sqlx::query_as(PUT)
            .bind(&request.caller)
            .bind(request.method)
            .bind(request.path)
            .bind(&request.key.0)
            .bind(request.body_hash.as_slice())
            .bind(i64::from(status))
            .bind(response)
            .bind(now.utc())
            .bind(now.after(KEPT).utc())
            .fetch_optional(c)
            .await
    })?;
    Ok(row.is_some())
}

/// The right to answer a claimed key, until the lease ends and somebody else takes it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence(i64);

/// Claims a key before a call that leaves the process. `None`: somebody else holds or answered it;
/// [`find`] says which.
///
/// For a call that leaves the process, and whose effect no transaction holds:
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_storage::idempotency::{self, Known, Request};
/// # use tollgate_storage::testing::{Engine, TestDatabase};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// # let now = Clock::system().now();
/// # let request = Request::new("user:7".to_owned(), "POST", "/orders", "order-7".parse()?, b"{}");
/// let (lease, mut tx) = (Duration::from_secs(30), db.begin().await?);
/// let first = idempotency::claim(&mut tx, &request, lease, now).await?.expect("ours");
/// assert_eq!(idempotency::claim(&mut tx, &request, lease, now).await?, None);
/// let running = Known::Running { lease_until: now.after(lease) };
/// assert_eq!(idempotency::find(&mut tx, &request).await?, Some(running));
///
/// // The lease is over, somebody else takes the call over, and whoever was first is not heard.
/// let later = now.after(lease);
/// let second = idempotency::claim(&mut tx, &request, lease, later).await?.expect("theirs");
/// assert!(!idempotency::answer(&mut tx, &request, first, 201, b"{}").await?);
/// assert!(idempotency::answer(&mut tx, &request, second, 201, b"{}").await?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The database.
pub async fn claim(
    tx: &mut Tx,
    request: &Request,
    lease: Duration,
    now: Timestamp,
) -> Result<Option<Fence>> {
    let row: Option<(i64,)> = in_tx!(tx, |c| {
        sqlx::query_as(CLAIM)
            .bind(&request.caller)
            .bind(request.method)
            .bind(request.path)
            .bind(&request.key.0)
            .bind(request.body_hash.as_slice())
            .bind(now.after(lease).utc())
            .bind(now.utc())
            .bind(now.after(KEPT).utc())
            .fetch_optional(c)
            .await
    })?;
    Ok(row.map(|(fence,)| Fence(fence)))
}

/// Stores the answer to a claimed key. `false`: the lease was lost, and the answer is another's.
///
/// # Errors
/// The database.
pub async fn answer(
    tx: &mut Tx,
    request: &Request,
    fence: Fence,
    status: u16,
    response: &[u8],
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| {
        sqlx::query_as(ANSWER)
            .bind(&request.caller)
            .bind(request.method)
            .bind(request.path)
            .bind(&request.key.0)
            .bind(fence.0)
            .bind(i64::from(status))
            .bind(response)
            .fetch_optional(c)
            .await
    })?;
    Ok(row.is_some())
}

/// Gives a claimed key back: refusals are not stored, the next call is worked out anew.
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_storage::idempotency::{self, Request};
/// # use tollgate_storage::testing::{Engine, TestDatabase};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// # let now = Clock::system().now();
/// # let request = Request::new("user:7".to_owned(), "POST", "/orders", "order-7".parse()?, b"{}");
/// # let mut tx = db.begin().await?;
/// let lease = Duration::from_secs(30);
/// let fence = idempotency::claim(&mut tx, &request, lease, now).await?.expect("ours");
/// idempotency::release(&mut tx, &request, fence).await?;
/// assert_eq!(idempotency::find(&mut tx, &request).await?, None);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The database.
pub async fn release(tx: &mut Tx, request: &Request, fence: Fence) -> Result<()> {
    in_tx!(tx, |c| {
        sqlx::query(RELEASE)
            .bind(&request.caller)
            .bind(request.method)
            .bind(request.path)
            .bind(&request.key.0)
            .bind(fence.0)
            .execute(c)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// Forgets answers past their time, at most `limit` of them.
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_storage::idempotency::{self, Request};
/// # use tollgate_storage::testing::{Engine, TestDatabase};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let database = TestDatabase::new(Engine::Sqlite).await;
/// # let db = database.open(&[]).await;
/// # let now = Clock::system().now();
/// # let request = Request::new("user:7".to_owned(), "POST", "/orders", "order-7".parse()?, b"{}");
/// # let mut tx = db.begin().await?;
/// idempotency::put(&mut tx, &request, 201, b"{}", now).await?;
/// let end = now.after(idempotency::KEPT);
/// let almost = end.before(Duration::from_secs(1));
/// assert_eq!(idempotency::purge(&mut tx, almost, 100).await?, 0);
/// assert_eq!(idempotency::purge(&mut tx, end, 100).await?, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The database.
pub async fn purge(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<u64> {
    let gone = in_tx!(tx, |c| {
        sqlx::query(PURGE)
            .bind(now.utc())
            .bind(limit)
            .execute(c)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(gone)
}

const FIND: &str = "SELECT body_hash, state, lease_until, status, response FROM idempotency_keys
    WHERE caller = $1 AND method = $2 AND path = $3 AND key = $4";
// Waits for a rival that has not committed; then no row = he was first.
const PUT: &str = "INSERT INTO idempotency_keys
    (caller, method, path, key, body_hash, state, status, content_type, response, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, 'done', $6, 'application/json', $7, $8, $9)
    ON CONFLICT (caller, method, path, key) DO NOTHING RETURNING key";
const CLAIM: &str = "INSERT INTO idempotency_keys
    (caller, method, path, key, body_hash, state, lease_until, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, 'running', $6, $7, $8)
    ON CONFLICT (caller, method, path, key) DO UPDATE
    SET fence = idempotency_keys.fence + 1, lease_until = excluded.lease_until
    WHERE idempotency_keys.state = 'running' AND idempotency_keys.lease_until <= $7
      AND idempotency_keys.body_hash = excluded.body_hash
    RETURNING fence";
const ANSWER: &str = "UPDATE idempotency_keys
    SET state = 'done', status = $6, content_type = 'application/json', response = $7, lease_until = NULL
    WHERE caller = $1 AND method = $2 AND path = $3 AND key = $4 AND fence = $5 AND state = 'running'
    RETURNING fence";
const RELEASE: &str = "DELETE FROM idempotency_keys
    WHERE caller = $1 AND method = $2 AND path = $3 AND key = $4 AND fence = $5 AND state = 'running'";
const PURGE: &str =
    "DELETE FROM idempotency_keys WHERE expires_at <= $1 AND (caller, method, path, key) IN
    (SELECT caller, method, path, key FROM idempotency_keys WHERE expires_at <= $1 LIMIT $2)";

pub(crate) const STATEMENTS: &[&str] = &[FIND, PUT, CLAIM, ANSWER, RELEASE, PURGE];

static FIND_EACH: OverRows = OverRows::new(
    &[
        ("caller", Kind::Text),
        ("method", Kind::Text),
        ("path", Kind::Text),
        ("key", Kind::Text),
    ],
    |wanted| {
        format!(
            "SELECT k.caller, k.method, k.path, k.key, k.body_hash, k.state, k.lease_until, k.status, k.response
    FROM {wanted} JOIN idempotency_keys k
    ON k.caller = wanted.caller AND k.method = wanted.method AND k.path = wanted.path AND k.key = wanted.key"
        )
    },
);
// WHERE 1 = 1: without it SQLite takes ON for the condition of a join (its manual, UPSERT, "Parsing Ambiguity").
static PUT_EACH: OverRows = OverRows::new(
    &[
        ("caller", Kind::Text),
        ("method", Kind::Text),
        ("path", Kind::Text),
        ("key", Kind::Text),
        ("body_hash", Kind::Bytes),
        ("response", Kind::Bytes),
    ],
    |wanted| {
        format!(
            "INSERT INTO idempotency_keys
    (caller, method, path, key, body_hash, state, status, content_type, response, created_at, expires_at)
    SELECT caller, method, path, key, body_hash, 'done', 200, 'application/json', response, $2, $3 FROM {wanted}
    WHERE 1 = 1 ON CONFLICT (caller, method, path, key) DO NOTHING"
        )
    },
);

pub(crate) const OVER_ROWS: &[&OverRows] = &[&FIND_EACH, &PUT_EACH];
