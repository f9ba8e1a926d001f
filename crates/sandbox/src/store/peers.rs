//! The gateways' own identities and the ones they gave to their merchant.

use sqlx::Row as _;
use tollgate_kernel::clock::Timestamp;

use super::{Rail, Store};
use crate::SandboxError;

/// One gateway's merchant, as the gateway knows it.
pub(crate) struct Peer {
    pub(crate) app_id: String,
    pub(crate) merchant_id: String,
    /// The keys of both sides, in the rail's own form.
    pub(crate) keys: String,
}

impl Store {
    pub(crate) async fn find_peer(&self, rail: Rail) -> Result<Option<Peer>, SandboxError> {
        sqlx::query(FIND)
            .bind(rail.as_str())
            .fetch_optional(&self.readers)
            .await?
            .map(|row| {
                Ok(Peer {
                    app_id: row.try_get("app_id")?,
                    merchant_id: row.try_get("merchant_id")?,
                    keys: row.try_get("keys")?,
                })
            })
            .transpose()
    }

    /// The first one stays: two processes that start on one new file must agree on the keys.
    pub(crate) async fn keep_peer(
        &self,
        rail: Rail,
        peer: &Peer,
        now: Timestamp,
    ) -> Result<(), SandboxError> {
        sqlx::query(KEEP)
            .bind(rail.as_str())
            .bind(&peer.app_id)
            .bind(&peer.merchant_id)
            .bind(&peer.keys)
            .bind(now.utc())
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

impl Store {
    /// Exchanges the keys, unless somebody else has done so.
    pub(crate) async fn change_peer_keys(
        &self,
        rail: Rail,
        known: &str,
        keys: &str,
        now: Timestamp,
    ) -> Result<bool, SandboxError> {
        let changed = sqlx::query(CHANGE)
            .bind(rail.as_str())
            .bind(known)
            .bind(keys)
            .bind(now.utc())
            .execute(&self.writer)
            .await?;
        Ok(changed.rows_affected() == 1)
    }
}

const FIND: &str = "SELECT app_id, merchant_id, keys FROM peers WHERE rail = $1";

const KEEP: &str = "INSERT INTO peers (rail, app_id, merchant_id, keys, updated_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (rail) DO NOTHING";

const CHANGE: &str = "UPDATE peers SET keys = $3, updated_at = $4 WHERE rail = $1 AND keys = $2";
