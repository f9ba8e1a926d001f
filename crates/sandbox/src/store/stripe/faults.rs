//! What shall go wrong next at Stripe: in the table of all rails, under words of its own.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use tollgate_kernel::clock::Timestamp;

use super::{RAIL, StripeTx};
use crate::SandboxError;

/// Every call, or every kind of event.
const ANY_METHOD: &str = "*";
/// So many open orders of faults are kept; nobody needs more.
const OPEN_LIMIT: i64 = 1_000;

/// A fault somebody orders.
pub(crate) struct NewStripeFault<'a> {
    pub(crate) kind: &'a str,
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
pub(crate) struct StripeFault {
    pub(crate) id: i64,
    pub(crate) kind: String,
    pub(crate) method: Option<String>,
    pub(crate) order_no: Option<String>,
    pub(crate) argument: Option<String>,
    pub(crate) remaining: i64,
    /// RFC 3339.
    pub(crate) created_at: String,
}

impl StripeTx {
    /// `None`: too many are open.
    pub(crate) async fn put_fault(
        &mut self,
        fault: &NewStripeFault<'_>,
    ) -> Result<Option<i64>, SandboxError> {
        Ok(sqlx::query_scalar(PUT)
            .bind(RAIL)
            .bind(fault.kind)
            .bind(fault.method.unwrap_or(ANY_METHOD))
            .bind(fault.order_no)
            .bind(fault.argument)
            .bind(fault.times)
            .bind(fault.at.utc())
            .bind(OPEN_LIMIT)
            .fetch_optional(&mut *self.tx)
            .await?)
    }

    /// Oldest first.
    pub(crate) async fn open_faults(&mut self) -> Result<Vec<StripeFault>, SandboxError> {
        let query = sqlx::query(OPEN).bind(RAIL);
        let rows = query.fetch_all(&mut *self.tx).await?;
        rows.iter().map(open).collect()
    }

    /// It has acted once more.
    pub(crate) async fn count_fault(&mut self, id: i64) -> Result<(), SandboxError> {
        let query = sqlx::query(COUNT).bind(id);
        query.execute(&mut *self.tx).await?;
        Ok(())
    }

    /// Nothing goes wrong any more.
    pub(crate) async fn clear_faults(&mut self) -> Result<(), SandboxError> {
        let query = sqlx::query(CLEAR).bind(RAIL);
        query.execute(&mut *self.tx).await?;
        Ok(())
    }
}

fn open(row: &SqliteRow) -> Result<StripeFault, SandboxError> {
    let method: String = row.try_get("method")?;
    Ok(StripeFault {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        method: Some(method).filter(|method| method != ANY_METHOD),
        order_no: row.try_get("order_no")?,
        argument: row.try_get("argument")?,
        remaining: row.try_get("remaining")?,
        created_at: row.try_get("created_at")?,
    })
}

const PUT: &str =
    "INSERT INTO faults (rail, kind, method, order_no, argument, remaining, created_at)
    SELECT $1, $2, $3, $4, $5, $6, $7
    WHERE (SELECT COUNT(*) FROM faults WHERE rail = $1 AND remaining > 0) < $8 RETURNING id";

const OPEN: &str = "SELECT id, kind, method, order_no, argument, remaining, created_at FROM faults
    WHERE rail = $1 AND remaining > 0 ORDER BY id";

const COUNT: &str = "UPDATE faults SET remaining = remaining - 1 WHERE id = $1 AND remaining > 0";

const CLEAR: &str = "UPDATE faults SET remaining = 0 WHERE rail = $1 AND remaining > 0";
