//! What instances tell each other of sign-ins that ended, so that nobody waits for the next look at the
//! database, and a stolen refresh token that is tried again and again costs the database nothing.
//!
//! The database is the truth: what stands here can only refuse earlier what the database refuses too, in
//! the same words. Nothing is accepted because of it, and whatever is missing, wrong or late here (off,
//! down, slow, full, flushed, restored from an old dump) leaves the answer to the database.
//!
//! A used refresh token is not listed: whether it still leads to its successor, or ends its family, is for
//! the database to say. Listed are the unused ones of ended sign-ins, each until its own end, from which
//! moment the database calls it expired.

#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod redis_url;

use std::fmt;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SessionId;

#[cfg(feature = "redis")]
pub(crate) use self::redis::Redis;
#[cfg(feature = "redis")]
pub use self::redis_url::{InvalidRedisUrl, RedisUrl};
use crate::Parts;
use crate::store::refresh_tokens::EndedToken;

/// Shared by all instances of one installation. Never in the way: every call ends soon, and tells of
/// trouble only to the log.
#[async_trait]
pub(crate) trait Blacklist: Send + Sync + fmt::Debug {
    /// Begins to listen to the other instances of `installation`, as long as the service is there.
    fn begin(self: Arc<Self>, installation: &str, service: Weak<Parts>);

    /// Whether the refresh token with this hash is of a sign-in that ended, and not yet over by itself.
    async fn holds(&self, hash: &[u8; 32], now: Timestamp) -> bool;

    /// Tells of sign-ins that ended, and of their unused refresh tokens.
    async fn add(&self, sessions: &[SessionId], tokens: &[EndedToken], now: Timestamp);
}

/// Tells installations apart that share a Redis: by their master key, which all instances of one have in
/// common, and, for a copy of a database that runs beside the original, by who issues their tokens.
pub(crate) fn installation(parts: &Parts) -> String {
    let config = &parts.config;
    let who = format!(
        "{}\n{}\n{}",
        config.issuer, config.audience, config.livemode
    );
    let hash = parts.master_key.keyed_hash("blacklist", who.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&hash[..12])
}
