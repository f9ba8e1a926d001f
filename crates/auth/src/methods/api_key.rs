//! API keys: the checksum first, which costs nothing; then what is remembered; then the hash, by its
//! index. A key that was found good is believed for two seconds without the database: so a key that was
//! ended acts no longer than that on other instances, and not at all on the one that ended it.

use std::time::Duration;

use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::{Code, Problem};

use super::Presented;
use crate::model::api_key::PlainKey;
use crate::store::api_keys::{self, LiveKey};
use crate::{AuthService, NOTED_EVERY};

const BELIEVED: Duration = Duration::from_secs(2);

/// A key that was good when it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    live: LiveKey,
    read_at: Timestamp,
}

pub(super) async fn identify(service: &AuthService, sent: &[u8]) -> Result<Presented, Problem> {
    let parts = service.parts();
    let invalid = || Problem::new(Code::ApiKeyInvalid);
    let (prefix, livemode) = (&parts.config.api_key_prefix, parts.config.livemode);
    let key = std::str::from_utf8(sent)
        .ok()
        .and_then(|text| PlainKey::parse(text, prefix, livemode))
        .ok_or_else(invalid)?;
    let (hash, now) = (key.hash(), parts.clock.now());
    // `since` is zero for a clock that was set back: what is remembered then counts as young.
    let held = parts
        .live_keys
        .get(&hash)
        .filter(|held| now.since(held.read_at) < BELIEVED);
    let asked = parts.live_keys.asked();
    let mut held = if let Some(held) = held {
        held
    } else {
        let found = api_keys::find_live(&parts.db, &hash, livemode).await?;
        let live = found.ok_or_else(invalid)?;
        let held = Held { live, read_at: now };
        parts.live_keys.put(asked, hash, held);
        held
    };
    let live = held.live;
    if live.expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::new(Code::ApiKeyExpired));
    }
    if live
        .last_used_at
        .is_none_or(|used| now.since(used) >= NOTED_EVERY)
    {
        held.live.last_used_at = Some(now);
        parts.live_keys.put(asked, hash, held);
        // Off the path of the request; when many wait, this use is not worth noting.
        let _ = parts.used_keys.try_send((live.id, now));
    }
    Ok(Presented {
        caller: Caller::ApiKey {
            user_id: live.user_id,
            api_key_id: live.id,
        },
        issued_at: None,
        expires_at: live.expires_at,
    })
}
