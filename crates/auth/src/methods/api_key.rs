//! Keys, of people and of host applications: the checksum first, which costs nothing; then what is
//! remembered; then the hash, by its index. What was found, a key or none, is believed for two seconds
//! without the database: so a key that was ended acts no longer than that on other instances, and not
//! at all on the one that ended it. Many calls by one key that is not remembered ask once.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::ApiKeyId;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_storage::Result;

use super::Presented;
use crate::AuthService;
use crate::builder::NOTED_EVERY;
use crate::call_limits::CallLimits;
use crate::model::api_key::PlainKey;
use crate::model::live_key::{Holder, LiveKey};
use crate::store::{api_keys, service_keys};
use crate::words::WORDS;

pub(crate) const BELIEVED: Duration = Duration::from_secs(2);

/// What was found when it was read; `None`: no key.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    live: Option<Arc<LiveKey>>,
    read_at: Timestamp,
    noted_at: Option<Timestamp>,
}

pub(super) async fn identify(
    service: &AuthService,
    sent: &[u8],
    from: Option<IpAddr>,
) -> Result<Presented, Problem> {
    let parts = service.parts();
    let invalid = || Problem::new(Code::ApiKeyInvalid);
    let text = std::str::from_utf8(sent).map_err(|_| invalid())?;
    let key = plausible(service, text).await.ok_or_else(invalid)?;
    let (hash, now) = (key.hash(), parts.clock.now());
    // `since` is zero for a clock that was set back: what is remembered then counts as young.
    let known = parts.live_keys.get(&hash);
    let mut held = match known.filter(|held| now.since(held.read_at) < BELIEVED) {
        Some(held) => held,
        None => look_up(service, hash).await?,
    };
    let live = held.live.clone().ok_or_else(invalid)?;
    if live.expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::new(Code::ApiKeyExpired));
    }
    admit(&live, from, &parts.key_limits)?;
    if held
        .noted_at
        .is_none_or(|used| now.since(used) >= NOTED_EVERY)
    {
        let asked = parts.live_keys.asked();
        held.noted_at = Some(now);
        parts.live_keys.put(asked, hash, held);
        // Off the path of the request; when many wait, this use is not worth noting.
        let _ = parts.used_keys.try_send((live.holder, now));
    }
    Ok(Presented {
        caller: live.caller(),
        issued_at: None,
        expires_at: live.expires_at,
    })
}

/// Holds a key to its terms: from where, and how often.
pub(crate) fn admit(
    live: &LiveKey,
    from: Option<IpAddr>,
    counts: &CallLimits<ApiKeyId>,
) -> Result<(), Problem> {
    let terms = &live.terms;
    let inside = |address: IpAddr| terms.addresses.contain(address);
    if !terms.addresses.is_empty() && !from.is_some_and(inside) {
        return Err(Problem::new(Code::PermissionDenied).detail(WORDS.text("keys.not_from_here")));
    }
    let calls = terms.per_minute.and_then(NonZeroU32::new);
    if let (Holder::Person(_, id), Some(calls)) = (live.holder, calls) {
        let counted = counts.call(id, calls);
        counted.map_err(|wait| too_fast(calls, wait))?;
    }
    Ok(())
}

/// What was sent, if it may be a key at all. Only where keys were brought along from elsewhere may a
/// key have another shape than ours.
pub(crate) async fn plausible(service: &AuthService, text: &str) -> Option<PlainKey> {
    let config = &service.parts().config;
    match PlainKey::parse(text, &config.api_key_prefix, config.livemode) {
        Some(own) => Some(own),
        None if service.has_brought_keys().await => PlainKey::brought(text),
        None => None,
    }
}

/// Asks the database, once for all who ask for the same.
async fn look_up(service: &AuthService, hash: [u8; 32]) -> Result<Held, Problem> {
    let parts = service.parts();
    // Whoever asks after a key was ended must not be given what was read before.
    let asked = parts.live_keys.asked();
    let own = service.clone();
    let question = move || {
        async move {
            let parts = own.parts();
            let read_at = parts.clock.now();
            let live = find_live(&own, &hash).await?;
            let held = Held {
                noted_at: live.as_ref().and_then(|live| live.last_used_at),
                live: live.map(Arc::new),
                read_at,
            };
            parts.live_keys.put(asked, hash, held.clone());
            Ok(held)
        }
        .boxed()
    };
    parts.key_questions.ask((hash, asked), question).await
}

/// A person's, or a host application's.
pub(crate) async fn find_live(service: &AuthService, hash: &[u8; 32]) -> Result<Option<LiveKey>> {
    let parts = service.parts();
    let livemode = parts.config.livemode;
    match api_keys::find_live(&parts.db, hash, livemode).await? {
        Some(own) => Ok(Some(own)),
        None => service_keys::find_live(&parts.db, hash, livemode).await,
    }
}

fn too_fast(calls: NonZeroU32, wait: Duration) -> Problem {
    let seconds = wait.as_secs().saturating_add(1);
    Problem::new(Code::RateLimited)
        .detail(WORDS.text_with("keys.most_a_minute", &[("calls", &calls)]))
        .retry_after(seconds)
}
