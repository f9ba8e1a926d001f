//! What shall go wrong next.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use tollgate_kernel::clock::Timestamp;

use super::{Rail, Store, time, word};
use crate::SandboxError;
use crate::faults::{Fault, FaultKind, Faults, Place};

/// Every method.
const ANY_METHOD: &str = "*";
/// So many open orders of faults are kept; nobody needs more.
const OPEN_LIMIT: i64 = 1_000;

/// A fault somebody orders.
pub(crate) struct NewFault<'a> {
    pub(crate) rail: Rail,
    pub(crate) kind: FaultKind,
    /// `None`: any.
    pub(crate) method: Option<&'a str>,
    /// The merchant's order number. `None`: any.
    pub(crate) order_no: Option<&'a str>,
    pub(crate) argument: Option<&'a str>,
    pub(crate) times: u32,
    pub(crate) at: Timestamp,
}

/// A fault that is ordered and has not acted as often as it shall.
#[derive(Clone, Debug)]
pub(crate) struct OpenFault {
    pub(crate) id: i64,
    pub(crate) kind: FaultKind,
    pub(crate) method: Option<String>,
    pub(crate) order_no: Option<String>,
    pub(crate) argument: Option<String>,
    pub(crate) remaining: i64,
    pub(crate) created_at: Timestamp,
}

impl Store {
    /// `None`: too many are open.
    pub(crate) async fn put_fault(
        &self,
        fault: &NewFault<'_>,
    ) -> Result<Option<i64>, SandboxError> {
        Ok(sqlx::query_scalar(PUT)
            .bind(fault.rail.as_str())
            .bind(fault.kind.as_str())
            .bind(fault.method.unwrap_or(ANY_METHOD))
            .bind(fault.order_no)
            .bind(fault.argument)
            .bind(fault.times)
            .bind(fault.at.utc())
            .bind(OPEN_LIMIT)
            .fetch_optional(&self.writer)
            .await?)
    }

    /// What goes wrong here and now, with this method and order: of each kind the oldest, and of
    /// those around a call one. It counts.
    pub(crate) async fn take_faults(
        &self,
        rail: Rail,
        wanted: impl Fn(FaultKind) -> bool,
        method: &str,
        order_no: Option<&str>,
    ) -> Result<Faults, SandboxError> {
        let here = |fault: &OpenFault| {
            wanted(fault.kind)
                && fault.method.as_deref().is_none_or(|only| only == method)
                && (fault.order_no.is_none() || fault.order_no.as_deref() == order_no)
        };
        let mut taken = Faults::default();
        // Most things go right, and need not wait for the writer.
        for fault in self.open_faults(rail).await?.into_iter().filter(here) {
            let one_call = fault.kind.place() == Place::Call && !taken.0.is_empty();
            if one_call || taken.has(fault.kind) {
                continue;
            }
            let took = sqlx::query(TAKE)
                .bind(fault.id)
                .execute(&self.writer)
                .await?;
            if took.rows_affected() == 1 {
                taken.0.push(Fault {
                    kind: fault.kind,
                    argument: fault.argument,
                });
            }
        }
        Ok(taken)
    }

    /// Oldest first.
    pub(crate) async fn open_faults(&self, rail: Rail) -> Result<Vec<OpenFault>, SandboxError> {
        let rows = sqlx::query(OPEN)
            .bind(rail.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(open).collect()
    }

    /// Nothing goes wrong any more; how many orders that ended.
    pub(crate) async fn clear_faults(&self, rail: Rail) -> Result<u64, SandboxError> {
        let cleared = sqlx::query(CLEAR)
            .bind(rail.as_str())
            .execute(&self.writer)
            .await?;
        Ok(cleared.rows_affected())
    }
}

fn open(row: &SqliteRow) -> Result<OpenFault, SandboxError> {
    let method: String = row.try_get("method")?;
    Ok(OpenFault {
        id: row.try_get("id")?,
        kind: word(row, "kind", FaultKind::read)?,
        method: Some(method).filter(|method| method != ANY_METHOD),
        order_no: row.try_get("order_no")?,
        argument: row.try_get("argument")?,
        remaining: row.try_get("remaining")?,
        created_at: time(row, "created_at")?,
    })
}

const PUT: &str =
    "INSERT INTO faults (rail, kind, method, order_no, argument, remaining, created_at)
    SELECT $1, $2, $3, $4, $5, $6, $7
    WHERE (SELECT COUNT(*) FROM faults WHERE rail = $1 AND remaining > 0) < $8 RETURNING id";

const OPEN: &str = "SELECT id, kind, method, order_no, argument, remaining, created_at FROM faults
    WHERE rail = $1 AND remaining > 0 ORDER BY id";

const TAKE: &str = "UPDATE faults SET remaining = remaining - 1 WHERE id = $1 AND remaining > 0";

const CLEAR: &str = "UPDATE faults SET remaining = 0 WHERE rail = $1 AND remaining > 0";
