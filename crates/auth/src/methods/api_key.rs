//! API keys: the checksum first, which costs nothing; then the hash, by its index.

use tollgate_kernel::caller::Caller;
use tollgate_kernel::problem::{Code, Problem};

use crate::model::api_key::PlainKey;
use crate::store::api_keys;
use crate::{AuthService, problems};

pub(super) async fn identify(service: &AuthService, text: &str) -> Result<Caller, Problem> {
    let parts = service.parts();
    let invalid = || Problem::new(Code::ApiKeyInvalid);
    let key = PlainKey::parse(text, &parts.config.api_key_prefix, parts.config.livemode)
        .ok_or_else(invalid)?;
    let found = api_keys::find_live(&parts.db, &key.hash(), parts.config.livemode).await;
    let live = found
        .map_err(|error| problems::storage(&error))?
        .ok_or_else(invalid)?;
    if live.expires_at.is_some_and(|end| end <= parts.clock.now()) {
        return Err(Problem::new(Code::ApiKeyExpired));
    }
    // Off the path of the request; when many wait, this use is not worth noting.
    let _ = parts.used_keys.try_send(live.id);
    Ok(Caller::ApiKey {
        user_id: live.user_id,
        api_key_id: live.id,
    })
}
