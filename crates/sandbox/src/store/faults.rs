//! What shall go wrong next.

use tollgate_kernel::clock::Timestamp;

use super::{Rail, Store, word};
use crate::SandboxError;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// It is done, and the answer never arrives.
    AnswerLost,
    /// Nothing is done, and the answer says that nobody knows.
    Busy,
    /// Nothing is done, and the answer says no, with the code of the argument.
    Refused,
}

impl FaultKind {
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text {
            "answer_lost" => Some(Self::AnswerLost),
            "busy" => Some(Self::Busy),
            "refused" => Some(Self::Refused),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::AnswerLost => "answer_lost",
            Self::Busy => "busy",
            Self::Refused => "refused",
        }
    }
}

impl Store {
    /// The next `times` calls of a method go wrong.
    pub(crate) async fn put_fault(
        &self,
        rail: Rail,
        kind: FaultKind,
        method: &str,
        argument: Option<&str>,
        times: u32,
        now: Timestamp,
    ) -> Result<(), SandboxError> {
        sqlx::query(PUT)
            .bind(rail.as_str())
            .bind(kind.as_str())
            .bind(method)
            .bind(argument)
            .bind(times)
            .bind(now.utc())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Whether this call of a method goes wrong, and how; it counts.
    pub(crate) async fn take_fault(
        &self,
        rail: Rail,
        method: &str,
    ) -> Result<Option<(FaultKind, Option<String>)>, SandboxError> {
        use sqlx::Row as _;
        // Most calls go right, and need not wait for the writer.
        let any: Option<(i64,)> = sqlx::query_as(ANY)
            .bind(rail.as_str())
            .bind(method)
            .fetch_optional(&self.readers)
            .await?;
        if any.is_none() {
            return Ok(None);
        }
        let row = sqlx::query(TAKE)
            .bind(rail.as_str())
            .bind(method)
            .fetch_optional(&self.writer)
            .await?;
        let fault = |row: &sqlx::sqlite::SqliteRow| {
            let kind = word(row, "kind", FaultKind::read)?;
            Ok::<_, SandboxError>((kind, row.try_get("argument")?))
        };
        row.as_ref().map(fault).transpose()
    }
}

const PUT: &str = "INSERT INTO faults (rail, kind, method, argument, remaining, created_at) VALUES ($1, $2, $3, $4, $5, $6)";

const ANY: &str = "SELECT id FROM faults WHERE rail = $1 AND method = $2 AND remaining > 0 LIMIT 1";

const TAKE: &str = "UPDATE faults SET remaining = remaining - 1 WHERE id =
        (SELECT id FROM faults WHERE rail = $1 AND method = $2 AND remaining > 0 ORDER BY id LIMIT 1)
    RETURNING kind, argument";
