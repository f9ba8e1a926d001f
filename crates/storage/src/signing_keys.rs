//! Keys of access tokens, shared by all instances; the private halves rest sealed.

use serde_json::Value;
use sqlx::types::Json;
use tollgate_kernel::clock::Timestamp;

use crate::Result;
use crate::db::{Db, Tx};

/// A signing key as it rests.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// Names the key in a token's header.
    pub kid: String,
    /// As in a token's header: `RS256`, `HS256` …
    pub algorithm: String,
    /// For others (RFC 7517); `{}` for a symmetric key.
    pub public_jwk: Value,
    /// Under [`MasterKey`](crate::seal::MasterKey).
    pub private_sealed: Vec<u8>,
}

row!(
    struct KeyRow {
        kid: String,
        algorithm: String,
        public_jwk: Json<Value>,
        private_sealed: Vec<u8>,
    }
);

/// The key that signs now, if there is one yet.
///
/// # Errors
/// The database.
pub async fn find_active(db: &Db) -> Result<Option<StoredKey>> {
    let row: Option<KeyRow> =
        on_read!(db, |e| sqlx::query_as(FIND_ACTIVE).fetch_optional(e).await)?;
    Ok(row.map(|row| StoredKey {
        kid: row.kid,
        algorithm: row.algorithm,
        public_jwk: row.public_jwk.0,
        private_sealed: row.private_sealed,
    }))
}

/// Makes `key` the one that signs, unless there is one: of several instances that start at once,
/// one wins and the others read its key.
///
/// # Errors
/// The database.
pub async fn put_active(tx: &mut Tx, key: &StoredKey, now: Timestamp) -> Result<()> {
    in_tx!(tx, |c| {
        sqlx::query(PUT_ACTIVE)
            .bind(&key.kid)
            .bind(&key.algorithm)
            .bind(Json(&key.public_jwk))
            .bind(&key.private_sealed)
            .bind(now.utc())
            .execute(c)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

const FIND_ACTIVE: &str =
    "SELECT kid, algorithm, public_jwk, private_sealed FROM signing_keys WHERE state = 'active'";
const PUT_ACTIVE: &str =
    "INSERT INTO signing_keys (kid, algorithm, state, public_jwk, private_sealed, created_at)
    VALUES ($1, $2, 'active', $3, $4, $5) ON CONFLICT (state) WHERE state = 'active' DO NOTHING";

pub(crate) const STATEMENTS: &[&str] = &[FIND_ACTIVE, PUT_ACTIVE];
