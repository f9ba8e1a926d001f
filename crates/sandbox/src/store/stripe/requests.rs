//! Idempotency keys, with what came of each.

use sqlx::Row as _;

use super::StripeTx;
use crate::SandboxError;

/// What is known of an idempotency key.
pub(crate) enum Known {
    /// Nothing until now: the caller runs it.
    New,
    /// Another request runs under it.
    Running,
    /// It was used with other parameters.
    Other,
    /// Its first result.
    Done(u16, String),
}

impl StripeTx {
    /// Takes a key for a request, or tells what came of it. A key whose request broke off before
    /// `broken_off` is free again, and one from before `forgotten` too.
    pub(crate) async fn take_key(
        &mut self,
        key: &str,
        fingerprint: &str,
        now: i64,
        broken_off: i64,
        forgotten: i64,
    ) -> Result<Known, SandboxError> {
        sqlx::query(FORGET_KEYS)
            .bind(broken_off)
            .bind(forgotten)
            .execute(&mut *self.tx)
            .await?;
        let taken = sqlx::query(TAKE_KEY)
            .bind(key)
            .bind(fingerprint)
            .bind(now)
            .execute(&mut *self.tx)
            .await?;
        if taken.rows_affected() == 1 {
            return Ok(Known::New);
        }
        let row = sqlx::query(KEY).bind(key).fetch_one(&mut *self.tx).await?;
        if row.try_get::<String, _>("fingerprint")? != fingerprint {
            return Ok(Known::Other);
        }
        let status: Option<u16> = row.try_get("status")?;
        let body: Option<String> = row.try_get("body")?;
        Ok(status
            .zip(body)
            .map_or(Known::Running, |(status, body)| Known::Done(status, body)))
    }

    /// Stores a key's first result.
    pub(crate) async fn keep_result(
        &mut self,
        key: &str,
        status: u16,
        body: &str,
    ) -> Result<(), SandboxError> {
        let query = sqlx::query(KEEP_RESULT).bind(key).bind(status).bind(body);
        query.execute(&mut *self.tx).await?;
        Ok(())
    }

    /// Gives a key back whose request was refused before it did anything.
    pub(crate) async fn free_key(&mut self, key: &str) -> Result<(), SandboxError> {
        let query = sqlx::query(FREE_KEY).bind(key);
        query.execute(&mut *self.tx).await?;
        Ok(())
    }
}

const FORGET_KEYS: &str = "DELETE FROM stripe_requests
    WHERE (status IS NULL AND started < $1) OR started < $2";

const TAKE_KEY: &str = "INSERT INTO stripe_requests (idempotency_key, fingerprint, started)
    VALUES ($1, $2, $3) ON CONFLICT (idempotency_key) DO NOTHING";

const KEY: &str =
    "SELECT fingerprint, status, body FROM stripe_requests WHERE idempotency_key = $1";

const KEEP_RESULT: &str = "UPDATE stripe_requests SET status = $2, body = $3
    WHERE idempotency_key = $1 AND status IS NULL";

const FREE_KEY: &str = "DELETE FROM stripe_requests WHERE idempotency_key = $1 AND status IS NULL";
