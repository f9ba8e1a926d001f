//! API keys: the checksum first, which costs nothing; then the hash, by its index.

use tollgate_kernel::caller::Caller;
use tollgate_kernel::problem::{Code, Problem};

use super::Presented;
use crate::model::api_key::PlainKey;
use crate::store::api_keys;
use crate::{AuthService, NOTED_EVERY};

pub(super) async fn identify(service: &AuthService, sent: &[u8]) -> Result<Presented, Problem> {
    let parts = service.parts();
    let invalid = || Problem::new(Code::ApiKeyInvalid);
    let (prefix, livemode) = (&parts.config.api_key_prefix, parts.config.livemode);
    let key = std::str::from_utf8(sent)
        .ok()
        .and_then(|text| PlainKey::parse(text, prefix, livemode))
        .ok_or_else(invalid)?;
    let found = api_keys::find_live(&parts.db, &key.hash(), livemode).await?;
    let live = found.ok_or_else(invalid)?;
    let now = parts.clock.now();
    if live.expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::new(Code::ApiKeyExpired));
    }
    if live
        .last_used_at
        .is_none_or(|used| now.since(used) >= NOTED_EVERY)
    {
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
